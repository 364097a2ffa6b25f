"""Sets of any size and text of any kind are criteria, and mean what the filter says."""

from __future__ import annotations

from uuid import UUID

from tasky import TaskFilter, TaskStatus
from tasky.testing.samples import at, make_task
from tasky_sqlite import SqliteTaskRepository


def test_a_hundred_thousand_ids_are_one_filter(repository: SqliteTaskRepository) -> None:
    """A set of ids may be larger than the number of variables that SQLite binds."""
    task = repository.save_task(make_task("one"))
    ids = frozenset([UUID(int=number) for number in range(100_000)])
    assert list(repository.find_tasks(TaskFilter(ids=ids | {task.task_id}))) == [task]
    assert list(repository.find_tasks(TaskFilter(ids=ids))) == []
    assert list(repository.find_tasks(TaskFilter(depends_on_any=ids))) == []


def test_many_names_are_one_filter(repository: SqliteTaskRepository) -> None:
    """Thousands of tags or of assignees are no longer statement than a few."""
    many = [f"n{number}" for number in range(2_000)]
    task = repository.save_task(make_task("one", tags=many, assignee="n7"))
    other = repository.save_task(make_task("two", created_at=at(1)))
    assert list(repository.find_tasks(TaskFilter(tags=tuple(many)))) == [task]
    assert list(repository.find_tasks(TaskFilter(tags=(*many, "no")))) == []
    assert list(repository.find_tasks(TaskFilter(without_tags=tuple(many)))) == [other]
    assert list(repository.find_tasks(TaskFilter(assignees=frozenset(many)))) == [task]
    assert list(repository.find_tasks(TaskFilter(assignees=frozenset([*many, None])))) == [task, other]


def test_text_that_no_task_can_hold_is_in_none(repository: SqliteTaskRepository) -> None:
    """Searching for a lone surrogate, in a text or as a name, finds nothing and fails nowhere."""
    repository.save_task(make_task("one"))
    assert list(repository.find_tasks(TaskFilter(text="\ud800"))) == []
    assert list(repository.find_tasks(TaskFilter(assignees=frozenset({"\ud800"})))) == []
    assert repository.count_tasks(TaskFilter(text="\ud800"))[TaskStatus.PENDING] == 0
