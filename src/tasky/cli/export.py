"""``tasky export``: write tasks to a file that ``tasky import`` reads, all of it or nothing."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final, TextIO

import click

from tasky.cli.command import Command
from tasky.cli.context import App, pass_app
from tasky.cli.filters import Criteria, filter_options, make_filter
from tasky.cli.newfile import new_file
from tasky.cli.output import Output
from tasky.cli.progress import with_progress
from tasky.cli.text import plural
from tasky.codec import encode_task

if TYPE_CHECKING:
    from tasky.filter import TaskFilter
    from tasky.service import TaskService

__all__ = ["command"]

STDOUT: Final = "-"


@click.command("export", cls=Command)
@click.argument("file", default=STDOUT)
@click.option(
    "--format",
    "form",
    type=click.Choice(["json", "jsonl"]),
    help="One JSON document, or a task a line. Default: what FILE ends in, or else json.",
)
@click.option("--force", is_flag=True, help="Replace FILE when it exists.")
@filter_options
@pass_app
def command(app: App, file: str, form: str | None, force: bool, criteria: Criteria) -> None:
    """Export tasks to FILE, or to stdout: all of them, or those that the options choose.

    They come oldest first, with every field. FILE appears when it is complete, so it never holds a part.
    """
    if form is None:
        form = "jsonl" if app.as_jsonl or (file.endswith(".jsonl") and not app.as_json) else "json"
    with app.service() as service:
        chosen = make_filter(app, service, criteria)
        if file == STDOUT:
            _write(app, service, chosen, form, sys.stdout)
            return
        with new_file(app.cwd / file, force=force) as stream:
            count = _write(app, service, chosen, form, stream)
    if not app.output.for_programs:
        app.output.note(f"Exported {plural(count, 'task')} to {file}.")


def _write(app: App, service: TaskService, chosen: TaskFilter, form: str, stream: TextIO) -> int:
    """Write the tasks as they come; returns how many there were."""
    count = 0

    def documents() -> Iterator[dict[str, object]]:
        nonlocal count
        with service.find(chosen) as tasks:
            for task in with_progress(tasks, "Exporting task", sys.stderr):
                yield encode_task(task)
                count += 1

    output = Output(
        stream, sys.stderr, environ=app.environ, now=app.now, as_json=form == "json", as_jsonl=form == "jsonl"
    )
    output.documents("tasks", documents())
    return count
