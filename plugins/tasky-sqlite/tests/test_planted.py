"""A checkout may hold files beside the store: none has SQLite write to, or delete, a file elsewhere."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tasky import StorageCorruptError, TaskChange
from tasky.testing.samples import make_task, remaining, write
from tasky_sqlite import SqliteTaskRepository, sqlite_factory

PRECIOUS = b"alias ll='ls -l'\n"
BESIDE = ["tasks.db-journal", "tasks.db-wal", "tasks.db-shm"]
MAGIC = bytes.fromhex("d9d505f920a163d7")

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege on Windows")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home directory with a file that nobody wants to lose, and nothing else."""
    home = tmp_path / "home"
    home.mkdir()
    (home / ".bashrc").write_bytes(PRECIOUS)
    return home


@pytest.fixture
def tasky(tmp_path: Path, home: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run the command in a new project; the user is at home in ``home``."""
    project = tmp_path / "project"
    project.mkdir()
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("TASKY_", "XDG_"))}

    def run(*argv: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "tasky", *argv],
            cwd=project,
            env={**kept, "HOME": str(home)},
            capture_output=True,
            encoding="utf-8",
            check=False,
        )

    assert run("init", "--storage", "sqlite://.tasky/tasks.db").returncode == 0
    return run


def in_project(tmp_path: Path, name: str) -> Path:
    """The file of that name beside the project's store."""
    return tmp_path / "project" / ".tasky" / name


def files(directory: Path) -> dict[str, bytes]:
    """The plain files in the directory, and what is in them."""
    return {file.name: file.read_bytes() for file in directory.iterdir() if not file.is_symlink()}


def journal(named: Path, store: Path) -> bytes:
    """A journal that a transaction over several files leaves, so far that only the deletion of ``named`` is
    missing: SQLite restores no page, and deletes it."""
    page = 4096
    head = MAGIC + struct.pack(">5I", 0, 0, store.stat().st_size // page, 512, page)
    name = os.fsencode(named)
    lock_page = (1 << 30) // page + 1
    end = struct.pack(">II", len(name), sum(name)) + MAGIC
    return head.ljust(512, b"\0") + struct.pack(">I", lock_page) + name + end


@pytest.mark.parametrize("name", BESIDE)
@pytest.mark.parametrize("target", [".bashrc", ".profile"], ids=["file", "nothing"])
@pytest.mark.parametrize("is_new", [True, False], ids=["new store", "store with tasks"])
def test_a_link_in_a_checkout_is_refused_by_the_command(
    tasky: Callable[..., subprocess.CompletedProcess[str]],
    tmp_path: Path,
    home: Path,
    name: str,
    target: str,
    is_new: bool,
) -> None:
    """`tasky add` names the link that somebody committed, and neither changes nor makes what it leads to."""
    if not is_new:
        assert tasky("add", "Buy milk").returncode == 0
    link = in_project(tmp_path, name)
    link.symlink_to(home / target)
    before = files(link.parent)
    added = tasky("add", "Buy bread")
    assert files(home) == {".bashrc": PRECIOUS}
    assert added.returncode == 7
    assert f"{link} is not a regular file" in added.stderr
    assert "find out where it comes from" in added.stderr
    assert files(link.parent) == before
    assert link.is_symlink()


@pytest.mark.parametrize("command", [["add", "Buy bread"], ["list"], ["undo"], ["check"]], ids=" ".join)
def test_a_journal_in_a_checkout_deletes_nothing(
    tasky: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path, home: Path, command: list[str]
) -> None:
    """No command obeys a committed journal that has SQLite delete another file."""
    assert tasky("add", "Buy milk").returncode == 0
    store = in_project(tmp_path, "tasks.db")
    planted = in_project(tmp_path, "tasks.db-journal")
    planted.write_bytes(journal(home / ".bashrc", store))
    before = files(store.parent)
    done = tasky(*command)
    assert files(home) == {".bashrc": PRECIOUS}
    assert done.returncode == 7
    assert f"{planted} names another file, which SQLite would delete" in done.stdout + done.stderr
    assert files(store.parent) == before


@pytest.mark.parametrize("name", BESIDE)
@pytest.mark.parametrize("kind", ["link", "directory", "pipe"])
def test_what_is_no_plain_file_is_refused(path: Path, home: Path, name: str, kind: str) -> None:
    """A link, a directory, or a pipe that would be waited for, is named by opening and check, and stays."""
    with sqlite_factory(path) as repository:
        repository.initialize()
    other = path.with_name(name)
    if kind == "link":
        other.symlink_to(home / ".bashrc")
    elif kind == "directory":
        other.mkdir()
    else:
        os.mkfifo(other)
    content = path.read_bytes()
    for create in (True, False):
        with pytest.raises(StorageCorruptError, match=f"{name} is not a regular file") as caught:
            sqlite_factory(path).initialize(create=create)
        assert "move it away" in caught.value.hint
    (problem,) = sqlite_factory(path).check()
    assert problem.message.startswith(f"{other} is not a regular file")
    assert not other.is_file() or other.is_symlink()
    assert path.read_bytes() == content
    assert files(home) == {".bashrc": PRECIOUS}


@pytest.mark.parametrize("name", BESIDE)
def test_a_new_store_is_not_made_beside_a_link(path: Path, home: Path, name: str) -> None:
    """Where a link waits for a store that is still to be created, none is created."""
    path.parent.mkdir()
    path.with_name(name).symlink_to(home / ".bashrc")
    with pytest.raises(StorageCorruptError, match=f"{name} is not a regular file"):
        sqlite_factory(path).initialize()
    assert not path.exists()
    assert files(home) == {".bashrc": PRECIOUS}


def test_what_lies_where_a_linked_store_is_counts(path: Path, home: Path, tmp_path: Path) -> None:
    """A store that is reached by a link is looked at in its own directory, as SQLite does."""
    path.parent.mkdir()
    link = tmp_path / "link.db"
    link.symlink_to(path)
    with sqlite_factory(link) as repository:
        repository.initialize()
        repository.save_task(make_task("one"))
    link.with_name("link.db-wal").symlink_to(home / ".bashrc")  # which SQLite does not look for
    with sqlite_factory(link) as repository:
        repository.initialize(create=False)
        assert remaining(repository) == ["one"]
    planted = path.with_name("tasks.db-wal")
    planted.symlink_to(home / ".bashrc")
    with pytest.raises(StorageCorruptError, match=f"{planted} is not a regular file"):
        sqlite_factory(link).initialize()
    assert files(home) == {".bashrc": PRECIOUS}


def test_a_link_that_comes_while_the_store_is_open_is_refused(
    path: Path, home: Path, repository: SqliteTaskRepository
) -> None:
    """Each connection that is opened later looks again; what is open goes on."""
    write(repository, *(TaskChange(None, make_task(str(number))) for number in range(1_500)))
    link = path.with_name("tasks.db-journal")
    with repository.find_tasks() as stream:
        first = next(stream)
        link.symlink_to(home / ".bashrc")
        with pytest.raises(StorageCorruptError, match="is not a regular file"):
            repository.get_task(first.task_id)
        link.unlink()
        assert repository.get_task(first.task_id) == first
        assert sum(1 for _ in stream) == 1_499
    assert files(home) == {".bashrc": PRECIOUS}
