"""Many that read, change and write one set of tasks at once, against bare ``sqlite3`` doing the same."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from typing import Final

from tests.benchmarks.measure import Result, Sized, Unit, alternate
from tests.benchmarks.stores import Stores
from tests.benchmarks.writers import Report

__all__ = ["concurrency"]

SIZE: Final = 1_000
WRITERS: Final = (1, 2, 4, 8, 16)
WRITES: Final = 100  # by each
SHARE: Final = 0.7  # of the bare throughput
JUDGED: Final = 8  # processes, for which the share was set
WAIT_LIMIT: Final = 1.0  # seconds
QUANTILES: Final = {"half of the waits": 0.5, "99 in 100 waits": 0.99, "the longest wait": 1.0}


def concurrency(stores: Stores, rounds: int) -> Iterator[Result]:
    """As processes and as threads of one, more and more writers."""
    (stores.processes.home / "concurrency").mkdir()
    kinds: tuple[Sized, ...] = ("processes", "threads")
    for kind in kinds:
        for writers in WRITERS:
            yield from _measure(stores, kind, writers, rounds)


def _measure(stores: Stores, kind: Sized, writers: int, rounds: int) -> Iterator[Result]:
    """The time until all have made their writes, how long writes waited, and how often they began again.

    A write that fails, for a locked database or for anything else, ends the measurement.
    """
    numbers = count()
    reports: dict[str, list[Report]] = {"ours": [], "bare": []}

    def race(side: str) -> float:
        path = stores.processes.home / "concurrency" / f"{side}-{writers}-{kind}-{next(numbers)}.db"
        shutil.copy(stores.store(SIZE), path)
        raced = _race(stores, side, path, kind, writers)
        reports[side] += raced
        return max(report.end for report in raced) - min(report.start for report in raced)

    def row(
        what: str, against: str, ours: float, baseline: float, target: float | None = None, unit: Unit = "s"
    ) -> Result:
        return Result(
            what=f"{WRITES} updates each, {what}",
            against=against,
            ours=ours,
            baseline=baseline,
            target=target,
            size=writers,
            sized=kind,
            unit=unit,
        )

    seconds, baseline = alternate(lambda: race("ours"), lambda: race("bare"), rounds=rounds)
    share = 1 / SHARE if (kind, writers) == ("processes", JUDGED) else None
    yield row("all of them", "bare sqlite3", seconds, baseline, share)
    waits = {side: sorted(wait for report in reports[side] for wait in report.waits) for side in reports}
    for name, quantile in QUANTILES.items():
        mine, theirs = (_quantile(waits[side], quantile) for side in ("ours", "bare"))
        yield row(name, "bare sqlite3", mine, theirs)
        if name == "99 in 100 waits":
            yield row(name, "the limit", mine, WAIT_LIMIT, 1.0)
    writes = float(len(waits["ours"]))
    for name in ("conflicts", "retries"):
        times = float(sum(getattr(report, name) for report in reports["ours"]))
        yield row(name, "writes", times, writes, unit="times")


def _quantile(ordered: list[float], share: float) -> float:
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)]


def _race(stores: Stores, side: str, path: Path, kind: Sized, writers: int) -> list[Report]:
    """What each process met; raises ``RuntimeError`` when one of them failed."""
    processes, threads = (writers, 1) if kind == "processes" else (1, writers)
    command = [sys.executable, "-m", "tests.benchmarks.writers", side, str(path), str(WRITES), str(threads)]
    with ExitStack() as stack:
        started = [stack.enter_context(_started(stores, command)) for _ in range(processes)]
        for process in started:
            assert process.stdout is not None  # a pipe, as asked for
            process.stdout.readline()
        for process in started:
            assert process.stdin is not None  # as above
            process.stdin.write("go\n")
            process.stdin.flush()
        answers = [process.communicate()[0] for process in started]
    if any(process.returncode for process in started):
        raise RuntimeError(f"a writer of {writers} {kind} failed, and says above why")
    return [Report(**json.loads(answer)) for answer in answers]


def _started(stores: Stores, command: list[str]) -> subprocess.Popen[str]:
    pipe = subprocess.PIPE
    return subprocess.Popen(command, env=stores.processes.environ, stdin=pipe, stdout=pipe, text=True)
