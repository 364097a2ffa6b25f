"""What ``apply`` promises about a batch: guards, its id, and the iterator of its changes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tasky import BatchExistsError, ConflictError, TaskChange, TaskRepository
from tasky.testing.contract_writing import assert_conflict
from tasky.testing.fixtures import StoreFixtures
from tasky.testing.rules import rule
from tasky.testing.samples import changed, create, exact, make_batch, make_task, remaining, update, write

__all__ = ["BatchRules"]


class BatchRules(StoreFixtures):
    """Batches: guards, ids, and the iterator of changes."""

    @rule
    def test_guard_that_holds_lets_the_batch_through(self, repository: TaskRepository) -> None:
        """A guard that holds changes nothing of its task.

        Usual cause: the guard is written like any change, so that its history grows.
        """
        a, b = make_task("a"), make_task("b")
        create(repository, a, b)
        write(repository, TaskChange(a, a), TaskChange(b, changed(b, name="b2")))
        assert exact(repository.get_task(a.task_id)) == exact(a)
        assert [entry.revision for entry in repository.history(task_id=a.task_id)] == [1]
        assert remaining(repository) == ["a", "b2"]

    @rule
    def test_guard_on_a_task_that_moved_on_conflicts(self, repository: TaskRepository) -> None:
        """A guard is checked: when its task has another revision, nothing of the batch is written.

        Usual cause: guards are skipped because there is nothing to write.
        """
        a, b = make_task("a"), make_task("b")
        create(repository, a, b)
        update(repository, a, name="a2")
        assert_conflict(repository, TaskChange(b, changed(b, name="b2")), TaskChange(a, a))
        assert_conflict(repository, TaskChange(a, a), TaskChange(b, changed(b, name="b2")))

    @rule
    def test_guard_on_a_deleted_task_conflicts(self, repository: TaskRepository) -> None:
        """A guard on a task that is not there any more conflicts.

        Usual cause: guards are checked by an UPDATE whose row count is not looked at.
        """
        a, b = make_task("a"), make_task("b")
        create(repository, a, b)
        write(repository, TaskChange(a, None))
        assert_conflict(repository, TaskChange(a, a), TaskChange(b, changed(b, name="b2")))
        assert_conflict(repository, TaskChange(a, a))

    @pytest.mark.parametrize("kind", ["no changes", "guards alone"])
    @rule
    def test_batch_that_writes_nothing_leaves_no_trace(self, repository: TaskRepository, kind: str) -> None:
        """A batch of no changes, or of guards alone, leaves no trace: its id is still free.

        Usual cause: the batch is recorded before its first change.
        """
        a = make_task("a")
        create(repository, a)
        batch = make_batch()
        repository.apply(batch, [] if kind == "no changes" else [TaskChange(a, a)])
        assert list(repository.history(batch=batch.id)) == []
        assert len(list(repository.history())) == 1
        repository.apply(batch, [TaskChange(a, changed(a, name="a2"))])
        assert remaining(repository) == ["a2"]

    @rule
    def test_known_batch_is_refused(self, repository: TaskRepository, other: TaskRepository) -> None:
        """A batch id that the history knows raises ``BatchExistsError`` and writes nothing.

        Usual cause: the id is not looked up under the write lock, or only in this handle's memory.
        """
        batch = make_batch()
        repository.apply(batch, [TaskChange(None, make_task("a"))])
        for handle in (repository, other):
            with pytest.raises(BatchExistsError):
                handle.apply(batch, [TaskChange(None, make_task("b"))])
            assert remaining(handle) == ["a"]
            assert len(list(handle.history())) == 1

    @rule
    def test_repeated_write_is_told_from_a_conflict(self, repository: TaskRepository) -> None:
        """The same batch sent again raises ``BatchExistsError``, though its changes conflict by now.

        Usual cause: the changes are checked before the batch id is.
        """
        batch, changes = make_batch(), [TaskChange(None, make_task("a"))]
        repository.apply(batch, changes)
        with pytest.raises(BatchExistsError):
            repository.apply(batch, changes)

    @rule
    def test_refused_batch_may_be_sent_again(self, repository: TaskRepository) -> None:
        """A batch that conflicted was not written, so its id is still free.

        Usual cause: the batch's own record is written outside the transaction.
        """
        batch, task = make_batch(), make_task("a")
        with pytest.raises(ConflictError):
            repository.apply(batch, [TaskChange(None, make_task("b")), TaskChange(task, None)])
        repository.apply(batch, [TaskChange(None, task)])
        assert remaining(repository) == ["a"]

    @rule
    def test_changes_are_consumed_once(self, repository: TaskRepository) -> None:
        """``changes`` is any iterable, consumed once.

        Usual cause: len() of it, or a second pass over a generator that is empty by then.
        """
        repository.apply(make_batch(), (TaskChange(None, make_task(name)) for name in "abc"))
        assert remaining(repository) == ["a", "b", "c"]
        assert len(list(repository.history())) == 3

    @rule
    def test_changes_may_read_and_see_the_state_before(self, repository: TaskRepository) -> None:
        """The iterator may read this repository, and sees the state before the batch.

        Usual cause: reads go through the connection of the open transaction, or wait for its lock for ever.
        """
        a = make_task("a")
        create(repository, a)
        seen: list[object] = []

        def changes() -> Iterator[TaskChange]:
            yield TaskChange(a, changed(a, name="a2"))
            yield TaskChange(None, make_task("b"))
            seen.append(remaining(repository))
            seen.append(repository.get_task(a.task_id) == a)
            seen.append(sum(repository.count_tasks().values()))
            seen.append(len(list(repository.history())))
            yield TaskChange(None, make_task("c"))

        repository.apply(make_batch(), changes())
        assert seen == [["a"], True, 1, 1]
        assert remaining(repository) == ["a2", "b", "c"]

    @pytest.mark.parametrize("good", [0, 2])
    @rule
    def test_changes_that_raise_write_nothing(self, repository: TaskRepository, good: int) -> None:
        """When the iterator raises, nothing is written and its exception comes out unchanged.

        Usual cause: the exception is wrapped in a storage error, or what came before it is committed.
        """
        failure = LookupError("the source of the changes broke off")

        def changes() -> Iterator[TaskChange]:
            for number in range(good):
                yield TaskChange(None, make_task(f"task {number}"))
            raise failure

        batch = make_batch()
        with pytest.raises(LookupError) as caught:
            repository.apply(batch, changes())
        assert caught.value is failure
        assert remaining(repository) == []
        assert list(repository.history()) == []
        repository.apply(batch, [TaskChange(None, make_task("later"))])
        assert remaining(repository) == ["later"]
