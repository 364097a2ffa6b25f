"""Writers side by side, killed, out of room, or kept out: nothing is lost, and nothing is there in part."""

from __future__ import annotations

import os
import random
import re
import shutil
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from tasky import (
    Batch,
    ConflictError,
    StorageBusyError,
    StorageFullError,
    StorageReadOnlyError,
    StorageUnavailableError,
    TaskChange,
    TaskModel,
)
from tasky_json import JsonTaskRepository, json_factory

Make = Callable[..., TaskModel]
Write = Callable[..., UUID]

needs_strace = pytest.mark.skipif(
    shutil.which("strace") is None, reason="strace shows and fails system calls"
)

PRELUDE = """
import os, sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4
from tasky import Batch, ConflictError, TaskChange, TaskModel, TaskyError
from tasky_json import json_factory

now = datetime.now(UTC)
repository = json_factory(Path(sys.argv[1]))
repository.initialize()

def batch():
    return Batch(uuid4(), now, "child", "test")
"""

COUNT_UP = """
for round in range(10):
    task = TaskModel(task_id=uuid4(), name=f"{os.getpid()} {round}", created_at=now, updated_at=now)
    repository.apply(batch(), [TaskChange(None, task)])
    while True:
        counter = repository.get_task(UUID(sys.argv[2]))
        raised = replace(counter, extra={"n": counter.extra["n"] + 1}, revision=counter.revision + 1)
        try:
            repository.apply(batch(), [TaskChange(counter, raised)])
            break
        except ConflictError:
            pass
"""

WRITE_UNTIL_KILLED = """
while True:
    mine = batch()
    tasks = [
        TaskModel(task_id=uuid4(), name=str(mine.id), details="x" * 20_000, created_at=now, updated_at=now)
        for _ in range(5)
    ]
    repository.apply(mine, [TaskChange(None, task) for task in tasks])
    print(mine.id, flush=True)
"""


def _start(script: str, *arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", PRELUDE + script, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _run(script: str, *arguments: object) -> str:
    """What the script printed; its traceback is shown where it fails."""
    with _start(script, *arguments) as process:
        output, errors = process.communicate()
    assert process.returncode == 0, errors
    return output


def _traced(path: Path, *options: str) -> subprocess.CompletedProcess[bytes]:
    """Write one task under strace; skips the test where programs cannot be traced."""
    script = """
task = TaskModel(task_id=uuid4(), name="one", created_at=now, updated_at=now)
os.write(1, b"begin")
repository.apply(batch(), [TaskChange(None, task)])
os.write(1, b"answer")
"""
    command = ["strace", *options, sys.executable, "-c", PRELUDE + script, str(path)]
    result = subprocess.run(command, capture_output=True, check=False)
    if b"ptrace" in result.stderr:
        pytest.skip("this machine does not let programs be traced")
    return result


@pytest.fixture
def public_path() -> Iterator[Path]:
    """A location that other users can reach, which pytest's own directories are not."""
    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o755)
        yield Path(directory).resolve() / "tasks.json"


def _as_nobody() -> str:
    """Code that gives up root, which may write everywhere; empty where the tests do not run as root."""
    give_up = "import tasky.service, tasky.documents, filelock\nos.setgid(65534); os.setuid(65534)\n"
    return give_up if os.geteuid() == 0 else ""


def test_twelve_processes_lose_nothing(
    repository: JsonTaskRepository, path: Path, make_task: Make, write: Write
) -> None:
    """Twelve programs that add tasks and count one up at once: every task and every step is there."""
    counter = make_task("counter", extra={"n": 0})
    write(repository, (None, counter))
    processes = [_start(COUNT_UP, path, counter.task_id) for _ in range(12)]
    for process in processes:
        with process:
            _output, errors = process.communicate()
            assert (process.returncode, errors) == (0, "")
    raised = repository.get_task(counter.task_id)
    assert raised is not None
    assert (raised.extra, raised.revision) == ({"n": 120}, 121)
    assert sum(repository.count_tasks().values()) == 121
    assert [entry.sequence for entry in repository.history()] == list(range(1, 242))
    assert list(repository.check()) == []


def test_processes_that_create_the_store_at_once_agree_on_one(path: Path) -> None:
    """Several programs that start in a new project at the same time share one store."""
    script = """
task = TaskModel(task_id=uuid4(), name="a", created_at=now, updated_at=now)
repository.apply(batch(), [TaskChange(None, task)])
"""
    processes = [_start(script, path) for _ in range(8)]
    for process in processes:
        with process:
            _output, errors = process.communicate()
            assert (process.returncode, errors) == (0, "")
    repository = json_factory(path)
    assert list(repository.check()) == []
    repository.initialize(create=False)
    assert sum(repository.count_tasks().values()) == 8


@pytest.mark.parametrize("handles", [1, 4])
def test_threads_lose_nothing(
    repository: JsonTaskRepository, path: Path, make_task: Make, write: Write, handles: int
) -> None:
    """Threads that share a repository, or have one each, keep each other out of the middle of a write."""
    counter = make_task("counter", extra={"n": 0})
    write(repository, (None, counter))
    repositories = [json_factory(path) for _ in range(handles)]
    for each in repositories:
        each.initialize()

    def count_up(number: int) -> None:
        mine = repositories[number % handles]
        for _ in range(10):
            while True:
                task = mine.get_task(counter.task_id)
                assert task is not None
                step = int(str(task.extra["n"])) + 1
                try:
                    write(mine, (task, replace(task, extra={"n": step}, revision=task.revision + 1)))
                    break
                except ConflictError:
                    pass

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(count_up, range(8)))
    raised = repository.get_task(counter.task_id)
    assert raised is not None
    assert raised.extra == {"n": 80}
    assert list(repository.check()) == []


def test_readers_see_whole_batches_only(
    repository: JsonTaskRepository, path: Path, make_task: Make, write: Write
) -> None:
    """While a writer changes two tasks together, no reader ever finds them different."""
    pair = make_task("0"), make_task("0")
    write(repository, (None, pair[0]), (None, pair[1]))
    done = threading.Event()
    seen: set[int] = set()

    def look() -> None:
        reader = json_factory(path)
        reader.initialize()
        while not done.is_set():
            names = {task.name for task in reader.find_tasks()}
            assert len(names) == 1
            entries = list(reader.history())
            assert len(entries) % 2 == 0
            seen.add(len(entries))

    with ThreadPoolExecutor(3) as pool:
        readers = [pool.submit(look) for _ in range(3)]
        current = pair
        try:
            for number in range(1, 40):
                following = tuple(replace(task, name=str(number), revision=number + 1) for task in current)
                write(repository, *zip(current, following, strict=True))
                current = following[0], following[1]
        finally:
            done.set()
        for reader in readers:
            reader.result()
    assert len(seen) > 1


def test_changes_may_read_the_store_but_not_write_to_it(
    repository: JsonTaskRepository, path: Path, make_task: Make, write: Write
) -> None:
    """An iterator of changes sees the state before the batch; writing from within it is refused at once."""
    task = make_task("one")
    write(repository, (None, task))
    batch = Batch(uuid4(), task.created_at, "ann", "test")

    def reading() -> list[TaskChange]:
        assert [found.name for found in repository.find_tasks()] == ["one"]
        with pytest.raises(StorageBusyError, match="while this thread is writing another one"):
            write(repository, (task, None))
        return [TaskChange(task, replace(task, name="uno", revision=2))]

    repository.apply(batch, (change for _ in range(1) for change in reading()))
    assert [found.name for found in repository.find_tasks()] == ["uno"]
    assert list(repository.check()) == []


def test_writer_gives_up_after_its_wait(
    repository: JsonTaskRepository, path: Path, make_task: Make, write: Write
) -> None:
    """A lock that another program holds for too long is an error that says so, and readers go on."""
    script = """
import sys
from filelock import FileLock
with FileLock(sys.argv[1] + ".lock"):
    print("held", flush=True)
    sys.stdin.read()
"""
    holder = subprocess.Popen(
        [sys.executable, "-c", script, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        impatient = JsonTaskRepository(path, lock_timeout=0.05)
        impatient.initialize()
        with pytest.raises(StorageBusyError, match=r"in use by another writer for 0\.05 seconds"):
            write(impatient, (None, make_task("late")))
        assert list(impatient.find_tasks()) == []
        holder.communicate()
    write(impatient, (None, make_task("late")))
    assert len(list(repository.find_tasks())) == 1


def test_killed_writers_leave_whole_batches(path: Path) -> None:
    """However often a program is killed in the middle of its work, a batch is there whole or not at all."""
    json_factory(path).initialize()
    acknowledged: set[str] = set()
    rng = random.Random(7)  # noqa: S311 - when to kill, nothing secret
    for _ in range(25):
        with _start(WRITE_UNTIL_KILLED, path) as process:
            assert process.stdout is not None
            for _ in range(rng.randrange(1, 3)):
                acknowledged.add(process.stdout.readline().strip())
            threading.Event().wait(rng.random() * 0.02)  # any moment of the batch that goes on
            process.kill()
            acknowledged.update(line.strip() for line in process.stdout if line.endswith("\n"))
        repository = json_factory(path)
        assert [problem.message for problem in repository.check()] == []
        repository.initialize(create=False)
        sizes: dict[str, int] = {}
        for task in repository.find_tasks():
            sizes[task.name] = sizes.get(task.name, 0) + 1
        assert set(sizes.values()) <= {5}
        assert acknowledged <= set(sizes)
    assert len(acknowledged) >= 25
    assert sorted(file.name for file in path.parent.iterdir() if not file.name.endswith(".tmp")) == [
        "tasks.history.jsonl",
        "tasks.json",
        "tasks.json.lock",
    ]


@pytest.mark.parametrize("room", ["history", "document"])
@pytest.mark.skipif(sys.platform == "win32", reason="file sizes are limited by a POSIX call")
def test_full_disk_changes_nothing(
    repository: JsonTaskRepository, path: Path, history: Path, three: list[TaskModel], room: str
) -> None:
    """When there is no room for a batch the error says so; the store is as it was, and goes on afterwards."""
    before = path.read_bytes(), history.read_bytes()
    limit = len(before[1]) + 100 if room == "history" else len(before[0]) + 100
    assert len(before[1]) < len(before[0])
    details = 0 if room == "document" else 5000
    script = f"""
import resource
resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, resource.RLIM_INFINITY))
task = TaskModel(task_id=uuid4(), name="x", details="y" * {details}, created_at=now, updated_at=now)
try:
    repository.apply(batch(), [TaskChange(None, task)])
except TaskyError as error:
    print(type(error).__name__, error, error.hint)
assert len(repository.get_all_tasks()) == 3
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
repository.apply(batch(), [TaskChange(None, task)])
"""
    output = _run(script, path)
    assert output.startswith(StorageFullError.__name__)
    assert str(history if room == "history" else path) in output
    assert "Make room on the disk" in output
    assert len(list(repository.find_tasks())) == 4
    assert list(repository.check()) == []
    assert not path.with_name("tasks.json.tmp").exists()


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="users and permissions are POSIX here")
def test_read_only_store_can_be_read_and_not_written(
    public_path: Path, make_task: Make, write: Write
) -> None:
    """Someone without permission to write lists the tasks, and is told why a change is refused."""
    repository = json_factory(public_path)
    repository.initialize()
    write(repository, (None, make_task("one")))
    before = public_path.read_bytes()
    script = f"""
{_as_nobody()}
task, = repository.get_all_tasks()
print(task.name)
try:
    repository.apply(batch(), [TaskChange(task, None)])
except TaskyError as error:
    print(type(error).__name__, error)
"""
    public_path.with_name("tasks.json.lock").chmod(0o444)
    public_path.parent.chmod(0o555)
    try:
        name, error = _run(script, public_path).splitlines()
    finally:
        public_path.parent.chmod(0o755)
    assert name == "one"
    refused = f"{StorageReadOnlyError.__name__} {public_path}.lock cannot be written: Permission denied"
    assert error.startswith(refused)
    assert public_path.read_bytes() == before


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="users and permissions are POSIX here")
def test_unreadable_store_says_so(public_path: Path) -> None:
    """A document that its reader has no permission for is unavailable, not missing and not empty."""
    json_factory(public_path).initialize()
    public_path.chmod(0o600)
    script = f"""
{_as_nobody() or "Path(sys.argv[1]).chmod(0)"}
try:
    repository.close(); repository.initialize(create=False)
except TaskyError as error:
    print(type(error).__name__, error)
"""
    refused = f"{StorageUnavailableError.__name__} {public_path} cannot be read: Permission denied"
    assert _run(script, public_path).startswith(refused)


def test_directory_that_went_away_is_named(
    repository: JsonTaskRepository, path: Path, make_task: Make, write: Write
) -> None:
    """When the store's directory is gone, a write says so and does not make it again."""
    shutil.rmtree(path.parent)
    with pytest.raises(StorageUnavailableError, match="cannot be written: No such file or directory"):
        write(repository, (None, make_task("late")))
    assert not path.parent.exists()


def test_file_in_the_place_of_the_directory_is_an_error(tmp_path: Path) -> None:
    """A location below a file cannot be created."""
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageUnavailableError, match="cannot be written"):
        json_factory(tmp_path / "file" / "deep" / "tasks.json").initialize()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes")
def test_write_keeps_the_mode_and_the_owner(
    repository: JsonTaskRepository, path: Path, three: list[TaskModel], write: Write
) -> None:
    """A document that its owner made private stays so, and stays theirs when root writes."""
    path.chmod(0o640)
    if os.geteuid() == 0:
        os.chown(path, 65534, 65534)
    before = path.stat()
    write(repository, (three[0], None))
    after = path.stat()
    assert stat.S_IMODE(after.st_mode) == 0o640
    assert (after.st_uid, after.st_gid) == (before.st_uid, before.st_gid)
    assert after.st_ino != before.st_ino


def test_symbolic_link_is_written_through(tmp_path: Path, make_task: Make, write: Write) -> None:
    """A link stays a link; its target is the store, whichever name it is opened by."""
    (tmp_path / "real").mkdir()
    (tmp_path / "link.json").symlink_to(tmp_path / "real" / "tasks.json")
    for name in ("link.json", "real/tasks.json"):
        repository = json_factory(tmp_path / name)
        repository.initialize()
        write(repository, (None, make_task(name)))
    assert (tmp_path / "link.json").is_symlink()
    assert len(repository.get_all_tasks()) == 2
    assert [file.name for file in tmp_path.iterdir() if file.is_file() and not file.is_symlink()] == []
    assert list(json_factory(tmp_path / "link.json").check()) == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork on Windows")
def test_child_made_by_fork_goes_on_writing(path: Path) -> None:
    """Parent and child use the repository that was opened before the fork, and neither loses anything."""
    script = """
def add(name):
    for number in range(20):
        task = TaskModel(task_id=uuid4(), name=name, created_at=now, updated_at=now)
        repository.apply(batch(), [TaskChange(None, task)])

add("before")
child = os.fork()
add("child" if child == 0 else "parent")
if child == 0:
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
print(len(repository.get_all_tasks()), list(repository.check()))
"""
    assert _run(script, path) == "60 []\n"


@needs_strace
def test_everything_is_synced_before_the_answer(path: Path, tmp_path: Path) -> None:
    """History and document are on disk before the rename, and the rename before the answer."""
    json_factory(path).initialize()
    trace = tmp_path / "trace"
    calls = "trace=fsync,fdatasync,rename,renameat,renameat2,write,pwrite64"
    assert _traced(path, "-f", "-y", "-o", str(trace), "-e", calls).returncode == 0
    text = trace.read_text()
    steps = [
        r'write\(1<.*"begin"',
        r"write\(\d+<.*/tasks\.history\.jsonl>",
        r"fsync\(\d+<.*/tasks\.history\.jsonl>\) += 0",
        r"fsync\(\d+<.*/\.tasky>\) += 0",
        r"write\(\d+<.*/tasks\.json\.tmp>",
        r"fsync\(\d+<.*/tasks\.json\.tmp>\) += 0",
        r"rename\w*\(.*tasks\.json\.tmp.*tasks\.json\W.*\) += 0",
        r"fsync\(\d+<.*/\.tasky>\) += 0",
        r'write\(1<.*"answer"',
    ]
    at = 0
    for step in steps:
        match = re.compile(step).search(text, at)
        assert match is not None, f"{step} does not come behind byte {at} of\n{text[-4000:]}"
        at = match.end()


# which system call fails or is the last one, whether the batch counts then, and the error
FAULTS = {
    "history not synced": ("fsync:error=EIO:when=1", False, "StorageUnavailableError"),
    "history's name not synced": ("fsync:error=EIO:when=2", False, "StorageUnavailableError"),
    "document not synced": ("fsync:error=EDQUOT:when=3", False, "StorageFullError"),
    "document not renamed": ("rename:error=EACCES:when=1", False, "StorageReadOnlyError"),
    "rename not synced": ("fsync:error=EIO:when=4", True, "OutcomeUnknownError"),
    "killed before the history": ("ftruncate:error=EIO:signal=KILL:when=1", False, ""),
    "killed with the history": ("fsync:error=EIO:signal=KILL:when=1", False, ""),
    "killed with the document": ("fsync:error=EIO:signal=KILL:when=3", False, ""),
    "killed before the rename": ("rename:error=EIO:signal=KILL:when=1", False, ""),
    "killed after the rename": ("fsync:error=EIO:signal=KILL:when=4", True, ""),
}


@needs_strace
@pytest.mark.parametrize("fault", FAULTS)
def test_batch_that_is_cut_short_is_there_whole_or_not_at_all(
    path: Path, make_task: Make, write: Write, fault: str
) -> None:
    """Whichever step of a write fails or is the last one, the store is sound, and the next write works."""
    json_factory(path).initialize()
    inject, counts, error = FAULTS[fault]
    result = _traced(path, "-f", "-e", f"trace={inject.partition(':')[0]}", "-e", f"inject={inject}")
    if error:
        assert error in result.stderr.decode()
        assert not path.with_name("tasks.json.tmp").exists()
    else:
        assert b"answer" not in result.stdout
        assert result.returncode != 0
    repository = json_factory(path)
    assert [problem.message for problem in repository.check()] == []
    repository.initialize(create=False)
    assert [task.name for task in repository.find_tasks()] == ["one"] * counts
    assert len(list(repository.history())) == counts
    write(repository, (None, make_task("two", 10_000_000)))
    assert [entry.sequence for entry in repository.history()] == list(range(1, counts + 2))
    assert [problem.message for problem in repository.check()] == []
    assert not path.with_name("tasks.json.tmp").exists()


def test_document_of_ten_thousand_tasks_is_written_and_paged(
    repository: JsonTaskRepository, path: Path, make_task: Make, write: Write
) -> None:
    """The size that this backend is meant for works as a whole: one batch, pages, counts, a change."""
    tasks = [make_task(f"task {number}", number) for number in range(10_000)]
    write(repository, *((None, task) for task in tasks))
    second = json_factory(path)
    second.initialize(create=False)
    page = list(second.find_tasks(limit=50))
    assert page == tasks[:50]
    assert list(second.find_tasks(limit=50, after=page[-1])) == tasks[50:100]
    write(second, (tasks[5], replace(tasks[5], name="changed", revision=2)))
    assert sum(repository.count_tasks().values()) == 10_000
    found = repository.get_task(tasks[5].task_id)
    assert found is not None
    assert found.name == "changed"
