"""Results: small ones read at once and holding nothing, large ones streamed through a server's cursor."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import Final, TypeAlias, TypeVar

import psycopg

from tasky import ResultStream, StorageError
from tasky_postgres.address import Address
from tasky_postgres.errors import closed_error, storage_error
from tasky_postgres.opening import SNAPSHOT, Connection
from tasky_postgres.pool import Pool
from tasky_postgres.queries import Statement
from tasky_postgres.records import Row

__all__ = ["Plan", "read", "read_all"]

T = TypeVar("T")
Plan: TypeAlias = "Callable[[int | None], list[Statement]]"  # of a limit

_AT_ONCE: Final = 1_000  # rows
_LARGEST: Final = (1 << 63) - 1  # that the server takes


def read(
    pool: Pool,
    address: Address,
    plan: Plan,
    limit: int | None,
    convert: Callable[[Iterable[Row]], Iterator[T]],
) -> ResultStream[T]:
    """The rows of the statements that ``plan`` makes, one after another, of one snapshot taken now."""
    most = None if limit is None else min(limit, _LARGEST)
    at_once = _AT_ONCE + 1 if most is None else min(most, _AT_ONCE + 1)
    rows = read_all(pool, address, plan(at_once), at_once)
    if len(rows) <= _AT_ONCE:
        return ResultStream(convert(rows))
    reading = _Reading(pool, address, plan(most), most)
    while not reading.start():
        pool.wait_for_place()
        reading = _Reading(pool, address, plan(most), most)
    return ResultStream(chain.from_iterable(map(convert, reading.chunks())), reading.release)


def read_all(
    pool: Pool, address: Address, statements: list[Statement], limit: int | None = None
) -> list[Row]:
    """The rows of the statements, of one snapshot, ``limit`` at most."""
    connection = pool.take()
    try:
        if len(statements) > 1:
            connection.execute(SNAPSHOT)
        rows: list[Row] = []
        for sql, params in statements:
            if limit is None or len(rows) < limit:
                rows += connection.execute(sql.encode(), params).fetchall()
    except psycopg.Error as error:
        raise _named(error, connection, address) from error
    else:
        return rows if limit is None else rows[:limit]
    finally:
        pool.give(connection)


class _Reading:
    """One large result: where it is, and the connection that it keeps while there is more."""

    def __init__(self, pool: Pool, address: Address, statements: list[Statement], limit: int | None) -> None:
        self._pool = pool
        self._address = address
        self._connection = pool.take()
        self._statements = iter(statements)
        self._is_open = False  # the server's cursor
        self._left = limit
        self._released = False

    def start(self) -> bool:
        """Take the snapshot; False when other streams keep all the connections that streams may keep."""
        parked = False
        try:
            self._connection.execute(SNAPSHOT)
            self._open_next()
            parked = self._pool.park(self._connection)
        except psycopg.Error as error:
            raise storage_error(error, self._address) from error
        finally:
            if not parked:
                self._pool.give(self._connection)
        return parked

    def chunks(self) -> Iterator[list[Row]]:
        """The rows."""
        while True:
            if not self._pool.unpark(self._connection):
                raise closed_error(self._address)
            try:
                rows = self._fetch()
            except psycopg.Error as error:
                raise _named(error, self._connection, self._address) from error
            finally:
                self._pool.park(self._connection)
                if self._released:  # by another thread, while this one was fetching
                    self.release()
            if not rows:
                return
            yield rows

    def release(self) -> None:
        """Give the connection back, when it is still there."""
        self._released = True
        if self._pool.unpark(self._connection):
            self._pool.give(self._connection)

    def _fetch(self) -> list[Row]:
        while self._is_open and self._left != 0:
            count = _AT_ONCE if self._left is None else min(_AT_ONCE, self._left)
            rows = self._connection.execute(f"FETCH FORWARD {count} FROM stream".encode()).fetchall()
            if self._left is not None:
                self._left -= len(rows)
            if rows:
                return rows
            self._connection.execute("CLOSE stream")
            self._open_next()
        return []

    def _open_next(self) -> None:
        statement = next(self._statements, None)
        self._is_open = statement is not None
        if statement is not None:
            sql, params = statement
            self._connection.execute(f"DECLARE stream NO SCROLL CURSOR FOR {sql}".encode(), params)


def _named(error: psycopg.Error, connection: Connection, address: Address) -> StorageError:
    """The Tasky error; it names the record when the driver could not make values of one."""
    if isinstance(error, psycopg.DataError):
        from tasky_postgres.checking import undecodable_error

        return undecodable_error(connection, address, error)
    return storage_error(error, address)
