"""A store of an older version becomes one of this version: all of it, once, beside others, or not at all."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeAlias

import psycopg
import pytest

from tasky import StorageError, StorageReadOnlyError, TaskOrder
from tasky.testing.samples import remaining
from tasky_postgres import PostgresTaskRepository, schema
from tasky_postgres.address import Address
from tasky_postgres.server import SUPERUSER, TemporaryServer

MakeOlder: TypeAlias = Callable[[int], None]

DATA = Path(__file__).with_name("data")
OLDER = list(range(1, len(schema.STEPS)))
NAMES = ["Buy milk", "Done", "Later", "Sooner"]
TABLES = ("tasks", "batches", "history")
SHAPES = (
    "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = current_schema() ORDER BY 1",
    "SELECT attrelid::regclass::text, attname, format_type(atttypid, atttypmod), attnotnull, attgenerated"
    " FROM pg_attribute JOIN pg_class ON attrelid = pg_class.oid"
    " WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r' AND attnum > 0 ORDER BY 1, 2",
    "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid)"
    " FROM pg_constraint WHERE connamespace = current_schema()::regnamespace ORDER BY 1, 2",
)


@pytest.fixture
def make_older(address: Address, sql: Any) -> MakeOlder:
    """Make the store as that version made it: four tasks, one changed twice, one deleted."""

    def make(version: int) -> None:
        sql(f"CREATE SCHEMA {address.schema} AUTHORIZATION tasky_user")
        sql("SET ROLE tasky_user")
        sql((DATA / f"version-{version}.sql").read_text("utf-8"))
        sql("RESET ROLE")

    return make


def test_every_older_version_is_kept() -> None:
    """Whoever adds a step keeps a store of the version before it, for these tests."""
    assert sorted(file.name for file in DATA.iterdir()) == [f"version-{version}.sql" for version in OLDER]


@pytest.mark.parametrize("version", OLDER)
def test_an_older_store_is_upgraded(address: Address, make_older: MakeOlder, sql: Any, version: int) -> None:
    """Opening it is enough: it has this version, every row that it had, and no problem."""
    make_older(version)
    before = _rows(sql)
    assert list(PostgresTaskRepository(address).check()) == []
    with PostgresTaskRepository(address) as repository:
        repository.initialize(create=False)
        assert remaining(repository) == NAMES
        assert len(list(repository.history())) == 8
        assert list(repository.check()) == []
    assert sql("SELECT schema_version FROM tasky_store") == [(len(schema.STEPS),)]
    assert _rows(sql) == before


@pytest.mark.parametrize("version", OLDER)
def test_an_upgraded_store_is_like_a_new_one(
    address: Address, make_older: MakeOlder, sql: Any, version: int
) -> None:
    """It has the columns, rules and indexes of a new store."""
    make_older(version)
    _open_and_close(address)
    upgraded = [sql(shape) for shape in SHAPES]
    sql(f"DROP SCHEMA {address.schema} CASCADE")
    _open_and_close(address)
    assert upgraded == [sql(shape) for shape in SHAPES]


@pytest.mark.parametrize("version", OLDER)
def test_a_check_that_meets_an_upgrade_finds_no_problem(
    address: Address, make_older: MakeOlder, version: int
) -> None:
    """It tells of one moment: an index that the newer version has dropped is not missing."""
    make_older(version)
    problems = PostgresTaskRepository(address).check()
    _open_and_close(address)
    assert list(problems) == []


@pytest.mark.parametrize("version", OLDER)
def test_who_waits_for_an_upgrade_sees_every_task(
    server: TemporaryServer,
    address: Address,
    make_older: MakeOlder,
    wait_for_waiters: Callable[[int], None],
    monkeypatch: pytest.MonkeyPatch,
    version: int,
) -> None:
    """A read that began before the upgrade ended, and waited for it, answers as if it had not waited."""
    make_older(version)
    monkeypatch.setattr(schema, "STEPS", schema.STEPS[:version])
    with PostgresTaskRepository(address) as repository:
        repository.initialize()
        monkeypatch.undo()
        with (
            ThreadPoolExecutor(1) as threads,
            psycopg.connect(
                host=str(server.folder), user=SUPERUSER, dbname=address.parameters["dbname"]
            ) as owner,
        ):
            owner.execute(f"SET search_path = {address.schema}".encode())
            schema.upgrade(owner, version)
            found = threads.submit(lambda: [*repository.find_tasks(order=TaskOrder("due"))])
            wait_for_waiters(1)
            owner.commit()
            assert sorted(task.name for task in found.result()) == NAMES


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE tasks OWNER TO CURRENT_USER; GRANT ALL ON tasks TO tasky_user",
        "REVOKE CREATE ON SCHEMA {schema} FROM tasky_user",
        "ALTER ROLE tasky_user SET default_transaction_read_only = on",
    ],
)
@pytest.mark.parametrize("version", OLDER)
def test_who_may_not_upgrade_is_told_who_may(
    address: Address, make_older: MakeOlder, sql: Any, statement: str, version: int
) -> None:
    """Whoever may read and write, but neither own nor create, is told what has to be done, and by whom."""
    make_older(version)
    sql(statement.format(schema=address.schema))
    try:
        with pytest.raises(StorageReadOnlyError, match=f"version {version} and has to be upgraded") as caught:
            PostgresTaskRepository(address).initialize()
    finally:
        sql("ALTER ROLE tasky_user RESET default_transaction_read_only")
    assert "owner" in caught.value.hint
    assert sql("SELECT schema_version FROM tasky_store") == [(version,)]


def test_a_failed_upgrade_changes_nothing(
    repository: PostgresTaskRepository, address: Address, sql: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All steps are taken or none."""
    steps = ("CREATE TABLE later (one integer)", "SELECT 1 / 0")
    version = len(schema.STEPS)
    monkeypatch.setattr(schema, "STEPS", [*schema.STEPS, steps])
    with pytest.raises(StorageError):
        PostgresTaskRepository(address).initialize()
    assert sql("SELECT schema_version, to_regclass('later') FROM tasky_store") == [(version, None)]


def _open_and_close(address: Address) -> None:
    with PostgresTaskRepository(address) as repository:
        repository.initialize()


def _rows(sql: Any) -> list[list[tuple[Any, ...]]]:
    return [sql(f"SELECT * FROM {table} ORDER BY 1, 2") for table in TABLES]
