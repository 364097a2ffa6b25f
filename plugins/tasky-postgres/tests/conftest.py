"""What the tests of this plugin share: a store on a real server, a look into it, a line that can be cut."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from time import monotonic
from typing import Any, TypeAlias

import psycopg
import pytest

from tasky import StorageLocation
from tasky_postgres import PostgresTaskRepository, postgres_factory
from tasky_postgres.address import Address, address_from_location
from tasky_postgres.harness import PostgresHarness
from tasky_postgres.server import SUPERUSER, TemporaryServer

Sql: TypeAlias = Callable[..., list[tuple[Any, ...]]]
Run: TypeAlias = Callable[..., subprocess.Popen[str]]

# What every program below begins with.
PRELUDE = """
import os, sys, threading
from uuid import uuid4
from tasky import Batch, StorageLocation, StorageError, TaskChange
from tasky.testing.samples import changed, create, make_batch, make_task, remaining
from tasky_postgres import postgres_factory
repository = postgres_factory(StorageLocation.parse(sys.argv[1]))
"""


@pytest.fixture
def server() -> TemporaryServer:
    """The server that all tests of this process use; who ends it starts it again."""
    return PostgresHarness.own_server()


@pytest.fixture
def location(tmp_path: Path) -> StorageLocation:
    """Where there is no store yet."""
    return PostgresHarness().fresh_location(tmp_path)


@pytest.fixture
def address(location: StorageLocation) -> Address:
    """The same, as the driver is told."""
    return address_from_location(location)


@pytest.fixture
def repository(location: StorageLocation) -> Iterator[PostgresTaskRepository]:
    """An open, empty store; closed at the end."""
    with postgres_factory(location) as repository:
        repository.initialize()
        yield repository


@pytest.fixture
def sql(server: TemporaryServer, address: Address) -> Iterator[Sql]:
    """Run one statement in the database, past the repository and as one who may do everything."""
    with psycopg.connect(
        host=str(server.folder), user=SUPERUSER, dbname=address.parameters["dbname"], autocommit=True
    ) as connection:
        connection.execute(f"SET search_path = {address.schema}".encode())

        def run(statement: str, *params: Any) -> list[tuple[Any, ...]]:
            cursor = connection.execute(statement.encode(), params or None)
            return cursor.fetchall() if cursor.description else []

        yield run


@pytest.fixture
def wait_for_waiters(sql: Sql) -> Callable[[int], None]:
    """Return when so many wait for locks; fails after a minute."""

    def wait(count: int) -> None:
        deadline = monotonic() + 60
        while len(sql("SELECT 1 FROM pg_locks WHERE NOT granted")) < count:
            assert monotonic() < deadline, "nobody waits for the locks"

    return wait


@pytest.fixture
def run(location: StorageLocation) -> Iterator[Run]:
    """Start a Python program in a process of its own; it has a repository at the location."""
    started: list[subprocess.Popen[str]] = []

    def start(program: str, *arguments: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", PRELUDE + program, location.written.reveal(), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate(timeout=60)


class Line:
    """A TCP port that passes everything on to the server, until it is told what to do to the next ``word``.

    ``fault`` is done once, when a client sends ``word``: ``cut`` (the server gets half of it, and both sides
    lose the line), ``lose`` (the server gets nothing, and only the client loses the line), ``forget`` (the
    server gets it, and both lose the line when it answers), ``swallow`` (the server gets it, and its answers
    get nowhere, though the line stays). ``refuse`` takes no more lines.
    """

    def __init__(self, target: Path) -> None:
        self.word = b""
        self.fault = ""
        self.grain = 65536  # bytes that are passed on at a time
        self._target = target
        self._ends: list[socket.socket] = []
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def prepare(self, fault: str, word: bytes) -> None:
        """Do it to the next one; ``word`` is empty when it is done."""
        self.fault, self.word = fault, word

    def refuse(self) -> None:
        """Take no more lines."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def close(self) -> None:
        """Cut all."""
        self.refuse()
        for end in self._ends:
            _cut(end)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._socket.accept()
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                server = socket.socket(socket.AF_UNIX)
                server.connect(str(self._target))
                self._ends += [client, server]
                faults: list[str] = []
                for job in (self._requests, self._answers):
                    threading.Thread(target=job, args=(client, server, faults), daemon=True).start()

    def _requests(self, client: socket.socket, server: socket.socket, faults: list[str]) -> None:
        with suppress(OSError):
            while data := client.recv(65536):
                if self.word and self.word in data:
                    faults.append(self.fault)
                    self.word = b""
                if faults == ["lose"]:
                    _cut(client)
                    return
                if faults == ["cut"]:
                    server.sendall(data[: len(data) // 2])
                    break
                server.sendall(data)
            _cut(client)
            _cut(server)

    def _answers(self, client: socket.socket, server: socket.socket, faults: list[str]) -> None:
        with suppress(OSError):
            while data := server.recv(self.grain):
                if faults == ["forget"]:
                    break
                if not faults:
                    client.sendall(data)
            _cut(client)
            _cut(server)


def _cut(end: socket.socket) -> None:
    with suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()


@pytest.fixture
def line(server: TemporaryServer) -> Iterator[Line]:
    """A port of this machine that leads to the server."""
    line = Line(server.folder / ".s.PGSQL.5432")
    yield line
    line.close()


@pytest.fixture
def far(repository: PostgresTaskRepository, address: Address, line: Line) -> Iterator[PostgresTaskRepository]:
    """The store of ``repository``, reached through the line; it is impatient."""
    parameters = {**address.parameters, "host": "127.0.0.1", "port": str(line.port), "sslmode": "disable"}
    far = replace(address, parameters=parameters, lock_timeout=5.0, statement_timeout=2.0)
    with PostgresTaskRepository(far) as repository:
        repository.initialize(create=False)
        yield repository
