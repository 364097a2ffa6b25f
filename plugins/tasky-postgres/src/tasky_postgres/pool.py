"""The connections of one process to one store: few, shared by threads, and never by processes.

At most five, opened when first needed. Streams keep at most four, so that one is always left for writing and
for what is read at once, and a program that does one thing at a time opens only one. A connection is *busy*
while a thread uses it, *parked* while an open stream keeps it between two fetches, and *idle* otherwise. One
that its server has closed meanwhile is noticed before it is used, and replaced.

Forking. A child inherits the sockets. If it used one, or took leave on one, the server would take that for
its parent's. So the child points its copies at nothing, without a word to the server, and opens its own.
"""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Final

import psycopg
from psycopg.pq import TransactionStatus

from tasky import StorageBusyError, StorageError
from tasky_postgres.address import Address
from tasky_postgres.errors import closed_error
from tasky_postgres.opening import Connection

__all__ = ["Pool"]

_SIZE: Final = 5

_pools: weakref.WeakValueDictionary[int, Pool] = weakref.WeakValueDictionary()
_forking = threading.RLock()  # one fork at a time; reentrant, as a signal handler may fork while one begins
_frozen: list[list[Pool]] = []  # by each fork that has begun; only for the holder of the lock


class Pool:
    """``connect`` opens a connection in autocommit mode, and raises Tasky's errors."""

    def __init__(self, address: Address, connect: Callable[[Address], Connection], first: Connection) -> None:
        self._address = address
        self._connect = connect
        self._idle = [first]
        self._busy: set[Connection] = set()
        self._parked: set[Connection] = set()
        self._streaming: set[Connection] = set()  # parked, or busy with a fetch in between
        self._opening = 0
        self._closed = False
        self._writers: set[int] = set()  # threads that are inside a batch
        self.generation = 0  # grows with every fork, in the child
        # Reentrant: the collector may release a stream while its thread is in one of the sections below,
        # which therefore bear connections becoming idle at any moment.
        self._changed = threading.Condition(threading.RLock())
        _pools[id(self)] = self

    def take(self) -> Connection:
        """A connection for this thread; give it back with ``give`` or keep it with ``park``."""
        with self._changed:
            self._wait_for(self._has_room)
            while self._idle:
                connection = self._idle.pop()
                if _is_alive(connection):
                    self._busy.add(connection)
                    return connection
                connection.close()
            self._opening += 1
        try:
            connection = self._connect(self._address)
        except BaseException:
            with self._changed:
                self._opening -= 1
                self._changed.notify_all()
            raise
        with self._changed:
            self._opening -= 1
            self._busy.add(connection)
        return connection

    def give(self, connection: Connection) -> None:
        """Take back a connection that ``take`` or ``unpark`` gave; what is open on it is rolled back."""
        sound = _is_ended(connection)
        with self._changed:
            if connection not in self._busy:
                return  # inherited by a fork
            self._busy.discard(connection)
            self._streaming.discard(connection)
            if self._closed or not sound:
                connection.close()
            else:
                self._idle.append(connection)
            self._changed.notify_all()

    def park(self, connection: Connection) -> bool:
        """Keep a busy connection for a stream until ``unpark``; False when streams have all they may have."""
        with self._changed:
            if connection not in self._streaming and not self._has_place():
                return False
            if connection not in self._busy:
                return True  # inherited by a fork
            self._busy.discard(connection)
            if self._closed:
                self._streaming.discard(connection)
                connection.close()
            else:
                self._streaming.add(connection)
                self._parked.add(connection)
            self._changed.notify_all()
            return True

    def unpark(self, connection: Connection) -> bool:
        """Make a parked connection busy again; False when the pool or a fork closed it meanwhile."""
        with self._changed:
            if connection not in self._parked:
                return False
            self._parked.discard(connection)
            self._busy.add(connection)
            return True

    def wait_for_place(self) -> None:
        """Wait until one more stream may keep a connection."""
        with self._changed:
            self._wait_for(self._has_place)

    def close(self) -> None:
        """Close what is not busy now, and the rest as soon as it is given back."""
        with self._changed:
            self._closed = True
            for connection in (*self._idle, *self._parked):
                self._streaming.discard(connection)
                connection.close()
            self._idle.clear()
            self._parked.clear()
            self._changed.notify_all()

    @contextmanager
    def taken(self) -> Iterator[Connection]:
        """A connection; given back on the way out, where what was not committed is rolled back."""
        connection = self.take()
        try:
            yield connection
        finally:
            self.give(connection)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Around a batch, the iterator of its changes included: one a thread."""
        me = threading.get_ident()
        if me in self._writers:
            raise StorageError(
                "a batch cannot be written from inside the iterator of another one",
                hint="Write it before or after.",
            )
        self._writers.add(me)
        try:
            yield
        finally:
            self._writers.discard(me)

    def _has_room(self) -> bool:
        return len(self._busy) + len(self._parked) + self._opening < _SIZE

    def _has_place(self) -> bool:
        return len(self._streaming) < _SIZE - 1

    def _wait_for(self, condition: Callable[[], bool]) -> None:
        if not (self._closed or condition()):
            deadline = time.monotonic() + self._address.lock_timeout
            self._changed.wait_for(lambda: self._closed or condition(), deadline - time.monotonic())
        if self._closed:
            raise closed_error(self._address)
        if not condition():
            raise StorageBusyError(
                f"all connections to {self._address} are in use by this process",
                hint="Close streams that are no longer read, or read them to their end.",
            )

    def freeze(self) -> None:
        """Before a fork: no other thread is in the middle of a change of what is noted here."""
        self._changed.acquire()

    def thaw(self) -> None:
        """After a fork, in the parent."""
        self._changed.release()

    def start_afresh(self) -> None:
        """After a fork, in the child."""
        for connection in (*self._idle, *self._busy, *self._parked):
            _cut_off(connection)
        self._idle, self._busy, self._parked, self._streaming = [], set(), set(), set()
        self._opening = 0
        self._writers = set()
        self.generation += 1
        self._changed = threading.Condition(threading.RLock())


def _is_alive(connection: Connection) -> bool:
    """Whether the server is still there, as far as this side knows; asks it nothing."""
    try:
        for _ in range(2):  # a farewell is read first, and that nothing follows it then
            connection.pgconn.consume_input()
    except psycopg.Error:
        return False
    return not connection.closed


def _is_ended(connection: Connection) -> bool:
    """End what is open; whether the connection can be used again.

    Not after an error of the server: in a pipeline it skips what follows, and the driver would go on to name
    statements that were never prepared.
    """
    if connection.closed or connection.info.transaction_status == TransactionStatus.INERROR:
        return False
    try:
        if connection.info.transaction_status == TransactionStatus.INTRANS:
            connection.execute("ROLLBACK")
    except psycopg.Error:
        return False
    return connection.info.transaction_status == TransactionStatus.IDLE


def _cut_off(connection: Connection) -> None:
    """Point the child's copy of the socket at nothing; the driver ends nothing that another process began."""
    with suppress(psycopg.Error, OSError):  # it may be closed
        nothing = os.open(os.devnull, os.O_RDWR)
        try:
            os.dup2(nothing, connection.fileno())
        finally:
            os.close(nothing)


def _before_fork() -> None:
    _forking.acquire()
    frozen: list[Pool] = []
    _frozen.append(frozen)
    for reference in _pools.valuerefs():
        pool = reference()
        if pool is not None:
            pool.freeze()
            frozen.append(pool)


def _after_fork_in_parent() -> None:
    for pool in _frozen.pop():
        pool.thaw()
    _forking.release()


def _after_fork_in_child() -> None:
    global _forking
    for pool in _frozen.pop():
        pool.start_afresh()
    _frozen.clear()
    _forking = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child
    )
