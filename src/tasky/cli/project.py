"""``tasky project``: start, describe and approve projects."""

from __future__ import annotations

import click

from tasky.cli.command import Group
from tasky.cli.context import App, pass_app

__all__ = ["command"]


@click.group("project", cls=Group)
def command() -> None:
    """Start, describe and approve projects."""


@command.command("init")
@pass_app
def init(app: App) -> None:
    """Start tracking tasks in this directory, as `tasky init` does."""
    from tasky.cli.init import start_project

    start_project(app)


@command.command("info")
@pass_app
def info(app: App) -> None:
    """Say where this project is, where its tasks are kept, and how many there are."""
    settings = app.settings
    with app.service() as service:
        counts = service.count()
        facts = {
            "project": None if settings.project is None else str(settings.project),
            "storage": str(settings.location),
            "from": settings.storage.source,
            **{status.value: count for status, count in counts.items()},
        }
        app.output.facts("project", facts)


@command.command("approve")
@pass_app
def approve(app: App) -> None:
    """Let this project keep its tasks where its config says.

    Needed once where that is outside the project or on a server, as a config may come from somebody else.
    Look at the location in the config first: what is printed leaves out its user and its query. A change of
    either needs another approval.
    """
    from tasky.project import approve as approve_location

    settings = app.settings
    if settings.origin != "project":
        app.output.note(f"There is nothing to approve: {settings.storage.source} is your own choice.")
        return
    approve_location(settings, app.environ)
    facts = {"project": str(settings.project), "config": settings.storage.source}
    app.output.facts("project", {**facts, "approved": str(settings.location)})
