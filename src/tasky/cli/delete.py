"""``tasky delete``: remove tasks; their history stays."""

from __future__ import annotations

from typing import Final

import click

from tasky.cli.command import Command
from tasky.cli.context import App, pass_app
from tasky.cli.records import print_written
from tasky.cli.text import plural

__all__ = ["command"]

SHOWN: Final = 5  # tasks that the question names


@click.command("delete", cls=Command)
@click.argument("ids", nargs=-1, required=True, metavar="ID...")
@click.option("--dry-run", is_flag=True, help="Show what would be deleted, and delete nothing.")
@click.option("-y", "--yes", is_flag=True, help="Don't ask.")
@pass_app
def command(app: App, ids: tuple[str, ...], dry_run: bool, yes: bool) -> None:
    """Delete tasks, after asking.

    ID is what `tasky list` shows, or any 4 or more of its first digits that no other task begins with.
    Either all of them are deleted, or none. Their history stays, so `tasky undo` brings them back.
    """
    with app.service() as service:
        task_ids = app.resolve(service, ids)
        if not dry_run:
            short_ids = service.short_ids(task_ids)
            names = [f"{short_ids[task_id]} {service.get(task_id).name}" for task_id in task_ids[:SHOWN]]
            more = f" and {len(task_ids) - SHOWN} more" if len(task_ids) > SHOWN else ""
            question = f"Delete {plural(len(task_ids), 'task')}: {', '.join(names)}{more}?"
            app.confirm(question, yes=yes)
        written = service.delete(task_ids, dry_run=dry_run)
        print_written(app.output, written, "deleted", service, dry_run=dry_run)
        if written.batch is not None and not app.output.for_programs:
            app.output.note(f"`tasky undo --batch {written.batch.id.hex[:8]}` brings back what was deleted.")
