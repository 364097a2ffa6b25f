"""What the conformance kit needs done to a store in PostgreSQL, and what only its author knows how to do.

Without a location from the command line the kit gets a server of its own, which it may also stop. At a given
one the stores are schemas of their own, named ``tasky_kit_...``, and dropped at the end; what needs the right
to everything is left unproven.
"""

from __future__ import annotations

import atexit
import os
import random
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import quote
from uuid import UUID, uuid4

import psycopg

from tasky import StorageLocation, TaskRepository, TaskyError
from tasky.testing import NotProvenError, StoreHarness
from tasky_postgres.address import Address, address_from_location
from tasky_postgres.opening import Connection, connect
from tasky_postgres.repository import PostgresTaskRepository
from tasky_postgres.schema import STEPS
from tasky_postgres.server import SUPERUSER, TemporaryServer, installed_servers

__all__ = ["PostgresHarness"]

_ROLE = "tasky_user"
_DATABASE = "tracker"
_OWN = "tasky_own_"  # begins the schemas on a server of our own
_SMALL = "small"  # the tablespace of a store that has little space


class PostgresHarness(StoreHarness):
    """Stores for the kit, each in a schema of its own, on a server of its own or on one that is given."""

    server: ClassVar[TemporaryServer | None] = None
    programs: ClassVar[int] = 0  # which of the servers that are installed: the newest one

    @classmethod
    def own_server(cls) -> TemporaryServer:
        """The server of this process, started when first asked for, with a database and a plain role."""
        if cls.server is None:
            found = installed_servers()
            if not found:
                raise NotProvenError(
                    "no PostgreSQL server is installed; the extra 'testing' of tasky-postgres brings one"
                )
            cls.server = TemporaryServer(found[cls.programs])
            atexit.register(cls.server.close)
            with _superuser(cls.server.folder) as connection:
                connection.execute(f"CREATE ROLE {_ROLE} LOGIN")
                connection.execute(f"CREATE DATABASE {_DATABASE} OWNER {_ROLE}")
        return cls.server

    def fresh_location(self, directory: Path) -> StorageLocation:
        """A schema that is not there yet, at the location that was given or on a server of our own."""
        if self.given is not None:
            schema = f"tasky_kit_{uuid4().hex}"
            query = [(name, value) for name, value in self.given.query if name != "schema"]
            location = replace(self.given, query=(*query, ("schema", schema)))
            atexit.register(_drop, location)
            return location
        host, schema = quote(str(self.own_server().folder), safe=""), f"{_OWN}{uuid4().hex}"
        return StorageLocation.parse(f"postgresql://{_ROLE}@{host}/{_DATABASE}?schema={schema}")

    def footprint(self, location: StorageLocation) -> object:
        """The tables of the schema and all their rows."""
        address = address_from_location(location)
        with connect(address) as connection:
            tables = connection.execute(
                "SELECT relname, relkind::text FROM pg_class"
                " JOIN pg_namespace ON pg_namespace.oid = relnamespace"
                " WHERE nspname = %s ORDER BY relname",
                (address.schema,),
            ).fetchall()
            return tables, {
                name: connection.execute(f'SELECT t::text FROM "{name}" AS t ORDER BY 1'.encode()).fetchall()  # noqa: S608 - our own table's name
                for name, kind in tables
                if kind == "r"
            }

    def impatient(self, location: StorageLocation) -> TaskRepository:
        """A repository that waits for others for 0.1 s."""
        return PostgresTaskRepository(replace(address_from_location(location), lock_timeout=0.1))

    def make_newer(self, location: StorageLocation) -> None:
        """Raise the version of the schema."""
        _execute(location, "UPDATE tasky_store SET schema_version = %s", len(STEPS) + 1)

    def damage_task(self, location: StorageLocation, task_id: UUID) -> None:
        """Write what is no JSON into the task's row, past the table's own rules."""
        _execute(location, "UPDATE tasks SET extra = '{unreadable}' WHERE task_id = %s", task_id)

    def contradict(self, location: StorageLocation, task_id: UUID) -> None:
        """Raise the task's revision, of which the history knows nothing."""
        _execute(location, "UPDATE tasks SET revision = 99 WHERE task_id = %s", task_id)

    def without_parent(self, location: StorageLocation) -> StorageLocation:
        """A database that is not there."""
        return replace(location, path=f"/not_there_{uuid4().hex}")

    def make_foreign(self, location: StorageLocation) -> None:
        """Put a table of somebody else's into the schema."""
        schema = address_from_location(location).schema
        _execute(location, f'CREATE SCHEMA "{schema}"')
        _execute(location, "CREATE TABLE notes (note text)")
        _execute(location, "INSERT INTO notes VALUES ('somebody''s')")

    def damage(self, location: StorageLocation, chance: random.Random) -> None:
        """Do with the rights of the owner what no Tasky does."""
        for table, name in _execute(location, _CONSTRAINTS):
            _execute(location, f'ALTER TABLE {table} DROP CONSTRAINT "{name}"')
        for _ in range(chance.choice([1, 1, 3])):
            harm = chance.choice(_HARMS)
            a_row = rf"ctid = (SELECT ctid FROM \1 ORDER BY ctid OFFSET {chance.randrange(40)} LIMIT 1)"  # noqa: S608 - a number
            with suppress(psycopg.ProgrammingError):  # an earlier harm is in the way
                _execute(location, re.sub("ANY OF ([a-z]+)", a_row, harm))

    @contextmanager
    def read_only(self, location: StorageLocation) -> Iterator[None]:
        """Take the right to write from the role, the owner, who has it like anybody else."""
        if _execute(location, "SELECT rolsuper FROM pg_roles WHERE rolname = current_user") == [(True,)]:
            raise NotProvenError("the location names a superuser, who may do everything")
        schema = address_from_location(location).schema
        rights = "INSERT, UPDATE, DELETE, TRUNCATE ON ALL TABLES IN SCHEMA"
        _execute(location, f'REVOKE {rights} "{schema}" FROM CURRENT_USER')
        try:
            yield
        finally:
            _execute(location, f'GRANT {rights} "{schema}" TO CURRENT_USER')

    @contextmanager
    def little_space(self, location: StorageLocation) -> Iterator[None]:
        """Move the store to a file system in memory, of which 60,000 bytes are free."""
        address = address_from_location(location)
        if not address.schema.startswith(_OWN) or os.geteuid() != 0:  # `given` is not known in a worker
            raise NotProvenError("only root can make a file system that is small, on a server of its own")
        folder = Path(address.parameters["host"])
        place = folder / _SMALL
        place.mkdir()
        _run("mount", "-t", "tmpfs", "-o", "size=1g", "tmpfs", str(place))
        try:
            shutil.chown(place, folder.owner(), folder.group())
            with _superuser(folder) as connection:
                connection.execute(f"CREATE TABLESPACE {_SMALL} LOCATION '{place}'".encode())
            self._move(address, _SMALL)
            size = shutil.disk_usage(place).used + 60_000
            _run("mount", "-o", f"remount,size={size}", str(place))
            try:
                yield
            finally:
                _run("mount", "-o", "remount,size=1g", str(place))
                self._move(address, "pg_default")
                with _superuser(folder) as connection:
                    connection.execute(f"DROP TABLESPACE {_SMALL}")
        finally:
            _run("umount", str(place))
            place.rmdir()

    def stop_server(self, location: StorageLocation) -> None:
        """Kill every process of the server."""
        self._stoppable().kill()

    def start_server(self, location: StorageLocation) -> None:
        """Start it again, with what is on its disk."""
        self._stoppable().start()

    def prove_durability(self, factory: Callable[[Any], TaskRepository], location: StorageLocation) -> None:
        """The server's settings, as a session of ours has them."""
        with factory(location) as repository:
            repository.initialize()
        with connect(address_from_location(location)) as connection:
            for setting in ("fsync", "full_page_writes"):
                assert _one(connection, f"SHOW {setting}") == "on", f"the server has {setting} switched off"
            commits = _one(connection, "SHOW synchronous_commit")
            assert commits != "off", "an answer comes before the log is synced"

    def _stoppable(self) -> TemporaryServer:
        if self.given is not None or self.server is None:
            raise NotProvenError("the server at the given location is not the kit's to stop")
        return self.server

    def _move(self, address: Address, tablespace: str) -> None:
        folder = Path(address.parameters["host"])
        with _superuser(folder, _DATABASE) as connection:
            for kind, what in (("r", "TABLE"), ("i", "INDEX")):
                found = connection.execute(
                    "SELECT relname FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace"
                    " WHERE nspname = %s AND relkind = %s",
                    (address.schema, kind),
                ).fetchall()
                for (name,) in found:
                    connection.execute(
                        f'ALTER {what} "{address.schema}"."{name}" SET TABLESPACE {tablespace}'.encode()
                    )


_CONSTRAINTS = (
    "SELECT conrelid::regclass::text, conname FROM pg_constraint"
    " JOIN pg_namespace ON pg_namespace.oid = connamespace WHERE nspname = current_schema() AND contype = 'c'"
)
_HARMS = (
    "DELETE FROM tasks WHERE ANY OF tasks",
    "DELETE FROM history WHERE ANY OF history",
    "DELETE FROM batches",
    "DELETE FROM tasky_store",
    "TRUNCATE tasks",
    "TRUNCATE history",
    "DROP TABLE tasks",
    "DROP TABLE history",
    "DROP TABLE batches",
    "DROP TABLE tasky_store",
    "DROP INDEX tasks_created",
    "ALTER TABLE tasks RENAME extra TO other",
    "ALTER TABLE tasks ALTER revision TYPE text",
    "ALTER TABLE tasks ALTER priority TYPE text",
    "ALTER TABLE tasks RENAME tags TO other_tags",
    "ALTER TABLE tasks ALTER due_at TYPE text",
    "ALTER TABLE batches DROP COLUMN actor",
    "ALTER TABLE history ALTER sequence TYPE text",
    "UPDATE tasky_store SET schema_version = -5",
    "UPDATE tasky_store SET last_sequence = 0",
    "UPDATE tasks SET status = 'odd' WHERE ANY OF tasks",
    "UPDATE tasks SET priority = 77 WHERE ANY OF tasks",
    "UPDATE tasks SET tags = ARRAY[NULL, 'a b'] WHERE ANY OF tasks",
    "UPDATE tasks SET tags = '{{a},{b}}' WHERE ANY OF tasks",
    "UPDATE tasks SET depends_on = ARRAY[NULL]::uuid[] WHERE ANY OF tasks",
    "UPDATE tasks SET extra = '[1]' WHERE ANY OF tasks",
    "UPDATE tasks SET extra = '{' WHERE ANY OF tasks",
    "UPDATE tasks SET created_at = 'infinity' WHERE ANY OF tasks",
    "UPDATE tasks SET due_at = '4000-01-01 BC' WHERE ANY OF tasks",
    "UPDATE tasks SET updated_at = '20000-01-01' WHERE ANY OF tasks",
    "UPDATE tasks SET name = chr(7) WHERE ANY OF tasks",
    "UPDATE tasks SET name_folded = 'other' WHERE ANY OF tasks",
    "UPDATE tasks SET revision = -1 WHERE ANY OF tasks",
    "UPDATE tasks SET project_id = 'A B' WHERE ANY OF tasks",
    "UPDATE tasks SET task_id = gen_random_uuid() WHERE ANY OF tasks",
    "UPDATE history SET before = '{' WHERE ANY OF history",
    "UPDATE history SET before = '{}'",
    "UPDATE history SET revision = 0 WHERE ANY OF history",
    "UPDATE history SET batch = 99 WHERE ANY OF history",
    "UPDATE history SET task_id = gen_random_uuid() WHERE ANY OF history",
    "UPDATE batches SET at = 'infinity' WHERE ANY OF batches",
    "UPDATE batches SET actor = chr(7) WHERE ANY OF batches",
)


def _execute(location: StorageLocation, statement: str, *values: object) -> list[Any]:
    with connect(address_from_location(location)) as connection:
        cursor = connection.execute(statement.encode(), values or None)
        return cursor.fetchall() if cursor.description else []


def _drop(location: StorageLocation) -> None:
    schema = address_from_location(location).schema
    with suppress(TaskyError, psycopg.Error):  # it is the end of the process, and the server may be gone
        _execute(location, f'DROP SCHEMA IF EXISTS "{schema}" CASCADE')


def _one(connection: Connection, query: str) -> object:
    row = connection.execute(query.encode()).fetchone()
    assert row is not None  # whoever asks knows that there is one
    return row[0]


def _superuser(folder: Path, database: str = SUPERUSER) -> psycopg.Connection[Any]:
    return psycopg.connect(host=str(folder), user=SUPERUSER, dbname=database, autocommit=True)


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - mount and umount
    if done.returncode != 0:
        raise NotProvenError(f"{command[0]} is not allowed here: {done.stderr.strip()}")
