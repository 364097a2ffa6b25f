"""The line is cut, the server dies, the answer is lost: what was acknowledged is there, and nothing twice."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from time import monotonic
from typing import Any

import pytest

from tasky import (
    BatchExistsError,
    OutcomeUnknownError,
    StorageBusyError,
    StorageUnavailableError,
    StoreNotEmptyError,
    TaskChange,
)
from tasky.testing.samples import changed, create, example_store, make_batch, make_task, remaining, update
from tasky_postgres import PostgresTaskRepository
from tasky_postgres.address import Address
from tasky_postgres.inserting import CHUNK
from tasky_postgres.server import TemporaryServer

A = make_task("a")
PATIENCE = 60.0  # seconds


@pytest.mark.parametrize("fault", ["forget", "swallow"])
def test_a_commit_whose_answer_is_lost_is_found_out(
    far: PostgresTaskRepository, repository: PostgresTaskRepository, line: Any, fault: str
) -> None:
    """A batch that was written is reported as written, though the answer never came; it is there once."""
    batch = make_batch()
    line.prepare(fault, b"COMMIT\0")
    far.apply(batch, [TaskChange(None, A)])
    assert len(list(repository.history(batch=batch.id))) == 1
    with pytest.raises(BatchExistsError):
        far.apply(batch, [TaskChange(None, A)])
    assert remaining(far) == ["a"]


def test_a_commit_that_never_arrives_leaves_nothing(
    far: PostgresTaskRepository, repository: PostgresTaskRepository, line: Any
) -> None:
    """When the server never hears of the commit nothing is written, and nobody waits for those locks."""
    line.prepare("lose", b"COMMIT\0")
    batch = make_batch()
    with pytest.raises(StorageUnavailableError, match="nothing was written"):
        far.apply(batch, [TaskChange(None, A)])
    assert remaining(repository) == []
    far.apply(batch, [TaskChange(None, A)])
    assert remaining(repository) == ["a"]


def test_a_commit_that_nobody_can_be_asked_about_is_unknown(
    far: PostgresTaskRepository, repository: PostgresTaskRepository, line: Any
) -> None:
    """When the server cannot be asked either, the error says so; the batch's id tells later."""
    batch = make_batch()

    def changes() -> Iterator[TaskChange]:
        yield TaskChange(None, A)
        line.refuse()
        line.prepare("forget", b"COMMIT\0")

    with pytest.raises(OutcomeUnknownError, match=str(batch.id)):
        far.apply(batch, changes())
    assert len(list(repository.history(batch=batch.id))) == 1


@pytest.mark.parametrize("fault", ["forget", "lose"])
def test_a_restore_whose_commit_is_lost_is_found_out(
    far: PostgresTaskRepository, repository: PostgresTaskRepository, line: Any, fault: str
) -> None:
    """A restore is there whole or not at all, and the caller is told which."""
    tasks, history = example_store()
    line.prepare(fault, b"COMMIT\0")
    if fault == "lose":
        with pytest.raises(StorageUnavailableError, match="nothing was written"):
            far.restore(tasks, history)
        assert remaining(repository) == []
        repository.restore(tasks, history)
    else:
        far.restore(tasks, history)
    assert len(remaining(repository)) == len(tasks)
    with pytest.raises(StoreNotEmptyError):
        far.restore(tasks, history)


@pytest.mark.parametrize("word", [b"BEGIN", b"FOR UPDATE", b"tasky_store", b"INSERT", b"UPDATE tasks"])
@pytest.mark.parametrize("fault", ["cut", "forget"])
def test_a_line_that_is_cut_in_a_batch_leaves_all_or_nothing(
    far: PostgresTaskRepository, repository: PostgresTaskRepository, line: Any, fault: str, word: bytes
) -> None:
    """Whatever was being said when the line was lost, what the caller is told is what is there."""
    create(repository, A)
    line.prepare(fault, word)
    try:
        update(far, A, name="a2")
    except StorageUnavailableError:
        assert remaining(repository) == ["a"]
        update(far, A, name="a2")
    assert line.word == b"", "nothing of the kind was said"
    assert remaining(repository) == ["a2"]
    assert len(list(repository.history())) == 2


@pytest.mark.parametrize("fault", ["cut", "swallow"])
def test_a_read_whose_answer_is_lost_is_an_error_in_time(
    far: PostgresTaskRepository, repository: PostgresTaskRepository, line: Any, fault: str
) -> None:
    """A read that gets no answer ends with an error, not with an empty list and not never."""
    create(repository, A)
    line.prepare(fault, b"SELECT")
    with pytest.raises(StorageUnavailableError):
        list(far.find_tasks())
    assert remaining(far) == ["a"]


def test_a_stream_that_is_cut_is_not_cut_short(
    far: PostgresTaskRepository, repository: PostgresTaskRepository, line: Any
) -> None:
    """A long list that loses its line raises; it does not look as if it were at its end."""
    create(repository, *(make_task(f"task {number}") for number in range(2500)))
    stream = far.find_tasks()
    next(stream)
    line.prepare("cut", b"FETCH")
    with pytest.raises(StorageUnavailableError):
        list(stream)
    assert len(list(far.find_tasks())) == 2500


def test_a_slow_line_changes_nothing(
    far: PostgresTaskRepository, repository: PostgresTaskRepository, line: Any
) -> None:
    """Answers that come in crumbs are put together."""
    line.grain = 7
    create(far, *(make_task(f"task {number}", details="x" * 100) for number in range(60)))
    assert remaining(far) == remaining(repository)
    assert len(list(far.history())) == 60


def test_a_server_process_that_is_killed_is_one_error(repository: PostgresTaskRepository, sql: Any) -> None:
    """When one process of the server dies by SIGKILL, all sessions end; the next call opens a new one."""
    create(repository, A)
    with pytest.raises(StorageUnavailableError):
        repository.apply(make_batch(), _killing(sql, [TaskChange(A, changed(A, name="a2"))]))
    names: list[str] = []
    deadline = monotonic() + PATIENCE
    while not names:
        assert monotonic() < deadline, "the server does not recover"
        try:
            names = remaining(repository)
        except StorageUnavailableError:
            continue  # it is still recovering
    assert names == ["a"]
    assert list(repository.check()) == []


def _killing(sql: Any, changes: list[TaskChange]) -> Iterator[TaskChange]:
    for number in range(3 * CHUNK):
        yield TaskChange(None, make_task(f"task {number}"))
        if number == 2 * CHUNK + 1_000:  # the first two were written
            ((pid,),) = sql("SELECT pid FROM pg_stat_activity WHERE state = 'idle in transaction'")
            os.kill(pid, signal.SIGKILL)
    yield from changes


def test_a_session_that_was_ended_meanwhile_is_replaced(repository: PostgresTaskRepository, sql: Any) -> None:
    """An idle connection that the server has closed does not cost a single error."""
    create(repository, A)
    ended = sql(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = 'tasky'"
    )
    assert (True,) in ended
    assert remaining(repository) == ["a"]


def test_a_server_without_a_connection_left_is_busy(
    repository: PostgresTaskRepository, address: Address, sql: Any
) -> None:
    """Who gets no connection is told that the server is busy, after the wait."""
    sql("ALTER ROLE tasky_user CONNECTION LIMIT 1")
    try:
        with pytest.raises(StorageBusyError, match="no connection left"):
            PostgresTaskRepository(replace(address, lock_timeout=0.2)).initialize()
    finally:
        sql("ALTER ROLE tasky_user CONNECTION LIMIT -1")
    assert remaining(repository) == []


WRITER = """
repository.initialize(create=False)
for number in range(1_500):
    name = f"{sys.argv[2]} {number}"
    try:
        create(repository, make_task(name))
    except StorageError as error:
        print(type(error).__name__, name, flush=True)
        break
    print("written", name, flush=True)
os._exit(0)
"""


def test_a_server_that_is_killed_while_others_write_keeps_what_it_answered(
    repository: PostgresTaskRepository, server: TemporaryServer, run: Any
) -> None:
    """What was acknowledged to any process is there, what was refused is not, and nothing else is."""
    writers = [run(WRITER, name) for name in "xyz"]
    said = [writer.stdout.readline() for writer in writers for _ in range(30)]
    server.kill()
    try:
        for writer in writers:
            writer.wait(PATIENCE)
            said += writer.stdout
    finally:
        server.start()
    lines = [line.strip().partition(" ") for line in said]
    names = {kind: {name for what, _, name in lines if what == kind} for kind, _, _ in lines}
    unknown = names.pop("OutcomeUnknownError", set())
    refused = names.pop("StorageUnavailableError", set())
    assert set(names) == {"written"}
    assert len(unknown) + len(refused) == 3, "a writer came to its end before the server did"
    there = set(remaining(repository))
    assert names["written"] <= there
    assert there <= names["written"] | unknown
    assert list(repository.check()) == []


@pytest.mark.parametrize("size", [1, 3 * CHUNK])
def test_a_server_that_is_killed_in_a_batch_has_nothing_of_it(
    repository: PostgresTaskRepository, server: TemporaryServer, size: int
) -> None:
    """When all of the server dies in the middle of a batch, the batch is not there, and can be repeated."""
    create(repository, A)
    batch = make_batch()
    tasks = [make_task(f"task {number}") for number in range(size)]

    def changes() -> Iterator[TaskChange]:
        yield TaskChange(A, changed(A, name="a2"))
        for number, task in enumerate(tasks):
            if number == size * 4 // 5:
                server.kill()
            yield TaskChange(None, task)

    try:
        with pytest.raises(StorageUnavailableError):
            repository.apply(batch, changes())
    finally:
        server.start()
    assert remaining(repository) == ["a"]
    assert list(repository.check()) == []
    repository.apply(
        batch, [TaskChange(A, changed(A, name="a2")), *(TaskChange(None, each) for each in tasks)]
    )
    assert len(remaining(repository)) == size + 1
    assert list(repository.check()) == []
