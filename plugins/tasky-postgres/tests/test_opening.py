"""Absent, empty, foreign, older and newer schemas, and databases that cannot hold a store."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
import pytest

from tasky import (
    InvalidLocationError,
    SchemaTooNewError,
    StorageBusyError,
    StorageCorruptError,
    StorageError,
    StorageLocation,
    StorageUnavailableError,
    StoreMissingError,
)
from tasky.testing.samples import create, make_task, remaining
from tasky_postgres import PostgresTaskRepository, opening, postgres_factory, schema
from tasky_postgres.address import Address
from tasky_postgres.opening import connect
from tasky_postgres.server import SUPERUSER, TemporaryServer, installed_servers


def test_a_store_is_made_in_a_schema_of_its_own(repository: PostgresTaskRepository, sql: Any) -> None:
    """Initializing makes the tables with every index, and notes the version."""
    assert sql("SELECT schema_version, last_sequence FROM tasky_store") == [(len(schema.STEPS), 0)]
    made = sql("SELECT indexname FROM pg_indexes WHERE schemaname = current_schema()")
    wanted = schema.indexes(len(schema.STEPS))
    assert {name for (name,) in made} >= wanted >= {"tasks_created", "tasks_free_due"}
    assert "tasks_free" not in wanted


def test_an_empty_schema_is_filled(address: Address, sql: Any) -> None:
    """Where the database's owner has made the schema, a role that may only use it makes the store in it."""
    sql(f"CREATE SCHEMA {address.schema}")
    sql(f"GRANT CREATE, USAGE ON SCHEMA {address.schema} TO tasky_user")
    with PostgresTaskRepository(address) as repository:
        with pytest.raises(StoreMissingError):
            repository.initialize(create=False)
        repository.initialize()
        create(repository, make_task("a"))
        assert remaining(repository) == ["a"]


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE notes (note text)",
        "CREATE TABLE tasky_store (other integer)",
        "CREATE TABLE tasky_store (schema_version integer)",
        "CREATE VIEW tasks AS SELECT 1 AS one",
    ],
)
def test_a_schema_that_holds_something_else_is_left_alone(address: Address, sql: Any, statement: str) -> None:
    """What is not Tasky's is refused and not touched, whatever its tables are called."""
    sql(f"CREATE SCHEMA {address.schema} AUTHORIZATION tasky_user")
    sql(statement)
    sql("SELECT 1")
    with pytest.raises(StorageError):
        PostgresTaskRepository(address).initialize()
    tables = sql("SELECT count(*) FROM pg_class WHERE relnamespace = current_schema()::regnamespace")
    assert tables == [(1,)]


def test_a_newer_schema_is_refused(repository: PostgresTaskRepository, address: Address, sql: Any) -> None:
    """What a newer Tasky wrote is for a newer Tasky."""
    sql("UPDATE tasky_store SET schema_version = 99")
    with pytest.raises(SchemaTooNewError, match="version 99"):
        PostgresTaskRepository(address).initialize()
    (problem,) = PostgresTaskRepository(address).check()
    assert "version 99" in problem.message


@pytest.mark.parametrize(
    "statement", ["DELETE FROM tasky_store", "UPDATE tasky_store SET schema_version = 0"]
)
def test_a_store_that_lost_its_version_is_damaged(
    repository: PostgresTaskRepository, address: Address, sql: Any, statement: str
) -> None:
    """Without a version nobody can say what the tables hold."""
    sql(statement)
    with pytest.raises(StorageCorruptError):
        PostgresTaskRepository(address).initialize()


def test_a_database_that_is_not_there_is_missing(address: Address) -> None:
    """No database is no store, with and without the wish for a new one; the hint makes one."""
    nowhere = replace(address, parameters={**address.parameters, "dbname": "nowhere"})
    for do_create in (True, False):
        with pytest.raises(StoreMissingError) as caught:
            PostgresTaskRepository(nowhere).initialize(create=do_create)
        assert "createdb -E UTF8 -T template0 nowhere" in caught.value.hint


def test_a_database_that_cannot_hold_every_text_is_refused(address: Address, sql: Any) -> None:
    """A database in another encoding than UTF-8 would lose names sooner or later."""
    name = f"latin_{address.schema[-8:]}"
    sql(f"CREATE DATABASE {name} OWNER tasky_user ENCODING 'LATIN1' TEMPLATE template0")
    latin = replace(address, parameters={**address.parameters, "dbname": name})
    with pytest.raises(StorageError, match="LATIN1"):
        PostgresTaskRepository(latin).initialize()


def test_a_server_that_is_too_old_is_refused(address: Address, monkeypatch: pytest.MonkeyPatch) -> None:
    """Old servers lack what the statements need; the message says which is wanted."""
    monkeypatch.setattr(opening, "_OLDEST", 990_000)
    with pytest.raises(StorageError, match="99 or later"):
        PostgresTaskRepository(address).initialize()


def test_a_server_that_is_not_there_is_unavailable(address: Address) -> None:
    """Nobody listens: that is said at once, with what to look at."""
    gone = replace(address, parameters={**address.parameters, "host": "127.0.0.1", "port": "1"})
    for attempt in (PostgresTaskRepository(gone).initialize, PostgresTaskRepository(gone).check):
        with pytest.raises(StorageUnavailableError) as caught:
            attempt()
        assert "PGPASSWORD" in caught.value.hint


@pytest.mark.parametrize("host", ["a..b", "a" * 64 + ".example"])
def test_a_host_that_cannot_be_one_is_a_wrong_location(address: Address, host: str) -> None:
    """What no host is called is a mistake in the location, and no matter of the network."""
    odd = replace(address, parameters={**address.parameters, "host": host})
    for attempt in (PostgresTaskRepository(odd).initialize, PostgresTaskRepository(odd).check):
        with pytest.raises(InvalidLocationError, match="cannot be one"):
            attempt()


@pytest.fixture
def guarded() -> Iterator[TemporaryServer]:
    """A server that asks for a password, except of its superuser."""
    with TemporaryServer(installed_servers()[0]) as server:
        with psycopg.connect(host=str(server.folder), user=SUPERUSER, autocommit=True) as connection:
            connection.execute("CREATE ROLE ann LOGIN PASSWORD 'right'")
            connection.execute("CREATE ROLE guest")
        rules = "local all postgres trust\nlocal all guest trust\nlocal all ann scram-sha-256\n"
        (server.data / "pg_hba.conf").write_text(rules)
        server.kill()
        server.start()
        yield server


def test_who_is_not_let_in_is_told_so(guarded: TemporaryServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong password, none, a role that may not log in and one without a rule are not a network's fault."""
    monkeypatch.setenv("PGPASSFILE", "/nowhere")
    for user in ("ann:wrong", "ann", "guest", "bob"):
        location = StorageLocation.parse(
            f"postgresql://{user}@{quote(str(guarded.folder), safe='')}/postgres"
        )
        with pytest.raises(StorageUnavailableError, match="does not let this user in") as caught:
            postgres_factory(location).initialize()
        assert "PGPASSWORD" in caught.value.hint
        assert "wrong" not in str(caught.value)


def test_a_server_without_tls_is_told_from_one_that_is_away(address: Address, line: Any) -> None:
    """Where the location asks for TLS and the server has none, the message and the hint speak of that."""
    parameters = {**address.parameters, "host": "127.0.0.1", "port": str(line.port), "sslmode": "require"}
    with pytest.raises(StorageUnavailableError, match="over TLS") as caught:
        PostgresTaskRepository(replace(address, parameters=parameters)).initialize()
    assert "sslmode" in caught.value.hint


def test_a_service_that_is_not_known_is_told_from_a_server_that_is_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message says which service, and the hint where they are written down."""
    (tmp_path / "services").write_text("[other]\nhost=db\n")
    for file in ("services", "nothing"):
        monkeypatch.setenv("PGSERVICEFILE", str(tmp_path / file))
        with pytest.raises(StorageUnavailableError, match="service=team names a service") as caught:
            postgres_factory(StorageLocation.parse("postgresql:///?service=team")).initialize()
        assert "pg_service.conf" in caught.value.hint


def test_making_a_store_waits_for_another_that_makes_it(address: Address, sql: Any) -> None:
    """The lock under which a store is made is waited for, and for no longer than the lock time-out."""
    sql("SELECT pg_advisory_lock(hashtextextended(%s, 0))", f"tasky {address.schema}")
    with pytest.raises(StorageBusyError):
        PostgresTaskRepository(replace(address, lock_timeout=0.1)).initialize()
    sql("SELECT pg_advisory_unlock_all()")
    with PostgresTaskRepository(address) as repository:
        repository.initialize()


def _make(address: Address) -> list[str]:
    with PostgresTaskRepository(address) as repository:
        repository.initialize()
        return remaining(repository)


def test_who_waited_for_another_sees_what_it_made(
    address: Address, sql: Any, wait_for_waiters: Callable[[int], None]
) -> None:
    """Several that make a store at once agree on one, whatever isolation the role's transactions have."""
    sql("ALTER ROLE tasky_user SET default_transaction_isolation = 'repeatable read'")
    sql("SELECT pg_advisory_lock(hashtextextended(%s, 0))", f"tasky {address.schema}")
    try:
        with ThreadPoolExecutor(2) as threads:
            made = [threads.submit(_make, address) for _ in range(2)]
            wait_for_waiters(2)
            sql("SELECT pg_advisory_unlock_all()")
            assert [future.result() for future in made] == [[], []]
    finally:
        sql("ALTER ROLE tasky_user RESET default_transaction_isolation")


def test_a_session_keeps_the_promise_of_durability(address: Address, sql: Any) -> None:
    """A commit waits for the disk also where the role's own settings say that it need not."""
    sql("ALTER ROLE tasky_user SET synchronous_commit = off")
    try:
        with connect(address) as connection:
            assert connection.execute("SHOW synchronous_commit").fetchone() == ("on",)
    finally:
        sql("ALTER ROLE tasky_user RESET synchronous_commit")
    with connect(address) as connection:
        assert connection.execute("SHOW TimeZone").fetchone() == ("UTC",)


def test_the_session_is_ours_whatever_the_role_prefers(address: Address, sql: Any) -> None:
    """Time zone, date style and search path of a role change nothing about what is read."""
    for setting in ("TimeZone = 'Asia/Kathmandu'", "DateStyle = 'SQL, DMY'", "search_path = public"):
        sql(f"ALTER ROLE tasky_user SET {setting}")
    try:
        with PostgresTaskRepository(address) as repository:
            repository.initialize()
            create(repository, make_task("a"))
            assert repository.get_all_tasks() == [make_task("a")]
    finally:
        sql("ALTER ROLE tasky_user RESET ALL")
