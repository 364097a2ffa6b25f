"""What the conformance kit needs done to a database, and what only its author knows how to do."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from uuid import UUID

from tasky import TaskRepository
from tasky.testing import StoreHarness
from tasky_sqlite.repository import SqliteTaskRepository
from tasky_sqlite.schema import STEPS

__all__ = ["SqliteHarness"]


class SqliteHarness(StoreHarness):
    """Databases for the kit: made newer, damaged, and made to contradict their history."""

    def fresh_location(self, directory: Path) -> Path:
        """A file in a directory that is not there yet."""
        return directory / "project" / "tasks.db"

    def impatient(self, location: Path) -> TaskRepository:
        """A repository that waits for anything for 0.1 s."""
        return SqliteTaskRepository(location, busy_timeout=0.1)

    def make_newer(self, location: Path) -> None:
        """Raise the version of the schema."""
        _execute(location, f"PRAGMA user_version = {len(STEPS) + 1}")

    def damage_task(self, location: Path, task_id: UUID) -> None:
        """Write what is no JSON into the task's row, past the table's own rules."""
        _execute(location, "UPDATE tasks SET extra = 'unreadable' WHERE task_id = ?", task_id.bytes)

    def contradict(self, location: Path, task_id: UUID) -> None:
        """Raise the task's revision, of which the history knows nothing."""
        _execute(location, "UPDATE tasks SET revision = 99 WHERE task_id = ?", task_id.bytes)


def _execute(path: Path, statement: str, *values: bytes) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA ignore_check_constraints = ON")
        connection.execute(statement, values)
