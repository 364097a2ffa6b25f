"""Readers for the files of other trackers, each loaded when it is first asked for.

A reader takes the lines of a file and yields tasks whose ids follow from the ids in the file, so that
importing it again finds the same tasks. What a task has no field for is kept in its ``extra``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from importlib import import_module
from typing import Final, Protocol, cast

from tasky.errors import TaskyError
from tasky.model import TaskModel

__all__ = ["IMPORTERS", "Reader", "find_importer"]

IMPORTERS: Final = {"beads": ("tasky.importers.beads", "read_beads")}


class Reader(Protocol):
    """Reads the lines of a file, named ``source`` in errors, as they are asked for."""

    def __call__(self, lines: Iterable[bytes], /, *, source: str) -> Iterator[TaskModel]: ...


def find_importer(name: str) -> Reader:
    """The reader for the files of the tracker ``name``; raises ``TaskyError`` when there is none."""
    if name not in IMPORTERS:
        from difflib import get_close_matches

        close = get_close_matches(name, IMPORTERS, n=1)
        hint = f"Did you mean {close[0]!r}?" if close else f"There are: {', '.join(sorted(IMPORTERS))}."
        raise TaskyError(f"there is no importer {name!a}", hint=hint)
    module, function = IMPORTERS[name]
    return cast("Reader", getattr(import_module(module), function))
