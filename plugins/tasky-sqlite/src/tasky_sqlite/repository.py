"""The nine methods over SQLite, each of them a few steps: take a connection, run the plan, give it back."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Collection, Iterable, Iterator
from typing import TYPE_CHECKING, Final

from tasky import (
    BaseTaskRepository,
    OutcomeUnknownError,
    StorageError,
    TaskFilter,
    TaskOrder,
    TaskStatus,
    check_limit,
    check_sequence,
)
from tasky_sqlite.errors import DRIVER_ERRORS, closed_error, corrupt_error, shown_id, storage_error
from tasky_sqlite.opening import connect, open_store
from tasky_sqlite.pool import Pool
from tasky_sqlite.queries import count_statement, find_statements, history_statement, ids_statements
from tasky_sqlite.reading import read, read_all, read_row
from tasky_sqlite.records import (
    COLUMNS,
    Row,
    batch_from_row,
    snapshot_to_task,
    task_from_row,
    uuid_from_bytes,
)

if TYPE_CHECKING:
    from pathlib import Path
    from uuid import UUID

    from tasky import Batch, HistoryEntry, Problem, ResultStream, TaskChange, TaskModel, TaskRepository

__all__ = ["SqliteTaskRepository"]

_ANY: Final = TaskFilter()
_BY_CREATION: Final = TaskOrder()
_GET: Final = f"SELECT {', '.join(COLUMNS)} FROM tasks WHERE task_id = ?"  # noqa: S608 - constants


class SqliteTaskRepository(BaseTaskRepository):
    """The store in the SQLite file at ``path`` (absolute).

    ``busy_timeout`` (seconds) bounds how long an operation waits for other processes, for other threads, and
    for one of the five connections; then it raises ``StorageBusyError``. An instance may be shared by threads
    and survives ``os.fork``.
    """

    def __init__(self, path: Path, *, busy_timeout: float = 30.0) -> None:
        self._path = os.fspath(path)
        self._wait = busy_timeout
        self._pool: Pool | None = None

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._path!r})"

    def initialize(self, *, create: bool = True) -> None:
        if self._pool is not None:
            return
        path, wait = self._path, self._wait
        try:
            first = open_store(path, create=create, wait=wait)
        except DRIVER_ERRORS as error:
            raise storage_error(error, path) from error
        self._pool = Pool(path, lambda: _connect(path, wait), first, wait=wait)

    def close(self) -> None:
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.close()

    def get_task(self, task_id: UUID, /) -> TaskModel | None:
        row = read_row(self._opened(), self._path, _GET, (task_id.bytes,))
        return None if row is None else self._task(row)

    def find_tasks(
        self,
        filter: TaskFilter = _ANY,
        /,
        *,
        order: TaskOrder = _BY_CREATION,
        limit: int | None = None,
        after: TaskModel | None = None,
    ) -> ResultStream[TaskModel]:
        check_limit(limit)
        return read(
            self._opened(),
            self._path,
            lambda probe: find_statements(filter, order, limit, after, probe),
            limit,
            self._named_tasks if order.by == "name" else self._tasks,
        )

    def count_tasks(self, filter: TaskFilter = _ANY, /) -> dict[TaskStatus, int]:
        counts = dict.fromkeys(TaskStatus, 0)
        rows = read_all(self._opened(), self._path, lambda probe: count_statement(filter, probe))
        for status, count in rows:
            try:
                counts[TaskStatus(status)] = count
            except ValueError as error:
                raise corrupt_error(self._path, f"{count} tasks have the status {status!a}") from error
        return counts

    def apply(self, batch: Batch, changes: Iterable[TaskChange], /) -> None:
        from tasky_sqlite.inserting import CallersError, is_bulk  # a list does without
        from tasky_sqlite.writing import write_batch

        pool = self._opened()
        generation = pool.generation
        try:
            with pool.writing() as connection:
                written = write_batch(connection, batch, changes, lambda: _check_fork(pool, generation))
                if written:
                    self._commit(connection, batch)
                if is_bulk(written):
                    pool.retire(connection)
        except DRIVER_ERRORS as error:
            raise storage_error(error, self._path) from error
        except CallersError as carrier:
            raise carrier.error from carrier.error.__cause__

    def history(
        self,
        *,
        task_id: UUID | None = None,
        batch: UUID | None = None,
        after: int | None = None,
        newest_first: bool = False,
        limit: int | None = None,
    ) -> ResultStream[HistoryEntry]:
        check_limit(limit)
        check_sequence(after)
        statement = history_statement(task_id, batch, after, newest_first)
        return read(self._opened(), self._path, lambda _: [statement], limit, self._entries)

    def restore(self, tasks: Iterable[TaskModel], history: Iterable[HistoryEntry], /) -> None:
        from tasky_sqlite.filling import write_everything  # as above
        from tasky_sqlite.inserting import CallersError

        pool = self._opened()
        generation = pool.generation
        try:
            with pool.writing() as connection:
                write_everything(connection, tasks, history, lambda: _check_fork(pool, generation))
                connection.execute("COMMIT")
                pool.retire(connection)
        except DRIVER_ERRORS as error:
            raise storage_error(error, self._path) from error
        except CallersError as carrier:
            raise carrier.error from carrier.error.__cause__

    def copy_natively(self, target: TaskRepository, /) -> bool:
        if not isinstance(target, SqliteTaskRepository):
            return False
        from tasky_sqlite.copying import copy_pages  # as above

        return copy_pages(self._opened(), self._path, target._opened(), target._path, target._wait)

    def find_ids_natively(self, prefixes: Collection[str], /) -> Collection[UUID]:
        rows = read_all(self._opened(), self._path, lambda _: ids_statements(prefixes))
        return {uuid_from_bytes(task_id) for (task_id,) in rows}  # what lies between two blobs is a blob

    def check(self) -> ResultStream[Problem]:
        from tasky_sqlite.checking import problems  # most programs never check

        return problems(self._path, self._wait)

    def salvage(self) -> ResultStream[TaskModel | Problem]:
        """Every task that can be read, around any damage, and what cannot be; see ``BaseTaskRepository``.

        Reads the file and its log without SQLite, writes nothing and makes no file beside them. Raises
        ``StorageBusyError`` while this process has the store open.
        """
        from tasky_sqlite.salvaging import salvaged  # most programs never need it

        return salvaged(self._path)

    def _opened(self) -> Pool:
        pool = self._pool
        if pool is None:
            raise closed_error(self._path)
        return pool

    def _commit(self, connection: sqlite3.Connection, batch: Batch) -> None:
        from tasky_sqlite.writing import has_batch  # as above

        try:
            connection.execute("COMMIT")
        except DRIVER_ERRORS as error:
            # A disk that failed while the commit was on its way may have kept it all the same.
            try:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                written = has_batch(connection, batch)
            except DRIVER_ERRORS:
                raise OutcomeUnknownError(
                    f"{self._path} failed during the commit of batch {batch.id} and cannot be read ({error})",
                    hint="Look the batch up in the history when the store can be read again.",
                ) from error
            if not written:
                raise

    def _task(self, row: Row) -> TaskModel:
        try:
            return task_from_row(row)
        except (ValueError, TypeError, KeyError, OverflowError) as error:
            raise corrupt_error(self._path, f"task {shown_id(row[0])} cannot be read") from error

    def _tasks(self, rows: Iterable[Row]) -> Iterator[TaskModel]:
        return map(self._task, rows)

    def _named_tasks(self, rows: Iterable[Row]) -> Iterator[TaskModel]:
        return self._tasks([row[: len(COLUMNS)] for row in rows])

    def _entries(self, rows: Iterable[Row]) -> Iterator[HistoryEntry]:
        from tasky import HistoryEntry  # as above, with all that is about changes

        batch: Batch | None = None
        for sequence, task_id, before, revision, *batch_row in rows:
            try:
                if batch is None or batch.id.bytes != batch_row[0]:
                    batch = batch_from_row(tuple(batch_row))
                task = None if before is None else snapshot_to_task(before)
                entry = HistoryEntry(sequence, batch, uuid_from_bytes(task_id), task, revision)
            except (ValueError, TypeError, KeyError, OverflowError) as error:
                raise corrupt_error(self._path, f"history entry {sequence} cannot be read") from error
            yield entry


def _connect(path: str, wait: float) -> sqlite3.Connection:
    try:
        return connect(path, "rw", wait)
    except DRIVER_ERRORS as error:
        raise storage_error(error, path) from error


def _check_fork(pool: Pool, generation: int) -> None:
    if pool.generation != generation:
        raise StorageError(
            "this process was forked in the middle of a batch, which only its parent can write",
            hint="Fork before or after the write.",
        )
