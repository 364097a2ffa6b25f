"""State over time: the backend and the reference take the same steps, and must stay the same."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from random import Random
from typing import Any, Final
from uuid import UUID

import pytest
from hypothesis import seed, strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    rule as step,
    run_state_machine_as_test,
)

from tasky import Batch, ConflictError, TaskChange, TaskRepository, TaskService
from tasky.testing.contract_meaning import bounded, next_revision
from tasky.testing.fixtures import Effort, LocationMaker, StoreFixtures, WorkerStarter
from tasky.testing.jobs import attempt_apply
from tasky.testing.memory import MemoryTaskRepository
from tasky.testing.rules import rule
from tasky.testing.samples import at, exact, exact_entry, make_batch
from tasky.testing.strategies import small_tasks
from tasky.testing.worker import Worker, serve

__all__ = ["StateRules", "Walk", "stored_tasks"]

_IDS: Final = [UUID(int=number) for number in range(1, 4)]
_ACTORS: Final = st.sampled_from(["ann", "bob"])
_HANDLES: Final = st.sampled_from(["first", "second", "process"])
_KINDS: Final = [*["put"] * 5, *["delete"] * 4, "guard", "stale", "wrong birth"]


class StateRules(StoreFixtures):
    """State over time, by generated walks."""

    @rule
    def test_any_walk_leads_to_the_same_state(
        self,
        new_location: LocationMaker,
        start_worker: WorkerStarter,
        effort: Effort,
        chance: Random,
    ) -> None:
        """Two handles and two processes do, undo, fail, close and copy as one store does, step by step.

        Usual cause: something that a handle keeps in memory and does not look up again, or that outlives its
        task.
        """
        factory = self.plain_factory()
        worker = start_worker(serve, factory, create=None).start()

        @seed(chance.getrandbits(32))
        class WalkHere(Walk):
            process = worker

            def __init__(self) -> None:
                self.place = new_location()
                self.first, self.second = factory(self.place), factory(self.place)
                super().__init__()

        run_state_machine_as_test(
            WalkHere, settings=bounded(effort, effort.walks, stateful_step_count=effort.steps)
        )


class Walk(RuleBasedStateMachine):
    """One store, from its creation on; a subclass says where it is, and by which handles it is reached."""

    place: Any
    first: TaskRepository
    second: TaskRepository
    process: Worker

    def __init__(self) -> None:
        super().__init__()
        self.reference = MemoryTaskRepository()
        for repository in (self.reference, self.first, self.second):
            repository.initialize()
        self.last: tuple[Batch, list[TaskChange]] | None = None
        self.minutes = 0

    def teardown(self) -> None:
        self.first.close()
        self.second.close()

    @step(data=st.data(), count=st.integers(1, 4))
    def write(self, data: st.DataObject, count: int) -> None:
        for _ in range(count):  # or most steps would be something else
            self.write_one(data, data.draw(_HANDLES))

    def write_one(self, data: st.DataObject, handle: str) -> None:
        ids = data.draw(st.lists(st.sampled_from(_IDS), min_size=1, max_size=2, unique=True))
        changes = [self.change(data, task_id) for task_id in ids]
        self.last = make_batch(at=self.now(), actor=data.draw(_ACTORS)), changes
        self.both(handle, *self.last)

    @step(handle=_HANDLES)
    def send_again(self, handle: str) -> None:
        if self.last is not None and all(map(self.may_have_been_read, self.last[1])):
            self.both(handle, *self.last)

    @step(handle=st.sampled_from(["first", "second"]), actor=_ACTORS)
    def undo(self, handle: str, actor: str) -> None:
        now = self.now()
        repository: TaskRepository = getattr(self, handle)
        here, there = (
            TaskService(each, actor=actor, clock=lambda: now) for each in (repository, self.reference)
        )
        try:
            expected = there.undo(dry_run=True)
        except ConflictError as error:
            with pytest.raises(type(error)):
                here.undo()
            return
        written = here.undo()
        assert written.batch is not None
        assert [exact(task) for task in written.tasks] == [exact(task) for task in expected.tasks]
        self.reference.apply(written.batch, written.changes)

    @step(data=st.data(), handle=st.sampled_from(["first", "second"]), create=st.booleans())
    def reopen(self, data: st.DataObject, handle: str, create: bool) -> None:
        repository: TaskRepository = getattr(self, handle)
        repository.close()
        repository.initialize(create=create)
        for _ in range(3):  # what was forgotten shows when it is written to
            self.write_one(data, handle)

    @step()
    def copy(self) -> None:
        with MemoryTaskRepository() as copied:
            copied.initialize()
            copied.restore(self.second.find_tasks(), self.second.history())
            assert list(copied.check()) == []
        assert list(self.second.check()) == []

    @invariant()
    def same_tasks(self) -> None:
        expected = [exact(task) for task in self.reference.find_tasks()]
        for repository in (self.first, self.second):
            assert [exact(task) for task in repository.find_tasks()] == expected
        assert self.process.ask(self.place, stored_tasks) == expected
        assert self.first.count_tasks() == self.reference.count_tasks()

    @invariant()
    def same_history(self) -> None:
        expected = [exact_entry(entry) for entry in self.reference.history()]
        for repository in (self.first, self.second):
            assert [exact_entry(entry) for entry in repository.history()] == expected

    def change(self, data: st.DataObject, task_id: UUID) -> TaskChange:
        """A change of the task, of any kind that the contract speaks of."""
        kind = data.draw(st.sampled_from(_KINDS))
        stored = self.reference.get_task(task_id)
        values = data.draw(small_tasks(task_id))
        born = next_revision(self.reference, task_id)
        if kind in ("put", "delete") and stored is None:
            return TaskChange(None, replace(values, revision=born))
        if kind == "put" and stored is not None:
            return TaskChange(stored, replace(values, revision=stored.revision + 1))
        if kind == "wrong birth":
            return TaskChange(None, replace(values, revision=born + data.draw(st.integers(1, 2))))
        if kind == "stale":
            others = {born - 1, born, born + 1, born + 2} - {0} - {stored.revision if stored else 0}
            before = replace(values, revision=data.draw(st.sampled_from(sorted(others))))
            return TaskChange(before, replace(values, revision=before.revision + 1))
        before = values if stored is None else stored
        return TaskChange(before, None if kind == "delete" else before)

    def may_have_been_read(self, change: TaskChange) -> bool:
        """Not with other content at the stored revision: a ``stale`` guess that the store caught up with."""
        before, stored = change.before, self.reference.get_task(change.task_id)
        if before is None or stored is None or before.revision != stored.revision:
            return True
        return exact(before) == exact(stored)

    def both(self, handle: str, batch: Batch, changes: list[TaskChange]) -> None:
        """Write the batch to the backend and to the reference, which have to agree on how it ends."""
        expected = attempt_apply(self.reference, batch, changes)
        if handle == "process":
            ended = self.process.ask(self.place, attempt_apply, batch, changes)
        else:
            ended = attempt_apply(getattr(self, handle), batch, changes)
        assert ended == expected

    def now(self) -> datetime:
        self.minutes += 1
        return at(self.minutes)


def stored_tasks(repository: TaskRepository) -> list[str | None]:
    """Every task, exactly; asked of another process."""
    return [exact(task) for task in repository.find_tasks()]
