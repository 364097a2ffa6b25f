"""Every task that a damaged database still holds, read past SQLite.

The tree of the tasks is walked from its root, and the index of ids beside it. Where the walk meets damage, or
finds fewer tasks than the index knows, the pages that it did not reach are looked at one by one, and those
that hold rows of tasks are taken, too. So what is lost is what stood on the damaged pages, and it is named
where the index can still be read. Which rows were found is noted in a temporary database of SQLite's, not in
memory.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Generator, Iterator
from contextlib import closing
from functools import lru_cache
from typing import Final

from tasky import Problem, ResultStream, TaskModel, TaskStatus
from tasky_sqlite.btree import Node, decode, free_pages, walk
from tasky_sqlite.errors import said, shown_id, storage_error
from tasky_sqlite.exclusion import read_past_sqlite
from tasky_sqlite.pages import BeyondEndError, DamagedError, PageFile
from tasky_sqlite.records import (
    COLUMNS,
    UNREADABLE,
    casefolds,
    id_or_none,
    task_from_row,
    uuid_from_bytes,
    validate,
)
from tasky_sqlite.schema import APPLICATION_ID, STEPS, upgrade

__all__ = ["salvaged"]

_TABLE: Final = "tasks"
_INDEX: Final = "tasks_id"
_SCHEMA_ROOT: Final = 1
_KEPT_NODES: Final = 64  # pages of which the next task may come again

_STATUSES: Final = frozenset(status.value for status in TaskStatus)

# Of two rows with one id, the one of a page that was given up and not yet written over is the older one.
_NOTES: Final = """
CREATE TABLE known (task_id PRIMARY KEY, row_id) WITHOUT ROWID;
CREATE TABLE found (task_id PRIMARY KEY, revision, created_at, page, cell) WITHOUT ROWID;
"""
_NOTE: Final = (
    "INSERT INTO found VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET revision = excluded.revision,"
    " created_at = excluded.created_at, page = excluded.page, cell = excluded.cell"
    " WHERE excluded.revision > revision"
)
_LOST: Final = "SELECT task_id FROM known WHERE task_id NOT IN (SELECT task_id FROM found) ORDER BY row_id"
_UNKNOWN: Final = "SELECT task_id FROM found WHERE task_id NOT IN (SELECT task_id FROM known)"


def salvaged(path: str) -> ResultStream[TaskModel | Problem]:
    """The tasks of the store at ``path`` that can be read, oldest first, and the problems met.

    A problem with a ``task_id`` is about a task that is not among the results. Raises ``StoreMissingError``,
    ``StorageUnavailableError``, and ``StorageBusyError`` while this process has the store open. It cannot
    open it before the stream has come to its end or was closed.
    """
    let_go = read_past_sqlite(path)
    try:
        pages = PageFile(path)
    except BaseException:
        let_go()
        raise
    notes = sqlite3.connect("", isolation_level=None)
    notes.executescript(_NOTES)
    salvage = _Salvage(path, pages, notes)

    def release() -> None:
        pages.close()
        let_go()
        notes.close()

    return ResultStream(salvage.results(), release)


class _Salvage:
    def __init__(self, path: str, pages: PageFile, notes: sqlite3.Connection) -> None:
        self._path = path
        self._pages = pages
        self._notes = notes
        self._columns, self._roots = _as_made()
        self._is_index_whole = False

    def results(self) -> Iterator[TaskModel | Problem]:
        """All of it; raises ``StorageFullError`` where there is no space for the notes."""
        try:
            yield from self._results()
        except sqlite3.Error as error:
            raise storage_error(error, "the temporary file of the salvage") from error

    def _results(self) -> Iterator[TaskModel | Problem]:
        for fault in self._pages.faults:
            yield Problem(fault)
        if not self._pages.size:
            yield Problem(f"{self._path} is empty: it is no store yet")
            return
        others: dict[str, int] = {}
        is_ours = yield from self._read_schema(others)
        if not is_ours:
            return
        self._notes.execute("BEGIN")
        yield from self._read_index()
        yield from self._read_table()
        yield from self._tasks()
        yield from self._differences()
        for name, root in others.items():
            for error in _walk(self._pages, root, set()):
                if isinstance(error, DamagedError):
                    yield self._problem(name, error)
        if self._pages.was_written():
            yield Problem(
                f"{self._path} was written to meanwhile, so that tasks may be missing or old: salvage it when"
                " nobody uses it"
            )

    def _read_schema(self, others: dict[str, int]) -> Generator[Problem, None, bool]:
        """Find out where the trees begin; whether this may be a store at all."""
        names: dict[str, int] = {}
        is_damaged = self._pages.header is None
        for node in _walk(self._pages, _SCHEMA_ROOT, set()):
            if isinstance(node, DamagedError):
                is_damaged = True
                yield self._problem("the schema", node)
            elif node.is_leaf:
                for cell in range(len(node)):
                    try:
                        _, (_, name, _, root, _) = decode(node.record(cell)[1])
                        names[name] = int(root)
                    except (DamagedError, ValueError, TypeError) as error:
                        is_damaged = True
                        yield self._problem("the schema", error)
        header = self._pages.header
        if header is not None and header.application != APPLICATION_ID:
            yield Problem(f"{self._path} does not say that it is a Tasky store")
        elif header is not None and header.version > len(STEPS):
            yield Problem(
                f"{self._path} has schema version {header.version},"
                f" and this Tasky knows versions up to {len(STEPS)}"
            )
        self._roots.update({name: names[name] for name in (_TABLE, _INDEX) if name in names})
        others.update({name: root for name, root in names.items() if root and name not in self._roots})
        return is_damaged or _TABLE in names

    def _read_index(self) -> Iterator[Problem]:
        """Note every id that the index of ids knows."""
        self._is_index_whole = True
        for node in _walk(self._pages, self._roots[_INDEX], set()):
            if isinstance(node, DamagedError):
                self._is_index_whole = False
                yield self._problem(_INDEX, node)
                continue
            for cell in range(len(node)):
                try:
                    _, (task_id, row_id) = decode(node.record(cell)[1])
                except (DamagedError, ValueError) as error:
                    self._is_index_whole = False
                    yield self._problem(_INDEX, error)
                else:
                    self._notes.execute("INSERT OR IGNORE INTO known VALUES (?, ?)", (task_id, row_id))

    def _read_table(self) -> Iterator[Problem]:
        """Note where each task is."""
        visited: set[int] = set()
        is_damaged = False
        for node in _walk(self._pages, self._roots[_TABLE], visited):
            if isinstance(node, DamagedError):
                is_damaged = True
                yield self._problem(_TABLE, node)
                continue
            for cell in range(len(node)) if node.is_leaf else ():
                try:
                    self._note(node, cell)
                except (DamagedError, ValueError) as error:
                    is_damaged = True
                    yield self._problem(_TABLE, error)
        if is_damaged or self._notes.execute(_LOST).fetchone() is not None:
            self._look_everywhere(visited | free_pages(self._pages))

    def _look_everywhere(self, known: set[int]) -> None:
        """Note the tasks on the other pages, and be silent about what is none."""
        for number in range(1, self._pages.count + 1):
            if number in known:
                continue
            try:
                node = Node(self._pages, number)
            except DamagedError:
                continue
            for cell in range(len(node)) if node.is_leaf and node.is_table else ():
                try:
                    self._note(node, cell, is_astray=True)
                except (DamagedError, ValueError):
                    continue

    def _note(self, node: Node, cell: int, *, is_astray: bool = False) -> None:
        """Note the task in the cell; raises ``ValueError`` when there is none."""
        row_id, record = node.record(cell, whole=False)
        count, values = decode(record, 6)
        if count != len(self._columns):
            raise ValueError(f"cell {cell + 1} of page {node.number} is not a row of {_TABLE}")
        _, task_id, status, revision, _, created_at = values
        if (
            not isinstance(task_id, bytes)
            or len(task_id) != 16
            or not isinstance(revision, int)
            or not isinstance(created_at, int)
        ):
            raise ValueError(
                f"row {row_id} of page {node.number} is not a task: its id is {shown_id(task_id)}"
            )
        if is_astray:
            row = self._notes.execute("SELECT row_id FROM known WHERE task_id = ?", (task_id,)).fetchone()
            if status not in _STATUSES or (self._is_index_whole and row != (row_id,)):
                raise ValueError("it was deleted")
        self._notes.execute(_NOTE, (task_id, revision, created_at, node.number, cell))

    def _differences(self) -> Iterator[Problem]:
        """Between the table and its index of ids."""
        for (task_id,) in self._notes.execute(_LOST):
            yield Problem(
                f"task {shown_id(task_id)} is lost: the index of ids has it, and no page that can be read",
                id_or_none(task_id),
            )
        for (task_id,) in self._notes.execute(_UNKNOWN) if self._is_index_whole else ():
            yield Problem(f"a task was saved as {uuid_from_bytes(task_id)}, which the index of ids lacks")

    def _tasks(self) -> Iterator[TaskModel | Problem]:
        node = lru_cache(_KEPT_NODES)(lambda number: Node(self._pages, number))
        for task_id, page, cell in self._notes.execute(
            "SELECT task_id, page, cell FROM found ORDER BY created_at, task_id"
        ):
            try:
                yield from self._task(node(page).record(cell)[1])
            except (DamagedError, *UNREADABLE) as error:
                yield Problem(
                    f"task {uuid_from_bytes(task_id)} is lost: {said(error)}", uuid_from_bytes(task_id)
                )

    def _task(self, record: bytes) -> Iterator[TaskModel | Problem]:
        _, values = decode(record)
        row = dict(zip(self._columns, values, strict=True))
        task = task_from_row(tuple([row[name] for name in COLUMNS]))
        validate(task)
        yield task
        if (row["name_folded"], row["details_folded"]) != casefolds(task.name, task.details):
            yield Problem(
                f"task {task.task_id} was saved, but its name or details may be damaged:"
                " its search text is another one"
            )

    def _problem(self, tree: str, error: Exception) -> Problem:
        return Problem(f"{self._path}: {tree}: {said(error)}")


def _walk(pages: PageFile, root: int, visited: set[int]) -> Iterator[Node | DamagedError]:
    """``walk``, with one error at the end for all the pages of the tree beyond the end of the file."""
    beyond: list[int] = []
    for node in walk(pages, root, visited):
        if isinstance(node, BeyondEndError):
            beyond.append(node.number)
        else:
            yield node
    if len(beyond) == 1:
        yield BeyondEndError(*beyond)
    elif beyond:
        yield DamagedError(
            f"{len(beyond)} pages from {min(beyond)} to {max(beyond)} lie beyond the end of the file"
        )


def _as_made() -> tuple[list[str], dict[str, int]]:
    """The columns of the table, and where a store that was just made has the table and its index of ids.

    SQLite moves neither, as long as the file is not made anew with VACUUM, which leaves the table its place.
    """
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        upgrade(connection, 0)
        columns = [name for _, name, *_ in connection.execute(f"PRAGMA table_info({_TABLE})")]
        roots = connection.execute(
            "SELECT name, rootpage FROM sqlite_schema WHERE name IN (?, ?)", (_TABLE, _INDEX)
        )
        return columns, dict(roots.fetchall())
