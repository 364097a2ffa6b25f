"""Batches of every size, beside others: in one order, without deadlocks, and no writer waits without end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from threading import Event, Thread
from typing import Any
from uuid import UUID

import psycopg
import pytest

from tasky import BatchExistsError, ConflictError, StorageBusyError, TaskChange, TaskModel
from tasky.testing.contract_threads import at_once
from tasky.testing.samples import changed, create, make_batch, make_task, remaining, update
from tasky_postgres import PostgresTaskRepository, inserting
from tasky_postgres.address import Address
from tasky_postgres.inserting import CHUNK, chunks, size_of
from tasky_postgres.server import SUPERUSER, TemporaryServer

LARGE = [make_task(f"task {number}") for number in range(CHUNK + 1_000)]
HALF = CHUNK // 2 + 400  # two of them take more than one chunk
PATIENCE = 60.0  # seconds


@pytest.fixture
def rival(server: TemporaryServer, address: Address) -> Iterator[psycopg.Connection[Any]]:
    """Somebody else in the database, with a transaction of their own."""
    with psycopg.connect(
        host=str(server.folder), user=SUPERUSER, dbname=address.parameters["dbname"]
    ) as rival:
        rival.execute(f"SET search_path = {address.schema}; SET deadlock_timeout = '1h'".encode())
        yield rival
        rival.rollback()


def lock(rival: psycopg.Connection[Any], task: TaskModel) -> None:
    """Hold the task until the rival's transaction ends."""
    rival.execute("SELECT 1 FROM tasks WHERE task_id = %s FOR UPDATE", (task.task_id,))


def test_a_large_batch_is_one_batch(repository: PostgresTaskRepository) -> None:
    """What comes in several chunks creates, changes, deletes and guards as a small one does."""
    create(repository, *LARGE)
    changes = [TaskChange(task, changed(task, name="new")) for task in LARGE[:HALF]]
    changes += [TaskChange(task, None) for task in LARGE[HALF : 2 * HALF]]
    changes += [TaskChange(task, task) for task in LARGE[2 * HALF :]]
    changes += [TaskChange(None, make_task(f"late {number}")) for number in range(HALF)]
    batch = make_batch()
    repository.apply(batch, iter(changes))
    written = [entry.task_id for entry in repository.history(batch=batch.id)]
    assert written == [change.task_id for change in changes if not change.is_guard]
    assert sum(repository.count_tasks().values()) == len(LARGE)
    assert list(repository.check()) == []
    with pytest.raises(BatchExistsError):
        repository.apply(batch, iter(changes))


@pytest.mark.parametrize("kind", ["created", "updated", "deleted", "guarded", "unguarded"])
def test_a_large_batch_names_a_task_once(repository: PostgresTaskRepository, kind: str) -> None:
    """A task that comes again in a later chunk is noticed, and nothing is written."""
    old = make_task("old")
    create(repository, old)
    first, again = {
        "created": (TaskChange(None, make_task("x")), TaskChange(make_task("x"), None)),
        "updated": (TaskChange(old, changed(old)), TaskChange(changed(old), None)),
        "deleted": (TaskChange(old, None), TaskChange(None, replace(old, revision=2))),
        "guarded": (TaskChange(old, old), TaskChange(old, changed(old))),
        "unguarded": (TaskChange(old, changed(old)), TaskChange(changed(old), changed(old))),
    }[kind]
    with pytest.raises(ConflictError, match="twice"):
        repository.apply(make_batch(), [first, *(TaskChange(None, task) for task in LARGE), again])
    assert remaining(repository) == ["old"]


def test_a_large_batch_that_fills_a_store_names_a_task_once(repository: PostgresTaskRepository) -> None:
    """The first import into a store notices a task that comes again, names it, and writes nothing."""
    again = LARGE[3]
    for change in (TaskChange(None, again), TaskChange(again, changed(again)), TaskChange(again, None)):
        with pytest.raises(ConflictError, match=f"{again.task_id.hex[:8]} twice"):
            repository.apply(make_batch(), [*(TaskChange(None, task) for task in LARGE), change])
        assert remaining(repository) == []
    assert list(repository.history()) == []


def test_large_texts_make_a_batch_large(repository: PostgresTaskRepository) -> None:
    """Few tasks with much text are written in pieces, too."""
    tasks = [make_task(f"task {number}", details="x" * (1 << 20)) for number in range(9)]
    create(repository, *tasks)
    create(repository, make_task("small"))
    assert len(list(repository.history())) == 10
    assert repository.get_task(tasks[8].task_id) == tasks[8]


def test_large_extras_make_a_batch_large(repository: PostgresTaskRepository) -> None:
    """What is in memory at a time counts what programs have added to their tasks, too."""
    tasks = [make_task(f"task {number}", extra={"log": ["x" * (1 << 20)]}) for number in range(9)]
    assert max(map(len, chunks(tasks, size_of))) == 4
    create(repository, *tasks)
    assert repository.get_task(tasks[8].task_id) == tasks[8]


def test_what_is_gathered_slowly_is_written_in_between(monkeypatch: pytest.MonkeyPatch) -> None:
    """While a transaction is open, no chunk takes longer to gather than the server lets it stand still."""
    changes = [TaskChange(None, task) for task in LARGE]
    assert list(map(len, chunks(iter(changes), size_of))) == [CHUNK, len(LARGE) - CHUNK]
    monkeypatch.setattr(inserting, "_PATIENCE", 0)
    pieces = chunks(iter(changes), lambda _: 1 << 21, unhurried=2)
    assert list(map(len, pieces)) == [2, 2, *[1] * (len(LARGE) - 4)]


def test_a_small_batch_that_comes_slowly_is_a_small_one(
    repository: PostgresTaskRepository, address: Address, rival: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody waits for it while it is gathered, so it keeps nobody out, and waits for no other writer."""
    monkeypatch.setattr(inserting, "_PATIENCE", 0)
    rival.execute("LOCK TABLE tasks IN ROW EXCLUSIVE MODE")  # as who writes another task
    with PostgresTaskRepository(replace(address, lock_timeout=1.0)) as hasty:
        hasty.initialize(create=False)
        create(hasty, *LARGE[:3])
    assert len(remaining(repository)) == 3


def test_a_slow_source_is_restored_in_between(
    repository: PostgresTaskRepository, sql: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While a source is waited for, what came before is written already."""
    monkeypatch.setattr(inserting, "_PATIENCE", 0)
    written: list[str] = []

    def slowly() -> Iterator[TaskModel]:
        for task in LARGE[:3]:
            written.extend(
                query
                for (query,) in sql(
                    "SELECT query FROM pg_stat_activity"
                    " WHERE datname = current_database() AND state = 'idle in transaction'"
                )
            )
            yield task

    repository.restore(slowly(), [])
    assert [query.split("(")[0] for query in written[1:]] == ["INSERT INTO tasks "] * 2


@pytest.mark.parametrize(
    "many",
    [
        {"depends_on": [make_task(f"needed {number}").task_id for number in range(10_000)]},
        {"tags": [f"tag-{number}" for number in range(10_000)]},
    ],
)
def test_many_small_things_make_a_batch_large(many: dict[str, Any]) -> None:
    """What is in memory at a time counts what a task depends on, and its tags, too."""
    tasks = [make_task(f"task {number}", **many) for number in range(12)]
    assert max(map(len, chunks(tasks, size_of))) < 6


def test_a_conflict_says_what_is_there(repository: PostgresTaskRepository) -> None:
    """Whoever creates what is there, or what the history remembers otherwise, is told the revision."""
    task = make_task("a")
    create(repository, task)
    with pytest.raises(ConflictError, match="stored at revision 1"):
        create(repository, task)
    repository.apply(make_batch(), [TaskChange(task, None)])
    with pytest.raises(ConflictError, match="asks for 2"):
        create(repository, task)


def test_a_restored_task_that_comes_twice_is_a_conflict(repository: PostgresTaskRepository) -> None:
    """A source that holds a task twice is refused, wherever the second one comes."""
    for tasks in ([LARGE[0], LARGE[0]], [*LARGE, LARGE[0]]):
        with pytest.raises(ConflictError, match="twice"):
            repository.restore(tasks, [])
    assert remaining(repository) == []


def test_a_reader_of_the_history_misses_nothing(repository: PostgresTaskRepository, address: Address) -> None:
    """Who reads on from the last number seen meets every entry, however many write at once."""
    done = Event()
    seen: list[tuple[int, UUID]] = []

    def write(name: str) -> None:
        with PostgresTaskRepository(address) as handle:
            handle.initialize(create=False)
            for number in range(15):
                create(handle, *(make_task(f"{name} {number} {part}") for part in range(3)))

    def read() -> None:
        last = 0
        finished = False
        while not finished:
            finished = done.is_set()
            for entry in repository.history(after=last):
                last = entry.sequence
                seen.append((last, entry.batch.id))

    reader = Thread(target=read)
    reader.start()
    try:
        at_once([lambda name=name: write(name) for name in "abcd"])  # type: ignore[misc] # mypy infers no default
    finally:
        done.set()
        reader.join(PATIENCE)
    assert not reader.is_alive()
    everything = [(entry.sequence, entry.batch.id) for entry in repository.history()]
    assert seen == everything
    assert len(seen) == 4 * 15 * 3
    assert [seen[at][1] for at in range(0, len(seen), 3)] == [seen[at][1] for at in range(2, len(seen), 3)]


def test_batches_that_cross_do_not_wait_for_each_other(
    repository: PostgresTaskRepository, address: Address
) -> None:
    """Batches that name the same tasks in opposite orders all end: one is written, the others conflict."""
    tasks = [make_task(name) for name in "abcdefgh"]
    create(repository, *tasks)

    def attempt(order: int) -> str:
        with PostgresTaskRepository(address) as handle:
            handle.initialize(create=False)
            try:
                handle.apply(make_batch(), [TaskChange(task, changed(task)) for task in tasks[::order]])
            except ConflictError:
                return "conflict"
            return "written"

    outcomes = at_once([lambda order=order: attempt(order) for order in (1, -1, 1, -1)])  # type: ignore[misc] # as above
    assert sorted(outcomes) == ["conflict"] * 3 + ["written"]


def test_large_and_small_batches_do_not_wait_for_each_other(
    repository: PostgresTaskRepository, address: Address
) -> None:
    """Batches that stream and batches that fit into one chunk, all at once, are all written."""

    def write(name: str, times: int, size: int) -> None:
        with PostgresTaskRepository(address) as handle:
            handle.initialize(create=False)
            for number in range(times):
                create(handle, *(make_task(f"{name} {number} {part}") for part in range(size)))

    large = [lambda name=name: write(name, 3, CHUNK + 100) for name in "ab"]
    small = [lambda name=name: write(name, 100, 1) for name in "cde"]
    at_once([*large, *small])
    assert sum(repository.count_tasks().values()) == 2 * 3 * (CHUNK + 100) + 3 * 100
    assert list(repository.check()) == []


def test_a_task_that_others_hold_is_waited_for_and_no_longer(
    repository: PostgresTaskRepository, address: Address, rival: psycopg.Connection[Any]
) -> None:
    """A row or table that somebody else keeps locked makes a write busy after the wait; reading goes on."""
    task = make_task("a")
    create(repository, task)
    with PostgresTaskRepository(replace(address, lock_timeout=0.1)) as impatient:
        impatient.initialize(create=False)
        lock(rival, task)
        with pytest.raises(StorageBusyError):
            update(impatient, task)
        rival.execute("LOCK TABLE tasks IN EXCLUSIVE MODE")
        with pytest.raises(StorageBusyError):
            create(impatient, make_task("b"))
        with pytest.raises(StorageBusyError):
            create(impatient, *LARGE)
        assert remaining(impatient) == ["a"]
        rival.rollback()
        update(impatient, task)


@pytest.mark.parametrize("size", [1, 60])
def test_failures_in_a_row_leave_the_repository_as_it_was(
    address: Address, rival: psycopg.Connection[Any], size: int
) -> None:
    """However often a batch was busy, the next one that nobody is in the way of is written."""
    numbers = iter(range(10_000))

    def write(repository: PostgresTaskRepository) -> None:
        create(repository, *(make_task(f"task {next(numbers)}") for _ in range(size)))

    with PostgresTaskRepository(replace(address, lock_timeout=0.05)) as repository:
        repository.initialize()
        for before in range(1, 8):  # the driver may note what it says often
            rival.execute("LOCK TABLE tasks IN EXCLUSIVE MODE")
            for _ in range(7):
                with pytest.raises(StorageBusyError):
                    write(repository)
            rival.rollback()
            rival.execute(f"SET search_path = {address.schema}".encode())
            write(repository)
            assert sum(repository.count_tasks().values()) == before * size


def test_a_statement_that_takes_too_long_is_ended(
    repository: PostgresTaskRepository, address: Address, rival: psycopg.Connection[Any]
) -> None:
    """A statement has its own limit; what it ends with is busy, too."""
    create(repository, make_task("a"))
    with PostgresTaskRepository(replace(address, statement_timeout=1.0)) as hasty:
        hasty.initialize(create=False)
        rival.execute("LOCK TABLE tasks IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(StorageBusyError):
            remaining(hasty)
        rival.rollback()
        assert remaining(hasty) == ["a"]


def test_a_deadlock_with_somebody_else_is_tried_again(
    repository: PostgresTaskRepository,
    address: Address,
    rival: psycopg.Connection[Any],
    sql: Any,
    wait_for_waiters: Callable[[int], None],
) -> None:
    """When the server ends a batch to get others out of a deadlock, the batch is begun again and written."""
    first, second, third = sorted((make_task(name) for name in "abc"), key=lambda task: task.task_id)
    create(repository, first, second, third)
    sql(
        "ALTER ROLE tasky_user SET deadlock_timeout = '20ms'"
    )  # the rival's is an hour: it is never the victim
    try:
        with PostgresTaskRepository(address) as handle:
            handle.initialize(create=False)
            sql("BEGIN")
            sql("SELECT 1 FROM tasks WHERE task_id = %s FOR UPDATE", second.task_id)
            lock(rival, third)
            changes = [TaskChange(task, changed(task, name="new")) for task in (first, second, third)]
            ours = Thread(target=lambda: handle.apply(make_batch(), changes))
            ours.start()
            wait_for_waiters(1)  # ours has the first task, and waits for the second
            theirs = Thread(target=_lock_and_let_go, args=(rival, first))
            theirs.start()
            wait_for_waiters(2)
            sql("COMMIT")  # ours gets the second task and asks for the third: now each waits for the other
            for thread in (ours, theirs):
                thread.join(PATIENCE)
                assert not thread.is_alive()
    finally:
        sql("ALTER ROLE tasky_user RESET deadlock_timeout")
    assert remaining(repository) == ["new"] * 3
    assert len(list(repository.history())) == 6


def _lock_and_let_go(rival: psycopg.Connection[Any], task: TaskModel) -> None:
    lock(rival, task)
    rival.rollback()
