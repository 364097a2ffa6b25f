"""What a filter means, task by task, and how an order sorts."""

from __future__ import annotations

from dataclasses import fields
from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, strategies as st

from tasky import (
    InvalidFilterError,
    TaskFilter,
    TaskModel,
    TaskOrder,
    TaskPriority,
    TaskStatus,
    check_limit,
    check_sequence,
)
from tasky.testing.samples import at, make_task
from tasky.testing.strategies import filters, orders, populations, tasks

TICK = timedelta(microseconds=1)
TASK = make_task(
    "Stra\u00dfe",
    task_id=UUID("0190a000-0000-7000-8000-000000000001"),
    details="two\nlines",
    priority=TaskPriority.LOW,
    project_id="web.login",
    tags=("a", "b"),
    assignee="ann",
    due_at=at(5),
    wait_until=at(3),
    depends_on=(UUID(int=1), UUID(int=2)),
)
BARE = make_task("bare")
CLOSED = make_task("closed", status=TaskStatus.COMPLETED, closed_at=at(7))


@pytest.mark.parametrize(
    ("task", "criteria"),
    [
        (TASK, {}),
        (TASK, {"ids": {TASK.task_id, UUID(int=9)}}),
        (TASK, {"id_prefix": "0190A000-0"}),
        (TASK, {"id_prefix": str(TASK.task_id)}),
        (TASK, {"statuses": {TaskStatus.PENDING}}),
        (TASK, {"project_id": "web"}),
        (TASK, {"project_id": "web.login"}),
        (TASK, {"priorities": {TaskPriority.LOW, TaskPriority.HIGH}}),
        (TASK, {"tags": ["b", "a"]}),
        (TASK, {"without_tags": ["c"]}),
        (TASK, {"assignees": {"ann", None}}),
        (BARE, {"assignees": {None}}),
        (TASK, {"depends_on_any": {UUID(int=2), UUID(int=3)}}),
        (TASK, {"text": ""}),
        (TASK, {"text": "SS"}),
        (TASK, {"text": "O\nL"}),
        (TASK, {"created_after": at(0), "created_before": at(0) + TICK}),
        (TASK, {"updated_after": at(0), "updated_before": at(0) + TICK}),
        (TASK, {"due_after": at(5), "due_before": at(5) + TICK}),
        (CLOSED, {"closed_after": at(7), "closed_before": at(7) + TICK}),
        (TASK, {"waiting": True, "now": at(3) - TICK}),
        (TASK, {"waiting": False, "now": at(3)}),
        (BARE, {"waiting": False, "now": at(0)}),
        (TASK, {"ready": True, "now": at(3)}),
        (TASK, {"ready": False, "now": at(3) - TICK}),
        (CLOSED, {"ready": False, "now": at(9)}),
        (TASK, {"now": at(0)}),
    ],
)
def test_task_meets_the_criteria(task: TaskModel, criteria: dict[str, Any]) -> None:
    """The task is found."""
    assert TaskFilter(**criteria).matches(task)


@pytest.mark.parametrize(
    ("task", "criteria"),
    [
        (TASK, {"ids": {UUID(int=9)}}),
        (TASK, {"ids": set()}),
        (TASK, {"id_prefix": "1"}),
        (TASK, {"statuses": {TaskStatus.COMPLETED, TaskStatus.CANCELLED}}),
        (TASK, {"project_id": "web.log"}),
        (TASK, {"project_id": "web.login.form"}),
        (BARE, {"project_id": "web"}),
        (BARE, {"priorities": set(TaskPriority)}),
        (TASK, {"tags": ["a", "c"]}),
        (TASK, {"without_tags": ["c", "a"]}),
        (TASK, {"assignees": {None}}),
        (BARE, {"assignees": {"ann"}}),
        (TASK, {"depends_on_any": {UUID(int=3)}}),
        (TASK, {"text": "etwo"}),
        (TASK, {"text": "\x00"}),
        (TASK, {"created_after": at(0) + TICK}),
        (TASK, {"created_before": at(0)}),
        (TASK, {"updated_after": at(0) + TICK}),
        (TASK, {"updated_before": at(0)}),
        (TASK, {"due_after": at(5) + TICK}),
        (TASK, {"due_before": at(5)}),
        (BARE, {"due_before": at(9)}),
        (BARE, {"due_after": at(0)}),
        (CLOSED, {"closed_after": at(7) + TICK}),
        (CLOSED, {"closed_before": at(7)}),
        (BARE, {"closed_before": at(9)}),
        (TASK, {"waiting": False, "now": at(3) - TICK}),
        (TASK, {"waiting": True, "now": at(3)}),
        (TASK, {"ready": True, "now": at(3) - TICK}),
        (TASK, {"ready": False, "now": at(3)}),
        (CLOSED, {"ready": True, "now": at(9)}),
        (TASK, {"ready": True, "waiting": True, "now": at(0)}),
        (TASK, {"tags": ["a"], "statuses": {TaskStatus.COMPLETED}}),
    ],
)
def test_task_does_not_meet_the_criteria(task: TaskModel, criteria: dict[str, Any]) -> None:
    """The task is not found."""
    assert not TaskFilter(**criteria).matches(task)


def test_blocked_task_is_not_ready() -> None:
    """A task that depends on a pending one is not ready, and that is all that changes."""
    assert not TaskFilter(ready=True, now=at(9)).matches(TASK, blocked=True)
    assert TaskFilter(ready=False, now=at(9)).matches(TASK, blocked=True)
    assert TaskFilter(waiting=False, now=at(9)).matches(TASK, blocked=True)


@pytest.mark.parametrize(
    ("criteria", "message"),
    [
        ({"id_prefix": ""}, "is not the beginning of an id"),
        ({"id_prefix": "-"}, "is not the beginning of an id"),
        ({"id_prefix": "g"}, "is not the beginning of an id"),
        ({"id_prefix": "0" * 33}, "is not the beginning of an id"),
        ({"id_prefix": UUID}, "is not the beginning of an id"),
        ({"project_id": "Web"}, "project_id 'Web' is not valid"),
        ({"tags": "ab"}, "tags 'ab' is not valid"),
        ({"without_tags": ["a b"]}, "tags 'a b' is not valid"),
        ({"statuses": {"pending"}}, "statuses cannot hold 'pending'"),
        ({"priorities": {1}}, "priorities cannot hold 1"),
        ({"assignees": "ann"}, "assignees has to be a set"),
        ({"assignees": {1}}, "assignees cannot hold 1"),
        ({"ids": {"x"}}, "ids cannot hold 'x'"),
        ({"ids": 5}, "ids has to be a set"),
        ({"depends_on_any": {None}}, "depends_on_any cannot hold None"),
        ({"text": b"x"}, "text has to be text"),
        ({"due_after": datetime(2026, 1, 1)}, "due_after .* needs a time zone"),
        ({"created_before": "today"}, "created_before 'today' is not valid"),
        ({"ready": True}, "give the filter a 'now'"),
        ({"waiting": False}, "give the filter a 'now'"),
    ],
)
def test_criterion_that_means_nothing_is_refused(criteria: dict[str, Any], message: str) -> None:
    """A bad criterion is an error that names it, never an empty list."""
    with pytest.raises(InvalidFilterError, match=message):
        TaskFilter(**criteria)


def test_filter_is_normalised() -> None:
    """Filters that mean the same are equal: sets, sorted tags, UTC."""
    local = at(0).astimezone(timezone(timedelta(hours=5)))
    one = TaskFilter(ids=[UUID(int=1)], tags=["b", "a", "b"], due_after=local, id_prefix="AB-c")  # type: ignore[arg-type] # any collection will do
    other = TaskFilter(ids=frozenset({UUID(int=1)}), tags=("a", "b"), due_after=at(0), id_prefix="abc")
    assert one == other
    assert one.due_after is not None
    assert one.due_after.tzinfo is UTC


def test_every_length_of_prefix_finds_its_task() -> None:
    """Any prefix of the id finds the task, with dashes and without."""
    for text in (TASK.task_id.hex, str(TASK.task_id)):
        for length in range(1, len(text) + 1):
            assert TaskFilter(id_prefix=text[:length]).matches(TASK)


@given(population=populations(max_size=4), data=st.data())
def test_each_criterion_only_narrows(population: list[TaskModel], data: st.DataObject) -> None:
    """Criteria are combined with AND: what all meet, each one alone finds too."""
    wanted = data.draw(filters(population))
    set_criteria = {
        each.name: value
        for each in fields(TaskFilter)
        if each.name != "now" and (value := getattr(wanted, each.name)) not in (None, ())
    }
    alone = [TaskFilter(**{name: value, "now": wanted.now}) for name, value in set_criteria.items()]
    for task in population:
        assert wanted.matches(task) == all(each.matches(task) for each in alone)


@given(population=populations(max_size=4), order=orders())
def test_order_is_total(population: list[TaskModel], order: TaskOrder) -> None:
    """Whatever order the tasks were in before, they come out the same, each strictly after the one before."""
    result = order.sorted(population)
    assert result == order.sorted(reversed(population))
    for first, second in pairwise(result):
        assert order.is_after(second, first)
        assert not order.is_after(first, second)
        assert not order.is_after(first, first)


@given(one=tasks(), other=tasks(), order=orders())
def test_missing_values_come_last(one: TaskModel, other: TaskModel, order: TaskOrder) -> None:
    """A task that lacks the value follows one that has it, in both directions."""
    if order.value(one) is not None and order.value(other) is None:
        assert order.is_after(other, one)


@pytest.mark.parametrize(
    ("by", "values", "expected"),
    [
        ("created", [{"created_at": at(2)}, {"created_at": at(1)}], [1, 0]),
        ("updated", [{"updated_at": at(2)}, {"updated_at": at(1)}], [1, 0]),
        ("due", [{}, {"due_at": at(2)}, {"due_at": at(1)}], [2, 1, 0]),
        ("priority", [{}, {"priority": TaskPriority.HIGH}, {"priority": TaskPriority.LOW}], [2, 1, 0]),
        ("name", [{"name": "b"}, {"name": "A"}, {"name": "\u00e4"}, {"name": "Z"}], [1, 0, 3, 2]),
    ],
)
def test_order_compares_its_value_first(by: Any, values: list[dict[str, Any]], expected: list[int]) -> None:
    """Each order sorts by what it is named for; descending is the reverse, but missing values stay last."""
    population = [
        make_task(**{"name": "x", "task_id": UUID(int=number), **value})
        for number, value in enumerate(values)
    ]
    assert [task.task_id.int for task in TaskOrder(by).sorted(population)] == expected
    has_value = [number for number in expected if TaskOrder(by).value(population[number]) is not None]
    lacks_value = [number for number in expected if number not in has_value]
    descending = [task.task_id.int for task in TaskOrder(by, descending=True).sorted(population)]
    assert descending == [*reversed(has_value), *reversed(lacks_value)]


def test_ties_are_broken_by_creation_and_id() -> None:
    """Tasks of equal value come in the order of creation, then of their ids."""
    old, low, high = (
        make_task("x", task_id=UUID(int=number), created_at=at(minute))
        for number, minute in ((9, 0), (1, 1), (2, 1))
    )
    assert TaskOrder("name").sorted([high, low, old]) == [old, low, high]
    assert TaskOrder("name", descending=True).sorted([low, old, high]) == [high, low, old]


@pytest.mark.parametrize("by", ["status", "", "Created", None])
def test_unknown_order_is_refused(by: Any) -> None:
    """An order that does not exist is an error that lists those that do."""
    with pytest.raises(InvalidFilterError, match="use one of created, updated, due, priority, name"):
        TaskOrder(by)


@pytest.mark.parametrize("limit", [-1, True, 1.0, "1"])
def test_a_limit_is_an_integer_of_0_or_more(limit: object) -> None:
    """A page cannot have fewer tasks than none; it may have none, or all."""
    check_limit(0)
    check_limit(None)
    with pytest.raises(InvalidFilterError, match=f"a limit is 0 or more, not {limit!r}"):
        check_limit(limit)


@pytest.mark.parametrize("after", [True, 1.0, "1"])
def test_a_page_of_history_starts_behind_a_number(after: object) -> None:
    """Any integer is a place in the history, also one that no entry has."""
    check_sequence(-1)
    check_sequence(None)
    with pytest.raises(InvalidFilterError, match=f"starts behind a sequence number, not {after!r}"):
        check_sequence(after)
