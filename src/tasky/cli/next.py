"""``tasky next``: what to do next."""

from __future__ import annotations

import click

from tasky.cli.command import Command, capped
from tasky.cli.context import App, pass_app
from tasky.cli.filters import Criteria, filter_options, make_filter
from tasky.cli.records import print_tasks

__all__ = ["command"]


@click.command("next", cls=Command)
@click.option(
    "-n", "--limit", type=click.IntRange(min=1), callback=capped, default=1, metavar="N", help="The first N."
)
@filter_options
@pass_app
def command(app: App, criteria: Criteria, limit: int) -> None:
    """Show what to do next.

    Of the tasks that are ready (pending, not waiting, depending on nothing pending): high priority first,
    then what is due soonest, then the oldest.
    """
    with app.service() as service:
        tasks = service.next_tasks(limit, make_filter(app, service, criteria))
        print_tasks(app.output, tasks, service)
        if not tasks and app.output.for_people:
            app.output.note("No task is ready. `tasky list` shows the open ones.")
