"""Which files this process reads with SQLite and which past it, and never both at once.

SQLite's locks belong to the process (POSIX): when any descriptor of the file is closed, whoever opened it,
the locks of every connection to it are gone, and other processes write where this one does. So a file that is
read past SQLite has no connection, until it is closed.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import weakref
from collections import Counter
from collections.abc import Callable
from typing import Any, Final

from tasky import StorageBusyError

__all__ = ["connection_to", "read_past_sqlite"]

_lock = threading.RLock()  # reentrant, as the collector may close something in the middle of a section
_connections: Final[weakref.WeakKeyDictionary[sqlite3.Connection, str]] = weakref.WeakKeyDictionary()
_read: Final[Counter[str]] = Counter()


class _Connection(sqlite3.Connection):
    """One that is no longer counted when it is closed."""

    def close(self) -> None:
        super().close()
        with _lock:
            _connections.pop(self, None)


def connection_to(path: str, database: str, **options: Any) -> sqlite3.Connection:
    """``sqlite3.connect(database, **options)``, which opens the file at ``path``.

    Raises ``StorageBusyError`` while this process reads the file past SQLite.
    """
    real = os.path.realpath(path)
    with _lock:
        if _read[real]:
            raise StorageBusyError(
                f"this process salvages {path}, so it cannot be opened here",
                hint="Read the salvage to its end, or close it, before.",
            )
        connection = sqlite3.connect(database, factory=_Connection, **options)
        _connections[connection] = real
        return connection


def read_past_sqlite(path: str) -> Callable[[], None]:
    """Keep the file at ``path`` from being opened by SQLite in this process, until the answer is called.

    Raises ``StorageBusyError`` while it has a connection here.
    """
    real = os.path.realpath(path)
    with _lock:
        if real in _connections.values():
            raise StorageBusyError(
                f"this process has {path} open, so it cannot be salvaged here",
                hint="Close the repository first, or run 'tasky check --salvage'.",
            )
        _read[real] += 1

    def release() -> None:
        with _lock:
            _read[real] -= 1

    return release


def _after_fork_in_child() -> None:
    global _lock
    _lock = threading.RLock()  # another thread may have held it


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
