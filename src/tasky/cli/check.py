"""``tasky check``: look for damage, and change nothing; save what can be read of a damaged store."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, TextIO

import click

from tasky.cli.command import Command
from tasky.cli.context import App, pass_app
from tasky.cli.table import Column
from tasky.cli.text import plural
from tasky.errors import StorageError

if TYPE_CHECKING:
    from tasky.model import TaskModel
    from tasky.repository import Problem, ResultStream, TaskRepository

__all__ = ["command"]

STDOUT: Final = "-"

_COLUMNS: Final = {"task_id": Column("Task"), "message": Column("Problem", wraps=True)}


class _NothingSavedError(Exception):
    """Leaves no empty file behind."""


@click.command("check", cls=Command)
@click.option("--salvage", "file", metavar="FILE", help="Write every task that can be read to FILE.")
@pass_app
def command(app: App, file: str | None) -> None:
    """Check the store for damage; change nothing.

    Prints every problem, also of a store that no other command can open. Ends with exit code 7 when there is
    one.

    With --salvage, reads around the damage: FILE ('-' is stdout) gets the tasks as JSON Lines, which
    `tasky import` takes, and the problems are those that the reading met.
    """
    from tasky.project import make_repository

    with make_repository(app.settings, app.registry, app.environ) as repository:
        if file is None:
            _check(app, repository)
        elif file == STDOUT:
            _salvage_to_stdout(app, repository)
        else:
            _salvage_to_file(app, repository, file)


def _check(app: App, repository: TaskRepository) -> None:
    found: list[Problem] = []
    with repository.check() as problems:
        app.output.rows("problems", _COLUMNS, _documents(app, _noted(problems, found)))
    if found:
        if not app.output.for_programs:
            app.output.note(f"{plural(len(found), 'problem')} found; nothing was changed.")
            app.output.note(
                "`tasky check --salvage FILE` saves the tasks that can be read;"
                " a backup has the history, too."
            )
        raise click.exceptions.Exit(StorageError.exit_code)
    if not app.output.for_programs:
        app.output.note("No problem found.")


def _salvage_to_file(app: App, repository: TaskRepository, file: str) -> None:
    from tasky.cli.newfile import new_file

    path = app.cwd / file
    saved = 0
    found: list[Problem] = []
    with suppress(_NothingSavedError), new_file(path) as stream:
        saved, found = _salvage(app, repository, stream)
        if not saved and found:
            raise _NothingSavedError
    salvage = {"file": str(path) if saved or not found else None, "saved": saved, "lost": _lost(found)}
    app.output.rows("problems", _COLUMNS, _documents(app, found), salvage=salvage)
    if not app.output.for_programs:
        _tell(app, saved, found, file)
    if found:
        raise click.exceptions.Exit(StorageError.exit_code)


def _salvage_to_stdout(app: App, repository: TaskRepository) -> None:
    if app.output.for_programs:
        raise click.UsageError("--salvage - fills stdout with tasks: leave out --json and --jsonl")
    saved, found = _salvage(app, repository, sys.stdout)
    for problem in found:
        app.output.note(problem.message)
    _tell(app, saved, found, "stdout")
    if found:
        raise click.exceptions.Exit(StorageError.exit_code)


def _salvage(app: App, repository: TaskRepository, stream: TextIO) -> tuple[int, list[Problem]]:
    """Write the tasks as they come; returns how many there were, and the problems."""
    from tasky.cli.output import Output
    from tasky.cli.progress import with_progress
    from tasky.codec import encode_task
    from tasky.repository import Problem

    saved, found = 0, []

    def documents() -> Iterator[dict[str, Any]]:
        nonlocal saved
        with _salvaged(repository) as results:
            for result in with_progress(results, "Saving task", sys.stderr):
                if isinstance(result, Problem):
                    found.append(result)
                else:
                    yield encode_task(result)
                    saved += 1

    output = Output(stream, sys.stderr, environ=app.environ, now=app.now, as_jsonl=True)
    output.documents("tasks", documents())
    return saved, found


def _salvaged(repository: TaskRepository) -> ResultStream[TaskModel | Problem]:
    from tasky.repository import BaseTaskRepository, ResultStream, salvage_in_order

    if isinstance(repository, BaseTaskRepository):
        return repository.salvage()
    return ResultStream(salvage_in_order(repository))


def _tell(app: App, saved: int, found: list[Problem], file: str) -> None:
    lost = _lost(found)
    if not found:
        app.output.note(f"{plural(saved, 'task')} saved to {file}. No problem found.")
        return
    said = (
        f"{plural(saved, 'task')} saved to {file}"
        if saved
        else f"No task could be saved; nothing was written to {file}"
    )
    missing = (
        f"{plural(lost, 'task')} named above could not be" if lost else "no lost task is known by its id"
    )
    app.output.note(f"{said}; {missing}. Nothing else was changed.")
    if saved:
        app.output.note("To go on with them: `tasky init` a new store, and `tasky import` the file there.")


def _noted(problems: Iterable[Problem], found: list[Problem]) -> Iterator[Problem]:
    for problem in problems:
        found.append(problem)
        yield problem


def _lost(found: list[Problem]) -> int:
    """How many tasks are known by their id and not saved."""
    return len({problem.task_id for problem in found} - {None})


def _documents(app: App, problems: Iterable[Problem]) -> Iterator[dict[str, Any]]:
    """For people the id stands in a column of its own, and not again in the message."""
    for problem in problems:
        task_id, message = None if problem.task_id is None else str(problem.task_id), problem.message
        if problem.task_id is not None and not app.output.for_programs:
            for shown in (str(problem.task_id), problem.task_id.hex):
                message = message.replace(f"task {shown}", "the task")
        yield {"task_id": task_id, "message": message}
