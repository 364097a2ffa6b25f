"""From a filter, an order and a page's start to statements.

The index of an order is led by the status, so a list of several statuses merges as many walks, each from
where the page begins: a page costs what its rows cost. Tasks that lack the value of the order come last in
both directions: a second statement, run when the first one is exhausted. It orders by that value, too, which
is the same for all, since the server knows only so that the order is the index's. Whether a walk or another
criterion's index leads is the server's to choose.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final, TypeAlias
from uuid import UUID

from tasky import TaskFilter, TaskModel, TaskOrder
from tasky_postgres.criteria import STATUSES, Criteria, Params, filter_criteria
from tasky_postgres.records import COLUMNS

__all__ = ["Statement", "count_statement", "find_statements", "history_statement", "ids_statement"]

Statement: TypeAlias = tuple[str, Params]

_COLUMNS: Final = ", ".join(COLUMNS)
_VALUES: Final = {
    "created": (),
    "updated": ("updated_at",),
    "due": ("due_at",),
    "priority": ("priority",),
    "name": ("left(name_folded, 200)", "name_folded"),
}
_INDEXED: Final = 200  # code points of a name that its index holds
_NULLABLE: Final = frozenset({"due", "priority"})
_LARGEST: Final = (1 << 63) - 1


def find_statements(
    filter: TaskFilter, order: TaskOrder, after: TaskModel | None, limit: int | None
) -> list[Statement]:
    """Statements whose rows of ``COLUMNS``, one after another, are the answer; each obeys the limit alone."""
    criteria = filter_criteria(filter)
    if criteria.empty:
        return []
    keys = (*_VALUES[order.by], "created_at", "task_id")
    place = None if after is None else _place(order, after)
    nullable = order.by in _NULLABLE
    statements = []
    if place is None or place[0] is not None:
        present = (f"{keys[0]} IS NOT NULL",) if nullable and place is None else ()
        statements.append(_walk(criteria, keys, order, present, place, limit))
    if nullable and not _asks_for_value(filter, order):
        place = place[1:] if place is not None and place[0] is None else None
        statements.append(_walk(criteria, keys, order, (f"{keys[0]} IS NULL",), place, limit))
    return statements


def count_statement(filter: TaskFilter) -> list[Statement]:
    """The statement whose rows are (status, count); none when nothing can match."""
    criteria = filter_criteria(filter)
    if criteria.empty:
        return []
    where = " AND ".join([_among(criteria.statuses), *criteria.conditions])
    return [(f"SELECT status, count(*) FROM tasks WHERE {where} GROUP BY status", tuple(criteria.params))]  # noqa: S608 - constants


def ids_statement(prefixes: Collection[str]) -> Statement:
    """The statement whose rows are the ids that begin with one of the prefixes."""
    low, high = ([UUID(prefix.ljust(32, end)) for prefix in prefixes] for end in "0f")
    return (
        "SELECT task_id FROM unnest(%s::uuid[], %s::uuid[]) AS wanted (low, high)"
        " JOIN tasks ON task_id BETWEEN low AND high",
        (low, high),
    )


def history_statement(
    task_id: UUID | None, batch: UUID | None, after: int | None, newest_first: bool, limit: int | None
) -> Statement:
    """The statement whose rows are an entry and its batch."""
    where: list[str] = ["true"]
    params: list[Any] = []
    if task_id is not None:
        where.append("history.task_id = %s")
        params.append(task_id)
    if batch is not None:
        # A batch's entries lie together: from its first one to the first one of the next batch.
        where.append(
            "sequence >= (SELECT first_sequence FROM batches WHERE id = %s) AND sequence < coalesce((SELECT"
            " min(first_sequence) FROM batches WHERE first_sequence >"
            " (SELECT first_sequence FROM batches WHERE id = %s)), 9223372036854775807)"
        )
        params += [batch, batch]
    if after is not None:
        where.append("sequence < %s" if newest_first else "sequence > %s")
        params.append(max(-_LARGEST, min(after, _LARGEST)))
    direction = "DESC" if newest_first else "ASC"
    return (
        "SELECT sequence, history.task_id, before, revision, id, at, actor, command, undoes"  # noqa: S608 - constants
        " FROM history LEFT JOIN batches ON first_sequence = batch"
        f" WHERE {' AND '.join(where)} ORDER BY sequence {direction}{_limited(limit)}",
        tuple(params),
    )


def _walk(
    criteria: Criteria,
    keys: tuple[str, ...],
    order: TaskOrder,
    more: tuple[str, ...],
    place: Params | None,
    limit: int | None,
) -> Statement:
    """The tasks in the order of ``keys``, behind ``place``, which has the values of the last of them.

    Each status by itself is ordered, and limited, too: otherwise the server would sort what it could merge.
    """
    conditions = [*more, *criteria.conditions]
    params = tuple(criteria.params)
    if place is not None:
        near = "<" if order.descending else ">"
        conditions.append(f"({', '.join(keys[-len(place) :])}) {near} ({', '.join(['%s'] * len(place))})")
        params += place
    columns = f"{_COLUMNS}, name_folded" if order.by == "name" else _COLUMNS
    direction = " DESC" if order.descending else ""
    tail = f" ORDER BY {', '.join([f'{key}{direction}' for key in keys])}{_limited(limit)}"
    if criteria.exact or len(criteria.statuses) == 1:
        # What is free has an index of its own in the order of ``due``, which no other may stand in for.
        among = () if criteria.free and order.by == "due" else (_among(criteria.statuses),)
        where = " AND ".join([*among, *conditions])
        return f"SELECT {_COLUMNS} FROM tasks WHERE {where}{tail}", params  # noqa: S608 - constants
    arms = [
        f"(SELECT {columns} FROM tasks WHERE {' AND '.join([_among((status,)), *conditions])}{tail})"  # noqa: S608 - constants
        for status in criteria.statuses
    ]
    return f"SELECT {_COLUMNS} FROM ({' UNION ALL '.join(arms)}) AS found{tail}", params * len(arms)  # noqa: S608 - constants


def _limited(limit: int | None) -> str:
    return "" if limit is None else f" LIMIT {int(limit)}"


def _among(statuses: tuple[str, ...]) -> str:
    if statuses == STATUSES:
        return "true"
    if len(statuses) == 1:
        return f"status = '{statuses[0]}'"
    return "status IN ({})".format(", ".join([f"'{status}'" for status in statuses]))


def _asks_for_value(filter: TaskFilter, order: TaskOrder) -> bool:
    """Whether a task that lacks the value of the order cannot match."""
    if order.by == "priority":
        return filter.priorities is not None
    return filter.due_after is not None or filter.due_before is not None


def _place(order: TaskOrder, after: TaskModel) -> Params:
    """Where ``after`` stands: its values of the keys, with the value of the order first."""
    last = after.created_at, after.task_id
    if order.by == "created":
        return last
    value = order.value(after)
    return (value[:_INDEXED], value, *last) if order.by == "name" else (value, *last)
