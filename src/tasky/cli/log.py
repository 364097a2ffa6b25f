"""``tasky log``: who changed what, newest first.

The history remembers each task as it was before a change. What it became is the ``before`` of the task's
next change or, for the newest one, what is stored.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

import click

from tasky.cli.batches import resolve_batch
from tasky.cli.command import Command, capped
from tasky.cli.context import App, pass_app
from tasky.cli.table import Cell, Column, text_cell
from tasky.cli.text import plain_time, printable, short_time
from tasky.codec import encode_batch, encode_task
from tasky.errors import TaskNotFoundError

if TYPE_CHECKING:
    from tasky.changes import HistoryEntry
    from tasky.model import TaskModel
    from tasky.service import TaskService

__all__ = ["command"]

SCREENFUL: Final = 20  # changes that a terminal gets when no limit is given
LONGEST_VALUE: Final = 60  # characters of a value that people see

COLUMNS: Final = (
    Column("When"),
    Column("Batch", rank=2),
    Column("Who", wraps=True, rank=1),
    Column("Command", rank=4),
    Column("ID"),
    Column("Change", rank=3),
    Column("Name", wraps=True),
    Column("Fields", wraps=True),
)
_BOOKKEEPING: Final = {"task_id", "created_at", "updated_at", "closed_at", "revision"}


@click.command("log", cls=Command)
@click.argument("id", required=False, metavar="[ID]")
@click.option("--batch", metavar="ID", help="Only this batch.")
@click.option(
    "-n",
    "--limit",
    type=click.IntRange(min=0),
    callback=capped,
    metavar="N",
    help=f"At most N changes; 0 is no limit. Default: {SCREENFUL} on a terminal, none elsewhere.",
)
@pass_app
def command(app: App, id: str | None, batch: str | None, limit: int | None) -> None:
    """Show what was changed, when, by whom and with which command, newest first.

    With an ID, what was done to that task; a deleted one is named by its whole id. A pipe gets a line for
    each change, with tabs between time, batch, actor, command, id, kind of change, name and fields.
    """
    output = app.output
    if limit is None and output.for_people:
        limit = SCREENFUL
    with app.service() as service:
        task_id = None if id is None else _resolve_task(service, id)
        batch_id = None if batch is None else resolve_batch(service, batch)
        one_more = limit + 1 if limit else None
        with service.repository.history(
            task_id=task_id, batch=batch_id, newest_first=True, limit=one_more
        ) as entries:
            records = _records(service, islice(entries, limit or None))
            if output.for_programs:
                output.documents("history", map(_document, records))
            else:
                output.table(COLUMNS, map(_cells, records))
            if output.for_people and limit and next(entries, None) is not None:
                output.note(f"These are the newest {limit}. --limit N shows more, --limit 0 all of them.")


class _Record:
    """One entry with what the history does not spell out."""

    def __init__(self, entry: HistoryEntry, after: TaskModel | None, short_id: str) -> None:
        self.entry = entry
        self.short_id = short_id
        known = after or entry.before
        assert known is not None  # a change has a task before or after it
        self.name = known.name
        self.action = "created" if entry.before is None else "deleted" if after is None else "updated"
        before_values = {} if entry.before is None else encode_task(entry.before)
        after_values = {} if after is None else encode_task(after)
        self.changes = {
            field: (before_values.get(field), value)
            for field, value in after_values.items()
            if field not in _BOOKKEEPING and repr(before_values.get(field)) != repr(value)
        }
        if self.action == "created":
            self.changes = {field: pair for field, pair in self.changes.items() if pair[1] not in _EMPTY}


_EMPTY: Final[tuple[Any, ...]] = (None, "", [], {})


def _resolve_task(service: TaskService, reference: str) -> UUID:
    """As ``TaskService.resolve``, but a whole id need not be stored any more."""
    try:
        return service.resolve(reference)
    except TaskNotFoundError as error:
        digits = reference.strip().lower().replace("-", "")
        if set(digits) - set("0123456789abcdef"):
            raise
        if len(digits) != 32:
            error.hint += " A deleted one is named by its whole id, which `tasky log --json` shows."
            raise
        task_id = UUID(digits)
        with service.repository.history(task_id=task_id, limit=1) as entries:
            if next(entries, None) is None:
                raise
        return task_id


def _records(service: TaskService, entries: Iterable[HistoryEntry]) -> Iterator[_Record]:
    """The entries, newest first, with the tasks after them; of each task the oldest ``before`` is kept."""
    after: dict[UUID, TaskModel | None] = {}
    for entry in entries:
        known = after.get(entry.task_id)
        if _revision(known) != entry.revision:
            known = _task_after(service, entry)
        yield _Record(entry, known, service.short_ids([entry.task_id])[entry.task_id])
        after[entry.task_id] = entry.before


def _task_after(service: TaskService, entry: HistoryEntry) -> TaskModel | None:
    stored = service.repository.get_task(entry.task_id)
    if _revision(stored) == entry.revision:
        return stored
    with service.repository.history(task_id=entry.task_id, after=entry.sequence, limit=1) as later:
        return next(later).before  # what is stored is newer, so another entry follows


def _revision(task: TaskModel | None) -> int | None:
    return None if task is None else task.revision


def _document(record: _Record) -> dict[str, Any]:
    entry = record.entry
    return {
        "batch": encode_batch(entry.batch),
        "task_id": str(entry.task_id),
        "short_id": record.short_id,
        "name": record.name,
        "action": record.action,
        "revision": entry.revision,
        "changes": {field: {"old": old, "new": new} for field, (old, new) in record.changes.items()},
    }


def _cells(record: _Record) -> Sequence[Cell]:
    batch = record.entry.batch
    fields = printable("; ".join(_sentences(record)))
    return (
        Cell(plain_time(batch.at), short_time(batch.at), "closed"),
        Cell(batch.id.hex[:8], batch.id.hex[:8], "closed"),
        text_cell(batch.actor),
        text_cell(batch.command),
        Cell(record.short_id, record.short_id, "id"),
        text_cell(record.action),
        text_cell(record.name),
        Cell(fields, fields or record.action),  # or a narrow terminal would not tell a deletion from an add
    )


def _sentences(record: _Record) -> Iterator[str]:
    for field, (old, new) in record.changes.items():
        if record.action == "updated":
            yield f"{field}: {_value(old)} -> {_value(new)}"
        elif field != "name" and (field, new) != ("status", "pending"):  # a column, and nothing new
            yield f"{field}: {_value(new)}"


def _value(value: Any) -> str:
    if value in _EMPTY:
        return "-"
    if isinstance(value, list):
        text = " ".join(value)
    elif isinstance(value, dict):
        import json  # a log without such a change needs none

        text = json.dumps(value, ensure_ascii=False)
    else:
        text = str(value)
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}..."
