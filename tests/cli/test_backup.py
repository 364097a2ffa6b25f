"""``tasky backup``: a copy of everything, and the way back."""

from __future__ import annotations

import stat
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tasky import StorageFullError, StorageLocation, TaskRepository, default_registry, uri_factory
from tasky.testing import MemoryTaskRepository

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import CommandLine, Process


def test_a_backup_is_brought_back_into_an_empty_store(cli: CommandLine) -> None:
    """Tasks and history are the same in the project that the copy was brought back into."""
    cli("add", "One", "--tag", "t")
    cli("done", cli("list", "--json").items[0]["task_id"])
    result = cli("backup", "copies/first")
    assert result.lines == [f"location: memory://{cli.cwd}/copies/first", "tasks: 1"]
    assert result.err == "The copy was checked: no problem found.\n"
    wanted = cli("export").out, cli("log").out
    del cli.stores[cli.cwd / "tasks"]
    cli("init")
    result = cli("backup", "--restore", "copies/first", "--json")
    assert result.items == [{"location": f"memory://{cli.cwd}/copies/first", "tasks": 1}]
    assert result.err == ""
    assert (cli("export").out, cli("log").out) == wanted


def test_a_backup_goes_to_any_backend(cli: CommandLine) -> None:
    """A location with a scheme may be another backend's; a relative one is taken from the project."""
    cli("add", "One")
    with default_registry.override("other", cli.open):
        cli("backup", "other://copy")
        assert cli("--storage", "other://copy", "export").out == cli("export").out
        cli("--storage", "other://empty", "backup", "--restore", "copy", code=7)
    assert cli.cwd / "copy" in cli.stores


def test_a_file_is_taken_from_where_the_person_is(cli: CommandLine, tmp_path: Path) -> None:
    """A path is relative to the working directory, and its characters stand for themselves."""
    below = cli.cwd / "below"
    below.mkdir()
    cli("add", "One")
    cli("-C", str(below), "backup", "a b%41#?.copy")
    assert below / "a b%41#?.copy" in cli.stores


def test_a_store_that_holds_anything_is_left_alone(cli: CommandLine) -> None:
    """Neither a backup nor a restore writes over tasks."""
    cli("add", "One")
    cli("backup", "copy")
    assert "choose another name" in cli("backup", "copy", code=7).err
    result = cli("backup", "--restore", "copy", code=7)
    assert f"the project's store at memory:///{str(cli.cwd)[1:]}/tasks is not empty" in result.err
    assert "tasky init" in result.err
    assert len(cli("list").lines) == 1


def test_a_missing_copy_is_not_made(cli: CommandLine) -> None:
    """A typing error in what to bring back is an error, not an empty project."""
    result = cli("backup", "--restore", "copi", code=7)
    assert f"No copy is at memory://{cli.cwd}/copi: look for a typing error." in result.err
    assert set(cli.stores) == {cli.cwd / "tasks", cli.cwd / "copi"}
    assert cli.stores[cli.cwd / "copi"].state is None


@pytest.mark.parametrize("arguments", [("copy",), ("--restore", "copy")])
def test_a_damaged_copy_is_named(cli: CommandLine, arguments: tuple[str, ...]) -> None:
    """Damage of the source is in its copy, which is then no good; a damaged copy is not brought back."""
    cli("add", "One")
    damaged = cli.stores[cli.cwd / "tasks"]
    if "--restore" in arguments:
        cli.stores[cli.cwd / "copy"] = damaged
        del cli.stores[cli.cwd / "tasks"]
        cli("init")
    assert damaged.state is not None
    (task,) = damaged.state.tasks.values()
    damaged.state = replace(damaged.state, tasks={task.task_id: replace(task, revision=7)})
    result = cli("backup", *arguments, code=7)
    assert "is damaged" in result.err
    assert f"hint: `tasky check --storage memory://{cli.cwd}/copy`" in result.err
    assert result.out == ""
    if "--restore" in arguments:
        assert cli("list", "--all").out == ""


def test_a_server_needs_a_location(cli: CommandLine) -> None:
    """Where the project's tasks are on a server, a file alone does not say which backend keeps the copy."""

    @uri_factory
    def server(location: StorageLocation) -> TaskRepository:
        return cli.open(cli.cwd / "tasks")

    with default_registry.override("server", server):
        result = cli("--storage", "server://host/x", "backup", "copy", code=2)
        assert "a server store is no file" in result.err
        cli("--storage", "server://host/x", "backup", "memory://copy")


def test_an_empty_copy_is_not_brought_back(cli: CommandLine) -> None:
    """What an interrupted backup left is no backup."""
    cli("backup", "copy")
    assert "the copy at " in cli("backup", "--restore", "copy", code=7).err


def test_a_copy_of_nothing_but_history_is_brought_back(cli: CommandLine) -> None:
    """Where every task was deleted, the history is what there is."""
    cli("add", "One")
    cli("delete", cli("list", "--json").items[0]["task_id"], "--yes")
    cli("backup", "copy")
    del cli.stores[cli.cwd / "tasks"]
    cli("init")
    cli("backup", "--restore", "copy")
    assert len(cli("log").lines) == 2


@pytest.mark.parametrize("arguments", [("tasks",), ("memory://tasks",), ("--restore", "tasks")])
def test_the_projects_own_store_is_no_copy(cli: CommandLine, arguments: tuple[str, ...]) -> None:
    """A store is not copied onto itself, however it is named."""
    assert "the project's own store" in cli("backup", *arguments, code=2).err


@pytest.mark.parametrize("name", ["", "-", "~/copy"])
def test_what_names_no_file_is_refused(cli: CommandLine, name: str) -> None:
    """A store cannot go to stdout, and nobody means a directory that is called ~."""
    assert "names no file" in cli("backup", name, code=2).err


def test_a_copy_that_fails_says_what_is_left(cli: CommandLine) -> None:
    """The place of the copy holds an empty store then, and the error says so."""

    class Full(MemoryTaskRepository):
        def restore(self, tasks: object, history: object, /) -> None:
            raise StorageFullError("no space is left")

    with default_registry.override("full", lambda path: Full()):
        result = cli("backup", "full://copy", code=7)
    assert f"hint: The store at full://{cli.cwd}/copy is empty, and no backup." in result.err


def test_a_copy_is_as_private_as_the_store(process: Process) -> None:
    """Who may not read the store may not read its copy, whatever files are made with otherwise."""
    process("init", "--storage", "sqlite://.tasky/tasks.db")
    process("add", "One")
    store = process.cwd / ".tasky/tasks.db"
    for mode in (0o600, 0o644):
        store.chmod(mode)
        process("backup", f"copy-{mode}.db")
        assert stat.S_IMODE((process.cwd / f"copy-{mode}.db").stat().st_mode) == mode
