"""A change to a task that a caller asks for: fields to set, and members to add to or take from its sets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field, replace
from typing import Any, Final
from uuid import UUID

from tasky.errors import InvalidTaskError
from tasky.model import JSONValue, TaskModel
from tasky.record import record

__all__ = ["EDITABLE_FIELDS", "TaskEdit"]

EDITABLE_FIELDS: Final = (
    "name",
    "details",
    "priority",
    "project_id",
    "tags",
    "assignee",
    "due_at",
    "wait_until",
    "depends_on",
    "extra",
)


@record(kw_only=True)
class TaskEdit:
    """What to do to a task; what is not mentioned stays.

    ``values`` sets whole fields (those in ``EDITABLE_FIELDS``; None clears an optional one). Then the sets
    and ``extra`` take their additions, then their removals. Removing what is not there is no error.
    """

    values: Mapping[str, Any] = field(default_factory=dict)
    add_tags: tuple[str, ...] = ()
    remove_tags: tuple[str, ...] = ()
    add_depends_on: tuple[UUID, ...] = ()
    remove_depends_on: tuple[UUID, ...] = ()
    set_extra: Mapping[str, JSONValue] = field(default_factory=dict)
    remove_extra: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in self.values:
            if name not in EDITABLE_FIELDS:
                rule = f"only {', '.join(EDITABLE_FIELDS)} can be edited"
                raise InvalidTaskError(name, self.values[name], rule)

    def applied_to(self, task: TaskModel) -> TaskModel:
        """``task`` with the edit, at the same revision; raises ``InvalidTaskError``."""
        values = {"tags": task.tags, "depends_on": task.depends_on, "extra": task.extra, **self.values}
        if self.add_tags or self.remove_tags:
            values["tags"] = {*values["tags"], *self.add_tags} - set(self.remove_tags)
        if self.add_depends_on or self.remove_depends_on:
            values["depends_on"] = {*values["depends_on"], *self.add_depends_on} - set(self.remove_depends_on)
        if self.set_extra or self.remove_extra:
            merged = {**values["extra"], **self.set_extra}
            values["extra"] = {key: merged[key] for key in merged if key not in self.remove_extra}
        return replace(task, **values)
