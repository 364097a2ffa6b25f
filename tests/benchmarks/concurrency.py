"""Many that read, change and write one set of tasks at once, against bare ``sqlite3`` doing the same."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Final

from tests.benchmarks.measure import Result, Sized, Unit, alternate
from tests.benchmarks.racing import QUANTILES, Report, quantile, race, seconds
from tests.benchmarks.stores import Stores

__all__ = ["concurrency"]

SIZE: Final = 1_000
WRITERS: Final = (1, 2, 4, 8, 16)
WRITES: Final = 100  # by each
SHARE: Final = 0.7  # of the bare throughput
JUDGED: Final = 8  # processes, for which the share was set
WAIT_LIMIT: Final = 1.0  # seconds


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

    def run(side: str) -> float:
        path = stores.processes.home / "concurrency" / f"{side}-{writers}-{kind}-{next(numbers)}.db"
        shutil.copy(stores.store(SIZE), path)
        raced = _race(stores, side, path, kind, writers)
        reports[side] += raced
        return seconds(raced)

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

    ours, baseline = alternate(lambda: run("ours"), lambda: run("bare"), rounds=rounds)
    share = 1 / SHARE if (kind, writers) == ("processes", JUDGED) else None
    yield row("all of them", "bare sqlite3", ours, baseline, share)
    waits = {side: sorted(wait for report in reports[side] for wait in report.waits) for side in reports}
    for name, part in QUANTILES.items():
        mine, theirs = (quantile(waits[side], part) for side in ("ours", "bare"))
        yield row(name, "bare sqlite3", mine, theirs)
        if name == "99 in 100 waits":
            yield row(name, "the limit", mine, WAIT_LIMIT, 1.0)
    writes = float(len(waits["ours"]))
    for name in ("conflicts", "retries"):
        times = float(sum(getattr(report, name) for report in reports["ours"]))
        yield row(name, "writes", times, writes, unit="times")


def _race(stores: Stores, side: str, path: Path, kind: Sized, writers: int) -> list[Report]:
    processes, threads = (writers, 1) if kind == "processes" else (1, writers)
    command = [sys.executable, "-m", "tests.benchmarks.writers", side, str(path), str(WRITES), str(threads)]
    return race(stores.processes, [command] * processes)
