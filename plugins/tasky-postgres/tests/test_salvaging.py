"""What is salvaged of a damaged store: every task whose row is whole, as it was."""

from __future__ import annotations

from typing import Any

import pytest

from tasky import Problem, StorageError, StoreMissingError, TaskModel
from tasky.testing.samples import create, make_task
from tasky_postgres import PostgresTaskRepository
from tasky_postgres.address import Address

TASKS = [make_task(f"task {number:04}") for number in range(1_200)]
BROKEN = TASKS[500]


@pytest.fixture
def damage(repository: PostgresTaskRepository, sql: Any) -> Any:
    """Run a statement that gets around every rule of the tables, of which the store has many tasks."""
    create(repository, *TASKS)
    for (name,) in sql(
        "SELECT conname FROM pg_constraint WHERE conrelid = 'tasks'::regclass AND contype = 'c'"
    ):
        sql(f'ALTER TABLE tasks DROP CONSTRAINT "{name}"')
    return sql


def salvage(address: Address) -> tuple[list[TaskModel], list[Problem]]:
    """What a repository that is not open finds."""
    with PostgresTaskRepository(address).salvage() as found:
        everything = list(found)
    tasks = [each for each in everything if isinstance(each, TaskModel)]
    return sorted(tasks, key=lambda task: task.name), [
        each for each in everything if isinstance(each, Problem)
    ]


@pytest.mark.parametrize(
    "change", ["extra = '{'", "due_at = 'infinity'", "status = 'odd'", "tags = '{{a},{b}}'"]
)
def test_a_row_that_cannot_be_read_costs_its_task(damage: Any, address: Address, change: str) -> None:
    """One bad row is named; what comes after it is saved as it was."""
    damage(f"UPDATE tasks SET {change} WHERE task_id = %s", BROKEN.task_id)
    tasks, problems = salvage(address)
    assert tasks == [task for task in TASKS if task != BROKEN]
    assert [problem.task_id for problem in problems] == [BROKEN.task_id]


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("DELETE FROM tasky_store", "no Tasky store"),
        ("UPDATE tasky_store SET schema_version = 99", "version 99"),
        ("DROP TABLE tasky_store", "no Tasky store"),
        ("UPDATE tasks SET name_folded = 'x' WHERE name = 'task 0000'", "search text"),
    ],
)
def test_what_is_wrong_around_the_tasks_costs_none(
    damage: Any, address: Address, statement: str, said: str
) -> None:
    """A store that has lost its version, or a search text, gives every task, and says what is wrong."""
    damage(statement)
    tasks, problems = salvage(address)
    assert tasks == TASKS
    assert [problem.task_id for problem in problems] == [None]
    assert said in problems[0].message


def test_the_history_is_not_needed(damage: Any, address: Address) -> None:
    """Where the history is gone the tasks are not."""
    damage("DROP TABLE history, batches")
    assert salvage(address) == (TASKS, [])


def test_a_table_that_lacks_a_column_is_a_problem(damage: Any, address: Address) -> None:
    """What cannot be asked for ends the salvage, and is said."""
    damage("ALTER TABLE tasks DROP COLUMN assignee")
    tasks, problems = salvage(address)
    assert tasks == []
    assert "not read any further" in problems[0].message


def test_where_there_is_no_store_nothing_is_salvaged(address: Address, sql: Any) -> None:
    """A schema that is not there, and one that may not be read, are errors."""
    with pytest.raises(StoreMissingError):
        PostgresTaskRepository(address).salvage()
    sql(f"CREATE SCHEMA {address.schema}")
    sql("CREATE TABLE tasky_store (schema_version integer)")
    with pytest.raises(StorageError):
        PostgresTaskRepository(address).salvage()
