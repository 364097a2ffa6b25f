"""Results: small ones read at once and holding nothing, large ones streamed from a parked connection."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import Final, TypeVar

from tasky import ResultStream, StorageError
from tasky_sqlite.criteria import Params
from tasky_sqlite.errors import DRIVER_ERRORS, closed_error, storage_error
from tasky_sqlite.pool import Pool
from tasky_sqlite.queries import Probe, Statement
from tasky_sqlite.records import Row

__all__ = ["Plan", "read", "read_all", "read_row"]

T = TypeVar("T")
Plan = Callable[[Probe], list[Statement]]

_AT_ONCE: Final = 1_000  # rows
_LARGEST: Final = (1 << 63) - 1  # that SQLite takes


def read(
    pool: Pool, path: str, plan: Plan, limit: int | None, convert: Callable[[Iterable[Row]], Iterator[T]]
) -> ResultStream[T]:
    """The rows of the statements that ``plan`` makes, one after another, of one snapshot taken now.

    Each statement ends with a parameter that is its limit; ``limit`` is that of all of them.
    """
    reading = _Reading(pool, path, limit)
    while (rows := reading.start(plan)) is None:
        pool.wait_for_place()
        reading = _Reading(pool, path, limit)
    if len(rows) <= _AT_ONCE:
        return ResultStream(convert(rows))
    return ResultStream(chain.from_iterable(map(convert, reading.chunks(rows))), reading.release)


def read_row(pool: Pool, path: str, sql: str, params: Params) -> Row | None:
    """The first row of the statement, or None when it has none."""
    connection = pool.take()
    try:
        row: Row | None = connection.execute(sql, params).fetchone()
    except DRIVER_ERRORS as error:
        raise _named(error, connection, path) from error
    else:
        return row
    finally:
        pool.give(connection)


def read_all(pool: Pool, path: str, plan: Plan) -> list[Row]:
    """Every row of the statements that ``plan`` makes; they have no parameter for a limit."""
    connection = pool.take()
    try:
        rows: list[Row] = []
        for sql, params in plan(_probe(connection)):
            rows += connection.execute(sql, params).fetchall()
    except DRIVER_ERRORS as error:
        raise _named(error, connection, path) from error
    else:
        return rows
    finally:
        _end(pool, connection)
        pool.give(connection)


class _Reading:
    """One result: where it is, and the connection that it keeps while there is more."""

    def __init__(self, pool: Pool, path: str, limit: int | None) -> None:
        self._pool = pool
        self._path = path
        self._connection = pool.take()
        self._statements: Iterator[Statement] = iter(())
        self._cursor: sqlite3.Cursor | None = None
        self._left = -1 if limit is None else min(limit, _LARGEST)
        self._released = False

    def start(self, plan: Plan) -> list[Row] | None:
        """The first rows; the connection is given back when they are all.

        None when there are more and other streams keep all the connections that streams may keep.
        """
        connection = self._connection
        parked = False
        try:
            statements = plan(_probe(connection))
            if len(statements) > 1 and not connection.in_transaction:
                connection.execute("BEGIN")
            self._statements = iter(statements)
            rows = self._fetch(_AT_ONCE + 1)
            parked = len(rows) > _AT_ONCE and self._pool.park(connection, self._finish)
        except DRIVER_ERRORS as error:
            raise _named(error, connection, self._path) from error
        finally:
            if not parked:
                self._finish()
                self._pool.give(connection)
        return rows if parked or len(rows) <= _AT_ONCE else None

    def chunks(self, rows: list[Row]) -> Iterator[list[Row]]:
        """``rows``, and the ones after them."""
        while rows:
            yield rows
            if not self._pool.unpark(self._connection):
                raise closed_error(self._path)
            try:
                rows = self._fetch(_AT_ONCE)
            except DRIVER_ERRORS as error:
                raise _named(error, self._connection, self._path) from error
            finally:
                self._pool.park(self._connection, self._finish)
                if self._released:  # by another thread, while this one was fetching
                    self.release()

    def release(self) -> None:
        """Give the connection back, when it is still there."""
        self._released = True
        if self._pool.unpark(self._connection):
            self._finish()
            self._pool.give(self._connection)

    def _fetch(self, size: int) -> list[Row]:
        rows: list[Row] = []
        while len(rows) < size and self._left:
            if self._cursor is None:
                statement = next(self._statements, None)
                if statement is None:
                    break
                sql, params = statement
                self._cursor = self._connection.execute(sql, (*params, self._left))
            wanted = size - len(rows)
            found = self._cursor.fetchmany(wanted)
            rows += found
            if len(found) < wanted:
                self._cursor = None
            if self._left > 0:
                self._left -= len(found)
        return rows

    def _finish(self) -> None:
        cursor, self._cursor = self._cursor, None
        if cursor is not None:
            cursor.close()
        _end(self._pool, self._connection)


def _probe(connection: sqlite3.Connection) -> Probe:
    def run(sql: str, params: Params) -> list[Row]:
        if not connection.in_transaction:  # what is asked here and what is read later is one snapshot
            connection.execute("BEGIN")
        return connection.execute(sql, params).fetchall()

    return run


def _end(pool: Pool, connection: sqlite3.Connection) -> None:
    try:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
    except DRIVER_ERRORS:  # what was read is right, or the failure was reported
        pool.retire(connection)


def _named(error: Exception, connection: sqlite3.Connection, path: str) -> StorageError:
    """The Tasky error; it names the record when the driver could not decode one."""
    if "decode to UTF-8" in str(error):
        from tasky_sqlite.checking import undecodable_error

        return undecodable_error(connection, path)
    return storage_error(error, path)
