"""The storage contract, sentence by sentence, on the PostgreSQL backend and a real server."""

from __future__ import annotations

from tasky.testing import BackendConformance
from tasky_postgres import postgres_factory
from tasky_postgres.harness import PostgresHarness


class TestPostgres(BackendConformance):
    """tasky-postgres keeps the contract."""

    factory = postgres_factory
    harness = PostgresHarness
