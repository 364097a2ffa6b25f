"""``tasky init``: start a project here, and choose where its tasks are kept."""

from __future__ import annotations

import os
from typing import Final

import click

from tasky.cli.command import Command, did_you_mean
from tasky.cli.context import App, can_ask, pass_app
from tasky.errors import TaskyError

__all__ = ["command", "start_project"]

PREFERRED: Final = "sqlite"
EXTENSIONS: Final = {PREFERRED: "db"}


@click.command("init", cls=Command)
@click.option("--user", is_flag=True, help="Make the store that your own config names, and no project.")
@pass_app
def command(app: App, user: bool) -> None:
    """Start tracking tasks in this directory.

    Writes .tasky/config.toml and makes an empty store. Without --storage the tasks are kept with sqlite
    when it is installed, or with the one backend that keeps a file; where several do, you are asked. In a
    project whose store is missing, such as a fresh clone, makes the store that its config names.
    """
    if user:
        _make_user_store(app)
    else:
        start_project(app)


def start_project(app: App) -> None:
    """Make the project and its store, or the store alone, and say what was made and where."""
    from tasky.project import CONFIG_PATH, init_project, variable

    given = variable(app.environ, "TASKY_STORAGE") if app.storage is None else app.storage
    there = os.path.lexists(app.cwd / CONFIG_PATH)
    if there:
        from tasky.missing import make_project_store

        named = app.directory is not None
        settings = make_project_store(app.cwd, given, app.registry, app.environ, named=named)
    else:
        settings = init_project(app.cwd, given or _default_location(app), app.registry, app.environ)
    made = {"project": settings.root, "config": settings.root / CONFIG_PATH, "storage": settings.location}
    app.output.facts("project", {name: str(value) for name, value in made.items()})
    if there and not app.output.for_programs:
        app.output.note("The project was there, and its store was missing: an empty one was made.")


def _make_user_store(app: App) -> None:
    from tasky.missing import make_user_store

    if app.storage is not None:
        raise click.UsageError("--user takes the location from your own config, so leave out --storage.")
    settings = make_user_store(app.registry, app.environ)
    made = {"project": None, "config": settings.storage.source, "storage": str(settings.location)}
    app.output.facts("project", made)


def _default_location(app: App) -> str:
    """A file of its own in the project, for the backend that there is to choose.

    Without any backend it is one that is not installed, and opening it says how to install it.
    """
    installed = app.registry.names()
    if not installed or PREFERRED in installed:
        return _location_for(PREFERRED)
    names = [name for name in installed if _keeps_a_file(app, name)]
    if not names:
        raise click.UsageError(
            f"no installed backend keeps its tasks in a file ({', '.join(installed)}); name the place with"
            f" --storage, such as --storage {installed[0]}://HOST/NAME."
        )
    if len(names) == 1:
        return _location_for(names[0])
    if not can_ask():
        forms = " or ".join(f"--storage {_location_for(name)}" for name in names)
        raise click.UsageError(f"several backends are installed; choose one with {forms}.")
    answer = app.output.ask(f"Which backend keeps the tasks: {', '.join(names)}? ").strip().lower()
    if answer in installed and answer not in names:
        raise click.UsageError(
            f"{answer} keeps no file in the project; name its place with --storage {answer}://HOST/NAME."
        )
    if answer not in names:
        raise click.UsageError(f"no backend {answer!a} is installed.{did_you_mean(answer, names)}")
    return _location_for(answer)


def _keeps_a_file(app: App, name: str) -> bool:
    """Also of one that cannot be loaded: who chooses it is told why."""
    from tasky.registry import is_uri_factory

    try:
        return not is_uri_factory(app.registry.load(name))
    except TaskyError:
        return True


def _location_for(name: str) -> str:
    return f"{name}://.tasky/tasks.{EXTENSIONS.get(name, name)}"
