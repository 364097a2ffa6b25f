"""The repository: the nine methods of the contract over one journal."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Final
from uuid import UUID

from tasky import (
    BaseTaskRepository,
    Batch,
    BatchExistsError,
    HistoryEntry,
    Problem,
    ResultStream,
    StoreClosedError,
    StoreNotEmptyError,
    TaskChange,
    TaskFilter,
    TaskModel,
    TaskOrder,
    TaskStatus,
    check_limit,
    check_sequence,
    checked_changes,
    count_by_status,
    select_tasks,
)
from tasky_template.history import read_entries
from tasky_template.records import Entry, Record, encode_line
from tasky_template.state import State
from tasky_template.store import Store

__all__ = ["TemplateTaskRepository", "template_factory"]

ANY_TASK: Final = TaskFilter()
BY_CREATION: Final = TaskOrder()


class TemplateTaskRepository(BaseTaskRepository):
    """A task store in one journal, to which each batch is appended.

    ``path`` is the journal; its lock (``tasks.journal.lock``) lies beside it, beside its target when it is a
    symbolic link. ``lock_timeout`` is how many seconds a writer waits for the others before
    ``StorageBusyError``. Threads may share a repository, and a child made by fork may go on using it.
    """

    def __init__(self, path: Path, *, lock_timeout: float = 30.0) -> None:
        self._path = path
        self._lock_timeout = lock_timeout
        self._store: Store | None = None

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._path}>"

    def initialize(self, *, create: bool = True) -> None:
        """Open the store; see ``TaskRepository``. All but the header is read when it is first needed."""
        store = Store(self._resolved(), self._lock_timeout)
        store.open(create=create)
        self._store = store

    def close(self) -> None:
        """Forget what was read; nothing is held open between two calls."""
        self._store = None

    def get_task(self, task_id: UUID, /) -> TaskModel | None:
        """The task, or None."""
        return self._opened().read().tasks.get(task_id)

    def find_tasks(
        self,
        filter: TaskFilter = ANY_TASK,
        /,
        *,
        order: TaskOrder = BY_CREATION,
        limit: int | None = None,
        after: TaskModel | None = None,
    ) -> ResultStream[TaskModel]:
        """The tasks that match, in order; see ``TaskRepository``. They are in memory anyway."""
        store = self._opened()
        check_limit(limit)
        return ResultStream(select_tasks(store.read().tasks, filter, order, limit, after))

    def count_tasks(self, filter: TaskFilter = ANY_TASK, /) -> dict[TaskStatus, int]:
        """How many tasks match, by status."""
        return count_by_status(self._opened().read().tasks, filter)

    def apply(self, batch: Batch, changes: Iterable[TaskChange], /) -> None:
        """Write all of the changes and their history, or nothing; see ``TaskRepository``."""
        store = self._opened()
        with store.writing() as state:
            if batch.id in state.batches:
                raise BatchExistsError(
                    f"the batch {batch.id} was written before; nothing was written now",
                    hint="There is nothing left to do for it.",
                )
            lines = list(_lines_of(changes, state))
            if lines:
                store.append(state, [encode_line(Record(batch=batch)), *lines])

    def history(
        self,
        *,
        task_id: UUID | None = None,
        batch: UUID | None = None,
        after: int | None = None,
        newest_first: bool = False,
        limit: int | None = None,
    ) -> ResultStream[HistoryEntry]:
        """The entries, in the order of writing; see ``TaskRepository``."""
        store = self._opened()
        check_limit(limit)
        check_sequence(after)
        places = store.read().entries
        entries = read_entries(
            store.path, places, task_id=task_id, batch=batch, after=after, newest_first=newest_first
        )
        return ResultStream(islice(entries, limit))

    def restore(self, tasks: Iterable[TaskModel], history: Iterable[HistoryEntry], /) -> None:
        """Fill an empty store, exactly; see ``TaskRepository``. The tasks go behind their history.

        An entry is written without the task after it, so it brings nothing back that is not among the tasks.
        """
        store = self._opened()
        with store.writing() as state:
            if state.tasks or state.entries:
                raise StoreNotEmptyError(
                    f"{store.path} holds tasks or history already; nothing was written",
                    hint="Restore into a new location.",
                )
            stored = [encode_line(Record(task=task)) for task in tasks]
            lines = [*_history_lines(history), *stored]
            if lines:
                store.append(state, lines)

    def check(self) -> ResultStream[Problem]:
        """Every problem in the journal; see ``TaskRepository``."""
        from tasky_template.checking import problems  # no other method needs it

        return ResultStream(problems(self._resolved()))

    def _opened(self) -> Store:
        if self._store is None:
            raise StoreClosedError(
                f"the repository of {self._path} is not open", hint="Call initialize() first."
            )
        return self._store

    def _resolved(self) -> Path:
        """The file itself, where the path is a symbolic link: one store has one lock."""
        return Path(os.path.realpath(self._path))


def template_factory(path: Path) -> TemplateTaskRepository:
    """The repository of the journal at ``path`` (absolute); touches nothing."""
    return TemplateTaskRepository(path)


def _lines_of(changes: Iterable[TaskChange], state: State) -> Iterator[bytes]:
    """The line of each change that is to be written, after it was found to fit what is stored."""
    for change in checked_changes(changes, state.tasks.get, state.last_revision):
        if change.is_guard:
            continue
        after = change.after
        before = state.tasks.get(change.task_id)
        entry = Entry(change.task_id, before, None if after is None else after.revision)
        yield encode_line(Record(entry=entry, task=after))


def _history_lines(history: Iterable[HistoryEntry]) -> Iterator[bytes]:
    batch = None
    for entry in history:
        if entry.batch != batch:
            batch = entry.batch
            yield encode_line(Record(batch=batch))
        yield encode_line(Record(entry=Entry(entry.task_id, entry.before, entry.revision)))
