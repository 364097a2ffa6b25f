"""Which tasks, and in which order: criteria and their reference meaning.

A backend pushes down what it can; ``TaskFilter.matches`` and ``TaskOrder.key`` say what it has to mean.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final, Literal, get_args
from uuid import UUID

from tasky.errors import InvalidFilterError, InvalidTaskError
from tasky.model import TaskModel, TaskPriority, TaskStatus, check_project_id, check_tags, check_timestamp
from tasky.record import record

__all__ = ["TaskFilter", "TaskOrder", "TaskOrderField", "check_limit", "check_sequence"]

TaskOrderField = Literal["created", "updated", "due", "priority", "name"]

_TIMES: Final = (
    "now",
    "created_after",
    "created_before",
    "updated_after",
    "updated_before",
    "due_after",
    "due_before",
    "closed_after",
    "closed_before",
)


@record(kw_only=True)
class TaskFilter:
    """Criteria, all of which a task must meet. None (and an empty tuple of tags) asks for nothing.

    - ``ids``: one of these. ``id_prefix``: the hex digits of the id start with these.
    - ``statuses``, ``priorities``: one of these; a task without a priority is in no set of priorities.
    - ``project_id``: this project or one under it.
    - ``tags``: all of these. ``without_tags``: none of these.
    - ``assignees``: one of these, where None stands for nobody.
    - ``depends_on_any``: depends on at least one of these.
    - ``text``: its Unicode casefold is a substring of the casefold of the name, or of the details.
    - ``*_after`` (inclusive) and ``*_before`` (exclusive): aware times; a task that lacks one is in no range.
    - ``waiting``: whether ``wait_until`` lies after ``now``.
    - ``ready``: whether the task is pending, not waiting, and depends on no pending task; a dependency
      that does not exist blocks nothing.

    ``now`` is required with ``waiting`` and ``ready``. An empty set is a criterion that nothing meets.
    Raises ``InvalidFilterError`` for a criterion that means nothing.
    """

    ids: frozenset[UUID] | None = None
    id_prefix: str | None = None
    statuses: frozenset[TaskStatus] | None = None
    project_id: str | None = None
    priorities: frozenset[TaskPriority] | None = None
    tags: tuple[str, ...] = ()
    without_tags: tuple[str, ...] = ()
    assignees: frozenset[str | None] | None = None
    depends_on_any: frozenset[UUID] | None = None
    text: str | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None
    updated_after: datetime | None = None
    updated_before: datetime | None = None
    due_after: datetime | None = None
    due_before: datetime | None = None
    closed_after: datetime | None = None
    closed_before: datetime | None = None
    ready: bool | None = None
    waiting: bool | None = None
    now: datetime | None = None

    def __post_init__(self) -> None:
        normalise = object.__setattr__
        for name, kinds in _MEMBERS.items():
            values = getattr(self, name)
            if values is not None:
                normalise(self, name, _members(name, values, kinds))
        try:
            check_project_id(self.project_id)
            normalise(self, "tags", check_tags(self.tags))
            normalise(self, "without_tags", check_tags(self.without_tags))
            for name in _TIMES:
                moment = getattr(self, name)
                if moment is not None:
                    normalise(self, name, check_timestamp(name, moment))
        except InvalidTaskError as error:
            raise InvalidFilterError(f"the filter's {error}") from None
        if self.id_prefix is not None:
            prefix = str(self.id_prefix).lower().replace("-", "")
            if not re.fullmatch("[0-9a-f]{1,32}", prefix):
                raise InvalidFilterError(f"{self.id_prefix!a} is not the beginning of an id: use hex digits")
            normalise(self, "id_prefix", prefix)
        if self.text is not None and not isinstance(self.text, str):
            raise InvalidFilterError("the filter's text has to be text")
        if self.now is None and not (self.ready is None and self.waiting is None):
            raise InvalidFilterError("ready and waiting are asked for a moment: give the filter a 'now'")

    def matches(self, task: TaskModel, *, blocked: bool = False) -> bool:
        """Whether ``task`` meets every criterion.

        ``blocked`` is the one fact from outside the task: whether it depends on a task that is pending now.
        """
        return (
            _contains(self.ids, task.task_id)
            and (self.id_prefix is None or task.task_id.hex.startswith(self.id_prefix))
            and _contains(self.statuses, task.status)
            and self._has_project(task.project_id)
            and _contains(self.priorities, task.priority)
            and set(self.tags) <= set(task.tags)
            and not set(self.without_tags) & set(task.tags)
            and _contains(self.assignees, task.assignee)
            and (self.depends_on_any is None or not self.depends_on_any.isdisjoint(task.depends_on))
            and self._has_text(task)
            and _within(task.created_at, self.created_after, self.created_before)
            and _within(task.updated_at, self.updated_after, self.updated_before)
            and _within(task.due_at, self.due_after, self.due_before)
            and _within(task.closed_at, self.closed_after, self.closed_before)
            and self._has_state(task, blocked)
        )

    def _has_project(self, project_id: str | None) -> bool:
        if self.project_id is None:
            return True
        return project_id is not None and f"{project_id}.".startswith(f"{self.project_id}.")

    def _has_text(self, task: TaskModel) -> bool:
        if self.text is None:
            return True
        wanted = self.text.casefold()
        return wanted in task.name.casefold() or wanted in task.details.casefold()

    def _has_state(self, task: TaskModel, blocked: bool) -> bool:
        if self.now is None:
            return True
        waiting = task.is_waiting(self.now)
        ready = task.status is TaskStatus.PENDING and not waiting and not blocked
        return self.waiting in (None, waiting) and self.ready in (None, ready)


@record()
class TaskOrder:
    """A total order, the same in every backend.

    The key is (value, ``created_at``, ``task_id``), where ``by`` names the value; ``descending`` reverses
    the whole key. A task that lacks the value comes last in both directions. ``name`` orders by the code
    points of the casefold, ``priority`` by LOW < MEDIUM < HIGH.
    """

    by: TaskOrderField = "created"
    descending: bool = False

    def __post_init__(self) -> None:
        if self.by not in get_args(TaskOrderField):
            raise InvalidFilterError(
                f"{self.by!a} is not an order: use one of {', '.join(get_args(TaskOrderField))}"
            )

    def value(self, task: TaskModel) -> Any:
        """What the order compares first; None where the task lacks it."""
        if self.by == "name":
            return task.name.casefold()
        if self.by == "priority":
            return task.priority
        return getattr(task, f"{self.by}_at")

    def key(self, task: TaskModel) -> tuple[Any, ...]:
        """A key for ``sorted(..., key=order.key, reverse=order.descending)``."""
        value = self.value(task)
        if value is None:
            return (not self.descending, task.created_at, task.task_id)
        return (self.descending, value, task.created_at, task.task_id)

    def sorted(self, tasks: Iterable[TaskModel]) -> list[TaskModel]:
        """The tasks in this order, in a new list."""
        return sorted(tasks, key=self.key, reverse=self.descending)

    def is_after(self, task: TaskModel, other: TaskModel) -> bool:
        """Whether ``task`` comes behind ``other`` and is not at the same place."""
        if self.descending:
            return self.key(task) < self.key(other)
        return self.key(task) > self.key(other)


def check_limit(limit: object) -> None:
    """Raise ``InvalidFilterError`` for a page's limit that is neither None nor an integer of 0 or more."""
    if limit is not None and (type(limit) is not int or limit < 0):
        raise InvalidFilterError(f"a limit is 0 or more, not {limit!r}")


def check_sequence(after: object) -> None:
    """Raise ``InvalidFilterError`` for the start of a page of history that is neither None nor an integer."""
    if after is not None and type(after) is not int:
        raise InvalidFilterError(f"a page of history starts behind a sequence number, not {after!r}")


_MEMBERS: Final[dict[str, tuple[type, ...]]] = {
    "ids": (UUID,),
    "statuses": (TaskStatus,),
    "priorities": (TaskPriority,),
    "assignees": (str, type(None)),
    "depends_on_any": (UUID,),
}


def _members(name: str, values: object, kinds: tuple[type, ...]) -> frozenset[Any]:
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise InvalidFilterError(f"the filter's {name} has to be a set")
    members = frozenset(values)
    for member in members:
        if not isinstance(member, kinds):
            raise InvalidFilterError(f"the filter's {name} cannot hold {member!a}")
    return members


def _contains(wanted: frozenset[Any] | None, value: object) -> bool:
    return wanted is None or value in wanted


def _within(moment: datetime | None, after: datetime | None, before: datetime | None) -> bool:
    if moment is None:
        return after is None and before is None
    return (after is None or after <= moment) and (before is None or moment < before)
