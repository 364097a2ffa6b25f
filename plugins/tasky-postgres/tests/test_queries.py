"""No filter that has an index, and no page of any order, reads or sorts the whole table."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from tasky import HistoryEntry, TaskChange, TaskFilter, TaskOrder, TaskPriority, TaskStatus
from tasky.testing.samples import at, changed, make_batch, make_task
from tasky_postgres import PostgresTaskRepository, postgres_factory
from tasky_postgres.harness import PostgresHarness
from tasky_postgres.queries import (
    Statement,
    count_statement,
    find_statements,
    history_statement,
    ids_statement,
)

Plan: TypeAlias = Callable[[list[Statement]], str]

PENDING = frozenset({TaskStatus.PENDING})
OPEN = frozenset({TaskStatus.PENDING, TaskStatus.CANCELLED})
ORDERS = [
    TaskOrder(by, down) for by in ("created", "updated", "due", "priority", "name") for down in (False, True)
]
FREE = TaskFilter(ready=True, now=at(9_000), assignees=frozenset({None}))
FREE_AND_HIGH = replace(FREE, priorities=frozenset({TaskPriority.HIGH}))
PLACES = [None, make_task("p"), make_task("p", due_at=at(500), priority=TaskPriority.LOW)]


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plan]:
    """How the server would carry out statements on a store of 8,000 tasks."""
    location = PostgresHarness().fresh_location(Path(tmp_path_factory.mktemp("plans")))
    states, levels = list(TaskStatus), [None, *TaskPriority]
    first = make_task("task 0").task_id
    tasks = [
        make_task(
            f"task {number}",
            status=states[number % 3],
            priority=levels[number % 4],
            created_at=at(number),
            updated_at=at(number),
            due_at=at(number) if number % 2 else None,
            project_id=f"p{number % 400}",
            tags=(f"tag{number % 400}",),
            assignee=f"ann{number % 400}" if number % 100 else None,
            depends_on=(first,) if number % 1000 == 7 else (),
        )
        for number in range(8_000)
    ]
    batches = [make_batch() for _ in range(2_000)]
    entries = [HistoryEntry(n, batches[n // 4], task.task_id, None, 1) for n, task in enumerate(tasks)]
    with postgres_factory(location) as repository:
        repository.initialize()
        repository.restore(tasks, entries)
        yield lambda statements: _explained(repository, statements)


def _explained(repository: PostgresTaskRepository, statements: list[Statement]) -> str:
    assert repository._pool is not None
    with repository._pool.taken() as connection:
        steps = [
            str(step)
            for sql, params in statements
            for (step,) in connection.execute(f"EXPLAIN {sql}".encode(), params)
        ]
    return "\n".join(steps)


@pytest.mark.parametrize("order", ORDERS, ids=str)
@pytest.mark.parametrize("after", PLACES, ids=["first", "bare", "full"])
@pytest.mark.parametrize("statuses", [None, OPEN, PENDING], ids=["all", "open", "pending"])
def test_a_page_of_any_order_walks_an_index(plan: Plan, order: TaskOrder, after: Any, statuses: Any) -> None:
    """A page costs what its rows cost, whatever the order, and wherever it starts."""
    for statement in find_statements(TaskFilter(statuses=statuses), order, after, 50):
        steps = plan([statement])
        assert "Seq Scan" not in steps
        assert "Bitmap" not in steps
        assert f"tasks_{order.by}" in steps
        assert "Sort " not in steps or order.by == "name" or statuses != PENDING


FEW: dict[str, tuple[Any, str]] = {
    "id_prefix": ("ab12cd", "tasks_id"),
    "ids": (frozenset({make_task("a").task_id}), "tasks_id"),
    "depends_on_any": (frozenset({make_task("task 0").task_id}), "tasks_dependencies"),
    "tags": (("tag7",), "tasks_tags"),
    "project_id": ("p7", "tasks_project"),
    "assignees": (frozenset({"ann7"}), "tasks_assignee"),
    "created_after": (at(7_950), "tasks_created"),
    "updated_after": (at(7_950), "tasks_updated"),
    "due_after": (at(7_950), "tasks_due"),
    "closed_after": (at(7_950), "tasks_closed"),
}


@pytest.mark.parametrize("criterion", FEW)
def test_a_criterion_that_leaves_few_tasks_uses_its_index(plan: Plan, criterion: str) -> None:
    """A filter that has an index is answered by it in an order of another kind, and counted by it."""
    value, index = FEW[criterion]
    values: dict[str, Any] = {criterion: value}
    found = plan(find_statements(TaskFilter(**values, statuses=PENDING), TaskOrder("name"), None, None))
    counted = plan(count_statement(TaskFilter(**values, statuses=PENDING)))
    for steps in (found, counted):
        assert index in steps
        assert "Seq Scan" not in steps


def test_what_is_free_to_claim_is_found_past_what_is_taken(plan: Plan) -> None:
    """Whoever claims from a queue does not pay for the open tasks that others have already."""
    for filter, index in ((FREE, "tasks_free_due"), (FREE_AND_HIGH, "tasks_free_priority")):
        for statement in find_statements(filter, TaskOrder("due"), None, 32):
            steps = plan([statement])
            assert index in steps
            assert "Sort" not in steps


def test_a_queue_may_change_faster_than_the_statistics(tmp_path: Path) -> None:
    """When nearly all tasks were claimed since the server looked, claims still go to those that are left."""
    tasks = [make_task(f"task {number}", created_at=at(number)) for number in range(4_000)]
    with postgres_factory(PostgresHarness().fresh_location(tmp_path)) as repository:
        repository.initialize()
        repository.restore(tasks, [])
        taken = [TaskChange(task, changed(task, assignee="ann")) for task in tasks[:-1]]
        repository.apply(make_batch(), taken)
        for filter, index in ((FREE, "tasks_free_due"), (FREE_AND_HIGH, "tasks_free_priority")):
            for statement in find_statements(filter, TaskOrder("due"), None, 32):
                assert index in _explained(repository, [statement])
        assert list(repository.find_tasks(FREE, order=TaskOrder("due"))) == tasks[-1:]


def test_a_page_of_ready_tasks_walks_an_index(plan: Plan) -> None:
    """What is ready is asked about each task on the way, and never gathered and sorted for a page."""
    ready = TaskFilter(ready=True, now=at(9_000), priorities=frozenset({TaskPriority.HIGH}))
    for statement in find_statements(ready, TaskOrder("due"), None, 32):
        steps = plan([statement])
        assert "Sort" not in steps
        assert "Join" not in steps


def test_history_is_read_by_its_indexes(plan: Plan) -> None:
    """The history of a task, of a batch, and a page of all of it, each has an index."""
    some_id = make_task("task 5").task_id
    assert "history_task" in plan([history_statement(some_id, None, None, True, 50)])
    for statement in (
        history_statement(None, some_id, None, False, None),
        history_statement(None, None, 500, False, 50),
        history_statement(None, None, None, True, 50),
    ):
        steps = plan([statement])
        assert "history_pkey" in steps
        assert "Seq Scan on history" not in steps


@pytest.mark.parametrize(
    "values",
    [
        {"ids": frozenset()},
        {"statuses": frozenset()},
        {"priorities": frozenset()},
        {"assignees": frozenset()},
        {"assignees": frozenset({"\udc80"})},
        {"text": "\udc80"},
        {"text": "a\0b"},
        {"ready": True, "statuses": frozenset({TaskStatus.COMPLETED}), "now": at(0)},
    ],
    ids=str,
)
def test_what_nothing_can_match_is_not_asked(values: Any) -> None:
    """A criterion that nothing meets needs no server."""
    assert find_statements(TaskFilter(**values), TaskOrder(), None, None) == []
    assert count_statement(TaskFilter(**values)) == []


def test_a_stretch_of_time_has_no_tasks_without_it() -> None:
    """Tasks that lack the order's value are not asked for when the filter wants one."""
    soon = TaskFilter(due_after=at(0), due_before=at(0) + timedelta(days=1))
    assert len(find_statements(soon, TaskOrder("due"), None, 50)) == 1
    assert len(find_statements(TaskFilter(), TaskOrder("due"), None, 50)) == 2
    high = TaskFilter(priorities=frozenset({TaskPriority.HIGH}))
    assert len(find_statements(high, TaskOrder("priority"), None, 50)) == 1


def test_a_very_long_name_has_its_place(tmp_path: Path) -> None:
    """Names that grow when they are folded, beyond what an index can hold, are stored and ordered."""
    tasks = [make_task("\u0390" * 499 + letter) for letter in "cab"]
    with postgres_factory(PostgresHarness().fresh_location(tmp_path)) as repository:
        repository.initialize()
        repository.restore(tasks, [])
        found = [task.name[-1] for task in repository.find_tasks(order=TaskOrder("name"))]
        page = repository.find_tasks(order=TaskOrder("name"), after=tasks[1], limit=1)
        assert found == ["a", "b", "c"]
        assert [task.name[-1] for task in page] == ["b"]


def test_ids_are_looked_up_many_at_once(plan: Plan) -> None:
    """A page of ids is one walk of an index for each, in one statement."""
    steps = plan([ids_statement([make_task("t").task_id.hex[:8] for _ in range(50)])])
    assert "tasks_id" in steps
    assert "Seq Scan" not in steps
