"""Damage is named: by check all of it, by reading the record that is met."""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tasky import (
    StorageCorruptError,
    StorageError,
    StorageUnavailableError,
    StoreMissingError,
    TaskChange,
    TaskFilter,
    TaskModel,
)
from tasky.testing.samples import at, create, make_task, remaining, update, write
from tasky_sqlite import SqliteTaskRepository, sqlite_factory

FRAME = 24 + 4096  # bytes, in the log

ONE = make_task("One", tags=["a"], details="Some", created_at=at(0))
TWO = make_task("Two", tags=["b"], depends_on=[ONE.task_id], created_at=at(1))


@pytest.fixture
def damaged(repository: SqliteTaskRepository, path: Path) -> Any:
    """Two tasks, one of them changed; then run statements on the file that get around every rule."""
    create(repository, ONE, TWO)
    update(repository, ONE, name="One more")

    def damage(*statements: str) -> list[str]:
        connection = sqlite3.connect(path, isolation_level=None, timeout=5)
        connection.execute("PRAGMA ignore_check_constraints = ON")
        for statement in statements:
            connection.execute(statement)
        connection.close()
        return [problem.message for problem in repository.check()]

    return damage


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("UPDATE tasks SET name_folded = 'x' WHERE name = 'Two'", f"search text of task {TWO.task_id}"),
        ("UPDATE tasks SET name = CAST(x'ff' AS TEXT) WHERE name = 'Two'", f"task {TWO.task_id.hex}"),
        ("UPDATE tasks SET name = char(7) || 'x' WHERE name = 'Two'", "one line without control"),
        ("UPDATE tasks SET status = 'gone' WHERE name = 'Two'", f"task {TWO.task_id.hex}"),
        ("UPDATE tasks SET tags = 'z b' WHERE name = 'Two'", "not in order"),
        ("UPDATE tasks SET extra = '[1]' WHERE name = 'Two'", "not a JSON object"),
        ("UPDATE tasks SET due_at = 9223372036854775807", f"task {TWO.task_id.hex}"),
        ("DELETE FROM task_tags WHERE tag = 'b'", "index of tags lacks 'b'"),
        ("INSERT INTO task_tags VALUES ('zz', 1)", "index of tags has"),
        ("INSERT INTO task_tags VALUES ('zz', 99)", "not stored"),
        ("DELETE FROM task_dependencies", "index of dependencies differs"),
        ("INSERT INTO task_dependencies VALUES (99, x'00112233445566778899aabbccddeeff')", "refers to a row"),
        ("UPDATE history SET before = '{}' WHERE before IS NOT NULL", "history entry 3 cannot be read"),
        ("UPDATE history SET before = CAST(x'ff' AS TEXT) WHERE sequence = 3", "entry 3 cannot be read"),
        ("UPDATE history SET before = NULL WHERE sequence = 3", "the one before it left 1"),
        ("UPDATE history SET revision = 7 WHERE sequence = 3", "leads from 1 to 7"),
        ("UPDATE history SET revision = 2 WHERE sequence = 2", "stored at revision 1, but its history ends"),
        ("DELETE FROM tasks WHERE name = 'Two'", "is not stored, but its history ends at revision 1"),
        ("UPDATE history SET revision = NULL WHERE sequence = 2", "says that it was deleted"),
        (
            f"UPDATE history SET task_id = x'{TWO.task_id.hex}' WHERE sequence = 3",
            "holds another task than it names",
        ),
        ("UPDATE history SET batch = 1 WHERE sequence = 3", "outside its batch"),
        ("DELETE FROM batches", "refers to a row"),
        ("UPDATE batches SET actor = CAST(x'ff' AS TEXT)", "the batch of history entry"),
        ("DROP TABLE batches", "cannot be read any further"),
        ("PRAGMA user_version = 99", "schema version 99"),
        ("PRAGMA application_id = 7", "not a Tasky store"),
    ],
)
def test_check_names_the_damage(damaged: Any, statement: str, expected: str) -> None:
    """Every kind of damage that gets around the table's rules is found and named."""
    assert damaged() == []
    problems = damaged(statement)
    assert any(expected in problem for problem in problems), problems


def test_check_finds_a_broken_index(damaged: Any) -> None:
    """An index that lacks a row is found by SQLite's own check."""
    problems = damaged(
        "PRAGMA writable_schema = ON",
        "UPDATE sqlite_schema SET sql = 'CREATE INDEX tasks_closed ON tasks (closed_at)'"
        " WHERE name = 'tasks_closed'",
    )
    assert any("tasks_closed" in problem for problem in problems)


def test_what_sqlite_finds_is_one_problem_a_line(path: Path, repository: SqliteTaskRepository) -> None:
    """Several findings of one tree are several problems, without the heading that SQLite gives them."""
    create(repository, *(make_task(f"task {n}", details="x" * 300, created_at=at(n)) for n in range(100)))
    repository.close()
    data = bytearray(path.read_bytes())
    leaf = data.index(b"task 50") // 4096 * 4096
    data[leaf + 8 : leaf + 12] = b"\xff" * 4  # where two of its cells are
    path.write_bytes(data)
    messages = [problem.message for problem in sqlite_factory(path).check()]
    assert len(messages) > 1
    assert not any("***" in message or "\n" in message for message in messages)


def test_where_sqlite_breaks_off_the_first_damaged_pages_are_named(
    path: Path, repository: SqliteTaskRepository
) -> None:
    """A check that cannot go on says which pages of which tree are damaged, unless the store is open here."""
    create(repository, *(make_task(f"task {n}", details="x" * 300, created_at=at(n)) for n in range(100)))
    repository.close()
    data = bytearray(path.read_bytes())
    data[4096:] = bytes(len(data) - 4096)
    path.write_bytes(data)
    messages = [problem.message for problem in sqlite_factory(path).check()]
    assert "cannot be read any further" in messages[0]
    assert any("tasks: page 2 is not a page" in message for message in messages)
    assert len(messages) <= 6


def test_check_names_the_task(damaged: Any, repository: SqliteTaskRepository) -> None:
    """A problem carries the id of the task that it is about."""
    damaged("UPDATE tasks SET name_folded = 'x' WHERE name = 'Two'")
    assert [problem.task_id for problem in repository.check()] == [TWO.task_id]


def test_check_changes_nothing(path: Path, repository: SqliteTaskRepository) -> None:
    """A store that nobody has open is the same file, alone in its directory, after a check."""
    create(repository, ONE, TWO)
    repository.close()
    before = path.read_bytes(), path.stat().st_mtime_ns
    assert list(sqlite_factory(path).check()) == []
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before
    assert [file.name for file in path.parent.iterdir()] == ["tasks.db"]


links = pytest.mark.skipif(os.name == "nt", reason="links need a privilege on Windows")


@pytest.mark.parametrize("name", ["copy/tasks.db", pytest.param("link.db", marks=links)])
def test_check_leaves_the_log_in_place(
    path: Path, repository: SqliteTaskRepository, tmp_path: Path, name: str
) -> None:
    """What a killed writer left in the log is checked, and still in the log afterwards."""
    create(repository, ONE)
    copy = tmp_path / "copy"
    copy.mkdir()
    before = {file: path.with_name(file).read_bytes() for file in ("tasks.db", "tasks.db-wal")}
    for file, content in before.items():
        (copy / file).write_bytes(content)
    place = tmp_path / name
    if not place.exists():
        place.symlink_to(copy / "tasks.db")
    assert list(sqlite_factory(place).check()) == []
    assert {file: (copy / file).read_bytes() for file in before} == before


@pytest.mark.parametrize(
    ("offset", "said"),
    [
        (8, "header is damaged"),
        (16, "header is damaged"),
        (32 + 2 * FRAME + 90, "frame 3 is damaged"),
        (32 + 2 * FRAME + 18, "frame 3 is damaged"),
    ],
)
def test_a_log_that_lost_batches_is_a_problem(
    path: Path, repository: SqliteTaskRepository, tmp_path: Path, offset: int, said: str
) -> None:
    """SQLite passes over the committed batches behind the damage in silence; check does not."""
    data = _log_of_nine_batches(path, repository, tmp_path)
    data[offset] ^= 0xFF
    (problem, *_) = _check_with_log(tmp_path, data)
    assert said in problem
    assert "SQLite ignores the batches there" in problem
    assert (tmp_path / "tasks.db-wal").read_bytes() == data


def test_a_last_batch_in_pieces_is_no_damage(
    path: Path, repository: SqliteTaskRepository, tmp_path: Path
) -> None:
    """A loss of power leaves the batch that was being written, or a log that was just begun, in any state."""
    data = _log_of_nine_batches(path, repository, tmp_path)
    create(repository, *(make_task(f"more {number}", details="x" * 3_000) for number in range(20)))
    torn = bytearray(path.with_name("tasks.db-wal").read_bytes())
    torn[len(data) + 2 * FRAME + 90] ^= 0xFF
    for log in (torn, data[: 32 + 5], bytearray(40_000), bytearray(512) + data[512:]):
        assert _check_with_log(tmp_path, log) == []


def test_a_log_that_was_begun_again_is_no_damage(
    path: Path, repository: SqliteTaskRepository, tmp_path: Path
) -> None:
    """The frames of before are still behind those of now, with all their commits."""
    _log_of_nine_batches(path, repository, tmp_path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(FULL)")
    create(repository, make_task("late"))
    shutil.copy(path, tmp_path)
    assert _check_with_log(tmp_path, path.with_name("tasks.db-wal").read_bytes()) == []


def test_a_log_is_no_damage_while_others_write(
    path: Path, repository: SqliteTaskRepository, run: Any
) -> None:
    """What a writer is in the middle of, while it is looked at, is not taken for damage."""
    writer = run(
        """
with SqliteTaskRepository(path) as repository:
    repository.initialize()
    for number in range(150):
        repository.apply(batch(), [TaskChange(None, make_task(str(number), details="x" * 9_000))])
"""
    )
    while writer.poll() is None:
        assert list(repository.check()) == []
    assert writer.communicate() == ("", "")


def test_check_of_a_missing_store_says_so(path: Path) -> None:
    """There is nothing to check where there is no file, and none is created."""
    with pytest.raises(StoreMissingError):
        sqlite_factory(path).check()
    assert not path.parent.exists()


def test_check_of_what_cannot_be_opened_says_so(tmp_path: Path) -> None:
    """A directory in the place of the store is an error, as in opening it: nothing could be checked."""
    with pytest.raises(StorageUnavailableError, match="cannot be opened"):
        sqlite_factory(tmp_path).check()


@pytest.mark.parametrize(("content", "expected"), [(b"", "empty"), (b"scrap" * 999, "not a database")])
def test_check_of_what_is_no_store_is_a_problem(path: Path, content: bytes, expected: str) -> None:
    """A file that is no store is one problem, not an error."""
    path.parent.mkdir()
    path.write_bytes(content)
    (problem,) = sqlite_factory(path).check()
    assert expected in problem.message
    assert path.read_bytes() == content


def test_a_check_can_be_given_up(path: Path, repository: SqliteTaskRepository) -> None:
    """Closing a check half way releases the file."""
    create(repository, ONE)
    stream = repository.check()
    stream.close()
    assert list(stream) == []


def test_an_unreadable_task_is_named_where_it_comes(damaged: Any, repository: SqliteTaskRepository) -> None:
    """A list yields what comes before an unreadable task, then names it and points to the check."""
    damaged("UPDATE tasks SET due_at = 9223372036854775807 WHERE name = 'Two'")
    stream = repository.find_tasks()
    assert next(stream).name == "One more"
    with pytest.raises(StorageCorruptError, match=TWO.task_id.hex) as caught:
        next(stream)
    assert "tasky check" in caught.value.hint
    with pytest.raises(StorageCorruptError, match=TWO.task_id.hex):
        repository.get_task(TWO.task_id)
    assert repository.get_task(ONE.task_id) is not None


def test_a_status_that_is_none_is_damage(damaged: Any, repository: SqliteTaskRepository) -> None:
    """Counting tasks of which one has a status that does not exist is an error that says so."""
    damaged("UPDATE tasks SET status = 'pond' WHERE name = 'Two'")
    with pytest.raises(StorageCorruptError, match="1 tasks have the status 'pond'"):
        repository.count_tasks()


def test_an_id_that_is_none_is_shown_as_it_is(damaged: Any, repository: SqliteTaskRepository) -> None:
    """A column of ids that holds something else is named with what it holds."""
    problems = damaged(
        "PRAGMA writable_schema = ON",
        "UPDATE sqlite_schema SET sql = replace(sql, 'task_id BLOB NOT NULL', 'task_id BLOB')"
        " WHERE name = 'tasks'",
        "PRAGMA writable_schema = RESET",
        "UPDATE tasks SET task_id = NULL WHERE name = 'Two'",
    )
    assert any("task None (row 2) cannot be read" in problem for problem in problems), problems
    with pytest.raises(StorageCorruptError, match="task None"):
        list(repository.find_tasks())


def test_text_that_is_not_utf8_is_named(damaged: Any, repository: SqliteTaskRepository) -> None:
    """A list that cannot be read for its bytes names the task, and other tasks can still be read."""
    damaged("UPDATE tasks SET details = CAST(x'ff' AS TEXT) WHERE name = 'Two'")
    with pytest.raises(StorageCorruptError, match=TWO.task_id.hex):
        repository.find_tasks()
    with pytest.raises(StorageCorruptError, match=TWO.task_id.hex):
        repository.get_task(TWO.task_id)
    assert [task.name for task in repository.find_tasks(TaskFilter(tags=("a",)))] == ["One more"]


def test_text_that_is_not_utf8_behind_a_damaged_page_is_an_error(
    damaged: Any, repository: SqliteTaskRepository, path: Path
) -> None:
    """Where the search for the task that cannot be read meets other damage, that is said, too."""
    create(repository, *(make_task(f"task {n}", details="x" * 400, created_at=at(n + 9)) for n in range(100)))
    create(repository, make_task("last row, first in order", created_at=at(-1)))
    damaged("UPDATE tasks SET details = CAST(x'ff' AS TEXT) WHERE name LIKE 'last%'")
    repository.close()
    data = path.read_bytes()
    middle = data.index(b"task 50") // 4096 * 4096
    path.write_bytes(data[:middle] + b"\xff" * 4096 + data[middle + 4096 :])
    repository.initialize(create=False)
    with pytest.raises(StorageCorruptError, match="not UTF-8, and more damage"):
        repository.find_tasks(limit=1)


def test_an_unreadable_entry_is_named(damaged: Any, repository: SqliteTaskRepository) -> None:
    """The history names the entry that it cannot read, after those before it."""
    damaged("UPDATE history SET before = '{}' WHERE sequence = 3")
    stream = repository.history()
    assert [next(stream).sequence, next(stream).sequence] == [1, 2]
    with pytest.raises(StorageCorruptError, match="history entry 3"):
        next(stream)
    damaged("UPDATE history SET before = CAST(x'ff' AS TEXT) WHERE sequence = 3")
    with pytest.raises(StorageCorruptError, match="history entry or batch"):
        repository.history()


def test_a_missing_table_is_damage(damaged: Any, repository: SqliteTaskRepository) -> None:
    """A store without its tables is damaged, in Tasky's words, for readers and writers."""
    damaged("DROP TABLE history")
    with pytest.raises(StorageCorruptError, match="lacks a table"):
        repository.history()
    with pytest.raises(StorageCorruptError, match="lacks a table"):
        create(repository, make_task("late"))


@pytest.mark.parametrize("seed", range(12))
def test_random_damage_is_reported_or_harmless(
    path: Path, repository: SqliteTaskRepository, seed: int
) -> None:
    """Flipped bytes and cut files give Tasky's errors or tasks, and check always comes to its end."""
    import random

    random_bytes = random.Random(seed)  # noqa: S311 - the same damage each time
    create(repository, *(make_task(f"task {n}", details="x" * 300, tags=["t"]) for n in range(300)))
    repository.close()
    data = bytearray(path.read_bytes())
    if seed % 3 == 0:
        del data[random_bytes.randrange(1000, len(data)) :]
    else:
        for _ in range(40):
            data[random_bytes.randrange(100, len(data))] ^= 1 << random_bytes.randrange(8)
    path.write_bytes(data)
    list(sqlite_factory(path).check())
    with sqlite_factory(path) as store:
        try:
            store.initialize(create=False)
            assert all(isinstance(task, TaskModel) for task in store.find_tasks())
            remaining(store)
            write(store, TaskChange(None, make_task("late")))
        except StorageError:
            pass


def _log_of_nine_batches(path: Path, repository: SqliteTaskRepository, copy: Path) -> bytearray:
    """The log, and a copy of the file in ``copy`` without it."""
    for number in range(9):
        create(repository, make_task(f"task {number}", created_at=at(number)))
    shutil.copy(path, copy)
    return bytearray(path.with_name("tasks.db-wal").read_bytes())


def _check_with_log(copy: Path, log: bytes | bytearray) -> list[str]:
    (copy / "tasks.db-wal").write_bytes(log)
    return [problem.message for problem in sqlite_factory(copy / "tasks.db").check()]
