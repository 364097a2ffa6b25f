"""The help and the names of the commands."""

from __future__ import annotations

import re
from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING

import click
import pytest

from tasky.cli.group import ALIASES, COMMANDS, root

if TYPE_CHECKING:
    from tests.cli.conftest import CommandLine

ALL = {name: text for section in COMMANDS.values() for name, text in section.items()}


@pytest.mark.parametrize("name", ALL)
def test_each_command_has_help_that_shows_the_global_options(bare_cli: CommandLine, name: str) -> None:
    """Every command explains itself with --help and -h, the options that all commands share set apart."""
    result = bare_cli(name, "--help")
    assert result.out.startswith(f"Usage: tasky {name} ")
    assert "Global options:" in result.out
    assert result.out == bare_cli(name, "-h").out


def test_the_help_lists_every_command_once(bare_cli: CommandLine) -> None:
    """`tasky --help` shows every command under its heading; the other names of a command are not in it."""
    result = bare_cli("--help")
    assert re.findall(r"^  ([a-z]+)  ", result.out, re.MULTILINE) == list(ALL)
    assert all(f"{heading}:" in result.out for heading in COMMANDS)


@pytest.mark.parametrize("argv", [[], ["config"], ["project"]])
def test_without_a_command_the_help_is_shown(bare_cli: CommandLine, argv: list[str]) -> None:
    """`tasky` alone, or a group of commands alone, is a usage error that shows what there is, on stderr."""
    result = bare_cli(*argv, code=2)
    assert result.out == ""
    assert result.err.startswith(f"Usage: {' '.join(['tasky', *argv])} [OPTIONS] COMMAND")


@pytest.mark.parametrize(("alias", "name"), ALIASES.items())
def test_a_command_has_the_names_that_other_programs_use(alias: str, name: str) -> None:
    """`complete` is `done`, `rm` is `delete`, `ls` is `list`."""
    context = click.Context(root)
    assert root.get_command(context, alias) is root.get_command(context, name)


def test_the_version_is_that_of_the_distribution(bare_cli: CommandLine) -> None:
    """`tasky --version` prints the installed version."""
    assert bare_cli("--version").out == f"tasky {version('tasky')}\n"


@pytest.mark.parametrize("columns", ["30", "60", "200", "wide", ""])
def test_the_help_fits_the_width_that_is_asked_for(bare_cli: CommandLine, columns: str) -> None:
    """COLUMNS sets the help's width, from 50 to 100; what is no number is ignored."""
    bare_cli.environ["COLUMNS"] = columns
    width = max(len(line) for line in bare_cli("list", "--help").lines)
    assert width <= {"30": 50, "60": 60, "200": 100}.get(columns, 80)


@pytest.mark.parametrize("name", ALL)
def test_a_command_is_the_module_of_its_name(name: str) -> None:
    """What the table promises is there, and says of itself in a sentence what it does."""
    command = import_module("tasky.cli.import_" if name == "import" else f"tasky.cli.{name}").command
    assert command.name == name
    assert re.match(r"[A-Z].+[.]$", command.help.split("\n")[0])
    assert root.get_command(click.Context(root), name) is command
