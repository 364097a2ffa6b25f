"""A page of what a filter leaves, against the same SQL bare, and against filtering all of them in Python."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from typing import Final

from tests.benchmarks.comparing import SAME_SQL, compare_call
from tests.benchmarks.measure import Result, compared
from tests.benchmarks.stores import Stores, opened

from tasky import TaskFilter, TaskModel, TaskOrder, TaskRepository, TaskStatus

__all__ = ["filtering"]

PAGE: Final = 50
NEWEST: Final = TaskOrder("created", descending=True)


def filtering(stores: Stores, size: int, rounds: int) -> Iterator[Result]:
    """The newest tasks of a status, a project, a month, a due date and a text.

    The naive way takes every task of the same store, asks the filter about each, and cuts off a page.
    """
    path = stores.store(size)
    for what, wanted in _filters(stores.tasks(size)[size // 2]).items():
        with opened(path) as store:
            found = _pushed_down(wanted, store)
            assert found == _naive(wanted, store)  # to compare different answers would mean nothing
            naive = compared(partial(_pushed_down, wanted, store), partial(_naive, wanted, store), rounds=1)
        ours, baseline, target = compare_call(path, partial(_pushed_down, wanted), len(found), rounds=rounds)
        yield Result(
            what=f"find_tasks, by {what}",
            against=SAME_SQL,
            ours=ours,
            baseline=baseline,
            target=target,
            size=size,
        )
        yield Result(
            what=f"find_tasks, by {what}",
            against="all of them, filtered in Python",
            ours=naive[0],
            baseline=naive[1],
            target=None,
            size=size,
        )


def _filters(middle: TaskModel) -> dict[str, TaskFilter]:
    """Each finds something in a store of any size; the text is found in one task alone."""
    month = timedelta(days=30)
    since, until = middle.created_at, middle.created_at + month
    return {
        "status": TaskFilter(statuses=frozenset({TaskStatus.CANCELLED})),
        "project": TaskFilter(project_id=middle.project_id),
        "created": TaskFilter(created_after=since, created_before=until),
        "due": TaskFilter(due_after=since + month, due_before=until + month),
        "text": TaskFilter(text=middle.name.upper()),
    }


def _pushed_down(wanted: TaskFilter, store: TaskRepository) -> list[TaskModel]:
    return list(store.find_tasks(wanted, order=NEWEST, limit=PAGE))


def _naive(wanted: TaskFilter, store: TaskRepository) -> list[TaskModel]:
    return [task for task in store.find_tasks(order=NEWEST) if wanted.matches(task)][:PAGE]
