"""``tasky import``: bring tasks in from a file or a pipe, all of them or none."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator
from typing import IO, TYPE_CHECKING, Final

import click

from tasky.cli.command import Command
from tasky.cli.context import App, pass_app
from tasky.cli.progress import with_progress
from tasky.cli.spool import STDIN, spooled
from tasky.cli.text import plural
from tasky.errors import InvalidDocumentError
from tasky.importers import IMPORTERS, find_importer

if TYPE_CHECKING:
    from tasky.importing import Imported
    from tasky.model import TaskModel

__all__ = ["command"]

PEEK: Final = 4096  # bytes that tell an envelope from JSON Lines

# A task has none of these keys, and an envelope no others.
_ENVELOPE: Final = re.compile(rb'(?:\xef\xbb\xbf)?\s*\{\s*"(?:schema|kind|items)"')


@click.command("import", cls=Command)
@click.argument("file")
@click.option(
    "--format",
    "form",
    type=click.Choice(["json", "jsonl"]),
    help="What the file holds: one JSON document, or a task a line. Default: what it looks like.",
)
@click.option("--from", "tracker", type=click.Choice(sorted(IMPORTERS)), help="It is another tracker's file.")
@click.option("--update", is_flag=True, help="Bring tasks that are here already to what the file says.")
@click.option("--dry-run", is_flag=True, help="Read everything, show the counts, and write nothing.")
@pass_app
def command(app: App, file: str, form: str | None, tracker: str | None, update: bool, dry_run: bool) -> None:
    """Import the tasks in FILE ('-' is stdin): what `tasky export` wrote, or another tracker's file.

    All of them are imported as one batch, or none: a line that cannot be read stops the import and is named.
    Tasks keep their ids, so importing a file twice adds nothing.
    """
    if form is not None and tracker is not None:
        raise click.UsageError("--format says how Tasky's own files are written; it does not go with --from")
    source = "stdin" if file == STDIN else file
    with spooled(file, app.cwd) as stream, app.service() as service:
        tasks = _read(stream, source, form, tracker)
        shown = with_progress(tasks, "Importing task", sys.stderr, fraction=_fraction(stream))
        try:
            imported = service.import_tasks(shown, update=update, dry_run=dry_run)
        except InvalidDocumentError as error:
            error.hint = error.hint or "Nothing was imported. Correct the file and import it again."
            raise
    _report(app, imported, dry_run)


def _read(stream: IO[bytes], source: str, form: str | None, tracker: str | None) -> Iterator[TaskModel]:
    if tracker is not None:
        return find_importer(tracker)(stream, source=source)
    from tasky.documents import read_envelope, read_tasks  # imports pydantic

    if form is None:
        form = "json" if _ENVELOPE.match(stream.read(PEEK)) else "jsonl"
        stream.seek(0)
    return (
        read_envelope(stream.read(), source=source) if form == "json" else read_tasks(stream, source=source)
    )


def _fraction(stream: IO[bytes]) -> Callable[[], float]:
    """How much of the stream was read; all of it where the reader takes it whole."""
    here = stream.tell()
    size = stream.seek(0, os.SEEK_END)
    stream.seek(here)
    return lambda: stream.tell() / size


def _report(app: App, imported: Imported, dry_run: bool) -> None:
    facts = {
        "created": imported.created,
        "updated": imported.updated,
        "unchanged": imported.unchanged,
        "differing": imported.differing,
        "batch": None if imported.batch is None else str(imported.batch),
    }
    if app.output.for_programs:
        app.output.documents("import", [facts], dry_run=dry_run)
        return
    app.output.facts("import", facts)
    if dry_run:
        app.output.note("Nothing was written.")
    if imported.differing:
        app.output.note(
            f"Left alone, as what is stored differs from the file: {plural(imported.differing, 'task')};"
            " --update stores what the file says."
        )
