"""Several processes on one store behave as one, also when one of them is killed."""

from __future__ import annotations

import random
from collections import Counter
from contextlib import ExitStack
from typing import Any
from uuid import UUID

import pytest

from tasky import TaskRepository
from tasky.testing.fixtures import RepositoryMaker, StoreFixtures, rule
from tasky.testing.samples import create, make_task, remaining, update
from tasky.testing.worker import Worker, add_tasks, increment, write_batches

__all__ = ["ProcessRules", "run"]

_PROCESSES = 4


class ProcessRules(StoreFixtures):
    """The rules of processes."""

    @rule
    def test_processes_initialize_at_once(self, location: Any, make_repository: RepositoryMaker) -> None:
        """Several processes may create one store at the same time; each finds it and writes to it.

        Usual cause: 'locked' or 'exists already' while the schema is made. Make it under a lock of its own.
        """
        names = [[f"{number} {part}" for part in range(3)] for number in range(_PROCESSES)]
        with ExitStack() as stack:
            workers = [
                stack.enter_context(Worker(self.plain_factory(), location, add_tasks, each, create=True))
                for each in names
            ]
            run(workers)
        repository = make_repository()
        repository.initialize(create=False)
        assert remaining(repository) == sorted(name for each in names for name in each)
        assert list(repository.check()) == []

    @rule
    def test_processes_lose_no_update(self, location: Any, repository: TaskRepository) -> None:
        """However many processes read, change and write a task, no update is lost and none fails.

        Usual cause: no lock between processes, a lock that is taken after the read, or too short a wait.
        """
        tasks = [make_task(name, extra={"number": 0}) for name in "ab"]
        create(repository, *tasks)
        ids = [task.task_id for task in tasks]
        with ExitStack() as stack:
            run(
                [
                    stack.enter_context(Worker(self.plain_factory(), location, increment, ids, 10))
                    for _ in range(_PROCESSES)
                ]
            )
        for task in repository.find_tasks():
            assert task.extra == {"number": 10 * _PROCESSES}
            revisions = [entry.revision for entry in repository.history(task_id=task.task_id)]
            assert revisions == list(range(1, 10 * _PROCESSES + 2))
        assert list(repository.check()) == []

    @pytest.mark.parametrize("size", [1, 60])
    @rule
    def test_killed_process_leaves_whole_batches(
        self, location: Any, repository: TaskRepository, make_repository: RepositoryMaker, size: int
    ) -> None:
        """After kill -9 the store opens and is sound; acknowledged batches are whole, no batch is in part.

        Usual cause: an answer before the commit, several files or transactions for one batch, or a lock
        that outlives its process.
        """
        acknowledged: list[str] = []
        for number in range(3):
            with Worker(self.plain_factory(), location, write_batches, f"round {number}", size) as worker:
                worker.start()
                acknowledged += [worker.read() for _ in range(random.randint(1, 8))]  # noqa: S311 - no secret
                acknowledged += worker.kill()
        for handle in (repository, make_repository()):
            handle.initialize(create=False)
            assert list(handle.check()) == []
            sizes = Counter(entry.batch.id for entry in handle.history())
            assert set(map(UUID, acknowledged)) <= set(sizes), "an acknowledged batch is lost"
            assert set(sizes.values()) == {size}, "a batch is there in part"
            assert sum(handle.count_tasks().values()) == sum(sizes.values())
        later = make_task("later")
        create(repository, later)
        update(repository, later)


def run(workers: list[Worker]) -> None:
    """Start them together and wait for all."""
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.finish()
