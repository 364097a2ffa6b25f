"""A task as plain JSON values, and back: the one form of output, export files and stored snapshots.

No pydantic here: this is the form of data that Tasky wrote itself. What people or other programs wrote
goes through ``tasky.documents``, which names line, field and rule.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from tasky.model import TaskModel, TaskPriority, TaskStatus

if TYPE_CHECKING:
    from tasky.changes import Batch

__all__ = [
    "decode_batch",
    "decode_task",
    "encode_batch",
    "encode_task",
    "format_timestamp",
    "parse_timestamp",
]


def format_timestamp(moment: datetime) -> str:
    """RFC 3339 in UTC: ``2026-01-31T09:00:00Z``, with six decimals where there are microseconds."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"


def parse_timestamp(text: str) -> datetime:
    """The aware UTC datetime that ``format_timestamp`` wrote; raises ``ValueError``."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:  # astimezone would take it for the machine's own time
        raise ValueError(f"{text!r} has no time zone")
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError(f"{text!r} lies outside the years 1 to 9999 in UTC") from error


def encode_task(task: TaskModel) -> dict[str, Any]:
    """Every field, in a fixed order, as JSON values; unset ones are None."""
    return {
        "task_id": str(task.task_id),
        "name": task.name,
        "details": task.details,
        "status": task.status.value,
        "priority": None if task.priority is None else task.priority.label,
        "project_id": task.project_id,
        "tags": list(task.tags),
        "assignee": task.assignee,
        "due_at": _optional(task.due_at),
        "wait_until": _optional(task.wait_until),
        "depends_on": [str(task_id) for task_id in task.depends_on],
        "extra": dict(task.extra),
        "created_at": format_timestamp(task.created_at),
        "updated_at": format_timestamp(task.updated_at),
        "closed_at": _optional(task.closed_at),
        "revision": task.revision,
    }


def decode_task(document: Mapping[str, Any]) -> TaskModel:
    """The task that ``encode_task`` wrote.

    Checks every rule again. Raises ``KeyError``, ``TypeError`` or ``ValueError`` (``InvalidTaskError`` is
    one) when the document is not such a task: its store is damaged.
    """
    return TaskModel(
        task_id=_id(document["task_id"]),
        name=document["name"],
        details=document["details"],
        status=TaskStatus(document["status"]),
        priority=_priority(document["priority"]),
        project_id=document["project_id"],
        tags=tuple(_list(document["tags"])),
        assignee=document["assignee"],
        due_at=_moment(document["due_at"]),
        wait_until=_moment(document["wait_until"]),
        depends_on=tuple(map(_id, _list(document["depends_on"]))),
        extra=document["extra"],
        created_at=parse_timestamp(document["created_at"]),
        updated_at=parse_timestamp(document["updated_at"]),
        closed_at=_moment(document["closed_at"]),
        revision=document["revision"],
    )


def encode_batch(batch: Batch) -> dict[str, Any]:
    """Every field of the batch as JSON values; unset ones are None."""
    return {
        "id": str(batch.id),
        "at": format_timestamp(batch.at),
        "actor": batch.actor,
        "command": batch.command,
        "undoes": None if batch.undoes is None else str(batch.undoes),
    }


def decode_batch(document: Mapping[str, Any]) -> Batch:
    """The batch that ``encode_batch`` wrote; raises as ``decode_task`` does."""
    from tasky.changes import Batch  # a list of tasks does without

    undoes = document["undoes"]
    return Batch(
        id=_id(document["id"]),
        at=parse_timestamp(document["at"]),
        actor=document["actor"],
        command=document["command"],
        undoes=None if undoes is None else _id(undoes),
    )


def _optional(moment: datetime | None) -> str | None:
    return None if moment is None else format_timestamp(moment)


def _moment(text: str | None) -> datetime | None:
    return None if text is None else parse_timestamp(text)


def _id(text: object) -> UUID:
    if not isinstance(text, str):  # UUID raises AttributeError for most other types
        raise TypeError(f"an id is text, not {type(text).__name__}")
    return UUID(text)


def _priority(label: object) -> TaskPriority | None:
    if label is None:
        return None
    if not isinstance(label, str):
        raise TypeError(f"a priority is text, not {type(label).__name__}")
    return TaskPriority[label.upper()]


def _list(items: object) -> list[Any]:
    if not isinstance(items, list):  # a text would be taken apart into its characters
        raise TypeError(f"a list is needed, not {type(items).__name__}")
    return items
