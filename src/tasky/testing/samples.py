"""Valid tasks, batches and changes to test with, in one call each."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from os import urandom
from typing import Any, Final
from uuid import UUID, uuid4, uuid5

from tasky import (
    Batch,
    HistoryEntry,
    TaskChange,
    TaskFilter,
    TaskModel,
    TaskRepository,
    TaskStatus,
    encode_batch,
    encode_task,
)

__all__ = [
    "at",
    "changed",
    "create",
    "exact",
    "exact_entry",
    "example_store",
    "found",
    "make_batch",
    "make_task",
    "many_tasks",
    "random_text",
    "remaining",
    "update",
    "write",
]

_START: Final = datetime(2026, 3, 1, 12, tzinfo=UTC)
_NAMESPACE: Final = UUID("6f1d1c0e-52b1-4c35-9d2e-3f0a0b8a7c11")


def at(minutes: float) -> datetime:
    """A moment, counted in minutes from a fixed one."""
    return _START + timedelta(minutes=minutes)


def make_task(name: str, **values: Any) -> TaskModel:
    """A task whose id follows from its name. A closed one gets a closing time unless it is given."""
    if values.get("status", TaskStatus.PENDING) is not TaskStatus.PENDING:
        values.setdefault("closed_at", at(0))
    values.setdefault("task_id", uuid5(_NAMESPACE, name))
    values.setdefault("created_at", at(0))
    values.setdefault("updated_at", values["created_at"])
    return TaskModel(name=name, **values)


def changed(task: TaskModel, **values: Any) -> TaskModel:
    """``task`` with other values, as the service would write it: one revision and some time later."""
    later = task.updated_at + timedelta(microseconds=1)
    return replace(task, revision=task.revision + 1, updated_at=later, **values)


def make_batch(**values: Any) -> Batch:
    """A batch with a new id."""
    return Batch(**{"id": uuid4(), "at": at(0), "actor": "kit", "command": "test", **values})


def write(repository: TaskRepository, *changes: TaskChange) -> Batch:
    """Apply ``changes`` as one batch."""
    batch = make_batch()
    repository.apply(batch, iter(changes))
    return batch


def create(repository: TaskRepository, *tasks: TaskModel) -> Batch:
    """Create ``tasks`` in one batch."""
    return write(repository, *(TaskChange(None, task) for task in tasks))


def update(repository: TaskRepository, task: TaskModel, **values: Any) -> TaskModel:
    """Write ``task`` with other values in a batch of its own; returns what is stored now."""
    after = changed(task, **values)
    write(repository, TaskChange(task, after))
    return after


def found(repository: TaskRepository, **criteria: Any) -> set[str]:
    """The names of the tasks that meet the criteria, which find and count must agree upon."""
    wanted = TaskFilter(**criteria)
    with repository.find_tasks(wanted) as stream:
        tasks = list(stream)
    counts = {status: sum(task.status is status for task in tasks) for status in TaskStatus}
    assert repository.count_tasks(wanted) == counts, "count_tasks and find_tasks disagree on one filter"
    return {task.name for task in tasks}


def remaining(repository: TaskRepository) -> list[str]:
    """The names of all stored tasks, sorted, duplicates included."""
    with repository.find_tasks() as stream:
        return sorted(task.name for task in stream)


def exact(task: TaskModel | None) -> str | None:
    """``task`` as text that differs wherever two tasks differ, also where Python's ``==`` sees no difference.

    For Python ``1 == 1.0 == True`` and ``0.0 == -0.0``; in ``extra`` they are different values.
    """
    return None if task is None else json.dumps(encode_task(task), sort_keys=True)


def exact_entry(entry: HistoryEntry) -> tuple[Any, ...]:
    """All that an entry says but its sequence, which ``restore`` may change."""
    return (json.dumps(encode_batch(entry.batch)), entry.task_id, exact(entry.before), entry.revision)


def example_store() -> tuple[list[TaskModel], list[HistoryEntry]]:
    """Tasks and their history, with gaps in the numbers, a deleted task and one batch of several entries."""
    a, b = make_task("a"), make_task("b")
    first, second, third = (make_batch(id=UUID(int=number), at=at(number)) for number in (3, 2, 1))
    later = changed(a, name="a2", extra={"n": 1.0}, tags=("t",))
    again = changed(later, name="a3", due_at=at(9))
    history = [
        HistoryEntry(3, first, a.task_id, None, 1),
        HistoryEntry(4, first, b.task_id, None, 1),
        HistoryEntry(9, second, a.task_id, a, 2),
        HistoryEntry(10, second, b.task_id, b, None),
        HistoryEntry(21, third, a.task_id, later, 3),
    ]
    return [again, make_task("restored without history", revision=5)], history


def many_tasks(name: str, count: int, size: int) -> Iterator[TaskModel]:
    """``count`` tasks with details of ``size`` characters, made one after the other at little cost."""
    template, text = make_task(name), random_text(2 * size)
    values = {field.name: getattr(template, field.name) for field in fields(TaskModel)}
    for number in range(count):
        values["task_id"] = UUID(bytes=sha256(f"{name} {number}".encode()).digest()[:16], version=4)
        values["details"] = text[number % size :][:size]
        values["created_at"] = template.created_at + timedelta(seconds=number)
        yield TaskModel.unchecked(**values)


def random_text(size: int) -> str:
    """Text of so many characters that no compression makes much smaller."""
    return urandom(size // 2 + 1).hex()[:size]
