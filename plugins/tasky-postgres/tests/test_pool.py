"""Few connections, opened when needed, shared by threads, given back, and left alone by a fork."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier, Thread
from typing import Any

import pytest

from tasky import StorageBusyError, StorageError, StoreClosedError, TaskChange
from tasky.testing.samples import create, make_batch, make_task, remaining
from tasky_postgres import PostgresTaskRepository
from tasky_postgres.address import Address
from tasky_postgres.inserting import CHUNK

MANY = [make_task(f"task {number}") for number in range(1_500)]


def sessions(sql: Any, address: Address) -> int:
    """How many connections to this store's schema the server has now; each is set up for it first."""
    ((count,),) = sql(
        "SELECT count(*) FROM pg_stat_activity WHERE application_name = %s", address.schema[:40]
    )
    return int(count)


@pytest.fixture
def address(address: Address) -> Address:
    """An address whose sessions can be told from those of other tests."""
    return replace(address, parameters={**address.parameters, "application_name": address.schema[:40]})


@pytest.fixture
def store(address: Address) -> Iterator[PostgresTaskRepository]:
    """A store with so many tasks that reading them all is a stream."""
    with PostgresTaskRepository(address) as repository:
        repository.initialize()
        repository.restore(MANY, [])
        yield repository


def test_one_thing_at_a_time_needs_one_connection(
    store: PostgresTaskRepository, address: Address, sql: Any
) -> None:
    """A program that reads, writes and lists by turns has one session."""
    create(store, make_task("a"))
    list(store.history())
    list(store.find_tasks())
    assert store.get_task(make_task("a").task_id) is not None
    assert sessions(sql, address) == 1
    store.close()


def test_threads_share_five_connections(store: PostgresTaskRepository, address: Address, sql: Any) -> None:
    """However many threads use a repository, the server sees five sessions of it at most."""
    barrier, seen = Barrier(8, timeout=60), []

    def use(number: int) -> None:
        barrier.wait()
        for part in range(5):
            create(store, make_task(f"{number} {part}"))
            list(store.find_tasks(limit=5))
        if number == 0:
            seen.append(sessions(sql, address))

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(use, range(8)))
    assert 1 <= seen[0] <= 5
    assert len(remaining(store)) == len(MANY) + 40


def test_streams_leave_a_connection_for_everything_else(
    store: PostgresTaskRepository, address: Address
) -> None:
    """Four lists can be read at the same time; a fifth waits and is refused, and writing goes on."""
    with PostgresTaskRepository(replace(address, lock_timeout=0.5)) as impatient:
        impatient.initialize()
        streams = [impatient.find_tasks() for _ in range(4)]
        with pytest.raises(StorageBusyError, match="in use by this process"):
            impatient.find_tasks()
        create(impatient, make_task("meanwhile"))
        streams[0].close()
        assert len(list(impatient.find_tasks())) == len(MANY) + 1
        assert [len(list(stream)) for stream in streams] == [0, *[len(MANY)] * 3]


def test_a_stream_that_waits_gets_the_place_of_one_that_ends(store: PostgresTaskRepository) -> None:
    """Whoever waits for a connection gets it as soon as one is given back."""
    streams = [store.find_tasks() for _ in range(4)]
    counts: list[int] = []
    waiting = Thread(target=lambda: counts.append(len(list(store.find_tasks()))))
    waiting.start()
    streams[0].close()
    waiting.join(60)
    assert counts == [len(MANY)]
    for stream in streams:
        stream.close()


def test_a_small_result_holds_nothing(store: PostgresTaskRepository, address: Address, sql: Any) -> None:
    """Lists of up to a thousand tasks that are never read to their end keep no connection."""
    streams = [store.find_tasks(limit=1_000) for _ in range(10)]
    assert sessions(sql, address) == 1
    assert [len(list(stream)) for stream in streams] == [1_000] * 10


def test_a_limit_is_kept_across_pages_of_a_stream(store: PostgresTaskRepository) -> None:
    """A limit beyond what is read at once is the number that comes."""
    assert len(list(store.find_tasks(limit=1_200))) == 1_200
    assert len(list(store.find_tasks(limit=1 << 70))) == len(MANY)


def test_a_closed_repository_ends_its_streams(
    store: PostgresTaskRepository, address: Address, sql: Any
) -> None:
    """Closing gives every session back to the server, also those of lists that are half read."""
    stream = store.find_tasks()
    next(stream)
    store.close()
    with pytest.raises(StoreClosedError):
        list(stream)
    sql("SELECT pg_stat_clear_snapshot()")
    for _ in range(20_000):  # the server takes note of a farewell a moment later
        if sessions(sql, address) == 0:
            break
    assert sessions(sql, address) == 0


def test_a_batch_inside_a_batch_is_refused(store: PostgresTaskRepository) -> None:
    """The iterator of a batch cannot write another one, which would wait for the first."""

    def changes() -> Iterator[TaskChange]:
        create(store, make_task("inner"))
        yield TaskChange(None, make_task("outer"))

    with pytest.raises(StorageError, match="inside the iterator"):
        store.apply(make_batch(), changes())
    assert len(remaining(store)) == len(MANY)


def test_a_child_works_on_its_own_connection(run: Any) -> None:
    """After a fork both sides read and write, and neither takes the other's connection or its farewell."""
    process = run("""
repository.initialize()
repository.restore([make_task(f"task {n}") for n in range(1500)], [])
stream = repository.find_tasks()
next(stream)
child = os.fork()
if child == 0:
    try:
        list(stream)
        os._exit(1)
    except StorageError:
        create(repository, make_task("child"))
        repository.close()
        os._exit(0)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
create(repository, make_task("parent"))
rest = sum(1 for _ in stream)
print(rest, len(remaining(repository)), list(repository.check()))
repository.close()
""")
    out, err = process.communicate(timeout=60)
    assert out == "1499 1502 []\n", err


def test_a_child_of_a_batch_cannot_write_it(run: Any) -> None:
    """A fork in the middle of a batch leaves the batch to the parent."""
    process = run("""
from tasky_postgres.inserting import CHUNK
repository.initialize()
def changes():
    for n in range(2 * CHUNK + 700):
        yield TaskChange(None, make_task(f"task {n}"))
    if os.fork() == 0:
        global forked
        forked = True
    for n in range(2 * CHUNK + 700, 3 * CHUNK):
        yield TaskChange(None, make_task(f"task {n}"))
forked = False
try:
    repository.apply(make_batch(), changes())
except StorageError as error:
    assert forked and "forked" in str(error), error
    assert len(remaining(repository)) in (0, 3 * CHUNK)
    os._exit(0)
assert not forked
code = os.waitstatus_to_exitcode(os.wait()[1])
print(code, len(remaining(repository)), list(repository.check()))
repository.close()
""")
    out, err = process.communicate(timeout=60)
    assert out == f"0 {3 * CHUNK} []\n", err


def test_a_fork_beside_busy_threads_finds_its_way(run: Any) -> None:
    """Other threads of the parent may be in the middle of anything; the child does not wait for them."""
    process = run("""
repository.initialize()
create(repository, make_task("a"))
done = threading.Event()
def use():
    while not done.is_set():
        remaining(repository)
threads = [threading.Thread(target=use) for _ in range(4)]
for thread in threads:
    thread.start()
codes = []
for _ in range(5):
    child = os.fork()
    if child == 0:
        os._exit(0 if remaining(repository) == ["a"] else 1)
    codes.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
done.set()
for thread in threads:
    thread.join()
print(codes, remaining(repository))
repository.close()
""")
    out, err = process.communicate(timeout=60)
    assert out == "[0, 0, 0, 0, 0] ['a']\n", err
