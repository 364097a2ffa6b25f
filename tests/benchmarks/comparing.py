"""One way of reading a store, against the statements that it sends, bare and with rows to tuples."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Final, TypeAlias

from tests.benchmarks.measure import compared
from tests.benchmarks.recording import Statement, bare_connection, recorded, replay
from tests.benchmarks.stores import opened

from tasky import TaskRepository

__all__ = ["SAME_SQL", "Reading", "allowed", "compare"]

SAME_SQL: Final = "the same SQL, bare"
OVERHEAD: Final = 1.5  # of the bare statement's time

Reading: TypeAlias = Callable[[TaskRepository], object]


def allowed(conversion: float, rows: int, baseline: float) -> float:
    """The most that the ratio may be, when each of the rows returned takes ``conversion`` seconds to become a
    record and the bare statement takes ``baseline`` seconds."""
    return OVERHEAD + conversion * rows / baseline


def compare(
    path: Path,
    action: Reading,
    *,
    rounds: int,
    simplify: Callable[[list[Statement]], list[Statement]] = list,
    run: Callable[[sqlite3.Connection, list[Statement]], object] = replay,
) -> tuple[float, float]:
    """The times of ``action`` on the store at ``path``, and of its statements when they are ``run`` bare.

    ``simplify`` makes of the statements what is to be compared with. The times are those of ``compared``.
    """

    def record(forget: Callable[[], None]) -> None:
        with opened(path) as store:
            forget()
            action(store)

    statements = simplify(recorded(record))
    with opened(path) as store, closing(bare_connection(path)) as connection:
        return compared(lambda: action(store), lambda: run(connection, statements), rounds=rounds)
