"""The one place where an error becomes a message and an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import click

from tasky.cli.context import App
from tasky.cli.group import root
from tasky.errors import TaskyError

__all__ = ["run_command"]

INTERRUPTED = 130


def run_command(app: App, argv: Sequence[str]) -> int:
    """Run the command that ``argv`` names; returns its exit code and raises nothing but ``SystemExit``."""
    try:
        return _invoke(app, argv)
    except (KeyboardInterrupt, click.Abort):
        app.output.note("\nInterrupted.")
        return INTERRUPTED
    except BrokenPipeError:
        _forget_stdout()
        return 1
    except Exception as error:
        if app.debug or "--debug" in argv:
            import traceback  # an error can afford it

            traceback.print_exception(error)
        message, hint, code = _explain(error)
        if {"--json", "--jsonl"} & set(argv):
            app.as_json = True  # also when the mistake stands before the option
        app.output.error(type(error).__name__, message, hint, code)
        return code


def _invoke(app: App, argv: Sequence[str]) -> int:
    try:
        with root.make_context("tasky", list(argv), obj=app) as ctx:
            try:
                root.invoke(ctx)
            except TaskyError as error:
                if error.exit_code == click.UsageError.exit_code and not error.hint:
                    error.hint = f"See 'tasky {ctx.invoked_subcommand} --help'."
                raise
        code = 0
    except click.exceptions.Exit as end:
        code = end.exit_code
    sys.stdout.flush()  # here, where a full disk or a closed pipe is still reported
    return code


def _explain(error: Exception) -> tuple[str, str, int]:
    """What to tell: message, hint, exit code."""
    if isinstance(error, TaskyError):
        return error.message, error.hint, error.exit_code
    if isinstance(error, click.ClickException):
        context = getattr(error, "ctx", None)
        hint = "" if context is None else f"See '{context.command_path} --help'."
        return error.format_message(), hint, error.exit_code
    if isinstance(error, OSError) and error.strerror:
        where = "" if error.filename is None else f": {error.filename}"
        return f"{error.strerror}{where}", "", 1
    return (
        f"unexpected {type(error).__name__}: {error}",
        "This is a mistake in Tasky or in a plugin. Run it again with --debug, and report what it shows.",
        1,
    )


def _forget_stdout() -> None:
    """Keep the interpreter from reporting the closed pipe once more when it flushes at its end."""
    try:
        descriptor = sys.stdout.fileno()
    except OSError:
        return
    os.dup2(os.open(os.devnull, os.O_WRONLY), descriptor)
