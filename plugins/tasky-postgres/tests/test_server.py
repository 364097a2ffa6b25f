"""Servers of one's own: every version that is installed does the job, and none is left behind."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from time import monotonic
from urllib.parse import quote

import psycopg
import pytest

from tasky import OutcomeUnknownError, StorageLocation, TaskChange
from tasky.testing.samples import changed, create, example_store, make_batch, make_task, remaining
from tasky_postgres import PostgresTaskRepository, postgres_factory
from tasky_postgres.inserting import CHUNK
from tasky_postgres.server import (
    SUPERUSER,
    TemporaryServer,
    _listed,
    _processes,
    installed_servers,
)

SERVERS = installed_servers()
PATIENCE = 60.0  # seconds


def store(*servers: TemporaryServer, **query: str) -> PostgresTaskRepository:
    """A store in the database of the superuser, on whichever of the servers takes writes."""
    hosts = ",".join([quote(str(server.folder), safe="") for server in servers])
    more = "&".join([f"{name}={value}" for name, value in query.items()])
    location = StorageLocation.parse(f"postgresql://{SUPERUSER}@{hosts}/{SUPERUSER}?{more}")
    return postgres_factory(location)


@pytest.mark.parametrize("programs", SERVERS, ids=lambda path: "-".join(path.parts[-3:-1]))
def test_every_version_does_the_job(programs: Path) -> None:
    """Two major versions come with the wheel, perhaps more with the machine: a store works on each."""
    with TemporaryServer(programs) as server, store(server) as repository:
        repository.initialize()
        tasks, history = example_store()
        repository.restore(tasks, history)
        more = [make_task(f"task {number}") for number in range(2 * CHUNK + 1_000)]
        create(repository, *more)
        repository.apply(make_batch(), [TaskChange(more[0], changed(more[0])), TaskChange(more[1], None)])
        assert len(list(repository.find_tasks())) == len(tasks) + len(more) - 1
        assert list(repository.check()) == []


def test_two_versions_come_with_the_wheel() -> None:
    """The tests need no PostgreSQL on the machine, and try an older one beside the newest."""
    assert len(SERVERS) >= 2


@pytest.fixture
def pair() -> Iterator[tuple[TemporaryServer, TemporaryServer]]:
    """A server, and a standby that has to have a commit before the server answers."""
    with (
        TemporaryServer(SERVERS[0]) as primary,
        TemporaryServer(SERVERS[0], copy_of=primary.folder) as standby,
    ):
        wait_for_standbys(primary, "*")
        yield primary, standby


def wait_for_standbys(server: TemporaryServer, names: str) -> None:
    """Let commits wait for a standby of these names, from now on."""
    with psycopg.connect(host=str(server.folder), user=SUPERUSER, autocommit=True) as connection:
        connection.execute(f"ALTER SYSTEM SET synchronous_standby_names = '{names}'".encode())
        connection.execute("SELECT pg_reload_conf()")
        deadline = monotonic() + PATIENCE
        while connection.execute("SHOW synchronous_standby_names").fetchone() != (names,):
            assert monotonic() < deadline, "the server does not take its new settings"


def test_a_commit_that_no_standby_has_is_called_that(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is no line that was lost: the message says what is missing; the batch is seen when that is there."""
    monkeypatch.setattr("tasky_postgres.opening._GRACE", 0.5)
    hasty = {"statement_timeout": "0.5", "lock_timeout": "0.5"}
    with TemporaryServer(SERVERS[0]) as server, store(server, **hasty) as repository:
        repository.initialize()
        wait_for_standbys(server, "gone")
        with pytest.raises(OutcomeUnknownError, match="no synchronous standby has it"):
            create(repository, make_task("a"))
        assert remaining(repository) == []
        wait_for_standbys(server, "")
        with store(server) as patient:
            patient.initialize(create=False)
            create(patient, make_task("b"))
        assert remaining(repository) == ["a", "b"]


def test_a_promoted_standby_has_what_was_acknowledged(pair: tuple[TemporaryServer, TemporaryServer]) -> None:
    """When a standby takes over from its server, every acknowledged write is there, and work goes on."""
    primary, standby = pair
    with store(primary, standby, target_session_attrs="read-write") as repository:
        repository.initialize()
        for number in range(20):
            create(repository, make_task(f"task {number:02}"))
        primary.kill()
        with psycopg.connect(host=str(standby.folder), user=SUPERUSER, autocommit=True) as connection:
            assert connection.execute("SELECT pg_promote()").fetchone() == (True,)
        assert remaining(repository) == [f"task {number:02}" for number in range(20)]
        create(repository, make_task("task 20"))
        assert len(list(repository.history())) == 21
        assert list(repository.check()) == []


def test_a_server_ends_with_the_process_that_wanted_it() -> None:
    """When that process is killed, its server stops and its directory is gone."""
    program = (
        "from tasky_postgres.server import TemporaryServer, installed_servers\n"
        "server = TemporaryServer(installed_servers()[0])\n"
        "print(server.folder, flush=True)\n"
        "input()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        folder = Path(process.stdout.readline().strip())
        assert (folder / "data/postmaster.pid").exists()
        process.send_signal(signal.SIGKILL)
    deadline = monotonic() + PATIENCE
    while folder.exists():
        assert monotonic() < deadline, "the server's directory is still there"


def test_processes_are_found_with_and_without_proc() -> None:
    """What /proc tells on Linux, ps tells elsewhere: both know the same parent of this process."""
    assert {int(pid): int(parent) for pid, parent, _ in _listed()}[os.getpid()] == os.getppid()
    assert _processes()[os.getpid()] == os.getppid()


def test_a_server_that_cannot_start_says_why() -> None:
    """A setting that PostgreSQL does not know ends in its own words, and leaves nothing behind."""
    with pytest.raises(OSError, match="no_such_setting"):
        TemporaryServer(SERVERS[0], no_such_setting="1")


def test_a_server_whose_cluster_cannot_be_made_says_why(tmp_path: Path) -> None:
    """A standby of nothing ends in the words of the program that failed."""
    with pytest.raises(OSError, match="pg_basebackup"):
        TemporaryServer(SERVERS[0], copy_of=tmp_path)


def test_a_server_that_lies_where_nobody_may_go_is_copied(tmp_path: Path) -> None:
    """Programs in a directory of one's own are no obstacle, also to root, whose server belongs to another."""
    package = SERVERS[0].parents[1]
    here = tmp_path / "private" / package.name
    shutil.copytree(SERVERS[0].parent, here / SERVERS[0].parent.name, symlinks=True)
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, here.parent / libraries.name)
    here.parent.chmod(0o700)
    with TemporaryServer(here / SERVERS[0].parent.name / "bin") as server, store(server) as repository:
        repository.initialize()
        assert remaining(repository) == []
