"""What the tests of this plugin share: a store with three tasks, and ways to write to it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeAlias
from uuid import UUID, uuid4

import pytest

from tasky import Batch, TaskChange, TaskModel
from tasky_template import TemplateTaskRepository, template_factory

MOMENT = datetime(2026, 1, 31, 9, tzinfo=UTC)

Make: TypeAlias = Callable[..., TaskModel]
Write: TypeAlias = Callable[..., UUID]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the journal is; its directory has nothing else in it."""
    return tmp_path / ".tasky" / "tasks.journal"


@pytest.fixture
def make_task() -> Make:
    """Make a task: the name, how many seconds after the first it was created, then any other field."""

    def make(name: str, number: int = 0, **fields: Any) -> TaskModel:
        moment = MOMENT + timedelta(seconds=number)
        return TaskModel(
            **{"task_id": uuid4(), "name": name, "created_at": moment, "updated_at": moment, **fields}
        )

    return make


@pytest.fixture
def write() -> Write:
    """Write changes, given as pairs of before and after, as one batch; gives the id of the batch."""

    def write(repository: TemplateTaskRepository, *pairs: tuple[TaskModel | None, TaskModel | None]) -> UUID:
        batch = Batch(uuid4(), MOMENT, "ann", "test")
        repository.apply(batch, [TaskChange(before, after) for before, after in pairs])
        return batch.id

    return write


@pytest.fixture
def repository(path: Path) -> TemplateTaskRepository:
    """An open repository on a new, empty store."""
    repository = template_factory(path)
    repository.initialize()
    return repository


@pytest.fixture
def three(repository: TemplateTaskRepository, make_task: Make, write: Write) -> list[TaskModel]:
    """Three tasks in the store, oldest first, written as three batches."""
    tasks = [make_task(name, number) for number, name in enumerate(("one", "two", "three"))]
    for task in tasks:
        write(repository, (None, task))
    return tasks
