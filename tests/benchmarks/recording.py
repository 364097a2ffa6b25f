"""The statements that a backend sends to SQLite, noted once and run again bare.

So the baseline is the same SQL with the same values, whatever the backend's schema and statements are today.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

__all__ = ["Statement", "bare_connection", "recorded", "replay"]

Statement = tuple[str, Any]
"""SQL and its parameters."""


def recorded(action: Callable[[Callable[[], None]], object]) -> list[Statement]:
    """The statements that ``action`` sends through connections opened while it runs.

    ``action`` gets a function that forgets what was noted so far: called after the store was opened, it
    leaves the statements of the operation alone. Raises ``RuntimeError`` when none was noted.
    """
    noted: list[Statement] = []
    with _recording_connections(noted):
        action(noted.clear)
    if not noted:
        raise RuntimeError("the backend opened its connection in a way that is not recorded")
    return [(sql, parameters) for sql, parameters in noted if not sql.lstrip().startswith("PRAGMA")]


def replay(connection: sqlite3.Connection, statements: Iterable[Statement]) -> int:
    """Run the statements and fetch everything that they return; how many rows that was."""
    rows = 0
    for sql, parameters in statements:
        rows += len(connection.execute(sql, parameters).fetchall())
    return rows


def bare_connection(path: Path, *, wait: float = 5.0) -> sqlite3.Connection:
    """A connection as durable as the backend's, with nothing around it.

    It waits ``wait`` seconds for a lock.
    """
    connection = sqlite3.connect(path, isolation_level=None, timeout=wait, check_same_thread=False)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA fullfsync = ON")
    connection.execute("PRAGMA foreign_keys = ON")
    return connection


@contextmanager
def _recording_connections(noted: list[Statement]) -> Iterator[None]:
    class RecordingCursor(sqlite3.Cursor):
        def execute(self, sql: str, parameters: Any = (), /) -> RecordingCursor:
            noted.append((sql, parameters))
            super().execute(sql, parameters)
            return self

        def executemany(self, sql: str, parameters: Iterable[Any], /) -> RecordingCursor:
            rows = list(parameters)
            noted.extend((sql, row) for row in rows)
            super().executemany(sql, rows)
            return self

    class RecordingConnection(sqlite3.Connection):
        def cursor(self, factory: Any = RecordingCursor) -> Any:
            return super().cursor(factory)

        def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
            cursor: sqlite3.Cursor = self.cursor().execute(sql, parameters)
            return cursor

        def executemany(self, sql: str, parameters: Iterable[Any], /) -> sqlite3.Cursor:
            cursor: sqlite3.Cursor = self.cursor().executemany(sql, parameters)
            return cursor

    connect = sqlite3.connect

    def recording_connect(*arguments: Any, **options: Any) -> sqlite3.Connection:
        connection: sqlite3.Connection = connect(*arguments, **{**options, "factory": RecordingConnection})
        return connection

    sqlite3.connect = recording_connect  # type: ignore[assignment] # put back below
    try:
        yield
    finally:
        sqlite3.connect = connect
