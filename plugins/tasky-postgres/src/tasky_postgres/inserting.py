"""New rows, by INSERT when they are few and by COPY when they are many, and the pieces that they come in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from time import monotonic
from typing import Final, NamedTuple, TypeVar

from tasky import HistoryEntry, TaskChange, TaskModel
from tasky_postgres.opening import Connection
from tasky_postgres.records import COLUMNS, Row, casefolds, extra_to_text, task_to_row

__all__ = [
    "ANALYZE",
    "BATCHES",
    "CHUNK",
    "COPIED",
    "EXCLUDE",
    "HISTORY",
    "TASKS",
    "Table",
    "chunks",
    "execute_for_each",
    "insert",
    "is_empty",
    "size_of",
    "task_row",
]

T = TypeVar("T")

# After many rows, so that no query is planned as if there were none; the server does it later by itself, too.
# Who does not own the tables may not, and is only warned.
ANALYZE: Final = "ANALYZE tasks, history, batches"
# No other writer beside this one; readers do not notice.
EXCLUDE: Final = "LOCK TABLE tasks IN EXCLUSIVE MODE"
_IS_EMPTY: Final = "SELECT NOT EXISTS (SELECT 1 FROM tasks) AND NOT EXISTS (SELECT 1 FROM history)"
CHUNK: Final = 5_000  # changes, tasks or entries; a load in pieces of 500 takes half as long again
_CHUNK_SIZE: Final = 4 << 20  # characters, as size_of counts them
# Seconds to gather one while a transaction is open, which may stand still for 60. They are looked at when an
# item arrives, so none that comes within 50 is too late.
_PATIENCE: Final = 10.0
_ITEM_SIZE: Final = 100  # characters that would take as much memory as a dependency or a tag
_STATEMENTS: Final = 500  # that are answered together, and have to be in time
COPIED: Final = 50  # rows from which COPY is quicker


class Table(NamedTuple):
    """What its rows are made of."""

    name: str
    columns: dict[str, str]  # name and type


_UUID, _TEXT, _TIME, _BIGINT, _SMALLINT = "uuid", "text", "timestamptz", "bigint", "smallint"
_KINDS: Final = {
    "task_id": _UUID,
    "priority": _SMALLINT,
    "tags": "text[]",
    "due_at": _TIME,
    "wait_until": _TIME,
    "depends_on": "uuid[]",
    "created_at": _TIME,
    "updated_at": _TIME,
    "closed_at": _TIME,
    "revision": _BIGINT,
}
TASKS: Final = Table(
    "tasks", {name: _KINDS.get(name, _TEXT) for name in (*COLUMNS, "name_folded", "details_folded")}
)
BATCHES: Final = Table(
    "batches",
    {"first_sequence": _BIGINT, "id": _UUID, "at": _TIME, "actor": _TEXT, "command": _TEXT, "undoes": _UUID},
)
HISTORY: Final = Table(
    "history",
    {"sequence": _BIGINT, "batch": _BIGINT, "task_id": _UUID, "before": _TEXT, "revision": _BIGINT},
)


def is_empty(connection: Connection) -> bool:
    """Whether the store holds nothing, neither tasks nor history."""
    return connection.execute(_IS_EMPTY).fetchone() == (True,)


def insert(connection: Connection, table: Table, rows: Iterable[Row], count: int) -> None:
    """Add the rows, of which there are ``count``, in the open transaction.

    Rows that are made as they are asked for are made while the server stores those before them.
    """
    if not count:
        return
    names = ", ".join(table.columns)
    if count < COPIED:
        places = ", ".join([f"%s::{kind}" for kind in table.columns.values()])
        statement = f"INSERT INTO {table.name} ({names}) VALUES ({places})"  # noqa: S608 - constants
        execute_for_each(connection, statement, list(rows))
        return
    with (
        connection.cursor() as cursor,
        cursor.copy(f"COPY {table.name} ({names}) FROM STDIN".encode()) as copy,
    ):
        for row in rows:
            copy.write_row(row)


def execute_for_each(connection: Connection, statement: str, rows: list[Row]) -> None:
    """Run the statement with each row as its parameters, without waiting in between."""
    if len(rows) == 1:  # executemany would begin and end a pipeline for it
        connection.execute(statement.encode(), rows[0])
        return
    with connection.cursor() as cursor:
        for first in range(0, len(rows), _STATEMENTS):
            cursor.executemany(statement.encode(), rows[first : first + _STATEMENTS])


def task_row(task: TaskModel) -> Row:
    """The row of ``TASKS`` that holds ``task``."""
    return (*task_to_row(task), *casefolds(task.name, task.details))


def chunks(items: Iterable[T], size: Callable[[T], int], *, unhurried: int = 0) -> Iterator[list[T]]:
    """The items in lists that fit into memory together; ``size`` is that of one, in characters.

    A list ends, too, when it took ``_PATIENCE`` to gather. The first ``unhurried`` ones do not: nobody waits
    for them.
    """
    chunk: list[T] = []
    total, begun = 0, monotonic()
    for item in items:
        chunk.append(item)
        total += size(item)
        is_late = unhurried <= 0 and monotonic() - begun >= _PATIENCE
        if is_late or len(chunk) == CHUNK or total >= _CHUNK_SIZE:
            yield chunk
            chunk, total, begun = [], 0, monotonic()
            unhurried -= 1
    if chunk:
        yield chunk


def size_of(item: TaskModel | TaskChange | HistoryEntry) -> int:
    """About how many characters it takes beyond what every one takes."""
    if isinstance(item, TaskModel):
        extra = len(extra_to_text(item.extra)) if item.extra else 0
        return len(item.details) + extra + _ITEM_SIZE * (len(item.depends_on) + len(item.tags))
    tasks = (item.before, item.after) if isinstance(item, TaskChange) else (item.before,)
    return sum([size_of(task) for task in tasks if task is not None])
