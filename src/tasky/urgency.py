"""What to do next: the order in which ready tasks are worked on, and the choice among equals for a claim."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from itertools import islice
from typing import Final

from tasky.errors import InvalidFilterError, NothingToClaimError
from tasky.filter import TaskFilter, TaskOrder
from tasky.model import TaskModel, TaskPriority
from tasky.repository import ResultStream, TaskRepository

__all__ = ["choose_free", "most_urgent"]

PAGE: Final = 32  # ready tasks among which a claim chooses
NOBODY: Final[frozenset[str | None]] = frozenset({None})


def most_urgent(
    repository: TaskRepository, filter: TaskFilter, now: datetime, *, limit: int
) -> list[TaskModel]:
    """At most ``limit`` ready tasks: high priority first, then what is due soonest, then the oldest.

    Raises ``InvalidFilterError`` for a filter that asks for tasks which are not ready.
    """
    tasks: list[TaskModel] = []
    for level in _levels(repository, filter, now, limit):
        with level:
            tasks += islice(level, limit - len(tasks))
        if len(tasks) == limit:
            break
    return tasks


def choose_free(repository: TaskRepository, filter: TaskFilter, now: datetime) -> TaskModel:
    """One of the most urgent tasks that nobody has, at random among equals, so that workers spread out.

    Raises ``NothingToClaimError`` when there is none, and ``InvalidFilterError`` for a filter that asks for
    tasks of somebody.
    """
    if filter.assignees is not None and None not in filter.assignees:
        raise InvalidFilterError("only a task that nobody has can be claimed: the filter asks for others")
    from random import choice  # would cost every other command its import

    for level in _levels(repository, replace(filter, assignees=NOBODY), now, PAGE):
        if free := list(level):
            best = [task for task in free if task.due_at == free[0].due_at]
            return choice(best)  # noqa: S311 - it spreads load and keeps no secret
    raise NothingToClaimError(
        "no ready task is free to claim",
        hint="`tasky list --ready` shows the ready ones and whose they are.",
    )


def _levels(
    repository: TaskRepository, filter: TaskFilter, now: datetime, limit: int
) -> Iterator[ResultStream[TaskModel]]:
    """The first ``limit`` ready tasks of each priority by their due dates, asked for one after the other.

    Those without a priority come last: at least as many as fill up ``limit`` together with those before.
    """
    if filter.ready is False or filter.waiting:
        raise InvalidFilterError("only ready tasks are urgent: the filter cannot ask for others")
    by_due = TaskOrder("due")
    ready = replace(filter, ready=True, now=now)
    for priority in sorted(TaskPriority if filter.priorities is None else filter.priorities, reverse=True):
        level = replace(ready, priorities=frozenset({priority}))
        yield repository.find_tasks(level, order=by_due, limit=limit)
    if filter.priorities is None:  # a filter cannot ask for those that have none
        found = repository.find_tasks(ready, order=by_due, limit=limit)
        yield ResultStream((task for task in found if task.priority is None), found.close)
