"""Reading from a repository, against the same statements in bare ``sqlite3``, rows to tuples."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

from tests.benchmarks.measure import Result, alternate, duration
from tests.benchmarks.recording import Statement, bare_connection, recorded, replay
from tests.benchmarks.stores import Stores, opened

from tasky import TaskFilter, TaskOrder, TaskRepository, TaskStatus

__all__ = ["paging", "reading"]

SAME_SQL: Final = "the same SQL, bare"
PAGE: Final = 50
OPEN: Final = TaskFilter(statuses=frozenset({TaskStatus.PENDING}))
NEWEST: Final = TaskOrder("created", descending=True)
SMALL: Final = 10_000

Reading = Callable[[TaskRepository], object]


def reading(stores: Stores, size: int, rounds: int) -> Iterator[Result]:
    """A scan to ``TaskModel``, then a page, a count and one task.

    The last three may add the conversion of the rows they return, which the scan measured, to their 1.5.
    """
    path = stores.store(size)
    middle = stores.tasks(size)[size // 2]
    scan, scanned = _compare(path, _scan, rounds=rounds, times=1, simplify=_unordered)
    yield Result(
        what="find_tasks, all of them",
        against="fetchall, same columns",
        ours=scan,
        baseline=scanned,
        target=4.5,
        size=size,
    )
    conversion = max(0.0, scan - scanned) / size
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
        ours, baseline = _compare(path, action, rounds=rounds * 3, times=10)
        target = 1.5 + conversion * rows / baseline
        yield Result(what=what, against=SAME_SQL, ours=ours, baseline=baseline, target=target, size=size)


def paging(stores: Stores, size: int, rounds: int) -> Iterator[Result]:
    """A page of a large store against a page of a small one."""
    with opened(stores.store(size)) as large, opened(stores.store(SMALL)) as small:
        ours, baseline = alternate(
            lambda: duration(lambda: _page(large), times=20),
            lambda: duration(lambda: _page(small), times=20),
            rounds=rounds * 3,
        )
    yield Result(
        what="find_tasks, a page of 50",
        against=f"the same of {SMALL}",
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


def _compare(
    path: Path,
    action: Reading,
    *,
    rounds: int,
    times: int,
    simplify: Callable[[list[Statement]], list[Statement]] = list,
) -> tuple[float, float]:
    def record(forget: Callable[[], None]) -> None:
        with opened(path) as store:
            forget()
            action(store)

    statements = simplify(recorded(record))
    with opened(path) as store, closing(bare_connection(path)) as connection:
        return alternate(
            lambda: duration(lambda: action(store), times=times),
            lambda: duration(lambda: replay(connection, statements), times=times),
            rounds=rounds,
        )
