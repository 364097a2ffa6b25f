"""What a command asks, and where it may not ask."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import CommandLine, Process


@pytest.fixture
def project(process: Process) -> Process:
    """A project on a real store with one task, which a command is to delete."""
    process("init", "--storage", "json://.tasky/tasks.json")
    process("add", "Buy milk")
    return process


@pytest.mark.parametrize("answer", ["y\n", "Yes\n"])
def test_a_person_who_says_yes_gets_it_done(project: Process, answer: str) -> None:
    """At a terminal a destructive command asks, and takes y or yes."""
    task_id = project("list").out.split("\t")[0]
    result = project.on_terminal("delete", task_id, typed=answer)
    assert "Buy milk? [y/N]" in result.out
    assert project("list", "--all").out == ""


@pytest.mark.parametrize("answer", ["n\n", "\n", "\x04", "of course not\n"])
def test_anything_else_is_no(project: Process, answer: str) -> None:
    """Any other answer, an empty one or the end of the input changes nothing and ends with exit code 1."""
    task_id = project("list").out.split("\t")[0]
    result = project.on_terminal("delete", task_id, typed=answer, code=1)
    assert "Nothing was done." in result.out
    assert len(project("list", "--all").lines) == 1


def test_nothing_waits_where_nobody_can_answer(cli: CommandLine) -> None:
    """Without a terminal the question is an error at once that names --yes, even when stdin would say yes."""
    cli("add", "Buy milk")
    error = cli("delete", "00000001", stdin="y\n", code=2).err
    assert "--yes" in error
    assert len(cli("list", "--all").lines) == 1
    cli("delete", "00000001", "--yes")
    assert cli("list", "--all").out == ""


def test_ctrl_c_at_a_question_interrupts(project: Process) -> None:
    """Ctrl-C ends the command with exit code 130, and nothing is changed."""
    task_id = project("list").out.split("\t")[0]
    result = project.on_terminal("delete", task_id, interrupt_at="[y/N]", code=130)
    assert "Interrupted." in result.out
    assert len(project("list", "--all").lines) == 1


@pytest.mark.parametrize("option", ["--storage", "--directory"])
@pytest.mark.parametrize("value", ["", " "])
def test_a_global_option_that_is_empty_is_an_error(cli: CommandLine, option: str, value: str) -> None:
    """A script whose variable came out empty is told so, before and after the command's name."""
    for argv in ([option, value, "add", "Buy milk"], ["add", "Buy milk", f"{option}={value}"]):
        result = cli(*argv, code=5)
        assert f"{option} is given, but empty" in result.err
        assert f"Leave {option} out" in result.err
    assert cli("list").out == ""


def test_a_named_directory_that_cannot_be_looked_at_is_not_passed_by(cli: CommandLine) -> None:
    """-C comes before TASKY_PROJECT also where the system does not say whether there is a project."""
    closed = cli.cwd / "closed"
    closed.mkdir()
    (closed / ".tasky").symlink_to(closed / ".tasky")
    cli.environ["TASKY_PROJECT"] = str(cli.cwd)
    assert "cannot be read" in cli("-C", str(closed), "list", code=5).err


def test_a_task_that_is_named_twice_is_changed_once(cli: CommandLine) -> None:
    """A short id, the whole id and the id without dashes are the same task."""
    cli("add", "Buy milk")
    whole = "00000001-0000-4000-8000-000000000000"
    assert len(cli("done", "00000001", whole, whole.replace("-", "")).lines) == 1


def test_the_real_clock_and_ids_are_used_otherwise(project: Process) -> None:
    """Without a clock and ids of a test's own, each task has an id of its own and the time it was added."""
    project("add", "Buy bread")
    first, second = project("list", "--json").items
    assert first["task_id"] != second["task_id"]
    assert first["created_at"] < second["created_at"]
