"""How far a long command is, on a terminal, once it has taken a second."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from typing import TextIO

__all__ = ["with_progress"]

T = TypeVar("T")

PATIENCE: Final = 1.0  # seconds before anything is shown
INTERVAL: Final = 0.1  # seconds between two looks


def with_progress(
    items: Iterable[T],
    label: str,
    stream: TextIO,
    *,
    fraction: Callable[[], float] | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[T]:
    """The items as they come; a ``stream`` that is a terminal shows their number, on a line of its own.

    ``fraction`` tells how much is done, from 0 to 1. ``clock`` counts seconds. The line is wiped at the end,
    also after an error.
    """
    if not stream.isatty():
        yield from items
        return
    due, shown = clock() + PATIENCE, ""
    try:
        for count, item in enumerate(items, start=1):
            if clock() >= due:
                done = "" if fraction is None else f" ({fraction():.0%})"
                shown = f"{label} {count}{done}"
                stream.write(f"\r{shown}")
                stream.flush()
                due = clock() + INTERVAL
            yield item
    finally:
        if shown:
            stream.write(f"\r{' ' * len(shown)}\r")
            stream.flush()
