"""``tasky update``: change fields of tasks."""

from __future__ import annotations

import click

from tasky.cli.command import Command
from tasky.cli.context import App, pass_app
from tasky.cli.fields import FieldValues, edit_options, make_edit
from tasky.cli.records import print_written

__all__ = ["command"]


@click.command("update", cls=Command)
@click.argument("ids", nargs=-1, required=True, metavar="ID...")
@edit_options
@click.option("--dry-run", is_flag=True, help="Show what would happen, and write nothing.")
@pass_app
def command(app: App, ids: tuple[str, ...], fields: FieldValues, dry_run: bool) -> None:
    """Change fields of tasks; what is not mentioned stays.

    ID is what `tasky list` shows, or any 4 or more of its first digits that no other task begins with.
    Either all of them are changed, or none. A field is cleared with --no-..., and clearing comes before
    adding: --no-tags --tag x leaves x alone.

    DATE is 2026-01-31, 2026-01-31T17:00, today, tomorrow, friday, +3d, 2w, 1mo or now, in local time.
    """
    with app.service() as service:
        task_ids = app.resolve(service, ids)
        written = service.update(task_ids, make_edit(app, service, fields, task_ids), dry_run=dry_run)
        print_written(app.output, written, "updated", service, dry_run=dry_run)
        if not written.changes and not app.output.for_programs:
            app.output.note("Nothing to change: it is like that already.")
