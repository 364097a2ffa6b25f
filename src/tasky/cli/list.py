"""``tasky list``: the tasks, those that are open unless something else is asked for."""

from __future__ import annotations

from itertools import islice
from typing import Final, get_args

import click

from tasky.cli.command import Command, capped
from tasky.cli.context import App, pass_app
from tasky.cli.filters import Criteria, filter_options, make_filter
from tasky.cli.records import print_tasks
from tasky.filter import TaskOrder, TaskOrderField

__all__ = ["command"]

SCREENFUL: Final = 50  # tasks that a terminal gets when no limit is given


@click.command("list", cls=Command)
@click.option("-a", "--all", "everything", is_flag=True, help="Closed and waiting tasks, too.")
@click.option(
    "-n",
    "--limit",
    type=click.IntRange(min=0),
    callback=capped,
    metavar="N",
    help=f"At most N tasks; 0 is no limit. Default: {SCREENFUL} on a terminal, none elsewhere.",
)
@click.option(
    "--sort",
    type=click.Choice(get_args(TaskOrderField)),
    default="created",
    help="The order, the first created, due, ... first; unset comes last. Default: created.",
)
@click.option("-r", "--reverse", is_flag=True, help="The other way round; unset still comes last.")
@filter_options
@pass_app
def command(
    app: App, criteria: Criteria, everything: bool, limit: int | None, sort: TaskOrderField, reverse: bool
) -> None:
    """List the tasks that are open and not waiting.

    A pipe gets a line for each task, with tabs between id, status, priority, due, project, tags, assignee
    and name, and '-' for what is not set.
    """
    output = app.output
    if limit is None and output.for_people:
        limit = SCREENFUL
    with app.service() as service:
        chosen = make_filter(app, service, criteria, open_only=not everything)
        order = TaskOrder(sort, reverse)
        wanted = limit + 1 if limit and output.for_people else limit or None
        with service.find(chosen, order=order, limit=wanted) as found:
            print_tasks(output, islice(found, limit or None), service)
            if output.for_people and limit and next(found, None) is not None:
                output.note(f"These are the first {limit}. --limit N shows more, --limit 0 all of them.")
