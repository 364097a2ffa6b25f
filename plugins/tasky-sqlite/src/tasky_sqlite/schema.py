"""What the database file looks like, and how a file comes to look like that.

``STEPS[n]`` leads from version n to version n + 1 and, once released, is never changed: so a new store, which
takes all of them, and an older one, which takes those that it lacks, end alike. It is one transaction,
however many steps. ``PRAGMA user_version`` holds the version and ``PRAGMA application_id`` says that the file
is Tasky's at all; both are read before anything is touched.
"""

from __future__ import annotations

import sqlite3
from typing import Final

from tasky import SchemaTooNewError, StorageCorruptError, StorageError, StoreMissingError

__all__ = [
    "APPLICATION_ID",
    "MISSING_HINT",
    "STEPS",
    "check_library",
    "is_current",
    "read_identity",
    "require",
    "upgrade",
]

MISSING_HINT: Final = "Bring it back, or make an empty one: run `tasky init`."
APPLICATION_ID: Final = 0x5461736B  # "Task"

_FIRST: Final = -62_135_596_800_000_000  # 0001-01-01T00:00:00Z
_LAST: Final = 253_402_300_799_999_999  # 9999-12-31T23:59:59.999999Z

# Small columns first: what filters and orders look at must not lie behind the overflow pages of a long text.
# Times are microseconds since 1970. name_folded and details_folded are the Unicode casefold, which SQLite
# cannot compute; details_folded is NULL where it equals details. tags (joined by spaces) and depends_on
# (concatenated) repeat the side tables, so that reading a task reads one row. No check calls json_valid(),
# which some versions of SQLite refuse where the schema is not trusted; 'tasky check' reads all JSON.
_TASKS: Final = f"""
CREATE TABLE tasks (
    row_id INTEGER PRIMARY KEY,
    task_id BLOB NOT NULL CHECK (length(task_id) = 16),
    status TEXT NOT NULL CHECK (status IN ('pending', 'completed', 'cancelled')),
    revision INTEGER NOT NULL CHECK (revision >= 1),
    priority INTEGER CHECK (priority BETWEEN 1 AND 3),
    created_at INTEGER NOT NULL CHECK (created_at BETWEEN {_FIRST} AND {_LAST}),
    updated_at INTEGER NOT NULL CHECK (updated_at BETWEEN {_FIRST} AND {_LAST}),
    due_at INTEGER CHECK (due_at BETWEEN {_FIRST} AND {_LAST}),
    wait_until INTEGER CHECK (wait_until BETWEEN {_FIRST} AND {_LAST}),
    closed_at INTEGER CHECK (closed_at BETWEEN {_FIRST} AND {_LAST}),
    project_id TEXT CHECK (
        length(project_id) BETWEEN 1 AND 200 AND project_id NOT GLOB '*[^a-z0-9_.-]*'
        AND project_id GLOB '[a-z0-9]*' AND project_id NOT GLOB '*.[^a-z0-9]*' AND project_id NOT GLOB '*.'
    ),
    assignee TEXT CHECK (length(assignee) BETWEEN 1 AND 200 AND trim(assignee) <> ''),
    tags TEXT NOT NULL,
    depends_on BLOB NOT NULL CHECK (length(depends_on) % 16 = 0),
    name TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 500 AND trim(name) <> ''),
    name_folded TEXT NOT NULL,
    extra TEXT NOT NULL CHECK (extra GLOB '{{*}}'),
    details TEXT NOT NULL CHECK (length(details) <= 1048576),
    details_folded TEXT,
    CHECK ((closed_at IS NULL) = (status = 'pending'))
) STRICT"""

STEPS: list[tuple[str, ...]] = [
    (
        _TASKS,
        "CREATE UNIQUE INDEX tasks_id ON tasks (task_id)",
        # One index for each order, all led by the status: a list of every status merges three walks.
        "CREATE INDEX tasks_created ON tasks (status, created_at, task_id)",
        "CREATE INDEX tasks_updated ON tasks (status, updated_at, created_at, task_id)",
        "CREATE INDEX tasks_due ON tasks (status, due_at, created_at, task_id)",
        "CREATE INDEX tasks_priority ON tasks (status, priority, created_at, task_id)",
        "CREATE INDEX tasks_name ON tasks (status, name_folded, created_at, task_id)",
        "CREATE INDEX tasks_project ON tasks (project_id, status, created_at, task_id)"
        " WHERE project_id IS NOT NULL",
        "CREATE INDEX tasks_assignee ON tasks (assignee, status) WHERE assignee IS NOT NULL",
        "CREATE INDEX tasks_closed ON tasks (closed_at) WHERE closed_at IS NOT NULL",
        # No foreign key: it would need an index by row_id, on every tag, only to delete rows that the one
        # writer of these tables deletes anyway. 'tasky check' compares both sides.
        "CREATE TABLE task_tags (tag TEXT NOT NULL, row_id INTEGER NOT NULL, PRIMARY KEY (tag, row_id))"
        " STRICT, WITHOUT ROWID",
        "CREATE TABLE task_dependencies ("
        " row_id INTEGER NOT NULL REFERENCES tasks (row_id),"
        " depends_on BLOB NOT NULL CHECK (length(depends_on) = 16),"
        " PRIMARY KEY (row_id, depends_on)) STRICT, WITHOUT ROWID",
        "CREATE INDEX task_dependents ON task_dependencies (depends_on)",
        # A batch is known by the sequence of its first entry, so its entries are those up to the next batch.
        "CREATE TABLE batches ("
        " first_sequence INTEGER PRIMARY KEY,"
        " id BLOB NOT NULL UNIQUE CHECK (length(id) = 16),"
        f" at INTEGER NOT NULL CHECK (at BETWEEN {_FIRST} AND {_LAST}),"
        " actor TEXT NOT NULL,"
        " command TEXT NOT NULL,"
        " undoes BLOB CHECK (length(undoes) = 16)) STRICT",
        "CREATE TABLE history ("
        " sequence INTEGER PRIMARY KEY,"
        " batch INTEGER NOT NULL REFERENCES batches (first_sequence),"
        " task_id BLOB NOT NULL CHECK (length(task_id) = 16),"
        " before TEXT CHECK (before GLOB '{*}'),"
        " revision INTEGER CHECK (revision >= 1),"
        " CHECK (before IS NOT NULL OR revision IS NOT NULL)) STRICT",
        "CREATE INDEX history_task ON history (task_id)",
    ),
    (
        # What is hidden until later: few of many, and without an index every task is read to find them.
        "CREATE INDEX tasks_waiting ON tasks (wait_until) WHERE wait_until IS NOT NULL",
    ),
    (
        # What is free to claim: the open tasks before it may all be somebody's.
        "CREATE INDEX tasks_free ON tasks (priority, due_at, created_at, task_id)"
        " WHERE status = 'pending' AND assignee IS NULL",
    ),
]


def check_library() -> None:
    """Raise ``StorageError`` when Python's SQLite is too old for STRICT tables."""
    if sqlite3.sqlite_version_info < (3, 37):
        raise StorageError(
            f"Tasky needs SQLite 3.37 or later, and this Python comes with {sqlite3.sqlite_version}",
            hint="Use a newer Python, or another storage backend.",
        )


def read_identity(connection: sqlite3.Connection) -> tuple[int, int]:
    """The application id and the schema version; (0, 0) for an empty file."""
    identity = _marks(connection)
    if is_current(identity):
        return identity
    if connection.in_transaction:
        return _whole_identity(connection)
    connection.execute("BEGIN")  # another process may be creating the store between two of the reads
    try:
        return _whole_identity(connection)
    finally:
        connection.execute("ROLLBACK")


def _marks(connection: sqlite3.Connection) -> tuple[int, int]:
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return application, version


def _whole_identity(connection: sqlite3.Connection) -> tuple[int, int]:
    """The same, told apart from a database that carries no mark but holds, or held, a table."""
    identity = _marks(connection)
    if identity == (0, 0) and connection.execute("PRAGMA schema_version").fetchone() != (0,):
        return -1, 0
    return identity


def is_current(identity: tuple[int, int]) -> bool:
    """Whether there is nothing to do."""
    return identity == (APPLICATION_ID, len(STEPS))


def require(identity: tuple[int, int], path: str, *, create: bool) -> None:
    """Raise unless the file is empty (and may be filled), or a store of this version or an older one."""
    application, version = identity
    if identity == (0, 0):
        if not create:
            raise StoreMissingError(f"there is no store at {path}: the file is empty", hint=MISSING_HINT)
    elif application != APPLICATION_ID or version < 1:
        raise StorageCorruptError(
            f"{path} is an SQLite database but not a Tasky store; it was left as it is",
            hint="Check the location.",
        )
    elif version > len(STEPS):
        raise SchemaTooNewError(
            f"{path} has schema version {version}, and this Tasky knows versions up to {len(STEPS)};"
            " it was left as it is",
            hint="Upgrade the tasky-sqlite distribution.",
        )


def upgrade(connection: sqlite3.Connection, version: int) -> None:
    """Take the steps from ``version`` to the newest, inside the caller's transaction.

    Foreign keys have to be off, so that a step can put a new table in the place of another one.
    """
    for statements in STEPS[version:]:
        for statement in statements:
            connection.execute(statement)
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {len(STEPS)}")
