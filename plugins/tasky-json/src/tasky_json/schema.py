"""The format of the document: what its head says, which is read before anything else.

A document is ``{"format", "version", "last_batch", "tasks_crc32", "tasks"}``. Version 1 is the first, so
there is nothing older to upgrade; a newer one is refused untouched. ``last_batch`` names the batch that the
document was written for and how many bytes of the history count with it. ``tasks_crc32`` is of the list of
tasks as Tasky wrote it: where it differs, somebody else wrote it, and every value is checked again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from tasky import SchemaTooNewError

__all__ = ["FORMAT", "KEYS", "VERSION", "HeaderError", "LastBatch", "check_version", "read_last_batch"]

FORMAT: Final = "tasky-json"
VERSION: Final = 1
KEYS: Final = ("format", "version", "last_batch", "tasks_crc32", "tasks")


@dataclass(frozen=True, slots=True)
class LastBatch:
    """The batch that a document was written for.

    ``sequence`` is that of its last entry, ``history_bytes`` how much of the history file counts.
    """

    id: UUID
    sequence: int
    history_bytes: int


class HeaderError(ValueError):
    """A value in the head of a document breaks a rule; ``field`` says which one."""

    def __init__(self, field: str, rule: str) -> None:
        super().__init__(rule)
        self.field = field
        self.rule = rule


def check_version(head: Mapping[str, Any], path: str) -> None:
    """Raise ``SchemaTooNewError`` for a newer version, ``HeaderError`` for what is no store of ours."""
    if head.get("format") != FORMAT:
        raise HeaderError("format", f"a Tasky store says {FORMAT!r} here; this is not one")
    version = head.get("version")
    if type(version) is not int or version < 1:
        raise HeaderError("version", "a version is an integer from 1")
    if version > VERSION:
        raise SchemaTooNewError(
            f"{path} has format version {version}, and this tasky-json knows {VERSION} at most;"
            " nothing was changed",
            hint="Upgrade tasky-json to the version that wrote it.",
        )


def read_last_batch(value: object) -> LastBatch | None:
    """The ``last_batch`` of a head; None while nothing was written. Raises ``HeaderError``."""
    if value is None:
        return None
    if not isinstance(value, dict) or set(value) != {"id", "sequence", "history_bytes"}:
        raise HeaderError("last_batch", "it holds id, sequence and history_bytes, or is null")
    for name in ("sequence", "history_bytes"):
        if type(value[name]) is not int or value[name] < 1:
            raise HeaderError(f"last_batch.{name}", "it is an integer from 1")
    try:
        batch_id = UUID(value["id"])
    except (AttributeError, TypeError, ValueError) as error:
        raise HeaderError("last_batch.id", "a batch is named by a UUID") from error
    return LastBatch(batch_id, value["sequence"], value["history_bytes"])
