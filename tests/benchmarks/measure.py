"""Two sides of a ratio, measured in turns, and the verdict on it.

Absolute times drift with the machine, so none is judged: both sides run in the same minutes, alternating, and
what counts is the quotient of their medians.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import Final, Literal

__all__ = ["Result", "Sized", "Unit", "alternate", "compared", "duration"]

SAMPLE: Final = 0.001  # seconds that one measurement of a short call lasts at least
PATIENCE: Final = 0.5  # seconds for all of those of its baseline
MOST_ROUNDS: Final = 101

Unit = Literal["s", "MB", "times"]
Sized = Literal["tasks", "processes", "threads"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One row of the report: ``ours`` and ``baseline`` are medians in ``unit``.

    ``size`` is how many tasks are in the store, or how many processes or threads write to it (None: it does
    not matter), ``target`` the most that the ratio may be (None: it is shown and not judged).
    """

    what: str
    against: str
    ours: float
    baseline: float
    target: float | None
    size: int | None = None
    sized: Sized = "tasks"
    unit: Unit = "s"

    @property
    def ratio(self) -> float:
        """Ours divided by the baseline."""
        return self.ours / self.baseline

    @property
    def verdict(self) -> Literal["ok", "MISSED", ""]:
        """Whether the ratio is within its target; empty where there is none."""
        if self.target is None:
            return ""
        return "ok" if self.ratio <= self.target else "MISSED"


def alternate(*sides: Callable[[], float], rounds: int, warm_up: bool = True) -> tuple[float, ...]:
    """The median of each side, ours and its baseline as a rule, which measures itself once a call.

    They take turns, and the order alternates too. ``warm_up`` runs all once before it counts.
    """
    measured: list[list[float]] = [[] for _ in sides]
    if warm_up:
        for side in sides:
            side()
    for number in range(rounds):
        turns = list(zip(sides, measured, strict=True))
        for side, times in turns if number % 2 == 0 else reversed(turns):
            times.append(side())
    return tuple(map(median, measured))


def duration(
    action: Callable[[], object], *, times: int = 1, clock: Callable[[], float] = time.perf_counter
) -> float:
    """The seconds that one call of ``action`` takes, as the mean of ``times`` calls in a row.

    Without the cyclic collector meanwhile: it would charge the side that holds many results for its walks.
    """
    gc.collect()
    gc.disable()
    try:
        start = clock()
        for _ in range(times):
            action()
        return (clock() - start) / times
    finally:
        gc.enable()


def compared(
    ours: Callable[[], object],
    baseline: Callable[[], object],
    *others: Callable[[], object],
    rounds: int,
    clock: Callable[[], float] = time.process_time,
) -> tuple[float, ...]:
    """The medians of the seconds that a call of each takes, of processor time unless ``clock`` is another.

    That is for work that waits for nothing: then it is the wall time of an idle machine, and on a busy one it
    stays so. Short calls are repeated to be measurable, and measured in more rounds; ``others``, which take
    part in those, have to be long enough by themselves.
    """

    def seconds(action: Callable[[], object], times: int = 1) -> float:
        return duration(action, times=times, clock=clock)

    seconds(baseline)
    once = seconds(baseline) + 1e-9
    times = max(1, int(SAMPLE / once))
    rounds = max(rounds, min(MOST_ROUNDS, int(PATIENCE / (once * times))))
    short = [partial(seconds, side, times) for side in (ours, baseline)]
    return alternate(*short, *(partial(seconds, side) for side in others), rounds=rounds)
