"""``tasky undo``: take a batch of changes back."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

import click

from tasky.cli.batches import resolve_batch
from tasky.cli.command import Command
from tasky.cli.context import App, pass_app
from tasky.cli.records import print_written

if TYPE_CHECKING:
    from tasky.changes import TaskChange

__all__ = ["command"]


@click.command("undo", cls=Command)
@click.option("--batch", metavar="ID", help="The batch to take back, as `tasky log` shows it.")
@click.option("--dry-run", is_flag=True, help="Show what would be taken back, and write nothing.")
@pass_app
def command(app: App, batch: str | None, dry_run: bool) -> None:
    """Take back what you changed last, or any batch of changes.

    It is refused when one of its tasks has been changed since. An undo is a batch of its own: undoing that
    is redoing.
    """
    with app.service() as service:
        batch_id = None if batch is None else resolve_batch(service, batch)
        written = service.undo(batch_id, dry_run=dry_run)
        if app.output.for_programs:
            print_written(app.output, written, "undone", service, dry_run=dry_run)
            return
        for verb, changes in groupby(written.changes, _verb):
            part = type(written)(written.batch, tuple(changes))
            print_written(app.output, part, verb, service, dry_run=dry_run)
        if written.batch is not None:
            app.output.note(f"This undo is batch {written.batch.id.hex[:8]}; to undo it is to redo.")


def _verb(change: TaskChange) -> str:
    if change.before is None:
        return "brought back"
    return "deleted" if change.after is None else "restored"
