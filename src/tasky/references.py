"""How people name tasks: by the first hex digits of an id, as few as tell it apart."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Final
from uuid import UUID

from tasky.errors import AmbiguousTaskError, TaskNotFoundError
from tasky.filter import TaskFilter
from tasky.model import TaskModel
from tasky.repository import BaseTaskRepository, TaskRepository

__all__ = ["ShortIds", "resolve_reference", "stored_task"]

SHORT_ID: Final = 8  # hex digits that people see
SHORTEST_REFERENCE: Final = 4  # hex digits that people may type
LOOKUPS: Final = 100  # ids that are looked up one by one in any case
TASKS_A_LOOKUP: Final = 50  # stored tasks that one pass reads in about the time of one lookup


def stored_task(repository: TaskRepository, task_id: UUID) -> TaskModel:
    """The task; raises ``TaskNotFoundError``."""
    task = repository.get_task(task_id)
    if task is None:
        raise _not_found(str(task_id))
    return task


def resolve_reference(repository: TaskRepository, reference: str) -> UUID:
    """The id that ``reference`` stands for: a whole id, or the first 4 or more hex digits of one.

    Raises ``TaskNotFoundError``, or ``AmbiguousTaskError`` when several tasks share the prefix.
    """
    digits = reference.strip().lower().replace("-", "")
    if not SHORTEST_REFERENCE <= len(digits) <= 32 or set(digits) - set("0123456789abcdef"):
        raise TaskNotFoundError(
            f"{reference!a} is no task id: use {SHORTEST_REFERENCE} or more of its hex digits",
            hint="`tasky list` shows the ids.",
        )
    with repository.find_tasks(TaskFilter(id_prefix=digits), limit=6) as found:
        ids = [task.task_id for task in found]
    if not ids:
        raise _not_found(reference.strip())
    if len(ids) > 1:
        some = ", ".join(ShortIds(repository).of(ids[:5]).values())
        more = ", ..." if len(ids) > 5 else ""
        raise AmbiguousTaskError(
            f"{digits} is the beginning of several ids: {some}{more}", hint="Type more of its digits."
        )
    return ids[0]


class ShortIds:
    """Ids as people see them: the first 8 hex digits, or as many more as no other stored task begins with."""

    def __init__(self, repository: TaskRepository) -> None:
        self._repository = repository
        self._asked = 0
        self._stored: int | None = None  # how many tasks there are, once it matters
        self._shared: set[str] | None = None  # what two tasks or more begin with, once it paid to find out

    def of(self, task_ids: Iterable[UUID]) -> dict[UUID, str]:
        """The short form of each id; the tasks need not exist (any more)."""
        wanted = list(task_ids)
        alike: dict[str, list[str]] = {task_id.hex[:SHORT_ID]: [] for task_id in wanted}
        for stored in self._find_alike(list(alike)):
            alike[stored.hex[:SHORT_ID]].append(stored.hex)
        return {task_id: _shortest(task_id.hex, alike[task_id.hex[:SHORT_ID]]) for task_id in wanted}

    def _find_alike(self, prefixes: list[str]) -> Iterable[UUID]:
        """The stored ids that begin with one of these, but for those that are known to be alone."""
        repository = self._repository
        found = repository.find_ids_natively(prefixes) if isinstance(repository, BaseTaskRepository) else None
        if found is not None:
            return found
        self._asked += len(prefixes)
        if self._shared is None and self._asked > LOOKUPS:
            if self._stored is None:
                self._stored = sum(repository.count_tasks().values())
            if self._stored <= self._asked * TASKS_A_LOOKUP:
                self._shared = self._find_shared()
        if self._shared is not None:
            prefixes = [prefix for prefix in prefixes if prefix in self._shared]
        return self._find_one_by_one(prefixes)

    def _find_one_by_one(self, prefixes: list[str]) -> Iterator[UUID]:
        for prefix in prefixes:
            with self._repository.find_tasks(TaskFilter(id_prefix=prefix)) as found:
                yield from (task.task_id for task in found)

    def _find_shared(self) -> set[str]:
        from array import array  # a list that is short enough for a person does without

        with self._repository.find_tasks() as tasks:
            prefixes = array("L", (task.task_id.int >> 96 for task in tasks))  # 8 bytes each at most
        return {f"{one:08x}" for one, other in pairwise(sorted(prefixes)) if one == other}


def _shortest(digits: str, stored: list[str]) -> str:
    """As many of the digits as none of the others in ``stored`` begins with."""
    length = SHORT_ID
    while any(other != digits and other.startswith(digits[:length]) for other in stored):
        length += 1
    return digits[:length]


def _not_found(reference: str) -> TaskNotFoundError:
    return TaskNotFoundError(
        f"there is no task {reference}", hint="`tasky list --all` shows every task with its id."
    )
