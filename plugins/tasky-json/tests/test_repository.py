"""What the repository says when it is used wrongly, and what it shows of itself."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest

import tasky_json
from tasky import ConflictError, InvalidFilterError, StorageBusyError, TaskModel
from tasky_json import JsonTaskRepository, json_factory

Write = Callable[..., UUID]


def test_repository_shows_its_location(path: Path) -> None:
    """In a debugger a repository says which document it is of, without opening it."""
    assert repr(json_factory(path)) == f"<JsonTaskRepository {path}>"


def test_batch_that_names_a_task_twice_is_refused(
    repository: JsonTaskRepository, path: Path, three: list[TaskModel], write: Write
) -> None:
    """One batch has one change for a task; with two, nothing is written."""
    before = path.read_bytes()
    changed = replace(three[0], name="uno", revision=2)
    with pytest.raises(ConflictError, match=f"names task {three[0].task_id.hex[:8]} twice"):
        write(repository, (three[0], changed), (three[0], None))
    assert path.read_bytes() == before


def test_conflict_says_which_task_and_which_revisions(
    repository: JsonTaskRepository, three: list[TaskModel], write: Write
) -> None:
    """A conflict names the task, what is stored and what was expected, and what to do."""
    short = three[0].task_id.hex[:8]
    changed = replace(three[0], name="uno", revision=2)
    write(repository, (three[0], changed))
    cases: list[tuple[tuple[TaskModel | None, TaskModel | None], str]] = [
        ((three[0], None), f"task {short} is at revision 2, not at 1"),
        ((None, three[0]), f"task {short} exists already, at revision 2"),
    ]
    for pair, message in cases:
        with pytest.raises(ConflictError, match=message) as caught:
            write(repository, pair)
        assert caught.value.hint == "Read it again and repeat the change."
    write(repository, (changed, None))
    for pair, message in (
        ((changed, None), f"task {short} does not exist; revision 2 was expected"),
        ((None, three[0]), f"task {short} has to be created at revision 3, .* not at 1"),
    ):
        with pytest.raises(ConflictError, match=message):
            write(repository, pair)


def test_restore_refuses_a_task_that_comes_twice(path: Path, three: list[TaskModel], tmp_path: Path) -> None:
    """A copy that holds one id twice is no copy; nothing is written."""
    copy = json_factory(tmp_path / "copy.json")
    copy.initialize()
    with pytest.raises(ConflictError, match="comes twice; nothing was written"):
        copy.restore([three[0], three[0]], [])
    assert list(copy.find_tasks()) == []


def test_negative_limit_is_refused(repository: JsonTaskRepository) -> None:
    """A page cannot have fewer tasks than none."""
    for use in (repository.find_tasks, repository.history):
        with pytest.raises(InvalidFilterError, match="0 or more, not -1"):
            use(limit=-1)


def test_second_handle_of_the_writing_thread_does_not_hang(
    repository: JsonTaskRepository, path: Path, make_task: Callable[..., TaskModel], write: Write
) -> None:
    """Changes that write through another handle wait no longer than that handle waits for any writer."""
    second = JsonTaskRepository(path, lock_timeout=0.05)
    second.initialize()

    def tasks() -> Iterator[TaskModel]:
        write(second, (None, make_task("inner")))
        yield make_task("outer")

    with pytest.raises(StorageBusyError, match="in use by another writer"):
        repository.restore(tasks(), [])
    assert list(repository.find_tasks()) == []
    assert list(repository.check()) == []


def test_public_names() -> None:
    """The package has two names, and no others."""
    assert tasky_json.__all__ == ["JsonTaskRepository", "json_factory"]
    assert all(hasattr(tasky_json, name) for name in tasky_json.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        tasky_json.nothing  # noqa: B018 - the access is what fails


def test_import_of_the_package_loads_nothing_else() -> None:
    """Knowing the package costs nothing; its repository and what that needs come with their first use."""
    script = (
        "import sys; before = set(sys.modules); import tasky_json;"
        " print(sorted(m for m in set(sys.modules) - before if m.startswith(('tasky', 'json'))))"
    )
    output = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert output == "['tasky_json']\n"
