"""``tasky backends``: what is installed, from metadata alone, and whether it loads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from tasky.cli.command import Group
from tasky.cli.context import App, pass_app
from tasky.cli.table import Column

if TYPE_CHECKING:
    from tasky.registry import BackendInfo

__all__ = ["command", "list_backends"]

BACKEND_FAILED: Final = 6
COLUMNS: Final = {
    "name": Column("Name"),
    "distribution": Column("Distribution"),
    "version": Column("Version"),
    "state": Column("State"),
    "target": Column("Target"),
    "problem": Column("Problem", wraps=True),
}


@click.group("backends", cls=Group, invoke_without_command=True)
@click.pass_context
def command(ctx: click.Context) -> None:
    """List the storage backends that are installed.

    Reads metadata and imports nothing. A backend that cannot be used is listed with its fault.
    """
    if ctx.invoked_subcommand is None:
        list_backends(ctx.ensure_object(App))


@command.command("check")
@click.argument("name", required=False)
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    default=20.0,
    metavar="SECONDS",
    help="How long one may take to load. Default: 20.",
)
@pass_app
def check(app: App, name: str | None, timeout: float) -> None:
    """Load each backend, or the one named NAME, in a process of its own.

    Ends with exit code 6 when one of them fails.
    """
    from tasky.cli.probe import probe_backend

    backends = app.registry.backends()
    if name is not None:
        backends = [info for info in backends if info.name == name]
        if not backends:
            app.registry.load(name)  # raises what is wrong with the name, and what to install
    rows = [_row(probe_backend(info, timeout=timeout, environ=app.environ)) for info in backends]
    app.output.rows("backends", COLUMNS, rows)
    if any(row["state"] != "ok" for row in rows):
        raise click.exceptions.Exit(BACKEND_FAILED)


@command.command("new")
@click.argument("name")
@click.argument("folder", required=False)
@pass_app
def new(app: App, name: str, folder: str | None) -> None:
    """Begin a backend of your own: a copy of Tasky's template.

    It works as it is. NAME is what it is called in locations (NAME://...). FOLDER is made, or has to be
    empty. Default: tasky-NAME. The README in it says how to go on.
    """
    from tasky.cli.scaffold import write_backend

    write_backend(app, name, folder)


@command.command("verify")
@click.argument("name")
@click.option("--location", metavar="URI", help="Where to make the stores. Default: a temporary directory.")
@click.option("--quick", is_flag=True, help="Try less of everything.")
@click.option("--seed", type=int, metavar="N", help="Repeat what another run left to chance.")
@pass_app
def verify(app: App, name: str, location: str | None, quick: bool, seed: int | None) -> None:
    """Prove that a backend keeps the storage contract, rule by rule.

    Runs the conformance kit, which needs pytest and Hypothesis, and prints its report card. The location is a
    directory for a backend of files, in which the kit makes one of its own and removes it again, or the
    address of a server. Ends with exit code 6 unless every rule was seen to be kept.
    """
    from tasky.cli.verify import run_kit, show_card
    from tasky.location import StorageLocation

    if not any(info.name == name and info.state == "ok" for info in app.registry.backends()):
        app.registry.load(name)  # raises what is wrong with it, and what to install
    options = []
    if location is not None:
        scheme = StorageLocation.parse(location).scheme
        if scheme != name:
            raise click.UsageError(f"the location is of the backend {scheme}, not of {name}.")
        options = ["--location", location]
    options += ["--quick"] if quick else []
    options += [] if seed is None else ["--seed", str(seed)]
    card = run_kit(name, options, environ=app.environ)
    show_card(app.output, card)
    if not card["passed"]:
        raise click.exceptions.Exit(BACKEND_FAILED)


def list_backends(app: App) -> None:
    """Print the backends that are installed, and each one's fault."""
    backends = app.registry.backends()
    app.output.rows("backends", COLUMNS, map(_row, backends))
    if not backends:
        _say_what_to_install(app)


def _row(info: BackendInfo) -> dict[str, str]:
    return {name: getattr(info, name) for name in (*COLUMNS, "source")}


def _say_what_to_install(app: App) -> None:
    from tasky.cli.init import PREFERRED
    from tasky.errors import BackendNotFoundError

    try:
        app.registry.load(PREFERRED)
    except BackendNotFoundError as error:
        app.output.note(f"No storage backend is installed. {error.hint}")
