"""Missing, empty, foreign, newer and older files; what initialize leaves behind."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tasky import (
    SchemaTooNewError,
    StorageCorruptError,
    StorageError,
    StorageFullError,
    StorageUnavailableError,
    StoreClosedError,
    StoreMissingError,
)
from tasky.testing.samples import make_task
from tasky_sqlite import SqliteTaskRepository, schema, sqlite_factory


def test_a_new_store_is_one_file(path: Path) -> None:
    """Creating and closing a store leaves its file and nothing beside it."""
    with sqlite_factory(path) as repository:
        repository.initialize()
    assert [file.name for file in path.parent.iterdir()] == ["tasks.db"]


def test_a_factory_touches_nothing(path: Path) -> None:
    """Making the repository creates neither file nor directory."""
    sqlite_factory(path)
    assert not path.parent.exists()


def test_a_missing_store_is_not_created(path: Path) -> None:
    """Opening without create says that there is no store, and creates nothing."""
    with pytest.raises(StoreMissingError, match="no store at"):
        sqlite_factory(path).initialize(create=False)
    assert not path.parent.exists()


def test_an_empty_file_is_no_store_yet(path: Path) -> None:
    """An empty file counts as absent: refused without create, filled with it."""
    path.parent.mkdir()
    path.touch()
    with pytest.raises(StoreMissingError, match="empty"):
        sqlite_factory(path).initialize(create=False)
    assert path.read_bytes() == b""
    with sqlite_factory(path) as repository:
        repository.initialize()
        assert repository.get_all_tasks() == []


@pytest.mark.parametrize("content", [b"not a database at all" * 100, b"\x00" * 4096, b"x"])
def test_what_is_no_database_is_left_alone(path: Path, content: bytes) -> None:
    """A file that is no SQLite database is refused, and keeps its bytes."""
    path.parent.mkdir()
    path.write_bytes(content)
    for create in (True, False):
        with pytest.raises(StorageCorruptError, match=r"tasks\.db"):
            sqlite_factory(path).initialize(create=create)
    assert path.read_bytes() == content
    assert [file.name for file in path.parent.iterdir()] == ["tasks.db"]


@pytest.mark.parametrize("mode", ["DELETE", "WAL"])
def test_a_foreign_database_is_left_alone(path: Path, mode: str) -> None:
    """Another program's SQLite database is refused, and keeps its bytes."""
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA journal_mode = {mode}")
        connection.execute("CREATE TABLE theirs (x)")
    content = path.read_bytes()
    with pytest.raises(StorageCorruptError, match="not a Tasky store"):
        sqlite_factory(path).initialize()
    assert path.read_bytes() == content
    assert [file.name for file in path.parent.iterdir()] == ["tasks.db"]


def test_a_newer_schema_is_left_alone(path: Path, repository: SqliteTaskRepository, sql: Any) -> None:
    """A store that a newer Tasky wrote is refused, and keeps its bytes."""
    repository.close()
    sql(f"PRAGMA user_version = {len(schema.STEPS) + 1}")
    content = path.read_bytes()
    with pytest.raises(SchemaTooNewError, match=f"version {len(schema.STEPS) + 1}"):
        sqlite_factory(path).initialize()
    assert path.read_bytes() == content


links = pytest.mark.skipif(os.name == "nt", reason="links need a privilege on Windows")


@pytest.mark.parametrize("name", ["copy/tasks.db", pytest.param("link.db", marks=links)])
def test_a_newer_schema_with_a_log_is_left_alone(
    path: Path, repository: SqliteTaskRepository, tmp_path: Path, name: str
) -> None:
    """Neither the file nor the log of a newer store changes, even when its writer was killed."""
    repository.close()
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA user_version = 99")
        log = path.with_name("tasks.db-wal")
        copy = tmp_path / "copy"
        copy.mkdir()
        for file in (path, log):
            (copy / file.name).write_bytes(file.read_bytes())
    left = {name: (copy / name).read_bytes() for name in ("tasks.db", "tasks.db-wal")}
    assert left["tasks.db-wal"]
    place = tmp_path / name
    if not place.exists():
        place.symlink_to(copy / "tasks.db")
    with pytest.raises(SchemaTooNewError):
        sqlite_factory(place).initialize()
    assert {name: (copy / name).read_bytes() for name in left} == left


def test_an_old_sqlite_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Python whose SQLite has no strict tables is told so, and creates nothing."""
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 36, 0))
    with pytest.raises(StorageError, match=r"needs SQLite 3\.37"):
        sqlite_factory(path).initialize()
    assert not path.exists()


def test_a_directory_is_no_store(tmp_path: Path) -> None:
    """A location that is a directory is refused."""
    with pytest.raises(StorageUnavailableError, match="cannot be opened"):
        sqlite_factory(tmp_path).initialize()


def test_a_parent_that_is_a_file_is_refused(tmp_path: Path) -> None:
    """A location under a file cannot be created, and says why."""
    (tmp_path / "file").touch()
    with pytest.raises(StorageUnavailableError, match="cannot be created"):
        sqlite_factory(tmp_path / "file" / "below" / "tasks.db").initialize()


@pytest.mark.parametrize("name", ["a b.db", "50%.db", "what?.db", "c#.db", "ä€.db", "a&mode=memory.db"])
def test_any_file_name_is_taken_as_it_is(tmp_path: Path, name: str) -> None:
    """Characters that mean something in a URI mean nothing in the name of a store."""
    with sqlite_factory(tmp_path / name) as repository:
        repository.initialize()
        repository.save_task(make_task("one"))
        assert name in [file.name for file in tmp_path.iterdir()]


@links
def test_a_link_is_followed_where_it_leads_somewhere(path: Path, tmp_path: Path) -> None:
    """A new store is made where a link leads, and refused where that is in no directory."""
    link = tmp_path / "link.db"
    link.symlink_to(path)
    with pytest.raises(StorageUnavailableError, match="cannot be opened"):
        sqlite_factory(link).initialize()
    path.parent.mkdir()
    with sqlite_factory(link) as repository:
        repository.initialize()
    assert link.is_symlink()
    assert [file.name for file in path.parent.iterdir()] == ["tasks.db"]


def test_everything_but_check_needs_initialize(path: Path) -> None:
    """Before initialize and after close the methods say that the store is not open."""
    repository = sqlite_factory(path)
    with pytest.raises(StoreClosedError, match="not open"):
        repository.get_all_tasks()
    repository.initialize()
    repository.close()
    repository.close()
    with pytest.raises(StoreClosedError):
        repository.count_tasks()
    repository.initialize()
    assert repository.get_all_tasks() == []
    repository.close()


def test_what_is_committed_is_durable(path: Path, repository: SqliteTaskRepository) -> None:
    """The connection that writes has the write-ahead log, full synchronisation and foreign keys in force."""
    assert repository._pool is not None
    with repository._pool.writing() as connection:
        asked: Callable[[str], Any] = lambda name: connection.execute(f"PRAGMA {name}").fetchone()[0]  # noqa: E731 - one line
        assert asked("journal_mode") == "wal"
        assert asked("synchronous") == 2
        assert asked("fullfsync") == 1
        assert asked("foreign_keys") == 1
        assert asked("busy_timeout") == 5000
        assert asked("application_id") == schema.APPLICATION_ID


def test_twelve_processes_create_one_store(run: Any, repository: SqliteTaskRepository, path: Path) -> None:
    """Processes that initialize the same absent store at once agree on one, and each writes to it."""
    repository.close()
    path.unlink()
    program = """
sys.stdin.readline()
with SqliteTaskRepository(path) as repository:
    repository.initialize()
    repository.save_task(make_task(sys.argv[2]))
"""
    processes = [run(program, f"task {number}") for number in range(12)]
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in processes:
        assert process.communicate(timeout=60) == ("", "")
    with sqlite_factory(path) as repository:
        repository.initialize(create=False)
        assert len(repository.get_all_tasks()) == 12


def test_a_store_that_another_makes_meanwhile_is_taken_as_it_is(run: Any, path: Path) -> None:
    """Whoever waits for the creator of a store takes what was made, and makes nothing a second time."""
    process = run(
        """
import time
from tasky_sqlite import schema
path.parent.mkdir()
creator = sqlite3.connect(path, isolation_level=None)
creator.execute("BEGIN IMMEDIATE")
sleep = time.sleep
def finish(seconds):  # called by whoever waits
    time.sleep = sleep
    schema.upgrade(creator, 0)
    creator.execute("COMMIT")
    creator.close()
    print("made")
time.sleep = finish
with SqliteTaskRepository(path) as repository:
    repository.initialize()
    print(repository.get_all_tasks())
"""
    )
    assert process.communicate(timeout=60) == ("made\n[]\n", "")


# Writes more than fits into the cache, so that some of it is in the file, and ends without a word.
KILLED_CREATOR = """
import os, sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("PRAGMA cache_size = 1")
connection.execute("BEGIN IMMEDIATE")
connection.execute("CREATE TABLE tasks (x)")
connection.executemany("INSERT INTO tasks VALUES (?)", [("x" * 4000,)] * 100)
os._exit(0)
"""


def test_what_a_killed_creator_left_is_undone(path: Path) -> None:
    """Half a store, with the journal that undoes it, counts as no store, and one is made there."""
    path.parent.mkdir()
    subprocess.run([sys.executable, "-c", KILLED_CREATOR, path], check=True)
    assert sorted(file.name for file in path.parent.iterdir()) == ["tasks.db", "tasks.db-journal"]
    assert all(file.stat().st_size for file in path.parent.iterdir())
    with pytest.raises(StoreMissingError, match="empty"):
        sqlite_factory(path).initialize(create=False)
    with sqlite_factory(path) as repository:
        repository.initialize()
        assert repository.get_all_tasks() == []
    assert [file.name for file in path.parent.iterdir()] == ["tasks.db"]


def test_a_creator_that_is_killed_meanwhile_harms_nothing(run: Any, path: Path) -> None:
    """Half a store that comes after an empty file was found, and will never be finished, is undone, too."""
    process = run(
        """
import subprocess
path.parent.mkdir()
path.touch()
stat = os.stat
def leave_half(place, *arguments, **options):  # called by whoever has found an empty file
    if place == os.fspath(path):
        os.stat = stat
        subprocess.run([sys.executable, "-c", sys.argv[2], path], check=True)
        print(stat(path).st_size > 0)
    return stat(place, *arguments, **options)
os.stat = leave_half
with SqliteTaskRepository(path) as repository:
    repository.initialize()
    print(repository.get_all_tasks())
""",
        KILLED_CREATOR,
    )
    assert process.communicate(timeout=60) == ("True\n[]\n", "")
    assert [file.name for file in path.parent.iterdir()] == ["tasks.db"]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no limit on the size of files")
def test_no_space_for_a_new_store_is_named(run: Any, path: Path) -> None:
    """A store that does not fit on the disk is reported as that, and can be created when there is space."""
    process = run(
        """
import resource
for size in (0, 1_000, 20_000):
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
    try:
        SqliteTaskRepository(path).initialize()
    except StorageError as error:
        print(type(error).__name__)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
"""
    )
    out, err = process.communicate(timeout=60)
    assert (out.split(), err) == ([StorageFullError.__name__] * 3, "")
    with sqlite_factory(path) as repository:
        with pytest.raises(StoreMissingError):
            repository.initialize(create=False)
        repository.initialize()
        assert list(repository.check()) == []


def test_a_place_that_cannot_hold_a_store_is_named(tmp_path: Path) -> None:
    """A directory is no store, and nothing can be created below a file."""
    (tmp_path / "file").touch()
    with pytest.raises(StorageUnavailableError, match="cannot be opened"):
        sqlite_factory(tmp_path).initialize()
    for place in (tmp_path / "file" / "tasks.db", tmp_path / "file" / "below" / "tasks.db"):
        with pytest.raises(StorageUnavailableError, match="cannot be created"):
            sqlite_factory(place).initialize()
        with pytest.raises(StoreMissingError):
            sqlite_factory(place).initialize(create=False)
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


def test_a_log_without_its_file_is_kept(run: Any, path: Path, repository: SqliteTaskRepository) -> None:
    """Whoever deletes the file of a killed process hears of its log, which may hold tasks."""
    process = run(
        """
with SqliteTaskRepository(path) as repository:
    repository.initialize()
    repository.save_task(make_task("in the log"))
    print("ready", flush=True)
    sys.stdin.readline()
"""
    )
    assert process.stdout.readline() == "ready\n"
    process.kill()
    process.wait()
    log = Path(f"{path}-wal").read_bytes()
    repository.close()
    path.unlink()
    Path(f"{path}-wal").write_bytes(log)
    for create in (False, True):
        with pytest.raises(StorageCorruptError, match=r"its log .*-wal is, which may hold tasks"):
            SqliteTaskRepository(path).initialize(create=create)
    assert Path(f"{path}-wal").read_bytes() == log
    assert not path.exists()
