"""Projects of every size, made once a run, and their tables as bare rows."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tests.benchmarks.dataset import created, tasks
from tests.benchmarks.measure import duration
from tests.benchmarks.processes import Processes
from tests.benchmarks.recording import bare_connection

from tasky import TaskModel, TaskRepository
from tasky_sqlite import sqlite_factory

__all__ = ["Stores", "Tables", "insertion", "opened", "read_tables"]

STORE: Final = Path(".tasky", "tasks.db")


@dataclass(frozen=True, slots=True)
class Tables:
    """A database as the statements that make its schema and the rows of each table."""

    schema: list[str]
    rows: dict[str, list[tuple[Any, ...]]]


@dataclass
class Stores:
    """Makes a project with a SQLite store of ``size`` tasks when it is first asked for."""

    processes: Processes
    projects: dict[int, Path] = field(default_factory=dict)
    models: dict[int, list[TaskModel]] = field(default_factory=dict)

    def tasks(self, size: int) -> list[TaskModel]:
        """The tasks of the store of that size, in memory."""
        if size not in self.models:
            self.models[size] = list(tasks(size))
        return self.models[size]

    def empty_project(self, name: str) -> Path:
        """A new project with an empty store."""
        root = self.processes.home / name
        root.mkdir(parents=True)
        self.processes.run([self.processes.tasky, "init", "--storage", f"sqlite://{STORE}"], cwd=root)
        return root

    def project(self, size: int) -> Path:
        """The root of the project whose store holds ``tasks(size)``."""
        if size not in self.projects:
            root = self.empty_project(f"project-{size}")
            with opened(root / STORE) as repository:
                repository.restore(self.tasks(size), created(self.tasks(size)))
            self.projects[size] = root
        return self.projects[size]

    def store(self, size: int) -> Path:
        """The database file of that project."""
        return self.project(size) / STORE

    def forget(self, size: int) -> None:
        """Let go of the tasks in memory; the project stays."""
        self.models.pop(size, None)


@contextmanager
def opened(path: Path) -> Iterator[TaskRepository]:
    """The store at ``path``, created when it is absent."""
    with sqlite_factory(path) as repository:
        repository.initialize()
        yield repository


def read_tables(path: Path) -> Tables:
    """Everything that the database holds."""
    with closing(sqlite3.connect(path)) as connection:
        made = connection.execute(
            "SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL"
        ).fetchall()
        own = [(kind, name, sql) for kind, name, sql in made if not name.startswith("sqlite_")]
        names = [name for kind, name, _ in own if kind == "table"]
        rows = {name: connection.execute(f"SELECT * FROM {name}").fetchall() for name in names}
        return Tables([sql for _, _, sql in own], rows)


def insertion(path: Path, tables: Tables) -> float:
    """The seconds that bare SQLite takes for the same rows: an ``executemany`` a table, one transaction.

    Like the backend's, its database has its schema before the time runs.
    """
    with closing(bare_connection(path)) as connection:
        connection.execute("PRAGMA cache_size = -16384")  # as large as a backend's may be
        connection.execute("BEGIN")
        for sql in tables.schema:
            connection.execute(sql)
        connection.execute("COMMIT")
        return duration(lambda: _insert(connection, tables))


def _insert(connection: sqlite3.Connection, tables: Tables) -> None:
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("PRAGMA defer_foreign_keys = ON")
    for name, rows in tables.rows.items():
        if rows:
            places = ", ".join("?" * len(rows[0]))
            connection.executemany(f"INSERT INTO {name} VALUES ({places})", rows)
    connection.execute("COMMIT")
