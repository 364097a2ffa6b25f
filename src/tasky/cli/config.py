"""``tasky config``: which values hold here, and where each comes from."""

from __future__ import annotations

import click

from tasky.cli.backends import list_backends
from tasky.cli.command import Group
from tasky.cli.context import App, pass_app
from tasky.cli.table import Column

__all__ = ["command"]

COLUMNS = {"name": Column("Name"), "value": Column("Value", wraps=True), "source": Column("From", wraps=True)}


@click.group("config", cls=Group)
def command() -> None:
    """Show the configuration."""


@command.command("show")
@pass_app
def show(app: App) -> None:
    """Show each value that holds here, and where it comes from.

    A flag comes before a TASKY_ variable, that before the project's config, and that before your own.
    """
    settings = app.settings
    rows = [  # a location shows neither password nor query
        {"name": "storage", "value": str(settings.location), "source": settings.storage.source},
        {"name": "actor", "value": settings.actor.value, "source": settings.actor.source},
        *(
            {"name": f"backends.{scheme}", "value": distribution, "source": settings.pin_sources[scheme]}
            for scheme, distribution in settings.pins.items()
        ),
    ]
    app.output.rows("config", COLUMNS, rows)


@command.command("list-backends")
@pass_app
def backends(app: App) -> None:
    """List the storage backends that are installed, as `tasky backends` does."""
    list_backends(app)
