"""A location says which server, which database and which schema, and nothing else gets through."""

from __future__ import annotations

from typing import Any

import pytest

from tasky import InvalidLocationError, StorageLocation
from tasky_postgres import PostgresTaskRepository, postgres_factory
from tasky_postgres.address import Address, address_from_location


def address(text: str) -> Address:
    """The address of a location as it is written."""
    return address_from_location(StorageLocation.parse(text))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("postgresql://db.example/tracker", {"host": "db.example", "dbname": "tracker"}),
        ("postgres://ann@db.example:5433/tracker", {"user": "ann", "host": "db.example", "port": "5433"}),
        ("postgresql://ann:s%2Fcret@db/tracker", {"user": "ann", "password": "s/cret"}),
        ("postgresql://[::1]:5433/tracker", {"host": "::1", "port": "5433"}),
        ("postgresql://one:1,two:2/t", {"host": "one,two", "port": "1,2"}),
        ("postgresql://one,[::1]:2/t", {"host": "one,::1", "port": ",2"}),
        ("postgresql:///tracker?host=/run/postgresql", {"host": "/run/postgresql", "dbname": "tracker"}),
        (
            "postgresql://db/t?sslmode=verify-full&sslrootcert=/ca",
            {"sslmode": "verify-full", "sslrootcert": "/ca"},
        ),
        ("postgresql:///?service=team", {"service": "team"}),
        ("postgresql://db/t?connect_timeout=3", {"connect_timeout": "3"}),
    ],
)
def test_a_location_is_read_as_libpq_reads_it(text: str, expected: dict[str, str]) -> None:
    """Every part of the location gets to the driver under libpq's name for it."""
    parameters = address(text).parameters
    assert {name: parameters.get(name) for name in expected} == expected


@pytest.mark.parametrize("name", ["host", "dbname", "user", "port", "password"])
def test_what_is_not_said_is_left_to_libpq(name: str) -> None:
    """Without a host, a user or a database the environment, the service file and libpq's defaults decide."""
    assert name not in address("postgresql:///").parameters


def test_a_project_lies_in_a_schema_of_its_own() -> None:
    """The schema is the location's, or ``tasky``; time-outs are seconds."""
    assert address("postgresql://db/t").schema == "tasky"
    far = address("postgresql://db/t?schema=web_app&lock_timeout=2.5&statement_timeout=60")
    assert (far.schema, far.lock_timeout, far.statement_timeout) == ("web_app", 2.5, 60.0)


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("schema=Web", "cannot hold a project"),
        ("schema=pg_web", "cannot hold a project"),
        ("schema=information_schema", "cannot hold a project"),
        ('schema=a";DROP', "cannot hold a project"),
        ("schema=" + "a" * 64, "cannot hold a project"),
        ("schema=", "cannot hold a project"),
        ("schema=a&schema=b", "has schema twice"),
        ("lock_timeout=soon", "no number of seconds"),
        ("lock_timeout=0", "no number of seconds"),
        ("statement_timeout=1e9", "no number of seconds"),
        ("sslmode=always", "none that PostgreSQL knows"),
        ("host=other", "says the host twice"),
        ("options=-csearch_path", "does not know"),
        ("dbname=other", "does not know"),
    ],
)
def test_a_query_that_is_not_understood_is_refused(query: str, said: str) -> None:
    """Nothing is guessed, and nothing is ignored."""
    with pytest.raises(InvalidLocationError, match=said):
        address(f"postgresql://db/t?{query}")


def test_a_list_of_hosts_has_to_be_one() -> None:
    """Several hosts are read one by one."""
    with pytest.raises(InvalidLocationError, match="does not list its hosts"):
        address("postgresql://one:1,:2/t")


def test_a_name_that_is_nearly_known_is_guessed() -> None:
    """A slip of the keys is answered with the name that was meant, and with all that there are."""
    with pytest.raises(InvalidLocationError) as caught:
        address("postgresql://db/t?ssl_mode=require")
    assert "Did you mean sslmode?" in caught.value.hint
    assert "schema" in caught.value.hint


@pytest.mark.parametrize(
    "query", ["password=hunter2", "sslpassword=hunter2", "x=1&hunter2=3", "schema=Hunter2"]
)
def test_no_error_repeats_the_query(query: str) -> None:
    """What stands in a query may be a secret that was cut in two: neither names nor values come back."""
    with pytest.raises(InvalidLocationError) as caught:
        address(f"postgresql://db/t?{query}")
    assert "hunter2" not in f"{caught.value} {caught.value.hint}".lower()


def test_nothing_that_is_printed_shows_a_password() -> None:
    """A repository and its address say where they are, and not by which word one gets in."""
    location = StorageLocation.parse("postgresql://ann:hunter2@db:1/t?schema=web&passfile=/hunter2")
    repository = postgres_factory(location)
    assert repr(repository) == "PostgresTaskRepository(the schema web of postgresql://db:1/t)"
    shown: list[Any] = [repository, address_from_location(location), str(address_from_location(location))]
    assert [each for each in shown if "hunter2" in repr(each)] == []


def test_the_package_has_the_class_and_the_factory() -> None:
    """Both public names are there, and no other."""
    import tasky_postgres

    assert tasky_postgres.PostgresTaskRepository is PostgresTaskRepository
    with pytest.raises(AttributeError, match="has no attribute 'other'"):
        _ = tasky_postgres.other
