"""A service over the reference repository, with a clock that ticks and ids that count."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from uuid import UUID

import pytest

from tasky import TaskService
from tasky.testing.memory import MemoryStore, MemoryTaskRepository

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def store() -> MemoryStore:
    """An absent store."""
    return MemoryStore()


@pytest.fixture
def repository(store: MemoryStore) -> Iterator[MemoryTaskRepository]:
    """An open handle on the store."""
    with MemoryTaskRepository(store) as repository:
        repository.initialize()
        yield repository


@pytest.fixture
def make_service(repository: MemoryTaskRepository) -> Callable[..., TaskService]:
    """Make a service for an actor; every one has its own clock, a second later at each look."""

    def make(actor: str = "ann") -> TaskService:
        seconds, ids = count(), count(1)
        return TaskService(
            repository,
            actor=actor,
            clock=lambda: NOON + timedelta(seconds=next(seconds)),
            new_id=lambda: UUID(int=(hash_of(actor) << 96) | next(ids), version=4),
        )

    return make


@pytest.fixture
def service(make_service: Callable[..., TaskService]) -> TaskService:
    """The service of the actor ``ann``."""
    return make_service()


def hash_of(actor: str) -> int:
    """Four bytes that differ between actors and stay the same between runs."""
    return int.from_bytes(actor.encode().ljust(4, b"-")[:4])
