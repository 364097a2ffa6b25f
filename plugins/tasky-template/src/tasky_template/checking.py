"""Everything that can be found wrong with a journal, without opening or changing it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

from tasky import Problem, SchemaTooNewError, StorageCorruptError
from tasky_template import files
from tasky_template.journal import groups, where
from tasky_template.records import Entry, Record, UnreadableLineError, decode_line
from tasky_template.schema import check_header

__all__ = ["problems"]


def problems(path: Path) -> Iterator[Problem]:
    """The problems of the journal at ``path``, in its order; raises ``StoreMissingError`` at the call.

    It is looked at as it was then. Where a writer just cuts off what a crash left, it is looked at again.
    """
    data = files.read(path)
    while not (again := files.read(path)).startswith(data):
        data = again
    return _problems(data, path)


def _problems(data: bytes, path: Path) -> Iterator[Problem]:
    try:
        start = check_header(data, path)
    except (SchemaTooNewError, StorageCorruptError) as error:
        yield Problem(str(error))
        return
    trail = _Trail()
    for group in groups(data[start:], start):
        trail.batch = None
        for at, line in group.lines if group.commit is not None else ():
            try:
                record = decode_line(line)
            except UnreadableLineError as error:
                trail.unreadable.add(error.task_id)
                yield Problem(f"{where(path, data[:at])}: {error}", error.task_id)
                continue
            for message, task_id in trail.follow(record):
                yield Problem(f"{where(path, data[:at])}: {message}", task_id)
        if group.fault:
            yield Problem(f"{where(path, data[: group.end - 1])}: {group.fault}")
    for message, task_id in trail.contradictions():
        yield Problem(f"{path}: {message}", task_id)


class _Trail:
    """Where each task is by its history, and what is stored; what cannot be read is compared with nothing."""

    def __init__(self) -> None:
        self.unreadable: set[UUID | None] = set()  # None: of an unknown task
        self.batch: UUID | None = None
        self._reached: dict[UUID, int | None] = {}
        self._stored: dict[UUID, int] = {}
        self._batches: set[UUID] = set()

    def follow(self, record: Record) -> Iterator[Problem]:
        """Go on by one line; yields what does not follow from the lines before it."""
        if record.batch is not None:
            self.batch = record.batch.id
            if self.batch in self._batches:
                yield Problem(f"the batch {self.batch} was there before")
            self._batches.add(self.batch)
        if record.entry is not None:
            yield from self._follow_entry(record.entry)
        if record.task is not None:
            self._stored[record.task.task_id] = record.task.revision

    def contradictions(self) -> Iterator[Problem]:
        """Each task that is stored otherwise than its history ends."""
        for task_id, revision in self._reached.items():
            stored = self._stored.get(task_id)
            if stored != revision and self._is_known(task_id):
                yield Problem(
                    f"task {task_id.hex[:8]} is {_say(stored)}, and by its history it is {_say(revision)}",
                    task_id,
                )

    def _follow_entry(self, entry: Entry) -> Iterator[Problem]:
        task_id = entry.task_id
        if self.batch is None:
            yield Problem("there is no batch that this entry belongs to", task_id)
        before = None if entry.before is None else entry.before.revision
        known = self._reached.get(task_id, before)  # a store that was restored may know a part of the history
        if known != before and self._is_known(task_id):
            yield Problem(
                f"task {task_id.hex[:8]} was {_say(before)} here, and the entry before left it {_say(known)}",
                task_id,
            )
        self._reached[task_id] = entry.revision
        self._stored.pop(task_id, None)

    def _is_known(self, task_id: UUID) -> bool:
        return self.unreadable.isdisjoint((None, task_id))


def _say(revision: int | None) -> str:
    return "not there" if revision is None else f"at revision {revision}"
