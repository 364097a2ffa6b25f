"""The everyday commands on stores of every size, whole processes, and their memory."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import count
from typing import Final

from tests.benchmarks.measure import Result, alternate
from tests.benchmarks.stores import Stores

__all__ = ["everyday"]

IMPORTS: Final = "import click, sqlite3"
LIST: Final = ("list", "--limit", "50")


def everyday(stores: Stores, size: int, rounds: int) -> Iterator[Result]:
    """``list``, ``add`` and ``done``, against the import of the libraries that they stand on."""
    processes, project = stores.processes, stores.project(size)
    numbers = count()
    pending = (str(task.task_id) for task in stores.tasks(size) if task.closed_at is None)

    def tasky(*arguments: str) -> float:
        return processes.seconds([processes.tasky, *arguments], cwd=project)

    for name, ours, target in (
        ("list, 50 of them", lambda: tasky(*LIST), 1.4),
        ("add", lambda: tasky("add", f"Measured {next(numbers)}"), 1.6),
        ("done", lambda: tasky("done", next(pending)), 1.6),
    ):
        seconds, baseline = alternate(
            ours, partial(processes.seconds, processes.python(IMPORTS), cwd=project), rounds=rounds
        )
        yield Result(
            what=f"tasky {name}",
            against=f'python -c "{IMPORTS}"',
            ours=seconds,
            baseline=baseline,
            target=target,
            size=size,
        )
