"""The options that choose tasks, the same on every command that shows or exports several."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from datetime import datetime
from functools import wraps
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from tasky.cli.dates import MOMENT
from tasky.filter import TaskFilter
from tasky.model import TaskPriority, TaskStatus
from tasky.record import record

if TYPE_CHECKING:
    from tasky.cli.context import App
    from tasky.service import TaskService

__all__ = ["Criteria", "filter_options", "make_filter"]

Function = TypeVar("Function", bound=Callable[..., Any])

NOBODY: Final = "none"


@record(kw_only=True)
class Criteria:
    """What the filter options were given; a field is named as its option is."""

    id: tuple[str, ...] = ()
    status: tuple[str, ...] = ()
    project: str | None = None
    priority: tuple[str, ...] = ()
    tag: tuple[str, ...] = ()
    no_tag: tuple[str, ...] = ()
    assignee: tuple[str, ...] = ()
    mine: bool = False
    text: str | None = None
    depends_on: tuple[str, ...] = ()
    created_after: datetime | None = None
    created_before: datetime | None = None
    updated_after: datetime | None = None
    updated_before: datetime | None = None
    due_after: datetime | None = None
    due_before: datetime | None = None
    closed_after: datetime | None = None
    closed_before: datetime | None = None
    overdue: bool = False
    ready: bool | None = None
    waiting: bool | None = None


def filter_options(function: Function) -> Function:
    """Add the options to a command's function, which gets their values as ``criteria``, a ``Criteria``."""
    names = [each.name for each in fields(Criteria)]

    @wraps(function)
    def with_criteria(*args: Any, **values: Any) -> Any:
        chosen = {name: values.pop(name) for name in names}
        return function(*args, criteria=Criteria(**chosen), **values)

    for declarations, attributes in reversed(_OPTIONS):
        click.option(*declarations, **attributes)(with_criteria)
    return with_criteria  # type: ignore[return-value] # it is called by click alone, with what click parsed


def make_filter(app: App, service: TaskService, criteria: Criteria, *, open_only: bool = False) -> TaskFilter:
    """The filter that ``criteria`` ask for at ``app.now``.

    ``open_only`` is what holds where nothing else is said: pending tasks when no status is given, and of
    pending ones only those that do not wait, unless the options name ids or speak about waiting.
    Raises ``TaskNotFoundError`` and ``AmbiguousTaskError`` for an id, ``InvalidFilterError`` for the rest.
    """
    statuses = frozenset(map(TaskStatus, criteria.status)) if criteria.status else None
    ids = frozenset(app.resolve(service, criteria.id)) if criteria.id else None
    depends_on = frozenset(app.resolve(service, criteria.depends_on)) if criteria.depends_on else None
    pending = frozenset({TaskStatus.PENDING})
    if criteria.overdue or (open_only and statuses is None and ids is None):
        statuses = pending if statuses is None else statuses & pending
    waiting = criteria.waiting
    if open_only and waiting is None and ids is None and statuses == pending:
        waiting = False
    due_before = criteria.due_before
    if criteria.overdue:
        due_before = app.now if due_before is None else min(due_before, app.now)
    return TaskFilter(
        ids=ids,
        statuses=statuses,
        project_id=criteria.project,
        priorities=frozenset(TaskPriority[label.upper()] for label in criteria.priority) or None,
        tags=criteria.tag,
        without_tags=criteria.no_tag,
        assignees=_assignees(app, criteria) or None,
        depends_on_any=depends_on,
        text=criteria.text,
        created_after=criteria.created_after,
        created_before=criteria.created_before,
        updated_after=criteria.updated_after,
        updated_before=criteria.updated_before,
        due_after=criteria.due_after,
        due_before=due_before,
        closed_after=criteria.closed_after,
        closed_before=criteria.closed_before,
        ready=criteria.ready,
        waiting=waiting,
        now=None if waiting is None and criteria.ready is None else app.now,
    )


def _assignees(app: App, criteria: Criteria) -> frozenset[str | None]:
    named = {None if name == NOBODY else name for name in criteria.assignee}
    return frozenset(named | {app.settings.actor.value} if criteria.mine else named)


def _several(metavar: str | click.Choice[str], text: str) -> dict[str, Any]:
    kind = {"metavar": metavar} if isinstance(metavar, str) else {"type": metavar}
    return {"multiple": True, "help": text, **kind}


_STATUSES: Final = click.Choice([status.value for status in TaskStatus], case_sensitive=False)
_PRIORITIES: Final = click.Choice([priority.label for priority in TaskPriority], case_sensitive=False)

_OPTIONS: Final[list[tuple[list[str], dict[str, Any]]]] = [
    (["--status"], _several(_STATUSES, "One of these statuses (repeatable).")),
    (["-p", "--project"], {"metavar": "PROJECT", "help": "This project and everything under it."}),
    (["--priority"], _several(_PRIORITIES, "One of these priorities (repeatable).")),
    (["-t", "--tag"], _several("TAG", "With all of these tags (repeatable).")),
    (["--no-tag"], _several("TAG", "With none of these tags (repeatable).")),
    (["--assignee"], _several("NAME", "Somebody's tasks; 'none' for nobody's (repeatable).")),
    (["--mine"], {"is_flag": True, "help": "Your own tasks."}),
    (["-s", "--text"], {"metavar": "TEXT", "help": "With TEXT in the name or in the details."}),
    (["--overdue"], {"is_flag": True, "help": "Pending, and due before now."}),
    (["--ready/--not-ready"], {"default": None, "help": "Whether nothing keeps you from doing it now."}),
    (["--waiting/--not-waiting"], {"default": None, "help": "Whether it is hidden until later."}),
    (["--depends-on"], _several("ID", "Waiting for at least one of these tasks (repeatable).")),
    (["--id"], _several("ID", "One of these tasks, whatever its status (repeatable).")),
    *(
        ([f"--{event}-{side}"], {"type": MOMENT, "help": f"{event.title()} {meaning}."})
        for event in ("due", "created", "updated", "closed")
        for side, meaning in (("after", "at that moment or later"), ("before", "before that moment"))
    ),
]
