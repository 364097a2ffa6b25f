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
        ("postgresql://%2Frun%2Fpostgresql/tracker", {"host": "/run/postgresql", "dbname": "tracker"}),
        ("postgresql://%2Frun%2Fa,%2Frun%2Fb/t", {"host": "/run/a,/run/b", "port": ","}),
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
        ("sslsni=yes", "the sslsni of .* none that PostgreSQL knows"),
        ("target_session_attrs=fast", "the target_session_attrs of .* none that PostgreSQL knows"),
        ("connect_timeout=x", "the connect_timeout of .* none that PostgreSQL knows"),
        ("connect_timeout=", "the connect_timeout of .* none that PostgreSQL knows"),
        ("require_auth=md5,zz", "the require_auth of .* none that PostgreSQL knows"),
        ("user=ann&user=bob", "has user twice"),
        ("options=-csearch_path", "has options, which tasky-postgres does not know"),
        ("dbname=other", "has dbname, which tasky-postgres does not know"),
        ("ter2=x", "has a name, which tasky-postgres does not know"),
    ],
)
def test_a_query_that_is_not_understood_is_refused(query: str, said: str) -> None:
    """Nothing is guessed, and nothing is ignored."""
    with pytest.raises(InvalidLocationError, match=said):
        address(f"postgresql://db/t?{query}")


@pytest.mark.parametrize("name", ["host", "hostaddr", "passfile", "port", "servicefile"])
def test_nothing_in_the_query_leads_elsewhere(name: str) -> None:
    """Where a password goes is what stands before the query, which everybody is shown who approves it."""
    for text in ("postgresql://db/t", "postgresql:///t"):
        with pytest.raises(InvalidLocationError, match=f"has {name}, and only what stands before"):
            address(f"{text}?{name}=1")


def test_the_password_of_a_service_goes_to_no_other_host() -> None:
    """A service brings its own host: together with another one it is refused, and so is no name of one."""
    with pytest.raises(InvalidLocationError, match="password is for another host"):
        address("postgresql://db/t?service=team")
    with pytest.raises(InvalidLocationError, match="the service of"):
        address("postgresql:///t?service=a/b")


@pytest.mark.parametrize("text", ["postgresql://db:0/t", "postgresql://a:1,b:65536/t"])
def test_a_port_is_one(text: str) -> None:
    """A number that no port has is refused."""
    with pytest.raises(InvalidLocationError, match="the port of"):
        address(text)


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
    "query",
    [
        *("password=hunter2", "sslpassword=hunter2", "password=&hunter2=3", "x=hunter2&hunter2=3"),
        *("schema=Hunter2", "sslmode=hunter2", "connect_timeout=hunter2", "service=hunter2!", "hunter2"),
    ],
)
def test_no_error_repeats_a_value_of_the_query(query: str) -> None:
    """What stands in a query may be a secret that was cut in two: only a name that is a word comes back."""
    with pytest.raises(InvalidLocationError) as caught:
        address(f"postgresql://db/t?{query}")
    assert "hunter2" not in f"{caught.value} {caught.value.hint}".lower()


def test_nothing_that_is_printed_shows_a_password() -> None:
    """A repository and its address say where they are, and not by which word one gets in."""
    location = StorageLocation.parse(
        "postgresql://ann:hunter2@db:1/t?schema=web&sslkey=/hunter2&sslmode=require"
    )
    repository = postgres_factory(location)
    shown_location = "postgresql://db:1/t?schema=web&sslmode=require"
    assert repr(repository) == f"PostgresTaskRepository({shown_location})"
    shown: list[Any] = [repository, address_from_location(location), str(address_from_location(location))]
    assert [each for each in shown if "hunter2" in repr(each)] == []


def test_the_package_has_the_class_and_the_factory() -> None:
    """Both public names are there, and no other."""
    import tasky_postgres

    assert tasky_postgres.PostgresTaskRepository is PostgresTaskRepository
    with pytest.raises(AttributeError, match="has no attribute 'other'"):
        _ = tasky_postgres.other
