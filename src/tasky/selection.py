"""What a filter and an order mean for tasks that are all in memory: for a backend that holds them there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from uuid import UUID

from tasky.filter import TaskFilter, TaskOrder
from tasky.model import TaskModel, TaskStatus

__all__ = ["count_by_status", "select_tasks"]


def select_tasks(
    tasks: Mapping[UUID, TaskModel],
    filter: TaskFilter,
    order: TaskOrder,
    limit: int | None = None,
    after: TaskModel | None = None,
) -> list[TaskModel]:
    """One page of the tasks that match, as ``TaskRepository.find_tasks`` has it.

    ``after`` is the last task of the page before. Whether a task is ready is judged among ``tasks``, which
    are therefore all that the store holds. The limit is not checked: see ``tasky.check_limit``.
    """
    found = _matching(tasks, filter)
    if after is not None:
        found = [task for task in found if order.is_after(task, after)]
    return order.sorted(found)[:limit]


def count_by_status(tasks: Mapping[UUID, TaskModel], filter: TaskFilter) -> dict[TaskStatus, int]:
    """How many of the tasks match, as ``TaskRepository.count_tasks`` has it: every status present."""
    counts = dict.fromkeys(TaskStatus, 0)
    for task in _matching(tasks, filter):
        counts[task.status] += 1
    return counts


def _matching(tasks: Mapping[UUID, TaskModel], filter: TaskFilter) -> list[TaskModel]:
    candidates: Iterable[TaskModel] = tasks.values()
    if filter.ids is not None:
        candidates = [tasks[task_id] for task_id in filter.ids if task_id in tasks]
    if filter.id_prefix is not None:
        digits = int(filter.id_prefix, 16)
        shift = 128 - 4 * len(filter.id_prefix)
        candidates = [task for task in candidates if task.task_id.int >> shift == digits]
    if filter.ready is None:
        return [task for task in candidates if filter.matches(task)]
    pending = {task.task_id for task in tasks.values() if task.status is TaskStatus.PENDING}
    return [
        task for task in candidates if filter.matches(task, blocked=not pending.isdisjoint(task.depends_on))
    ]
