"""One batch into the tables, chunk by chunk."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable
from typing import Final

from tasky import Batch, BatchExistsError, ConflictError, TaskChange, TaskModel
from tasky_sqlite.inserting import (
    INSERT_BATCH,
    INSERT_EDGE,
    INSERT_HISTORY,
    INSERT_TAG,
    chunks,
    insert_tasks,
    use_memory,
)
from tasky_sqlite.records import (
    COLUMNS,
    Row,
    batch_to_row,
    casefolds,
    snapshot_from_row,
    snapshot_to_task,
    task_to_row,
)

__all__ = ["has_batch", "write_batch"]

_SELECT: Final = (
    f"SELECT row_id, {', '.join(COLUMNS)},"  # noqa: S608 - constants
    " (SELECT max(sequence) FROM history WHERE history.task_id = tasks.task_id) FROM tasks WHERE task_id = ?"
)
_DELETE_TAG: Final = "DELETE FROM task_tags WHERE tag = ? AND row_id = ?"
_DELETE_EDGES: Final = "DELETE FROM task_dependencies WHERE row_id = ?"
_LAST_ENTRY: Final = (
    "SELECT sequence, revision, before FROM history WHERE task_id = ? ORDER BY sequence DESC LIMIT 1"
)
_TAGS: Final = COLUMNS.index("tags")
_DEPENDS_ON: Final = COLUMNS.index("depends_on")
_REVISION: Final = COLUMNS.index("revision")

_AGAIN: Final = "Read the task again and repeat the change."


def has_batch(connection: sqlite3.Connection, batch: Batch) -> bool:
    """Whether the history knows the batch."""
    row = connection.execute("SELECT 1 FROM batches WHERE id = ?", (batch.id.bytes,)).fetchone()
    return row is not None


def write_batch(
    connection: sqlite3.Connection,
    batch: Batch,
    changes: Iterable[TaskChange],
    still_ours: Callable[[], None],
) -> int:
    """Check and write ``changes`` in the open transaction; how many were written, guards not counted.

    ``still_ours`` is called whenever the iterator, which is the caller's code, has run: it raises when the
    connection must not be used any more.
    """
    if has_batch(connection, batch):
        raise BatchExistsError(
            f"batch {batch.id} was written before", hint="Nothing is to be done; 'tasky log' shows it."
        )
    writer = _Writer(connection, batch)
    for chunk in chunks(changes, still_ours):
        writer.write(chunk)
    return writer.written


class _Writer:
    """The state of one batch between its chunks."""

    def __init__(self, connection: sqlite3.Connection, batch: Batch) -> None:
        self._connection = connection
        self._batch = batch
        ((last_sequence, last_row),) = connection.execute(
            "SELECT (SELECT max(sequence) FROM history), (SELECT max(row_id) FROM tasks)"
        )
        self._was_empty = last_sequence is None and last_row is None
        self._first = self._sequence = (last_sequence or 0) + 1
        self._row_id = (last_row or 0) + 1
        self._guarded: set[bytes] = set()  # of all chunks: unlike what is written, they leave no trace

    @property
    def written(self) -> int:
        return self._sequence - self._first

    def write(self, changes: list[TaskChange]) -> None:
        entries: list[Row] = []
        created: list[TaskModel] = []
        updated: list[tuple[Row, TaskModel]] = []
        deleted: list[Row] = []
        seen: set[bytes] = set()
        sequence, first = self._sequence, self._first
        for change in changes:
            before, after = change.before, change.after
            task_id = (after if before is None else before).task_id.bytes  # type: ignore[union-attr]  # one is set
            if task_id in seen or task_id in self._guarded:
                raise self._named_twice(task_id)
            seen.add(task_id)
            if before is None:
                assert after is not None  # TaskChange refuses two absent sides
                self._check_absent(task_id, after.revision)
                created.append(after)
                entries.append((sequence, first, task_id, None, after.revision))
            else:
                stored = self._check_present(task_id, before.revision)
                if change.is_guard:
                    self._guarded.add(task_id)
                    continue
                snapshot = snapshot_from_row(stored[1:-1])
                if after is None:
                    deleted.append(stored)
                    entries.append((sequence, first, task_id, snapshot, None))
                else:
                    updated.append((stored, after))
                    entries.append((sequence, first, task_id, snapshot, after.revision))
            sequence += 1
        if entries:
            self._flush(entries, created, updated, deleted)

    def _flush(
        self,
        entries: list[Row],
        created: list[TaskModel],
        updated: list[tuple[Row, TaskModel]],
        deleted: list[Row],
    ) -> None:
        connection = self._connection
        if not self.written:
            connection.execute(INSERT_BATCH, (self._first, *batch_to_row(self._batch)))
        connection.executemany(INSERT_HISTORY, entries)
        self._sequence += len(entries)
        if deleted:
            self._delete(deleted)
        for stored, after in updated:
            self._update(stored, after)
        if created:
            try:
                insert_tasks(connection, self._row_id, created)
            except sqlite3.IntegrityError:
                self._explain(created)
                raise
            self._row_id += len(created)
        use_memory(connection, self.written)

    def _delete(self, deleted: list[Row]) -> None:
        for row_id, *columns in [stored[:-1] for stored in deleted]:
            if columns[_TAGS]:
                tags = [(tag, row_id) for tag in columns[_TAGS].split(" ")]
                self._connection.executemany(_DELETE_TAG, tags)
            if columns[_DEPENDS_ON]:
                self._connection.execute(_DELETE_EDGES, (row_id,))
            self._connection.execute("DELETE FROM tasks WHERE row_id = ?", (row_id,))

    def _update(self, stored: Row, after: TaskModel) -> None:
        row_id, columns = stored[0], stored[1:-1]
        row = task_to_row(after)
        connection = self._connection
        # Only what differs: SQLite rewrites the entries of every index that has a column which is named.
        values = {name: new for name, new, old in zip(COLUMNS, row, columns, strict=True) if new != old}
        if "name" in values or "details" in values:
            values["name_folded"], values["details_folded"] = casefolds(after.name, after.details)
        assigned = ", ".join([f"{name} = ?" for name in values])
        connection.execute(f"UPDATE tasks SET {assigned} WHERE row_id = ?", (*values.values(), row_id))  # noqa: S608 - names of columns
        if row[_TAGS] != columns[_TAGS]:
            old = set(columns[_TAGS].split(" ")) if columns[_TAGS] else set()
            connection.executemany(_DELETE_TAG, [(tag, row_id) for tag in old.difference(after.tags)])
            connection.executemany(INSERT_TAG, [(tag, row_id) for tag in after.tags if tag not in old])
        if row[_DEPENDS_ON] != columns[_DEPENDS_ON]:
            connection.execute(_DELETE_EDGES, (row_id,))
            connection.executemany(INSERT_EDGE, [(row_id, task_id.bytes) for task_id in after.depends_on])

    def _check_present(self, task_id: bytes, revision: int) -> Row:
        """The stored row, with its row id before it and its last entry's sequence behind."""
        row: Row | None = self._connection.execute(_SELECT, (task_id,)).fetchone()
        if row is None:
            if self._has_written(task_id):
                raise self._named_twice(task_id)
            raise ConflictError(
                f"task {task_id.hex()[:8]} was expected at revision {revision}, and is not in the store",
                hint=_AGAIN,
            )
        if row[-1] is not None and row[-1] >= self._first:
            raise self._named_twice(task_id)
        if row[_REVISION + 1] != revision:
            raise ConflictError(
                f"task {task_id.hex()[:8]} was expected at revision {revision},"
                f" and is stored at revision {row[_REVISION + 1]}",
                hint=_AGAIN,
            )
        return row

    def _check_absent(self, task_id: bytes, revision: int) -> None:
        """Whether it is stored is left to the unique index; what the history knows is looked up."""
        last = 0
        if not self._was_empty:
            entry = self._connection.execute(_LAST_ENTRY, (task_id,)).fetchone()
            if entry is not None:
                sequence, written, before = entry
                if sequence >= self._first:
                    raise self._named_twice(task_id)
                if written is not None:
                    raise _present(task_id, written)
                last = snapshot_to_task(before).revision
        if revision != last + 1:
            raise ConflictError(
                f"task {task_id.hex()[:8]} was to be created at revision {revision},"
                f" and the history asks for {last + 1}",
                hint=_AGAIN,
            )

    def _explain(self, created: list[TaskModel]) -> None:
        """Raise the conflict that made an insertion fail, if it was one."""
        for task in created:
            row = self._connection.execute(_SELECT, (task.task_id.bytes,)).fetchone()
            if row is not None and row[0] < self._row_id:
                if self._was_empty:
                    raise self._named_twice(task.task_id.bytes)
                raise _present(task.task_id.bytes, row[_REVISION + 1])

    def _has_written(self, task_id: bytes) -> bool:
        entry = self._connection.execute(_LAST_ENTRY, (task_id,)).fetchone()
        return entry is not None and entry[0] >= self._first

    def _named_twice(self, task_id: bytes) -> ConflictError:
        return ConflictError(
            f"the batch names task {task_id.hex()[:8]} twice", hint="Merge its changes into one."
        )


def _present(task_id: bytes, revision: int) -> ConflictError:
    return ConflictError(
        f"task {task_id.hex()[:8]} was expected to be absent, and is stored at revision {revision}",
        hint=_AGAIN,
    )
