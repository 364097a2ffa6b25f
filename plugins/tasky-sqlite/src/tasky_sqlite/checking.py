"""Every problem that can be found in a database file, without changing it.

Texts are read as bytes here, so that one that is not UTF-8 is a finding about its record and not the end.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from itertools import chain, groupby, islice
from typing import Any, Final

from tasky import (
    Problem,
    ResultStream,
    StorageBusyError,
    StorageCorruptError,
    StorageError,
    StorageReadOnlyError,
)
from tasky_sqlite.errors import DRIVER_ERRORS, corrupt_error, said, shown_id, storage_error
from tasky_sqlite.opening import connect, has_log, missing_error
from tasky_sqlite.pages import Log
from tasky_sqlite.records import (
    COLUMNS,
    UNREADABLE,
    batch_from_row,
    casefolds,
    id_or_none,
    snapshot_to_task,
    task_from_row,
    validate,
)
from tasky_sqlite.schema import check_library, read_identity, require

__all__ = ["problems", "undecodable_error"]

_NO_DAMAGE: Final = (StorageBusyError, StorageReadOnlyError)  # others hold the store, or rights are missing
_TASKS: Final = f"SELECT row_id, {', '.join(COLUMNS)}, name_folded, details_folded FROM tasks ORDER BY row_id"  # noqa: S608 - constants
_TAGS: Final = (
    # In the side table and not in the task's row, and the other way round: the counts differ.
    "SELECT task_tags.row_id, task_id, tag FROM task_tags LEFT JOIN tasks USING (row_id)"
    " WHERE task_id IS NULL OR NOT instr(' ' || tags || ' ', ' ' || tag || ' ')"
)
_TAGS_OF: Final = "SELECT 1 FROM task_tags WHERE tag = ? AND row_id = ?"
_EDGES_OF: Final = "SELECT depends_on FROM task_dependencies WHERE row_id = ? ORDER BY depends_on"
_HISTORY: Final = (
    "SELECT task_id, sequence, before, revision FROM history INDEXED BY history_task"
    " ORDER BY task_id, sequence"
)
_BATCHES: Final = "SELECT first_sequence, id, at, actor, command, undoes FROM batches ORDER BY first_sequence"
_STRAYS: Final = (
    "SELECT sequence, task_id FROM history WHERE batch IS NOT"
    " (SELECT max(first_sequence) FROM batches WHERE first_sequence <= sequence)"
)
_SHOWN_PAGES: Final = 5
_STORED: Final = "SELECT revision FROM tasks WHERE task_id = ?"


def problems(path: str, wait: float) -> ResultStream[Problem]:
    """The problems of the store at ``path``, found while they are read; raises ``StoreMissingError``.

    The file is opened for reading alone when there is a write-ahead log beside it, since the last one to
    close would move the log into the file. Otherwise it is opened for writing but told not to write: SQLite
    then takes the log and its index, which even a reader needs, away again.
    """
    check_library()
    if not os.path.exists(path):  # noqa: PTH110 - as in opening.py
        raise missing_error(path)
    try:
        connection = connect(path, "ro" if has_log(path) else "rw", wait)
        connection.execute("PRAGMA query_only = ON")
    except StorageCorruptError as error:  # it must not be opened, for what lies beside it
        return ResultStream((Problem(str(error)),))
    except DRIVER_ERRORS as error:
        raise storage_error(error, path) from error
    return ResultStream(chain(_log(path), _guarded(connection, path)), connection.close)


def undecodable_error(connection: sqlite3.Connection, path: str) -> StorageCorruptError:
    """Names the first task whose text is not UTF-8."""
    connection.text_factory = bytes
    try:
        for row_id, task_id, *texts in connection.execute(
            "SELECT row_id, task_id, name, details, project_id, tags, assignee, extra FROM tasks"
        ):
            if not all(_is_text(text) for text in texts):
                return corrupt_error(
                    path, f"task {shown_id(task_id)} (row {row_id}) holds text that is not UTF-8"
                )
        return corrupt_error(path, "a history entry or batch holds text that is not UTF-8")
    except DRIVER_ERRORS as error:  # a damaged page before it
        return corrupt_error(path, f"it holds text that is not UTF-8, and more damage ({error})")
    finally:
        connection.text_factory = str


def _log(path: str) -> Iterator[Problem]:
    """What the write-ahead log has lost: SQLite reads it up to the damage, and is silent.

    A writer may be in the middle of a frame, and is past it at a second look, or has begun the log again.
    """
    before = None
    while True:
        log = Log(f"{os.path.realpath(path)}-wal")
        log.close()
        if not log.is_loss:
            return
        if (log.head, log.fault) == before:
            yield Problem(f"{path}-wal: {log.fault}: SQLite ignores the batches there")
            return
        before = log.head, log.fault


def _guarded(connection: sqlite3.Connection, path: str) -> Iterator[Problem]:
    found = False
    try:
        for problem in _problems(connection, path):
            found = True
            yield problem
    except DRIVER_ERRORS as error:
        met = storage_error(error, path)
        if not found and isinstance(met, _NO_DAMAGE):
            raise met from error
        yield Problem(f"{path} cannot be read any further: {error}")
        connection.close()
        if getattr(error, "sqlite_errorcode", 0) != sqlite3.SQLITE_NOTADB:
            yield from _pages(path)


def _pages(path: str) -> Iterator[Problem]:
    """The first of the pages that are damaged, where nothing of this process has the file open."""
    from tasky_sqlite.salvaging import salvaged  # most stores are sound

    try:
        with salvaged(path) as results:
            found = (result for result in results if isinstance(result, Problem) and result.task_id is None)
            yield from islice(found, _SHOWN_PAGES)
    except StorageError:
        return


def _problems(connection: sqlite3.Connection, path: str) -> Iterator[Problem]:
    identity = read_identity(connection)
    try:
        require(identity, path, create=True)
    except StorageError as error:
        yield Problem(str(error))
        return
    if identity == (0, 0):
        yield Problem(f"{path} is empty: it is no store yet")
        return
    for (message,) in connection.execute("PRAGMA integrity_check"):
        for line in message.splitlines():
            if line != "ok" and not line.startswith("*** in database"):
                yield Problem(f"{path}: {line}")
    for table, row_id, parent, _ in connection.execute("PRAGMA foreign_key_check"):
        yield Problem(f"row {row_id} of {table} refers to a row that {parent} lacks")
    connection.text_factory = bytes
    connection.execute("BEGIN")  # what follows compares tables, and others may be writing
    yield from _tasks(connection)
    yield from _side_tables(connection)
    yield from _history(connection)
    yield from _batches(connection)


def _tasks(connection: sqlite3.Connection) -> Iterator[Problem]:
    for row_id, *columns, name_folded, details_folded in connection.execute(_TASKS):
        task_id = id_or_none(columns[0])
        try:
            task = task_from_row(tuple([_text(column, name) for column, name in _named(columns)]))
            validate(task)
            folded = (_decode(name_folded), _decode(details_folded))
        except UNREADABLE as error:
            yield Problem(
                f"task {shown_id(columns[0])} (row {row_id}) cannot be read: {said(error)}", task_id
            )
            continue
        if folded != casefolds(task.name, task.details):
            yield Problem(
                f"the search text of task {task.task_id} is not that of its name and details", task_id
            )
        for tag in task.tags:
            if connection.execute(_TAGS_OF, (tag, row_id)).fetchone() is None:
                yield Problem(f"the index of tags lacks {tag!a} of task {task.task_id}", task_id)
        edges = [edge for (edge,) in connection.execute(_EDGES_OF, (row_id,))]
        if edges != [needed.bytes for needed in task.depends_on]:
            yield Problem(f"the index of dependencies differs from task {task.task_id}", task_id)


def _side_tables(connection: sqlite3.Connection) -> Iterator[Problem]:
    """What the tables beside the tasks hold too much."""
    for row_id, task_id, tag in connection.execute(_TAGS):
        whose = (
            "a task that is not stored" if task_id is None else f"task {shown_id(task_id)}, which has it not"
        )
        yield Problem(f"the index of tags has {tag!r} for row {row_id}: {whose}", id_or_none(task_id))


def _history(connection: sqlite3.Connection) -> Iterator[Problem]:
    """Each task's entries follow one another, and the last one says what is stored."""
    for task_id, entries in groupby(connection.execute(_HISTORY), key=lambda row: row[0]):
        whose, last = id_or_none(task_id), None
        for number, (_, sequence, before, revision) in enumerate(entries):
            try:
                task = None if before is None else snapshot_to_task(before.decode())
                if task is not None:
                    validate(task)
            except UNREADABLE as error:
                yield Problem(f"history entry {sequence} cannot be read: {said(error)}", whose)
            else:
                # A store that was filled from elsewhere may remember less than everything of a task.
                was = None if task is None else task.revision
                if task is not None and task.task_id.bytes != task_id:
                    yield Problem(f"history entry {sequence} holds another task than it names", whose)
                elif number and was != last:
                    yield Problem(
                        f"history entry {sequence} was made at revision {was}, the one before it left {last}",
                        whose,
                    )
                elif was is not None and revision is not None and revision != was + 1:
                    yield Problem(f"history entry {sequence} leads from {was} to {revision}", whose)
            last = revision
        stored = connection.execute(_STORED, (task_id,)).fetchone()
        if (None if stored is None else stored[0]) != last:
            found = "is not stored" if stored is None else f"is stored at revision {stored[0]}"
            left = "says that it was deleted" if last is None else f"ends at revision {last}"
            yield Problem(f"task {shown_id(task_id)} {found}, but its history {left}", whose)


def _batches(connection: sqlite3.Connection) -> Iterator[Problem]:
    for first, *columns in connection.execute(_BATCHES):
        try:
            identity, at, actor, command, undoes = columns
            batch_from_row((identity, at, actor.decode(), command.decode(), undoes))
        except UNREADABLE as error:
            yield Problem(f"the batch of history entry {first} cannot be read: {said(error)}")
    for sequence, task_id in connection.execute(_STRAYS):
        yield Problem(f"history entry {sequence} lies outside its batch", id_or_none(task_id))


def _named(columns: list[Any]) -> Iterator[tuple[Any, str]]:
    return zip(columns, COLUMNS, strict=True)


def _text(column: Any, name: str) -> Any:
    return column if name in ("task_id", "depends_on") else _decode(column)


def _decode(column: Any) -> Any:
    return column.decode() if isinstance(column, bytes) else column


def _is_text(data: bytes | None) -> bool:
    try:
        _decode(data)
    except UnicodeDecodeError:
        return False
    return True
