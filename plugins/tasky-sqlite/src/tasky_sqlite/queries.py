"""From criteria, an order and a page's start to statements.

Two kinds of plan, and which one is chosen does not depend on statistics:

- A *driver* is a criterion that has an index and leaves few rows: they are fetched by it, and sorted.
- Otherwise the index of the order is *walked*, from where the page begins, so that a page costs what its
  rows cost. Each such index is led by the status, so a list of several statuses (or projects) merges several
  walks; what is free to claim has an index of its own, led by the priority. Tasks that lack the value of the
  order come last in both directions: a second statement, run when the first one is exhausted.

Every other criterion is a plain condition on the rows so found. How many rows a criterion leaves is asked by
counting entries of its index up to a bound. Text search reads every row of the walk.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from datetime import datetime
from typing import Any, Final, TypeAlias
from uuid import UUID

from tasky import TaskFilter, TaskModel, TaskOrder
from tasky_sqlite.criteria import (
    PROJECTS,
    STATUSES,
    Criteria,
    Criterion,
    Params,
    filter_criteria,
    value_range,
)
from tasky_sqlite.records import COLUMNS, to_microseconds

__all__ = ["Probe", "Statement", "count_statement", "find_statements", "history_statement", "ids_statements"]

Statement: TypeAlias = tuple[str, Params]
# Runs a small query in the caller's snapshot.
Probe: TypeAlias = Callable[[str, Params], list[tuple[Any, ...]]]

_SELECT: Final = f"SELECT {', '.join(COLUMNS)}"
_VALUE: Final = {
    "created": "created_at",
    "updated": "updated_at",
    "due": "due_at",
    "priority": "priority",
    "name": "name_folded",
}
_FREE: Final = "status = 'pending' AND assignee IS NULL"  # as the index says it
_NULLABLE: Final = frozenset({"due", "priority"})
_WALKED_PROJECTS: Final = 8  # at most so many walks are merged for a project and those under it
_FEW: Final = 4_000  # rows that cost about as much to sort as a walk to the end of a page costs
_FEW_OF_ALL: Final = 50_000  # the same when there is no limit and a walk reads everything
_MANY: Final = 1_000  # parameters of one statement; an even number
_LARGEST: Final = (1 << 63) - 1


def find_statements(
    filter: TaskFilter, order: TaskOrder, limit: int | None, after: TaskModel | None, probe: Probe
) -> list[Statement]:
    """Statements whose rows (``COLUMNS``, and one more by name), one after another, are the answer.

    Each ends with a parameter for its limit (-1 for none), which is the caller's to add.
    """
    criteria = filter_criteria(filter, order)
    if criteria.empty:
        return []
    place = None if after is None else _place(order, after)
    bound = _FEW_OF_ALL if limit is None else _FEW
    driver = _driver(criteria, bound, order, probe)
    if driver is not None:
        return [_driven(criteria, driver, order, place)]
    return list(_walks(criteria, filter, order, place, probe))


def count_statement(filter: TaskFilter, probe: Probe) -> list[Statement]:
    """The statement whose rows are (status, count); none when nothing can match."""
    criteria = filter_criteria(filter, None)
    if criteria.empty:
        return []
    if not criteria.others and criteria.statuses == STATUSES:
        return [("SELECT status, count(*) FROM tasks GROUP BY status", ())]
    source, where, params = _source(criteria, _driver(criteria, None, None, probe))
    return [(f"SELECT status, count(*) FROM {source} WHERE {where} GROUP BY status", params)]  # noqa: S608 - constants


def ids_statements(prefixes: Collection[str]) -> list[Statement]:
    """Statements whose rows are the ids that begin with one of the prefixes."""
    ends = [bytes.fromhex(prefix.ljust(32, digit)) for prefix in prefixes for digit in "0f"]
    parts = [ends[first : first + _MANY] for first in range(0, len(ends), _MANY)]
    return [
        (
            f"WITH wanted (low, high) AS (VALUES {', '.join(['(?, ?)'] * (len(part) // 2))})"  # noqa: S608 - constants
            " SELECT task_id FROM wanted CROSS JOIN tasks INDEXED BY tasks_id"
            " WHERE task_id BETWEEN low AND high",
            tuple(part),
        )
        for part in parts
    ]


def history_statement(
    task_id: UUID | None, batch: UUID | None, after: int | None, newest_first: bool
) -> Statement:
    """The statement whose rows are an entry and its batch; it ends with a parameter for its limit."""
    where: list[str] = ["true"]
    params: list[Any] = []
    if task_id is not None:
        where.append("history.task_id = ?")
        params.append(task_id.bytes)
    if batch is not None:
        # A batch's entries lie together: from its first one to the first one of the next batch.
        where.append(
            "sequence >= (SELECT first_sequence FROM batches WHERE id = ?) AND sequence < coalesce((SELECT"
            " min(first_sequence) FROM batches WHERE first_sequence >"
            " (SELECT first_sequence FROM batches WHERE id = ?)), 9223372036854775807)"
        )
        params += [batch.bytes, batch.bytes]
    if after is not None:
        where.append("sequence < ?" if newest_first else "sequence > ?")
        params.append(max(-_LARGEST, min(after, _LARGEST)))
    direction = "DESC" if newest_first else "ASC"
    return (
        "SELECT sequence, history.task_id, before, revision, id, at, actor, command, undoes"  # noqa: S608 - constants
        " FROM history LEFT JOIN batches ON first_sequence = batch"
        f" WHERE {' AND '.join(where)} ORDER BY sequence {direction} LIMIT ?",
        tuple(params),
    )


def _driver(criteria: Criteria, bound: int | None, order: TaskOrder | None, probe: Probe) -> Criterion | None:
    """The criterion that leaves the fewest rows, when fewer than ``bound`` (None: however many)."""
    candidates = [criterion for criterion in criteria.others if criterion.driver]
    if order is not None and order.by == "created" and len(candidates) == 1 and _is_project(candidates[0]):
        return None  # walked, whatever its size: see _walks
    best = None
    for criterion in candidates:
        if criterion.exact or (bound is None and len(candidates) == 1):
            return criterion
    most = _FEW_OF_ALL if bound is None else bound
    for criterion in candidates:
        alone = Criteria()
        alone.others = [criterion]
        alone.statuses = STATUSES if criterion.counted else criteria.statuses
        source, where, params = _source(alone, criterion)
        counted = criterion.counted or f"{source} WHERE {where}"
        sql = f"SELECT count(*) FROM (SELECT 1 FROM {counted} LIMIT ?)"  # noqa: S608 - constants
        ((count,),) = probe(sql, (*params, most))
        if count < most:
            best, most = criterion, count
    return candidates[0] if best is None and bound is None and candidates else best


def _source(criteria: Criteria, driver: Criterion | None) -> tuple[str, str, Params]:
    """Table, condition and parameters, led by ``driver``."""
    among = "status IN ({})".format(", ".join([f"'{status}'" for status in criteria.statuses]))
    if driver is None:
        source, leading, params = "tasks", [among], ()
    else:
        source = f"tasks INDEXED BY {driver.index_name}" if driver.index_name else "tasks NOT INDEXED"
        leading, params = [driver.driver], driver.driver_params
        if driver.led_by_status:
            leading.append(among)
        elif criteria.statuses != STATUSES:
            leading.append(f"+{among}")
    rest = [criterion for criterion in criteria.others if criterion is not driver]
    where = " AND ".join([*leading, *[criterion.plain for criterion in rest]])
    return source, where, sum([criterion.params for criterion in rest], params)


def _driven(criteria: Criteria, driver: Criterion, order: TaskOrder, place: Params | None) -> Statement:
    """Fetch by the driver, then sort."""
    source, where, params = _source(criteria, driver)
    keys = _keys(order)
    if place is not None:
        beyond, place_params = _beyond(order, keys, place)
        if order.by in _NULLABLE and place[0] is not None:
            beyond = f"({beyond} OR {keys[0]} IS NULL)"
        where, params = f"{where} AND {beyond}", (*params, *place_params)
    direction = "DESC" if order.descending else "ASC"
    ordered = ", ".join([f"{key} {direction} NULLS LAST" for key in keys])
    return f"{_select(order)} FROM {source} WHERE {where} ORDER BY {ordered} LIMIT ?", params


def _walks(
    criteria: Criteria, filter: TaskFilter, order: TaskOrder, place: Params | None, probe: Probe
) -> Iterator[Statement]:
    """Walk the order's index: the tasks that have the value, then those that lack it."""
    others = [criterion for criterion in criteria.others if not criterion.of_walk]
    index, leaders = f"tasks_{order.by}", [(f"status = '{status}'", ()) for status in criteria.statuses]
    if criteria.free_levels:
        index, leaders = "tasks_free", [(f"{_FREE} AND {level}", ()) for level in criteria.free_levels]
    project = next((criterion for criterion in others if criterion.index_name == "tasks_project"), None)
    if project is not None and order.by == "created":
        names = probe(f"{PROJECTS} LIMIT ?", (*project.driver_params, _WALKED_PROJECTS + 1))
        if len(names) <= _WALKED_PROJECTS:
            others.remove(project)
            index = "tasks_project"
            leaders = [(f"project_id = ? AND {leader}", name) for name in names for leader, _ in leaders]
    conditions, params = value_range(filter, order.by)
    if place is None or place[0] is not None:
        walked, walked_params = _from_place(order, conditions, params, place)
        yield _merged(index, leaders, walked, walked_params, others, order, _keys(order))
    if order.by in _NULLABLE and not conditions:
        walked, walked_params, keys = [f"{_VALUE[order.by]} IS NULL"], (), ("created_at", "task_id")
        if place is not None and place[0] is None:
            beyond, walked_params = _beyond(order, keys, place)
            walked.append(beyond)
        yield _merged(index, leaders, walked, walked_params, others, order, keys)


def _merged(
    index: str,
    leaders: list[tuple[str, Params]],
    walked: list[str],
    walked_params: Params,
    others: list[Criterion],
    order: TaskOrder,
    keys: tuple[str, ...],
) -> Statement:
    plain = [criterion.plain for criterion in others]
    plain_params = sum([criterion.params for criterion in others], ())
    select, arms, params = _select(order), [], []
    for leader, leader_params in leaders:
        where = " AND ".join([leader, *walked, *plain])
        arms.append(f"{select} FROM tasks INDEXED BY {index} WHERE {where}")
        params += [*leader_params, *walked_params, *plain_params]
    direction = " DESC" if order.descending else ""
    ordered = ", ".join([f"{key}{direction}" for key in keys])
    return f"{' UNION ALL '.join(arms)} ORDER BY {ordered} LIMIT ?", tuple(params)


def _from_place(
    order: TaskOrder, conditions: list[str], params: Params, place: Params | None
) -> tuple[list[str], Params]:
    """The stretch of the index between the filter's bounds and behind the page before.

    Of two bounds on the same side only the narrower one is given: SQLite would start at either.
    """
    kept = list(zip(conditions, params, strict=True))
    keys = _keys(order)
    if place is not None:
        value, near = place[0], "<" if order.descending else ">"
        bound = next((bound for condition, bound in kept if f" {near}" in condition), None)
        inside = bound is None or (value < bound if order.descending else value >= bound)
        if inside:
            beyond, place_params = _beyond(order, keys, place)
            kept = [pair for pair in kept if f" {near}" not in pair[0]]
            return [*[condition for condition, _ in kept], beyond], (
                *[bound for _, bound in kept],
                *place_params,
            )
    elif not kept and order.by in _NULLABLE:
        return [f"{keys[0]} IS NOT NULL"], ()
    return conditions, params


def _select(order: TaskOrder) -> str:
    return f"{_SELECT}, name_folded" if order.by == "name" else _SELECT


def _keys(order: TaskOrder) -> tuple[str, ...]:
    return ("created_at", "task_id") if order.by == "created" else (_VALUE[order.by], "created_at", "task_id")


def _place(order: TaskOrder, after: TaskModel) -> Params:
    """Where ``after`` stands: its values of the keys, with the value of the order first."""
    value = order.value(after)
    if isinstance(value, datetime):
        value = to_microseconds(value)
    created_at, task_id = to_microseconds(after.created_at), after.task_id.bytes
    return (created_at, task_id) if order.by == "created" else (value, created_at, task_id)


def _beyond(order: TaskOrder, keys: tuple[str, ...], place: Params) -> tuple[str, Params]:
    near = "<" if order.descending else ">"
    if place[0] is None:
        absent = f"{keys[0]} IS NULL AND " if len(keys) == 3 else ""
        return f"{absent}(created_at, task_id) {near} (?, ?)", place[1:]
    return f"({', '.join(keys)}) {near} ({', '.join('?' * len(keys))})", place


def _is_project(criterion: Criterion) -> bool:
    return criterion.index_name == "tasks_project"
