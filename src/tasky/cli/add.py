"""``tasky add``: create a task."""

from __future__ import annotations

import click

from tasky.cli.command import Command
from tasky.cli.context import App, pass_app
from tasky.cli.fields import FieldValues, field_options, new_task_values
from tasky.cli.records import print_written

__all__ = ["command"]


@click.command("add", cls=Command)
@click.argument("words", nargs=-1, required=True, metavar="NAME...")
@field_options
@click.option("--dry-run", is_flag=True, help="Show what would be added, and add nothing.")
@pass_app
def command(app: App, words: tuple[str, ...], fields: FieldValues, dry_run: bool) -> None:
    """Add a task.

    NAME is one line; several words need no quotes. Prints the id of the new task, to a pipe nothing else.
    """
    with app.service() as service:
        values = new_task_values(app, service, fields)
        written = service.create(name=" ".join(words), dry_run=dry_run, **values)
        print_written(app.output, written, "added", service, dry_run=dry_run, ids_only=True)
