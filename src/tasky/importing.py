"""Bringing tasks in from outside, as one batch that streams: what each of them changes in the store."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from itertools import islice
from typing import Final
from uuid import UUID

from tasky.changes import TaskChange, revised, same_content
from tasky.dependencies import guard_dependencies
from tasky.edges import Edges
from tasky.errors import ConflictError
from tasky.filter import TaskFilter
from tasky.model import TaskModel
from tasky.record import record
from tasky.repository import TaskRepository

__all__ = ["Import", "Imported"]

CHUNK: Final = 500  # tasks looked up at once


@record(kw_only=True)
class Imported:
    """What an import did: how many tasks it ``created`` and ``updated``, how many were ``unchanged``, and how
    many are here with other content and were left alone (``differing``). ``batch`` is None when nothing was
    written.
    """

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    differing: int = 0
    batch: UUID | None = None


class Import:
    """One run over ``tasks``. ``changes`` yields what has to be written, and counts on the way.

    Memory grows with the dependencies, which are kept until the cycles are ruled out at the end (``Edges``),
    and hardly with the tasks.
    """

    def __init__(
        self, repository: TaskRepository, tasks: Iterable[TaskModel], now: datetime, *, update: bool
    ) -> None:
        self._repository = repository
        self._tasks = tasks
        self._now = now
        self._update = update
        self._edges = Edges()
        self.created = self.updated = self.unchanged = self.differing = 0

    def imported(self, batch: UUID | None) -> Imported:
        """The counts so far."""
        return Imported(
            created=self.created,
            updated=self.updated,
            unchanged=self.unchanged,
            differing=self.differing,
            batch=batch if self.created or self.updated else None,
        )

    def changes(self) -> Iterator[TaskChange]:
        """The changes, then the guards; to be consumed once. Raises ``DependencyCycleError`` at the end."""
        is_empty = self._is_empty()  # nothing need be looked up then
        tasks = iter(self._tasks)
        while chunk := list(islice(tasks, CHUNK)):
            stored = {} if is_empty else self._stored(chunk)
            for task in chunk:
                change = self._change(task, stored.get(task.task_id), is_new=is_empty)
                if change is not None:
                    yield change
        read = _nothing if is_empty else self._repository.get_task
        edges = self._edges.to_walk(read)
        yield from guard_dependencies(edges, edges, read)

    def rehearse(self) -> None:
        """Go through all of it as ``changes`` does, and write nothing.

        No store takes the changes in that would notice an id that comes twice, so the ids are kept here.
        Raises ``ConflictError`` for one.
        """
        seen: set[UUID] = set()
        for change in self.changes():
            if change.task_id in seen and not change.is_guard:
                raise ConflictError(
                    f"task {change.task_id.hex[:8]} comes twice", hint="Remove one of the two from the input."
                )
            seen.add(change.task_id)

    def _is_empty(self) -> bool:
        """Whether the store holds neither tasks nor history; either may be there without the other."""
        with self._repository.history(limit=1) as entries, self._repository.find_tasks(limit=1) as tasks:
            return next(entries, None) is None and next(tasks, None) is None

    def _stored(self, chunk: list[TaskModel]) -> dict[UUID, TaskModel]:
        wanted = TaskFilter(ids=frozenset(task.task_id for task in chunk))
        with self._repository.find_tasks(wanted) as found:
            return {task.task_id: task for task in found}

    def _change(self, task: TaskModel, stored: TaskModel | None, *, is_new: bool) -> TaskChange | None:
        if stored is None:
            self.created += 1
            self._edges.add_created(task)
            return TaskChange(None, _first_revision(task) if is_new else self._created(task))
        if same_content(stored, task):
            self.unchanged += 1
            return None
        if not self._update:
            self.differing += 1
            return None
        self.updated += 1
        self._edges.add_updated(task)
        return TaskChange(stored, revised(stored, task, self._now))

    def _created(self, task: TaskModel) -> TaskModel:
        """An id that the history knows goes on from its last revision."""
        with self._repository.history(task_id=task.task_id, newest_first=True, limit=1) as entries:
            entry = next(entries, None)
        if entry is None:
            return _first_revision(task)
        assert entry.before is not None  # the newest entry of an absent task is its deletion
        return revised(entry.before, task, task.updated_at)


def _nothing(_: UUID) -> None:
    """What an empty store gives for every id."""


def _first_revision(task: TaskModel) -> TaskModel:
    return task if task.revision == 1 else replace(task, revision=1)
