"""A task as text for an editor, and back: a line for each field, then the details as they are.

A field that is not touched is not read back, so nothing is lost on the way: what the text cannot show well
(a fraction of a second, a dependency that is gone) changes only when its line does.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from tasky.cli.dates import parse_moment
from tasky.errors import InvalidDocumentError, InvalidTaskError
from tasky.jsontext import parse_json
from tasky.model import TaskModel, TaskPriority
from tasky.record import record

__all__ = ["SEPARATOR", "TaskText"]

SEPARATOR: Final = "---- details ----"

_KEYS: Final = {
    "name": "name",
    "project": "project_id",
    "priority": "priority",
    "tags": "tags",
    "assignee": "assignee",
    "due": "due_at",
    "wait": "wait_until",
    "depends-on": "depends_on",
    "extra": "extra",
}


@record(kw_only=True)
class TaskText:
    """The text of one task.

    ``short_ids`` has the task's own id and its dependencies' as people see them; ``now`` is what relative
    dates count from.
    """

    task: TaskModel
    short_ids: dict[UUID, str]
    now: datetime

    def render(self) -> str:
        """The text to edit; ``parse`` finds no change in it."""
        short_id = self.short_ids[self.task.task_id]
        head = [
            f"# Task {short_id}, {self.task.status.value}. Save and close to store what you changed.",
            "# Empty what you want to clear. Dates: 2026-01-31, 2026-01-31T17:00, friday, +3d.",
            *(f"{key}: {text}" for key, text in self._lines().items()),
            SEPARATOR,
        ]
        return "\n".join(head) + f"\n{self.task.details}\n"

    def parse(self, text: str, *, source: str, resolve: Callable[[str], UUID]) -> dict[str, Any]:
        """The fields that ``text`` changes, as values for a ``TaskEdit``.

        ``resolve`` finds the id of a task that becomes a dependency. Raises ``InvalidDocumentError`` naming
        line and field, and what ``resolve`` raises; the model's own rules are checked later.
        """
        text = text.removeprefix("\ufeff")
        if text.count("\r\n") == text.count("\n") and "\r\n" not in self.render():
            text = text.replace("\r\n", "\n")  # the editor writes lines as its system does
        lines = text.split("\n")
        ends = [number for number, line in enumerate(lines) if line.rstrip() == SEPARATOR]
        if not ends:
            rule = f"the line {SEPARATOR!r} is missing, so the details cannot be told from the fields"
            raise InvalidDocumentError(rule, source=source)
        before, values, seen = self._lines(), {}, set()
        for number, line in enumerate(lines[: ends[0]], start=1):
            if line.startswith("#") or not line.strip():
                continue
            key, colon, value = line.partition(":")
            key = key.strip().lower()
            if not colon or key not in _KEYS:
                rule = f"a line is 'field: value', and the fields are {', '.join(_KEYS)}"
                raise InvalidDocumentError(rule, source=source, line=number)
            if key in seen:
                raise InvalidDocumentError("it occurs twice", source=source, line=number, field=key)
            seen.add(key)
            if value.removeprefix(" ") != before[key]:
                values[_KEYS[key]] = self._value(key, value.strip(), source, number, resolve)
        missing = [key for key in _KEYS if key not in seen]
        if missing:
            rule = f"the line of {missing[0]} is missing: to clear it, leave its value empty"
            raise InvalidDocumentError(rule, source=source)
        details = "\n".join(lines[ends[0] + 1 :]).removesuffix("\n")
        if details != self.task.details:
            values["details"] = details
        return values

    def _lines(self) -> dict[str, str]:
        task = self.task
        return {
            "name": task.name,
            "project": task.project_id or "",
            "priority": "" if task.priority is None else task.priority.label,
            "tags": " ".join(task.tags),
            "assignee": task.assignee or "",
            "due": _local(task.due_at),
            "wait": _local(task.wait_until),
            "depends-on": " ".join(self.short_ids[task_id] for task_id in task.depends_on),
            "extra": json.dumps(dict(task.extra), ensure_ascii=False),
        }

    def _value(self, key: str, text: str, source: str, line: int, resolve: Callable[[str], UUID]) -> Any:
        try:
            match key:
                case "name":
                    return text
                case "project" | "assignee":
                    return text or None
                case "priority":
                    return _priority(text)
                case "tags":
                    return tuple(text.split())
                case "due" | "wait":
                    return parse_moment(text, now=self.now, day_end=key == "due") if text else None
                case "depends-on":
                    return self._depends_on(text.split(), resolve)
            return parse_json(text or "{}", source=source)
        except InvalidDocumentError as error:
            raise InvalidDocumentError(error.rule, source=source, line=line, field=key) from None
        except ValueError as error:
            raise InvalidDocumentError(str(error), source=source, line=line, field=key) from None

    def _depends_on(self, references: list[str], resolve: Callable[[str], UUID]) -> tuple[UUID, ...]:
        known = {short_id: task_id for task_id, short_id in self.short_ids.items()}
        return tuple(known[one] if one in known else resolve(one) for one in references)


def _local(moment: datetime | None) -> str:
    return "" if moment is None else moment.astimezone().isoformat(timespec="seconds")


def _priority(text: str) -> TaskPriority | None:
    if not text:
        return None
    if text.upper() not in TaskPriority.__members__:
        raise InvalidTaskError("priority", text, "a priority is low, medium or high, or not set")
    return TaskPriority[text.upper()]
