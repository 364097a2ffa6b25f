"""From an address to a connection to a store: absent, foreign, older and newer ones, in that order.

Nothing is written before the schema is known to be empty or a store. A new store is made in one transaction,
under an advisory lock of its own, so several creators agree on one and a creator that is killed leaves none.
A store that is there and current is only read, so a role that may create nothing works with it.
"""

from __future__ import annotations

import logging
import random
import time
from typing import TYPE_CHECKING, Any, Final, TypeVar

import psycopg

from tasky import InvalidLocationError, StorageError, StorageReadOnlyError
from tasky_postgres.address import Address
from tasky_postgres.errors import connection_error, is_passing, said, translated
from tasky_postgres.schema import ABSENT, is_current, look_for_version, read_version, require, upgrade

if TYPE_CHECKING:
    from psycopg.abc import PQGen

__all__ = ["SNAPSHOT", "Connection", "connect", "open_store"]

T = TypeVar("T")

logging.getLogger("psycopg").addHandler(logging.NullHandler())  # what it warns of is reported as an error

# What is read from here on is of one moment.
SNAPSHOT: Final = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
_OLDEST: Final = 140_000  # PostgreSQL 14
_GRACE: Final = 5.0  # seconds by which an answer may come later than the server's own time-out
_NAP: Final = (0.05, 0.25)  # seconds between attempts to connect

_SESSION: Final = """
SET search_path = "{schema}", pg_temp;
SET TIME ZONE 'UTC';
SET DateStyle = 'ISO, YMD';
SET lock_timeout = {lock};
SET statement_timeout = {statement};
SET jit = off;
SET tcp_keepalives_idle = 10;
SET tcp_keepalives_interval = 5;
SET tcp_keepalives_count = 4;
SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'
"""


class Connection(psycopg.Connection[tuple[Any, ...]]):
    """A connection that waits for an answer a little longer than the server may take, and then gives up.

    The server's own time-outs end a statement; this one ends the wait for an answer that never comes, since
    something on the way swallowed it. The connection is closed then: its state is unknown.
    """

    answer_timeout: float | None = None  # seconds

    def wait(self, gen: PQGen[T], interval: float = 0.1, timeout: float | None = None) -> T:
        try:
            return super().wait(gen, interval, self.answer_timeout if timeout is None else timeout)
        except psycopg.OperationalError as error:
            if error.sqlstate is None:  # not the server's words: the wait is over, or the line
                self.pgconn.finish()
            raise


def connect(address: Address) -> Connection:
    """A connection in autocommit mode, set up for the store; reads nothing of it yet.

    A server that has no connection left, or is just starting, is asked again for ``lock_timeout``. Raises
    ``InvalidLocationError`` for a host that no host can be called.
    """
    deadline = time.monotonic() + address.lock_timeout
    while True:
        try:
            connection = Connection.connect(autocommit=True, **address.parameters)  # type: ignore[arg-type]  # texts for libpq
            break
        except psycopg.Error as error:
            if not is_passing(error) or time.monotonic() > deadline:
                raise connection_error(error, address) from error
            time.sleep(random.uniform(*_NAP))  # noqa: S311 - no secret
        except UnicodeError as error:  # of the driver, which looks the host up
            raise InvalidLocationError(
                f"{address} names a host that cannot be one",
                hint="Between its dots a host has 1 to 63 letters, digits and '-'.",
            ) from error
    try:
        connection.answer_timeout = address.statement_timeout + _GRACE
        _check_server(connection, address)
        with translated(address):
            statement = _SESSION.format(
                schema=address.schema,
                lock=_milliseconds(address.lock_timeout),
                statement=_milliseconds(address.statement_timeout),
            )
            connection.execute(statement.encode())
    except BaseException:
        connection.close()
        raise
    return connection


def open_store(address: Address, *, create: bool) -> Connection:
    """A connection to the store at ``address``, created or upgraded if need be."""
    connection = connect(address)
    try:
        with translated(address):
            version = read_version(connection, address)
            if not is_current(version):
                require(version, address, create=create)
                _bring_up(connection, address)
    except BaseException:
        connection.close()
        raise
    return connection


def _bring_up(connection: Connection, address: Address) -> None:
    """Create or upgrade, unless another process has done it meanwhile."""
    with connection.transaction():
        # What another did while the lock was waited for is seen, whatever the role's transactions are like.
        connection.execute("SET TRANSACTION ISOLATION LEVEL READ COMMITTED")
        name = f"tasky {address.schema}"
        connection.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (name,))
        version = look_for_version(connection, address)
        if is_current(version):
            return
        require(version, address, create=True)
        if version == ABSENT and not _has_schema(connection, address):
            connection.execute(f'CREATE SCHEMA "{address.schema}"'.encode())
        try:
            upgrade(connection, version)
        except (psycopg.errors.InsufficientPrivilege, psycopg.errors.ReadOnlySqlTransaction) as error:
            if version == ABSENT:
                raise
            raise StorageReadOnlyError(
                f"{address} has schema version {version} and has to be upgraded, which this role may not do,"
                f" or not on this server ({said(error)})",
                hint="Let the owner of its tables, who may also create in its schema, run any command once"
                " with this version of tasky-postgres, on a server that can be written.",
            ) from error


def _has_schema(connection: Connection, address: Address) -> bool:
    found = connection.execute("SELECT 1 FROM pg_namespace WHERE nspname = %s", (address.schema,))
    return found.fetchone() is not None


def _check_server(connection: Connection, address: Address) -> None:
    if connection.info.server_version < _OLDEST:
        raise StorageError(
            f"{address.shown} is PostgreSQL {connection.info.server_version // 10_000},"
            f" and tasky-postgres needs {_OLDEST // 10_000} or later",
            hint="Upgrade the server.",
        )
    encoding = connection.info.parameter_status("server_encoding")
    if encoding != "UTF8":
        raise StorageError(
            f"the database at {address.shown} keeps text as {encoding}, which cannot hold every task",
            hint="Create the database with 'createdb -E UTF8 -T template0'.",
        )


def _milliseconds(seconds: float) -> int:
    return max(1, round(seconds * 1000))
