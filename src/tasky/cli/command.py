"""What every command has in common: the global options, which work before and after its name."""

from __future__ import annotations

import os
import sys
from typing import Any, Final

import click

from tasky.cli.context import App
from tasky.errors import ConfigError

__all__ = ["Command", "Context", "Group", "capped", "did_you_mean", "global_options"]

LARGEST: Final = 2**31 - 1  # that a limit is passed on as
HELP_WIDTH: Final = 100
USAGE: Final = 2  # the exit code of a command line that means nothing


class Context(click.Context):
    """Makes the help without shutil, which click imports for the terminal's width alone."""

    def make_formatter(self) -> click.HelpFormatter:
        return click.HelpFormatter(width=max(min(_terminal_width(self), HELP_WIDTH) - 2, 50))


class Command(click.Command):
    """A command that takes the global options, too."""

    context_class = Context

    def __init__(self, name: str | None, **attributes: Any) -> None:
        super().__init__(name, **attributes)
        self.params = [*self.params, *global_options()]

    def get_help_option(self, ctx: click.Context) -> click.Option:
        return _HELP_OPTION

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        _format_options(self, ctx, formatter)


class Group(click.Group):
    """A group of ``Command``s that takes the global options, too, and suggests the nearest command."""

    command_class = Command
    context_class = Context

    def __init__(self, name: str | None = None, **attributes: Any) -> None:
        super().__init__(name, **attributes)
        self.params = [*self.params, *global_options()]

    def get_help_option(self, ctx: click.Context) -> click.Option:
        return _HELP_OPTION

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        _format_options(self, ctx, formatter)
        self.format_commands(ctx, formatter)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args and not self.invoke_without_command and not ctx.resilient_parsing:
            click.echo(ctx.get_help(), err=True)  # click's versions differ in where it goes and what it means
            ctx.exit(USAGE)
        return super().parse_args(ctx, args)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if not name.startswith("-") and self.get_command(ctx, name) is None and not ctx.resilient_parsing:
            known = self.list_commands(ctx)
            ctx.fail(f"there is no command {name!a}.{did_you_mean(name, known)}")
        return super().resolve_command(ctx, args)


def capped(_ctx: click.Context, _param: click.Parameter, limit: int | None) -> int | None:
    """The limit, or one that is as good: no store holds so many."""
    return None if limit is None else min(limit, LARGEST)


def did_you_mean(word: str, known: list[str]) -> str:
    """`` Did you mean 'list'?``, or nothing when no name is near."""
    from difflib import get_close_matches  # only a typing mistake pays for it

    near = get_close_matches(word.lower(), known, n=1, cutoff=0.6)
    return f" Did you mean {near[0]!r}?" if near else ""


def global_options() -> list[click.Option]:
    """New instances of the options that every command takes; their values are set on ``App``."""

    def option(*declarations: str, **attributes: Any) -> click.Option:
        return _GlobalOption(declarations, expose_value=False, callback=_remember, **attributes)

    return [
        option("-C", "--directory", metavar="DIR", help="Work as if started in DIR."),
        option("--storage", metavar="URI", help="Use this store instead of the configured one."),
        option("--json", "as_json", is_flag=True, help="Print one JSON document; errors are JSON, too."),
        option("--jsonl", "as_jsonl", is_flag=True, help="Print one JSON document a line, as they come."),
        option("--color", type=click.Choice(["auto", "always", "never"]), help="When to use colours."),
        option("--debug", is_flag=True, help="Show the traceback of an error."),
    ]


class _GlobalOption(click.Option):
    """Told apart in the help."""


def _terminal_width(ctx: click.Context) -> int:
    columns = ctx.ensure_object(App).environ.get("COLUMNS", "")
    if columns.isdecimal() and int(columns):
        return int(columns)
    try:
        return os.get_terminal_size(sys.stdout.fileno()).columns
    except (OSError, ValueError):  # no terminal, no descriptor, or closed
        return 80


def _remember(ctx: click.Context, param: click.Parameter, value: Any) -> None:
    if isinstance(value, str) and not value.strip():
        raise ConfigError(
            f"{param.opts[-1]} is given, but empty", hint=f"Leave {param.opts[-1]} out, or give it a value."
        )
    if value:
        assert param.name is not None  # an option has one
        setattr(ctx.ensure_object(App), param.name, value)


def _format_options(command: click.Command, ctx: click.Context, formatter: click.HelpFormatter) -> None:
    own: list[tuple[str, str]] = []
    shared: list[tuple[str, str]] = []
    for param in command.get_params(ctx):
        record = None if isinstance(param, click.Argument) else param.get_help_record(ctx)
        if record is not None:
            (shared if isinstance(param, _GlobalOption) else own).append(record)
    for title, records in (("Options", own), ("Global options", shared)):
        with formatter.section(title):
            formatter.write_dl(records)


def _show_help(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        click.echo(ctx.get_help())
        ctx.exit()


# As click's own, which has its text translated, and so imports locale for every command.
_HELP_OPTION: Final = click.Option(
    ["-h", "--help"],
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_show_help,
    help="Show this help.",
)
