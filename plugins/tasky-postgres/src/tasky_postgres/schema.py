"""What the tables look like, and how a PostgreSQL schema comes to hold them.

``STEPS[n]`` leads from version n to version n + 1. A new store takes all of them, an older one those that it
lacks, in one transaction; so a step that is released never changes. A program of the older version may have
the store open and go on with it, so no step may take away what it reads or writes. The one row of
``tasky_store`` holds the version, and says by its name that the schema is Tasky's at all; it is read before
anything is touched.
"""

from __future__ import annotations

import re
from itertools import chain
from typing import Any, Final, LiteralString

import psycopg

from tasky import SchemaTooNewError, StorageCorruptError, StorageReadOnlyError, StoreMissingError
from tasky_postgres.address import Address

__all__ = [
    "ABSENT",
    "FOREIGN",
    "FREE",
    "STEPS",
    "TIMES",
    "indexes",
    "is_current",
    "look_for_version",
    "read_version",
    "require",
    "upgrade",
]

ABSENT: Final = 0
FOREIGN: Final = -1
_MISSING_HINT: Final = "Check the location and its 'schema', or make an empty one: run `tasky init`."

TIMES: Final = ("created_at", "updated_at", "due_at", "wait_until", "closed_at")
_RANGE: Final = "BETWEEN '0001-01-01 00:00:00+00' AND '9999-12-31 23:59:59.999999+00'"

# Texts compare by code points: "C", which for UTF-8 is the order of the bytes. name_folded and details_folded
# are the Unicode casefold of Python, which differs from the server's; details_folded is NULL where it equals
# details. extra is JSON as text, since jsonb rewrites numbers. tasky_store.last_sequence is what writers
# queue up for: see writing.py.
_TASKS: Final = f"""
CREATE TABLE tasks (
    task_id uuid NOT NULL CONSTRAINT tasks_id PRIMARY KEY,
    status text COLLATE "C" NOT NULL CHECK (status IN ('pending', 'completed', 'cancelled')),
    revision bigint NOT NULL CHECK (revision >= 1),
    priority smallint CHECK (priority BETWEEN 1 AND 3),
    created_at timestamptz NOT NULL CHECK (created_at {_RANGE}),
    updated_at timestamptz NOT NULL CHECK (updated_at {_RANGE}),
    due_at timestamptz CHECK (due_at {_RANGE}),
    wait_until timestamptz CHECK (wait_until {_RANGE}),
    closed_at timestamptz CHECK (closed_at {_RANGE}),
    project_id text COLLATE "C" CHECK (
        length(project_id) <= 200 AND project_id ~ '^[a-z0-9][a-z0-9_-]*(\\.[a-z0-9][a-z0-9_-]*)*$'
    ),
    assignee text COLLATE "C" CHECK (length(assignee) BETWEEN 1 AND 200 AND btrim(assignee) <> ''),
    tags text[] COLLATE "C" NOT NULL CHECK (
        coalesce(array_ndims(tags), 1) = 1 AND array_position(tags, NULL) IS NULL
    ),
    depends_on uuid[] NOT NULL CHECK (
        coalesce(array_ndims(depends_on), 1) = 1 AND array_position(depends_on, NULL) IS NULL
    ),
    name text COLLATE "C" NOT NULL CHECK (length(name) BETWEEN 1 AND 500 AND btrim(name) <> ''),
    name_folded text COLLATE "C" NOT NULL,
    extra text COLLATE "C" NOT NULL CHECK (extra LIKE '{{%}}'),
    details text COLLATE "C" NOT NULL CHECK (octet_length(details) <= 1048576),
    details_folded text COLLATE "C",
    CHECK ((closed_at IS NULL) = (status = 'pending'))
)"""

# Those for an order are led by the status: a list of several statuses merges as many walks. An index takes
# no text of any length, so names are ordered by their first 200 code points, and sorted on from there.
_INDEXES: Final[dict[str, LiteralString]] = {
    "tasks_created": "tasks (status, created_at, task_id)",
    "tasks_updated": "tasks (status, updated_at, created_at, task_id)",
    "tasks_due": "tasks (status, due_at, created_at, task_id)",
    "tasks_priority": "tasks (status, priority, created_at, task_id)",
    "tasks_name": "tasks (status, left(name_folded, 200))",
    "tasks_project": "tasks (project_id, status, created_at, task_id) WHERE project_id IS NOT NULL",
    "tasks_assignee": "tasks (assignee, status) WHERE assignee IS NOT NULL",
    "tasks_closed": "tasks (closed_at) WHERE closed_at IS NOT NULL",
    "tasks_tags": "tasks USING gin (tags)",
    "tasks_dependencies": "tasks USING gin (depends_on)",
    "history_task": "history (task_id, sequence)",
}
# What is free to claim may be all of the open tasks or none, and changes faster than the server's statistics.
# IS TRUE keeps the server from taking the condition apart, and so from walking another index past all that is
# somebody's. Not a column: to add one would write the table anew, and whoever waits for that with an older
# snapshot would see an empty table.
FREE: Final = "((status = 'pending' AND assignee IS NULL) IS TRUE)"

STEPS: list[tuple[str, ...]] = [
    (
        "CREATE TABLE tasky_store ("
        " only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),"
        " schema_version integer NOT NULL,"
        " last_sequence bigint NOT NULL DEFAULT 0,"
        " restored uuid)",
        "INSERT INTO tasky_store (schema_version) VALUES (0)",
        _TASKS,
        # A batch is known by the sequence of its first entry, so its entries are those up to the next batch.
        "CREATE TABLE batches ("
        " first_sequence bigint PRIMARY KEY,"
        " id uuid NOT NULL CONSTRAINT batches_id UNIQUE,"
        f" at timestamptz NOT NULL CHECK (at {_RANGE}),"
        ' actor text COLLATE "C" NOT NULL,'
        ' command text COLLATE "C" NOT NULL,'
        " undoes uuid)",
        # No foreign key to the batch: it would be asked for each entry, and the one who writes both writes
        # both at once. 'tasky check' compares them.
        "CREATE TABLE history ("
        " sequence bigint PRIMARY KEY,"
        " batch bigint NOT NULL,"
        " task_id uuid NOT NULL,"
        " before text COLLATE \"C\" CHECK (before LIKE '{%}'),"
        " revision bigint CHECK (revision >= 1),"
        " CHECK (before IS NOT NULL OR revision IS NOT NULL))",
        *(f"CREATE INDEX {name} ON {what}" for name, what in _INDEXES.items()),
        "CREATE INDEX tasks_free ON tasks (due_at, created_at, task_id)"
        " WHERE status = 'pending' AND assignee IS NULL",
    ),
    (
        f"CREATE INDEX tasks_free_due ON tasks (due_at, created_at, task_id) WHERE {FREE}",
        "CREATE INDEX tasks_free_priority ON tasks (priority, due_at, created_at, task_id)"
        f" WHERE {FREE} AND priority IS NOT NULL",
        "DROP INDEX tasks_free",  # last, since readers wait for it
    ),
]

_INDEX_STATEMENT: Final = re.compile(r"(?P<verb>CREATE|DROP) (?:UNIQUE )?INDEX (?P<name>\w+)")
_VERSION: Final = "SELECT schema_version FROM tasky_store"
_LOOK: Final = (
    "SELECT has_schema_privilege(oid, 'USAGE'),"
    " (SELECT count(*) FROM pg_class WHERE relnamespace = pg_namespace.oid),"
    " EXISTS (SELECT 1 FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid"
    " WHERE relnamespace = pg_namespace.oid AND relname = 'tasky_store' AND attname = 'schema_version')"
    " FROM pg_namespace WHERE nspname = %s"
)


def indexes(version: int) -> frozenset[str]:
    """The names of the indexes that a store of that version has, beside those of its constraints."""
    names: set[str] = set()
    for statement in chain(*STEPS[:version]):
        found = _INDEX_STATEMENT.match(statement)
        if found is not None and found["verb"] == "CREATE":
            names.add(found["name"])
        elif found is not None:
            names.discard(found["name"])
    return frozenset(names)


def read_version(connection: psycopg.Connection[Any], address: Address) -> int:
    """The version of the store, by one query when there is one; ``ABSENT`` or ``FOREIGN`` otherwise.

    Raises ``StorageReadOnlyError`` when this role may not look into the schema.
    """
    try:
        return _version(connection)
    except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn):
        return look_for_version(connection, address)


def look_for_version(connection: psycopg.Connection[Any], address: Address) -> int:
    """The same by queries that do not fail, for use in a transaction."""
    row = connection.execute(_LOOK, (address.schema,)).fetchone()
    if row is None:
        return ABSENT
    may_look, relations, has_store = row
    if not may_look:
        raise StorageReadOnlyError(
            f"{address} may not be read by this role",
            hint="Ask its owner for the rights that the README of tasky-postgres lists.",
        )
    if has_store:
        return _version(connection)
    return FOREIGN if relations else ABSENT


def _version(connection: psycopg.Connection[Any]) -> int:
    rows = connection.execute(_VERSION).fetchall()
    return rows[0][0] if len(rows) == 1 and rows[0][0] >= 1 else FOREIGN


def is_current(version: int) -> bool:
    """Whether there is nothing to do."""
    return version == len(STEPS)


def require(version: int, address: Address, *, create: bool) -> None:
    """Raise unless there is none (and one may be made), or a store of this version or an older one."""
    if version == ABSENT and not create:
        raise StoreMissingError(f"there is no store in {address}", hint=_MISSING_HINT)
    if version == FOREIGN:
        raise StorageCorruptError(
            f"{address} holds something, but no Tasky store; it was left as it is",
            hint="Check the location, or give the project a schema of its own: ?schema=NAME.",
        )
    if version > len(STEPS):
        raise SchemaTooNewError(
            f"{address} has schema version {version}, and this Tasky knows versions up to {len(STEPS)};"
            " it was left as it is",
            hint="Upgrade the tasky-postgres distribution.",
        )


def upgrade(connection: psycopg.Connection[Any], version: int) -> None:
    """Take the steps from ``version`` to the newest, inside the caller's transaction."""
    for statements in STEPS[version:]:
        for statement in statements:
            connection.execute(statement)
    connection.execute("UPDATE tasky_store SET schema_version = %s", (len(STEPS),))
