"""One way of reading a store, against the statements that it sends, bare and with rows to tuples."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Final, TypeAlias

from tests.benchmarks.measure import compared
from tests.benchmarks.recording import Statement, bare_connection, recorded, replay
from tests.benchmarks.stores import opened

from tasky import TaskRepository

__all__ = ["SAME_SQL", "Reading", "allowed", "compare", "compare_call"]

SAME_SQL: Final = "the same SQL, bare"
OVERHEAD: Final = 1.5  # of the bare statement's time
SCANNED: Final = 500  # rows by which the conversion of one is measured

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
) -> tuple[float, float]:
    """The times of ``action`` on the store at ``path``, and of its statements bare.

    ``simplify`` makes of the statements what is to be compared with. The times are those of ``compared``.
    """
    statements = simplify(_statements(path, action))
    with opened(path) as store, closing(bare_connection(path)) as connection:
        bare = partial(replay, connection, statements)
        ours, baseline = compared(partial(action, store), bare, rounds=rounds)
    return ours, baseline


def compare_call(path: Path, action: Reading, rows: int, *, rounds: int) -> tuple[float, float, float]:
    """The same of a call that returns ``rows`` rows, and the most that the ratio may be.

    That is 1.5 and the conversion of the rows to records: what a scan of some takes beyond the same rows as
    ``fetchall`` takes them. It is measured in the same rounds, as a machine that is slow in one minute
    converts slowly too.
    """
    statements, scan = _statements(path, action), _statements(path, _scan)
    with opened(path) as store, closing(bare_connection(path)) as connection:
        ours, baseline, streamed, fetched = compared(
            partial(action, store),
            partial(replay, connection, statements),
            partial(_scan, store),
            partial(replay, connection, scan),
            rounds=rounds,
        )
    return ours, baseline, allowed((streamed - fetched) / SCANNED, rows, baseline)


def _statements(path: Path, action: Reading) -> list[Statement]:
    """What ``action`` sends to the store at ``path``, without what opening it sends."""

    def record(forget: Callable[[], None]) -> None:
        with opened(path) as store:
            forget()
            action(store)

    return recorded(record)


def _scan(store: TaskRepository) -> object:
    return deque(store.find_tasks(limit=SCANNED), maxlen=0)
