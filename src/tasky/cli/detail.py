"""Everything about one task, field by field, as ``tasky show`` prints it to people and pipes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from tasky.cli.output import Output
from tasky.cli.records import task_documents, with_short_ids
from tasky.cli.text import plain_time, printable, short_day, short_time
from tasky.filter import TaskFilter
from tasky.model import TaskModel, TaskStatus

if TYPE_CHECKING:
    from tasky.service import TaskService

__all__ = ["print_details"]


def print_details(output: Output, tasks: Iterable[TaskModel], service: TaskService) -> None:
    """Print a ``field: value`` line for each field that is set, an empty line between tasks.

    Times are local. Details and extra come last, indented. Dependencies are named, as far as they exist.
    """
    if output.for_programs:
        output.documents("tasks", task_documents(tasks, service))
        return
    for number, (task, short_id) in enumerate(with_short_ids(tasks, service)):
        if number:
            output.write("")
        for name, value in _fields(task, short_id, service, output):
            output.write(f"{output.label(name)}: {value}")
        for name, lines in (("details", _details(task)), ("extra", _extra(task))):
            if lines:
                output.write(f"{output.label(name)}:")
            for line in lines:
                output.write(f"  {line}" if line else "")


def _fields(
    task: TaskModel, short_id: str, service: TaskService, output: Output
) -> Iterator[tuple[str, str]]:
    time, day = (short_time, short_day) if output.for_people else (plain_time, plain_time)
    yield "id", short_id
    yield "name", printable(task.name)
    yield "status", task.status.value
    if task.priority is not None:
        yield "priority", task.priority.label
    if task.project_id is not None:
        yield "project", printable(task.project_id)
    if task.tags:
        yield "tags", printable(" ".join(task.tags))
    if task.assignee is not None:
        yield "assignee", printable(task.assignee)
    if task.due_at is not None:
        overdue = task.status is TaskStatus.PENDING and task.due_at < output.now
        yield "due", f"{day(task.due_at)} (overdue)" if overdue else day(task.due_at)
    if task.wait_until is not None:
        waiting = task.is_waiting(output.now)
        yield "wait", f"{day(task.wait_until)} (waiting)" if waiting else day(task.wait_until)
    yield from _dependencies(task, service)
    yield "created", time(task.created_at)
    yield "updated", time(task.updated_at)
    if task.closed_at is not None:
        yield "closed", time(task.closed_at)
    yield "revision", str(task.revision)
    yield "uuid", str(task.task_id)


def _dependencies(task: TaskModel, service: TaskService) -> Iterator[tuple[str, str]]:
    if not task.depends_on:
        return
    short_ids = service.short_ids(task.depends_on)
    with service.find(TaskFilter(ids=frozenset(task.depends_on))) as found:
        stored = {other.task_id: other for other in found}
    for task_id in task.depends_on:
        other = stored.get(task_id)
        state = "(deleted)" if other is None else f"({other.status.value}) {printable(other.name)}"
        yield "depends on", f"{short_ids[task_id]} {state}"


def _details(task: TaskModel) -> list[str]:
    return printable(task.details, lines=True).split("\n") if task.details else []


def _extra(task: TaskModel) -> list[str]:
    if not task.extra:
        return []
    import json  # few tasks have any

    values = {name: json.dumps(value, ensure_ascii=False) for name, value in task.extra.items()}
    return [f"{printable(name)}: {printable(value)}" for name, value in values.items()]
