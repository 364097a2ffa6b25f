"""What a user who may not write, or not even read, can do with a store, and what they are told."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tasky import StorageError, StorageReadOnlyError, StorageUnavailableError
from tasky.testing.samples import create, make_task, remaining
from tasky_sqlite import SqliteTaskRepository, sqlite_factory

# The rest of a program is run by a user whom permissions stop; root becomes one until the program ends, when
# what measures the tests writes its file.
NOBODY = """
if os.getuid() == 0:
    import atexit, hashlib, tasky_sqlite.checking, tasky_sqlite.repository, tasky_sqlite.writing
    import tasky_sqlite.beginning, tasky_sqlite.salvaging
    os.setgroups([]); os.setresgid(65534, 65534, 0); os.setresuid(65534, 65534, 0)
    atexit.register(os.setresuid, 0, 0, 0)
"""

pytestmark = pytest.mark.skipif(not hasattr(os, "getuid"), reason="users and permissions are POSIX here")


@pytest.fixture
def path() -> Iterator[Path]:
    """Where the store is: where other users come to, too, unlike to pytest's own directories."""
    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o755)
        path = Path(directory).resolve() / "store" / "tasks.db"
        yield path
        path.parent.chmod(0o755)


def test_a_read_only_file_is_read(path: Path, repository: SqliteTaskRepository, run: Any) -> None:
    """A user who may only read the store reads it, and is told why a write fails."""
    create(repository, make_task("one"))
    repository.close()
    path.chmod(0o444)
    path.parent.chmod(0o777)  # somebody else, below, makes the log's index there
    process = run(
        NOBODY
        + """
with SqliteTaskRepository(path) as repository:
    repository.initialize()
    print(repository.get_all_tasks()[0].name)
    try:
        repository.save_task(make_task("two"))
    except StorageError as error:
        print(type(error).__name__)
"""
    )
    out, err = process.communicate(timeout=60)
    assert (out.split(), err) == (["one", StorageReadOnlyError.__name__], "")


def test_a_directory_that_cannot_be_written_is_named(run: Any, path: Path) -> None:
    """A user who may not write the directory is told that the store cannot be created there, or below."""
    path.parent.mkdir(mode=0o555)
    process = run(
        NOBODY
        + """
for place in (path, path.parent / "below" / "tasks.db"):
    try:
        SqliteTaskRepository(place).initialize()
    except StorageError as error:
        print(type(error).__name__, error)
"""
    )
    out, err = process.communicate(timeout=60)
    directory, below = out.splitlines()
    refused = StorageReadOnlyError.__name__
    assert directory == f"{refused} no store can be created in {path.parent}: it cannot be written"
    assert below.startswith(f"{refused} the directory {path.parent / 'below'} cannot be created")
    assert err == ""
    assert list(path.parent.iterdir()) == []


def test_a_directory_that_cannot_be_read_is_named(run: Any, path: Path) -> None:
    """Where a user may create files but not make their names durable, that is said, once."""
    path.parent.mkdir()
    path.parent.chmod(0o333)
    process = run(
        NOBODY
        + """
for attempt in range(2):
    try:
        with SqliteTaskRepository(path) as repository:
            repository.initialize()
            print(repository.get_all_tasks())
    except StorageError as error:
        print(type(error).__name__, error)
"""
    )
    out, err = process.communicate(timeout=60)
    refused = f"{StorageError.__name__} the directory of {path} cannot be made durable: Permission denied"
    assert (out.splitlines(), err) == ([refused, "[]"], "")


def test_a_log_where_its_index_cannot_be_written_is_said_so(
    run: Any, path: Path, repository: SqliteTaskRepository
) -> None:
    """A user who may read a store and its log, but not write beside them, is told what reading takes."""
    create(repository, make_task("one"))
    left = {name: path.with_name(name).read_bytes() for name in ("tasks.db", "tasks.db-wal")}
    repository.close()
    for name, content in left.items():  # what a killed writer leaves, whose index is lost
        path.with_name(name).write_bytes(content)
    path.parent.chmod(0o555)
    process = run(
        NOBODY
        + """
for use in ("initialize", "check"):
    try:
        print(*getattr(SqliteTaskRepository(path), use)())
    except StorageError as error:
        print(type(error).__name__, error, error.hint)
"""
    )
    out, err = process.communicate(timeout=60)
    opened, checked = out.splitlines()
    reason = f"{path} cannot be read here: SQLite has to write the index of its log beside it, also to read"
    assert opened.startswith(f"{StorageReadOnlyError.__name__} {reason}")
    assert f"permission to write in {path.parent}" in opened
    assert checked == opened
    assert err == ""
    assert {file.name: file.read_bytes() for file in path.parent.iterdir()} == left
    path.parent.chmod(0o755)
    with sqlite_factory(path) as mine:
        mine.initialize(create=False)
        assert remaining(mine) == ["one"]


def test_a_journal_that_cannot_be_read_is_left_alone(
    run: Any, path: Path, repository: SqliteTaskRepository
) -> None:
    """A journal that the user may not read is not passed by: it may hold what the store lacks."""
    repository.close()
    path.chmod(0o666)
    path.parent.chmod(0o777)
    journal = path.with_name("tasks.db-journal")
    journal.write_bytes(b"x" * 1000)
    journal.chmod(0o000)
    process = run(
        NOBODY
        + """
try:
    SqliteTaskRepository(path).initialize()
except StorageError as error:
    print(type(error).__name__)
"""
    )
    out, err = process.communicate(timeout=60)
    assert (out.split(), err) == ([StorageUnavailableError.__name__], "")
    assert journal.stat().st_size == 1000
