"""PostgreSQL storage for Tasky: one store for a whole team, on a server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasky import StorageLocation, uri_factory

if TYPE_CHECKING:
    from tasky_postgres.repository import PostgresTaskRepository as PostgresTaskRepository

__all__ = ["PostgresTaskRepository", "postgres_factory"]


@uri_factory
def postgres_factory(location: StorageLocation) -> PostgresTaskRepository:
    """The repository in the PostgreSQL database at ``location``; connects to nothing.

    Raises ``InvalidLocationError`` for a location that PostgreSQL cannot have.
    """
    from tasky_postgres.address import address_from_location
    from tasky_postgres.repository import PostgresTaskRepository

    return PostgresTaskRepository(address_from_location(location))


def __getattr__(name: str) -> object:
    if name != "PostgresTaskRepository":
        raise AttributeError(f"module 'tasky_postgres' has no attribute {name!r}")
    from tasky_postgres.repository import PostgresTaskRepository

    return PostgresTaskRepository
