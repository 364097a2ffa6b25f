"""Writing to a repository, one batch or all at once, against bare ``sqlite3`` writing the same rows."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import count, islice
from pathlib import Path
from typing import Final

from tests.benchmarks.dataset import created, edited
from tests.benchmarks.measure import Result, alternate, duration
from tests.benchmarks.recording import bare_connection, recorded, replay
from tests.benchmarks.stores import Stores, insertion, opened, read_tables

from tasky import TaskChange

__all__ = ["APPLIED", "bulk", "durable_apply"]

APPLIED: Final = 100  # small batches for each side, of a millisecond each


def durable_apply(stores: Stores, size: int) -> Iterator[Result]:
    """One small batch, as durable as it gets, against its own statements in a transaction of their own.

    The same batches go to three copies of a store: one to note the statements on, and one for each side.
    """
    home = stores.processes.home / f"apply-{size}"
    noting, ours, bare = (home / name / "tasks.db" for name in ("noting", "ours", "bare"))
    for path in (noting, ours, bare):
        path.parent.mkdir(parents=True)
        shutil.copy(stores.store(size), path)
    closed = (task for task in stores.tasks(size) if task.closed_at is not None)  # others may have been done
    batches = [edited(task) for task in islice(closed, APPLIED + 1)]

    def record(forget: Callable[[], None]) -> None:
        with opened(noting) as store:
            forget()
            for batch, change in batches:
                store.apply(batch, [change])

    statements = recorded(record)
    share = len(statements) // len(batches)
    mine, theirs = iter(batches), count()

    with opened(ours) as store, closing(bare_connection(bare)) as connection:

        def apply_next() -> None:
            batch, change = next(mine)
            store.apply(batch, [change])

        def replay_next() -> None:
            start = next(theirs) * share
            replay(connection, statements[start : start + share])

        seconds, baseline = alternate(
            lambda: duration(apply_next), lambda: duration(replay_next), rounds=APPLIED
        )
    yield Result(
        what="apply, one task",
        against="the same SQL, bare",
        ours=seconds,
        baseline=baseline,
        target=1.5,
        size=size,
    )


def bulk(stores: Stores, size: int, rounds: int) -> Iterator[Result]:
    """A whole store at once, by ``restore`` and by ``apply``, against ``executemany`` of the same rows."""
    models = stores.tasks(size)
    history = list(created(models))
    batch = history[0].batch
    numbers = count()

    def fresh() -> Path:
        path = stores.processes.home / f"bulk-{size}-{next(numbers)}" / "tasks.db"
        path.parent.mkdir()
        return path

    def restore() -> float:
        with opened(path := fresh()) as store:
            seconds = duration(lambda: store.restore(models, history))
        shutil.rmtree(path.parent)
        return seconds

    def apply() -> float:
        with opened(path := fresh()) as store:
            seconds = duration(lambda: store.apply(batch, (TaskChange(None, task) for task in models)))
        shutil.rmtree(path.parent)
        return seconds

    tables = read_tables(stores.store(size))

    def execute_many() -> float:
        path = fresh()
        seconds = insertion(path, tables)
        shutil.rmtree(path.parent)
        return seconds

    for what, action in (("restore", restore), ("apply", apply)):
        ours, baseline = alternate(action, execute_many, rounds=rounds, warm_up=False)
        yield Result(
            what=f"{what}, all of them",
            against="executemany, same tables",
            ours=ours,
            baseline=baseline,
            target=2.5,
            size=size,
        )
