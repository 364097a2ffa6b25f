"""The conformance kit runs on a server of its own, and on one that is given."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tasky import StorageLocation
from tasky.testing import NotProvenError
from tasky_postgres.harness import PostgresHarness

KIT = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "--pyargs", "tasky.testing.suite", "--tasky-quick"]
RULES = "factory_touches or stopped_is_named or killed_initialize or full_store"


@pytest.fixture
def given(location: StorageLocation) -> type[PostgresHarness]:
    """The harness as the kit uses it when its command line gives a location."""
    return type("Given", (PostgresHarness,), {"given": location})


@pytest.mark.parametrize("scheme", ["postgresql", "postgres"])
def test_a_given_server_is_used_and_left_clean(location: StorageLocation, scheme: str, sql: Any) -> None:
    """With a location the kit makes its stores there, says what it may not do, and takes them away again."""
    before = sql("SELECT count(*) FROM pg_namespace")
    uri = location.written.reveal().replace("postgresql", scheme, 1)
    options = ["--tasky-backend", scheme, "--tasky-location", uri, "-k", RULES]
    done = subprocess.run([sys.executable, *KIT, *options], capture_output=True, text=True, check=False)
    assert "server at the given location is not the kit's to stop" in done.stdout, done.stdout + done.stderr
    assert "2 passed" in done.stdout, done.stdout
    assert sql("SELECT count(*) FROM pg_namespace") == before


def test_a_given_location_keeps_its_query(given: type[PostgresHarness], tmp_path: Path) -> None:
    """What the command line says about the server goes for every store; only the schema is the kit's."""
    made = given().fresh_location(tmp_path)
    assert isinstance(given.given, StorageLocation)
    assert dict(made.query) | {"schema": ""} == dict(given.given.query) | {"schema": ""}
    assert made != given.given


def test_a_given_server_is_not_stopped_or_filled(
    given: type[PostgresHarness], location: StorageLocation, tmp_path: Path
) -> None:
    """What would harm others who use that server is not proven there."""
    for attempt in (given().stop_server, given().start_server):
        with pytest.raises(NotProvenError):
            attempt(location)
    with pytest.raises(NotProvenError), given().little_space(given().fresh_location(tmp_path)):
        pass


def test_a_superuser_cannot_be_kept_from_writing(location: StorageLocation) -> None:
    """The rule about reading alone is not proven for a role that may do everything."""
    written = location.written.reveal().replace("tasky_user@", "postgres@")
    with (
        pytest.raises(NotProvenError, match="superuser"),
        PostgresHarness().read_only(StorageLocation.parse(written)),
    ):
        pass


def test_without_a_server_nothing_is_proven(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where no PostgreSQL is installed the kit says how to get one."""
    monkeypatch.setattr("tasky_postgres.harness.installed_servers", list)
    bare = type("Bare", (PostgresHarness,), {"server": None})
    with pytest.raises(NotProvenError, match="testing"):
        bare().fresh_location(tmp_path)
