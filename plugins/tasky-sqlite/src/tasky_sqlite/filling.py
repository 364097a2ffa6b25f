"""A whole store into empty tables, chunk by chunk."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable
from typing import Final

from tasky import ConflictError, HistoryEntry, StoreNotEmptyError, TaskModel
from tasky_sqlite.inserting import INSERT_BATCH, INSERT_HISTORY, chunks, insert_tasks, use_memory
from tasky_sqlite.records import batch_to_row, snapshot_from_row, task_to_row

__all__ = ["write_everything"]

_ROW_ID: Final = "SELECT row_id FROM tasks WHERE task_id = ?"


def write_everything(
    connection: sqlite3.Connection,
    tasks: Iterable[TaskModel],
    history: Iterable[HistoryEntry],
    still_ours: Callable[[], None],
) -> None:
    """Fill the empty tables in the open transaction."""
    for table in ("tasks", "history"):
        if connection.execute(f"SELECT 1 FROM {table} LIMIT 1").fetchone() is not None:  # noqa: S608 - constants
            raise StoreNotEmptyError(
                "the store is not empty", hint="Restore into a store that holds no tasks and no history."
            )
    row_id = 1
    for chunk in chunks(tasks, still_ours):
        try:
            insert_tasks(connection, row_id, chunk)
        except sqlite3.IntegrityError:
            _explain(connection, row_id, chunk)
            raise
        row_id += len(chunk)
        use_memory(connection, row_id)
    sequence, current, first = 1, None, 1
    for entries in chunks(history, still_ours):
        rows = []
        batches = []
        for entry in entries:
            if current is None or entry.batch.id != current.id:
                current, first = entry.batch, sequence
                batches.append((first, *batch_to_row(current)))
            before = None if entry.before is None else snapshot_from_row(task_to_row(entry.before))
            rows.append((sequence, first, entry.task_id.bytes, before, entry.revision))
            sequence += 1
        connection.executemany(INSERT_BATCH, batches)
        connection.executemany(INSERT_HISTORY, rows)


def _explain(connection: sqlite3.Connection, row_id: int, tasks: list[TaskModel]) -> None:
    """Raise the conflict that made an insertion from ``row_id`` on fail, if it was one."""
    seen: set[bytes] = set()
    for task in tasks:
        task_id = task.task_id.bytes
        row = connection.execute(_ROW_ID, (task_id,)).fetchone()
        if task_id in seen or (row is not None and row[0] < row_id):
            raise ConflictError(
                f"task {task_id.hex()[:8]} comes twice in what is to be restored",
                hint="Restore from a source that holds each task once.",
            )
        seen.add(task_id)
