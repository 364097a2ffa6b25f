"""What was measured, as a table for a terminal, as Markdown and as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Final

from tests.benchmarks.measure import Result, Unit

__all__ = ["as_json", "as_markdown", "as_table", "short"]

HEADINGS: Final = ("what", "size", "ours", "baseline", "ratio", "target", "", "baseline is")
NUMERIC: Final = range(1, 6)


def as_table(results: Sequence[Result]) -> str:
    """Aligned columns under a heading, a row for each result."""
    rows = [HEADINGS, *(_cells(result) for result in results)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if column in NUMERIC else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )


def as_markdown(results: Sequence[Result]) -> str:
    """The same columns as a Markdown table."""
    rules = ["--:" if column in NUMERIC else "---" for column in range(len(HEADINGS))]
    rows = [HEADINGS, rules, *(_cells(result, missing="") for result in results)]
    return "".join("|" + "".join(f" {cell} |" if cell else " |" for cell in row) + "\n" for row in rows)


def as_json(results: Sequence[Result]) -> str:
    """A list of objects: seconds or megabytes, unrounded."""
    items = [{**asdict(result), "ratio": result.ratio, "verdict": result.verdict} for result in results]
    return json.dumps(items, indent=2) + "\n"


def _cells(result: Result, *, missing: str = "-") -> tuple[str, ...]:
    return (
        result.what,
        _size(result),
        _quantity(result.ours, result.unit),
        _quantity(result.baseline, result.unit),
        _number(result.ratio),
        missing if result.target is None else _number(result.target),
        result.verdict,
        result.against,
    )


def _size(result: Result) -> str:
    if result.size is None:
        return ""
    return short(result.size) if result.sized == "tasks" else f"{result.size} {result.sized}"


def short(tasks: int) -> str:
    """A number of tasks as it is spoken: ``10k``, ``1M``."""
    for unit, name in ((1_000_000, "M"), (1_000, "k")):
        if tasks >= unit and tasks % unit == 0:
            return f"{tasks // unit}{name}"
    return str(tasks)


def _number(ratio: float) -> str:
    return f"{ratio:.2f}" if ratio >= 0.1 else f"{ratio:.4f}"


def _quantity(value: float, unit: Unit) -> str:
    if unit == "MB":
        return f"{value:.1f} MB"
    if unit == "times":
        return f"{value:.0f}"
    for name, factor in (("s", 1), ("ms", 1e3)):
        if value * factor >= 1:
            return f"{value * factor:.1f} {name}"
    return f"{value * 1e6:.1f} us"
