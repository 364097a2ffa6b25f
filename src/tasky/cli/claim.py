"""``tasky claim``: take a task, so that nobody else does."""

from __future__ import annotations

import click

from tasky.cli.command import Command
from tasky.cli.context import App, pass_app
from tasky.cli.filters import Criteria, make_filter
from tasky.cli.records import print_written
from tasky.model import TaskPriority

__all__ = ["command"]

_PRIORITIES = click.Choice([priority.label for priority in TaskPriority], case_sensitive=False)


@click.command("claim", cls=Command)
@click.argument("id", required=False, metavar="[ID]")
@click.option("--for", "assignee", metavar="NAME", help="Claim it for somebody else.")
@click.option("-p", "--project", metavar="PROJECT", help="Only from this project and everything under it.")
@click.option("-t", "--tag", metavar="TAG", multiple=True, help="Only with all of these tags (repeatable).")
@click.option("--priority", type=_PRIORITIES, multiple=True, help="Only of these priorities (repeatable).")
@click.option("--dry-run", is_flag=True, help="Show what could be claimed, and write nothing.")
@pass_app
def command(
    app: App,
    id: str | None,
    assignee: str | None,
    project: str | None,
    tag: tuple[str, ...],
    priority: tuple[str, ...],
    dry_run: bool,
) -> None:
    """Make a task yours, unless somebody has it.

    Without an ID, takes one of the most urgent tasks that are ready and that nobody has. However many
    workers claim at once, each gets a task of its own.
    """
    criteria = Criteria(project=project, tag=tag, priority=priority)
    if id is not None and criteria != Criteria():
        raise click.UsageError("name a task or say what it has to be like, not both")
    with app.service() as service:
        task_id = None if id is None else service.resolve(id)
        written = service.claim(
            task_id, filter=make_filter(app, service, criteria), assignee=assignee, dry_run=dry_run
        )
        print_written(app.output, written, "claimed", service, dry_run=dry_run)
        if not written.changes and not app.output.for_programs:
            app.output.note("Nothing to change: the task was claimed for the same person before.")
