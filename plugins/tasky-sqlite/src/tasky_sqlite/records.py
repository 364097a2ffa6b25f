"""Rows to records and back.

The table enforces the rules of the model, so a row becomes a task without being checked again; this is the
hottest code of the plugin. What a row cannot be turned into is damage, and named.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, TypeAlias
from uuid import UUID, SafeUUID

from tasky import TaskModel, TaskPriority, TaskStatus

if TYPE_CHECKING:
    from tasky import Batch

__all__ = [
    "COLUMNS",
    "UNREADABLE",
    "Row",
    "batch_from_row",
    "batch_to_row",
    "casefolds",
    "id_or_none",
    "snapshot_from_row",
    "snapshot_to_task",
    "task_from_row",
    "task_to_row",
    "to_microseconds",
    "uuid_from_bytes",
    "validate",
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

# What reading a record raises when the table's own rules were got around.
UNREADABLE: Final = (ValueError, TypeError, KeyError, OverflowError, AttributeError)

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_STATUSES: Final = {status.value: status for status in TaskStatus}
_PRIORITIES: Final[dict[int | None, TaskPriority | None]] = {
    None: None,
    **{priority.value: priority for priority in TaskPriority},
}
_UNKNOWN: Final = SafeUUID.unknown
_new: Final[Callable[[type[UUID]], UUID]] = object.__new__
_put: Final = object.__setattr__


def to_microseconds(moment: datetime) -> int:
    """Microseconds since 1970, exact; negative before it."""
    since = moment - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def uuid_from_bytes(data: bytes) -> UUID:
    """``UUID(bytes=data)`` without the checks, which cost more than everything else about a row."""
    uuid = _new(UUID)
    _put(uuid, "int", int.from_bytes(data, "big"))
    _put(uuid, "is_safe", _UNKNOWN)
    return uuid


def task_from_row(row: Row) -> TaskModel:
    """The task in a row of ``COLUMNS``; raises ``ValueError``, ``TypeError``, ``KeyError`` or
    ``OverflowError`` when the table's own rules were got around."""
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
        uuid_from_bytes(task_id),
        name,
        details,
        _STATUSES[status],
        _PRIORITIES[priority],
        project_id,
        tuple(tags.split(" ")) if tags else (),
        assignee,
        None if due_at is None else _EPOCH + timedelta(0, 0, due_at),
        None if wait_until is None else _EPOCH + timedelta(0, 0, wait_until),
        _split(depends_on) if depends_on else (),
        {} if extra == "{}" else _load(extra),
        _EPOCH + timedelta(0, 0, created_at),
        _EPOCH + timedelta(0, 0, updated_at),
        None if closed_at is None else _EPOCH + timedelta(0, 0, closed_at),
        revision,
    )


def id_or_none(data: object) -> UUID | None:
    """The id in a column of ids, which in a damaged file can hold anything."""
    return UUID(bytes=data) if isinstance(data, bytes) and len(data) == 16 else None


def validate(task: TaskModel) -> None:
    """Raise ``InvalidTaskError`` unless every rule is kept and every value is in its one form."""
    if TaskModel(**{name: getattr(task, name) for name in COLUMNS}) != task:
        raise ValueError("its tags or dependencies are not in order")


def task_to_row(task: TaskModel) -> Row:
    """The row of ``COLUMNS`` that holds ``task``."""
    due_at, wait_until, closed_at, depends_on = task.due_at, task.wait_until, task.closed_at, task.depends_on
    return (
        task.task_id.bytes,
        task.name,
        task.details,
        task.status.value,
        task.priority,
        task.project_id,
        " ".join(task.tags),
        task.assignee,
        None if due_at is None else to_microseconds(due_at),
        None if wait_until is None else to_microseconds(wait_until),
        b"".join([task_id.bytes for task_id in depends_on]) if depends_on else b"",
        _dump(task.extra) if task.extra else "{}",
        to_microseconds(task.created_at),
        to_microseconds(task.updated_at),
        None if closed_at is None else to_microseconds(closed_at),
        task.revision,
    )


def casefolds(name: str, details: str) -> tuple[str, str | None]:
    """The columns ``name_folded`` and ``details_folded``."""
    folded = details.casefold()
    return name.casefold(), None if folded == details else folded


def snapshot_from_row(row: Row) -> str:
    """A row of ``COLUMNS`` as the JSON text that the history keeps: the columns that are set, by name."""
    columns = {name: value for name, value in zip(COLUMNS, row, strict=True) if value is not None}
    columns["task_id"] = columns["task_id"].hex()
    columns["depends_on"] = columns["depends_on"].hex()
    return _dump(columns)


def snapshot_to_task(text: str) -> TaskModel:
    """The task in such a text; raises as ``task_from_row`` does."""
    columns = _load(text)
    columns["task_id"] = bytes.fromhex(columns["task_id"])
    columns["depends_on"] = bytes.fromhex(columns["depends_on"])
    return task_from_row(tuple([columns.get(name) for name in COLUMNS]))


def batch_from_row(row: Row) -> Batch:
    """The batch in a row of id, at, actor, command, undoes."""
    from tasky import Batch  # with all that is about changes, which a list does without

    identity, at, actor, command, undoes = row
    return Batch(
        uuid_from_bytes(identity),
        _EPOCH + timedelta(0, 0, at),
        actor,
        command,
        None if undoes is None else uuid_from_bytes(undoes),
    )


def batch_to_row(batch: Batch) -> Row:
    """The row of id, at, actor, command, undoes that holds ``batch``."""
    undoes = None if batch.undoes is None else batch.undoes.bytes
    return batch.id.bytes, to_microseconds(batch.at), batch.actor, batch.command, undoes


def _split(depends_on: bytes) -> tuple[UUID, ...]:
    return tuple([uuid_from_bytes(depends_on[at : at + 16]) for at in range(0, len(depends_on), 16)])


# json is imported where it is first needed: most tasks have no extra, and a list of them never pays for it.


def _load(text: str) -> dict[str, Any]:
    from json import loads

    value = loads(text)
    if not isinstance(value, dict):
        raise ValueError(f"{text[:80]!a} is not a JSON object")  # noqa: TRY004 - damage, not a caller's mistake
    return value


def _dump(value: object) -> str:
    from json import dumps

    return dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
