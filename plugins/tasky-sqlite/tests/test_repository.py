"""What the repository itself sees to: what is imported when, and disks that fail during a commit."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tasky import (
    OutcomeUnknownError,
    StorageError,
    StorageFullError,
    StorageUnavailableError,
    TaskChange,
)
from tasky.testing.samples import create, make_batch, make_task, remaining
from tasky_sqlite import SqliteTaskRepository


def test_a_repository_shows_its_location(path: Path) -> None:
    """In a debugger a repository says which file it is of, without opening it."""
    assert repr(SqliteTaskRepository(path)) == f"SqliteTaskRepository('{path}')"
    assert not path.exists()


def test_a_list_does_without_what_writing_needs(run: Any, repository: SqliteTaskRepository) -> None:
    """Reading tasks imports neither the code that writes them nor the one that checks the store."""
    create(repository, make_task("one"))
    process = run(
        """
with SqliteTaskRepository(path) as repository:
    repository.initialize(create=False)
    (task,) = repository.find_tasks(TaskFilter(text="one"))
    repository.count_tasks()
    later = {f"tasky_sqlite.{name}" for name in ("beginning", "checking", "filling", "inserting", "writing")}
    print(*sorted(later & set(sys.modules)))
    repository.save_task(task)
    print(*sorted(later & set(sys.modules)))
"""
    )
    written = "tasky_sqlite.beginning tasky_sqlite.inserting tasky_sqlite.writing"
    assert process.communicate(timeout=60) == (f"\n{written}\n", "")


# What programs below do to the open store: from then on reads and writes fail, as those of a lost disk do.
LOSE = """
def lose(path):
    directory = os.open(path.parent, os.O_RDONLY)
    for name in (path, path.with_name(path.name + "-wal")):
        wanted = name.stat()
        for fd in range(3, 64):
            try:
                found = os.fstat(fd)
            except OSError:
                continue
            if (found.st_dev, found.st_ino) == (wanted.st_dev, wanted.st_ino):
                os.dup2(directory, fd)
"""

posix = pytest.mark.skipif(
    os.name == "nt", reason="Windows has neither limits on files nor dup2 of a directory"
)


@posix
def test_a_commit_that_fails_writes_nothing(run: Any, repository: SqliteTaskRepository) -> None:
    """A disk that is full at the very end of a batch refuses it whole, and the next one may come."""
    create(repository, make_task("before"))
    process = run(
        """
import resource
changes = [TaskChange(None, make_task(f"n{n}", details="x" * 9000)) for n in range(30)]
def until_full():
    yield from changes
    resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, resource.RLIM_INFINITY))
with SqliteTaskRepository(path) as repository:
    repository.initialize()
    try:
        repository.apply(batch(), until_full())
    except StorageError as error:
        print(type(error).__name__)
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    print(len(repository.get_all_tasks()))
    repository.save_task(make_task("after"))
"""
    )
    out, err = process.communicate(timeout=60)
    assert (out.split(), err) == ([StorageFullError.__name__, "1"], "")
    assert remaining(repository) == ["after", "before"]


@pytest.fixture
def watch(repository: SqliteTaskRepository) -> Iterator[Callable[[Callable[..., None]], None]]:
    """Have a function called with the repository's connection and each statement before it runs."""
    assert repository._pool is not None
    connection = repository._pool.take()
    repository._pool.give(connection)
    yield lambda see: connection.set_trace_callback(lambda statement: see(connection, statement))
    connection.set_trace_callback(None)


def test_a_commit_that_is_interrupted_writes_nothing(repository: SqliteTaskRepository, watch: Any) -> None:
    """A commit that comes to nothing is an error, its batch is undone, and the next one may come."""
    interrupted: list[str] = []

    def interrupt(connection: sqlite3.Connection, statement: str) -> None:
        if statement == "COMMIT" and not interrupted:
            interrupted.append(statement)
            connection.interrupt()

    watch(interrupt)
    with pytest.raises(StorageError, match="refused the operation"):
        create(repository, make_task("lost"))
    assert remaining(repository) == []
    create(repository, make_task("kept"))
    assert remaining(repository) == ["kept"]
    assert list(repository.check()) == []


def test_a_batch_that_was_written_all_the_same_is_no_error(
    path: Path, repository: SqliteTaskRepository, watch: Any
) -> None:
    """After a commit failed the batch is looked up: when it is there all the same, it counts as written."""
    batch, changes = make_batch(), [TaskChange(None, make_task("one"))]
    seen: list[str] = []

    def interrupt(connection: sqlite3.Connection, statement: str) -> None:
        seen.append(statement)
        if statement == "COMMIT":
            connection.interrupt()
        elif seen[-2:-1] == ["ROLLBACK"]:
            with SqliteTaskRepository(path) as other:
                other.initialize()
                other.apply(batch, changes)

    watch(interrupt)
    repository.apply(batch, changes)
    assert seen[-3:-1] == ["COMMIT", "ROLLBACK"]
    assert remaining(repository) == ["one"]
    assert [entry.batch.id for entry in repository.history()] == [batch.id]


@posix
def test_a_commit_whose_answer_is_lost_says_so(run: Any, repository: SqliteTaskRepository) -> None:
    """When the disk goes away during a commit, the error names the batch to look for later."""
    create(repository, make_task("before"))
    process = run(
        LOSE
        + """
def until_lost():
    for n in range(1000):  # whole chunks, so that the loss meets nothing but the commit
        yield TaskChange(None, make_task(f"late {n}"))
    lose(path)
repository = SqliteTaskRepository(path)
repository.initialize()
sent = batch()
try:
    repository.apply(sent, until_lost())
except StorageError as error:
    print(type(error).__name__, str(sent.id) in str(error), bool(error.hint))
"""
    )
    out, err = process.communicate(timeout=60)
    assert (out.split(), err) == ([OutcomeUnknownError.__name__, "True", "True"], "")
    assert remaining(repository) == ["before"]
    assert list(repository.check()) == []


@posix
def test_a_disk_that_goes_away_ends_a_stream(run: Any, repository: SqliteTaskRepository) -> None:
    """A stream whose store cannot be read any further says so, in Tasky's words, after what it had."""
    create(repository, *(make_task(str(n), details="x" * 3000) for n in range(3000)))
    process = run(
        LOSE
        + """
repository = SqliteTaskRepository(path)
repository.initialize()
stream = repository.find_tasks()
found = [next(stream)]
lose(path)
try:
    found += stream
except StorageError as error:
    print(len(found) < 3000, type(error).__name__)
print(list(stream))
"""
    )
    out, err = process.communicate(timeout=60)
    assert (out.splitlines(), err) == ([f"True {StorageUnavailableError.__name__}", "[]"], "")
