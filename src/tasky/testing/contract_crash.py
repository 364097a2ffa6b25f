"""What is left when a process is killed at any moment, and what would be left by a power loss."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from random import Random
from threading import Event
from time import monotonic
from typing import Any
from uuid import UUID

import pytest

from tasky import StoreMissingError, StoreNotEmptyError, TaskRepository
from tasky.testing.fixtures import Effort, LocationMaker, RepositoryMaker, StoreFixtures, WorkerStarter
from tasky.testing.jobs import initialize_only, restore_example, write_batches
from tasky.testing.rules import rule
from tasky.testing.samples import create, example_store, make_task, remaining, update
from tasky.testing.worker import Worker

__all__ = ["CrashRules", "kill_in_parts", "opens"]

_SOON = 0.05  # seconds until a kill: several batches of most stores


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
        workers = [start_worker(write_batches, f"round {number}", size) for number in range(effort.kills)]
        for number, worker in enumerate(workers):
            with worker.start():
                acknowledged += [worker.read() for _ in range(chance.randint(1, 4))]
                Event().wait(chance.random() * _SOON)
                acknowledged += worker.kill()
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
        places = [new_location() for _ in range(effort.kills)]
        killed = [start_worker(initialize_only, at=place, create=None) for place in places]
        whole = start_worker(initialize_only, at=new_location(), create=None)
        for place, was_told in zip(places, kill_in_parts(whole, killed, chance), strict=True):
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
        places = [new_location() for _ in range(effort.kills)]
        killed = [start_worker(restore_example, at=place, create=True) for place in places]
        whole = start_worker(restore_example, at=new_location(), create=True)
        for place, was_told in zip(places, kill_in_parts(whole, killed, chance), strict=True):
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


def kill_in_parts(whole: Worker, killed: Sequence[Worker], chance: Random) -> Iterator[bool]:
    """Kill processes, each in another part of what they do; yields whether it had said "answer" before.

    How long that takes is measured with one that is not killed before: the one that was started last, so that
    no other is still starting beside it.
    """
    with whole.start():
        assert whole.read() == "begin"
        began = monotonic()
        assert whole.read() == "answer"
        part = (monotonic() - began) / len(killed)
        whole.finish()
    for number, worker in enumerate(killed):
        with worker.start():
            assert worker.read() == "begin"
            Event().wait((number + chance.random()) * part)
            yield "answer" in worker.kill()
