"""No filter that has an index, and no page of any order, reads or sorts the whole table."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from tasky import TaskFilter, TaskOrder, TaskPriority, TaskStatus
from tasky.testing.samples import at, create, make_task
from tasky_sqlite import SqliteTaskRepository, queries
from tasky_sqlite.queries import (
    Probe,
    Statement,
    count_statement,
    find_statements,
    history_statement,
    ids_statements,
)

PENDING = frozenset({TaskStatus.PENDING})
ORDERS = [
    TaskOrder(by, down) for by in ("created", "updated", "due", "priority", "name") for down in (False, True)
]
PLACES = [None, make_task("place"), make_task("place", due_at=at(1), priority=TaskPriority.LOW)]


def explained(repository: SqliteTaskRepository, plan: Callable[[Probe], list[Statement]]) -> list[str]:
    """How SQLite carries out the statements."""
    assert repository._pool is not None
    connection = repository._pool.take()
    try:
        statements = plan(lambda sql, params: connection.execute(sql, params).fetchall())
        return [
            step[3]
            for sql, params in statements
            for step in connection.execute(f"EXPLAIN QUERY PLAN {sql}", params)
        ]
    finally:
        repository._pool.give(connection)


def plans(repository: SqliteTaskRepository, filter: TaskFilter, **page: Any) -> list[str]:
    """The same, of a page of tasks."""
    page = {"order": TaskOrder(), "limit": 50, "after": None, **page}

    def plan(probe: Probe) -> list[Statement]:
        return [(sql, (*params, 50)) for sql, params in find_statements(filter, probe=probe, **page)]

    return explained(repository, plan)


def is_walk(steps: list[str]) -> bool:
    """Whether an index is walked, without sorting."""
    return bool(steps) and not any("SCAN tasks" in step or "TEMP B-TREE" in step for step in steps)


@pytest.mark.parametrize("order", ORDERS, ids=str)
@pytest.mark.parametrize("after", PLACES, ids=["first", "bare", "full"])
@pytest.mark.parametrize("statuses", [None, PENDING], ids=["all", "pending"])
def test_a_page_of_any_order_walks_an_index(
    repository: SqliteTaskRepository, order: TaskOrder, after: Any, statuses: Any
) -> None:
    """A page costs what its rows cost, whatever the order, and wherever it starts."""
    steps = plans(repository, TaskFilter(statuses=statuses), order=order, after=after)
    assert is_walk(steps)
    if after is not None:
        assert any("(created_at,task_id)" in step or ",created_at,task_id)" in step for step in steps)


@pytest.mark.parametrize("name", ["created", "updated", "due"])
@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("minute", [0, 5])
def test_a_range_bounds_the_walk_by_its_own_order(
    repository: SqliteTaskRepository, name: Any, descending: bool, minute: float
) -> None:
    """A stretch of time in its own order starts where it starts, also in the middle of a page."""
    values: dict[str, Any] = {f"{name}_after": at(2), f"{name}_before": at(4)}
    place = make_task("place", created_at=at(minute), due_at=at(minute))
    for after in (None, place):
        steps = plans(repository, TaskFilter(**values), order=TaskOrder(name, descending), after=after)
        assert is_walk(steps)
        assert all(">" in step or "<" in step for step in steps if step.startswith("SEARCH"))


def test_a_project_is_walked_in_order(repository: SqliteTaskRepository) -> None:
    """A project and the few under it are merged from the index by project."""
    create(repository, *(make_task(name, project_id=name) for name in ("web", "web.login", "web-x", "other")))
    steps = plans(repository, TaskFilter(project_id="web", statuses=PENDING))
    assert is_walk(steps)
    assert sum("tasks_project (project_id=? AND status=?" in step for step in steps) == 2


def test_a_project_with_many_under_it_uses_its_index(repository: SqliteTaskRepository) -> None:
    """Many small projects under one are found by the index and then sorted."""
    create(repository, *(make_task(str(n), project_id=f"web.p{n}") for n in range(20)))
    for order in ORDERS:
        assert not any("SCAN tasks" in step for step in plans(repository, TaskFilter(project_id="web")))
        found = list(repository.find_tasks(TaskFilter(project_id="web"), order=order))
        assert found == order.sorted(found)
        assert len(found) == 20


FEW: dict[str, tuple[Any, str]] = {
    "id_prefix": ("ab12", "tasks_id"),
    "ids": (frozenset({make_task("a").task_id}), "tasks_id"),
    "depends_on_any": (frozenset({make_task("a").task_id}), "task_dependents"),
    "tags": (("bug",), "PRIMARY KEY (tag=?)"),
    "project_id": ("web", "tasks_project"),
    "assignees": (frozenset({"ann"}), "tasks_assignee"),
    "priorities": (frozenset({TaskPriority.HIGH}), "tasks_priority"),
    "created_after": (at(1), "tasks_created"),
    "updated_before": (at(1), "tasks_updated"),
    "due_before": (at(1), "tasks_due"),
    "closed_after": (at(1), "tasks_closed"),
    "waiting": (True, "tasks_waiting"),
}


@pytest.mark.parametrize("criterion", FEW)
def test_a_criterion_that_leaves_few_tasks_uses_its_index(
    repository: SqliteTaskRepository, criterion: str
) -> None:
    """A filter that has an index is answered by it in an order of another kind, and counted by it."""
    value, index = FEW[criterion]
    values: dict[str, Any] = {criterion: value, "now": at(0) if criterion == "waiting" else None}
    filter = TaskFilter(**values)
    steps = plans(repository, filter, order=TaskOrder("name"))
    assert any(index in step for step in steps)
    assert not any("SCAN tasks" in step for step in steps)
    steps = explained(repository, lambda _: count_statement(filter, lambda *_: [(0,)]))
    assert steps
    assert any(index in step for step in steps)
    assert not any("SCAN tasks" in step for step in steps)


def test_a_criterion_that_leaves_many_tasks_is_walked(
    repository: SqliteTaskRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A tag that many tasks have does not make a page sort all of them."""
    monkeypatch.setattr(queries, "_FEW", 10)
    create(repository, *(make_task(str(number), tags=["bug"]) for number in range(20)))
    assert is_walk(plans(repository, TaskFilter(tags=("bug",))))
    assert len(list(repository.find_tasks(TaskFilter(tags=("bug",)), limit=12))) == 12


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("after", PLACES, ids=["first", "bare", "full"])
@pytest.mark.parametrize("priorities", [None, {TaskPriority.HIGH}, {TaskPriority.LOW, TaskPriority.HIGH}])
def test_what_is_free_to_claim_is_walked_past_what_is_taken(
    repository: SqliteTaskRepository, after: Any, priorities: Any, descending: bool
) -> None:
    """Whoever claims from a queue does not pay for the open tasks that others have already."""
    wanted = None if priorities is None else frozenset(priorities)
    free = TaskFilter(ready=True, now=at(9_000), assignees=frozenset({None}), priorities=wanted)
    steps = plans(repository, free, order=TaskOrder("due", descending), after=after)
    assert is_walk(steps)
    assert all("tasks_free" in step for step in steps if " tasks " in step)


@pytest.mark.parametrize("descending", [False, True])
def test_many_tasks_of_some_priorities_are_walked_by_priority(
    repository: SqliteTaskRepository, monkeypatch: pytest.MonkeyPatch, descending: bool
) -> None:
    """A page by priority starts and ends with the priorities that are asked for, and has no other."""
    monkeypatch.setattr(queries, "_FEW", 10)
    levels = [None, *TaskPriority]
    create(repository, *(make_task(str(number), priority=levels[number % 4]) for number in range(80)))
    wanted = frozenset({TaskPriority.LOW, TaskPriority.MEDIUM})
    filter, order = TaskFilter(priorities=wanted), TaskOrder("priority", descending)
    steps = plans(repository, filter, order=order)
    assert is_walk(steps)
    assert all("priority>? AND priority<?" in step for step in steps if step.startswith("SEARCH"))
    found = list(repository.find_tasks(filter, order=order, limit=50))
    assert found == order.sorted(found)
    assert len(found) == 40
    assert [task for task in found if task.priority not in wanted] == []


def test_the_smallest_of_several_criteria_leads(repository: SqliteTaskRepository) -> None:
    """Of two criteria the one that leaves fewer tasks is looked up."""
    create(repository, *(make_task(str(n), tags=["bug"], project_id="web") for n in range(9)))
    create(repository, make_task("mine", tags=["bug"], project_id="web", assignee="ann"))
    filter = TaskFilter(tags=("bug",), project_id="web", assignees=frozenset({"ann"}))
    assert any("tasks_assignee" in step for step in plans(repository, filter))
    assert repository.count_tasks(filter)[TaskStatus.PENDING] == 1


@pytest.mark.parametrize(
    "values",
    [{"task_id": make_task("a").task_id}, {"batch": make_task("a").task_id}, {"after": 7}],
    ids=["task", "batch", "page"],
)
@pytest.mark.parametrize("newest_first", [False, True])
def test_history_is_read_in_its_own_order(
    repository: SqliteTaskRepository, values: Any, newest_first: bool
) -> None:
    """The history of a task, of a batch, or a page of all is not sorted."""
    arguments = {"task_id": None, "batch": None, "after": None, **values}
    sql, params = history_statement(newest_first=newest_first, **arguments)
    steps = explained(repository, lambda _: [(sql, (*params, 1))])
    assert steps
    assert not any("TEMP B-TREE" in step or step == "SCAN history" for step in steps)


def test_pages_join_without_gap(repository: SqliteTaskRepository) -> None:
    """Pages of three, whose tasks tie in every way, give each task once, in every order."""
    tasks = [
        make_task(
            f"{number % 3}{number}",
            due_at=at(number % 3) if number % 4 else None,
            priority=TaskPriority.LOW if number % 2 else None,
            created_at=at(0) + timedelta(microseconds=number % 2),
        )
        for number in range(30)
    ]
    create(repository, *tasks)
    for order in ORDERS:
        seen: list[Any] = []
        while page := list(repository.find_tasks(order=order, limit=3, after=seen[-1] if seen else None)):
            seen += page
        assert seen == order.sorted(tasks)


def test_ids_are_looked_up_many_at_once(repository: SqliteTaskRepository) -> None:
    """A page of ids is one walk of an index for each, in one statement."""
    statements = ids_statements([make_task("t").task_id.hex[:8] for _ in range(50)])
    assert len(statements) == 1
    steps = explained(repository, lambda _: statements)
    assert "SEARCH tasks USING COVERING INDEX tasks_id (task_id>? AND task_id<?)" in steps
