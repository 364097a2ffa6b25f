"""A role has the rights that its work needs, and no others."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tasky import StorageReadOnlyError, StoreMissingError
from tasky.testing.samples import create, make_task, remaining, update
from tasky_postgres import PostgresTaskRepository
from tasky_postgres.address import Address

README = Path(__file__).parents[1] / "README.md"


@pytest.fixture
def member(repository: PostgresTaskRepository, address: Address, sql: Any) -> Iterator[Address]:
    """A role that may do nothing yet, at the store of ``repository``."""
    name = f"member_{uuid4().hex}"
    sql(f"CREATE ROLE {name} LOGIN")
    yield replace(address, parameters={**address.parameters, "user": name})
    sql(f"DROP OWNED BY {name}")
    sql(f"DROP ROLE {name}")


def granted(sql: Any, address: Address, heading: str) -> None:
    """Do what the README says below the heading, for this role and schema."""
    section = README.read_text(encoding="utf-8").partition(f"{heading}\n")[2]
    block = re.search(r"```sql\n(.*?)```", section, re.DOTALL)
    assert block is not None
    text = block[1].replace("ann", address.parameters["user"]).replace("tasky", address.schema)
    for statement in filter(
        None, map(str.strip, text.replace(f"{address.schema}_store", "tasky_store").split(";"))
    ):
        sql(statement)


def test_everyday_commands_need_no_right_to_create_or_drop(member: Address, sql: Any) -> None:
    """With the rights that the README lists for members, a role reads, writes and checks, and no more."""
    granted(sql, member, "Members read and write:")
    with PostgresTaskRepository(member) as repository:
        repository.initialize()
        task = make_task("a")
        create(repository, task)
        update(repository, task, name="b")
        create(repository, *(make_task(f"task {number}") for number in range(5_600)))
        assert len(remaining(repository)) == 5_601
        assert list(repository.check()) == []
    user = member.parameters["user"]
    rights = (
        "has_table_privilege(%s, 'tasks', 'TRUNCATE'), has_schema_privilege(%s, current_schema(), 'CREATE')"
    )
    assert sql(f"SELECT {rights}", user, user) == [(False, False)]


def test_a_reader_reads_and_is_told_that_writing_is_not_for_them(member: Address, sql: Any) -> None:
    """With the rights that the README lists for readers, reading works, and writing says what is missing."""
    granted(sql, member, "Readers only read:")
    with PostgresTaskRepository(member) as repository:
        repository.initialize()
        assert remaining(repository) == []
        assert list(repository.check()) == []
        with pytest.raises(StorageReadOnlyError) as caught:
            create(repository, make_task("a"))
        assert "rights" in caught.value.hint


def test_a_stranger_may_not_look(member: Address) -> None:
    """Without any right the store is not 'missing': it may not be read, and none is made in its place."""
    for attempt in (
        lambda: PostgresTaskRepository(member).initialize(create=False),
        PostgresTaskRepository(member).initialize,
        lambda: list(PostgresTaskRepository(member).check()),
    ):
        with pytest.raises(StorageReadOnlyError, match="may not be read by this role"):
            attempt()


def test_a_check_without_rights_is_no_damage(member: Address, sql: Any) -> None:
    """Who may see that there is a store, and not its tasks, is told what is missing, and of no problem."""
    user = member.parameters["user"]
    sql(f"GRANT USAGE ON SCHEMA {member.schema} TO {user}")
    sql(f"GRANT SELECT ON tasky_store TO {user}")
    with pytest.raises(StorageReadOnlyError, match="permission denied for table tasks"):
        list(PostgresTaskRepository(member).check())


def test_a_stranger_to_the_database_cannot_make_a_store(member: Address) -> None:
    """Who may not create in the database is told so, and nothing is left half made."""
    elsewhere = replace(member, schema=f"{member.schema[:50]}_2")
    with pytest.raises(StorageReadOnlyError):
        PostgresTaskRepository(elsewhere).initialize()
    with pytest.raises(StoreMissingError):
        PostgresTaskRepository(elsewhere).initialize(create=False)


def test_a_read_only_role_is_obeyed(
    repository: PostgresTaskRepository, address: Address, member: Address, sql: Any
) -> None:
    """A role, database or standby that is set to read only can be read, and is not argued with."""
    granted(sql, member, "Members read and write:")
    create(repository, make_task("a"))
    sql(f"ALTER ROLE {member.parameters['user']} SET default_transaction_read_only = on")
    with PostgresTaskRepository(member) as careful:
        careful.initialize()
        assert remaining(careful) == ["a"]
        with pytest.raises(StorageReadOnlyError):
            create(careful, make_task("b"))
    assert remaining(repository) == ["a"]
