"""How fast a backend is beside the reference in memory, measured in turns in one run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from statistics import median
from time import perf_counter
from typing import Any, Final

from tasky import TaskChange, TaskFilter, TaskModel, TaskRepository, TaskStatus
from tasky.testing.memory import MemoryTaskRepository
from tasky.testing.samples import changed, make_batch, many_tasks

__all__ = ["compare"]

_TASKS: Final = 1000  # that the store holds meanwhile
_TURNS: Final = 7
_PENDING: Final = frozenset({TaskStatus.PENDING})


def compare(repository: TaskRepository) -> list[dict[str, Any]]:
    """A JSON value for each operation on an open, empty store: both medians in microseconds, their ratio."""
    with MemoryTaskRepository() as reference:
        reference.initialize()
        ours, theirs = _operations(repository), _operations(reference)
        figures = []
        for (name, operation), (_, same) in zip(ours, theirs, strict=True):
            times = [(_timed(operation), _timed(same)) for _ in range(_TURNS)]
            mine, other = (median(each) * 1e6 for each in zip(*times, strict=True))
            figures.append(
                {
                    "operation": name,
                    "microseconds": round(mine, 1),
                    "reference_microseconds": round(other, 1),
                    "ratio": round(mine / other, 2),
                }
            )
    return figures


def _operations(repository: TaskRepository) -> Iterator[tuple[str, Callable[[], object]]]:
    """What is measured, in an order in which each finds what it needs."""
    tasks = list(many_tasks("speed", _TASKS, 100))
    new = many_tasks("one", 10 * _TURNS, 100)
    newest: list[TaskModel] = []

    def add() -> None:
        newest[:] = [next(new)]
        repository.apply(make_batch(), [TaskChange(None, newest[0])])

    def update() -> None:
        before = newest[0]
        newest[0] = changed(before, details="changed")
        repository.apply(make_batch(), [TaskChange(before, newest[0])])

    batches = iter([tasks[part::_TURNS] for part in range(_TURNS)])
    yield (
        f"add {_TASKS // _TURNS} tasks in one batch",
        lambda: repository.apply(make_batch(), [TaskChange(None, task) for task in next(batches)]),
    )
    yield "add a task", add
    yield "change a task", update
    yield "get a task", lambda: repository.get_task(tasks[_TASKS // 2].task_id)
    yield "list a page of 50", lambda: list(repository.find_tasks(TaskFilter(statuses=_PENDING), limit=50))
    rare = TaskFilter(text=tasks[_TASKS // 2].details[:20])
    yield "search a text that one task has", lambda: list(repository.find_tasks(rare, limit=50))
    yield "count by status", repository.count_tasks
    yield f"read all {_TASKS} tasks", lambda: list(repository.find_tasks())
    yield "a task's history", lambda: list(repository.history(task_id=newest[0].task_id))


def _timed(operation: Callable[[], object]) -> float:
    start = perf_counter()
    operation()
    return perf_counter() - start
