"""The repository: the nine methods of the contract over one JSON document and the history beside it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Final
from uuid import UUID

from tasky import (
    BaseTaskRepository,
    Batch,
    BatchExistsError,
    ConflictError,
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
from tasky_json.history import HistoryIndex, encode_line, read_entries, verify_end
from tasky_json.records import Document
from tasky_json.store import Store

__all__ = ["JsonTaskRepository", "json_factory"]

ANY_TASK: Final = TaskFilter()
BY_CREATION: Final = TaskOrder()


class JsonTaskRepository(BaseTaskRepository):
    """A task store in one JSON document, for a person to read and for git to compare.

    ``path`` is the document; its history (``tasks.history.jsonl``) and its lock (``tasks.json.lock``) lie
    beside it, beside its target when it is a symbolic link. ``lock_timeout`` is how many seconds a writer
    waits for the others before ``StorageBusyError``. Threads may share a repository, and a child made by fork
    may go on using it.
    """

    def __init__(self, path: Path, *, lock_timeout: float = 30.0) -> None:
        self._path = path
        self._lock_timeout = lock_timeout
        self._store: Store | None = None

    def __repr__(self) -> str:
        return f"<JsonTaskRepository {self._path}>"

    def initialize(self, *, create: bool = True) -> None:
        """Open the store; see ``TaskRepository``.

        Every value in the document is checked, and that the history beside it is its own.
        """
        store = Store(os.path.realpath(self._path), self._lock_timeout)
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
        """The tasks that match, in order; see ``TaskRepository``. The document is in memory anyway."""
        store = self._opened()
        check_limit(limit)
        return ResultStream(select_tasks(store.read().tasks, filter, order, limit, after))

    def count_tasks(self, filter: TaskFilter = ANY_TASK, /) -> dict[TaskStatus, int]:
        """How many tasks match, by status."""
        return count_by_status(self._opened().read().tasks, filter)

    def apply(self, batch: Batch, changes: Iterable[TaskChange], /) -> None:
        """Write all of the changes and their history, or nothing; see ``TaskRepository``.

        A task with the expected revision and other content was edited by hand: that is a conflict, too.
        """
        store = self._opened()
        with store.writing() as (document, index):
            if index.knows_batch(batch.id):
                raise BatchExistsError(
                    f"the batch {batch.id} was written before; nothing was written now",
                    hint="There is nothing left to do for it.",
                )
            written = [change for change in _checked(changes, document, index) if not change.is_guard]
            if not written:
                return
            tasks, blocks = dict(document.tasks), dict(document.blocks)
            lines = []
            first = 1 if document.last_batch is None else document.last_batch.sequence + 1
            for sequence, change in enumerate(written, first):
                after = change.after
                revision = None if after is None else after.revision
                entry = HistoryEntry(sequence, batch, change.task_id, change.before, revision)
                lines.append(encode_line(entry, after))
                blocks.pop(change.task_id, None)
                tasks.pop(change.task_id, None)
                if after is not None:
                    tasks[change.task_id] = after
            store.write(document, tasks, blocks, batch.id, lines)

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
        last = store.read().last_batch
        if last is None:
            return ResultStream(())
        verify_end(store.history_path, last)
        entries = read_entries(
            store.history_path, last, task_id=task_id, batch=batch, after=after, newest_first=newest_first
        )
        return ResultStream(islice(entries, limit))

    def restore(self, tasks: Iterable[TaskModel], history: Iterable[HistoryEntry], /) -> None:
        """Fill an empty store, exactly; see ``TaskRepository``. All of it is held in memory."""
        store = self._opened()
        with store.writing() as (document, _index):
            if document.tasks or document.last_batch is not None:
                raise StoreNotEmptyError(
                    f"{store.path} holds tasks or history already; nothing was written",
                    hint="Restore into a new location.",
                )
            stored: dict[UUID, TaskModel] = {}
            for task in tasks:
                if task.task_id in stored:
                    raise ConflictError(f"task {task.task_id.hex[:8]} comes twice; nothing was written")
                stored[task.task_id] = task
            entries = list(history)
            last_id = entries[-1].batch.id if entries else None
            store.write(document, stored, {}, last_id, _restored_lines(stored, entries))

    def check(self) -> ResultStream[Problem]:
        """Every problem in the document and in its history; see ``TaskRepository``."""
        from tasky_json.checking import problems  # no other method needs it

        return ResultStream(problems(os.path.realpath(self._path)))

    def salvage(self) -> ResultStream[TaskModel | Problem]:
        """Every task that can be read of a damaged document; see ``BaseTaskRepository``. Changes nothing."""
        from tasky_json.salvaging import salvaged  # as above

        return ResultStream(salvaged(os.path.realpath(self._path)))

    def _opened(self) -> Store:
        if self._store is None:
            raise StoreClosedError(
                f"the repository of {self._path} is not open", hint="Call initialize() first."
            )
        return self._store


def json_factory(path: Path) -> JsonTaskRepository:
    """The repository of the document at ``path`` (absolute); touches nothing."""
    return JsonTaskRepository(path)


def _checked(changes: Iterable[TaskChange], document: Document, index: HistoryIndex) -> Iterator[TaskChange]:
    """The changes, each one after it was found to fit what is stored; an edit by hand keeps its revision."""
    for change in checked_changes(changes, document.tasks.get, index.last_revision):
        before = change.before
        if before is not None and before != document.tasks[before.task_id]:
            raise ConflictError(
                f"task {before.task_id.hex[:8]} was edited by hand at revision {before.revision};"
                " nothing was written",
                hint="Read it again and repeat the change.",
            )
        yield change


def _restored_lines(stored: dict[UUID, TaskModel], entries: list[HistoryEntry]) -> list[bytes]:
    """The lines of the entries, from the last one back: what follows an entry is the task that it wrote."""
    following: dict[UUID, TaskModel | None] = dict(stored)
    lines = []
    for sequence in range(len(entries), 0, -1):
        entry = entries[sequence - 1]
        after = None if entry.revision is None else following.get(entry.task_id)
        lines.append(encode_line(replace(entry, sequence=sequence), after))
        following[entry.task_id] = entry.before
    return lines[::-1]
