"""``tasky reopen``: make closed tasks pending again."""

from __future__ import annotations

import click

from tasky.cli.command import Command
from tasky.cli.context import App, pass_app
from tasky.cli.records import print_written

__all__ = ["command"]


@click.command("reopen", cls=Command)
@click.argument("ids", nargs=-1, required=True, metavar="ID...")
@click.option("--dry-run", is_flag=True, help="Show what would happen, and write nothing.")
@pass_app
def command(app: App, ids: tuple[str, ...], dry_run: bool) -> None:
    """Make completed or cancelled tasks pending again.

    ID is what `tasky list` shows, or any 4 or more of its first digits that no other task begins with.
    Either all of them are reopened, or none.
    """
    with app.service() as service:
        written = service.reopen(app.resolve(service, ids), dry_run=dry_run)
        print_written(app.output, written, "reopened", service, dry_run=dry_run)
