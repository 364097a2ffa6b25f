"""``tasky backup``: copy the store, tasks and history, while others go on writing; and bring a copy back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from tasky.cli.command import Command
from tasky.cli.context import App, pass_app

if TYPE_CHECKING:
    from tasky.project import Settings
    from tasky.repository import TaskRepository

__all__ = ["command"]

_SEPARATOR: Final = "://"


@click.command("backup", cls=Command)
@click.argument("location")
@click.option("--restore", is_flag=True, help="Fill the project's empty store from the copy at LOCATION.")
@pass_app
def command(app: App, location: str, restore: bool) -> None:
    """Copy the whole store, with its history, to LOCATION, and check the copy.

    LOCATION is a file for a store of the project's own backend, or a storage location of any backend; there
    must be no store, or an empty one. Others may go on writing meanwhile: the copy is of one moment.

    With --restore it is the other way round: the copy at LOCATION is checked, and fills the project's store,
    which has to be empty; `tasky init` makes such a one.
    """
    from tasky.copying import check_whole, copy_store
    from tasky.project import open_repository

    elsewhere = _elsewhere(app, location)
    with (
        open_repository(app.settings, app.registry, app.environ) as own,
        open_repository(elsewhere, app.registry, app.environ, create=not restore) as copy,
    ):
        if restore:
            check_whole(copy, f"the copy at {elsewhere.location}, from which nothing was taken,")
            copy_store(copy, own)
        else:
            copy_store(own, copy)
            check_whole(copy, f"what was copied to {elsewhere.location}")
        made = {"location": str(elsewhere.location), "tasks": _count(copy)}
    app.output.facts("backup", made)
    if not app.output.for_programs:
        app.output.note(
            "The copy was checked, and its tasks and their history are in the project's store."
            if restore
            else "The copy was checked: no problem found."
        )


def _elsewhere(app: App, text: str) -> Settings:
    """The project's settings, with the location that the user typed in place of the project's own."""
    from tasky.location import StorageLocation
    from tasky.project import Setting
    from tasky.registry import is_uri_factory

    settings = app.settings
    scheme = settings.location.scheme
    if _SEPARATOR in text:
        uri = text
    elif is_uri_factory(app.registry.load(scheme, pins=settings.pins)):
        raise click.UsageError(
            f"a {scheme} store is no file, so write a storage location, such as sqlite:///{{path}}."
        )
    else:
        from urllib.parse import quote

        uri = f"{scheme}:///{quote((app.cwd / text).as_posix().lstrip('/'))}"
    return settings._replace(
        storage=Setting(uri, "LOCATION"), location=StorageLocation.parse(uri), origin="flag"
    )


def _count(repository: TaskRepository) -> int:
    return sum(repository.count_tasks().values())
