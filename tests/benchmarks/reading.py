"""Reading from a repository, against the same statements in bare ``sqlite3``, rows to tuples."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from typing import Final

from tests.benchmarks.comparing import SAME_SQL, compare, compare_call
from tests.benchmarks.filtering import filtering
from tests.benchmarks.measure import Result, compared
from tests.benchmarks.recording import Statement
from tests.benchmarks.report import short
from tests.benchmarks.stores import Stores, opened

from tasky import TaskFilter, TaskOrder, TaskRepository, TaskStatus

__all__ = ["paging", "reading"]

PAGE: Final = 50
OPEN: Final = TaskFilter(statuses=frozenset({TaskStatus.PENDING}))
NEWEST: Final = TaskOrder("created", descending=True)
SMALL: Final = 10_000


def reading(stores: Stores, size: int, rounds: int) -> Iterator[Result]:
    """A scan to ``TaskModel``, then pages, a count, one task, and a page of each kind of filter."""
    path = stores.store(size)
    middle = stores.tasks(size)[size // 2]
    scan, scanned = compare(path, _scan, rounds=rounds, simplify=_unordered)
    yield Result(
        what="find_tasks, all of them",
        against="fetchall, same columns",
        ours=scan,
        baseline=scanned,
        target=4.5,
        size=size,
    )
    for what, rows, action in (
        ("find_tasks, a page of 50", PAGE, _page),
        (
            "find_tasks, 50 after the middle",
            PAGE,
            lambda store: list(store.find_tasks(limit=PAGE, after=middle)),
        ),
        ("count_tasks", 0, lambda store: store.count_tasks(OPEN)),
        ("get_task", 1, lambda store: store.get_task(middle.task_id)),
    ):
        ours, baseline, target = compare_call(path, action, rows, rounds=rounds)
        yield Result(what=what, against=SAME_SQL, ours=ours, baseline=baseline, target=target, size=size)
    yield from filtering(stores, size, rounds)


def paging(stores: Stores, size: int, rounds: int) -> Iterator[Result]:
    """A page of a large store against a page of a small one."""
    with opened(stores.store(size)) as large, opened(stores.store(SMALL)) as small:
        ours, baseline = compared(lambda: _page(large), lambda: _page(small), rounds=rounds)
    yield Result(
        what="find_tasks, a page of 50",
        against=f"the same of {short(SMALL)}",
        ours=ours,
        baseline=baseline,
        target=1.5,
        size=size,
    )


def _scan(store: TaskRepository) -> object:
    return deque(store.find_tasks(), maxlen=0)


def _unordered(statements: list[Statement]) -> list[Statement]:
    """The columns of the first statement, of every row as it lies in the table."""
    found = re.match(r"SELECT (.+?) FROM (\w+)", statements[0][0])
    assert found is not None  # a scan selects from a table
    return [(f"SELECT {found[1]} FROM {found[2]}", ())]


def _page(store: TaskRepository) -> object:
    return list(store.find_tasks(OPEN, order=NEWEST, limit=PAGE))
