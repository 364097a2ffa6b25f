"""What the tests of this plugin share: a store in a file of its own, and a look into it."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from tasky_sqlite import SqliteTaskRepository

Sql: TypeAlias = Callable[..., list[tuple[Any, ...]]]
Run: TypeAlias = Callable[..., subprocess.Popen[str]]

# What every program below begins with.
PRELUDE = """
import os, sqlite3, sys, threading
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4
from tasky import Batch, ConflictError, StorageError, TaskChange, TaskFilter, TaskModel
from tasky.testing.samples import changed, make_task
from tasky_sqlite import SqliteTaskRepository
path = Path(sys.argv[1])
def batch():
    return Batch(uuid4(), datetime.now(UTC), "ann", "test")
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the store is."""
    return tmp_path / "store" / "tasks.db"


@pytest.fixture
def repository(path: Path) -> Iterator[SqliteTaskRepository]:
    """An open, empty store; closed at the end."""
    with SqliteTaskRepository(path, busy_timeout=5) as repository:
        repository.initialize()
        yield repository


@pytest.fixture
def sql(path: Path) -> Sql:
    """Run one statement on the file, past the repository; gives the rows."""

    def run(statement: str, *params: Any) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(path, isolation_level=None, timeout=5)) as connection:
            return connection.execute(statement, params).fetchall()

    return run


@pytest.fixture
def prelude() -> str:
    """What a program begins with that finds the store's path in its first argument."""
    return PRELUDE


@pytest.fixture
def run(path: Path) -> Iterator[Run]:
    """Start a Python program in a process of its own; it finds the store at ``path``."""
    started: list[subprocess.Popen[str]] = []

    def start(program: str, *arguments: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", PRELUDE + program, str(path), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()
