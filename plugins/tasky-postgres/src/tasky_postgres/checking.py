"""Every problem that can be found in a store, without changing it, in one snapshot of it.

What the server keeps on its disk is its own to check (pg_amcheck, data checksums); here is what Tasky's
tables say.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import Final

import psycopg

from tasky import (
    Problem,
    ResultStream,
    SchemaTooNewError,
    StorageBusyError,
    StorageCorruptError,
    StorageFullError,
    StorageReadOnlyError,
    StorageUnavailableError,
    TaskModel,
)
from tasky_postgres.address import Address
from tasky_postgres.errors import corrupt_error, storage_error, translated
from tasky_postgres.opening import SNAPSHOT, Connection, connect
from tasky_postgres.records import (
    COLUMNS,
    UNREADABLE,
    Row,
    batch_from_row,
    casefolds,
    snapshot_to_task,
    task_from_row,
)
from tasky_postgres.schema import ABSENT, TIMES, indexes, look_for_version, require

__all__ = ["problems", "tasks_and_problems", "undecodable_error"]

# A time that no datetime can hold, as the driver would say at the end of the whole page.
_UNREADABLE_TIME: Final = " OR ".join(
    [f"{name} NOT BETWEEN '0001-01-01 00:00:00+00' AND '9999-12-31 23:59:59.999999+00'" for name in TIMES]
)
_BAD_TIMES: Final = f"SELECT task_id FROM tasks WHERE {_UNREADABLE_TIME} ORDER BY task_id"  # noqa: S608 - constants
_TASKS: Final = (
    f"SELECT {', '.join(COLUMNS)}, name_folded, details_folded FROM tasks"  # noqa: S608 - constants
    f" WHERE ({_UNREADABLE_TIME}) IS NOT TRUE"
)
_HISTORY: Final = (
    "SELECT history.task_id, sequence, before, history.revision, tasks.revision"
    " FROM history LEFT JOIN tasks ON tasks.task_id = history.task_id ORDER BY history.task_id, sequence"
)
_BATCHES: Final = (
    "SELECT first_sequence, id, CASE WHEN isfinite(at) THEN at END, actor, command, undoes FROM batches"
    " ORDER BY first_sequence"
)
_STRAYS: Final = (
    "SELECT sequence, task_id FROM (SELECT sequence, task_id, batch, (SELECT max(first_sequence) FROM batches"
    " WHERE first_sequence <= sequence) AS due FROM history) AS entry"
    " WHERE batch IS DISTINCT FROM due ORDER BY sequence"
)
_EMPTY_BATCHES: Final = (
    "SELECT id FROM batches WHERE NOT EXISTS (SELECT 1 FROM history WHERE sequence = first_sequence)"
)
_AHEAD: Final = "SELECT max(sequence), last_sequence FROM history, tasky_store GROUP BY last_sequence"
_SOUND_INDEXES: Final = (
    "SELECT relname FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid"
    " JOIN pg_namespace ON pg_namespace.oid = relnamespace WHERE nspname = %s AND indisvalid"
)
_UNIQUE_INDEXES: Final = frozenset({"tasks_id", "batches_id", "batches_pkey", "history_pkey"})
_PAGE: Final = 1_000  # rows
# What says nothing about the store; but for the class of SQLSTATEs that says what the server cannot read.
_NO_DAMAGE: Final = (StorageBusyError, StorageFullError, StorageReadOnlyError, StorageUnavailableError)
_ITS_DISK: Final = "58"


def problems(address: Address) -> ResultStream[Problem]:
    """The problems of the store at ``address``, found while they are read; raises ``StoreMissingError``.

    What keeps from reading and is no damage is raised where nothing was found before it.
    """
    connection = connect(address)
    try:
        with translated(address):
            connection.execute("SET default_transaction_read_only = on")
            connection.execute(SNAPSHOT)
            version = look_for_version(connection, address)
        require(version, address, create=version != ABSENT)
    except (StorageCorruptError, SchemaTooNewError) as error:
        connection.close()
        return ResultStream((Problem(str(error)),))
    except BaseException:
        connection.close()
        raise
    return ResultStream(_guarded(connection, address, version), connection.close)


def undecodable_error(
    connection: Connection, address: Address, error: psycopg.DataError
) -> StorageCorruptError:
    """Names the first task that the driver can make no values of."""
    try:
        connection.execute("ROLLBACK")
        row = connection.execute(_BAD_TIMES.encode()).fetchone()
    except psycopg.Error:
        row = None
    if row is None:
        return corrupt_error(address, f"something cannot be read ({error})")
    return corrupt_error(address, f"task {row[0]} has a time that cannot be read ({error})")


def _guarded(connection: Connection, address: Address, version: int) -> Iterator[Problem]:
    found = False
    try:
        for problem in _problems(connection, address, version):
            found = True
            yield problem
    except psycopg.Error as error:
        met = storage_error(error, address)
        if not found and isinstance(met, _NO_DAMAGE) and not (error.sqlstate or "").startswith(_ITS_DISK):
            raise met from error
        yield Problem(f"{met}; it was not read any further")


def _problems(connection: Connection, address: Address, version: int) -> Iterator[Problem]:
    sound = {row[0] for row in connection.execute(_SOUND_INDEXES, (address.schema,))}
    for name in sorted((indexes(version) | _UNIQUE_INDEXES) - sound):
        yield Problem(f"the index {name} is missing or not valid: what it is for is slow, or not safe")
    yield from (found for found in tasks_and_problems(connection) if isinstance(found, Problem))
    yield from _history(connection)
    yield from _batches(connection)


def tasks_and_problems(connection: Connection) -> Iterator[TaskModel | Problem]:
    """Each task that can be read, in the open transaction, and a problem for each that cannot.

    A task whose search text is not its own comes with a problem of its own right behind it.
    """
    for (task_id,) in _rows(connection, _BAD_TIMES):
        yield Problem(f"task {task_id} has a time that cannot be read", task_id)
    for row in _rows(connection, _TASKS):
        task_id = row[0]
        try:
            task = task_from_row(row[: len(COLUMNS)])
            _validate(task)
        except UNREADABLE as error:
            yield Problem(f"task {task_id} cannot be read: {error}", task_id)
            continue
        yield task
        if row[len(COLUMNS) :] != casefolds(task.name, task.details):
            yield Problem(f"the search text of task {task_id} is not that of its name and details", task_id)


def _history(connection: Connection) -> Iterator[Problem]:
    """Each task's entries follow one another, and the last one says what is stored."""
    for task_id, entries in groupby(_rows(connection, _HISTORY), key=lambda row: row[0]):
        last = stored = None
        for number, (_, sequence, before, revision, stored) in enumerate(entries):  # noqa: B007 - the same in each
            try:
                task = None if before is None else snapshot_to_task(before)
            except UNREADABLE as error:
                yield Problem(f"history entry {sequence} cannot be read: {error}", task_id)
            else:
                # A store that was filled from elsewhere may remember less than everything of a task.
                was = None if task is None else task.revision
                if task is not None and task.task_id != task_id:
                    yield Problem(f"history entry {sequence} holds another task than it names", task_id)
                elif number and was != last:
                    yield Problem(
                        f"history entry {sequence} was made at revision {was}, the one before it left {last}",
                        task_id,
                    )
                elif was is not None and revision is not None and revision != was + 1:
                    yield Problem(f"history entry {sequence} leads from {was} to {revision}", task_id)
            last = revision
        if stored != last:
            found = "is not stored" if stored is None else f"is stored at revision {stored}"
            left = "says that it was deleted" if last is None else f"ends at revision {last}"
            yield Problem(f"task {task_id} {found}, but its history {left}", task_id)


def _batches(connection: Connection) -> Iterator[Problem]:
    for first, *columns in _rows(connection, _BATCHES):
        try:
            batch_from_row(tuple(columns))
        except UNREADABLE as error:
            yield Problem(f"the batch at sequence {first} cannot be read: {error}")
    for (identity,) in _rows(connection, _EMPTY_BATCHES):
        yield Problem(f"batch {identity} has no entries")
    for sequence, task_id in _rows(connection, _STRAYS):
        yield Problem(f"history entry {sequence} belongs to no batch, or to another one", task_id)
    for newest, last in _rows(connection, _AHEAD):
        if newest > last:
            yield Problem(f"the history has come to {newest}, but would go on from {last}")


def _rows(connection: Connection, sql: str) -> Iterator[Row]:
    connection.execute(f"DECLARE rows NO SCROLL CURSOR FOR {sql}".encode())
    while rows := connection.execute(f"FETCH FORWARD {_PAGE} FROM rows".encode()).fetchall():
        yield from rows
    connection.execute("CLOSE rows")


def _validate(task: TaskModel) -> None:
    """Raise ``InvalidTaskError`` unless every rule is kept and every value is in its one form."""
    if TaskModel(**{name: getattr(task, name) for name in COLUMNS}) != task:
        raise ValueError("its tags or dependencies are not in order")
