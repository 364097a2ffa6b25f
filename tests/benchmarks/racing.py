"""Processes that get ready, begin together, and say what they met."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from typing import Final

from tests.benchmarks.processes import Processes

from tasky import Batch, ConflictError, TaskChange, TaskRepository

__all__ = ["QUANTILES", "Report", "counted", "quantile", "race", "seconds", "take_part"]

QUANTILES: Final = {"half of the waits": 0.5, "99 in 100 waits": 0.99, "the longest wait": 1.0}


@dataclass
class Report:
    """From ``start`` to ``end`` (Unix seconds), how long each step took (seconds), how many found the task
    changed since they read it, and how often one of them slept before it tried again."""

    start: float = 0.0
    end: float = 0.0
    waits: list[float] = field(default_factory=list)
    conflicts: int = 0
    retries: int = 0


def take_part(report: Report, work: Callable[[], object]) -> None:
    """In a process of a race: say that it is ready, ``work`` when it is told to, and print the report."""
    print("ready", flush=True)
    sys.stdin.readline()
    report.start = time.time()
    work()
    report.end = time.time()
    print(json.dumps(asdict(report)))


@contextmanager
def counted(store: TaskRepository, report: Report) -> Iterator[None]:
    """Conflicts, and the naps of whoever waits for others: the service after a conflict, the plugin too."""
    apply, sleep = store.apply, time.sleep

    def counted_apply(batch: Batch, changes: Iterable[TaskChange], /) -> None:
        try:
            apply(batch, changes)
        except ConflictError:
            report.conflicts += 1
            raise

    def counted_sleep(seconds: float) -> None:
        report.retries += 1
        sleep(seconds)

    store.apply = counted_apply  # type: ignore[method-assign]  # this one store's
    time.sleep = counted_sleep  # type: ignore[assignment]  # put back below
    try:
        yield
    finally:
        time.sleep = sleep


def race(processes: Processes, commands: Sequence[Sequence[str]]) -> list[Report]:
    """What each of the commands met, begun at once; raises ``RuntimeError`` when one of them failed."""
    with ExitStack() as stack:
        started = [stack.enter_context(_started(processes, command)) for command in commands]
        for process in started:
            assert process.stdout is not None  # a pipe, as asked for
            process.stdout.readline()
        for process in started:
            assert process.stdin is not None  # as above
            process.stdin.write("go\n")
            process.stdin.flush()
        answers = [process.communicate()[0] for process in started]
    if any(process.returncode for process in started):
        raise RuntimeError(f"one of {len(commands)} processes failed, and says above why")
    return [Report(**json.loads(answer)) for answer in answers]


def seconds(reports: Sequence[Report]) -> float:
    """From the first start to the last end."""
    return max(report.end for report in reports) - min(report.start for report in reports)


def quantile(ordered: Sequence[float], share: float) -> float:
    """The value that ``share`` of the ``ordered`` ones do not exceed."""
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)]


def _started(processes: Processes, command: Sequence[str]) -> subprocess.Popen[str]:
    pipe = subprocess.PIPE
    return subprocess.Popen(command, env=processes.environ, stdin=pipe, stdout=pipe, text=True)
