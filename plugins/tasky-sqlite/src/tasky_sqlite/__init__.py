"""SQLite storage for Tasky: one file, ACID, indexed, safe under concurrency."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from tasky_sqlite.repository import SqliteTaskRepository as SqliteTaskRepository

__all__ = ["SqliteTaskRepository", "sqlite_factory"]


def sqlite_factory(path: Path) -> SqliteTaskRepository:
    """The repository in the SQLite file at ``path``, which must be absolute; touches nothing."""
    from tasky_sqlite.repository import SqliteTaskRepository

    return SqliteTaskRepository(path)


def __getattr__(name: str) -> object:
    if name != "SqliteTaskRepository":
        raise AttributeError(f"module 'tasky_sqlite' has no attribute {name!r}")
    from tasky_sqlite.repository import SqliteTaskRepository

    return SqliteTaskRepository
