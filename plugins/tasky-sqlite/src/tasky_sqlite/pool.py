"""The connections of one process to one database file: few, shared by threads, and never by processes.

At most five, opened when first needed. Any of them can read or write; streams keep at most four, so that
one is always left for writing and for what is read at once, and a program that does one thing at a time opens
only one. A connection is *busy* while a thread uses it, *parked* while an open stream keeps it between
two fetches, and *idle* otherwise.

Forking. SQLite's locks belong to the process (POSIX), while its notes of which locks it holds are memory,
which the child inherits: a child that used an inherited connection, or opened another one beside it, would
believe in locks that it does not have. So:

- Before a fork, the forking thread waits until no other thread is inside an operation, and closes what is
  idle.
- A stream that is parked keeps its connection in the parent. The child closes its copy before it opens
  anything: that only reads, so closing it changes nothing that is shared, and the unlocking that it does
  touches locks of the child, which has none.
- A connection in the middle of a write (the fork was called by the iterator of a batch, or another thread did
  not come to an end in time) can be neither used nor closed in the child: even rolling back writes to the
  memory that is shared with the parent. The child keeps it, untouched, beyond its own end, and refuses to
  open the same file.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from tasky import StorageBusyError, StorageError, StorageUnavailableError
from tasky_sqlite.errors import closed_error

__all__ = ["Pool"]

_SIZE: Final = 5
_FORK_WAIT: Final = 5.0  # seconds for the operations of other threads to end

_pools: weakref.WeakValueDictionary[int, Pool] = weakref.WeakValueDictionary()
_forking = threading.RLock()  # one fork at a time; reentrant, as a signal handler may fork while one begins
_frozen: list[list[Pool]] = []  # by each fork that has begun; only for the holder of the lock
_poisoned: set[str] = set()  # the files whose connections were inherited in the middle of a write


class Pool:
    """``connect`` opens a connection in autocommit mode, and raises Tasky's errors; ``wait`` bounds every
    wait, in seconds."""

    def __init__(
        self, path: str, connect: Callable[[], sqlite3.Connection], first: sqlite3.Connection, *, wait: float
    ) -> None:
        self._path = path
        self._connect = connect
        self._wait = wait
        self._idle = [first]
        self._busy: dict[sqlite3.Connection, int] = {}  # and the thread that uses it
        self._parked: dict[sqlite3.Connection, Callable[[], None]] = {}  # and what ends its statement
        self._streaming: set[sqlite3.Connection] = set()  # parked, or busy with a fetch in between
        self._opening = 0
        self._closed = False
        self._durable: set[sqlite3.Connection] = set()
        self._retired: set[sqlite3.Connection] = set()
        self.generation = 0  # grows with every fork, in the child
        self._make_locks()
        _pools[id(self)] = self

    def _make_locks(self) -> None:
        # Reentrant: the collector may release a stream while its thread is in one of the sections below,
        # which therefore bear connections becoming idle at any moment.
        self._lock = threading.RLock()  # entered itself, in half the time of the condition
        self._changed = threading.Condition(self._lock)
        self._write_lock = threading.Lock()
        self._write_thread: int | None = None
        self._freezer: int | None = None  # the thread that is about to fork

    def take(self) -> sqlite3.Connection:
        """A connection for this thread; give it back with ``give`` or keep it with ``park``."""
        with self._lock:
            if self._closed:
                raise closed_error(self._path)
            if not self._idle or not self._may_go():  # with an idle one there is room
                self._wait_for(self._has_room)
            if self._idle:
                connection = self._idle.pop()
                self._busy[connection] = threading.get_ident()
                return connection
            self._opening += 1
        try:
            connection = self._connect()
        except BaseException:
            with self._lock:
                self._opening -= 1
                self._changed.notify_all()
            raise
        with self._lock:
            self._opening -= 1
            self._busy[connection] = threading.get_ident()
        return connection

    def give(self, connection: sqlite3.Connection) -> None:
        """Take back a connection that ``take`` or ``unpark`` gave, with no transaction open."""
        with self._lock:
            if self._busy.pop(connection, None) is None:
                return  # inherited by a fork
            self._streaming.discard(connection)
            if self._closed or connection in self._retired:
                self._drop(connection)
            else:
                self._idle.append(connection)
            self._changed.notify_all()

    def park(self, connection: sqlite3.Connection, finish: Callable[[], None]) -> bool:
        """Keep a busy connection for a stream, until ``unpark``; False when streams have all they may have.

        ``finish`` ends what the stream has open on it, without which closing it would not close the file.
        """
        with self._lock:
            if connection not in self._streaming and not self._has_place():
                return False
            if self._busy.pop(connection, None) is None:
                return True  # inherited by a fork
            if self._closed:
                finish()
                self._drop(connection)
            else:
                self._streaming.add(connection)
                self._parked[connection] = finish
            self._changed.notify_all()
            return True

    def wait_for_place(self) -> None:
        """Wait until one more stream may keep a connection."""
        with self._lock:
            self._wait_for(self._has_place)

    def unpark(self, connection: sqlite3.Connection) -> bool:
        """Make a parked connection busy again; False when the pool or a fork closed it meanwhile."""
        with self._lock:
            if not self._may_go():
                self._changed.wait_for(self._may_go)
            if connection not in self._parked:
                return False
            del self._parked[connection]
            self._busy[connection] = threading.get_ident()
            return True

    def close(self) -> None:
        """Close what is not busy now, and the rest as soon as it is given back."""
        with self._lock:
            self._closed = True
            while self._idle:
                self._drop(self._idle.pop())
            self._drop_parked()
            self._changed.notify_all()

    def retire(self, connection: sqlite3.Connection) -> None:
        """Close the connection when it is given back: its memory has grown."""
        self._retired.add(connection)

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A connection in a write transaction: rolled back on the way out unless it was committed."""
        if self._write_thread == threading.get_ident():
            raise StorageError(
                "a batch cannot be written from inside the iterator of another one",
                hint="Write it before or after.",
            )
        lock = self._write_lock
        if not lock.acquire(timeout=self._wait):
            raise StorageBusyError(
                f"another thread of this process has been writing to {self._path} for {self._wait:g} s",
                hint="Try again when it is done.",
            )
        self._write_thread = threading.get_ident()
        generation = self.generation
        connection = None
        try:
            connection = self.take()
            self._begin(connection)
            yield connection
        finally:
            if generation == self.generation:  # not in a child that was forked meanwhile
                if connection is not None:
                    try:
                        if connection.in_transaction:
                            connection.execute("ROLLBACK")
                    finally:
                        self.give(connection)
                self._write_thread = None
                lock.release()

    def _begin(self, connection: sqlite3.Connection) -> None:
        from tasky_sqlite.beginning import begin_immediate, make_durable  # a list does without

        if connection not in self._durable:
            make_durable(connection, self._wait)
            self._durable.add(connection)
        begin_immediate(connection, self._wait)

    def _may_go(self) -> bool:
        """Whether this thread may begin something: what has begun comes to its end before a fork."""
        me = threading.get_ident()
        return self._freezer in (None, me) or me in self._busy.values()

    def _has_room(self) -> bool:
        return self._may_go() and len(self._busy) + len(self._parked) + self._opening < _SIZE

    def _has_place(self) -> bool:
        return len(self._streaming) < _SIZE - 1

    def _wait_for(self, condition: Callable[[], bool]) -> None:
        self._changed.wait_for(lambda: self._closed or condition(), self._wait)
        if self._closed:
            raise closed_error(self._path)
        if not condition():
            raise StorageBusyError(
                f"all connections to {self._path} are in use by this process",
                hint="Close streams that are no longer read, or read them to their end.",
            )

    def _drop_parked(self) -> None:
        while self._parked:
            connection, finish = self._parked.popitem()
            finish()
            self._drop(connection)

    def _drop(self, connection: sqlite3.Connection) -> None:
        self._streaming.discard(connection)
        self._durable.discard(connection)
        self._retired.discard(connection)
        connection.close()

    def freeze(self) -> None:
        """Before a fork: hold everything still, and leave as little as possible to inherit."""
        self._changed.acquire()
        me = self._freezer = threading.get_ident()
        self._changed.wait_for(
            lambda: not self._opening and all(thread == me for thread in self._busy.values()), _FORK_WAIT
        )
        while self._idle:
            self._drop(self._idle.pop())

    def thaw(self) -> None:
        """After a fork, in the parent."""
        self._freezer = None
        self._changed.notify_all()
        self._changed.release()

    def start_afresh(self) -> None:
        """After a fork, in the child."""
        for connection in self._busy:
            _keep_for_ever(connection)
            _poisoned.add(self._path)
            self._durable.discard(connection)
        self._busy = {}
        self._streaming = set(self._parked)
        self._drop_parked()
        self._opening = 0
        self.generation += 1
        self._make_locks()


def _keep_for_ever(connection: sqlite3.Connection) -> None:
    """Never close it: Python empties every list when a process ends, but frees nothing that is counted on."""
    import ctypes  # a fork in the middle of a write is rare

    ctypes.pythonapi.Py_IncRef(ctypes.py_object(connection))


def refuse_poisoned(path: str) -> None:
    """Raise in a child that was forked while its parent wrote to ``path``."""
    if path in _poisoned:
        raise StorageUnavailableError(
            f"this process was forked in the middle of a write to {path} and cannot use that store",
            hint="Fork before or after the write, or start a fresh process (multiprocessing: 'spawn').",
        )


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
