"""The naive question "what is next" asked of Taskwarrior, where it is installed."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Final

from tests.benchmarks.measure import Result, alternate
from tests.benchmarks.stores import Stores

from tasky import TaskModel, TaskStatus

__all__ = ["program", "taskwarrior"]

TARGETS: Final = {10_000: 1.0, 100_000: 1 / 15, 1_000_000: 1 / 200}
PRIORITIES: Final = {1: "L", 2: "M", 3: "H"}


def program() -> str | None:
    """Where Taskwarrior is, or None."""
    return shutil.which("task")


def taskwarrior(stores: Stores, size: int, rounds: int) -> Iterator[Result]:
    """``tasky list --limit 50`` against ``task limit:50 list`` over the same tasks."""
    executable = program()
    assert executable is not None  # the caller looked
    processes, data = stores.processes, stores.processes.home / f"taskwarrior-{size}"
    _write_data(data, stores.tasks(size))
    environ = {"TASKDATA": str(data), "TASKRC": str(data / "taskrc")}
    theirs = [executable, "rc.verbose=nothing", "limit:50", "list"]
    ours, baseline = alternate(
        partial(processes.seconds, [processes.tasky, "list", "--limit", "50"], cwd=stores.project(size)),
        partial(processes.seconds, theirs, environ=environ),
        rounds=rounds,
    )
    yield Result(
        what="tasky list, 50 of them",
        against="task limit:50 list",
        ours=ours,
        baseline=baseline,
        target=TARGETS.get(size),
        size=size,
    )


def _write_data(folder: Path, tasks: list[TaskModel]) -> None:
    """The tasks as Taskwarrior 2's own files, since importing a million of them takes it minutes."""
    folder.mkdir()
    (folder / "taskrc").write_text("confirmation=no\n")
    with (folder / "pending.data").open("w") as pending, (folder / "completed.data").open("w") as closed:
        for task in tasks:
            file = pending if task.status is TaskStatus.PENDING else closed
            file.write(_line(task))


def _line(task: TaskModel) -> str:
    fields = {
        "description": task.name,
        "entry": str(int(task.created_at.timestamp())),
        "modified": str(int(task.updated_at.timestamp())),
        "project": task.project_id,
        "status": "deleted" if task.status is TaskStatus.CANCELLED else task.status.value,
        "tags": ",".join(task.tags) or None,
        "priority": PRIORITIES[task.priority] if task.priority else None,
        "end": str(int(task.closed_at.timestamp())) if task.closed_at else None,
        "due": str(int(task.due_at.timestamp())) if task.due_at else None,
        "uuid": str(task.task_id),
    }
    return "[" + " ".join(f'{name}:"{value}"' for name, value in fields.items() if value) + "]\n"
