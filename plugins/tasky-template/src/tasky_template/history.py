"""The history, which is the journal itself: where each entry stands, and reading those that are asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

from tasky import Batch, HistoryEntry, StorageCorruptError
from tasky_template import files
from tasky_template.records import UnreadableLineError, decode_line

__all__ = ["Place", "read_entries"]


class Place(NamedTuple):
    """Where an entry's line begins and how long it is, in bytes, and whose it is."""

    at: int
    size: int
    task_id: UUID
    batch: Batch


def read_entries(
    path: Path,
    places: Sequence[Place],
    *,
    task_id: UUID | None,
    batch: UUID | None,
    after: int | None,
    newest_first: bool,
) -> Iterator[HistoryEntry]:
    """The entries that are asked for, read one by one: nothing is held open between two of them."""
    for sequence in _page(len(places), after, newest_first):
        place = places[sequence - 1]
        if task_id in (None, place.task_id) and batch in (None, place.batch.id):
            yield _read(path, sequence, place)


def _page(count: int, after: int | None, newest_first: bool) -> range:
    if newest_first:
        return range(count if after is None else min(after - 1, count), 0, -1)
    return range(1 if after is None else max(after + 1, 1), count + 1)


def _read(path: Path, sequence: int, place: Place) -> HistoryEntry:
    try:
        entry = decode_line(files.read(path, place.at, place.size)).entry
    except UnreadableLineError:
        entry = None
    if entry is None or entry.task_id != place.task_id:
        raise StorageCorruptError(
            f"{path} is not the file any more that it was when its history was asked for",
            hint="Ask again; see that nobody puts another file in its place while it is in use.",
        )
    return HistoryEntry(sequence, place.batch, *entry)
