"""One client's calls on a store on the server, against bare psycopg sending the same statements."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from typing import Final

from tests.benchmarks.comparing import OVERHEAD, allowed
from tests.benchmarks.dataset import created, edited
from tests.benchmarks.measure import Result, alternate, compared, duration
from tests.benchmarks.postgres.recording import recorded, replay, replay_at_once
from tests.benchmarks.postgres.servers import Bare, Server, bare, opened
from tests.benchmarks.writing import APPLIED

from tasky import TaskChange, TaskFilter, TaskModel, TaskOrder, TaskRepository, TaskService, TaskStatus
from tasky_postgres.inserting import BATCHES, HISTORY, TASKS, Table
from tasky_postgres.records import COLUMNS, Row, task_from_row

__all__ = ["bulk", "newest", "reading", "space", "writing"]

ONE_BY_ONE: Final = "psycopg, the same statements"
AT_ONCE: Final = "psycopg, the same in one pipeline"
COPIES: Final = "psycopg, COPY of the same rows"
PAGE: Final = 50
CLAIM_PAGE: Final = 32  # tasks among which a claim chooses
SAMPLE: Final = 1_000  # rows that are converted to see how long it takes
OPEN: Final = TaskFilter(statuses=frozenset({TaskStatus.PENDING}))
NEWEST: Final = TaskOrder("created", descending=True)
INDEXES: Final = (
    "SELECT pg_total_relation_size(name::regclass) / 1e6, pg_relation_size(name::regclass) / 1e6"
    " FROM unnest(%s::text[]) AS name"
)


def newest(store: TaskRepository) -> list[TaskModel]:
    """The first page of what is open."""
    return list(store.find_tasks(OPEN, order=NEWEST, limit=PAGE))


def reading(server: Server, size: int, rounds: int) -> Iterator[Result]:
    """One task, pages, a count, a scan, and what a claim would take."""
    location, middle = server.store(size), server.tasks(size)[size // 2]
    reads: tuple[tuple[str, int, Callable[[TaskRepository], object]], ...] = (
        ("get_task", 1, lambda store: store.get_task(middle.task_id)),
        ("find_tasks, a page of 50", PAGE, newest),
        (
            "find_tasks, 50 after the middle",
            PAGE,
            lambda store: list(store.find_tasks(limit=PAGE, after=middle)),
        ),
        ("count_tasks", 0, lambda store: store.count_tasks(OPEN)),
        (
            "claim, looked for",
            CLAIM_PAGE,
            lambda store: TaskService(store, actor="bench").claim(dry_run=True),
        ),
        ("find_tasks, all of them", size, lambda store: deque(store.find_tasks(), maxlen=0)),
    )
    with opened(location) as store, bare(location) as connection:
        convert = _conversion(connection)
        for what, rows, action in reads:
            statements = recorded(partial(action, store))
            ours, baseline, conversion = compared(
                partial(action, store),
                partial(replay, connection, statements),
                convert,
                rounds=rounds,
                clock=time.perf_counter,  # the server's share is not in our processor time
            )
            target = allowed(conversion / SAMPLE, rows, baseline)
            yield _row(what, ONE_BY_ONE, ours, baseline, target, size)


def writing(server: Server, size: int) -> Iterator[Result]:
    """One small, durable batch, against its own statements one by one, and all of them in one pipeline.

    The same batches go to three copies of a store: one to note the statements on, and one for each side.
    """
    each = APPLIED + 1  # the first one warms up
    closed = (task for task in server.tasks(size) if task.closed_at is not None)
    batches = [edited(task) for task in islice(closed, 2 * each)]
    with server.copy(size) as noting, opened(noting) as store:
        noted = [recorded(partial(store.apply, batch, [change])) for batch, change in batches]
    applied, replayed = iter(batches), iter(noted)
    with (
        server.copy(size) as mine,
        server.copy(size) as theirs,
        opened(mine) as store,
        bare(theirs) as connection,
    ):

        def apply_next() -> None:
            batch, change = next(applied)
            store.apply(batch, [change])

        def replay_next() -> None:
            replay(connection, next(replayed))

        def replay_next_at_once() -> None:
            replay_at_once(connection, next(replayed))

        for against, run, target in (
            (ONE_BY_ONE, replay_next, OVERHEAD),
            (AT_ONCE, replay_next_at_once, None),
        ):
            ours, baseline = alternate(partial(duration, apply_next), partial(duration, run), rounds=APPLIED)
            yield _row("apply, one task", against, ours, baseline, target, size)


def bulk(server: Server, size: int, rounds: int) -> Iterator[Result]:
    """A whole store at once, by ``restore`` and by ``apply``, against COPY of the same rows.

    Both sides have their tables before the time runs, and end with their statistics brought up to date.
    """
    models = server.tasks(size)
    history = list(created(models))
    with bare(server.store(size)) as connection:
        rows = {table.name: _rows(connection, table) for table in (BATCHES, HISTORY, TASKS)}

    def restore(store: TaskRepository) -> None:
        store.restore(models, history)

    def apply(store: TaskRepository) -> None:
        store.apply(history[0].batch, (TaskChange(None, task) for task in models))

    def timed(action: Callable[[TaskRepository], None]) -> float:
        with server.empty() as location, opened(location) as store:
            return duration(partial(action, store))

    def copy() -> float:
        with server.empty() as location:
            with opened(location):
                pass
            with bare(location) as connection:
                return duration(partial(_copy, connection, rows))

    for what, action in (("restore", restore), ("apply", apply)):
        ours, baseline = alternate(partial(timed, action), copy, rounds=rounds, warm_up=False)
        yield _row(f"{what}, all of them", COPIES, ours, baseline, OVERHEAD, size)


def space(server: Server, size: int) -> Iterator[Result]:
    """What the tables take with their indexes, against their rows alone."""
    names = ["tasks", "history", "batches"]
    with bare(server.store(size)) as connection:
        found = connection.execute(INDEXES, (names,)).fetchall()
    for name, (everything, rows) in zip(names, found, strict=True):
        if rows > 1:  # fewer megabytes say nothing
            yield Result(
                what=f"PostgreSQL: {name} with indexes",
                against="its rows alone",
                ours=float(everything),
                baseline=float(rows),
                target=None,
                size=size,
                unit="MB",
            )


def _conversion(connection: Bare) -> Callable[[], object]:
    """A function that makes records of ``SAMPLE`` rows."""
    rows = connection.execute(f"SELECT {', '.join(COLUMNS)} FROM tasks LIMIT {SAMPLE}".encode()).fetchall()

    def convert() -> list[TaskModel]:
        return [task_from_row(row) for row in rows]

    return convert


def _rows(connection: Bare, table: Table) -> list[Row]:
    return connection.execute(f"SELECT {', '.join(table.columns)} FROM {table.name}".encode()).fetchall()


def _copy(connection: Bare, rows: dict[str, list[Row]]) -> None:
    connection.execute("BEGIN")
    for table in (BATCHES, HISTORY, TASKS):
        with connection.cursor() as cursor, cursor.copy(_copy_statement(table)) as copy:
            for row in rows[table.name]:
                copy.write_row(row)
    connection.execute("ANALYZE tasks, history, batches")
    connection.execute("COMMIT")


def _copy_statement(table: Table) -> bytes:
    return f"COPY {table.name} ({', '.join(table.columns)}) FROM STDIN".encode()


def _row(what: str, against: str, ours: float, baseline: float, target: float | None, size: int) -> Result:
    return Result(
        what=f"PostgreSQL: {what}", against=against, ours=ours, baseline=baseline, target=target, size=size
    )
