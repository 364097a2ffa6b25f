"""``tasky check``: look for damage, and change nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final

import click

from tasky.cli.command import Command
from tasky.cli.context import App, pass_app
from tasky.cli.table import Column
from tasky.cli.text import plural
from tasky.errors import StorageError

if TYPE_CHECKING:
    from tasky.repository import Problem

__all__ = ["command"]

_COLUMNS: Final = {"task_id": Column("Task"), "message": Column("Problem", wraps=True)}


@click.command("check", cls=Command)
@pass_app
def command(app: App) -> None:
    """Check the store for damage; change nothing.

    Prints every problem, also of a store that no other command can open. Ends with exit code 7 when there is
    one.
    """
    from tasky.project import make_repository

    found: list[Problem] = []
    with (
        make_repository(app.settings, app.registry, app.environ) as repository,
        repository.check() as problems,
    ):
        app.output.rows("problems", _COLUMNS, _documents(problems, found))
    if found:
        if not app.output.for_programs:
            app.output.note(f"{plural(len(found), 'problem')} found; nothing was changed.")
        raise click.exceptions.Exit(StorageError.exit_code)
    if not app.output.for_programs:
        app.output.note("No problem found.")


def _documents(problems: Iterable[Problem], found: list[Problem]) -> Iterator[dict[str, Any]]:
    for problem in problems:
        found.append(problem)
        task_id = None if problem.task_id is None else str(problem.task_id)
        yield {"task_id": task_id, "message": problem.message}
