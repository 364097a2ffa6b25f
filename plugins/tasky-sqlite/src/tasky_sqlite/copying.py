"""Copy one store into another page by page, with SQLite's online backup, while others write to the source.

See https://www.sqlite.org/c3ref/backup_finish.html. The source is read in one transaction, so its writers go
on and the copy never starts again; the target is written in one, so it holds the copy or nothing.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from tasky import StorageCorruptError, StoreNotEmptyError
from tasky_sqlite.beginning import make_durable
from tasky_sqlite.errors import DRIVER_ERRORS, busy_error, is_busy_code, storage_error
from tasky_sqlite.pool import Pool
from tasky_sqlite.reading import read_all

__all__ = ["copy_pages"]

_PAGES: Final = 4  # a step; fewer than an empty store has, so that the first step is never the last
_NAP: Final = 0.005  # seconds between two looks at a target that another process writes to
_ANYTHING: Final = "SELECT EXISTS (SELECT 1 FROM tasks) OR EXISTS (SELECT 1 FROM batches)"


def copy_pages(source: Pool, source_path: str, target: Pool, target_path: str, wait: float) -> bool:
    """Copy everything; False, with nothing done, when the pages of the two files differ in size.

    Waits at most ``wait`` seconds for writers of the target. Raises ``StoreNotEmptyError`` and the errors of
    both files.
    """
    with _borrowed(source) as reader, _borrowed(target) as writer:
        try:
            size = "PRAGMA page_size"
            if reader.execute(size).fetchone() != writer.execute(size).fetchone():
                return False
            reader.execute("BEGIN")
            reader.execute(_ANYTHING).fetchone()  # takes the snapshot
            make_durable(writer, wait)
            progress = _Progress(target, target_path, wait)
            reader.backup(writer, pages=_PAGES, progress=progress, sleep=_NAP)
        except DRIVER_ERRORS as error:
            is_damage = isinstance(storage_error(error, source_path), StorageCorruptError)
            raise storage_error(error, source_path if is_damage else target_path) from error
        finally:
            if reader.in_transaction:
                reader.execute("ROLLBACK")
    return True


class _Progress:
    """Called after each step; what it raises ends the copy and takes it back."""

    def __init__(self, target: Pool, path: str, wait: float) -> None:
        self._target = target
        self._path = path
        self._deadline = time.monotonic() + wait
        self._is_empty = False

    def __call__(self, status: int, remaining: int, total: int) -> None:
        if is_busy_code(status):
            if time.monotonic() > self._deadline:
                raise busy_error(self._path)
        elif not self._is_empty:  # asked when the target is locked: nobody can fill it any more
            self._is_empty = not read_all(self._target, self._path, lambda _: [(_ANYTHING, ())])[0][0]
            if not self._is_empty:
                raise StoreNotEmptyError(
                    f"the store at {self._path} is not empty",
                    hint="Copy into a store that holds no tasks and no history.",
                )


@contextmanager
def _borrowed(pool: Pool) -> Iterator[sqlite3.Connection]:
    connection = pool.take()
    try:
        yield connection
    finally:
        pool.retire(connection)
        pool.give(connection)
