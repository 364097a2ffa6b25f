"""How a connection begins to write: made durable, and with the lock, for which it waits."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable
from typing import Final

from tasky_sqlite.errors import is_busy

__all__ = ["begin_immediate", "make_durable", "wait_for_disk"]

_SHORTEST_NAP: Final = 0.002  # seconds, a few writes: who asks more often takes time from the one that writes
_LONGEST_NAP: Final = 0.02


def make_durable(connection: sqlite3.Connection, wait: float) -> None:
    """What a connection needs before it writes.

    WAL is a property of the file, and set when it is created; asking again costs nothing and mends a file
    whose creator was killed in between.
    """
    wait_for_disk(connection)
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA journal_size_limit = 67108864")
    # Switching needs the file for itself, and SQLite does not wait for that however long the time-out is.
    _insist(lambda: connection.execute("PRAGMA journal_mode = WAL"), wait)


def wait_for_disk(connection: sqlite3.Connection) -> None:
    """Make each commit of the connection wait until the disk has it.

    On macOS an ordinary sync ends in the disk's own cache; elsewhere the second pragma changes nothing.
    """
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA fullfsync = ON")


def begin_immediate(connection: sqlite3.Connection, wait: float) -> None:
    """BEGIN IMMEDIATE, waiting at most ``wait`` seconds for other writers.

    SQLite's own waiting sleeps longer and longer, so that whoever waited longest is asked least often. Here
    every process sleeps for the same short, random times.
    """
    try:
        connection.execute("PRAGMA busy_timeout = 0")
        _insist(lambda: connection.execute("BEGIN IMMEDIATE"), wait)
    finally:
        connection.execute(f"PRAGMA busy_timeout = {int(wait * 1000)}")


def _insist(statement: Callable[[], object], wait: float) -> None:
    deadline = None
    longest = _SHORTEST_NAP
    while True:
        try:
            statement()
        except sqlite3.OperationalError as error:
            now = time.monotonic()
            deadline = now + wait if deadline is None else deadline
            if not is_busy(error) or now >= deadline:
                raise
        else:
            return
        longest = min(longest * 1.5, _LONGEST_NAP)
        chance = int.from_bytes(os.urandom(1), "big") / 255  # the random module takes longer to import
        time.sleep(_SHORTEST_NAP + longest * chance)
