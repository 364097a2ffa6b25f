"""The reference: the whole contract over plain dictionaries, as simple as it can be said.

A ``MemoryStore`` plays the part of the file or the server, a ``MemoryTaskRepository`` is one handle on it.
What the store holds is never changed in place: a batch makes the next ``MemoryState`` beside the present
one and puts it there in a single assignment. So whoever took the present one has a snapshot.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Final
from uuid import UUID

from tasky import (
    BaseTaskRepository,
    Batch,
    BatchExistsError,
    ConflictError,
    HistoryEntry,
    InvalidFilterError,
    Problem,
    ResultStream,
    StorageBusyError,
    StoreClosedError,
    StoreMissingError,
    StoreNotEmptyError,
    TaskChange,
    TaskFilter,
    TaskModel,
    TaskOrder,
    TaskStatus,
)

__all__ = [
    "MemoryState",
    "MemoryStore",
    "MemoryTaskRepository",
    "check_limit",
    "contradictions",
    "last_revisions",
    "matching",
]

ANY_TASK: Final = TaskFilter()
BY_CREATION: Final = TaskOrder()


@dataclass(frozen=True)
class MemoryState:
    """Everything that a store holds at one moment; nothing in it is ever changed in place."""

    tasks: dict[UUID, TaskModel] = field(default_factory=dict)
    history: tuple[HistoryEntry, ...] = ()
    last_revisions: dict[UUID, int] = field(default_factory=dict)
    batches: frozenset[UUID] = frozenset()


class MemoryStore:
    """What several handles share. ``state`` is None until one of them has created the store."""

    def __init__(self) -> None:
        self.state: MemoryState | None = None
        self._lock = threading.RLock()
        self._writing = False

    @contextmanager
    def write(self) -> Iterator[None]:
        """Keep other writers out; readers need no lock. A batch inside a batch is refused."""
        with self._lock:
            if self._writing:
                raise StorageBusyError("a batch cannot be written while this thread is writing another one")
            self._writing = True
            try:
                yield
            finally:
                self._writing = False


class MemoryTaskRepository(BaseTaskRepository):
    """One handle on a ``MemoryStore``; without one, on a store of its own."""

    def __init__(self, store: MemoryStore | None = None) -> None:
        self._store = MemoryStore() if store is None else store
        self._is_open = False

    def initialize(self, *, create: bool = True) -> None:
        """Open the store; see the contract."""
        with self._store.write():
            if self._store.state is None:
                if not create:
                    raise StoreMissingError("nobody has created this store in memory")
                self._store.state = MemoryState()
        self._is_open = True

    def close(self) -> None:
        """Close the handle; the store stays."""
        self._is_open = False

    def get_task(self, task_id: UUID, /) -> TaskModel | None:
        """The task, or None."""
        return self._state().tasks.get(task_id)

    def find_tasks(
        self,
        filter: TaskFilter = ANY_TASK,
        /,
        *,
        order: TaskOrder = BY_CREATION,
        limit: int | None = None,
        after: TaskModel | None = None,
    ) -> ResultStream[TaskModel]:
        """The tasks that match, in order; see the contract."""
        state = self._state()
        check_limit(limit)
        found = order.sorted(matching(state.tasks, filter))
        if after is not None:
            found = [task for task in found if order.is_after(task, after)]
        return ResultStream(found[:limit])

    def count_tasks(self, filter: TaskFilter = ANY_TASK, /) -> dict[TaskStatus, int]:
        """How many tasks match, by status."""
        found = matching(self._state().tasks, filter)
        return {status: sum(task.status is status for task in found) for status in TaskStatus}

    def apply(self, batch: Batch, changes: Iterable[TaskChange], /) -> None:
        """Write all of the changes and their history, or nothing; see the contract."""
        self._state()
        with self._store.write():
            state = self._state()
            if batch.id in state.batches:
                raise BatchExistsError(f"the batch {batch.id} was written before")
            self._store.state = self._next_state(state, batch, changes)

    def history(
        self,
        *,
        task_id: UUID | None = None,
        batch: UUID | None = None,
        after: int | None = None,
        newest_first: bool = False,
        limit: int | None = None,
    ) -> ResultStream[HistoryEntry]:
        """The entries, in the order of writing; see the contract."""
        state = self._state()
        check_limit(limit)
        entries = [
            entry
            for entry in state.history
            if task_id in (None, entry.task_id)
            and batch in (None, entry.batch.id)
            and (after is None or (entry.sequence < after if newest_first else entry.sequence > after))
        ]
        if newest_first:
            entries.reverse()
        return ResultStream(entries[:limit])

    def restore(self, tasks: Iterable[TaskModel], history: Iterable[HistoryEntry], /) -> None:
        """Fill an empty store, exactly; see the contract."""
        self._state()
        with self._store.write():
            state = self._state()
            if state.tasks or state.history:
                raise StoreNotEmptyError("this store in memory holds tasks or history already")
            stored = {task.task_id: task for task in tasks}
            entries = tuple(replace(entry, sequence=number) for number, entry in enumerate(history, 1))
            self._store.state = MemoryState(
                stored,
                entries,
                last_revisions(entries),
                frozenset(entry.batch.id for entry in entries),
            )

    def check(self) -> ResultStream[Problem]:
        """Every contradiction between the tasks and their history."""
        state = self._store.state
        if state is None:
            raise StoreMissingError("nobody has created this store in memory")
        return ResultStream(contradictions(state))

    def _next_state(self, state: MemoryState, batch: Batch, changes: Iterable[TaskChange]) -> MemoryState:
        tasks, revisions, entries = dict(state.tasks), dict(state.last_revisions), list(state.history)
        seen: set[UUID] = set()
        for change in changes:
            if change.task_id in seen:
                raise ConflictError(f"the batch names task {change.task_id.hex[:8]} twice")
            seen.add(change.task_id)
            self._check_change(state, change)
            if change.is_guard:
                continue
            sequence = entries[-1].sequence + 1 if entries else 1
            stored, after = tasks.pop(change.task_id, None), change.after
            revision = None if after is None else after.revision
            entries.append(HistoryEntry(sequence, batch, change.task_id, stored, revision))
            revisions.update(last_revisions(entries[-1:]))
            if after is not None:
                tasks[change.task_id] = after
        if len(entries) == len(state.history):
            return state
        return MemoryState(tasks, tuple(entries), revisions, state.batches | {batch.id})

    def _check_change(self, state: MemoryState, change: TaskChange) -> None:
        stored = state.tasks.get(change.task_id)
        short = change.task_id.hex[:8]
        if change.before is None:
            assert change.after is not None  # a change has one side at least
            if stored is not None:
                raise ConflictError(f"task {short} exists already")
            due = state.last_revisions.get(change.task_id, 0) + 1
            if change.after.revision != due:
                raise ConflictError(f"task {short} is created at revision {due}, not {change.after.revision}")
        elif stored is None:
            raise ConflictError(f"task {short} does not exist")
        elif stored.revision != change.before.revision:
            raise ConflictError(
                f"task {short} is at revision {stored.revision}, not {change.before.revision}",
                hint="Read it again.",
            )

    def _state(self) -> MemoryState:
        if not self._is_open:
            raise StoreClosedError("the repository is not open", hint="Call initialize() first.")
        state = self._store.state
        assert state is not None  # initialize saw to it, and no store goes away
        return state


def matching(tasks: dict[UUID, TaskModel], filter: TaskFilter) -> list[TaskModel]:
    """The tasks that ``filter.matches``, in no order."""
    pending = {task_id for task_id, task in tasks.items() if task.status is TaskStatus.PENDING}
    return [
        task
        for task in tasks.values()
        if filter.matches(task, blocked=not pending.isdisjoint(task.depends_on))
    ]


def last_revisions(entries: Iterable[HistoryEntry]) -> dict[UUID, int]:
    """The last revision that the entries know of each task, deleted ones included."""
    known: dict[UUID, int] = {}
    for entry in entries:
        if entry.revision is not None:
            known[entry.task_id] = entry.revision
        else:
            assert entry.before is not None  # what was deleted was there
            known[entry.task_id] = entry.before.revision
    return known


def contradictions(state: MemoryState) -> Iterator[Problem]:
    """Follow each task through its history to what is stored."""
    reached: dict[UUID, int | None] = {}
    for entry in state.history:
        before = None if entry.before is None else entry.before.revision
        if reached.get(entry.task_id, before) != before:
            yield Problem(f"history entry {entry.sequence} does not follow the one before it", entry.task_id)
        reached[entry.task_id] = entry.revision
    for task_id, revision in reached.items():
        task = state.tasks.get(task_id)
        stored = None if task is None else task.revision
        if stored != revision:
            yield Problem(f"it is stored at revision {stored}, the history ends at {revision}", task_id)


def check_limit(limit: int | None) -> None:
    """Raise ``InvalidFilterError`` for a negative limit."""
    if limit is not None and limit < 0:
        raise InvalidFilterError("a limit is 0 or more")
