"""Copying page by page: of one moment, all or nothing, and never over anything."""

from __future__ import annotations

import os
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tasky import (
    StorageBusyError,
    StorageCorruptError,
    StorageFullError,
    StoreNotEmptyError,
    TaskChange,
    copy_store,
)
from tasky.copying import check_whole
from tasky.testing.samples import create, make_batch, make_task, many_tasks, remaining, write
from tasky_sqlite import SqliteTaskRepository

COPY = """
from tasky import copy_store
target = SqliteTaskRepository(Path(sys.argv[2]))
target.initialize()
source = SqliteTaskRepository(path)
source.initialize(create=False)
"""


@pytest.fixture
def target(tmp_path: Path) -> Iterator[SqliteTaskRepository]:
    """An open, empty store to copy into; it does not wait long."""
    with SqliteTaskRepository(tmp_path / "copy.db", busy_timeout=0.1) as repository:
        repository.initialize()
        yield repository


def same(one: SqliteTaskRepository, other: SqliteTaskRepository) -> bool:
    """Whether two stores hold the same tasks and the same history, numbers included."""
    return list(one.find_tasks()) == list(other.find_tasks()) and list(one.history()) == list(other.history())


def test_a_copy_is_the_same(repository: SqliteTaskRepository, target: SqliteTaskRepository) -> None:
    """Tasks and history come along, and the copy is a store like any other."""
    first = make_task("first", tags=("t",), extra={"k": [1.0]})
    create(repository, first, *many_tasks("many", 3000, 50))
    write(repository, TaskChange(first, None))
    copy_store(repository, target)
    assert same(repository, target)
    check_whole(target, "the copy")
    create(target, make_task("later"))
    assert len(remaining(repository)) == 3000


def test_a_copy_of_an_empty_store_is_empty(
    repository: SqliteTaskRepository, target: SqliteTaskRepository
) -> None:
    """Nothing to copy is no error."""
    copy_store(repository, target)
    assert remaining(target) == []
    assert list(target.check()) == []


def test_a_target_that_holds_anything_is_left_alone(
    repository: SqliteTaskRepository, target: SqliteTaskRepository
) -> None:
    """A task that was created and deleted again has left a history, which is not written over either."""
    task = make_task("gone")
    create(target, task)
    write(target, TaskChange(task, None))
    with pytest.raises(StoreNotEmptyError, match=r"copy\.db is not empty"):
        copy_store(repository, target)
    assert len(list(target.history())) == 2


def test_writers_go_on_while_a_copy_is_made(
    run: Any, repository: SqliteTaskRepository, tmp_path: Path
) -> None:
    """Batches are in the copy whole or not at all, those acknowledged before it began are, and none waits."""
    create(repository, *many_tasks("many", 5000, 100))
    program = """
with SqliteTaskRepository(path, busy_timeout=1) as repository:
    repository.initialize(create=False)
    for number in range(10_000):
        one = batch()
        repository.apply(one, [TaskChange(None, make_task(f"{one.id} {part}")) for part in range(5)])
        print(one.id, flush=True)
"""
    writers = [run(program) for _ in range(2)]
    for number in range(2):
        before = [writer.stdout.readline().strip() for writer in writers]
        with SqliteTaskRepository(tmp_path / f"copy {number}.db") as copy:
            copy.initialize()
            copy_store(repository, copy)
            names = [name.split()[0] for name in remaining(copy) if not name.startswith("many")]
            assert set(before) <= set(names)
            assert {names.count(name) for name in set(names)} == {5}
            check_whole(copy, "the copy")
        assert all(writer.poll() is None for writer in writers), [writer.communicate() for writer in writers]


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this platform cannot kill -9")
def test_kill_9_leaves_an_empty_target(run: Any, repository: SqliteTaskRepository, tmp_path: Path) -> None:
    """A copy that was cut off at any point counts for nothing, and is made again over it."""
    create(repository, *many_tasks("many", 3000, 1000))
    place = tmp_path / "copy.db"
    for size in (1, 1_000_000):
        process = run(COPY + "while True: copy_store(source, target)", str(place))
        log = Path(f"{place}-wal")
        while not (log.exists() and log.stat().st_size > size):
            assert process.poll() is None, process.communicate()
        process.kill()
        process.wait()
        with SqliteTaskRepository(place) as copy:
            copy.initialize(create=False)
            assert len(remaining(copy)) in (0, 3000)
            assert list(copy.check()) == []
            if not remaining(copy):
                copy_store(repository, copy)
            assert same(repository, copy)
        for file in tmp_path.glob("copy.db*"):
            file.unlink()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no limit on the size of files")
def test_a_full_disk_leaves_an_empty_target(
    run: Any, repository: SqliteTaskRepository, tmp_path: Path
) -> None:
    """Without space for the copy the error says so, and what was begun is taken back."""
    create(repository, *many_tasks("many", 2000, 1000))
    place = tmp_path / "copy.db"
    program = """
import resource
resource.setrlimit(resource.RLIMIT_FSIZE, (600_000, resource.RLIM_INFINITY))
try:
    copy_store(source, target)
except StorageError as error:
    print(type(error).__name__, str(Path(sys.argv[2])) in str(error))
print(sum(target.count_tasks().values()))
"""
    assert run(COPY + program, str(place)).communicate(timeout=60) == (
        f"{StorageFullError.__name__} True\n0\n",
        "",
    )


def test_a_target_that_is_being_written_to_is_busy(
    repository: SqliteTaskRepository, target: SqliteTaskRepository, tmp_path: Path
) -> None:
    """After the configured wait the error names the target, and nothing was copied."""
    create(repository, make_task("a"))
    with closing(sqlite3.connect(tmp_path / "copy.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StorageBusyError, match=r"copy\.db is held"):
            copy_store(repository, target)
    assert remaining(target) == []
    copy_store(repository, target)
    assert remaining(target) == ["a"]


def test_files_with_pages_of_another_size_are_copied_too(
    repository: SqliteTaskRepository, target: SqliteTaskRepository, sql: Any, path: Path
) -> None:
    """SQLite cannot copy such pages, so the copy goes through the contract."""
    create(repository, make_task("a", tags=("t",)))
    repository.close()
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.executescript("PRAGMA journal_mode = DELETE; PRAGMA page_size = 8192; VACUUM")
    repository.initialize()
    assert sql("PRAGMA page_size") == [(8192,)]
    copy_store(repository, target)
    assert same(repository, target)


def test_damage_is_found_in_the_copy(
    repository: SqliteTaskRepository, target: SqliteTaskRepository, path: Path
) -> None:
    """Pages are copied as they are, so whoever checks the copy finds what is wrong with the source."""
    repository.apply(make_batch(), (TaskChange(None, task) for task in many_tasks("many", 3000, 500)))
    repository.close()
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 2 // 4096 * 4096)
        file.write(b"\xff" * 4096)
    repository.initialize()
    copy_store(repository, target)
    with pytest.raises(StorageCorruptError, match=r"the copy is damaged"):
        check_whole(target, "the copy")


def test_a_source_that_cannot_be_read_is_named(
    repository: SqliteTaskRepository, target: SqliteTaskRepository, path: Path
) -> None:
    """When the source breaks down, the error is about it, and the target stays empty."""
    create(repository, *many_tasks("many", 2000, 500))
    repository.close()
    repository.initialize()
    os.truncate(path, path.stat().st_size // 2)
    with pytest.raises(StorageCorruptError, match=r"tasks\.db"):
        copy_store(repository, target)
    assert remaining(target) == []
