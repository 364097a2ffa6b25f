"""Two sides of a ratio, measured in turns, and the verdict on it.

Absolute times drift with the machine, so none is judged: both sides run in the same minutes, alternating, and
what counts is the quotient of their medians.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Literal

__all__ = ["Result", "Unit", "alternate", "duration"]

Unit = Literal["s", "MB"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One row of the report: ``ours`` and ``baseline`` are medians in ``unit``.

    ``size`` is the number of tasks in the store (None: it does not matter), ``target`` the most that the
    ratio may be (None: it is shown and not judged).
    """

    what: str
    against: str
    ours: float
    baseline: float
    target: float | None
    size: int | None = None
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


def alternate(
    ours: Callable[[], float], baseline: Callable[[], float], *, rounds: int, warm_up: bool = True
) -> tuple[float, float]:
    """The medians of ``ours`` and of ``baseline``, each of which measures itself once a call.

    They take turns, and the one that begins alternates too. ``warm_up`` runs both once before it counts.
    """
    measured: dict[Callable[[], float], list[float]] = {ours: [], baseline: []}
    if warm_up:
        ours()
        baseline()
    for number in range(rounds):
        for side in (ours, baseline) if number % 2 == 0 else (baseline, ours):
            measured[side].append(side())
    return median(measured[ours]), median(measured[baseline])


def duration(action: Callable[[], object], *, times: int = 1) -> float:
    """The seconds that one call of ``action`` takes, as the mean of ``times`` calls in a row.

    Without the cyclic collector meanwhile: it would charge the side that holds many results for its walks.
    """
    gc.collect()
    gc.disable()
    try:
        start = time.perf_counter()
        for _ in range(times):
            action()
        return (time.perf_counter() - start) / times
    finally:
        gc.enable()
