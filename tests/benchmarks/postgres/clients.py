"""One of the processes that work on one store on a server at once.

``python -m tests.benchmarks.postgres.clients JOB SIDE LOCATION COUNT`` opens the store as SIDE does (``ours``
or ``bare``), says so, waits for a line on stdin, and prints what it met as a ``Report`` in JSON. JOB is
``list`` (COUNT times the newest page), ``add`` (COUNT tasks, a batch each), ``spread`` (COUNT updates, of any
of the ``SOME`` oldest tasks), ``hot`` (COUNT updates of one task) or ``claim`` (claims until there is nothing
left to claim).
"""

from __future__ import annotations

import json
import os
import random
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from typing import Final, TypeAlias
from uuid import UUID, uuid4

from tests.benchmarks.dataset import tasks
from tests.benchmarks.postgres.operations import newest
from tests.benchmarks.postgres.recording import recorded, replay
from tests.benchmarks.postgres.servers import Bare, bare, opened
from tests.benchmarks.racing import Report, counted, take_part

from tasky import NothingToClaimError, StorageLocation, TaskEdit, TaskService
from tasky_postgres.inserting import BATCHES, HISTORY, TASKS, Table, task_row
from tasky_postgres.records import COLUMNS, Row
from tasky_postgres.schema import FREE as FREE_TO_CLAIM

Step: TypeAlias = Callable[[int], bool]
"""Does the job once more, the how-manieth time is given; False when there is nothing left to do."""

ACTOR: Final = f"client-{os.getpid()}"
SOME: Final = 1_000  # tasks that are updated
SAMPLE: Final = task_row(next(tasks(1)))
READ: Final = f"SELECT {', '.join(COLUMNS)} FROM tasks WHERE task_id = %s FOR UPDATE"
FREE: Final = (
    f"SELECT {', '.join(COLUMNS)} FROM tasks WHERE {FREE_TO_CLAIM}"
    " AND (wait_until IS NULL OR wait_until <= %s) AND NOT EXISTS (SELECT 1 FROM tasks AS needed"
    " WHERE needed.task_id = ANY (tasks.depends_on) AND needed.status = 'pending')"
    " ORDER BY priority DESC NULLS LAST, due_at, created_at, task_id LIMIT 1 FOR UPDATE SKIP LOCKED"
)
QUEUE: Final = "UPDATE tasky_store SET last_sequence = last_sequence + 1 RETURNING last_sequence"
CHANGED: Final = "updated_at = %s, revision = revision + 1 WHERE task_id = %s"
DETAILS: Final = f"UPDATE tasks SET details = %s, {CHANGED}"
ASSIGNEE: Final = f"UPDATE tasks SET assignee = %s, {CHANGED}"


@contextmanager
def ours(location: StorageLocation, job: str, report: Report) -> Iterator[Step]:
    """Through the service, which reads, computes and writes, and begins again when others were quicker."""
    with opened(location) as store, counted(store, report):
        service = TaskService(store, actor=ACTOR)
        ids = [task.task_id for task in store.find_tasks(limit=SOME)]

        def page(_: int) -> bool:
            return bool(newest(store))

        def add(number: int) -> bool:
            return bool(service.create(name=f"{ACTOR} {number}").changes)

        def update(number: int) -> bool:
            service.update([_chosen(job, ids)], TaskEdit(values={"details": f"{ACTOR} {number}"}))
            return True

        def claim(_: int) -> bool:
            try:
                return bool(service.claim().changes)
            except NothingToClaimError:
                return False

        yield {"list": page, "add": add, "claim": claim}.get(job, update)


@contextmanager
def by_hand(location: StorageLocation, job: str, report: Report) -> Iterator[Step]:
    """The same to the same tables with psycopg and nothing else; others skip a free task that is locked."""
    with opened(location) as store:
        pages = recorded(partial(newest, store))
        ids = [task.task_id for task in store.find_tasks(limit=SOME)]
    with bare(location) as connection:

        def page(_: int) -> bool:
            replay(connection, pages)
            return True

        def add(number: int) -> bool:
            row = (uuid4(), f"{ACTOR} {number}", *SAMPLE[2:])
            connection.execute("BEGIN")
            _insert(connection, TASKS, row)
            _remember(connection, row[0], None, 1, "add")
            connection.execute("COMMIT")
            return True

        def update(number: int) -> bool:
            connection.execute("BEGIN")
            row = connection.execute(READ.encode(), (_chosen(job, ids),)).fetchone()
            assert row is not None  # nobody deletes one
            connection.execute(DETAILS.encode(), (f"{ACTOR} {number}", datetime.now(UTC), row[0]))
            _remember(connection, row[0], _snapshot(row), row[-1] + 1, "update")
            connection.execute("COMMIT")
            return True

        def claim(_: int) -> bool:
            connection.execute("BEGIN")
            row = connection.execute(FREE.encode(), (datetime.now(UTC),)).fetchone()
            if row is not None:
                connection.execute(ASSIGNEE.encode(), (ACTOR, datetime.now(UTC), row[0]))
                _remember(connection, row[0], _snapshot(row), row[-1] + 1, "claim")
            connection.execute("COMMIT")
            return row is not None

        yield {"list": page, "add": add, "claim": claim}.get(job, update)


def _chosen(job: str, ids: list[UUID]) -> UUID:
    return ids[0] if job == "hot" else random.choice(ids)  # noqa: S311 - it spreads load and keeps no secret


def _snapshot(row: Row) -> str:
    return f'{{"row": {json.dumps(row, default=str, ensure_ascii=False)}}}'


def _remember(connection: Bare, task_id: UUID, before: str | None, revision: int, command: str) -> None:
    """The batch and its entry in the history, as late as can be: from here on other writers wait."""
    numbered = connection.execute(QUEUE).fetchone()
    assert numbered is not None  # there is one row
    _insert(connection, BATCHES, (numbered[0], uuid4(), datetime.now(UTC), ACTOR, command, None))
    _insert(connection, HISTORY, (numbered[0], numbered[0], task_id, before, revision))


def _insert(connection: Bare, table: Table, row: Row) -> None:
    places = ", ".join(["%s"] * len(row))
    statement = f"INSERT INTO {table.name} ({', '.join(table.columns)}) VALUES ({places})"
    connection.execute(statement.encode(), row)


def _work(step: Step, most: int, report: Report) -> None:
    for number in range(most):
        before = time.perf_counter()
        if not step(number):
            break
        report.waits.append(time.perf_counter() - before)


SIDES: Final = {"ours": ours, "bare": by_hand}


def main() -> None:
    """Work as the arguments say."""
    job, side, location, most = sys.argv[1], sys.argv[2], StorageLocation.parse(sys.argv[3]), int(sys.argv[4])
    report = Report()
    with SIDES[side](location, job, report) as step:
        take_part(report, partial(_work, step, most, report))


if __name__ == "__main__":
    main()
