"""A TaskFilter as criteria in SQL.

Which index answers a criterion is the server's to choose, from its statistics; each criterion is written so
that one can. Text search has none: it is a substring search, and reads every task that the others leave.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, TypeAlias
from uuid import UUID

from tasky import TaskFilter, TaskStatus
from tasky_postgres.schema import FREE

__all__ = ["STATUSES", "Criteria", "Params", "filter_criteria"]

Params: TypeAlias = tuple[Any, ...]

STATUSES: Final = tuple(status.value for status in TaskStatus)

_SHOWN: Final = "(wait_until IS NULL OR wait_until <= %s)"
# Asked about each task that has a dependency, and not as a join: the server expects far too few tasks to come
# out of that one, and gathers all of them for a page.
_BLOCKED: Final = (
    "(depends_on <> '{}' AND EXISTS (SELECT 1 FROM tasks AS needed"
    " WHERE needed.task_id = ANY (tasks.depends_on) AND needed.status = 'pending'))"
)


class Criteria:
    """The statuses asked for and the conditions that must all hold; ``empty`` when they cannot.

    ``exact`` when one of them names tasks by ids, and so leaves few of them. ``free`` when one of them is
    ``FREE``, which implies the status.
    """

    __slots__ = ("conditions", "empty", "exact", "free", "params", "statuses")

    def __init__(self) -> None:
        self.statuses: tuple[str, ...] = STATUSES
        self.conditions: list[str] = []
        self.params: list[Any] = []
        self.exact = False
        self.empty = False
        self.free = False

    def add(self, condition: str, *params: Any) -> None:
        """One more condition, with its parameters."""
        self.conditions.append(condition)
        self.params += params


def filter_criteria(filter: TaskFilter) -> Criteria:
    """What the filter asks for."""
    criteria = Criteria()
    if filter.statuses is not None:
        criteria.statuses = tuple([status.value for status in TaskStatus if status in filter.statuses])
    if filter.ready:
        criteria.statuses = tuple([status for status in criteria.statuses if status == "pending"])
    if filter.id_prefix is not None:
        low, high = UUID(filter.id_prefix.ljust(32, "0")), UUID(filter.id_prefix.ljust(32, "f"))
        criteria.add("task_id BETWEEN %s AND %s", low, high)
    if filter.ids is not None:
        criteria.add("task_id = ANY (%s::uuid[])", list(filter.ids))
    if filter.depends_on_any is not None:
        criteria.add("depends_on && %s::uuid[]", list(filter.depends_on_any))
    criteria.exact = bool(criteria.conditions)
    if filter.tags:
        criteria.add("tags @> %s::text[]", list(filter.tags))
    if filter.without_tags:
        criteria.add("NOT tags && %s::text[]", list(filter.without_tags))
    if filter.project_id is not None:
        # '/' follows '.', and no slug holds either.
        below = f"{filter.project_id}.", f"{filter.project_id}/"
        criteria.add("(project_id = %s OR (project_id >= %s AND project_id < %s))", filter.project_id, *below)
    if filter.assignees is not None:
        _add_assignees(criteria, filter.assignees)
    if filter.priorities is not None:
        _add_priorities(criteria, [priority.value for priority in filter.priorities])
    for name in ("created", "updated", "due", "closed"):
        _add_range(criteria, filter, name)
    if filter.text:
        _add_text(criteria, filter.text)
    if filter.now is not None:
        _add_state(criteria, filter, filter.now)
    nothing: tuple[frozenset[Any] | None, ...] = (
        filter.ids,
        filter.depends_on_any,
        filter.priorities,
        filter.assignees,
    )
    criteria.empty = criteria.empty or not criteria.statuses or frozenset() in nothing
    return criteria


def _add_assignees(criteria: Criteria, assignees: frozenset[str | None]) -> None:
    names = [name for name in assignees if name is not None and _is_storable(name)]
    criteria.empty = criteria.empty or not (names or None in assignees)
    if None not in assignees:
        criteria.add("assignee = ANY (%s::text[])", names)
    elif names:
        criteria.add("(assignee IS NULL OR assignee = ANY (%s::text[]))", names)
    elif criteria.statuses == ("pending",):
        criteria.free = True
        criteria.add(FREE)
    else:
        criteria.add("assignee IS NULL")


def _add_priorities(criteria: Criteria, values: list[int]) -> None:
    if len(values) == 1:  # an index has those in order; to the server, those of a list are not
        criteria.add("priority = %s", *values)
    else:
        criteria.add("priority = ANY (%s::smallint[])", values)


def _add_range(criteria: Criteria, filter: TaskFilter, name: str) -> None:
    after: datetime | None = getattr(filter, f"{name}_after")
    before: datetime | None = getattr(filter, f"{name}_before")
    if after is not None:
        criteria.add(f"{name}_at >= %s", after)
    if before is not None:
        criteria.add(f"{name}_at < %s", before)


def _add_text(criteria: Criteria, text: str) -> None:
    wanted = text.casefold()
    criteria.empty = criteria.empty or not _is_storable(wanted)
    criteria.add(
        "(strpos(name_folded, %s) > 0 OR strpos(coalesce(details_folded, details), %s) > 0)", wanted, wanted
    )


def _add_state(criteria: Criteria, filter: TaskFilter, now: datetime) -> None:
    if filter.waiting is not None:
        criteria.add("wait_until > %s" if filter.waiting else _SHOWN, now)
    if filter.ready:
        criteria.add(f"{_SHOWN} AND NOT {_BLOCKED}", now)
    elif filter.ready is not None:
        criteria.add(f"NOT (status = 'pending' AND {_SHOWN} AND NOT {_BLOCKED})", now)


def _is_storable(text: str) -> bool:
    """NUL and lone surrogates are in no store, and the driver takes neither."""
    try:
        return b"\0" not in text.encode()
    except UnicodeEncodeError:
        return False
