"""What can be read of a damaged store: each task whose row is whole, whatever is wrong with the others.

The server reads its own pages. What it cannot read ends the salvage, and is its administrator's to mend.
"""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

import psycopg

from tasky import Problem, ResultStream, SchemaTooNewError, StorageCorruptError, TaskModel
from tasky_postgres.address import Address
from tasky_postgres.checking import tasks_and_problems
from tasky_postgres.errors import storage_error, translated
from tasky_postgres.opening import SNAPSHOT, Connection, connect
from tasky_postgres.schema import ABSENT, read_version, require

__all__ = ["salvaged"]


def salvaged(address: Address) -> ResultStream[TaskModel | Problem]:
    """The tasks of the store at ``address`` in no order, and its problems; raises ``StoreMissingError``.

    A store whose version is lost or newer is read as if it were current.
    """
    connection = connect(address)
    unsure: list[Problem] = []
    try:
        with translated(address):
            connection.execute("SET default_transaction_read_only = on")
            try:
                version = read_version(connection, address)
                require(version, address, create=version != ABSENT)
            except (StorageCorruptError, SchemaTooNewError) as error:
                unsure.append(Problem(str(error)))
            connection.execute(SNAPSHOT)
    except BaseException:
        connection.close()
        raise
    return ResultStream(_guarded(connection, address, unsure), connection.close)


def _guarded(
    connection: Connection, address: Address, unsure: list[Problem]
) -> Iterator[TaskModel | Problem]:
    yield from unsure
    saved: UUID | None = None
    try:
        for found in tasks_and_problems(connection):
            if isinstance(found, TaskModel):
                saved = found.task_id
                yield found
            else:  # a problem that names a task says that it is not among the results
                yield Problem(found.message) if found.task_id == saved else found
    except psycopg.Error as error:
        yield Problem(f"{storage_error(error, address)}; it was not read any further")
