"""``tasky cancel``: give tasks up without deleting them."""

from __future__ import annotations

import click

from tasky.cli.command import Command
from tasky.cli.context import App, pass_app
from tasky.cli.records import print_written

__all__ = ["command"]


@click.command("cancel", cls=Command)
@click.argument("ids", nargs=-1, required=True, metavar="ID...")
@click.option("--dry-run", is_flag=True, help="Show what would happen, and write nothing.")
@pass_app
def command(app: App, ids: tuple[str, ...], dry_run: bool) -> None:
    """Cancel tasks that are pending: they are closed without being done.

    ID is what `tasky list` shows, or any 4 or more of its first digits that no other task begins with.
    Either all of them are cancelled, or none.
    """
    with app.service() as service:
        written = service.cancel(app.resolve(service, ids), dry_run=dry_run)
        print_written(app.output, written, "cancelled", service, dry_run=dry_run)
