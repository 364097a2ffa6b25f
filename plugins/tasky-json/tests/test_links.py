"""A checkout may hold symbolic links: none of them leads Tasky to a file that it was not trusted with."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import pytest

from tasky import StorageCorruptError, TaskModel
from tasky_json import JsonTaskRepository, json_factory

Make = Callable[..., TaskModel]
Write = Callable[..., UUID]

PRECIOUS = b"alias ll='ls -l'\n"
BESIDE = ["tasks.history.jsonl", "tasks.json.lock"]

LINK_AT_THE_LAST_MOMENT = """
import os, sys
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4
from tasky import Batch, TaskChange, TaskModel, TaskyError
from tasky_json import json_factory

path, link, target = sys.argv[1:]

def hook(event, details):  # an open is reported before it is done
    if event == "open" and details[0] == link and details[2] & os.O_CREAT and not os.path.lexists(link):
        os.symlink(target, link)

now = datetime.now(UTC)
task = TaskModel(task_id=uuid4(), name="one", created_at=now, updated_at=now)
repository = json_factory(Path(path))
repository.initialize()
sys.addaudithook(hook)
try:
    repository.apply(Batch(uuid4(), now, "child", "test"), [TaskChange(None, task)])
except TaskyError as error:
    print(type(error).__name__, error)
"""

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

    assert run("init", "--storage", "json://.tasky/tasks.json").returncode == 0
    return run


def _in_project(tmp_path: Path, name: str) -> Path:
    return tmp_path / "project" / ".tasky" / name


@pytest.mark.parametrize("name", BESIDE)
@pytest.mark.parametrize("target", [".bashrc", ".profile"], ids=["file", "nothing"])
@pytest.mark.parametrize("is_new", [True, False], ids=["new store", "store with tasks"])
def test_link_in_a_checkout_is_refused_by_the_command(
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
    link = _in_project(tmp_path, name)
    link.unlink(missing_ok=True)
    link.symlink_to(home / target)
    document = _in_project(tmp_path, "tasks.json").read_bytes()
    added = tasky("add", "Buy bread")
    assert added.returncode not in (0, 1)
    assert f"{link} is a symbolic link" in added.stderr
    assert [file.name for file in home.iterdir()] == [".bashrc"]
    assert (home / ".bashrc").read_bytes() == PRECIOUS
    assert _in_project(tmp_path, "tasks.json").read_bytes() == document
    assert link.is_symlink()


def test_link_in_the_place_of_the_temporary_file_is_not_followed(
    tasky: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path, home: Path
) -> None:
    """What lies in the way of the temporary file is put away itself; what it leads to stays as it is."""
    _in_project(tmp_path, "tasks.json.tmp").symlink_to(home / ".bashrc")
    assert tasky("add", "Buy bread").returncode == 0
    assert (home / ".bashrc").read_bytes() == PRECIOUS
    assert tasky("list").stdout.count("Buy bread") == 1
    assert tasky("check").returncode == 0


def test_linked_document_outside_the_project_needs_approval(
    tasky: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path, home: Path
) -> None:
    """A document that a checkout links to a place outside is not used, and nothing is made beside it."""
    document = _in_project(tmp_path, "tasks.json")
    document.rename(home / "mine.json")
    document.symlink_to(home / "mine.json")
    before = (home / "mine.json").read_bytes()
    added = tasky("add", "Buy bread")
    assert added.returncode != 0
    assert "outside the project" in added.stderr
    assert (home / "mine.json").read_bytes() == before
    assert sorted(file.name for file in home.iterdir()) == [".bashrc", "mine.json"]


def test_linked_history_is_not_read(
    repository: JsonTaskRepository, path: Path, history: Path, three: list[TaskModel], home: Path
) -> None:
    """Opening, reading and checking a store refuse a linked history, too, even one with the right content."""
    history.rename(home / "history")
    history.symlink_to(home / "history")
    with pytest.raises(StorageCorruptError, match=r"tasks\.history\.jsonl is a symbolic link"):
        json_factory(path).initialize()
    with pytest.raises(StorageCorruptError, match=r"tasks\.history\.jsonl is a symbolic link"):
        repository.history()
    (problem,) = repository.check()
    assert problem.message.startswith(f"{history} is a symbolic link")


@pytest.mark.parametrize("kind", ["directory", "pipe"])
@pytest.mark.parametrize("name", BESIDE)
def test_directory_or_pipe_in_the_place_of_a_file_is_refused(
    repository: JsonTaskRepository, path: Path, make_task: Make, write: Write, name: str, kind: str
) -> None:
    """A directory, or a pipe that would be waited for, is named as what it is, and stays."""
    other = path.with_name(name)
    other.unlink(missing_ok=True)
    make = Path.mkdir if kind == "directory" else os.mkfifo
    make(other)
    with pytest.raises(StorageCorruptError, match=f"{name} is a directory or a device"):
        write(repository, (None, make_task("one")))
    assert not other.is_file()
    assert repository.get_all_tasks() == []


@pytest.mark.parametrize("name", BESIDE)
def test_new_store_is_not_made_beside_a_link(path: Path, home: Path, name: str) -> None:
    """Where a link waits for a store that is still to be created, none is created."""
    path.parent.mkdir()
    path.with_name(name).symlink_to(home / ".bashrc")
    with pytest.raises(StorageCorruptError, match=f"{name} is a symbolic link"):
        json_factory(path).initialize()
    assert not path.exists()
    assert (home / ".bashrc").read_bytes() == PRECIOUS


@pytest.mark.parametrize("name", BESIDE)
def test_link_that_comes_at_the_last_moment_is_not_followed(path: Path, home: Path, name: str) -> None:
    """A link that is made between the look at the file and its opening leads nowhere, either."""
    json_factory(path).initialize()
    link = path.with_name(name)
    link.unlink(missing_ok=True)
    command = [sys.executable, "-c", LINK_AT_THE_LAST_MOMENT, str(path), str(link), str(home / ".bashrc")]
    written = subprocess.run(command, capture_output=True, encoding="utf-8", check=False)
    assert written.stdout.startswith("StorageUnavailableError"), written.stderr
    assert name in written.stdout
    assert link.is_symlink()
    assert (home / ".bashrc").read_bytes() == PRECIOUS
