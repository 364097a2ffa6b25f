"""Issues of beads (``.beads/issues.jsonl``, one JSON object a line) as tasks.

Nothing of an issue is lost: what the task's own fields do not hold word for word is kept in
``extra["beads"]``, under the keys that it has in the file.

- ``closed`` is completed; ``tombstone``, an issue that was deleted, is cancelled; anything else is pending.
- Priority 0 and 1 is high, 2 medium, 3 and 4 low.
- A label is a tag where it can be one.
- A dependency of the type ``blocks`` is one of the task's; the other types mean no order of work. The
  issue it names need not be in the file. A cycle, which beads does not let in, is refused where tasks are
  written.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Annotated, Any, Final, TypeAlias
from uuid import UUID, uuid5

from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainValidator, ValidationError

from tasky.documents import read_timestamp, refusal
from tasky.errors import InvalidDocumentError, InvalidTaskError
from tasky.jsontext import read_json_lines
from tasky.model import (
    DETAILS_BYTES,
    NAME_LENGTH,
    TaskModel,
    TaskPriority,
    TaskStatus,
    check_assignee,
    check_extra,
    check_name,
    check_tags,
)

__all__ = ["NAMESPACE", "BeadsDependency", "BeadsIssue", "issue_task_id", "read_beads"]

NAMESPACE: Final = UUID("b4a2f0de-6d0c-4f43-9a86-0d0e3c1f7e55")  # of the ids below; never to be changed

_STATUSES: Final = {"closed": TaskStatus.COMPLETED, "tombstone": TaskStatus.CANCELLED}
_PRIORITIES: Final = (
    TaskPriority.HIGH,
    TaskPriority.HIGH,
    TaskPriority.MEDIUM,
    TaskPriority.LOW,
    TaskPriority.LOW,
)
_NOT_ONE_LINE: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


def issue_task_id(issue_id: str) -> UUID:
    """The task's id: the same for the same issue, in every file and at every time."""
    return uuid5(NAMESPACE, f"beads:{issue_id}")


def _read_text(value: object) -> str:
    if not isinstance(value, str):
        raise InvalidTaskError("text", value, "it has to be text")
    return value


def _read_optional_text(value: object) -> str:
    return "" if value is None else _read_text(value)


def _read_optional_time(value: object) -> datetime | None:
    return None if value is None else read_timestamp(value)


def _read_priority(value: object) -> TaskPriority | None:
    if value is None:
        return None
    if type(value) is not int or not 0 <= value < len(_PRIORITIES):
        raise InvalidTaskError("priority", value, "a priority of beads is an integer from 0 to 4")
    return _PRIORITIES[value]


def _read_labels(value: object) -> list[str]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise InvalidTaskError("labels", value, "it has to be a list")
    return [_read_text(label) for label in value]


def _read_dependencies(value: object) -> object:
    return [] if value is None else value


OptionalTime: TypeAlias = Annotated[datetime | None, PlainValidator(_read_optional_time)]
OptionalText: TypeAlias = Annotated[str, PlainValidator(_read_optional_text)]


class BeadsDependency(BaseModel):
    """What an issue has to do with another one; keys that are not listed here are allowed."""

    model_config = ConfigDict(extra="allow", frozen=True)

    depends_on_id: Annotated[str, PlainValidator(check_name)]
    type: OptionalText = ""


class BeadsIssue(BaseModel):
    """The keys of an issue that a task has fields for; all others are allowed, and kept."""

    model_config = ConfigDict(extra="allow", frozen=True)

    id: Annotated[str, PlainValidator(check_name)]
    title: Annotated[str, PlainValidator(_read_text)]
    status: Annotated[str, PlainValidator(_read_text)]
    created_at: Annotated[datetime, PlainValidator(read_timestamp)]
    updated_at: OptionalTime = None
    closed_at: OptionalTime = None
    deleted_at: OptionalTime = None
    due_at: OptionalTime = None
    defer_until: OptionalTime = None
    priority: Annotated[TaskPriority | None, PlainValidator(_read_priority)] = None
    description: OptionalText = ""
    assignee: OptionalText = ""
    labels: Annotated[list[str], PlainValidator(_read_labels)] = []
    dependencies: Annotated[list[BeadsDependency], BeforeValidator(_read_dependencies)] = []


def read_beads(lines: Iterable[bytes], /, *, source: str) -> Iterator[TaskModel]:
    """The tasks of a beads file, read as they are asked for; blank lines don't count.

    Raises ``InvalidDocumentError`` at the first line that is not an issue, after the tasks before it.
    """
    for line, document in read_json_lines(lines, source=source):
        try:
            issue = BeadsIssue.model_validate(document)
        except ValidationError as error:
            raise refusal(error, BeadsIssue, source=source, line=line) from None
        for key, value in document.items():
            try:
                check_extra({"beads": {key: value}})
            except InvalidTaskError as error:
                raise InvalidDocumentError(
                    error.rule, source=source, line=line, field=ascii(key)[1:-1]
                ) from None
        yield _task(issue, document)


def _task(issue: BeadsIssue, document: dict[str, Any]) -> TaskModel:
    status = _STATUSES.get(issue.status, TaskStatus.PENDING)
    updated_at = issue.updated_at or issue.created_at
    closed_at = None
    if status is TaskStatus.COMPLETED:
        closed_at = issue.closed_at or updated_at
    elif status is TaskStatus.CANCELLED:
        closed_at = issue.deleted_at or issue.closed_at or updated_at
    fields: dict[str, Any] = {
        "title": _name(issue),
        "description": issue.description.encode()[:DETAILS_BYTES].decode(errors="ignore"),
        "assignee": issue.assignee if _keeps(check_assignee, issue.assignee) else None,
        "labels": sorted({label for label in issue.labels if _keeps(check_tags, [label])}),
    }
    kept = {key: value for key, value in document.items() if not value or fields.get(key) != value}
    blockers = {issue_task_id(one.depends_on_id) for one in issue.dependencies if one.type == "blocks"}
    own_id = issue_task_id(issue.id)
    return TaskModel(
        task_id=own_id,
        name=fields["title"],
        details=fields["description"],
        status=status,
        priority=issue.priority,
        tags=tuple(fields["labels"]),
        assignee=fields["assignee"],
        due_at=issue.due_at,
        wait_until=issue.defer_until,
        depends_on=tuple(blockers - {own_id}),
        extra={"beads": kept},
        created_at=issue.created_at,
        updated_at=updated_at,
        closed_at=closed_at,
    )


def _name(issue: BeadsIssue) -> str:
    """The title, or as much of it as a name can hold; the id where nothing is left."""
    if _keeps(check_name, issue.title):
        return issue.title
    line = " ".join(_NOT_ONE_LINE.sub(" ", issue.title).split())
    return f"{line[: NAME_LENGTH - 1]}…" if len(line) > NAME_LENGTH else line or issue.id


def _keeps(check: Callable[[Any], object], value: object) -> bool:
    """Whether the value keeps the rule."""
    try:
        check(value)
    except InvalidTaskError:
        return False
    return True
