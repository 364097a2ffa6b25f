"""``tasky show``: everything about some tasks."""

from __future__ import annotations

import click

from tasky.cli.command import Command
from tasky.cli.context import App, pass_app
from tasky.cli.detail import print_details

__all__ = ["command"]


@click.command("show", cls=Command)
@click.argument("ids", nargs=-1, required=True, metavar="ID...")
@pass_app
def command(app: App, ids: tuple[str, ...]) -> None:
    """Show everything about some tasks.

    ID is what `tasky list` shows, or any 4 or more of its first hex digits that no other task begins with.
    """
    with app.service() as service:
        print_details(app.output, [service.get(task_id) for task_id in app.resolve(service, ids)], service)
