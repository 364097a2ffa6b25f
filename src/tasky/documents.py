"""Task documents: JSON that people or other programs wrote, checked before it becomes a task.

``TaskDocument`` is the one definition of what a task looks like from outside: the readers below check with
it, and ``task_json_schema`` is made from it. It decides the shape (keys, JSON types, what may be left out);
what makes a value valid is asked of the ``check_*`` functions of ``tasky.model``. Nothing is guessed or
converted: an unknown key, a number where text belongs, a key that occurs twice, a time without a zone are
refused with an ``InvalidDocumentError`` that names source, line, field and rule.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Annotated, Any, Final
from uuid import UUID

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PlainValidator,
    ValidationError,
    ValidationInfo,
    WithJsonSchema,
)

from tasky.errors import InvalidDocumentError, InvalidTaskError
from tasky.jsontext import parse_json, read_json_lines
from tasky.model import (
    ASSIGNEE_LENGTH,
    NAME_LENGTH,
    PROJECT_ID_LENGTH,
    PROJECT_ID_PATTERN,
    REVISION_LIMIT,
    TAG_LENGTH,
    TaskModel,
    TaskPriority,
    TaskStatus,
    check_assignee,
    check_closed_at,
    check_depends_on,
    check_details,
    check_extra,
    check_name,
    check_priority,
    check_project_id,
    check_revision,
    check_status,
    check_tags,
    check_task_id,
    check_timestamp,
)

__all__ = [
    "ENVELOPE_SCHEMA",
    "TaskDocument",
    "parse_task",
    "read_envelope",
    "read_tasks",
    "read_timestamp",
    "refusal",
    "task_json_schema",
]

ENVELOPE_SCHEMA: Final = "tasky/1"

_UUID: Final = re.compile("[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}").fullmatch
_RFC_3339: Final = re.compile(
    "[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}(?:[.][0-9]+)?(?:Z|[+-][0-9]{2}:[0-9]{2})?"
).fullmatch
_STATUSES: Final = {status.value: status for status in TaskStatus}
_PRIORITIES: Final = {priority.label: priority for priority in TaskPriority}


def read_timestamp(value: object) -> datetime:
    """The aware UTC datetime that RFC 3339 text means; more than six decimals are cut off.

    Raises ``InvalidTaskError`` for other text, a time without a zone, and one that does not exist.
    """
    if type(value) is not str or not _RFC_3339(value):
        raise InvalidTaskError("time", value, "a time is written as in RFC 3339: 2026-01-31T09:00:00Z")
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise InvalidTaskError("time", value, "there is no such time") from None
    return check_timestamp("time", moment)


def _read_id(value: object) -> UUID:
    return check_task_id(UUID(value) if type(value) is str and _UUID(value) else value)


def _read_status(value: object) -> TaskStatus:
    return check_status(_STATUSES.get(value) if type(value) is str else value)


def _read_priority(value: object) -> TaskPriority | None:
    return check_priority(_PRIORITIES.get(value, value) if type(value) is str else value)


def _read_optional_time(value: object) -> datetime | None:
    return None if value is None else read_timestamp(value)


def _read_closed_at(value: object, info: ValidationInfo) -> datetime | None:
    moment = _read_optional_time(value)
    if "status" in info.data:  # it is not when it was refused itself
        check_closed_at(info.data["status"], moment)
    return moment


def _read_tags(value: object) -> tuple[str, ...]:
    return check_tags(_list("tags", value))


def _read_depends_on(value: object, info: ValidationInfo) -> tuple[UUID, ...]:
    items = _list("depends_on", value)
    if not items:
        return ()
    ids = [UUID(item) if type(item) is str and _UUID(item) else item for item in items]
    return check_depends_on(info.data.get("task_id"), ids)  # type: ignore[arg-type]  # None equals no id


def _list(field: str, value: object) -> list[Any]:
    if type(value) is not list:
        raise InvalidTaskError(field, value, "it has to be a list")
    return value


def _text(length: int, **more: Any) -> dict[str, Any]:
    return {"type": "string", "minLength": 1, "maxLength": length, **more}


def _optional(schema: dict[str, Any]) -> WithJsonSchema:
    return WithJsonSchema({"anyOf": [schema, {"type": "null"}], "default": None})


def _without_default(schema: dict[str, Any]) -> None:
    del schema["default"]


_TIME_SCHEMA: Final = {"type": "string", "format": "date-time"}
_ID_SCHEMA: Final = {"type": "string", "format": "uuid"}


class TaskDocument(BaseModel):
    """One task as a JSON object: the keys that ``encode_task`` writes.

    ``task_id``, ``name`` and ``created_at`` are required. What else is left out takes its default:
    ``updated_at`` is ``created_at``, ``closed_at`` of a completed or cancelled task is ``updated_at``,
    ``status`` is pending, ``revision`` is 1, and the rest is empty or null.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, title="Task")

    task_id: Annotated[UUID, PlainValidator(_read_id), WithJsonSchema(_ID_SCHEMA)]
    name: Annotated[str, PlainValidator(check_name), WithJsonSchema(_text(NAME_LENGTH))]
    details: Annotated[str, PlainValidator(check_details), WithJsonSchema({"type": "string"})] = ""
    status: Annotated[
        TaskStatus, PlainValidator(_read_status), WithJsonSchema({"type": "string", "enum": [*_STATUSES]})
    ] = TaskStatus.PENDING
    priority: Annotated[
        TaskPriority | None,
        PlainValidator(_read_priority),
        WithJsonSchema({"enum": [*_PRIORITIES, None], "default": None}),
    ] = None
    project_id: Annotated[
        str | None,
        PlainValidator(check_project_id),
        _optional(_text(PROJECT_ID_LENGTH, pattern=f"^{PROJECT_ID_PATTERN}$")),
    ] = None
    tags: Annotated[
        tuple[str, ...],
        PlainValidator(_read_tags),
        WithJsonSchema({"type": "array", "items": _text(TAG_LENGTH, pattern=r"^\S+$")}),
    ] = ()
    assignee: Annotated[
        str | None,
        PlainValidator(check_assignee),
        _optional(_text(ASSIGNEE_LENGTH)),
    ] = None
    due_at: Annotated[datetime | None, PlainValidator(_read_optional_time), _optional(_TIME_SCHEMA)] = None
    wait_until: Annotated[datetime | None, PlainValidator(_read_optional_time), _optional(_TIME_SCHEMA)] = (
        None
    )
    depends_on: Annotated[
        tuple[UUID, ...],
        PlainValidator(_read_depends_on),
        WithJsonSchema({"type": "array", "items": _ID_SCHEMA}),
    ] = ()
    extra: Annotated[dict[str, Any], PlainValidator(check_extra), WithJsonSchema({"type": "object"})] = Field(
        default_factory=dict
    )
    created_at: Annotated[datetime, PlainValidator(read_timestamp), WithJsonSchema(_TIME_SCHEMA)]
    updated_at: Annotated[datetime | None, PlainValidator(read_timestamp), WithJsonSchema(_TIME_SCHEMA)] = (
        Field(default=None, json_schema_extra=_without_default)
    )  # null is refused
    closed_at: Annotated[datetime | None, PlainValidator(_read_closed_at), _optional(_TIME_SCHEMA)] = None
    revision: Annotated[
        int,
        PlainValidator(check_revision),
        WithJsonSchema({"type": "integer", "minimum": 1, "exclusiveMaximum": REVISION_LIMIT}),
    ] = 1

    def to_task(self) -> TaskModel:
        """The task that the document describes."""
        updated_at = self.updated_at or self.created_at
        closed_at = self.closed_at
        if closed_at is None and self.status is not TaskStatus.PENDING:
            closed_at = updated_at  # the key was left out: null would have been refused
        return TaskModel.unchecked(
            self.task_id,
            self.name,
            self.details,
            self.status,
            self.priority,
            self.project_id,
            self.tags,
            self.assignee,
            self.due_at,
            self.wait_until,
            self.depends_on,
            self.extra,
            self.created_at,
            updated_at,
            closed_at,
            self.revision,
        )


def parse_task(
    document: str | bytes | dict[str, Any], *, source: str, line: int | None = None, path: str = ""
) -> TaskModel:
    """The task that a JSON object describes, given as text or already read with ``parse_json``.

    ``source`` (a file's name), ``line`` and ``path`` (``items.3`` where the object stands inside another)
    say in ``InvalidDocumentError`` where the document comes from.
    """
    if isinstance(document, str | bytes):
        document = parse_json(document, source=source, line=line)
    try:
        return TaskDocument.model_validate(document).to_task()
    except ValidationError as error:
        raise refusal(error, TaskDocument, source=source, line=line, path=path) from None


def read_tasks(lines: Iterable[bytes], *, source: str) -> Iterator[TaskModel]:
    """The tasks of a JSON Lines file, one object a line, read as they are asked for; blank lines don't count.

    Raises ``InvalidDocumentError`` at the first line that is not a task, after the tasks before it.
    """
    for line, document in read_json_lines(lines, source=source):
        yield parse_task(document, source=source, line=line)


def read_envelope(text: str | bytes, *, source: str) -> Iterator[TaskModel]:
    """The tasks of one JSON document, ``{"schema": "tasky/1", "kind": "tasks", "items": [...]}``.

    The text is parsed at the call, the tasks are checked as they are asked for. Raises
    ``InvalidDocumentError`` for another schema version, another kind, and an item that is not a task.
    """
    envelope = parse_json(text, source=source)
    for key in envelope:
        if key not in _ENVELOPE:
            rule, hint = "there is no such key", _nearest(key, _ENVELOPE)
            raise InvalidDocumentError(rule, source=source, field=_printable(key), hint=hint)
    for key, expected in _ENVELOPE.items():
        if key not in envelope:
            raise InvalidDocumentError(_RULES["missing"], source=source, field=key)
        if expected is not None and envelope[key] != expected:
            rule = f"it has to be {expected!r}"
            hint = "Another version of Tasky may have written it, or it is not a list of tasks."
            raise InvalidDocumentError(rule, source=source, field=key, hint=hint)
    items = envelope["items"]
    if type(items) is not list:
        raise InvalidDocumentError("it has to be a list", source=source, field="items")
    return (parse_task(item, source=source, path=f"items.{index}") for index, item in enumerate(items))


def task_json_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of one task document, as the readers above take it."""
    schema = TaskDocument.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def refusal(
    error: ValidationError,
    model: type[BaseModel],
    *,
    source: str,
    line: int | None = None,
    path: str = "",
) -> InvalidDocumentError:
    """What pydantic found wrong with a document of that model, in our words and with the path of the value.

    An unknown key comes first: the key that it was meant to be is often reported as missing, too.
    """
    problem = min(error.errors(include_url=False), key=lambda one: one["type"] != "extra_forbidden")
    where = [str(part) for part in problem["loc"]]
    hint = ""
    if problem["type"] == "value_error":
        cause = problem["ctx"]["error"]
        assert isinstance(cause, InvalidTaskError)  # what the check functions raise
        rule, hint = cause.rule, cause.hint
        where += _inside(cause, problem["input"])
    elif problem["type"] == "extra_forbidden":
        rule, hint = "there is no such key", _nearest(where[-1], model.model_fields)
    else:
        rule = _RULES[problem["type"]]
    field = ".".join([path, *where] if path else where)
    return InvalidDocumentError(rule, source=source, line=line, field=_printable(field), hint=hint)


_ENVELOPE: Final = {"schema": ENVELOPE_SCHEMA, "kind": "tasks", "items": None}
_RULES: Final = {
    "list_type": "it has to be a list",
    "missing": "it is required",
    "model_type": "it has to be a JSON object",
    "string_unicode": "it has a key that is not valid Unicode (a lone surrogate)",
}


def _inside(cause: InvalidTaskError, value: object) -> list[str]:
    """Where in the field's own value the fault lies, when it is not the value as a whole."""
    if isinstance(value, list):
        return next(([str(index)] for index, item in enumerate(value) if item is cause.value), [])
    return cause.field.split(".", 1)[1:]


def _nearest(key: str, known: Iterable[str]) -> str:
    from difflib import get_close_matches  # only where something is wrong already

    close = get_close_matches(key, known, n=1)
    return f"Did you mean {close[0]!r}?" if close else f"It knows {', '.join(known)}."


def _printable(text: str) -> str:
    return text if text.isprintable() else ascii(text)[1:-1]
