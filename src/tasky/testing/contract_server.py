"""What a backend of servers does when its server is gone, and when it is back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from random import Random
from threading import Event
from typing import Any
from uuid import UUID

import pytest

from tasky import (
    BatchExistsError,
    OutcomeUnknownError,
    StorageUnavailableError,
    TaskChange,
    TaskRepository,
)
from tasky.testing.fixtures import Effort, RepositoryMaker, StoreFixtures, WorkerStarter
from tasky.testing.jobs import write_until_unavailable
from tasky.testing.rules import rule
from tasky.testing.samples import create, make_batch, make_task, remaining

__all__ = ["ServerRules", "answered"]

_PATIENCE = 20.0  # seconds for a process to notice that its server is gone
_LONGEST = 0.1  # seconds until the server is stopped: several batches


class ServerRules(StoreFixtures):
    """Servers: stopped, started again, and stopped in the middle of a batch.

    A backend whose factory takes a path has none, and these are no rules for it.
    """

    @rule
    def test_server_that_is_stopped_is_named(
        self, repository: TaskRepository, make_repository: RepositoryMaker, location: Any
    ) -> None:
        """A server that cannot be reached raises ``StorageUnavailableError``, and the next call tries again.

        Usual cause: the driver's 'connection refused' escapes, or a broken connection stays in the pool.
        """
        harness = self.harness()
        create(repository, make_task("before"))
        harness.stop_server(location)
        try:
            with pytest.raises(StorageUnavailableError):
                repository.count_tasks()
            with pytest.raises(StorageUnavailableError):
                create(repository, make_task("lost"))
            with pytest.raises(StorageUnavailableError):
                make_repository().initialize(create=False)
            with pytest.raises(StorageUnavailableError):
                list(make_repository().check())
        finally:
            harness.start_server(location)
        assert answered(repository) == ["before"]
        create(repository, make_task("after"))
        assert remaining(repository) == ["after", "before"]

    @pytest.mark.parametrize("written", [0, 1, 40])
    @rule
    def test_server_that_stops_in_a_batch_leaves_all_or_nothing(
        self, repository: TaskRepository, location: Any, written: int
    ) -> None:
        """Of a batch whose server stopped nothing is there, or, after ``OutcomeUnknownError``, perhaps all.

        Usual cause: an error that promises too much, or a batch that is sent again on a new connection.
        """
        harness = self.harness()
        batch, tasks = make_batch(), [make_task(f"task {number}") for number in range(80)]

        def changes() -> Iterator[TaskChange]:
            for number, task in enumerate(tasks):
                if number == written:
                    harness.stop_server(location)
                yield TaskChange(None, task)

        try:
            with pytest.raises((StorageUnavailableError, OutcomeUnknownError)) as caught:
                repository.apply(batch, changes())
        finally:
            harness.start_server(location)
        found = len(answered(repository))
        assert found in ((0,) if caught.type is StorageUnavailableError else (0, len(tasks)))
        assert len(list(repository.history(batch=batch.id))) == found
        with suppress(BatchExistsError):  # when it was written before
            repository.apply(batch, [TaskChange(None, task) for task in tasks])
        assert len(remaining(repository)) == len(tasks)
        assert list(repository.check()) == []

    @rule
    def test_acknowledged_batches_outlive_the_server(
        self,
        repository: TaskRepository,
        start_worker: WorkerStarter,
        location: Any,
        effort: Effort,
        chance: Random,
    ) -> None:
        """What was acknowledged before the server was killed is there, whole, when it is back.

        Usual cause: a server that answers before its own log is on the disk, or a batch of several commits.
        """
        harness = self.harness()
        for number in range(effort.kills):
            worker = start_worker(write_until_unavailable, f"round {number}", 5).start()
            acknowledged = [worker.read()]
            Event().wait(chance.random() * _LONGEST)
            harness.stop_server(location)
            try:
                acknowledged += worker.finish(patience=_PATIENCE)
            finally:
                harness.start_server(location)
            answered(repository)
            sizes = Counter(entry.batch.id for entry in repository.history())
            assert set(map(UUID, acknowledged)) <= set(sizes), "an acknowledged batch is lost"
            assert set(sizes.values()) == {5}, "a batch is there in part"


def answered(repository: TaskRepository, attempts: int = 3) -> list[str]:
    """The names of all tasks, once the repository has noticed that its server is back."""
    for _ in range(attempts - 1):
        try:
            return remaining(repository)
        except StorageUnavailableError:
            continue
    return remaining(repository)
