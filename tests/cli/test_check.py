"""``tasky check``: every problem, and nothing else."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tasky import TaskRepository, default_registry

if TYPE_CHECKING:
    from tests.cli.conftest import CommandLine


def test_a_healthy_store_has_no_problem(cli: CommandLine) -> None:
    """Nothing is printed but the good news."""
    cli("add", "One")
    result = cli("check")
    assert (result.out, result.err) == ("", "No problem found.\n")
    result = cli("check", "--json")
    assert (result.document["kind"], result.items, result.err) == ("problems", [], "")


def test_every_problem_is_printed(cli: CommandLine) -> None:
    """A damaged store ends with exit code 7, and each problem names its task."""
    cli("add", "One")
    (store,) = cli.stores.values()
    assert store.state is not None
    (task,) = store.state.tasks.values()
    store.state = replace(store.state, tasks={task.task_id: replace(task, revision=7)})
    result = cli("check", code=7)
    (line,) = result.lines
    assert line.startswith(f"{task.task_id}\t")
    assert result.err == (
        "1 problem found; nothing was changed.\n"
        "`tasky check --salvage FILE` saves the tasks that can be read; a backup has the history, too.\n"
    )
    assert str(task.task_id) not in line.partition("\t")[2]
    result = cli("check", "--json", code=7)
    assert (result.items[0]["task_id"], result.err) == (str(task.task_id), "")


def test_an_absent_store_is_an_error(cli: CommandLine) -> None:
    """Where there is no store, there is nothing to check."""
    cli.stores.clear()
    assert cli("check", code=7).out == ""


@pytest.fixture
def damaged(bare_cli: CommandLine) -> Path:
    """A database with three tasks, of which the second cannot be read."""
    bare_cli("init", "--storage", "sqlite://tasks.db")
    for name in ("One", "Two", "Three"):
        bare_cli("add", name)
    path = bare_cli.cwd / "tasks.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA ignore_check_constraints = ON")
        connection.execute("UPDATE tasks SET extra = 'scrap' WHERE name = 'Two'")
    return path


def test_what_can_be_read_is_salvaged(bare_cli: CommandLine, damaged: Path) -> None:
    """FILE gets every task but the unreadable one, which is named; nothing else is written."""
    content = damaged.read_bytes()
    result = bare_cli("check", "--salvage", "saved.jsonl", code=7)
    (line,) = result.lines
    lost, message = line.split("\t")
    assert "is lost" in message
    saved = [json.loads(line) for line in (bare_cli.cwd / "saved.jsonl").read_text().splitlines()]
    assert [task["name"] for task in saved] == ["One", "Three"]
    assert lost not in [task["task_id"] for task in saved]
    assert result.err == (
        "2 tasks saved to saved.jsonl; 1 task named above could not be. Nothing else was changed.\n"
        "To go on with them: `tasky init` a new store, and `tasky import` the file there.\n"
    )
    assert damaged.read_bytes() == content
    assert sorted(file.name for file in bare_cli.cwd.iterdir()) == [".tasky", "saved.jsonl", "tasks.db"]


def test_a_salvage_is_imported_into_a_new_store(bare_cli: CommandLine, damaged: Path) -> None:
    """What the message says to do works, and gives the tasks as an export has them."""
    bare_cli("check", "--salvage", "saved.jsonl", code=7)
    (bare_cli.cwd / "new").mkdir()
    bare_cli("init", "--storage", "sqlite://tasks.db", "-C", "new")
    bare_cli("import", "../saved.jsonl", "-C", "new")
    assert bare_cli("export", "--jsonl", "-C", "new").out == (bare_cli.cwd / "saved.jsonl").read_text()
    assert bare_cli("check", "-C", "new").err == "No problem found.\n"


def test_a_salvage_is_told_to_programs(bare_cli: CommandLine, damaged: Path) -> None:
    """The envelope has the problems, as that of check, and beside them where how many tasks are."""
    result = bare_cli("check", "--salvage", "saved.jsonl", "--json", code=7)
    file = str(bare_cli.cwd / "saved.jsonl")
    assert (result.document["kind"], result.document["salvage"]) == (
        "problems",
        {"file": file, "saved": 2, "lost": 1},
    )
    assert (len(result.items), result.items[0]["task_id"] is None, result.err) == (1, False, "")


def test_a_salvage_can_go_to_stdout(bare_cli: CommandLine, damaged: Path) -> None:
    """With '-' the tasks are all that is on stdout, and JSON has no place there."""
    result = bare_cli("check", "--salvage", "-", code=7)
    assert [json.loads(line)["name"] for line in result.lines] == ["One", "Three"]
    assert "is lost" in result.err.splitlines()[0]
    assert "2 tasks saved to stdout" in result.err
    assert "leave out --json" in bare_cli("check", "--salvage", "-", "--json", code=2).error["message"]


def test_a_file_that_is_there_is_never_written_over(bare_cli: CommandLine, damaged: Path) -> None:
    """An older salvage stays as it is, and there is no option to replace it."""
    (bare_cli.cwd / "saved.jsonl").write_text("mine")
    result = bare_cli("check", "--salvage", "saved.jsonl", code=1)
    assert "exists" in result.err
    assert "--force" not in result.err
    assert (bare_cli.cwd / "saved.jsonl").read_text() == "mine"


def test_a_sound_store_is_salvaged_whole(cli: CommandLine) -> None:
    """Saving every task of a sound store ends well; a repository of any kind will do."""
    cli("add", "One")
    result = cli("check", "--salvage", "saved.jsonl")
    assert (result.out, result.err) == ("", "1 task saved to saved.jsonl. No problem found.\n")
    assert (cli.cwd / "saved.jsonl").read_text() == cli("export", "--jsonl").out
    assert cli("check", "--salvage", "-").out == cli("export", "--jsonl").out


def test_a_repository_of_nine_methods_is_salvaged(bare_cli: CommandLine) -> None:
    """A backend that has the contract and nothing besides can be salvaged, too."""

    class Bare:
        """Passes the nine methods on."""

        def __init__(self, repository: TaskRepository) -> None:
            self._repository = repository

        def __getattr__(self, name: str) -> object:
            if name == "salvage":
                raise AttributeError(name)
            return getattr(self._repository, name)

        def __enter__(self) -> Bare:
            return self

        def __exit__(self, *exc_info: object) -> None:
            self._repository.close()

    with default_registry.override("bare", lambda path: Bare(bare_cli.open(path))):  # type: ignore[arg-type,return-value]  # passes for one
        bare_cli("init", "--storage", "bare://tasks")
        bare_cli("add", "One")
        assert bare_cli("check", "--salvage", "-").out == bare_cli("export", "--jsonl").out


def test_damage_that_costs_no_known_task_is_told_so(bare_cli: CommandLine) -> None:
    """Where no lost task is known by its id, the message does not point to one."""
    bare_cli("init", "--storage", "sqlite://tasks.db")
    bare_cli("add", "One")
    path = bare_cli.cwd / "tasks.db"
    path.write_bytes(bytes(100) + path.read_bytes()[100:])
    result = bare_cli("check", "--salvage", "saved.jsonl", code=7)
    assert "1 task saved to saved.jsonl; no lost task is known by its id." in result.err


def test_where_nothing_can_be_read_that_is_said(bare_cli: CommandLine, damaged: Path) -> None:
    """Where no task was saved there is no file, nor is there one after an error."""
    damaged.write_bytes(b"scrap" * 999)
    result = bare_cli("check", "--salvage", "saved.jsonl", code=7)
    assert "No task could be saved; nothing was written to saved.jsonl" in result.err
    salvage = {"file": None, "saved": 0, "lost": 0}
    assert bare_cli("check", "--salvage", "saved.jsonl", "--json", code=7).document["salvage"] == salvage
    assert "tasky init" not in result.err
    damaged.unlink()
    bare_cli("check", "--salvage", "other.jsonl", code=7)
    assert sorted(file.name for file in bare_cli.cwd.iterdir()) == [".tasky"]
