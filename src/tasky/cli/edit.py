"""``tasky edit``: change a task in an editor, without ever losing what was typed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from tasky.cli.command import Command
from tasky.cli.context import App, can_ask, pass_app
from tasky.cli.editing import TaskText
from tasky.cli.records import print_written
from tasky.edits import TaskEdit
from tasky.errors import ConflictError, InvalidDocumentError, TaskyError
from tasky.record import record

if TYPE_CHECKING:
    from tasky.model import TaskModel

__all__ = ["command"]

FALLBACK_EDITOR: Final = "notepad" if os.name == "nt" else "vi"


@click.command("edit", cls=Command)
@click.argument("id", metavar="ID")
@click.option("--dry-run", is_flag=True, help="Show what would be stored, and write nothing.")
@pass_app
def command(app: App, id: str, dry_run: bool) -> None:
    """Change a task in your editor: $VISUAL, or $EDITOR.

    Leaving the text as it is changes nothing. When what you typed cannot be stored, or the task was changed
    meanwhile, nothing is written, and the file that holds your text is kept and named.
    """
    editor = _editor(app)
    with app.service() as service:  # closed again before the editor is opened, perhaps for hours
        task = service.get(service.resolve(id))
        short_ids = service.short_ids([task.task_id, *task.depends_on])
    text = TaskText(task=task, short_ids=short_ids, now=app.now)
    shown = text.render()
    path = _write_file(short_ids[task.task_id], shown)
    try:
        _run_editor(app, editor, path)
        with app.service() as service:
            values = text.parse(_read_file(path), source=str(path), resolve=service.resolve)
            if values:
                edit = _EditOfRevision(values=values, revision=task.revision)
                written = service.update([task.task_id], edit, dry_run=dry_run)
                print_written(app.output, written, "updated", service, dry_run=dry_run)
            elif not app.output.for_programs:
                app.output.note("Nothing was changed.")
    except _MovedOnError:
        raise ConflictError(
            f"task {short_ids[task.task_id]} was changed by someone else while you edited it",
            hint=f"Nothing was written, and what you typed is kept in {path}.",
        ) from None
    except TaskyError as error:
        if path.read_bytes() == shown.encode():
            path.unlink()
        else:
            error.hint = f"{error.hint} Nothing was written, and what you typed is kept in {path}.".lstrip()
        raise
    path.unlink()


class _MovedOnError(Exception):
    """The stored task is not the one that was shown; no conflict, as the service would try those again."""


@record(kw_only=True)
class _EditOfRevision(TaskEdit):
    """An edit that applies to one revision, as the person saw no other."""

    revision: int

    def applied_to(self, task: TaskModel) -> TaskModel:
        if task.revision != self.revision:
            raise _MovedOnError
        return TaskEdit.applied_to(self, task)  # super() has no class to start from under slots


def _editor(app: App) -> list[str]:
    from shlex import split

    chosen = app.environ.get("VISUAL") or app.environ.get("EDITOR")
    if not chosen and not can_ask():
        raise click.UsageError("this is not a terminal, and neither $VISUAL nor $EDITOR names an editor")
    try:
        return split(chosen or FALLBACK_EDITOR, posix=os.name != "nt")
    except ValueError as error:
        raise click.UsageError(f"the editor {chosen!a} is no command: {error}") from None


def _write_file(short_id: str, text: str) -> Path:
    """A new file with the text, which only this user can read."""
    from tempfile import mkstemp

    descriptor, name = mkstemp(prefix=f"tasky-{short_id}-", suffix=".md")
    with os.fdopen(descriptor, "wb") as file:
        file.write(text.encode())
    return Path(name)


def _run_editor(app: App, editor: list[str], path: Path) -> None:
    from subprocess import run

    try:
        done = run([*editor, str(path)], env=dict(app.environ), cwd=app.cwd, check=False)  # noqa: S603 - it is the user's own
    except OSError as error:
        raise TaskyError(
            f"the editor {editor[0]!a} cannot be started: {error.strerror}",
            hint="Set VISUAL or EDITOR to one that is installed.",
        ) from error
    if done.returncode:
        raise TaskyError(f"the editor {editor[0]!a} ended with exit code {done.returncode}")


def _read_file(path: Path) -> str:
    try:
        return path.read_bytes().decode()
    except UnicodeDecodeError:
        raise InvalidDocumentError("it is not UTF-8 text", source=str(path)) from None
