"""What a filter and an order mean for tasks that are all in memory."""

from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import given, strategies as st

from tasky import (
    TaskFilter,
    TaskModel,
    TaskOrder,
    TaskStatus,
    count_by_status,
    select_tasks,
)
from tasky.testing.memory import MemoryTaskRepository
from tasky.testing.samples import at, make_task
from tasky.testing.strategies import filters, orders, populations

FIRST = make_task("first", task_id=UUID(int=0xA0 << 120))
SECOND = make_task("second", task_id=UUID(int=0xA1 << 120), created_at=at(1), depends_on=(FIRST.task_id,))
DONE = make_task("done", task_id=UUID(int=0xB0 << 120), created_at=at(2), status=TaskStatus.COMPLETED)
TASKS = {task.task_id: task for task in (DONE, SECOND, FIRST)}
BY_CREATION = TaskOrder()


@given(data=st.data(), population=populations(), order=orders(), limit=st.none() | st.integers(0, 3))
def test_selection_means_what_the_reference_means(
    data: st.DataObject, population: list[TaskModel], order: TaskOrder, limit: int | None
) -> None:
    """Whatever is asked for, the tasks, their order, the pages and the counts are those of the reference."""
    wanted = data.draw(filters(population))
    tasks = {task.task_id: task for task in population}
    reference = MemoryTaskRepository()
    reference.initialize()
    reference.restore(tasks.values(), [])
    assert select_tasks(tasks, wanted, order, limit) == list(
        reference.find_tasks(wanted, order=order, limit=limit)
    )
    assert count_by_status(tasks, wanted) == reference.count_tasks(wanted)
    for task in population[:2]:
        expected = list(reference.find_tasks(wanted, order=order, limit=limit, after=task))
        assert select_tasks(tasks, wanted, order, limit, task) == expected


@pytest.mark.parametrize(
    ("criteria", "expected"),
    [
        ({}, [FIRST, SECOND, DONE]),
        ({"ids": {SECOND.task_id, UUID(int=7)}}, [SECOND]),
        ({"id_prefix": "a"}, [FIRST, SECOND]),
        ({"id_prefix": "a1"}, [SECOND]),
        ({"id_prefix": SECOND.task_id.hex}, [SECOND]),
        ({"ids": {DONE.task_id}, "id_prefix": "a"}, []),
        ({"ready": True, "now": at(9)}, [FIRST]),
        ({"ready": False, "now": at(9)}, [SECOND, DONE]),
    ],
)
def test_tasks_are_found_by_id_and_by_what_they_wait_for(
    criteria: dict[str, object], expected: list[TaskModel]
) -> None:
    """An id, its beginning, and a pending dependency choose the tasks that they should, in order."""
    assert select_tasks(TASKS, TaskFilter(**criteria), BY_CREATION) == expected  # type: ignore[arg-type] # any criterion


def test_a_page_begins_behind_the_last_task_of_the_one_before() -> None:
    """Pages follow one another, also where that task is not there any more."""
    assert select_tasks(TASKS, TaskFilter(), BY_CREATION, 1, FIRST) == [SECOND]
    rest = {SECOND.task_id: SECOND, DONE.task_id: DONE}
    assert select_tasks(rest, TaskFilter(), BY_CREATION, None, FIRST) == [SECOND, DONE]


def test_every_status_is_counted() -> None:
    """A status that no task has is counted, too: as 0."""
    expected = {TaskStatus.PENDING: 2, TaskStatus.COMPLETED: 1, TaskStatus.CANCELLED: 0}
    assert count_by_status(TASKS, TaskFilter()) == expected
