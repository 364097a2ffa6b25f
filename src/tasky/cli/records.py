"""Tasks and what was written, as the fields of a line and as JSON documents."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, TypeVar

from tasky.cli.output import Output
from tasky.cli.table import Cell, Column, text_cell
from tasky.cli.text import plain_time, printable, short_day
from tasky.codec import encode_task
from tasky.model import TaskModel, TaskStatus

if TYPE_CHECKING:
    from tasky.changes import TaskChange
    from tasky.service import TaskService
    from tasky.writing import Written

__all__ = ["print_tasks", "print_written", "task_documents", "with_short_ids"]

CHUNK: Final = 500  # records whose short ids are looked up together, and that are in memory at once

TASK_COLUMNS: Final = (
    Column("ID"),
    Column("Status", rank=3),
    Column("Priority", rank=2),
    Column("Due", rank=1),
    Column("Project", rank=4),
    Column("Tags", wraps=True, rank=5),
    Column("Assignee", wraps=True, rank=6),
    Column("Name", wraps=True),
)

T = TypeVar("T")


def print_tasks(output: Output, tasks: Iterable[TaskModel], service: TaskService) -> None:
    """Print tasks, a line each, as they come. Only a table for people holds them all."""
    if output.for_programs:
        output.documents("tasks", task_documents(tasks, service))
    else:
        numbered = with_short_ids(tasks, service)
        output.table(TASK_COLUMNS, (_task_cells(task, short_id, output.now) for task, short_id in numbered))


def print_written(
    output: Output,
    written: Written,
    verb: str,
    service: TaskService,
    *,
    dry_run: bool = False,
    ids_only: bool = False,
) -> None:
    """Print what a command wrote, or with ``dry_run`` would have written, a line for each task.

    ``verb`` is a past participle (``completed``). ``ids_only`` prints nothing but the short id to a pipe.
    """
    if output.for_programs:
        batch = None if written.batch is None else str(written.batch.id)
        changes = _change_documents(written.changes, service)
        output.documents("changes", changes, batch=batch, dry_run=dry_run)
        return
    if dry_run:
        verb = f"would be {verb}"
    for task, short_id in with_short_ids(written.tasks, service):
        if output.for_people:
            output.write(f"{short_id} {verb}: {printable(task.name)}")
        elif ids_only and not dry_run:
            output.write(short_id)
        else:
            output.write(f"{short_id}\t{verb}\t{printable(task.name)}")


def task_documents(tasks: Iterable[TaskModel], service: TaskService) -> Iterator[dict[str, Any]]:
    """Each task as ``encode_task`` has it, and its ``short_id``."""
    for task, short_id in with_short_ids(tasks, service):
        yield {**encode_task(task), "short_id": short_id}


def with_short_ids(tasks: Iterable[TaskModel], service: TaskService) -> Iterator[tuple[TaskModel, str]]:
    """Each task with the id that people see, looked up a chunk at a time."""
    for chunk in _chunks(tasks):
        short_ids = service.short_ids([task.task_id for task in chunk])
        for task in chunk:
            yield task, short_ids[task.task_id]


def _task_cells(task: TaskModel, short_id: str, now: datetime) -> Sequence[Cell]:
    closed = "closed" if task.status is not TaskStatus.PENDING else ""
    priority = "" if task.priority is None else task.priority.label
    return (
        Cell(short_id, short_id, "id"),
        Cell(task.status.value, task.status.value if closed else "", closed),
        Cell(priority, priority, priority),
        _due_cell(task, now),
        text_cell(task.project_id, "project"),
        text_cell(" ".join(task.tags), "tag"),
        text_cell(task.assignee),
        text_cell(task.name, closed),
    )


def _due_cell(task: TaskModel, now: datetime) -> Cell:
    if task.due_at is None:
        return Cell("", "")
    shown = short_day(task.due_at)
    if task.status is TaskStatus.PENDING and task.due_at < now:
        return Cell(plain_time(task.due_at), f"{shown} !", "overdue")
    return Cell(plain_time(task.due_at), shown)


def _change_documents(changes: Iterable[TaskChange], service: TaskService) -> Iterator[dict[str, Any]]:
    for chunk in _chunks(changes):
        short_ids = service.short_ids([change.task_id for change in chunk])
        for change in chunk:
            yield {
                "action": _action(change.before is None, change.after is None),
                "task_id": str(change.task_id),
                "short_id": short_ids[change.task_id],
                "before": None if change.before is None else encode_task(change.before),
                "after": None if change.after is None else encode_task(change.after),
            }


def _action(is_new: bool, is_gone: bool) -> str:
    return "created" if is_new else "deleted" if is_gone else "updated"


def _chunks(items: Iterable[T]) -> Iterator[list[T]]:
    iterator = iter(items)
    while chunk := list(islice(iterator, CHUNK)):
        yield chunk
