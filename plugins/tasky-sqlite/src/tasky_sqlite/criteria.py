"""A TaskFilter as criteria in SQL: each as a plain condition, and as one that an index answers.

A plain condition carries a unary plus, which keeps SQLite from using an index for it: which index leads is
decided in ``queries``, from what the criteria say about theirs. Text search has none: it is a substring
search, and an index for it would double the file.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final, NamedTuple, TypeAlias
from uuid import UUID

from tasky import TaskFilter, TaskOrder, TaskPriority, TaskStatus
from tasky_sqlite.records import to_microseconds

__all__ = ["PROJECTS", "STATUSES", "Criteria", "Criterion", "Params", "filter_criteria", "value_range"]

Params: TypeAlias = tuple[Any, ...]

_VALUES: Final = {status: status.value for status in TaskStatus}
STATUSES: Final = tuple(_VALUES.values())
_TIMES: Final = {  # the orders that filters bound: two attributes of a filter, and their conditions
    name: (f"{name}_after", f"{name}_before", f"{name}_at >= ?", f"{name}_at < ?")
    for name in ("created", "updated", "due", "closed")
}
_NOBODY: Final = frozenset({None})
_LISTED: Final = 100  # values up to which each has a parameter of its own

# Splits a blob of ids, given twice: no limit on bound variables, and one statement text for any number.
_IDS: Final = (
    "(WITH RECURSIVE cut(at) AS (VALUES (1) UNION ALL SELECT at + 16 FROM cut WHERE at + 16 < length(?))"
    " SELECT substr(?, at, 16) FROM cut)"
)
# The distinct projects at and under one, by one seek each.
PROJECTS: Final = (
    "WITH RECURSIVE under(branch) AS ("
    "SELECT min(project_id) FROM tasks WHERE project_id >= ? AND project_id < ? UNION ALL"
    " SELECT (SELECT min(project_id) FROM tasks WHERE project_id > under.branch AND project_id < ?)"
    " FROM under WHERE under.branch IS NOT NULL)"
    " SELECT ? UNION ALL SELECT branch FROM under WHERE branch IS NOT NULL"
)
_NOT_BLOCKED: Final = (
    "(depends_on = x'' OR NOT EXISTS (SELECT 1 FROM task_dependencies AS edge"
    " CROSS JOIN tasks AS needed ON needed.task_id = edge.depends_on"
    " WHERE edge.row_id = tasks.row_id AND +needed.status = 'pending'))"
)


class Criterion(NamedTuple):
    """``plain`` uses no index. ``driver``, where there is one, does: the one named, or the row ids."""

    plain: str
    params: Params
    driver: str = ""
    driver_params: Params = ()
    index_name: str = ""
    led_by_status: bool = False
    counted: str = ""  # where to count instead, when the driver would gather all of its rows first
    exact: bool = False  # by id: leaves few rows, no need to count
    of_walk: bool = False  # a walk in the order that was asked for starts and ends by it


class Criteria:
    """The statuses asked for and the other criteria, which must all hold; ``empty`` when none can.

    ``free_levels``, for tasks that are free to claim, in the order of ``due``: a condition for each priority,
    or the lack of one, that they may have. Under each of them ``tasks_free`` has them in that order.
    """

    __slots__ = ("empty", "free_levels", "others", "statuses")

    def __init__(self) -> None:
        self.statuses: tuple[str, ...] = STATUSES
        self.others: list[Criterion] = []
        self.free_levels: tuple[str, ...] = ()
        self.empty = False

    def add(self, plain: str, *params: Any) -> None:
        """One more criterion, which no index answers."""
        self.others.append(Criterion(plain, params))


def filter_criteria(filter: TaskFilter, order: TaskOrder | None) -> Criteria:
    """What the filter asks for; the criterion on the order's own value is marked, since a walk uses it."""
    criteria = Criteria()
    if filter.statuses is not None:
        criteria.statuses = tuple([value for status, value in _VALUES.items() if status in filter.statuses])
    if filter.ready:
        criteria.statuses = tuple([status for status in criteria.statuses if status == "pending"])
    if filter.id_prefix is not None:
        low = bytes.fromhex(filter.id_prefix.ljust(32, "0"))
        high = bytes.fromhex(filter.id_prefix.ljust(32, "f"))
        criteria.others.append(
            Criterion(
                "+task_id BETWEEN ? AND ?",
                (low, high),
                "task_id BETWEEN ? AND ?",
                (low, high),
                "tasks_id",
                exact=True,
            )
        )
    if filter.ids is not None:
        ids = _join(filter.ids)
        criteria.others.append(
            Criterion(
                f"+task_id IN {_IDS}", (ids, ids), f"task_id IN {_IDS}", (ids, ids), "tasks_id", exact=True
            )
        )
    if filter.depends_on_any is not None:
        ids = _join(filter.depends_on_any)
        rows = f"row_id IN (SELECT row_id FROM task_dependencies WHERE depends_on IN {_IDS})"  # noqa: S608 - constants
        criteria.others.append(Criterion(f"+{rows}", (ids, ids), rows, (ids, ids), exact=True))
    if filter.tags:
        _add_tags(criteria, filter.tags)
    if filter.without_tags:
        tags = _json(filter.without_tags)
        criteria.add(
            "NOT EXISTS (SELECT 1 FROM json_each(?) WHERE instr(' ' || tags || ' ', ' ' || value || ' '))",
            tags,
        )
    if filter.project_id is not None:
        _add_project(criteria, filter.project_id)
    is_free = criteria.statuses == ("pending",) and filter.assignees == _NOBODY
    if is_free and order is not None and order.by == "due":
        levels = (None, *TaskPriority) if filter.priorities is None else sorted(filter.priorities)
        criteria.free_levels = tuple(
            ["priority IS NULL" if level is None else f"priority = {level.value}" for level in levels]
        )
    if filter.assignees is not None:
        _add_assignees(criteria, filter.assignees)
    if filter.priorities is not None:
        _add_priorities(criteria, filter.priorities)
    for name in _TIMES:
        _add_range(criteria, filter, name, order)
    if filter.text:
        _add_text(criteria, filter.text)
    if filter.now is not None:
        _add_state(criteria, filter, to_microseconds(filter.now))
    nothing: tuple[frozenset[Any] | None, ...] = (
        filter.ids,
        filter.depends_on_any,
        filter.priorities,
        filter.assignees,
    )
    criteria.empty = criteria.empty or not criteria.statuses or frozenset() in nothing
    return criteria


def value_range(filter: TaskFilter, name: str) -> tuple[list[str], Params]:
    """The bounds that the filter sets to the value of the order ``name``, and their parameters."""
    if name == "priority" and filter.priorities:
        return ["priority >= ?", "priority < ?"], (min(filter.priorities).value, max(filter.priorities) + 1)
    if name not in _TIMES:
        return [], ()
    first, end, from_first, to_end = _TIMES[name]
    after: datetime | None = getattr(filter, first)
    before: datetime | None = getattr(filter, end)
    conditions, params = [], []
    if after is not None:
        conditions.append(from_first)
        params.append(to_microseconds(after))
    if before is not None:
        conditions.append(to_end)
        params.append(to_microseconds(before))
    return conditions, tuple(params)


def _add_tags(criteria: Criteria, tags: tuple[str, ...]) -> None:
    for tag in tags[:_LISTED]:
        criteria.others.append(
            Criterion(
                "instr(' ' || tags || ' ', ?)",
                (f" {tag} ",),
                "row_id IN (SELECT row_id FROM task_tags WHERE tag = ?)",
                (tag,),
                counted="task_tags WHERE tag = ?",
            )
        )
    if len(tags) > _LISTED:
        criteria.add(
            "NOT EXISTS (SELECT 1 FROM json_each(?)"
            " WHERE NOT instr(' ' || tags || ' ', ' ' || value || ' '))",
            _json(tags),
        )


def _add_project(criteria: Criteria, project_id: str) -> None:
    first, end = f"{project_id}.", f"{project_id}/"  # '/' follows '.', and no slug holds either
    criteria.others.append(
        Criterion(
            "(+project_id = ? OR (+project_id >= ? AND +project_id < ?))",
            (project_id, first, end),
            f"project_id IN ({PROJECTS})",
            (first, end, end, project_id),
            "tasks_project",
            led_by_status=True,
        )
    )


def _add_assignees(criteria: Criteria, assignees: frozenset[str | None]) -> None:
    params: Params
    names = sorted([name for name in assignees if name is not None and _is_storable(name)])
    criteria.empty = criteria.empty or not (names or None in assignees)
    if len(names) > _LISTED:
        among, params = "IN (SELECT value FROM json_each(?))", (_json(names),)
    else:
        among, params = f"IN ({', '.join('?' * len(names))})", tuple(names)
    if None in assignees:
        plain = f"(+assignee IS NULL OR +assignee {among})"
        criteria.others.append(Criterion(plain, params, of_walk=bool(criteria.free_levels)))
    else:
        criteria.others.append(
            Criterion(f"+assignee {among}", params, f"assignee {among}", params, "tasks_assignee")
        )


def _add_priorities(criteria: Criteria, priorities: frozenset[TaskPriority]) -> None:
    among = f"priority IN ({', '.join([str(priority.value) for priority in sorted(priorities)])})"
    if criteria.free_levels:
        criteria.others.append(Criterion(f"+{among}", (), of_walk=True))
    else:
        criteria.others.append(Criterion(f"+{among}", (), among, (), "tasks_priority", led_by_status=True))


def _add_range(criteria: Criteria, filter: TaskFilter, name: str, order: TaskOrder | None) -> None:
    conditions, params = value_range(filter, name)
    if not conditions:
        return
    plain = " AND ".join([f"+{condition}" for condition in conditions])
    if order is not None and order.by == name:
        criteria.others.append(Criterion(plain, params, of_walk=True))
    else:
        driver, led_by_status = " AND ".join(conditions), name != "closed"
        criteria.others.append(
            Criterion(plain, params, driver, params, f"tasks_{name}", led_by_status=led_by_status)
        )


def _add_text(criteria: Criteria, text: str) -> None:
    if not _is_storable(text):
        criteria.empty = True
        return
    wanted = text.casefold()
    criteria.add("(instr(name_folded, ?) OR instr(coalesce(details_folded, details), ?))", wanted, wanted)


def _add_state(criteria: Criteria, filter: TaskFilter, now: int) -> None:
    shown = "(+wait_until IS NULL OR +wait_until <= ?)"
    if filter.waiting:
        after = "wait_until > ?"
        criteria.others.append(Criterion(f"+{after}", (now,), after, (now,), "tasks_waiting"))
    elif filter.waiting is not None:
        criteria.add(shown, now)
    if filter.ready:
        criteria.add(f"{shown} AND {_NOT_BLOCKED}", now)
    elif filter.ready is not None:
        criteria.add(f"NOT (+status = 'pending' AND {shown} AND {_NOT_BLOCKED})", now)


def _is_storable(text: str) -> bool:
    """Lone surrogates are in no store, and SQLite takes none."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _join(ids: Iterable[UUID]) -> bytes:
    return b"".join(sorted([uuid.bytes for uuid in ids]))


def _json(values: Iterable[str]) -> str:
    from json import dumps  # rarely needed, and a list need not wait for it

    return dumps(list(values))
