"""One of the processes that change one set of tasks at once, with one thread or several.

``python -m tests.benchmarks.writers SIDE PATH WRITES THREADS`` opens the store at PATH as SIDE does (``ours``
or ``bare``), says so, waits for a line on stdin, and prints what its threads met as a ``Report`` in JSON.
"""

from __future__ import annotations

import json
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Final, TypeAlias
from uuid import uuid4

from tests.benchmarks.racing import Report, counted, take_part
from tests.benchmarks.recording import bare_connection

from tasky import TaskEdit, TaskService
from tasky_sqlite import SqliteTaskRepository

PATIENCE: Final = 60.0  # seconds that a write waits for others, on both sides

Write: TypeAlias = Callable[[int], object]
"""Changes the task of that number."""


@contextmanager
def ours(path: Path, tasks: int, report: Report) -> Iterator[Callable[[], Write]]:
    """Every thread edits through one service, which reads, computes and writes."""
    with SqliteTaskRepository(path, busy_timeout=PATIENCE) as store, counted(store, report):
        store.initialize(create=False)
        service = TaskService(store, actor="bench")
        ids = [task.task_id for task in store.find_tasks(limit=tasks)]

        def write(number: int) -> None:
            service.update([ids[number]], TaskEdit(values={"details": str(time.time_ns())}))

        yield lambda: write


@contextmanager
def bare(path: Path, tasks: int, report: Report) -> Iterator[Callable[[], Write]]:
    """Every thread has a connection, and does the same to the same tables and nothing else."""
    connections: list[sqlite3.Connection] = []

    def connect() -> Write:
        store = bare_connection(path, wait=PATIENCE)
        connections.append(store)
        rows = store.execute("SELECT task_id FROM tasks ORDER BY row_id LIMIT ?", (tasks,))
        ids = [task_id for (task_id,) in rows]

        def write(number: int) -> None:
            store.execute("BEGIN IMMEDIATE")
            row = store.execute("SELECT * FROM tasks WHERE task_id = ?", (ids[number],)).fetchone()
            (last,) = store.execute("SELECT max(sequence) FROM history").fetchone()
            batch = (last + 1, uuid4().bytes, time.time_ns() // 1000, "bench", "update", None)
            store.execute("INSERT INTO batches VALUES (?, ?, ?, ?, ?, ?)", batch)
            before = json.dumps(row, default=bytes.hex, ensure_ascii=False)
            entry = (last + 1, last + 1, ids[number], f'{{"row": {before}}}', row[3] + 1)
            store.execute("INSERT INTO history VALUES (?, ?, ?, ?, ?)", entry)
            store.execute(
                "UPDATE tasks SET details = ?, updated_at = ?, revision = revision + 1 WHERE row_id = ?",
                (str(time.time_ns()), time.time_ns() // 1000, row[0]),
            )
            store.execute("COMMIT")

        return write

    try:
        yield connect
    finally:
        for connection in connections:
            connection.close()


def _work(write: Write, writes: int, report: Report) -> None:
    for number in range(writes):
        before = time.perf_counter()
        write(number)
        report.waits.append(time.perf_counter() - before)


SIDES: Final = {"ours": ours, "bare": bare}


def main() -> None:
    """Work as the arguments say."""
    side, path, writes, threads = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    report = Report()
    with SIDES[side](path, writes, report) as writer, ThreadPoolExecutor(threads) as pool:
        work = [partial(_work, writer(), writes, report) for _ in range(threads)]
        take_part(report, lambda: [done.result() for done in [pool.submit(one) for one in work]])


if __name__ == "__main__":
    main()
