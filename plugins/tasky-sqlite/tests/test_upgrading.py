"""A store of an older version becomes one of this version: all of it, once, or not at all."""

from __future__ import annotations

import signal
import sqlite3
from collections.abc import Callable
from contextlib import closing
from itertools import chain
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from tasky import StorageError, TaskFilter
from tasky.testing.samples import at, make_task
from tasky_sqlite import SqliteTaskRepository, schema, sqlite_factory

Sql: TypeAlias = Callable[..., list[tuple[Any, ...]]]

DATA = Path(__file__).with_name("data")
TABLES = ("tasks", "task_tags", "task_dependencies", "batches", "history")
OLDER = list(range(1, len(schema.STEPS)))


@pytest.fixture
def make_older(path: Path) -> Callable[[int], None]:
    """Make the store at ``path`` as that version made it: four tasks, one changed twice, one deleted."""

    def make(version: int) -> None:
        path.parent.mkdir(exist_ok=True)
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.executescript((DATA / f"version-{version}.sql").read_text("utf-8"))

    return make


def test_every_older_version_is_kept() -> None:
    """Whoever adds a step keeps a store of the version before it, for these tests."""
    assert sorted(file.name for file in DATA.iterdir()) == [f"version-{version}.sql" for version in OLDER]


@pytest.mark.parametrize("version", OLDER)
def test_an_older_store_is_upgraded(
    path: Path, make_older: Callable[[int], None], sql: Sql, version: int
) -> None:
    """Opening it is enough: it has this version, every row that it had, and no problem."""
    make_older(version)
    before = _rows(sql)
    assert sql("PRAGMA user_version") == [(version,)]
    with sqlite_factory(path) as repository:
        repository.initialize(create=False)
        assert [task.name for task in repository.find_tasks()] == ["Buy milk", "Later", "Sooner", "Done"]
        assert len(list(repository.history())) == 8
        assert list(repository.check()) == []
    assert sql("PRAGMA user_version") == [(len(schema.STEPS),)]
    assert _rows(sql) == before
    assert [file.name for file in path.parent.iterdir()] == ["tasks.db"]


@pytest.mark.parametrize("version", OLDER)
def test_an_upgraded_store_is_like_a_new_one(
    path: Path, make_older: Callable[[int], None], tmp_path: Path, sql: Sql, version: int
) -> None:
    """It has the tables and indexes of a new store, letter for letter, and the same rows in them."""
    make_older(version)
    new = tmp_path / "new.db"
    with sqlite_factory(path) as repository, sqlite_factory(new) as fresh:
        repository.initialize(create=False)
        fresh.initialize()
        fresh.restore(repository.find_tasks(), repository.history())
        tasks, history = list(fresh.find_tasks()), list(fresh.history())
        assert (tasks, history) == (repository.get_all_tasks(), list(repository.history()))
    statement = "SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name"
    with closing(sqlite3.connect(new)) as connection:
        assert connection.execute(statement).fetchall() == sql(statement)


# Dies, as from kill -9, when SQLite begins the statement that the second argument is part of.
KILLED = """
import signal
connect = sqlite3.connect
def traced(*arguments, **options):
    connection = connect(*arguments, **options)
    connection.set_trace_callback(
        lambda statement: os.kill(os.getpid(), signal.SIGKILL) if sys.argv[2] in statement else None
    )
    return connection
sqlite3.connect = traced
SqliteTaskRepository(path).initialize(create=False)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="Windows has no such signal")
@pytest.mark.parametrize("version", OLDER)
@pytest.mark.parametrize("moment", ["BEGIN IMMEDIATE", "CREATE INDEX", "PRAGMA user_version =", "COMMIT"])
def test_a_killed_upgrade_leaves_the_older_store(
    path: Path, make_older: Callable[[int], None], run: Any, sql: Sql, version: int, moment: str
) -> None:
    """Whenever its process is killed, the store is the older one, whole, and the next process upgrades it."""
    make_older(version)
    before = _rows(sql), sql("SELECT * FROM sqlite_schema")
    process = run(KILLED, moment)
    assert process.communicate(timeout=60) == ("", "")
    assert process.returncode == -signal.SIGKILL
    assert (_rows(sql), sql("SELECT * FROM sqlite_schema")) == before
    assert sql("PRAGMA user_version") == [(version,)]
    assert list(sqlite_factory(path).check()) == []
    with sqlite_factory(path) as repository:
        repository.initialize(create=False)
        assert list(repository.check()) == []
    assert sql("PRAGMA user_version") == [(len(schema.STEPS),)]


# Waits for the word, opens the store, and says how often it created the index and what it found.
COUNTING = """
created = 0
connect = sqlite3.connect
def traced(*arguments, **options):
    def count(statement):
        global created
        created += statement.startswith("CREATE INDEX")
    connection = connect(*arguments, **options)
    connection.set_trace_callback(count)
    return connection
sqlite3.connect = traced
sys.stdin.readline()
with SqliteTaskRepository(path) as repository:
    repository.initialize(create=False)
    print(created, len(repository.get_all_tasks()))
"""


@pytest.mark.parametrize("version", OLDER)
def test_processes_that_open_an_older_store_at_once_upgrade_it_once(
    path: Path, make_older: Callable[[int], None], run: Any, version: int
) -> None:
    """One of them takes the steps, the others wait for it, and all go on with the same store."""
    make_older(version)
    processes = [run(COUNTING) for _ in range(6)]
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    said = [process.communicate(timeout=60) for process in processes]
    statements = chain(*schema.STEPS[version:])
    indexes = sum(statement.startswith("CREATE INDEX") for statement in statements)
    assert sorted(out for out, _ in said) == ["0 4\n"] * 5 + [f"{indexes} 4\n"]
    assert {err for _, err in said} == {""}


def test_a_failed_upgrade_changes_nothing(
    path: Path, repository: SqliteTaskRepository, sql: Sql, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An upgrade that fails half way leaves the older store as it was."""
    task = repository.save_task(make_task("kept"))
    repository.close()
    monkeypatch.setattr(schema, "STEPS", [*schema.STEPS, ("CREATE TABLE later (x)", "NONSENSE")])
    with pytest.raises(StorageError):
        sqlite_factory(path).initialize()
    monkeypatch.undo()
    assert sql("SELECT name FROM sqlite_schema WHERE name = 'later'") == []
    with sqlite_factory(path) as same:
        same.initialize(create=False)
        assert same.get_all_tasks() == [task]


def test_a_step_may_put_a_table_in_the_place_of_another(
    path: Path, make_older: Callable[[int], None], sql: Sql, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What refers to the table still does, and is enforced again when the store is open."""
    make_older(1)
    step = (
        "CREATE TABLE new (first_sequence INTEGER PRIMARY KEY, id, at, actor, command, undoes, place)",
        "INSERT INTO new SELECT *, NULL FROM batches",
        "DROP TABLE batches",
        "ALTER TABLE new RENAME TO batches",
    )
    monkeypatch.setattr(schema, "STEPS", [*schema.STEPS, step])
    with sqlite_factory(path) as repository:
        repository.initialize(create=False)
        assert len(list(repository.history())) == 8
    assert sql("PRAGMA foreign_key_check") == []
    assert sql("SELECT count(*) FROM batches") == [(4,)]


def test_an_upgraded_store_finds_what_waits_by_its_index(
    path: Path, make_older: Callable[[int], None]
) -> None:
    """What the new index is for gives the same tasks as before."""
    make_older(1)
    with sqlite_factory(path) as repository:
        repository.initialize(create=False)
        waiting = TaskFilter(waiting=True, now=at(10))
        assert [task.name for task in repository.find_tasks(waiting)] == ["Later", "Done"]
        assert sum(repository.count_tasks(waiting).values()) == 2


def _rows(sql: Sql) -> list[list[tuple[Any, ...]]]:
    return [sql(f"SELECT * FROM {table} ORDER BY 1, 2") for table in TABLES]
