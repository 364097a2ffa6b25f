"""What is left when a process is killed at any moment, and what would be left by a power loss."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from random import Random
from threading import Event
from typing import Any
from uuid import UUID

import pytest

from tasky import StoreMissingError, StoreNotEmptyError, TaskRepository
from tasky.testing.fixtures import Effort, LocationMaker, RepositoryMaker, StoreFixtures, WorkerStarter
from tasky.testing.jobs import initialize_only, restore_example, write_batches
from tasky.testing.rules import rule
from tasky.testing.samples import create, example_store, make_task, remaining, update
from tasky.testing.worker import Worker

__all__ = ["CrashRules", "kill_soon", "opens"]

_LONGEST = 0.05  # seconds until a kill: several batches of most stores
_ONE_BATCH = 0.01


class CrashRules(StoreFixtures):
    """Crashes: kill -9 at any moment, and loss of power."""

    @pytest.mark.parametrize("size", [1, 60])
    @rule
    def test_killed_process_leaves_whole_batches(
        self,
        start_worker: WorkerStarter,
        repository: TaskRepository,
        make_repository: RepositoryMaker,
        effort: Effort,
        chance: Random,
        size: int,
    ) -> None:
        """After kill -9 the store opens and is sound; acknowledged batches are whole, no batch is in part.

        Usual cause: an answer before the commit, several files or transactions for one batch, or a lock
        that outlives its process.
        """
        acknowledged: list[str] = []
        for number in range(effort.kills):
            with start_worker(write_batches, f"round {number}", size).start() as worker:
                acknowledged += [worker.read() for _ in range(chance.randint(1, 4))]
                acknowledged += kill_soon(worker, chance)
            handle = repository if number % 2 else make_repository()
            handle.initialize(create=False)
            assert list(handle.check()) == []
            sizes = Counter(entry.batch.id for entry in handle.history())
            assert set(map(UUID, acknowledged)) <= set(sizes), "an acknowledged batch is lost"
            assert set(sizes.values()) == {size}, "a batch is there in part"
            assert sum(handle.count_tasks().values()) == sum(sizes.values())
        later = make_task("later")
        create(repository, later)
        update(repository, later)

    @rule
    def test_killed_initialize_can_be_repeated(
        self,
        start_worker: WorkerStarter,
        new_location: LocationMaker,
        effort: Effort,
        chance: Random,
    ) -> None:
        """A process that is killed while it creates the store leaves none, or one that is whole.

        Usual cause: a file that is there, but has no schema yet, and is then taken for damage.
        """
        for place in [new_location() for _ in range(effort.kills)]:
            with start_worker(initialize_only, at=place, create=None).start() as worker:
                assert worker.read() == "begin"
                was_told = "answer" in kill_soon(worker, chance, longest=_ONE_BATCH)
            with self.plain_factory()(place) as repository:
                assert opens(repository) or not was_told, "the store was acknowledged and is gone"
                repository.initialize()
                assert list(repository.check()) == []
                create(repository, make_task("later"))

    @rule
    def test_killed_restore_leaves_all_or_nothing(
        self,
        start_worker: WorkerStarter,
        new_location: LocationMaker,
        effort: Effort,
        chance: Random,
    ) -> None:
        """A process that is killed while it restores leaves an empty store, or the whole one.

        Usual cause: tasks and history in two transactions.
        """
        tasks, history = example_store()
        for place in [new_location() for _ in range(effort.kills)]:
            with start_worker(restore_example, at=place, create=True).start() as worker:
                assert worker.read() == "begin"
                was_told = "answer" in kill_soon(worker, chance, longest=_ONE_BATCH)
            with self.plain_factory()(place) as repository:
                repository.initialize(create=False)
                found = len(remaining(repository)), len(list(repository.history()))
                assert found in ((0, 0), (len(tasks), len(history))), "it is restored in part"
                assert found != (0, 0) or not was_told, "what was acknowledged is lost"
                with suppress(StoreNotEmptyError):
                    repository.restore(tasks, history)
                assert len(remaining(repository)) == len(tasks)
                assert list(repository.check()) == []

    @rule
    def test_batch_is_synced_before_it_is_acknowledged(self, location: Any) -> None:
        """When ``apply`` returns, power loss keeps the batch: what was written for it was synced before.

        Usual cause: no fsync at all, one that comes before the last write, or none of the directory after a
        rename or of a new file.
        """
        self.harness().prove_durability(self.plain_factory(), location)


def opens(repository: TaskRepository) -> bool:
    """Open the store; False when there is none."""
    try:
        repository.initialize(create=False)
    except StoreMissingError:
        return False
    return True


def kill_soon(worker: Worker, chance: Random, *, longest: float = _LONGEST) -> list[str]:
    """Kill the process after a random time; returns the lines that it printed until then."""
    Event().wait(chance.random() * longest)
    return worker.kill()
