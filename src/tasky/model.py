"""What a task is: a plain, frozen record, and every rule about its values, written once.

Nothing here does I/O or knows a store. ``TaskModel(...)`` checks and normalises its values with the
``check_*`` functions below, which the documents at the doors call too; ``TaskModel.unchecked(...)``
is for a store that enforces the same rules itself and would otherwise pay for them twice.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import field, fields
from datetime import UTC, datetime
from enum import Enum, IntEnum
from typing import Any, Final, TypeAlias
from uuid import UUID

from tasky.errors import InvalidTaskError, InvalidTransitionError
from tasky.record import record

__all__ = [
    "JSONValue",
    "TaskModel",
    "TaskPriority",
    "TaskStatus",
    "check_actor",
    "check_assignee",
    "check_closed_at",
    "check_depends_on",
    "check_details",
    "check_extra",
    "check_name",
    "check_priority",
    "check_project_id",
    "check_revision",
    "check_status",
    "check_tags",
    "check_task_id",
    "check_text",
    "check_timestamp",
    "check_transition",
]

JSONValue: TypeAlias = "bool | int | float | str | list[JSONValue] | dict[str, JSONValue] | None"

NAME_LENGTH: Final = 500  # characters
ASSIGNEE_LENGTH: Final = 200  # characters
TAG_LENGTH: Final = 100  # characters
PROJECT_ID_LENGTH: Final = 200  # characters
DETAILS_BYTES: Final = 1 << 20  # of UTF-8
EXTRA_DEPTH: Final = 64  # lists and mappings inside one another
EXTRA_INTEGER_BITS: Final = 4096  # below the length at which Python refuses to read a decimal integer
REVISION_LIMIT: Final = 1 << 63  # the first revision that a 64-bit column cannot hold

PROJECT_ID_PATTERN: Final = r"[a-z0-9][a-z0-9_-]*(?:\.[a-z0-9][a-z0-9_-]*)*"
# Texts, which re compiles and keeps when they are first needed: most commands need none of them.
_NOT_STORABLE: Final = "[\x00\ud800-\udfff]"  # PostgreSQL can hold neither in text
_NOT_ONE_LINE: Final = "[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]"


class TaskStatus(Enum):
    """Where a task stands. Only a pending task can be completed or cancelled; both can be reopened."""

    PENDING = "pending"
    COMPLETED = "completed"
    CANCELLED = "cancelled"


class TaskPriority(IntEnum):
    """How urgent a task is; the order is LOW < MEDIUM < HIGH. A task without one compares with none."""

    LOW = 1
    MEDIUM = 2
    HIGH = 3

    @property
    def label(self) -> str:
        """The name people and documents use: ``low``, ``medium`` or ``high``."""
        return self.name.lower()


_TRANSITIONS: Final = {
    TaskStatus.PENDING: {TaskStatus.COMPLETED, TaskStatus.CANCELLED},
    TaskStatus.COMPLETED: {TaskStatus.PENDING},
    TaskStatus.CANCELLED: {TaskStatus.PENDING},
}


@record(kw_only=True)
class TaskModel:
    """One task at one revision.

    Every time is aware, in UTC, to the microsecond. ``tags`` and ``depends_on`` are sorted and hold
    nothing twice. ``extra`` must not be changed in place. Two tasks are equal when every field is.

    Raises ``InvalidTaskError``, naming field, value and rule, for a value that breaks one.
    """

    task_id: UUID
    name: str
    created_at: datetime
    updated_at: datetime
    details: str = ""
    status: TaskStatus = TaskStatus.PENDING
    priority: TaskPriority | None = None
    project_id: str | None = None
    tags: tuple[str, ...] = ()
    assignee: str | None = None
    due_at: datetime | None = None
    wait_until: datetime | None = None
    depends_on: tuple[UUID, ...] = ()
    extra: Mapping[str, JSONValue] = field(default_factory=dict, hash=False)
    closed_at: datetime | None = None
    revision: int = 1

    def __post_init__(self) -> None:
        normalise = object.__setattr__
        check_task_id(self.task_id)
        check_name(self.name)
        check_details(self.details)
        check_status(self.status)
        check_priority(self.priority)
        check_project_id(self.project_id)
        check_assignee(self.assignee)
        check_revision(self.revision)
        normalise(self, "tags", check_tags(self.tags))
        normalise(self, "depends_on", check_depends_on(self.task_id, self.depends_on))
        normalise(self, "extra", check_extra(self.extra))
        normalise(self, "created_at", check_timestamp("created_at", self.created_at))
        normalise(self, "updated_at", check_timestamp("updated_at", self.updated_at))
        for name in ("due_at", "wait_until", "closed_at"):
            value = getattr(self, name)
            if value is not None:
                normalise(self, name, check_timestamp(name, value))
        check_closed_at(self.status, self.closed_at)

    @staticmethod
    def unchecked(
        task_id: UUID,
        name: str,
        details: str,
        status: TaskStatus,
        priority: TaskPriority | None,
        project_id: str | None,
        tags: tuple[str, ...],
        assignee: str | None,
        due_at: datetime | None,
        wait_until: datetime | None,
        depends_on: tuple[UUID, ...],
        extra: Mapping[str, JSONValue],
        created_at: datetime,
        updated_at: datetime,
        closed_at: datetime | None,
        revision: int,
    ) -> TaskModel:
        """Build a task from values that are known to keep every rule, at a small part of the cost.

        For a store that enforces the rules itself, and for a document that has just been checked.
        """
        draft: Any = _Draft()
        draft.task_id = task_id
        draft.name = name
        draft.details = details
        draft.status = status
        draft.priority = priority
        draft.project_id = project_id
        draft.tags = tags
        draft.assignee = assignee
        draft.due_at = due_at
        draft.wait_until = wait_until
        draft.depends_on = depends_on
        draft.extra = extra
        draft.created_at = created_at
        draft.updated_at = updated_at
        draft.closed_at = closed_at
        draft.revision = revision
        draft.__class__ = TaskModel
        task: TaskModel = draft
        return task

    def is_waiting(self, now: datetime) -> bool:
        """Whether the task is hidden at ``now`` (aware): its ``wait_until`` lies after it."""
        return self.wait_until is not None and self.wait_until > now


class _Draft:
    """A task that is being built: the same slots, and not frozen yet.

    Python sets them four times as fast as ``object.__setattr__``, which a frozen class asks for; a class of
    the same slots may then take its place.
    """

    __slots__ = tuple(each.name for each in fields(TaskModel))


def check_transition(task: TaskModel, target: TaskStatus) -> None:
    """Raise ``InvalidTransitionError`` unless ``task`` may become ``target``."""
    if target not in _TRANSITIONS[task.status]:
        raise InvalidTransitionError(
            f"task {task.task_id.hex[:8]} is {task.status.value} and cannot become {target.value}",
            hint="Reopen it first." if task.status is not TaskStatus.PENDING else "",
        )


def check_task_id(value: object) -> UUID:
    """Any RFC 9562 UUID."""
    if not isinstance(value, UUID):
        raise InvalidTaskError("task_id", value, "an id is a UUID")
    return value


def check_name(value: object) -> str:
    """One line of 1 to 500 characters, not blank, without control characters."""
    return _one_line("name", value, NAME_LENGTH)


def check_details(value: object) -> str:
    """Free text, at most 1 MiB in UTF-8, without NUL and lone surrogates."""
    text = check_text("details", value)
    if len(text) * 4 > DETAILS_BYTES and len(text.encode()) > DETAILS_BYTES:
        raise InvalidTaskError("details", value, "details have at most 1 MiB in UTF-8")
    return text


def check_status(value: object) -> TaskStatus:
    """A ``TaskStatus``."""
    if not isinstance(value, TaskStatus):
        raise InvalidTaskError("status", value, "a status is pending, completed or cancelled")
    return value


def check_priority(value: object) -> TaskPriority | None:
    """A ``TaskPriority``, or None for 'not set'."""
    if value is not None and not isinstance(value, TaskPriority):
        raise InvalidTaskError("priority", value, "a priority is low, medium or high, or not set")
    return value


def check_project_id(value: object) -> str | None:
    """A slug of at most 200 characters: ``a-z 0-9 _ -``; dots make a hierarchy (``web.login``)."""
    if value is None:
        return None
    if (
        not isinstance(value, str)
        or len(value) > PROJECT_ID_LENGTH
        or not re.fullmatch(PROJECT_ID_PATTERN, value)
    ):
        raise InvalidTaskError(
            "project_id",
            value,
            "a project is made of a-z, 0-9, '_' and '-', with dots between levels,"
            f" in at most {PROJECT_ID_LENGTH} characters",
        )
    return value


def check_tags(values: object) -> tuple[str, ...]:
    """Tags of 1 to 100 characters without spaces and control characters; sorted, each one once."""
    tags: set[str] = set()
    for value in _items("tags", values):
        tag = _one_line("tags", value, TAG_LENGTH)
        if any(map(str.isspace, tag)):
            raise InvalidTaskError("tags", value, "a tag has no spaces in it")
        tags.add(tag)
    return tuple(sorted(tags))


def check_assignee(value: object) -> str | None:
    """One line of 1 to 200 characters, not blank, without control characters; None for nobody."""
    return None if value is None else _one_line("assignee", value, ASSIGNEE_LENGTH)


def check_actor(value: object) -> str:
    """Who writes: one line of 1 to 200 characters, not blank, without control characters."""
    return _one_line("actor", value, ASSIGNEE_LENGTH)


def check_depends_on(task_id: UUID, values: object) -> tuple[UUID, ...]:
    """Ids of other tasks than ``task_id``; sorted, each one once. They need not exist."""
    ids: set[UUID] = set()
    for value in _items("depends_on", values):
        if not isinstance(value, UUID):
            raise InvalidTaskError("depends_on", value, "a dependency is named by a UUID")
        ids.add(value)
    if task_id in ids:
        raise InvalidTaskError("depends_on", str(task_id), "a task cannot depend on itself")
    return tuple(sorted(ids))


def check_extra(value: object) -> dict[str, JSONValue]:
    """A mapping of names to JSON values (copied): finite numbers, at most 64 levels deep."""
    if not isinstance(value, Mapping):
        raise InvalidTaskError("extra", value, "extra is a mapping of names to JSON values")
    return {check_text("extra", key): _json("extra." + key, item, 1) for key, item in value.items()}


def check_timestamp(name: str, value: object) -> datetime:
    """The aware datetime ``value`` in UTC; ``name`` is the field that an error names."""
    if not isinstance(value, datetime):
        raise InvalidTaskError(name, value, "a time is a datetime")
    if value.utcoffset() is None:
        raise InvalidTaskError(name, value, "a time needs a time zone")
    try:
        return value.astimezone(UTC)
    except OverflowError as error:
        raise InvalidTaskError(name, value, "a time lies in the years 1 to 9999, in UTC") from error


def check_closed_at(status: TaskStatus, closed_at: datetime | None) -> None:
    """A task has a closing time exactly when it is not pending."""
    if (closed_at is None) != (status is TaskStatus.PENDING):
        rule = "a pending task has no closing time, a completed or cancelled one has"
        raise InvalidTaskError("closed_at", closed_at, rule)


def check_revision(value: object) -> int:
    """A positive integer below 2**63."""
    if type(value) is not int or not 1 <= value < REVISION_LIMIT:
        raise InvalidTaskError("revision", value, "a revision is an integer from 1 to 2**63 - 1")
    return value


def check_text(name: str, value: object) -> str:
    """Any text without NUL and lone surrogates; ``name`` is the field that an error names."""
    if not isinstance(value, str):
        raise InvalidTaskError(name, value, "it has to be text")
    if ("\x00" in value or not value.isascii()) and re.search(_NOT_STORABLE, value):
        raise InvalidTaskError(name, value, "text holds neither NUL nor lone surrogates")
    return value


def _one_line(name: str, value: object, length: int) -> str:
    if not isinstance(value, str):
        raise InvalidTaskError(name, value, "it has to be text")
    if not value or value.isspace():
        raise InvalidTaskError(name, value, "it must not be blank")
    if len(value) > length:
        raise InvalidTaskError(name, value, f"it has at most {length} characters")
    if not value.isprintable() and re.search(_NOT_ONE_LINE, value):
        raise InvalidTaskError(name, value, "it is one line without control characters")
    return value


def _items(name: str, values: object) -> Iterable[Any]:
    if isinstance(values, str | bytes) or not isinstance(values, Iterable):
        raise InvalidTaskError(name, values, "it has to be a sequence")
    return values


def _json(name: str, value: object, depth: int) -> JSONValue:
    """A copy of ``value``, so that nobody else can change what the task holds."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return check_text(name, value)
    if isinstance(value, int):
        if value.bit_length() > EXTRA_INTEGER_BITS:
            rule = f"an integer has at most {EXTRA_INTEGER_BITS} bits"
            raise InvalidTaskError(name, f"{value.bit_length()} bits", rule)
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise InvalidTaskError(name, value, "a number is finite")
        return value
    if depth >= EXTRA_DEPTH:
        raise InvalidTaskError(name, "...", f"values nest at most {EXTRA_DEPTH} levels deep")
    if isinstance(value, list | tuple):
        return [_json(name, item, depth + 1) for item in value]
    if isinstance(value, Mapping):
        return {check_text(name, key): _json(name, item, depth + 1) for key, item in value.items()}
    raise InvalidTaskError(name, value, "it has to be a JSON value")
