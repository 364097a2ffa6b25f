"""Rows to records and back.

The table enforces the rules of the model, so a row becomes a task without being checked again. What a row
cannot be turned into is damage, and named.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final, TypeAlias

from tasky import Batch, TaskModel, TaskPriority, TaskStatus, decode_task, encode_task

__all__ = [
    "COLUMNS",
    "UNREADABLE",
    "Row",
    "batch_from_row",
    "batch_to_row",
    "casefolds",
    "extra_to_text",
    "snapshot_from_task",
    "snapshot_to_task",
    "task_from_row",
    "task_to_row",
]

Row: TypeAlias = tuple[Any, ...]

# In the order of TaskModel.unchecked's parameters.
COLUMNS: Final = (
    "task_id",
    "name",
    "details",
    "status",
    "priority",
    "project_id",
    "tags",
    "assignee",
    "due_at",
    "wait_until",
    "depends_on",
    "extra",
    "created_at",
    "updated_at",
    "closed_at",
    "revision",
)
# What the functions below raise for a row that got around the table's rules.
UNREADABLE: Final = (ValueError, TypeError, KeyError, AttributeError, RecursionError)

_STATUSES: Final = {status.value: status for status in TaskStatus}
_PRIORITIES: Final[dict[int | None, TaskPriority | None]] = {
    None: None,
    **{priority.value: priority for priority in TaskPriority},
}


def task_from_row(row: Row) -> TaskModel:
    """The task in a row of ``COLUMNS``; raises one of ``UNREADABLE``."""
    (
        task_id,
        name,
        details,
        status,
        priority,
        project_id,
        tags,
        assignee,
        due_at,
        wait_until,
        depends_on,
        extra,
        created_at,
        updated_at,
        closed_at,
        revision,
    ) = row
    return TaskModel.unchecked(
        task_id,
        name,
        details,
        _STATUSES[status],
        _PRIORITIES[priority],
        project_id,
        tuple(tags),
        assignee,
        due_at,
        wait_until,
        tuple(depends_on),
        {} if extra == "{}" else _load(extra),
        created_at,
        updated_at,
        closed_at,
        revision,
    )


def task_to_row(task: TaskModel) -> Row:
    """The row of ``COLUMNS`` that holds ``task``."""
    return (
        task.task_id,
        task.name,
        task.details,
        task.status.value,
        None if task.priority is None else task.priority.value,
        task.project_id,
        list(task.tags),
        task.assignee,
        task.due_at,
        task.wait_until,
        list(task.depends_on),
        extra_to_text(task.extra) if task.extra else "{}",
        task.created_at,
        task.updated_at,
        task.closed_at,
        task.revision,
    )


def extra_to_text(extra: Mapping[str, Any]) -> str:
    """A task's extra as the JSON text that its column keeps."""
    return _dump(extra)


def casefolds(name: str, details: str) -> tuple[str, str | None]:
    """The columns ``name_folded`` and ``details_folded``."""
    folded = details.casefold()
    return name.casefold(), None if folded == details else folded


def snapshot_from_task(task: TaskModel) -> str:
    """The task as the JSON text that the history keeps."""
    return _dump(encode_task(task))


def snapshot_to_task(text: str) -> TaskModel:
    """The task in such a text, every rule checked; raises one of ``UNREADABLE``."""
    return decode_task(_load(text))


def batch_from_row(row: Row) -> Batch:
    """The batch in a row of id, at, actor, command, undoes; raises one of ``UNREADABLE``."""
    identity, at, actor, command, undoes = row
    return Batch(identity, at, actor, command, undoes)


def batch_to_row(batch: Batch) -> Row:
    """The row of id, at, actor, command, undoes that holds ``batch``."""
    return batch.id, batch.at, batch.actor, batch.command, batch.undoes


def _load(text: str) -> dict[str, Any]:
    value = json.loads(text)
    if not isinstance(value, dict):
        raise ValueError(f"{text[:80]!a} is not a JSON object")  # noqa: TRY004 - damage, not a caller's mistake
    return value


def _dump(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
