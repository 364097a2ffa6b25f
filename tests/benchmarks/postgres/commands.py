"""The everyday commands on a project whose store is on the server, whole processes."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import count
from typing import Final

from tests.benchmarks.measure import Result, alternate
from tests.benchmarks.postgres.servers import Server
from tests.benchmarks.processes import Processes

__all__ = ["everyday"]

IMPORTS: Final = "import click, psycopg"


def everyday(server: Server, processes: Processes, size: int, rounds: int) -> Iterator[Result]:
    """``list``, ``add`` and ``claim``, against the import of the libraries that they stand on."""
    project = processes.home / f"postgres-{size}"
    project.mkdir()
    with server.copy(size) as location:
        processes.run([processes.tasky, "init", "--storage", location.written.reveal()], cwd=project)
        numbers = count()

        def tasky(*arguments: str) -> float:
            return processes.seconds([processes.tasky, *arguments], cwd=project)

        for name, ours, target in (
            ("list, 50 of them", lambda: tasky("list", "--limit", "50"), 1.4),
            ("add", lambda: tasky("add", f"Measured {next(numbers)}"), 1.6),
            ("claim", lambda: tasky("claim"), 1.6),
        ):
            seconds, baseline = alternate(
                ours, partial(processes.seconds, processes.python(IMPORTS), cwd=project), rounds=rounds
            )
            yield Result(
                what=f"PostgreSQL: tasky {name}",
                against=f'python -c "{IMPORTS}"',
                ours=seconds,
                baseline=baseline,
                target=target,
                size=size,
            )
