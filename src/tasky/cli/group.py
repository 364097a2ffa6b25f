"""The ``tasky`` group: a table of commands, each imported when it is called.

The table holds each command's one line of help, so that ``tasky --help`` imports none of them.
"""

from __future__ import annotations

from importlib import import_module
from typing import Final

import click

from tasky._version import VERSION
from tasky.cli.command import Group

__all__ = ["ALIASES", "COMMANDS", "root"]

COMMANDS: Final = {
    "Tasks": {
        "add": "Add a task.",
        "list": "List the tasks that are open and not waiting.",
        "next": "Show what to do next.",
        "show": "Show everything about some tasks.",
        "update": "Change fields of tasks.",
        "edit": "Change a task in your editor.",
        "done": "Complete tasks.",
        "cancel": "Cancel tasks: close them without being done.",
        "reopen": "Make closed tasks pending again.",
        "claim": "Make a task yours, unless somebody has it.",
        "delete": "Delete tasks, after asking.",
    },
    "History": {
        "log": "Show what was changed, newest first.",
        "undo": "Take back what was changed.",
    },
    "Store": {
        "init": "Start tracking tasks in this directory.",
        "import": "Import tasks from a file.",
        "export": "Export tasks to a file.",
        "backup": "Copy the store, or bring a copy back.",
        "check": "Check the store for damage.",
    },
    "Setup": {
        "backends": "List the storage backends that are installed.",
        "config": "Show the configuration.",
        "project": "Start, describe and approve projects.",
        "completion": "Print the completion script of your shell.",
    },
}

ALIASES: Final = {"complete": "done", "rm": "delete", "ls": "list"}

_HELP: Final = {name: text for section in COMMANDS.values() for name, text in section.items()}


class _Root(Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*_HELP, *ALIASES})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        name = ALIASES.get(cmd_name, cmd_name)
        if name not in _HELP:
            return None
        module = import_module("tasky.cli.import_" if name == "import" else f"tasky.cli.{name}")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for title, section in COMMANDS.items():
            with formatter.section(title):
                formatter.write_dl(list(section.items()))


def _print_version(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        click.echo(f"tasky {VERSION}")
        ctx.exit()


root = _Root(
    "tasky",
    help="Track the tasks of a project. Start with `tasky init`, then `tasky add 'Buy milk'`.",
    params=[
        click.Option(
            ["--version"],
            is_flag=True,
            is_eager=True,
            expose_value=False,
            callback=_print_version,
            help="Print the version.",
        )
    ],
)
