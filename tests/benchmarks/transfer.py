"""Import and export of whole stores as processes, and the memory that they and a list hold."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import count
from pathlib import Path
from typing import Final

from tests.benchmarks.dataset import write_jsonl
from tests.benchmarks.measure import Result, alternate
from tests.benchmarks.report import short
from tests.benchmarks.stores import STORE, Stores, insertion, read_tables

__all__ = ["memory", "memory_growth", "transfer"]

EXPORT: Final = ("export", "--jsonl")
LIST: Final = ("list", "--limit", "50")
MEMORY_LIMIT: Final = 120.0  # MB
FLAT: Final = 1.1
FULL: Final = 100_000  # tasks
FEW: Final = 1_000  # tasks, whose transfer is the start of a process and little else

BARE_EXPORT: Final = """
import json, sqlite3, sys
connection = sqlite3.connect(sys.argv[1])
for row in connection.execute("SELECT * FROM tasks").fetchall():
    print(json.dumps(row, default=bytes.hex))
"""


def transfer(stores: Stores, size: int, rounds: int) -> Iterator[Result]:
    """``import`` of JSONL against ``executemany``, ``export`` against ``fetchall`` and ``json.dumps``."""
    processes = stores.processes
    source = processes.home / f"{size}.jsonl"
    write_jsonl(source, stores.tasks(size))
    numbers = count()

    def import_all() -> float:
        project = stores.empty_project(f"import-{size}-{next(numbers)}")
        seconds = processes.seconds([processes.tasky, "import", str(source)], cwd=project)
        imported.append(project)
        return seconds

    imported: list[Path] = []
    import_all()
    tables = read_tables(imported.pop() / STORE)

    def execute_many() -> float:
        path = processes.home / f"executemany-{size}-{next(numbers)}.db"
        seconds = insertion(path, tables)
        path.unlink()
        return seconds

    ours, baseline = alternate(import_all, execute_many, rounds=rounds, warm_up=False)
    for project in imported:
        shutil.rmtree(project)
    yield Result(
        what="tasky import, JSON Lines",
        against="executemany, same tables",
        ours=ours,
        baseline=baseline,
        target=6 if size > FEW else None,
        size=size,
    )
    store = str(stores.store(size))
    ours, baseline = alternate(
        partial(processes.seconds, [processes.tasky, *EXPORT], cwd=stores.project(size)),
        partial(processes.seconds, [*processes.python(BARE_EXPORT), store]),
        rounds=rounds,
        warm_up=False,
    )
    yield Result(
        what="tasky export, JSON Lines",
        against="fetchall, json.dumps",
        ours=ours,
        baseline=baseline,
        target=4 if size > FEW else None,
        size=size,
    )


def memory(stores: Stores, size: int) -> Iterator[Result]:
    """The peak of ``list``, ``import`` and ``export``, against what they may hold at any size."""
    for what, peak in _peaks(stores, size):
        yield Result(
            what=f"memory of tasky {what}",
            against="the limit",
            ours=peak,
            baseline=MEMORY_LIMIT,
            target=1.0,
            size=size,
            unit="MB",
        )


def memory_growth(measured: Sequence[Result], small: int, large: int) -> Iterator[Result]:
    """The peaks at one size against those at a smaller one: flat means that nothing is held whole.

    Not judged below a size at which caches have filled.
    """
    peaks = {(row.what, row.size): row.ours for row in measured if row.unit == "MB"}
    for what, size in [key for key in peaks if key[1] == large]:
        yield Result(
            what=what,
            against=f"the same at {short(small)}",
            ours=peaks[what, size],
            baseline=peaks[what, small],
            target=FLAT if small >= FULL else None,
            size=large,
            unit="MB",
        )


def _peaks(stores: Stores, size: int) -> Iterator[tuple[str, float]]:
    processes, project = stores.processes, stores.project(size)
    source = processes.home / f"{size}.jsonl"
    write_jsonl(source, stores.tasks(size))
    empty = stores.empty_project(f"memory-{size}")
    yield "list", processes.peak_memory([processes.tasky, *LIST], cwd=project)
    yield "import", processes.peak_memory([processes.tasky, "import", str(source)], cwd=empty)
    yield "export", processes.peak_memory([processes.tasky, *EXPORT], cwd=project)
    shutil.rmtree(empty)
