"""A whole store into empty tables, chunk by chunk."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final
from uuid import UUID, uuid4

import psycopg

from tasky import Batch, ConflictError, HistoryEntry, StoreNotEmptyError, TaskModel
from tasky_postgres.inserting import ANALYZE, BATCHES, EXCLUDE, HISTORY, TASKS, insert, is_empty, task_row
from tasky_postgres.opening import Connection
from tasky_postgres.records import Row, batch_to_row, snapshot_from_task

__all__ = ["StoreFiller", "is_filled"]

_FINISH: Final = (
    "UPDATE tasky_store SET last_sequence = %s, restored = %s RETURNING pg_current_xact_id()::xid::text"
)


def is_filled(connection: Connection, token: UUID) -> bool:
    """Whether the store was filled by the ``StoreFiller`` of that ``token``."""
    return (
        connection.execute("SELECT 1 FROM tasky_store WHERE restored = %s", (token,)).fetchone() is not None
    )


class StoreFiller:
    """Fills the store in the open transaction of ``connection``: tasks, then history, then ``finish``.

    Raises ``StoreNotEmptyError`` when there is something in it.
    """

    def __init__(self, connection: Connection) -> None:
        self.token = uuid4()
        self._connection = connection
        self._sequence = 0
        self._batch: Batch | None = None
        self._first = 0
        connection.execute(EXCLUDE)
        if not is_empty(connection):
            raise StoreNotEmptyError(
                "the store is not empty", hint="Restore into a store that holds no tasks and no history."
            )

    def add_tasks(self, tasks: list[TaskModel]) -> None:
        """Some of the tasks; raises ``ConflictError`` for one that came before."""
        try:
            insert(self._connection, TASKS, map(task_row, tasks), len(tasks))
        except psycopg.errors.UniqueViolation as error:
            raise ConflictError(
                "a task comes twice in what is to be restored",
                hint="Restore from a source that holds each task once.",
            ) from error

    def add_history(self, entries: list[HistoryEntry]) -> None:
        """Some of the entries, in their order."""
        batches: list[Row] = []
        insert(self._connection, HISTORY, self._numbered(entries, batches), len(entries))
        insert(self._connection, BATCHES, batches, len(batches))

    def _numbered(self, entries: list[HistoryEntry], batches: list[Row]) -> Iterator[Row]:
        """The rows of the entries; the batches that begin among them are added to ``batches``."""
        for entry in entries:
            self._sequence += 1
            if self._batch is None or entry.batch.id != self._batch.id:
                self._batch, self._first = entry.batch, self._sequence
                batches.append((self._first, *batch_to_row(entry.batch)))
            before = None if entry.before is None else snapshot_from_task(entry.before)
            yield self._sequence, self._first, entry.task_id, before, entry.revision

    def finish(self) -> str:
        """Let numbers go on from here; returns the server's number of the transaction."""
        row = self._connection.execute(_FINISH, (self._sequence, self.token)).fetchone()
        if row is None:
            raise psycopg.errors.DataCorrupted("the one row of tasky_store is gone")
        self._connection.execute(ANALYZE)
        number: str = row[0]
        return number
