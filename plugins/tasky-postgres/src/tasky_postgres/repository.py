"""The nine methods over PostgreSQL, each of them a few steps: take a connection, use it, give it back."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from itertools import chain, islice
from typing import TYPE_CHECKING, Final, TypeVar

from tasky import (
    BaseTaskRepository,
    BatchExistsError,
    ConflictError,
    HistoryEntry,
    StorageError,
    TaskFilter,
    TaskOrder,
    TaskStatus,
    check_limit,
    check_sequence,
)
from tasky_postgres.committing import Written, replayed, write
from tasky_postgres.errors import closed_error, corrupt_error, translated
from tasky_postgres.filling import StoreFiller, is_filled
from tasky_postgres.inserting import COPIED, chunks, size_of
from tasky_postgres.opening import Connection, connect, open_store
from tasky_postgres.pool import Pool
from tasky_postgres.queries import count_statement, find_statements, history_statement, ids_statement
from tasky_postgres.reading import read, read_all
from tasky_postgres.records import COLUMNS, UNREADABLE, Row, batch_from_row, snapshot_to_task, task_from_row
from tasky_postgres.writing import BatchWriter, has_batch

if TYPE_CHECKING:
    from uuid import UUID

    from tasky import Batch, Problem, ResultStream, TaskChange, TaskModel
    from tasky_postgres.address import Address

__all__ = ["PostgresTaskRepository"]

T = TypeVar("T")

_ANY: Final = TaskFilter()
_BY_CREATION: Final = TaskOrder()
_GET: Final = f"SELECT {', '.join(COLUMNS)} FROM tasks WHERE task_id = %s"  # noqa: S608 - constants


class PostgresTaskRepository(BaseTaskRepository):
    """The store at ``address``.

    An instance may be shared by threads and survives ``os.fork``.
    """

    def __init__(self, address: Address) -> None:
        self._address = address
        self._pool: Pool | None = None

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._address})"

    def initialize(self, *, create: bool = True) -> None:
        if self._pool is None:
            first = open_store(self._address, create=create)
            self._pool = Pool(self._address, connect, first)

    def close(self) -> None:
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.close()

    def get_task(self, task_id: UUID, /) -> TaskModel | None:
        rows = read_all(self._opened(), self._address, [(_GET, (task_id,))])
        return next(self._tasks(rows), None)

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
            self._address,
            lambda most: find_statements(filter, order, after, most),
            limit,
            self._tasks,
        )

    def count_tasks(self, filter: TaskFilter = _ANY, /) -> dict[TaskStatus, int]:
        counts = dict.fromkeys(TaskStatus, 0)
        for status, count in read_all(self._opened(), self._address, count_statement(filter)):
            try:
                counts[TaskStatus(status)] = count
            except ValueError as error:
                raise corrupt_error(self._address, f"{count} tasks have the status {status!a}") from error
        return counts

    def apply(self, batch: Batch, changes: Iterable[TaskChange], /) -> None:
        pool = self._opened()
        with pool.writing():
            pieces = self._unforked(pool, chunks(changes, size_of, unhurried=2))
            begun = list(islice(pieces, 2))
            try:
                if len(begun) < 2:
                    at_once = sum(map(len, begun)) < COPIED
                    replayed(lambda: self._write(pool, batch, begun or [[]], at_once=at_once))
                else:
                    self._write(pool, batch, chain(_taken_from(begun), pieces), is_large=True)
            except BatchExistsError:
                raise
            except ConflictError:
                # What conflicts may be the batch itself, written by somebody else just before.
                with pool.taken() as connection, translated(self._address):
                    BatchWriter(connection, batch).refuse_known()
                raise

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
        return read(
            self._opened(),
            self._address,
            lambda most: [history_statement(task_id, batch, after, newest_first, most)],
            limit,
            self._entries,
        )

    def restore(self, tasks: Iterable[TaskModel], history: Iterable[HistoryEntry], /) -> None:
        pool, address = self._opened(), self._address

        def work(connection: Connection) -> Written:
            with translated(address):
                filler = StoreFiller(connection)
            for some_tasks in self._unforked(pool, chunks(tasks, size_of)):
                with translated(address):
                    filler.add_tasks(some_tasks)
            for entries in self._unforked(pool, chunks(history, size_of)):
                with translated(address):
                    filler.add_history(entries)
            with translated(address):
                transaction = filler.finish()
            return Written("what is restored", transaction, lambda other: is_filled(other, filler.token))

        with pool.writing():
            write(pool, address, work)

    def find_ids_natively(self, prefixes: Collection[str], /) -> Collection[UUID]:
        return {task_id for (task_id,) in read_all(self._opened(), self._address, [ids_statement(prefixes)])}

    def check(self) -> ResultStream[Problem]:
        from tasky_postgres.checking import problems  # most programs never check

        return problems(self._address)

    def salvage(self) -> ResultStream[TaskModel | Problem]:
        """Every task whose row can be read, and what cannot be; see ``BaseTaskRepository``."""
        from tasky_postgres.salvaging import salvaged  # most programs never need it

        return salvaged(self._address)

    def _opened(self) -> Pool:
        pool = self._pool
        if pool is None:
            raise closed_error(self._address)
        return pool

    def _write(
        self,
        pool: Pool,
        batch: Batch,
        pieces: Iterable[list[TaskChange]],
        *,
        is_large: bool = False,
        at_once: bool = False,
    ) -> None:
        """Write the batch in one transaction; the pieces come from the caller's iterator."""

        def work(connection: Connection) -> Written | None:
            writer = BatchWriter(connection, batch, is_large=is_large)
            with translated(self._address):
                writer.begin()
            for changes in pieces:
                with translated(self._address):
                    writer.write(changes)
            if not writer.written:
                return None
            with translated(self._address):
                writer.end()
            return Written(f"batch {batch.id}", writer.transaction, lambda other: has_batch(other, batch))

        write(pool, self._address, work, at_once=at_once)

    def _unforked(self, pool: Pool, pieces: Iterator[list[T]]) -> Iterator[list[T]]:
        """The pieces, as long as this is still the process that asked for the first one."""
        generation = pool.generation
        for piece in pieces:
            _check_fork(pool, generation)
            yield piece
        _check_fork(pool, generation)

    def _tasks(self, rows: Iterable[Row]) -> Iterator[TaskModel]:
        for row in rows:
            try:
                task = task_from_row(row)
            except UNREADABLE as error:
                raise corrupt_error(self._address, f"task {row[0]} cannot be read ({error})") from error
            yield task

    def _entries(self, rows: Iterable[Row]) -> Iterator[HistoryEntry]:
        batch: Batch | None = None
        for sequence, task_id, before, revision, *batch_row in rows:
            try:
                if batch is None or batch.id != batch_row[0]:
                    batch = batch_from_row(tuple(batch_row))
                task = None if before is None else snapshot_to_task(before)
                entry = HistoryEntry(sequence, batch, task_id, task, revision)
            except UNREADABLE as error:
                raise corrupt_error(self._address, f"history entry {sequence} cannot be read") from error
            yield entry


def _taken_from(pieces: list[T]) -> Iterator[T]:
    """The pieces, which the list lets go of one by one."""
    while pieces:
        yield pieces.pop(0)


def _check_fork(pool: Pool, generation: int) -> None:
    if pool.generation != generation:
        raise StorageError(
            "this process was forked in the middle of a batch, which only its parent can write",
            hint="Fork before or after the write.",
        )
