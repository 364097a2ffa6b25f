"""The storage contract, sentence by sentence, on the SQLite backend."""

from __future__ import annotations

from tasky.testing import BackendConformance
from tasky_sqlite import sqlite_factory
from tasky_sqlite.harness import SqliteHarness


class TestSqlite(BackendConformance):
    """tasky-sqlite keeps the contract."""

    factory = sqlite_factory
    harness = SqliteHarness
