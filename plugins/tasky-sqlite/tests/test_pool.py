"""Connections: few, shared by threads, given back, and never inherited by a fork."""

from __future__ import annotations

import gc
import inspect
import os
import sqlite3
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tasky import (
    StorageBusyError,
    StorageError,
    StorageUnavailableError,
    StoreClosedError,
    TaskChange,
    TaskModel,
    TaskOrder,
    TaskStatus,
)
from tasky.testing.samples import at, create, make_batch, make_task, remaining
from tasky_sqlite import SqliteTaskRepository

MANY = 2_500


@pytest.fixture
def many(repository: SqliteTaskRepository) -> list[TaskModel]:
    """More tasks than are read at once, stored."""
    tasks = [make_task(f"task {n}", created_at=at(n)) for n in range(MANY)]
    create(repository, *tasks)
    return tasks


def open_files(path: Path) -> int:
    """How often this process has the database file open."""
    fds = Path("/proc/self/fd")
    return sum(os.path.realpath(fd) == os.fspath(path) for fd in fds.iterdir())


def wait_until_inside(thread: threading.Thread, function: str) -> None:
    """Wait until the thread has come into the function of that name, or to its end."""
    while thread.is_alive():
        frame = sys._current_frames().get(thread.ident or 0)
        while frame is not None:
            if frame.f_code.co_name == function:
                return
            frame = frame.f_back


linux = pytest.mark.skipif(
    not Path("/proc/self/fd").exists(), reason="open files are counted in Linux's /proc"
)


@linux
def test_one_thing_at_a_time_needs_one_connection(path: Path, repository: SqliteTaskRepository) -> None:
    """Reading and writing in turn opens one connection."""
    repository.save_task(make_task("one"))
    assert remaining(repository) == ["one"]
    assert open_files(path) == 1


@linux
def test_close_releases_everything(
    path: Path, many: list[TaskModel], repository: SqliteTaskRepository
) -> None:
    """After close nothing of the file is open, though a stream was."""
    stream = repository.find_tasks()
    assert next(stream) == many[0]
    repository.close()
    assert open_files(path) == 0
    stream.close()


@linux
@pytest.mark.parametrize("end", ["close", "collect", "exhaust"])
def test_a_stream_gives_its_connection_back(
    path: Path, many: list[TaskModel], repository: SqliteTaskRepository, end: str
) -> None:
    """Ten streams, one after another, need no more connections than one."""
    for _ in range(10):
        stream = repository.find_tasks()
        next(stream)
        if end == "close":
            stream.close()
        elif end == "exhaust":
            assert sum(1 for _ in stream) == len(many) - 1
        del stream
        gc.collect()
    assert open_files(path) == 1


def test_a_stream_is_a_snapshot(many: list[TaskModel], repository: SqliteTaskRepository) -> None:
    """What is written while a stream is read does not show in it, and the writer does not wait."""
    with repository.find_tasks() as stream:
        first = next(stream)
        repository.save_task(make_task("late", created_at=at(MANY + 1)))
        repository.delete_task(many[-1].task_id)
        assert [first, *stream] == many


def test_a_stream_ends_when_the_repository_closes(
    many: list[TaskModel], repository: SqliteTaskRepository
) -> None:
    """An open stream says that the store was closed, after what it had read already."""
    stream = repository.find_tasks()
    next(stream)
    repository.close()
    with pytest.raises(StoreClosedError, match="not open"):
        list(stream)
    assert list(stream) == []


def test_small_results_outlive_the_repository(repository: SqliteTaskRepository) -> None:
    """A result of up to a thousand rows holds nothing and can be read after close."""
    task = repository.save_task(make_task("one"))
    stream = repository.find_tasks()
    repository.close()
    assert list(stream) == [task]


def test_streams_leave_a_connection_for_writing(path: Path, many: list[TaskModel]) -> None:
    """Four open streams are the most; another is refused after the wait, and writing goes on."""
    with SqliteTaskRepository(path, busy_timeout=0.2) as repository:
        repository.initialize()
        streams = [repository.find_tasks() for _ in range(4)]
        with pytest.raises(StorageBusyError, match="in use by this process"):
            repository.find_tasks()
        repository.save_task(make_task("late"))
        streams.pop().close()
        assert repository.get_task(many[0].task_id) == many[0]
        for stream in streams:
            stream.close()


def test_a_waiting_reader_gets_the_connection_of_a_stream(
    many: list[TaskModel], repository: SqliteTaskRepository
) -> None:
    """A reader that waits for a connection gets one as soon as a stream ends."""
    streams = [repository.find_tasks() for _ in range(4)]
    found: list[Any] = []
    reader = threading.Thread(target=lambda: found.append(repository.get_task(many[0].task_id)))
    reader.start()
    streams.pop().close()
    reader.join()
    assert found == [many[0]]
    for stream in streams:
        stream.close()


def test_a_waiting_stream_gets_the_place_of_another(
    many: list[TaskModel], repository: SqliteTaskRepository
) -> None:
    """A fifth stream begins as soon as one of four ends, and misses nothing."""
    streams = [repository.find_tasks() for _ in range(4)]
    found: list[int] = []
    reader = threading.Thread(target=lambda: found.append(sum(1 for _ in repository.find_tasks())))
    reader.start()
    wait_until_inside(reader, "wait_for")
    streams.pop().close()
    reader.join()
    assert found == [MANY]
    for stream in streams:
        stream.close()


def test_closing_ends_the_wait_for_a_connection(
    many: list[TaskModel], repository: SqliteTaskRepository
) -> None:
    """Readers that wait for a connection when the repository is closed are told so at once."""
    streams = [repository.find_tasks() for _ in range(4)]
    inside, done = threading.Event(), threading.Event()
    errors: list[str] = []

    def changes() -> Iterator[TaskChange]:
        inside.set()
        done.wait(30)
        yield TaskChange(None, make_task("last", created_at=at(MANY)))

    def read() -> None:
        try:
            repository.get_task(many[0].task_id)
        except StorageError as error:
            errors.append(type(error).__name__)

    threads = [threading.Thread(target=lambda: repository.apply(make_batch(), changes()))]
    threads[0].start()
    inside.wait(30)
    threads += [threading.Thread(target=read) for _ in range(3)]
    for thread in threads[1:]:
        thread.start()
    repository.close()
    done.set()
    for thread in threads:
        thread.join()
    assert errors == [StoreClosedError.__name__] * 3
    for stream in streams:
        stream.close()
    repository.initialize()
    assert repository.count_tasks()[TaskStatus.PENDING] == MANY + 1


def test_closing_ends_the_wait_of_a_writer(repository: SqliteTaskRepository) -> None:
    """A writer whose turn comes when the repository is closed is told so; the one before it ends in peace."""
    inside, done = threading.Event(), threading.Event()
    errors: list[str] = []

    def changes() -> Iterator[TaskChange]:
        inside.set()
        done.wait(30)
        yield TaskChange(None, make_task("first"))

    def write() -> None:
        try:
            create(repository, make_task("second"))
        except StorageError as error:
            errors.append(type(error).__name__)

    first = threading.Thread(target=lambda: repository.apply(make_batch(), changes()))
    second = threading.Thread(target=write)
    first.start()
    inside.wait(30)
    second.start()
    wait_until_inside(second, "writing")
    repository.close()
    done.set()
    first.join()
    second.join()
    assert errors == [StoreClosedError.__name__]
    repository.initialize()
    assert remaining(repository) == ["first"]


@pytest.mark.skipif(os.name == "nt", reason="Windows does not let go of a file that is open")
def test_a_second_connection_may_fail(
    path: Path, many: list[TaskModel], repository: SqliteTaskRepository
) -> None:
    """A store whose file was moved away is unavailable to readers and writers, and back when the file is."""
    with repository.find_tasks() as stream:
        path.rename(path.with_suffix(".away"))
        for _ in range(6):
            with pytest.raises(StorageUnavailableError, match="cannot be opened"):
                repository.get_task(many[0].task_id)
            with pytest.raises(StorageUnavailableError, match="cannot be opened"):
                create(repository, make_task("late"))
        path.with_suffix(".away").rename(path)
        assert repository.get_task(many[0].task_id) == many[0]
        create(repository, make_task("late", created_at=at(MANY)))
        assert list(stream) == many


@pytest.mark.parametrize("fault", ["closed", "in a transaction that does not end"])
def test_a_connection_that_is_of_no_use_is_used_once(
    path: Path, repository: SqliteTaskRepository, fault: str
) -> None:
    """A connection that fails in a way that is its own is given up, and the next call gets a new one."""
    repository.save_task(make_task("one"))
    assert repository._pool is not None
    connection = repository._pool.take()
    if fault == "closed":
        connection.close()
    else:
        connection.set_trace_callback(lambda text: connection.interrupt() if text == "ROLLBACK" else None)
    repository._pool.give(connection)
    by_due = TaskOrder("due")  # two statements, so in a transaction
    if fault == "closed":
        with pytest.raises(StoreClosedError, match="not open"):
            repository.find_tasks(order=by_due)
    else:
        assert [task.name for task in repository.find_tasks(order=by_due)] == ["one"]
    with SqliteTaskRepository(path) as other:
        other.initialize()
        other.save_task(make_task("two"))
    assert [task.name for task in repository.find_tasks(order=by_due)] == ["one", "two"]


@linux
@pytest.mark.parametrize(("closed", "left"), [("stream", 1), ("repository", 0)])
def test_what_is_closed_while_it_is_read_lets_go(
    path: Path, many: list[TaskModel], repository: SqliteTaskRepository, closed: str, left: int
) -> None:
    """A stream ends where another thread closes it, or the repository, and nothing stays open for it."""
    reading, done = threading.Event(), threading.Event()
    found: list[TaskModel] = []
    refused: list[str] = []

    def pause() -> int:
        if found and not reading.is_set():
            reading.set()
            done.wait(30)
        return 0

    def read() -> None:
        found.append(next(stream))
        try:
            found.extend(stream)
        except StoreClosedError as error:
            refused.append(str(error))

    assert repository._pool is not None
    connection = repository._pool.take()
    connection.set_progress_handler(pause, 100)
    repository._pool.give(connection)
    stream = repository.find_tasks()
    reader = threading.Thread(target=read)
    reader.start()
    reading.wait(30)
    (stream if closed == "stream" else repository).close()
    done.set()
    reader.join()
    assert found == many[: len(found)]
    assert len(found) < MANY
    assert len(refused) == (closed == "repository")
    if closed == "stream":
        assert repository.get_task(many[0].task_id) == many[0]
    assert open_files(path) == left


def test_another_thread_may_close_a_stream(many: list[TaskModel], repository: SqliteTaskRepository) -> None:
    """A stream that another thread closes while it is read ends, and nothing is lost."""
    for _ in range(20):
        stream = repository.find_tasks()
        closer = threading.Thread(target=stream.close)
        next(stream)
        closer.start()
        try:
            for _ in stream:
                pass
        except StoreClosedError:
            pass
        closer.join()
    assert len(list(repository.find_tasks(limit=10))) == 10


def test_threads_share_one_repository(repository: SqliteTaskRepository) -> None:
    """Eight threads that count one task up lose nothing."""
    task = repository.save_task(make_task("counter"))
    errors: list[BaseException] = []

    def count() -> None:
        from tasky import ConflictError

        done = 0
        try:
            while done < 20:
                stored = repository.get_task(task.task_id)
                assert stored is not None
                try:
                    repository.save_task(stored)
                except ConflictError:
                    continue
                done += 1
        except BaseException as error:  # the thread's own end would go unseen
            errors.append(error)

    threads = [threading.Thread(target=count) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    stored = repository.get_task(task.task_id)
    assert stored is not None
    assert stored.revision == 161


def test_a_batch_inside_a_batch_is_refused(repository: SqliteTaskRepository) -> None:
    """The iterator of a batch may read, but not write another batch; nothing is written then."""

    def changes() -> Iterator[TaskChange]:
        assert remaining(repository) == []
        yield TaskChange(None, make_task("outer"))
        repository.save_task(make_task("inner"))

    with pytest.raises(StorageError, match="inside the iterator"):
        repository.apply(make_batch(), changes())
    assert remaining(repository) == []
    repository.save_task(make_task("after"))


def test_an_error_of_sqlite_in_the_iterator_is_the_callers(repository: SqliteTaskRepository) -> None:
    """What the iterator of a batch raises comes out as it is, also when it is SQLite's own error."""

    def changes() -> Iterator[TaskChange]:
        yield TaskChange(None, make_task("one"))
        raise sqlite3.IntegrityError("mine")

    with pytest.raises(sqlite3.IntegrityError, match="mine"):
        repository.apply(make_batch(), changes())
    with pytest.raises(sqlite3.IntegrityError, match="mine"):
        repository.restore((change.after for change in changes() if change.after), [])
    assert remaining(repository) == []


def test_another_threads_write_is_waited_for(path: Path, repository: SqliteTaskRepository) -> None:
    """A thread waits for the batch of another one, and gives up after the time that was set."""
    with SqliteTaskRepository(path, busy_timeout=0.1) as hasty:
        hasty.initialize()
        inside, done = threading.Event(), threading.Event()

        def changes() -> Iterator[TaskChange]:
            inside.set()
            done.wait(30)
            yield TaskChange(None, make_task("slow"))

        thread = threading.Thread(target=lambda: hasty.apply(make_batch(), changes()))
        thread.start()
        inside.wait(30)
        with pytest.raises(StorageBusyError, match="another thread"):
            hasty.save_task(make_task("hasty"))
        done.set()
        thread.join()
        assert remaining(hasty) == ["slow"]


def test_another_process_that_writes_is_waited_for(path: Path, repository: SqliteTaskRepository) -> None:
    """A lock that is held elsewhere ends in StorageBusyError after the wait; reading goes on."""
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with SqliteTaskRepository(path, busy_timeout=0.1) as hasty:
        hasty.initialize()
        with pytest.raises(StorageBusyError, match="another process"):
            hasty.save_task(make_task("hasty"))
        assert remaining(hasty) == []
        holder.execute("ROLLBACK")
        holder.close()
        hasty.save_task(make_task("hasty"))


INSIDE = inspect.getsource(wait_until_inside)

FORK = """
import warnings
warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)  # which is tested
tasks = [make_task(f"task {n}") for n in range(2500)]
repository = SqliteTaskRepository(path)
repository.initialize()
repository.apply(batch(), [TaskChange(None, task) for task in tasks])
"""

fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform has no fork")


@fork
def test_both_sides_of_a_fork_write(run: Any, repository: SqliteTaskRepository) -> None:
    """A repository that was in use, with a stream open, is used by parent and child after a fork."""
    process = run(
        FORK
        + """
import traceback
stream = repository.find_tasks()
next(stream)
stop = threading.Event()
def read():
    while not stop.is_set():
        repository.count_tasks()
reader = threading.Thread(target=read)
reader.start()
children = []
for number in range(4):
    child = os.fork()
    if child == 0:
        code = 1
        try:
            try:
                list(stream)
            except StorageError as error:
                assert "not open" in str(error), error
                for n in range(25):
                    repository.save_task(make_task(f"child {number} {n}"))
                repository.close()
                code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            sys.exit(code)
    children.append(child)
for n in range(25):
    repository.save_task(make_task(f"parent {n}"))
assert len(list(stream)) == 2499
codes = [os.waitpid(child, 0)[1] for child in children]
stop.set()
reader.join()
assert codes == [0] * 4, codes
assert len(repository.get_all_tasks()) == 2500 + 5 * 25
repository.close()
"""
    )
    assert process.communicate(timeout=120) == ("", "")
    assert list(repository.check()) == []


@fork
def test_a_fork_in_the_middle_of_a_batch_harms_nothing(run: Any, repository: SqliteTaskRepository) -> None:
    """A child that was forked by the iterator of a batch is refused and ends in peace; the batch is whole."""
    process = run(
        FORK
        + """
def changes():
    for n in range(3000):  # more than SQLite keeps in memory
        yield TaskChange(None, make_task(f"before {n}", details="x" * 2000))
    child = os.fork()
    if child == 0:
        yield TaskChange(None, make_task("of the child"))
    else:
        assert os.waitpid(child, 0)[1] == 0
        for n in range(3000):
            yield TaskChange(None, make_task(f"after {n}", details="x" * 2000))
parent = os.getpid()
try:
    repository.apply(batch(), changes())
except StorageError as error:
    assert os.getpid() != parent
    assert "forked in the middle" in str(error), error
    for attempt in (repository, SqliteTaskRepository(path)):
        try:
            attempt.initialize()
            attempt.count_tasks()
        except StorageError as error:
            assert "forked in the middle" in str(error), error
        else:
            sys.exit(3)
    sys.exit(0)
assert os.getpid() == parent
assert len(repository.get_all_tasks()) == 8500
repository.close()
"""
    )
    assert process.communicate(timeout=120) == ("", "")
    assert list(repository.check()) == []


@fork
def test_a_fork_waits_for_what_has_begun(run: Any, repository: SqliteTaskRepository) -> None:
    """What has begun ends before the fork, what has not waits for it, and neither notices."""
    process = run(
        INSIDE
        + FORK
        + """
others = [SqliteTaskRepository(path)]
others[0].initialize()
stream = repository.find_tasks()
found, waiting = [next(stream)], []
main, begun = threading.current_thread(), threading.Event()
late = threading.Thread(target=lambda: [found.append(task) for task in stream])
def hold(statement):  # called in the middle of the operation that the fork has to wait for
    if threading.current_thread() is early and not begun.is_set():
        begun.set()
        wait_until_inside(main, "wait_for")
        late.start()
        wait_until_inside(late, "wait_for")
        waiting.append(len(found))
        others.pop().close()  # one that the fork has not come to is given up meanwhile
early = threading.Thread(target=lambda: waiting.append(repository.get_task(tasks[0].task_id)))
connection = repository._pool.take()
connection.set_trace_callback(hold)
repository._pool.give(connection)
early.start()
begun.wait(30)
child = os.fork()
if child == 0:
    repository.save_task(make_task("of the child"))
    sys.exit(0)
assert os.waitpid(child, 0)[1] == 0
early.join()
late.join()
assert waiting == [1001, tasks[0]], waiting  # what is read at once, and no more before the fork
assert len(found) == 2500, len(found)
assert others == []
assert len(repository.get_all_tasks()) == 2501
repository.close()
"""
    )
    assert process.communicate(timeout=60) == ("", "")
    assert list(repository.check()) == []


@fork
def test_a_fork_in_the_middle_of_reading_harms_nothing(run: Any, repository: SqliteTaskRepository) -> None:
    """A child of a fork in the middle of a read has what was read, and is refused from then on."""
    process = run(
        FORK
        + """
children = []
def fork(frame, event, function):  # between any two steps, as a signal handler may
    if children == [None] and event == "c_return" and function.__name__.startswith("fetch"):
        children[0] = os.fork()
sys.setprofile(fork)
parent = os.getpid()
for read in (lambda: [repository.get_task(tasks[0].task_id)], repository.find_tasks):
    children[:] = [None]
    found = []
    try:
        found += read()
    except StorageError as error:
        assert os.getpid() != parent
        assert "not open" in str(error), error
    if os.getpid() != parent:
        assert 0 < len(found) < 2500, len(found)
        try:
            repository.get_task(tasks[0].task_id)
        except StorageError as error:
            assert "forked in the middle" in str(error), error
            sys.exit(0)
        sys.exit(3)
    assert os.waitpid(children[0], 0)[1] == 0
    assert len(found) in (1, 2500), len(found)
repository.save_task(make_task("late"))
repository.close()
"""
    )
    assert process.communicate(timeout=60) == ("", "")
    assert list(repository.check()) == []


@fork
def test_an_idle_repository_forks_with_nothing_open(run: Any, repository: SqliteTaskRepository) -> None:
    """A child inherits no open file of a repository that is not in use."""
    process = run(
        """
repository = SqliteTaskRepository(path)
repository.initialize()
repository.save_task(make_task("one"))
child = os.fork()
if child == 0:
    fds = Path("/proc/self/fd")
    fds = fds.iterdir() if fds.exists() else ()
    sys.exit(sum(os.path.realpath(fd) == os.fspath(path) for fd in fds))
assert os.waitpid(child, 0)[1] == 0
assert repository.count_tasks()
repository.close()
"""
    )
    assert process.communicate(timeout=60) == ("", "")
