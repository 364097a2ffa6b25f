"""Writers that are interrupted, kept out, forked, or whose disk fails: nothing is lost or there in part."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest

from tasky import (
    StorageBusyError,
    StorageCorruptError,
    StorageUnavailableError,
    StoreMissingError,
    TaskModel,
)
from tasky_template import TemplateTaskRepository, template_factory

Make = Callable[..., TaskModel]
Write = Callable[..., UUID]

PRELUDE = """
import os, sys
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4
from tasky import Batch, TaskChange, TaskModel
from tasky_template import template_factory

now = datetime.now(UTC)
repository = template_factory(Path(sys.argv[1]))
repository.initialize()

def add(name):
    task = TaskModel(task_id=uuid4(), name=name, created_at=now, updated_at=now)
    repository.apply(Batch(uuid4(), now, "child", "test"), [TaskChange(None, task)])
"""

# which system call of a write fails, whether the batch is there then, and the error
FAULTS = {
    "not synced": ("fsync:error=EIO:when=1", False, "StorageUnavailableError"),
    "no room to sync": ("fsync:error=EDQUOT:when=1", False, "StorageFullError"),
    "not synced, and not taken back": ("fsync:error=EIO", False, "OutcomeUnknownError"),
    "killed before the sync": ("fsync:error=EIO:signal=KILL", True, ""),
    "killed before the write": ("ftruncate:error=EIO:signal=KILL", False, ""),
}


def run(script: str, path: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run the script on the store at ``path``, as an argument of ``command`` if there is one."""
    argv = [*command, sys.executable, "-c", PRELUDE + script, str(path)]
    return subprocess.run(argv, capture_output=True, text=True, check=False)


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace makes system calls fail")
@pytest.mark.parametrize("fault", FAULTS)
def test_write_that_fails_is_taken_back(path: Path, make_task: Make, write: Write, fault: str) -> None:
    """Whichever step of a write fails or is the last one, the store is sound, and the next write works."""
    template_factory(path).initialize()
    inject, is_there, error = FAULTS[fault]
    calls = f"trace={inject.partition(':')[0]}"
    result = run("add('one')\nprint('answer')", path, "strace", "-f", "-e", calls, "-e", f"inject={inject}")
    if "ptrace" in result.stderr:
        pytest.skip("this machine does not let programs be traced")
    assert result.stdout == ""
    assert error in result.stderr
    repository = template_factory(path)
    assert list(repository.check()) == []
    repository.initialize(create=False)
    assert [task.name for task in repository.find_tasks()] == ["one"] * is_there
    write(repository, (None, make_task("two", 10_000_000)))
    assert [entry.sequence for entry in repository.history()] == list(range(1, is_there + 2))
    assert list(repository.check()) == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork on Windows")
def test_child_made_by_fork_goes_on_writing(path: Path) -> None:
    """Parent and child use the repository that was opened before the fork, and neither loses anything."""
    script = """
for _ in range(20):
    add("before")
child = os.fork()
for _ in range(20):
    add("child" if child == 0 else "parent")
if child == 0:
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
print(len(repository.get_all_tasks()), list(repository.check()))
"""
    result = run(script, path)
    assert result.stdout == "60 []\n", result.stderr


def test_readers_and_writers_pass_over_what_crashes_leave(
    repository: TemplateTaskRepository, path: Path, make_task: Make, write: Write
) -> None:
    """While writers put batches in the place of what a crash left, no reader takes the mixture for damage."""
    done = threading.Event()
    leftover = b'{"batch":{' + b"x" * 5_000 + b"}}\n"

    def look() -> int:
        looks = 0
        while not done.is_set():
            reader = template_factory(path)
            reader.initialize(create=False)
            sum(reader.count_tasks().values())
            looks += 1
        return looks

    with ThreadPoolExecutor(2) as pool:
        readers = [pool.submit(look) for _ in range(2)]
        try:
            for number in range(100):
                with path.open("ab") as file:
                    file.write(leftover)
                write(repository, (None, make_task(str(number), details="y" * 100_000)))
        finally:
            done.set()
        assert all(reader.result() for reader in readers)
    assert sum(repository.count_tasks().values()) == 100


def test_handle_notices_that_another_file_was_put_in_place(
    repository: TemplateTaskRepository, path: Path, three: list[TaskModel], make_task: Make, write: Write
) -> None:
    """A backup that is put back is read from its beginning, also where it is longer than what was there."""
    other = template_factory(path.with_name("other.journal"))
    other.initialize()
    for number in range(9):
        write(other, (None, make_task(f"other {number}", number)))
    assert len(repository.get_all_tasks()) == 3
    path.with_name("other.journal").replace(path)
    assert [task.name for task in repository.find_tasks()] == [f"other {number}" for number in range(9)]
    write(repository, (None, three[0]))
    assert len(list(repository.history())) == 10


def test_history_that_was_asked_for_before_another_file_came_is_an_error(
    repository: TemplateTaskRepository, path: Path, three: list[TaskModel]
) -> None:
    """Entries of two files are never mixed."""
    entries = repository.history()
    assert next(entries).task_id == three[0].task_id
    path.write_bytes(b"x" * 10_000)
    with pytest.raises(StorageCorruptError, match="not the file any more"):
        next(entries)


def test_store_that_was_deleted_is_missing(
    repository: TemplateTaskRepository, path: Path, three: list[TaskModel], write: Write
) -> None:
    """What was read before is no store: reading and writing say that it is gone, and make no new one."""
    path.unlink()
    for use in (repository.get_all_tasks, lambda: write(repository, (three[0], None)), repository.check):
        with pytest.raises(StoreMissingError, match=re.escape(str(path))):
            use()
    assert not path.exists()
    shutil.rmtree(path.parent)
    with pytest.raises(StorageUnavailableError, match="cannot be written: No such file or directory"):
        write(repository, (three[0], None))
    assert not path.parent.exists()


def test_place_where_no_store_can_be_is_an_error(tmp_path: Path) -> None:
    """A directory is no store, and below a file there is none."""
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageCorruptError, match="Is a directory"):
        template_factory(tmp_path).initialize()
    with pytest.raises(StorageUnavailableError, match="cannot be written"):
        template_factory(tmp_path / "file" / "deep" / "tasks.journal").initialize()
    assert [each.name for each in tmp_path.iterdir()] == ["file"]


def test_changes_cannot_write_to_the_store_that_takes_them(
    repository: TemplateTaskRepository, path: Path, make_task: Make, write: Write
) -> None:
    """Writing from within the changes of a batch is refused at once, or after the wait of another handle."""
    second = TemplateTaskRepository(path, lock_timeout=0.05)
    second.initialize()

    def tasks() -> Iterator[TaskModel]:
        with pytest.raises(StorageBusyError, match="while this thread is writing another one"):
            write(repository, (None, make_task("inner")))
        with pytest.raises(StorageBusyError, match=r"in use by another writer for 0\.05 seconds"):
            write(second, (None, make_task("inner")))
        yield make_task("outer")

    repository.restore(tasks(), [])
    assert [task.name for task in second.find_tasks()] == ["outer"]
    write(second, (None, make_task("later")))


@pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege there")
def test_links_lead_no_write_astray(tmp_path: Path, make_task: Make, write: Write) -> None:
    """The journal may be a link, and is one store under both names; what lies beside it may not be."""
    victim = tmp_path / "victim"
    victim.write_text("mine")
    (tmp_path / "real").mkdir()
    (tmp_path / "link.journal").symlink_to(tmp_path / "real" / "tasks.journal")
    (tmp_path / "real" / "tasks.journal.tmp").symlink_to(victim)
    for name in ("link.journal", "real/tasks.journal"):
        repository = template_factory(tmp_path / name)
        repository.initialize()
        write(repository, (None, make_task(name)))
    assert (tmp_path / "link.journal").is_symlink()
    assert len(repository.get_all_tasks()) == 2
    lock = tmp_path / "real" / "tasks.journal.lock"
    lock.unlink()
    lock.symlink_to(victim)
    with pytest.raises(StorageUnavailableError, match="lock cannot be written"):
        write(repository, (None, make_task("three")))
    assert victim.read_text() == "mine"


def test_batch_keeps_the_task_that_was_stored(
    repository: TemplateTaskRepository, three: list[TaskModel], write: Write
) -> None:
    """History remembers what was there, also where a caller's copy of that revision says something else."""
    write(repository, (replace(three[0], name="a copy"), None))
    (deleted,) = repository.history(newest_first=True, limit=1)
    assert deleted.before == three[0]
