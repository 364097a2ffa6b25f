"""Many clients of one server at once: on one project, on a project each, and on one queue of work."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Final
from uuid import UUID, uuid4

from tests.benchmarks.dataset import created, tasks
from tests.benchmarks.measure import Result, Unit, alternate
from tests.benchmarks.postgres.servers import Server, bare, opened
from tests.benchmarks.processes import Processes
from tests.benchmarks.racing import QUANTILES, Report, quantile, race, seconds

from tasky import Batch, StorageLocation, TaskChange, TaskModel, TaskStatus

__all__ = ["crowds", "slow_commits"]

CLIENTS: Final = (1, 2, 4, 8, 16, 32)
FEW: Final = (1, 2, 4, 8)  # who will not find one task changed forty times in a row
PAGES: Final = 500  # by each
EACH: Final = 100  # writes
QUEUE: Final = 1_000  # tasks to claim, by all of them together
JUDGED: Final = 8  # clients, as with SQLite: two cores have enough to do with them
SHARE: Final = 0.7  # of the bare throughput
WAIT_LIMIT: Final = 1.0  # seconds
COMMIT: Final = 20_000  # microseconds, as with a standby in another city; two cores are not the limit then
FEW_UPDATES: Final = 20  # by each, where a commit takes so long
JOBS: Final = {
    "list": f"{PAGES} pages of 50 each",
    "add": f"{EACH} tasks added each",
    "spread": f"{EACH} updates each, of any of 1,000 tasks",
    "hot": f"{EACH} updates each, of one task",
    "claim": f"{QUEUE} tasks claimed",
}
ALIKE: Final = frozenset({"list", "add", "spread"})  # by hand they send the same; a claim by hand sends less
CONTESTED: Final = frozenset({"spread", "hot", "claim"})  # where one client can find that another was quicker
CLAIMED: Final = (
    "SELECT count(*) FROM tasks WHERE task_id = ANY (%s) AND revision = 2 AND assignee IS NOT NULL"
)


def crowds(server: Server, processes: Processes, size: int, rounds: int) -> Iterator[Result]:
    """More and more clients of a store of ``size`` tasks, against psycopg by hand.

    By hand, an update locks its task before it reads it, and a claim takes the first task that nobody has
    locked, so neither is ever begun again.
    """
    with server.copy(size) as location:
        for job in JOBS:
            for clients in FEW if job == "hot" else CLIENTS:
                yield from _measure(location, processes, job, clients, rounds)


def slow_commits(processes: Processes, rounds: int) -> Iterator[Result]:
    """Clients of a project each against as many of one project, where a commit takes ``COMMIT``.

    A project commits one batch after another, a server those of several projects at once.
    """
    with Server(commit_delay=str(COMMIT), commit_siblings="0") as server:
        for clients in CLIENTS:

            def apart(clients: int = clients) -> float:
                with _projects(server, clients) as locations:
                    return seconds(_race(processes, "spread", "ours", locations, FEW_UPDATES))

            def together(clients: int = clients) -> float:
                with _projects(server, 1) as (location,):
                    return seconds(_race(processes, "spread", "ours", [location] * clients, FEW_UPDATES))

            ours, baseline = alternate(apart, together, rounds=rounds, warm_up=False)
            yield _row(
                f"{FEW_UPDATES} updates each, commits of {COMMIT // 1000} ms, a project each",
                "all in one project",
                ours,
                baseline,
                clients,
            )


def _measure(
    location: StorageLocation, processes: Processes, job: str, clients: int, rounds: int
) -> Iterator[Result]:
    reports: dict[str, list[Report]] = {"ours": [], "bare": []}
    most = {"list": PAGES, "claim": QUEUE}.get(job, EACH)

    def run(side: str) -> float:
        queue = _queue(location) if job == "claim" else []
        raced = _race(processes, job, side, [location] * clients, most)
        if job == "claim":
            _check_claims(location, queue, raced)
        reports[side] += raced
        return seconds(raced)

    what = JOBS[job]
    ours, baseline = alternate(lambda: run("ours"), lambda: run("bare"), rounds=rounds, warm_up=False)
    judged = clients == JUDGED and job in ALIKE
    yield _row(what, "psycopg by hand", ours, baseline, clients, 1 / SHARE if judged else None)
    waits = {side: sorted(wait for report in reports[side] for wait in report.waits) for side in reports}
    for name, part in QUANTILES.items():
        mine, theirs = (quantile(waits[side], part) for side in ("ours", "bare"))
        yield _row(f"{what}, {name}", "psycopg by hand", mine, theirs, clients)
        if name == "99 in 100 waits":
            limit = 1.0 if clients <= JUDGED else None
            yield _row(f"{what}, {name}", "the limit", mine, WAIT_LIMIT, clients, limit)
    if job in CONTESTED:
        for name in ("conflicts", "retries"):
            times = float(sum(getattr(report, name) for report in reports["ours"]))
            yield _row(f"{what}, {name}", "writes", times, float(len(waits["ours"])), clients, unit="times")


def _race(
    processes: Processes, job: str, side: str, locations: list[StorageLocation], most: int
) -> list[Report]:
    """What clients at the locations met who did the job ``most`` times each, or until nothing was left."""
    program = [sys.executable, "-m", "tests.benchmarks.postgres.clients", job, side]
    return race(processes, [[*program, each.written.reveal(), str(most)] for each in locations])


def _queue(location: StorageLocation) -> list[UUID]:
    """Give what is open to somebody, and add tasks of one urgency that are ready and nobody's; their ids."""
    with bare(location) as connection:
        connection.execute("UPDATE tasks SET assignee = 'ada' WHERE status = 'pending' AND assignee IS NULL")
        connection.execute("VACUUM (ANALYZE) tasks")
    queue = [_waiting_for_work(task) for task in tasks(QUEUE)]
    with opened(location) as store:
        store.apply(
            Batch(uuid4(), queue[0].created_at, "bench", "import"), [TaskChange(None, task) for task in queue]
        )
    return [task.task_id for task in queue]


@contextmanager
def _projects(server: Server, number: int) -> Iterator[list[StorageLocation]]:
    """Stores in schemas of one database."""
    with server.empty() as location:
        found = [server.location(location.path.strip("/"), f"project_{each}") for each in range(number)]
        for each in found:
            _fill(each, list(tasks(EACH)))
        yield found


def _check_claims(location: StorageLocation, queue: list[UUID], reports: list[Report]) -> None:
    """Raise ``RuntimeError`` unless each task of the queue was claimed, and once."""
    with bare(location) as connection:
        found = connection.execute(CLAIMED, (queue,))
        claimed = found.fetchone()
    answered = sum(len(report.waits) for report in reports)
    if claimed != (len(queue),) or answered != len(queue):
        raise RuntimeError(f"of {len(queue)} tasks {claimed} are claimed once, and {answered} were given out")


def _fill(location: StorageLocation, models: list[TaskModel]) -> None:
    with opened(location) as store:
        store.restore(models, created(models))


def _waiting_for_work(task: TaskModel) -> TaskModel:
    return replace(
        task,
        task_id=uuid4(),
        status=TaskStatus.PENDING,
        closed_at=None,
        updated_at=task.created_at,
        priority=None,
        due_at=None,
        assignee=None,
        depends_on=(),
    )


def _row(
    what: str,
    against: str,
    ours: float,
    baseline: float,
    clients: int,
    target: float | None = None,
    unit: Unit = "s",
) -> Result:
    return Result(
        what=f"PostgreSQL: {what}",
        against=against,
        ours=ours,
        baseline=baseline,
        target=target,
        size=clients,
        sized="processes",
        unit=unit,
    )
