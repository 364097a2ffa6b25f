"""The statements that the backend sends to the server, noted once and run again bare."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from tests.benchmarks.postgres.servers import Bare

__all__ = ["Statement", "recorded", "replay", "replay_at_once"]

Statement = tuple[Any, Any]
"""SQL and its parameters."""


def recorded(action: Callable[[], object]) -> list[Statement]:
    """The statements that ``action`` sends, in their order; rows that it copies are not among them."""
    noted: list[Statement] = []
    with _recording(noted):
        action()
    return noted


def replay(connection: Bare, statements: Iterable[Statement]) -> None:
    """Run the statements one after another, and fetch everything that they return."""
    for sql, parameters in statements:
        _fetch(connection.execute(sql, parameters))


def replay_at_once(connection: Bare, statements: Iterable[Statement]) -> None:
    """Send the statements without waiting for an answer, and fetch everything that they return."""
    with connection.pipeline():
        cursors = [connection.execute(sql, parameters) for sql, parameters in statements]
    for cursor in cursors:
        _fetch(cursor)


def _fetch(cursor: psycopg.Cursor[Any]) -> None:
    if cursor.description is not None:
        cursor.fetchall()


@contextmanager
def _recording(noted: list[Statement]) -> Iterator[None]:
    execute = psycopg.Cursor.execute

    def noting(cursor: psycopg.Cursor[Any], sql: Any, parameters: Any = None, **options: Any) -> Any:
        noted.append((sql, parameters))
        return execute(cursor, sql, parameters, **options)

    psycopg.Cursor.execute = noting  # type: ignore[method-assign,assignment]  # put back below
    try:
        yield
    finally:
        psycopg.Cursor.execute = execute  # type: ignore[method-assign]  # as it was
