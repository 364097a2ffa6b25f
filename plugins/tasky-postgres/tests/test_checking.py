"""Damage is named: by check all of it, by reading the record that is met."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tasky import StorageBusyError, StorageCorruptError, StorageError, TaskChange
from tasky.testing.samples import at, changed, create, make_batch, make_task, update
from tasky_postgres import PostgresTaskRepository
from tasky_postgres.address import Address

ONE = make_task("One", tags=["a"], details="Some", created_at=at(0))
TWO = make_task("Two", tags=["b"], depends_on=[ONE.task_id], created_at=at(1))


@pytest.fixture
def damaged(repository: PostgresTaskRepository, sql: Any) -> Any:
    """Two tasks, one of them changed; then run statements that get around every rule of the tables."""
    create(repository, ONE, TWO)
    update(repository, ONE, name="One more")

    def damage(*statements: str) -> list[str]:
        for table, name in sql(
            "SELECT conrelid::regclass::text, conname FROM pg_constraint"
            " WHERE connamespace = current_schema()::regnamespace AND contype = 'c'"
        ):
            sql(f'ALTER TABLE {table} DROP CONSTRAINT "{name}"')
        for statement in statements:
            sql(statement)
        return [problem.message for problem in repository.check()]

    return damage


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("UPDATE tasks SET name_folded = 'x' WHERE name = 'Two'", f"search text of task {TWO.task_id}"),
        ("UPDATE tasks SET name = chr(7) || 'x' WHERE name = 'Two'", "one line without control"),
        ("UPDATE tasks SET status = 'gone' WHERE name = 'Two'", f"task {TWO.task_id} cannot be read"),
        ("UPDATE tasks SET tags = '{z,b}' WHERE name = 'Two'", "not in order"),
        ("UPDATE tasks SET tags = '{{a},{b}}' WHERE name = 'Two'", f"task {TWO.task_id} cannot be read"),
        ("UPDATE tasks SET extra = '[1]' WHERE name = 'Two'", "not a JSON object"),
        ("UPDATE tasks SET due_at = 'infinity' WHERE name = 'Two'", f"{TWO.task_id} has a time that"),
        ("UPDATE tasks SET created_at = '10000-01-01' WHERE name = 'Two'", f"{TWO.task_id} has a time that"),
        ("UPDATE history SET before = '{}' WHERE before IS NOT NULL", "history entry 3 cannot be read"),
        ("UPDATE history SET before = NULL WHERE sequence = 3", "the one before it left 1"),
        ("UPDATE history SET revision = 7 WHERE sequence = 3", "leads from 1 to 7"),
        ("UPDATE history SET revision = 2 WHERE sequence = 2", "stored at revision 1, but its history ends"),
        ("DELETE FROM tasks WHERE name = 'Two'", "is not stored, but its history ends at revision 1"),
        ("UPDATE history SET revision = NULL WHERE sequence = 2", "says that it was deleted"),
        (f"UPDATE history SET task_id = '{TWO.task_id}' WHERE sequence = 3", "another task than it names"),
        ("UPDATE history SET batch = 1 WHERE sequence = 3", "belongs to no batch, or to another one"),
        ("DELETE FROM batches", "belongs to no batch"),
        ("UPDATE batches SET actor = 'x', at = 'infinity'", "the batch at sequence"),
        ("DELETE FROM history WHERE sequence = 3", "has no entries"),
        ("UPDATE tasky_store SET last_sequence = 1", "the history has come to 3"),
        ("DROP TABLE batches", "was not read any further"),
        ("ALTER TABLE tasks DROP COLUMN assignee", "lacks a table or column"),
        ("DROP INDEX tasks_created", "index tasks_created is missing"),
        ("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'tasks_due'::regclass", "tasks_due"),
        ("UPDATE tasky_store SET schema_version = 99", "schema version 99"),
        ("DROP TABLE tasky_store", "no Tasky store"),
    ],
)
def test_check_names_the_damage(damaged: Any, statement: str, expected: str) -> None:
    """Every kind of damage that gets around the tables' rules is found and named."""
    found = damaged(statement)
    assert any(expected in message for message in found), found


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        ("UPDATE tasks SET extra = '{' WHERE name = 'Two'", str(TWO.task_id)),
        ("UPDATE tasks SET due_at = 'infinity' WHERE name = 'Two'", str(TWO.task_id)),
        ("ALTER TABLE tasks DROP COLUMN assignee", "lacks a table or column"),
        ("DROP TABLE tasks", "lacks a table or column"),
    ],
)
def test_reading_names_what_it_met(
    damaged: Any, repository: PostgresTaskRepository, statement: str, named: str
) -> None:
    """A list that meets an unreadable task says which one it is."""
    damaged(statement)
    with pytest.raises(StorageCorruptError, match=named):
        list(repository.find_tasks())


def test_a_long_list_names_what_it_met(repository: PostgresTaskRepository, sql: Any) -> None:
    """A task whose time cannot be read is named also in the middle of a stream."""
    late = make_task("late", created_at=at(9_999))
    create(repository, *(make_task(f"task {number}", created_at=at(number)) for number in range(1500)), late)
    sql("ALTER TABLE tasks DROP CONSTRAINT tasks_due_at_check")
    sql("UPDATE tasks SET due_at = 'infinity' WHERE name = 'late'")
    with pytest.raises(StorageCorruptError, match=str(late.task_id)):
        list(repository.find_tasks())


def test_a_check_that_found_something_tells_it_also_when_it_cannot_go_on(
    repository: PostgresTaskRepository, sql: Any
) -> None:
    """What was found before a right was missing is not lost."""
    create(repository, ONE)
    sql("UPDATE tasks SET name_folded = 'x'")
    sql("REVOKE SELECT ON history FROM tasky_user")
    first, second = repository.check()
    assert "search text" in first.message
    assert "was not read any further" in second.message


def test_a_check_that_is_kept_waiting_finds_no_damage(
    repository: PostgresTaskRepository, address: Address, sql: Any
) -> None:
    """Somebody who holds the store is no problem of the store."""
    sql("BEGIN")
    sql("LOCK TABLE tasks IN ACCESS EXCLUSIVE MODE")
    with pytest.raises(StorageBusyError):
        list(PostgresTaskRepository(replace(address, lock_timeout=0.1)).check())
    sql("ROLLBACK")
    assert list(repository.check()) == []


def test_counting_names_an_unknown_status(damaged: Any, repository: PostgresTaskRepository) -> None:
    """A status that is none is not counted as if it were not there."""
    damaged("UPDATE tasks SET status = 'gone' WHERE name = 'Two'")
    with pytest.raises(StorageCorruptError, match="1 tasks have the status 'gone'"):
        repository.count_tasks()


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        ("UPDATE history SET before = '{}' WHERE sequence = 3", "history entry 3"),
        ("UPDATE batches SET at = 'infinity'", "cannot be read"),
        ("DELETE FROM batches", "history entry 1"),
    ],
)
def test_history_names_what_it_met(
    damaged: Any, repository: PostgresTaskRepository, statement: str, named: str
) -> None:
    """An entry that cannot be read is named, and none before it is lost."""
    damaged(statement)
    with pytest.raises(StorageCorruptError, match=named):
        list(repository.history())


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE tasks SET status = 'gone' WHERE name = 'One more'",
        "UPDATE tasks SET extra = '[' WHERE name = 'One more'",
        "DELETE FROM tasky_store",
        "UPDATE tasky_store SET last_sequence = 0",
    ],
)
@pytest.mark.parametrize("others", [0, 60])
def test_a_damaged_store_is_not_written_over(
    damaged: Any, repository: PostgresTaskRepository, sql: Any, statement: str, others: int
) -> None:
    """A change whose task, or whose place in the history, cannot be read is refused and not written."""
    damaged(statement)
    before = changed(ONE, name="One more")
    changes = [TaskChange(None, make_task(f"other {number}")) for number in range(others)]
    changes.insert(others // 2, TaskChange(before, changed(before, name="over it")))
    with pytest.raises(StorageError):
        repository.apply(make_batch(), changes)
    assert sql("SELECT count(*) FROM history") == [(3,)]


def test_a_page_that_is_damaged_on_the_disk_is_named(
    repository: PostgresTaskRepository, sql: Any, server: Any
) -> None:
    """What the server finds damaged on its disk is damage, and not 'no tasks'."""
    create(repository, *(make_task(f"task {number}", details="x" * 200) for number in range(200)))
    ((path,),) = sql("SELECT pg_relation_filepath('tasks')")
    sql("CHECKPOINT")
    server.kill()
    try:
        file = server.data / path
        data = bytearray(file.read_bytes())
        data[:64] = b"\xff" * 64
        file.write_bytes(data)
    finally:
        server.start()
    with pytest.raises(StorageCorruptError):
        list(repository.find_tasks())
    problems = list(repository.check())
    assert any("invalid page" in problem.message for problem in problems)
