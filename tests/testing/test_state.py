"""The walks of the state machine ask no backend for what the contract leaves to it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from tasky import Batch, ConflictError, TaskChange
from tasky.testing import MemoryStore, MemoryTaskRepository
from tasky.testing.contract_state import Walk
from tasky.testing.samples import at, changed, make_batch, make_task


class Compares(MemoryTaskRepository):
    """A store that holds other content at the stored revision for a conflict, as the contract allows."""

    def apply(self, batch: Batch, changes: Iterable[TaskChange], /) -> None:
        """Write the batch, unless somebody read something else."""
        listed = list(changes)
        for before in [change.before for change in listed if change.before is not None]:
            stored = self.get_task(before.task_id)
            if stored is not None and stored.revision == before.revision and stored != before:
                raise ConflictError("it is not as it was read")
        super().apply(batch, listed)


def test_a_guess_that_the_store_caught_up_with_is_not_sent_again() -> None:
    """A batch refused for a revision to come is not sent when that one is there, with other content."""
    shared = MemoryStore()

    class Comparing(Walk):
        def __init__(self) -> None:
            self.first, self.second = Compares(shared), Compares(shared)
            super().__init__()

    walk = Comparing()
    task = make_task("read")
    later = changed(task)
    walk.both("first", make_batch(at=at(1)), [TaskChange(None, task)])
    guess = replace(later, name="guessed")
    walk.last = make_batch(at=at(2)), [TaskChange(guess, changed(guess))]
    walk.send_again("second")
    walk.both("first", make_batch(at=at(3)), [TaskChange(task, later)])
    walk.send_again("second")
    assert walk.first.get_task(task.task_id) == later
    walk.last = make_batch(at=at(4)), [TaskChange(later, changed(later))]
    walk.send_again("second")
    assert walk.first.get_task(task.task_id) == changed(later)
    walk.teardown()
