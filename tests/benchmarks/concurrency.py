"""Processes that read, change and write one set of tasks at once, against bare ``sqlite3`` doing the same."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing
from itertools import count
from pathlib import Path
from typing import Final

from tests.benchmarks.measure import Result, alternate
from tests.benchmarks.recording import bare_connection
from tests.benchmarks.stores import Stores

__all__ = ["concurrency"]

SIZE: Final = 1_000
WRITERS: Final = 8
WRITES: Final = 100  # by each
SHARE: Final = 0.7  # of the bare throughput
WAIT_LIMIT: Final = 1.0  # seconds

OURS: Final = """
import json, sys, time
from pathlib import Path
from tasky import TaskEdit, TaskService
from tasky_sqlite import sqlite_factory

path, writes = Path(sys.argv[1]), int(sys.argv[2])
with sqlite_factory(path) as store:
    store.initialize(create=False)
    service = TaskService(store, actor="bench")
    ids = [task.task_id for task in store.find_tasks(limit=writes)]

    def write(number):
        service.update([ids[number]], TaskEdit(values={"details": str(time.time_ns())}))
"""

BARE: Final = """
import json, sqlite3, sys, time

path, writes = sys.argv[1], int(sys.argv[2])
with sqlite3.connect(path, isolation_level=None, timeout=30) as store:
    store.execute("PRAGMA synchronous = FULL")

    def write(number):
        store.execute("BEGIN IMMEDIATE")
        row = store.execute("SELECT details, revision FROM tasks WHERE id = ?", (number,)).fetchone()
        after = (str(time.time_ns()), row[1] + 1, number)
        store.execute("UPDATE tasks SET details = ?, revision = ? WHERE id = ?", after)
        store.execute("INSERT INTO history (task, before) VALUES (?, ?)", (number, json.dumps(row)))
        store.execute("COMMIT")
"""

WORK: Final = """
    print("ready", flush=True)
    sys.stdin.readline()
    start, waits = time.time(), []
    for number in range(writes):
        before = time.perf_counter()
        write(number)
        waits.append(time.perf_counter() - before)
    print(json.dumps([start, time.time(), waits]))
"""


def concurrency(stores: Stores, rounds: int) -> Iterator[Result]:
    """The time until every process has made its writes, and how long the slowest in a hundred waited."""
    home = stores.processes.home / "concurrency"
    home.mkdir()
    numbers = count()
    waits: list[float] = []

    def ours() -> float:
        path = home / f"ours-{next(numbers)}.db"
        shutil.copy(stores.store(SIZE), path)
        seconds, waited = _race(stores, OURS + WORK, path)
        waits.extend(waited)
        return seconds

    def bare() -> float:
        path = home / f"bare-{next(numbers)}.db"
        _make_bare_store(path)
        return _race(stores, BARE + WORK, path)[0]

    seconds, baseline = alternate(ours, bare, rounds=rounds)
    yield Result(
        what=f"{WRITERS} processes, {WRITES} updates each",
        against="bare sqlite3",
        ours=seconds,
        baseline=baseline,
        target=1 / SHARE,
        size=SIZE,
    )
    yield Result(
        what=f"{WRITERS} processes, wait of the 99th in 100",
        against="the limit",
        ours=sorted(waits)[len(waits) * 99 // 100],
        baseline=WAIT_LIMIT,
        target=1.0,
        size=SIZE,
    )


def _make_bare_store(path: Path) -> None:
    with closing(bare_connection(path)) as connection:
        connection.execute(
            "CREATE TABLE tasks (id INTEGER PRIMARY KEY, details TEXT, revision INTEGER) STRICT"
        )
        connection.execute(
            "CREATE TABLE history (sequence INTEGER PRIMARY KEY, task INTEGER, before TEXT) STRICT"
        )
        rows = [(number, "d" * 200, 1) for number in range(WRITES)]
        connection.execute("BEGIN")
        connection.executemany("INSERT INTO tasks VALUES (?, ?, ?)", rows)
        connection.execute("COMMIT")


def _race(stores: Stores, code: str, path: Path) -> tuple[float, list[float]]:
    """From the first start to the last end in seconds, and how long each write took."""
    command = [sys.executable, "-c", code, str(path), str(WRITES)]
    with ExitStack() as stack:
        writers = [
            stack.enter_context(
                subprocess.Popen(
                    command,
                    env=stores.processes.environ,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                )
            )
            for _ in range(WRITERS)
        ]
        for writer in writers:
            assert writer.stdout is not None  # a pipe, as asked for
            writer.stdout.readline()
        reports = [json.loads(writer.communicate()[0]) for writer in _started(writers)]
    waits = [wait for _, _, waited in reports for wait in waited]
    return max(end for _, end, _ in reports) - min(start for start, _, _ in reports), waits


def _started(writers: list[subprocess.Popen[str]]) -> list[subprocess.Popen[str]]:
    for writer in writers:
        assert writer.stdin is not None  # a pipe, as asked for
        writer.stdin.write("go\n")
        writer.stdin.flush()
    return writers
