"""New rows, and the pieces that they come in: in chunks, so that a million need not be in memory.

Rows are numbered here and not by SQLite, so that a task, its tags, its dependencies and its history can each
be written by one ``executemany`` a chunk.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Final, TypeVar

from tasky import TaskModel
from tasky_sqlite.errors import DRIVER_ERRORS
from tasky_sqlite.records import COLUMNS, casefolds, task_to_row

__all__ = [
    "INSERT_BATCH",
    "INSERT_EDGE",
    "INSERT_HISTORY",
    "INSERT_TAG",
    "CallersError",
    "chunks",
    "insert_tasks",
    "is_bulk",
    "use_memory",
]

T = TypeVar("T")

_CHUNK: Final = 500
BULK: Final = 5_000  # changes from which a larger page cache pays for itself
_COLUMNS: Final = (*COLUMNS, "name_folded", "details_folded")

_INSERT: Final = f"INSERT INTO tasks (row_id, {', '.join(_COLUMNS)}) VALUES (?{', ?' * len(_COLUMNS)})"  # noqa: S608 - constants
INSERT_TAG: Final = "INSERT INTO task_tags (tag, row_id) VALUES (?, ?)"
INSERT_EDGE: Final = "INSERT INTO task_dependencies (row_id, depends_on) VALUES (?, ?)"
INSERT_BATCH: Final = (
    "INSERT INTO batches (first_sequence, id, at, actor, command, undoes) VALUES (?, ?, ?, ?, ?, ?)"
)
INSERT_HISTORY: Final = (
    "INSERT INTO history (sequence, batch, task_id, before, revision) VALUES (?, ?, ?, ?, ?)"
)


class CallersError(Exception):
    """Carries an exception of SQLite's that the caller's iterator raised: it is not about the store."""

    def __init__(self, error: Exception) -> None:
        super().__init__(error)
        self.error = error


def insert_tasks(connection: sqlite3.Connection, row_id: int, tasks: list[TaskModel]) -> None:
    """Insert the tasks, numbered from ``row_id`` on; ``sqlite3.IntegrityError`` when one is there already."""
    rows = []
    tags: list[tuple[str, int]] = []
    edges: list[tuple[int, bytes]] = []
    for task in tasks:
        rows.append((row_id, *task_to_row(task), *casefolds(task.name, task.details)))
        if task.tags:
            tags += [(tag, row_id) for tag in task.tags]
        if task.depends_on:
            edges += [(row_id, needed.bytes) for needed in task.depends_on]
        row_id += 1
    connection.executemany(_INSERT, rows)
    if tags:
        connection.executemany(INSERT_TAG, tags)
    if edges:
        connection.executemany(INSERT_EDGE, edges)


def chunks(items: Iterable[T], still_ours: Callable[[], None]) -> Iterator[list[T]]:
    """The items in lists; ``still_ours`` is called whenever their iterator, the caller's code, has run.

    Raises ``CallersError`` for an exception of SQLite's that comes from there.
    """
    try:
        iterator = iter(items)
        while True:
            chunk = list(islice(iterator, _CHUNK))
            still_ours()
            if not chunk:
                return
            yield chunk
    except DRIVER_ERRORS as error:
        raise CallersError(error) from error


def is_bulk(rows: int) -> bool:
    """Whether so many rows in one transaction are worth a larger page cache."""
    return rows > BULK


def use_memory(connection: sqlite3.Connection, rows: int) -> None:
    """Enlarge the page cache when ``is_bulk``: indexes grow at random places, and would be read again.

    16 MB are nearly as fast as four times as many, and most of what an import holds is this cache.
    """
    if is_bulk(rows):
        connection.execute("PRAGMA cache_size = -16384")
