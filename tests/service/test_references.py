"""How people name tasks."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import UTC, datetime
from typing import cast
from uuid import UUID, uuid4

import pytest

from tasky import (
    AmbiguousTaskError,
    Batch,
    TaskChange,
    TaskFilter,
    TaskModel,
    TaskNotFoundError,
    TaskRepository,
    TaskService,
    TaskStatus,
)
from tasky.references import LOOKUPS, TASKS_A_LOOKUP
from tasky.repository import CONTRACT_METHODS
from tasky.testing import MemoryTaskRepository

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def store(service: TaskService, *hexes: str) -> list[UUID]:
    """Store a task for each beginning of an id."""
    ids = [UUID(digits.ljust(32, "0")) for digits in hexes]
    tasks = [TaskModel(task_id=one, name="t", created_at=NOON, updated_at=NOON) for one in ids]
    service.repository.apply(Batch(uuid4(), NOON, "ann", "test"), [TaskChange(None, task) for task in tasks])
    return ids


@pytest.mark.parametrize(
    "reference",
    ["abcd", "ABCD12", " abcd1234 ", "abcd1234-0000-0000-0000-000000000000", "abcd1234" + "0" * 24],
)
def test_unique_beginning_names_the_task(service: TaskService, reference: str) -> None:
    """Four digits or more, a whole id, upper case and dashes all work."""
    (task_id,) = store(service, "abcd1234")
    assert service.resolve(reference) == task_id


@pytest.mark.parametrize("reference", ["", "abc", "xyz1", "buy milk", "a" * 33])
def test_what_is_no_beginning_of_an_id_is_refused(service: TaskService, reference: str) -> None:
    """Too short, too long, or no hex digits."""
    with pytest.raises(TaskNotFoundError, match="is no task id"):
        service.resolve(reference)


def test_unknown_beginning_is_not_found(service: TaskService) -> None:
    """The error repeats what was typed."""
    with pytest.raises(TaskNotFoundError, match="beef"):
        service.resolve("beef")


def test_ambiguous_beginning_lists_the_candidates(service: TaskService) -> None:
    """Up to five are shown, long enough to choose one."""
    store(service, "abcd0000", "abcd1111")
    with pytest.raises(AmbiguousTaskError, match=r"abcd0000, abcd1111$"):
        service.resolve("abcd")
    store(service, *(f"abcd{digit}" for digit in ["2222", "3333", "4444", "5555", "6666"]))
    with pytest.raises(AmbiguousTaskError, match=r"abcd4444, \.\.\.$"):
        service.resolve("abcd")
    store(service, "beef123456", "beef123457")
    for digits in ("beef", "beef12345"):
        with pytest.raises(AmbiguousTaskError, match=r": beef123456, beef123457$"):
            service.resolve(digits)


def test_short_ids_are_as_long_as_they_have_to_be(service: TaskService) -> None:
    """Eight digits, more where other tasks begin with the same ones."""
    one, two, alone = store(service, "abcd1234ab", "abcd1234ac", "beef")
    gone = UUID("abcd1234".ljust(32, "f"))
    assert service.short_ids([one, two, alone, gone]) == {
        one: "abcd1234ab",
        two: "abcd1234ac",
        alone: "beef0000",
        gone: "abcd1234f",
    }


@pytest.mark.parametrize("others", [40, LOOKUPS * TASKS_A_LOOKUP * 2])
def test_many_short_ids_are_the_same_as_few(
    service: TaskService, make_service: Callable[..., TaskService], others: int
) -> None:
    """Long lists are shortened in another way as soon as that is cheaper, with the same result."""
    ids = store(service, "abcd1234ab", "abcd1234ac", *(f"{number:08x}" for number in range(others)))[:40]
    few = make_service("few").short_ids(ids)
    for _ in range(2 * LOOKUPS // len(ids) + 2):  # so many that it is cheaper with the most tasks, too
        assert service.short_ids(ids) == few


class LooksUpMany(MemoryTaskRepository):
    """A store with a way of its own, and a bound on what else it is asked."""

    def find_ids_natively(self, prefixes: Collection[str], /) -> Collection[UUID]:
        """The ids that begin so, by reading all."""
        return [task.task_id for task in self.get_all_tasks() if task.task_id.hex.startswith(tuple(prefixes))]

    def count_tasks(self, filter: TaskFilter = TaskFilter(), /) -> dict[TaskStatus, int]:  # noqa: B008 - immutable
        """Nobody has to know how many there are."""
        raise AssertionError


def test_a_store_that_looks_up_many_ids_at_once_is_asked_to() -> None:
    """Its answer makes the same short ids, however many are asked for."""
    with LooksUpMany() as repository:
        repository.initialize()
        service = TaskService(repository, actor="ann")
        ids = store(service, "abcd1234ab", "abcd1234ac", *(f"{number:08x}" for number in range(2 * LOOKUPS)))
        short = service.short_ids(ids)
        assert list(short.values())[:3] == ["abcd1234ab", "abcd1234ac", "00000000"]
        assert {len(digits) for digits in list(short.values())[2:]} == {8}
        assert service.short_ids([]) == {}


class NineMethods:
    """A store that is the contract and nothing else."""

    def __init__(self, repository: TaskRepository) -> None:
        for name in CONTRACT_METHODS:
            setattr(self, name, getattr(repository, name))


def test_a_store_that_is_only_the_contract_has_short_ids(service: TaskService) -> None:
    """Nobody has to derive from the base class."""
    one, two = store(service, "abcd1234ab", "abcd1234ac")
    bare = TaskService(cast(TaskRepository, NineMethods(service.repository)), actor="ann")
    assert bare.short_ids([one, two]) == {one: "abcd1234ab", two: "abcd1234ac"}
