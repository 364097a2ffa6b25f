"""What a terminal gets and what a pipe gets."""

from __future__ import annotations

import re
import subprocess
from itertools import count
from pathlib import Path
from shutil import copytree
from typing import TYPE_CHECKING
from uuid import UUID

import pytest

from tasky.cli import main

if TYPE_CHECKING:
    from tests.cli.conftest import CommandLine, Process

ESCAPE = re.compile(r"\x1b\[[0-9;]*m")


@pytest.fixture(scope="module")
def stocked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project on a real store with an overdue, a completed and a long task."""
    directory = tmp_path_factory.mktemp("stocked")
    ids = (UUID(f"{number:08x}-0000-4000-8000-000000000000") for number in count(1))
    for argv in (
        ["init", "--storage", "json://.tasky/tasks.json"],
        [
            "add",
            "Pay the rent",
            "--due",
            "2020-01-31T22:59:59Z",
            "--priority",
            "high",
            "-t",
            "home",
            "-p",
            "flat",
        ],
        ["add", "Read " + "a very " * 20 + "long book"],
        ["add", "Sleep"],
    ):
        assert main(["-C", str(directory), *argv], new_id=ids.__next__) == 0
    assert main(["-C", str(directory), "done", "00000005"]) == 0
    return directory


@pytest.fixture
def project(process: Process, stocked: Path) -> Process:
    """The command line as a process in a copy of that project."""
    copytree(stocked, process.cwd, dirs_exist_ok=True)
    return process


def test_a_terminal_gets_a_table_in_colours(project: Process) -> None:
    """Headings, colours, and an overdue task marked by more than its colour."""
    out = project.on_terminal("list").out
    assert ESCAPE.search(out)
    plain = ESCAPE.sub("", out).splitlines()
    assert plain[0].split() == ["ID", "Priority", "Due", "Project", "Tags", "Name"]
    assert "2020-01-31 !" in plain[1]


@pytest.mark.parametrize("columns", [60, 80, 200])
def test_the_table_fits_the_terminal(project: Process, columns: int) -> None:
    """No line is wider than the terminal; a long name goes on below, and nothing of it is lost."""
    out = ESCAPE.sub("", project.on_terminal("list", "--all", columns=columns).out)
    assert max(len(line.rstrip()) for line in out.splitlines()) <= columns
    assert out.count("very") == 20


def test_a_narrow_terminal_keeps_what_matters_most(project: Process) -> None:
    """Where there is no room for all columns, id and name stay, and the due date longest."""
    out = ESCAPE.sub("", project.on_terminal("list", "--all", columns=50).out)
    assert out.splitlines()[0].split() == ["ID", "Due", "Name"]
    assert out.count("very") == 20
    assert ESCAPE.sub("", project.on_terminal("list", columns=30).out).splitlines()[0].split() == [
        "ID",
        "Name",
    ]


def test_a_column_appears_when_something_is_in_it(project: Process) -> None:
    """The status is shown only where a closed task is among the listed ones."""
    assert "Status" not in project.on_terminal("list").out
    assert "Status" in project.on_terminal("list", "--all").out
    assert project.on_terminal("list", "--tag", "nothing").out == ""


@pytest.mark.parametrize(
    "variables", [{"NO_COLOR": "1"}, {"TERM": "dumb"}, {"NO_COLOR": "1", "FORCE_COLOR": "1"}]
)
def test_colours_can_be_turned_off(project: Process, variables: dict[str, str]) -> None:
    """NO_COLOR and TERM=dumb leave the table and take its colours, also from errors."""
    project.environ.update(variables)
    for result in (project.on_terminal("list"), project.on_terminal("show", "zzz", code=3)):
        assert "\x1b" not in result.out
    assert "Name" in project.on_terminal("list").out


def test_the_option_comes_before_the_environment(project: Process) -> None:
    """--color never has no colours at a terminal, --color always has them everywhere."""
    assert "\x1b" not in project.on_terminal("list", "--color", "never").out
    assert "\x1b" not in project.on_terminal("--color", "never", "show", "zzz", code=3).out
    project.environ["NO_COLOR"] = "1"
    assert "\x1b[" in project("list", "--color", "always").out
    assert "\x1b[" in project("show", "zzz", "--color", "always", code=3).err


def test_an_empty_no_color_means_nothing(project: Process) -> None:
    """NO_COLOR counts when it is not empty."""
    project.environ["NO_COLOR"] = ""
    assert "\x1b" in project.on_terminal("list").out


def test_a_pipe_gets_no_escape_sequences(project: Process) -> None:
    """Between pipes, output and errors are plain, whatever TERM says and FORCE_COLOR wants."""
    project.environ.update({"TERM": "xterm-256color", "FORCE_COLOR": "1", "COLUMNS": "20"})
    result = project("list", "--all")
    assert "\x1b" not in result.out
    assert len(result.lines) == 3
    assert "\x1b" not in project("show", "zzz", code=3).err


def test_json_at_a_terminal_is_json(project: Process) -> None:
    """--json is the same at a terminal as in a pipe."""
    assert project.on_terminal("list", "--json").out == project("list", "--json").out


def test_an_error_at_a_terminal_is_coloured_and_complete(project: Process) -> None:
    """The words 'error' and 'hint' stand out; the text is that of a pipe."""
    out = project.on_terminal("show", "0000", code=3).out
    assert "\x1b[1;31merror:\x1b[0m" in out
    assert ESCAPE.sub("", out) == project("show", "0000", code=3).err


def test_a_reader_that_has_enough_ends_the_command_quietly(project: Process) -> None:
    """`tasky list | head` shows no error and no traceback."""
    with subprocess.Popen(
        project.program(["list"]),
        cwd=project.cwd,
        env=project.environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(timeout=60) == 1


def test_text_that_the_output_cannot_hold_is_escaped(project: Process) -> None:
    """Where stdout is no Unicode, characters that it lacks are escaped, and the command goes on."""
    project.environ["PYTHONIOENCODING"] = "ascii"
    project("add", "Käse")
    assert "K\\xe4se" in project("list").out


def test_json_is_ascii_and_exact(cli: CommandLine) -> None:
    """JSON escapes what is not ASCII, DEL among it, so that any pipe carries it and no terminal obeys it."""
    cli("add", "Käse 👩‍🚀", "--details", "a\x7fb\x1bc\u202e")
    result = cli("list", "--json")
    assert result.out.isascii()
    assert not {"\x7f", "\x1b"} & {*result.out}
    assert (result.items[0]["name"], result.items[0]["details"]) == ("Käse 👩‍🚀", "a\x7fb\x1bc\u202e")
