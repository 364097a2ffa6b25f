"""Taking a batch back: which one, and the changes that do it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from functools import cached_property
from itertools import chain, takewhile
from uuid import UUID

from tasky.changes import HistoryEntry, TaskChange, revised
from tasky.errors import UndoRefusedError
from tasky.repository import TaskRepository

__all__ = ["Undo", "newest_undoable"]


def newest_undoable(repository: TaskRepository, actor: str) -> UUID:
    """The actor's newest batch that is neither an undo nor undone.

    An undo that was itself undone no longer counts, so what it took back is in force again. Raises
    ``UndoRefusedError`` when there is no such batch.
    """
    undone: set[UUID] = set()
    seen: UUID | None = None
    with repository.history(newest_first=True) as entries:
        for entry in entries:
            batch = entry.batch
            if batch.id == seen:
                continue
            seen = batch.id
            if batch.id in undone:
                continue
            if batch.undoes is not None:
                undone.add(batch.undoes)
            elif batch.actor == actor:
                return batch.id
    raise UndoRefusedError(
        f"there is nothing left to undo: the history holds no batch by {actor} that is still in force",
        hint="`tasky log` lists every batch; `tasky undo --batch ID` takes back any of them.",
    )


class Undo:
    """Taking ``batch`` back, as new revisions at ``now``.

    A task that was changed after the batch is left to whoever changed it: the undo is refused. Later changes
    that were themselves taken back don't count, so one can undo step by step.
    """

    def __init__(self, repository: TaskRepository, batch: UUID, now: datetime) -> None:
        self._repository = repository
        self._batch = batch
        self._now = now

    def changes(self) -> Iterator[TaskChange]:
        """The inverse of each change of the batch.

        Raises ``UndoRefusedError`` when the history does not know the batch, or a task has changed since.
        """
        found = False
        with self._repository.history(batch=self._batch) as entries:
            for entry in entries:
                found = True
                yield self._inverse(entry)
        if not found:
            raise UndoRefusedError(
                f"the history holds no batch {self._batch}", hint="`tasky log` lists every batch with its id."
            )

    def _inverse(self, entry: HistoryEntry) -> TaskChange:
        newest = self._newest_since(entry)
        stored = self._repository.get_task(entry.task_id)
        if stored is not None and entry.before is None:
            return TaskChange(stored, None)
        assert entry.before is not None  # what is absent now was deleted by the batch
        last = stored or newest.before
        assert last is not None  # a deletion has a task before it
        return TaskChange(stored, revised(last, entry.before, self._now))

    def _newest_since(self, entry: HistoryEntry) -> HistoryEntry:
        """The task's newest entry, where nothing behind ``entry`` is in force."""
        with self._repository.history(task_id=entry.task_id, newest_first=True) as entries:
            newest = next(entries)
            for one in takewhile(lambda one: one.sequence != entry.sequence, chain([newest], entries)):
                if one.batch.id not in self._cancelled_out:
                    short = entry.task_id.hex[:8]
                    raise UndoRefusedError(
                        f"batch {self._batch} cannot be undone: task {short} has changed since, by"
                        f" {one.batch.command!a} of {one.batch.actor!a} (batch {one.batch.id})",
                        hint=f"`tasky log {short}` shows what was done to it; undo the later batches first.",
                    )
        return newest

    @cached_property
    def _cancelled_out(self) -> set[UUID]:
        """The batches behind this one that were taken back, with those that took them back."""
        undoing: dict[UUID, UUID] = {}  # a batch that is undone: by which one
        cancelled: set[UUID] = set()
        with self._repository.history(newest_first=True) as entries:
            for entry in takewhile(lambda entry: entry.batch.id != self._batch, entries):
                batch = entry.batch
                if batch.id in undoing:
                    cancelled |= {batch.id, undoing[batch.id]}
                elif batch.undoes is not None:
                    undoing[batch.undoes] = batch.id
        return cancelled
