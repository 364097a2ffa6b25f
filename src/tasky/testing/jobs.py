"""What the kit lets other processes do to a store. Each is done by a ``Worker``, with a handle of its own."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, suppress
from dataclasses import replace
from itertools import islice
from typing import Any, TypeAlias
from uuid import UUID

from tasky import (
    Batch,
    BatchExistsError,
    ConflictError,
    OutcomeUnknownError,
    StorageUnavailableError,
    TaskChange,
    TaskModel,
    TaskRepository,
    TaskyError,
)
from tasky.testing.gauge import MemoryGauge
from tasky.testing.permissions import give_up_privileges
from tasky.testing.samples import (
    changed,
    example_store,
    make_batch,
    make_task,
    many_tasks,
    random_text,
)

__all__ = [
    "add_tasks",
    "attempt_apply",
    "escaped",
    "examine",
    "fill_in_batches",
    "fill_up",
    "increment",
    "initialize_only",
    "read_through",
    "restore_example",
    "try_to_write",
    "use_up",
    "write_batches",
    "write_in_one_batch",
    "write_once",
    "write_slowly",
    "write_until_unavailable",
]

Factory: TypeAlias = "Callable[[Any], TaskRepository]"


def increment(repository: TaskRepository, task_ids: list[UUID], times: int) -> None:
    """Add 1 to the number of each task, ``times`` times, reading again after every conflict."""
    for _ in range(times):
        for task_id in task_ids:
            while True:
                task = repository.get_task(task_id)
                assert task is not None  # nobody deletes it
                number = task.extra["number"]
                assert isinstance(number, int)  # it began so
                after = changed(task, extra={"number": number + 1})
                try:
                    repository.apply(make_batch(), [TaskChange(task, after)])
                except ConflictError:
                    continue
                break


def add_tasks(repository: TaskRepository, names: list[str]) -> None:
    """Create a task for each name, in a batch of its own."""
    for name in names:
        repository.apply(make_batch(), [TaskChange(None, make_task(name))])


def write_batches(repository: TaskRepository, name: str, size: int) -> None:
    """Write batches of ``size`` new tasks for ever, printing the id of each when it is acknowledged."""
    number = 0
    while True:
        batch, number = make_batch(), number + 1
        tasks = (make_task(f"{name} {number} {part}") for part in range(size))
        repository.apply(batch, (TaskChange(None, task) for task in tasks))
        print(batch.id, flush=True)


def write_until_unavailable(repository: TaskRepository, name: str, size: int) -> None:
    """As ``write_batches``, until the store cannot be reached any more."""
    with suppress(StorageUnavailableError, OutcomeUnknownError):
        write_batches(repository, name, size)


def write_once(repository: TaskRepository) -> None:
    """Open the store, or create it, and write a batch; say when that begins, and when it is acknowledged."""
    batch = make_batch()
    task = make_task(str(batch.id))
    print("begin", flush=True)
    repository.initialize()
    repository.apply(batch, [TaskChange(None, task)])
    print("answer", flush=True)


def write_slowly(repository: TaskRepository, name: str) -> None:
    """Create a task in a batch whose changes wait, when they are asked for, for a line of input."""

    def changes() -> Iterator[TaskChange]:
        print("inside", flush=True)
        sys.stdin.readline()
        yield TaskChange(None, make_task(name))

    repository.apply(make_batch(), changes())


def initialize_only(repository: TaskRepository) -> None:
    """Create the store, and say so."""
    print("begin", flush=True)
    repository.initialize()
    print("answer", flush=True)


def restore_example(repository: TaskRepository) -> None:
    """Restore the example store, and say so."""
    print("begin", flush=True)
    repository.restore(*example_store())
    print("answer", flush=True)


def try_to_write(repository: TaskRepository) -> None:
    """Read and write as somebody who has no right to write; print how each ended."""
    give_up_privileges()

    def read() -> object:
        repository.initialize(create=False)
        return [task.name for task in repository.find_tasks()]

    print(_how(read))
    print(_how(lambda: repository.apply(make_batch(), [TaskChange(None, make_task("refused"))])))


def fill_up(
    repository: TaskRepository,
    little_space: Callable[[object], AbstractContextManager[None]],
    location: object,
) -> None:
    """Write a batch that does not fit, print how it ended, and then one that does."""
    tasks = [make_task(f"large {number}", details=random_text(20_000)) for number in range(20)]
    with little_space(location):
        print(_how(lambda: repository.apply(make_batch(), [TaskChange(None, task) for task in tasks])))
    print(_how(lambda: repository.apply(make_batch(), [TaskChange(None, make_task("small"))])))


def fill_in_batches(repository: TaskRepository, count: int, size: int) -> None:
    """Write ``count`` tasks with details of ``size`` characters, a thousand at a time."""
    tasks = many_tasks("many", count, size)
    while chunk := list(islice(tasks, 1000)):
        repository.apply(make_batch(), [TaskChange(None, task) for task in chunk])


def read_through(repository: TaskRepository) -> None:
    """Read every task; print how many there are, and the most memory before and meanwhile, in MiB."""
    with repository.find_tasks(limit=100) as found:
        list(found)
    with MemoryGauge() as gauge, repository.find_tasks() as found:
        count = sum(1 for _ in found)
    print(count, gauge.before, gauge.most)


def write_in_one_batch(repository: TaskRepository, count: int, size: int) -> None:
    """Write ``count`` tasks with details of ``size`` characters; print as ``read_through`` does."""
    (task,) = many_tasks("first", 1, size)
    repository.apply(make_batch(), [TaskChange(None, task)])
    repository.apply(make_batch(), [TaskChange(task, None)])
    with MemoryGauge() as gauge:
        tasks = many_tasks("many", count, size)
        repository.apply(make_batch(), (TaskChange(None, task) for task in tasks))
    print(count, gauge.before, gauge.most)


def examine(repository: TaskRepository, factory: Factory, location: object) -> list[str]:
    """Check the store at the location; the exceptions that are not Tasky's."""
    return escaped([lambda: list(factory(location).check())])


def use_up(repository: TaskRepository, factory: Factory, location: object, task: TaskModel) -> list[str]:
    """Ask the store at the location whatever can be asked; the exceptions that are not Tasky's."""
    with factory(location) as store:
        return escaped(
            [
                lambda: store.initialize(create=False),
                lambda: list(store.history()),
                lambda: [replace(found) for found in store.find_tasks()],  # made anew, each rule is checked
                lambda: store.get_task(task.task_id),
                store.count_tasks,
                lambda: store.apply(make_batch(), [TaskChange(task, changed(task))]),
            ]
        )


def escaped(uses: list[Callable[[], object]]) -> list[str]:
    """Do all of it; the exceptions that are not Tasky's, each with the end of its traceback."""
    found = []
    for use in uses:
        try:
            use()
        except TaskyError:
            continue
        except Exception as error:  # whatever it is, it should not have come out
            found.append("".join(traceback.format_exception(error, limit=-2)))
    return found


def attempt_apply(repository: TaskRepository, batch: Batch, changes: list[TaskChange]) -> str:
    """How writing the batch ended."""
    try:
        repository.apply(batch, changes)
    except BatchExistsError:
        return "known batch"
    except ConflictError:
        return "conflict"
    return "written"


def _how(action: Callable[[], object]) -> str:
    """``done`` and the result, or the name of Tasky's error; anybody else's error ends the process."""
    try:
        return f"done {action()}"
    except TaskyError as error:
        return type(error).__name__
