"""How people name batches of changes: by the first hex digits of an id."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from uuid import UUID

import click

from tasky.errors import UndoRefusedError

if TYPE_CHECKING:
    from tasky.service import TaskService

__all__ = ["resolve_batch"]

SHORTEST_REFERENCE: Final = 4  # hex digits that people may type


def resolve_batch(service: TaskService, reference: str) -> UUID:
    """The batch whose id begins with the digits; the whole history is read for fewer than all 32.

    Raises ``UndoRefusedError`` when the history holds none or several; all 32 digits are not looked up.
    """
    digits = reference.strip().lower().replace("-", "")
    if not SHORTEST_REFERENCE <= len(digits) <= 32 or set(digits) - set("0123456789abcdef"):
        raise click.BadParameter(
            f"{reference!a} is no batch id: use {SHORTEST_REFERENCE} or more of its hex digits",
            param_hint="--batch",
        )
    if len(digits) == 32:
        return UUID(digits)
    with service.repository.history(newest_first=True) as entries:
        found = {entry.batch.id for entry in entries if entry.batch.id.hex.startswith(digits)}
    if not found:
        raise UndoRefusedError(
            f"the history holds no batch {digits}", hint="`tasky log` lists every batch with its id."
        )
    if len(found) > 1:
        raise UndoRefusedError(
            f"{digits} is the beginning of several batch ids", hint="Type more of its digits."
        )
    return found.pop()
