"""One batch into the tables.

Writers of one store go through one row, that of ``tasky_store``, which holds the last sequence number: who
has updated it holds its lock until the end of the transaction. So batches end in the order of their numbers,
and a reader who has seen a number will never meet a smaller one later.

A batch of one chunk is in memory before its transaction begins. It locks its tasks first, in the order of
their ids, and joins that queue as late as it can; it waits for nothing afterwards, so no two can wait for
each other, and it can be begun again when the server asks for that. A larger batch streams, and therefore
keeps all other writers out from its beginning, by a lock on the table that readers do not notice.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final
from uuid import UUID

import psycopg

from tasky import Batch, BatchExistsError, ConflictError, TaskChange, TaskModel
from tasky_postgres.inserting import (
    ANALYZE,
    BATCHES,
    EXCLUDE,
    HISTORY,
    TASKS,
    execute_for_each,
    insert,
    is_empty,
    task_row,
)
from tasky_postgres.opening import Connection
from tasky_postgres.records import (
    COLUMNS,
    UNREADABLE,
    Row,
    batch_to_row,
    snapshot_from_task,
    task_from_row,
)

__all__ = ["BatchWriter", "has_batch"]

# Before the queue, never in it: a large batch, which holds the table, has to join that, too.
_SHARE: Final = "LOCK TABLE tasks IN ROW EXCLUSIVE MODE"
_QUEUE: Final = (
    "UPDATE tasky_store SET last_sequence = last_sequence + %s"
    " RETURNING last_sequence, pg_current_xact_id()::xid::text"
)
_LOCK: Final = f"SELECT {', '.join(COLUMNS)} FROM tasks WHERE task_id = ANY (%s) ORDER BY task_id FOR UPDATE"  # noqa: S608 - constants
_KNOWN: Final = (
    "SELECT wanted.task_id, tasks.revision, sequence, (before::json ->> 'revision')::bigint"
    " FROM unnest(%s::uuid[]) AS wanted (task_id) LEFT JOIN tasks ON tasks.task_id = wanted.task_id"
    " LEFT JOIN LATERAL (SELECT sequence, before FROM history WHERE history.task_id = wanted.task_id"
    " ORDER BY sequence DESC LIMIT 1) AS last ON true"
)
_UPDATE: Final = (
    f"UPDATE tasks SET {', '.join([f'{name} = %s' for name in tuple(TASKS.columns)[1:]])} WHERE task_id = %s"  # noqa: S608 - constants
)
_HAS_BATCH: Final = "SELECT 1 FROM batches WHERE id = %s"
_DELETE: Final = "DELETE FROM tasks WHERE task_id = ANY (%s)"

_KEY: Final = r"\(([0-9a-f-]{36})\)"  # in what a unique index says, in any language
_MANY: Final = 5_000  # changes after which the server's statistics are brought up to date
_AGAIN: Final = "Read the task again and repeat the change."


def has_batch(connection: Connection, batch: Batch) -> bool:
    """Whether the history knows the batch."""
    return connection.execute(_HAS_BATCH, (batch.id,)).fetchone() is not None


class BatchWriter:
    """One batch in the open transaction of ``connection``; ``is_large`` when there will be several chunks.

    ``written`` counts the changes that were written, guards left out; ``transaction`` is the server's number
    of it.
    """

    def __init__(self, connection: Connection, batch: Batch, *, is_large: bool = False) -> None:
        self._connection = connection
        self._batch = batch
        self._is_large = is_large
        self._first = 0  # sequence of the batch's first entry, once something was written
        self._was_empty = False  # so that what is in the store is the batch's own
        self._guarded: set[UUID] = set()  # of all chunks: unlike what is written, they leave no trace
        self.written = 0
        self.transaction = ""

    def begin(self) -> None:
        """Do what has to be done before the first chunk; raises ``BatchExistsError``."""
        if self._is_large:
            self._connection.execute(EXCLUDE)
            self.refuse_known()
            self._was_empty = is_empty(self._connection)

    def end(self) -> None:
        """Do what has to be done behind the last chunk."""
        if self.written > _MANY:
            self._connection.execute(ANALYZE)

    def refuse_known(self) -> None:
        """Raise ``BatchExistsError`` when the history knows the batch."""
        if has_batch(self._connection, self._batch):
            raise self._known_error()

    def write(self, changes: list[TaskChange]) -> None:
        """Check and write a chunk; raises ``ConflictError`` or ``BatchExistsError``."""
        self._refuse_twice(changes)
        written = [change for change in changes if not change.is_guard]
        present = [change.task_id for change in changes if change.before is not None]
        if self._was_empty:  # the primary key notices what is created again
            asked = present
        else:  # of a large batch every task may have been named in an earlier chunk
            asked = [change.task_id for change in changes if self._is_large or change.before is None]
        with self._connection.pipeline():  # asked together, and answered together
            if not self._is_large:
                self._connection.execute(_SHARE)
            locked = self._ask(_LOCK, present)
            queued = self._connection.execute(_QUEUE, (len(written),)) if written else None
            same = self._connection.execute(_HAS_BATCH, (self._batch.id,))
            known = self._ask(_KNOWN, asked)
        stored = {row[0]: row for row in locked}
        first = 0 if queued is None else self._place(queued, len(written))
        if not self.written and same.fetchone() is not None:
            raise self._known_error()
        self._check(changes, stored, {row[0]: row[1:] for row in known})
        if not written:
            return
        if not self.written:
            self._first = first
            insert(self._connection, BATCHES, [(first, *batch_to_row(self._batch))], 1)
        self.written += len(written)
        insert(self._connection, HISTORY, self._entries(written, first, stored), len(written))
        self._store(written)

    def _entries(self, changes: list[TaskChange], first: int, stored: dict[UUID, Row]) -> Iterator[Row]:
        for sequence, change in enumerate(changes, first):
            before = None if change.before is None else _snapshot(stored[change.task_id])
            revision = None if change.after is None else change.after.revision
            yield sequence, self._first, change.task_id, before, revision

    def _store(self, written: list[TaskChange]) -> None:
        connection = self._connection
        deleted = [change.task_id for change in written if change.after is None]
        if deleted:
            connection.execute(_DELETE, (deleted,))
        updated = [
            (*task_row(change.after)[1:], change.task_id)
            for change in written
            if change.after is not None and change.before is not None
        ]
        if updated:
            execute_for_each(connection, _UPDATE, updated)
        created = [change.after for change in written if change.after is not None and change.before is None]
        self._create(created)

    def _create(self, tasks: list[TaskModel]) -> None:
        try:
            insert(self._connection, TASKS, map(task_row, tasks), len(tasks))
        except psycopg.errors.UniqueViolation as error:
            found = re.search(_KEY, error.diag.message_detail or "")
            if not self._was_empty or found is None:
                raise
            raise _named_twice(UUID(found[1])) from error

    def _ask(self, query: str, ids: list[UUID]) -> Iterable[Row]:
        return self._connection.execute(query.encode(), (ids,)) if ids else ()

    def _place(self, queued: psycopg.Cursor[Row], count: int) -> int:
        """The number of the first of ``count`` entries; nobody else numbers any until this batch ends."""
        row = queued.fetchone()
        if row is None:
            raise psycopg.errors.DataCorrupted("the one row of tasky_store is gone")
        last: int = row[0]
        self.transaction = row[1]
        return last - count + 1

    def _known_error(self) -> BatchExistsError:
        return BatchExistsError(
            f"batch {self._batch.id} was written before", hint="Nothing is to be done; 'tasky log' shows it."
        )

    def _refuse_twice(self, changes: list[TaskChange]) -> None:
        seen: set[UUID] = set()
        for change in changes:
            if change.task_id in seen or change.task_id in self._guarded:
                raise _named_twice(change.task_id)
            seen.add(change.task_id)
        self._guarded.update([change.task_id for change in changes if change.is_guard])

    def _check(self, changes: list[TaskChange], stored: dict[UUID, Row], known: dict[UUID, Row]) -> None:
        for change in changes:
            task_id, before, after = change.task_id, change.before, change.after
            present, sequence, was = known.get(task_id, (None, None, None))
            if self.written and sequence is not None and sequence >= self._first:
                raise _named_twice(task_id)
            if before is not None:
                _check_present(task_id, before.revision, stored.get(task_id))
                continue
            assert after is not None  # TaskChange refuses two absent sides
            if present is not None:
                raise ConflictError(
                    f"task {task_id.hex[:8]} was expected to be absent, and is stored at revision {present}",
                    hint=_AGAIN,
                )
            due = (was or 0) + 1
            if after.revision != due:
                raise ConflictError(
                    f"task {task_id.hex[:8]} was to be created at revision {after.revision},"
                    f" and the history asks for {due}",
                    hint=_AGAIN,
                )


def _snapshot(row: Row) -> str:
    try:
        return snapshot_from_task(task_from_row(row))
    except UNREADABLE as error:
        raise psycopg.errors.DataCorrupted(f"task {row[0]} cannot be read: {error}") from error


def _check_present(task_id: UUID, revision: int, row: Row | None) -> None:
    if row is None:
        raise ConflictError(
            f"task {task_id.hex[:8]} was expected at revision {revision}, and is not in the store",
            hint=_AGAIN,
        )
    if row[-1] != revision:
        raise ConflictError(
            f"task {task_id.hex[:8]} was expected at revision {revision},"
            f" and is stored at revision {row[-1]}",
            hint=_AGAIN,
        )


def _named_twice(task_id: UUID) -> ConflictError:
    return ConflictError(f"the batch names task {task_id.hex[:8]} twice", hint="Merge its changes into one.")
