"""The tasks that are measured on: as many as wanted, the same ones each time.

They look like a tracker's: names of a few words, a paragraph of details, a hierarchy of projects, some tags,
half of them done, one in ten waiting for an earlier one.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Final
from uuid import UUID

from tasky import Batch, HistoryEntry, TaskChange, TaskModel, TaskPriority, TaskStatus, encode_task

__all__ = ["created", "edited", "tasks", "write_jsonl"]

SEED: Final = 20260131
START: Final = datetime(2020, 1, 1, tzinfo=UTC)
WORDS: Final = """
    parser cache index login report backup schema query export import worker socket thread buffer token
    header footer widget layout filter search migrate rename remove replace verify measure document review
""".split()  # noqa: SIM905 - thirty words read better without their quotes
PROJECTS: Final = [f"{area}.{part}" for area in ("web", "api", "data", "ops") for part in WORDS[:10]]
STATUSES: Final = (TaskStatus.PENDING, TaskStatus.PENDING, TaskStatus.COMPLETED, TaskStatus.CANCELLED)
PRIORITIES: Final = (None, None, *TaskPriority)


def tasks(count: int) -> Iterator[TaskModel]:
    """``count`` valid tasks at revision 1, oldest first; a longer run begins with the shorter one's."""
    random = Random(SEED)  # noqa: S311 - the same tasks each time, nothing to keep secret
    ids: list[UUID] = []
    for number in range(count):
        task_id = UUID(int=random.getrandbits(128), version=4)
        created_at = START + timedelta(seconds=37 * number, microseconds=random.randrange(10**6))
        status = random.choice(STATUSES)
        depends_on = (random.choice(ids),) if ids and random.random() < 0.1 else ()
        closed_at = None if status is TaskStatus.PENDING else created_at + timedelta(days=2)
        yield TaskModel(
            task_id=task_id,
            name=f"{' '.join(random.choices(WORDS, k=5))} {number}",
            details=" ".join(random.choices(WORDS, k=20)),
            status=status,
            priority=random.choice(PRIORITIES),
            project_id=random.choice(PROJECTS),
            tags=tuple(sorted(set(random.choices(WORDS, k=random.randrange(3))))),
            assignee=random.choice((None, "ada", "grace", "alan")),
            due_at=created_at + timedelta(days=30) if random.random() < 0.3 else None,
            wait_until=None,
            depends_on=depends_on,
            extra={},
            created_at=created_at,
            updated_at=closed_at or created_at,
            closed_at=closed_at,
            revision=1,
        )
        ids.append(task_id)


def created(made: list[TaskModel]) -> Iterator[HistoryEntry]:
    """The history of tasks that one import created."""
    batch = Batch(UUID(int=SEED, version=4), START, "bench", "import")
    for sequence, task in enumerate(made, start=1):
        yield HistoryEntry(sequence, batch, task.task_id, None, task.revision)


def edited(before: TaskModel) -> tuple[Batch, TaskChange]:
    """A batch that gives one task, as ``tasks`` made it, another name."""
    at = before.updated_at + timedelta(days=400)
    after = replace(before, name=f"{before.name}, edited", revision=2, updated_at=at)
    return Batch(UUID(int=before.task_id.int + 1), START, "bench", "update"), TaskChange(before, after)


def write_jsonl(path: Path, made: list[TaskModel]) -> None:
    """Tasky's own JSON Lines, a task a line."""
    with path.open("w", encoding="utf-8") as file:
        for task in made:
            file.write(json.dumps(encode_task(task)) + "\n")
