"""Every measurement as a picture: times and their ratio against the number of tasks, or of writers.

The same results make the same files: no date, no random ids, and text as text.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tests.benchmarks.measure import Result
from tests.benchmarks.report import short

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw"]

STYLE: Final[dict[Any, Any]] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "tasky",
    "font.size": 9,
    "font.family": "sans-serif",
}
STEPS: Final = (1, 2, 5)  # times each power of ten: the numbers of an axis
CLOSE: Final = 500  # how many times its lower end the upper end of such an axis is at most
LABELS: Final = {"s": "time", "MB": "megabytes", "times": "times"}


def draw(results: Sequence[Result], folder: Path) -> list[Path]:
    """Write an SVG into ``folder`` for each measurement that was made at two sizes or more.

    Returns the files, in the order of the results.
    """
    import matplotlib  # only when it is asked for: see docs/explanation/dependencies.md

    folder.mkdir(parents=True, exist_ok=True)
    drawn = []
    with matplotlib.rc_context(STYLE):
        for rows in _measurements(results):
            path = folder / f"{_slug(rows[0])}.svg"
            _draw_one(rows, path)
            drawn.append(path)
    return drawn


def _measurements(results: Sequence[Result]) -> list[list[Result]]:
    """The rows that differ in their size alone. Zero has no place on a logarithmic axis."""
    found: dict[tuple[str, str, str], list[Result]] = {}
    for row in results:
        if row.size is not None and row.ours > 0:
            found.setdefault((row.what, row.against, row.sized), []).append(row)
    return [sorted(rows, key=_place) for rows in found.values() if len(rows) > 1]


def _draw_one(rows: list[Result], path: Path) -> None:
    from matplotlib.figure import Figure
    from matplotlib.ticker import EngFormatter

    first = rows[0]
    figure = Figure(figsize=(6.4, 2.8), layout="constrained")
    figure.suptitle(f"{first.what}, against {first.against}")
    absolute, relative = figure.subplots(1, 2)
    _draw_lines(absolute, rows, LABELS[first.unit], {"ours": "ours", "baseline": "baseline"})
    if first.unit == "s":
        absolute.yaxis.set_major_formatter(EngFormatter("s"))
    _draw_lines(relative, rows, "ours / baseline", {"ratio": "ratio", "target": "target"})
    figure.savefig(path, metadata={"Date": None})


def _draw_lines(axes: Axes, rows: list[Result], label: str, lines: dict[str, str]) -> None:
    from matplotlib.ticker import LogLocator, StrMethodFormatter

    places = [_place(row) for row in rows]
    for (attribute, name), style in zip(lines.items(), ("o-", "s--"), strict=True):
        points = [(place, getattr(row, attribute)) for place, row in zip(places, rows, strict=True)]
        known = [(place, value) for place, value in points if value is not None]
        if known:
            axes.plot(*zip(*known, strict=True), style, label=name, markersize=4)
    axes.set(xscale="log", yscale="log", xlabel=rows[0].sized, ylabel=label)
    axes.set_xticks(places, [short(place) for place in places])
    lower, upper = _around(*axes.get_ylim())
    axes.set_ylim(lower, upper)
    axes.yaxis.set_major_locator(LogLocator(subs=STEPS if upper / lower <= CLOSE else STEPS[:1]))
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.minorticks_off()
    axes.legend(frameon=False)


def _around(lower: float, upper: float) -> tuple[float, float]:
    """The nearest numbers of an axis below and above."""
    low, high = (10.0 ** math.floor(math.log10(limit)) for limit in (lower, upper))
    return (
        max(step * low for step in STEPS if step * low <= lower),
        min(step * high for step in (*STEPS, 10) if step * high >= upper),
    )


def _place(row: Result) -> int:
    assert row.size is not None  # others are not drawn
    return row.size


def _slug(row: Result) -> str:
    sized = "" if row.sized == "tasks" else row.sized
    return re.sub("[^a-z0-9]+", "-", f"{sized} {row.what} {row.against}".lower()).strip("-")
