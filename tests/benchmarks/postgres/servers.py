"""A PostgreSQL server of the run's own, and a database on it for each size of store."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeAlias
from urllib.parse import quote
from uuid import uuid4

import psycopg
from tests.benchmarks.dataset import created, tasks

from tasky import StorageLocation, TaskModel
from tasky_postgres import PostgresTaskRepository, postgres_factory
from tasky_postgres.address import address_from_location
from tasky_postgres.server import SUPERUSER, TemporaryServer, installed_servers

__all__ = ["Bare", "Server", "bare", "is_installed", "opened"]

Bare: TypeAlias = psycopg.Connection[tuple[Any, ...]]

SETTINGS: Final = {"shared_buffers": "256MB", "max_wal_size": "1GB"}


def is_installed() -> bool:
    """Whether there is a server to measure on."""
    return bool(installed_servers())


class Server:
    """A running server, stopped and removed on the way out; ``settings`` are PostgreSQL's."""

    def __init__(self, **settings: str) -> None:
        self._server = TemporaryServer(installed_servers()[0], copy_of=None, **SETTINGS, **settings)
        self._models: dict[int, list[TaskModel]] = {}
        self._databases: dict[int, str] = {}

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._server.close()

    def location(self, database: str, schema: str = "tasky") -> StorageLocation:
        """Where the store in that schema of that database is."""
        host = quote(str(self._server.folder), safe="")
        return StorageLocation.parse(f"postgresql://{SUPERUSER}@{host}/{database}?schema={schema}")

    def tasks(self, size: int) -> list[TaskModel]:
        """The tasks of the store of that size, in memory."""
        if size not in self._models:
            self._models[size] = list(tasks(size))
        return self._models[size]

    def store(self, size: int) -> StorageLocation:
        """A store that holds ``tasks(size)``, made when it is first asked for."""
        if size not in self._databases:
            database = self._databases[size] = f"tasks_{size}"
            self._run(f"CREATE DATABASE {database}")
            with opened(self.location(database)) as store:
                store.restore(self.tasks(size), created(self.tasks(size)))
            self._run("VACUUM (ANALYZE)", database)  # as the server does by itself in a quiet minute
            self._run("CHECKPOINT")
        return self.location(self._databases[size])

    @contextmanager
    def copy(self, size: int) -> Iterator[StorageLocation]:
        """Another store of that size, to write to; dropped on the way out."""
        self.store(size)
        with self._database(f"TEMPLATE {self._databases[size]}") as database:
            yield self.location(database)

    @contextmanager
    def empty(self) -> Iterator[StorageLocation]:
        """A database without a store; dropped on the way out."""
        with self._database() as database:
            yield self.location(database)

    def forget(self, size: int) -> None:
        """Drop the store of that size, and let go of its tasks."""
        self._run(f"DROP DATABASE {self._databases.pop(size)}")
        self._models.pop(size, None)

    @contextmanager
    def _database(self, origin: str = "") -> Iterator[str]:
        name = f"bench_{uuid4().hex}"
        self._run(f"CREATE DATABASE {name} {origin}")
        try:
            yield name
        finally:
            self._run(f"DROP DATABASE {name} WITH (FORCE)")

    def _run(self, statement: str, database: str = SUPERUSER) -> None:
        with bare(self.location(database)) as connection:
            connection.execute(statement.encode())


@contextmanager
def opened(location: StorageLocation) -> Iterator[PostgresTaskRepository]:
    """The store at ``location``, created when it is absent."""
    with postgres_factory(location) as store:
        store.initialize()
        yield store


@contextmanager
def bare(location: StorageLocation) -> Iterator[Bare]:
    """A connection of psycopg to the database there, with nothing around it, that sees the store's tables."""
    address = address_from_location(location)
    with psycopg.connect(autocommit=True, **address.parameters) as connection:  # type: ignore[arg-type]  # texts for libpq
        connection.execute(f"SET search_path = {address.schema}; SET TIME ZONE 'UTC'; SET jit = off".encode())
        yield connection
