"""What ``restore`` brings back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

import pytest

from tasky import (
    BatchExistsError,
    ConflictError,
    HistoryEntry,
    StoreNotEmptyError,
    TaskChange,
    TaskModel,
    TaskRepository,
)
from tasky.testing.fixtures import StoreFixtures
from tasky.testing.memory import MemoryTaskRepository
from tasky.testing.rules import rule
from tasky.testing.samples import (
    create,
    exact,
    exact_entry,
    example_store,
    make_task,
    remaining,
    update,
    write,
)

__all__ = ["RestoreRules"]

_A: Final = make_task("a")
_B: Final = make_task("b")


class RestoreRules(StoreFixtures):
    """Restoring."""

    @rule
    def test_restore_is_exact(self, repository: TaskRepository) -> None:
        """Tasks, revisions, times, and the history in its order come back exactly.

        Usual cause: restore that goes through apply, and so makes revisions, entries or times of its own.
        """
        tasks, history = example_store()
        repository.restore(iter(tasks), iter(history))
        assert {exact(task) for task in repository.find_tasks()} == {exact(task) for task in tasks}
        restored = list(repository.history())
        assert [exact_entry(entry) for entry in restored] == [exact_entry(entry) for entry in history]
        sequences = [entry.sequence for entry in restored]
        assert sequences == sorted(set(sequences))
        assert list(repository.check()) == []

    @rule
    def test_restored_store_goes_on(self, repository: TaskRepository, other: TaskRepository) -> None:
        """A restored store is like the one it came from: batches are known, revisions go on, entries follow.

        Usual cause: what is derived from the history (known batches, last revisions) is not derived again.
        """
        tasks, history = example_store()
        repository.restore(tasks, history)
        for handle in (repository, other):
            with pytest.raises(BatchExistsError):
                handle.apply(history[0].batch, [TaskChange(None, make_task("new"))])
            with pytest.raises(ConflictError):
                create(handle, _B)
        create(other, replace(_B, revision=2))
        update(repository, tasks[0])
        assert [entry.revision for entry in repository.history()][-2:] == [2, tasks[0].revision + 1]
        assert list(repository.check()) == []

    @rule
    def test_restored_task_may_lack_history(self, repository: TaskRepository) -> None:
        """A task may be restored without its history; its revision goes on from where it is.

        Usual cause: check() or apply() that takes for granted that every task was created here.
        """
        task = replace(_A, revision=7)
        repository.restore([task], [])
        assert list(repository.check()) == []
        after = update(repository, task)
        write(repository, TaskChange(after, None))
        with pytest.raises(ConflictError):
            create(repository, _A)
        create(repository, replace(_A, revision=9))
        assert [entry.revision for entry in repository.history()] == [8, None, 9]

    @rule
    def test_restore_of_nothing(self, repository: TaskRepository) -> None:
        """Nothing can be restored; the store is empty afterwards and can be filled.

        Usual cause: a mark that says 'restored' instead of looking whether the store is empty.
        """
        repository.restore([], [])
        repository.restore(iter([_A]), iter([]))
        assert remaining(repository) == ["a"]

    @pytest.mark.parametrize("holds", ["a task", "only history"])
    @rule
    def test_restore_into_a_store_that_is_not_empty(self, repository: TaskRepository, holds: str) -> None:
        """A store that holds a task or an entry raises ``StoreNotEmptyError`` and stays as it is.

        Usual cause: only the tasks are looked at, or the store is emptied first.
        """
        create(repository, _A)
        if holds == "only history":
            write(repository, TaskChange(_A, None))
        before = remaining(repository), len(list(repository.history()))
        for tasks in ([], [_B]):
            with pytest.raises(StoreNotEmptyError):
                repository.restore(tasks, [])
        assert (remaining(repository), len(list(repository.history()))) == before

    @rule
    def test_restore_into_a_store_without_history(self, repository: TaskRepository) -> None:
        """A restored task without history makes the store not empty.

        Usual cause: only the history is looked at.
        """
        repository.restore([_A], [])
        with pytest.raises(StoreNotEmptyError):
            repository.restore([_B], [])
        assert remaining(repository) == ["a"]

    @pytest.mark.parametrize("source", ["tasks", "history"])
    @rule
    def test_restore_that_breaks_off_writes_nothing(self, repository: TaskRepository, source: str) -> None:
        """When one of the iterators raises, nothing is written, and the store can still be filled.

        Usual cause: tasks are committed before the history is read.
        """
        tasks, history = example_store()
        failure = LookupError("the source broke off")

        def breaking(items: list[TaskModel] | list[HistoryEntry]) -> Iterator[object]:
            yield from items[:2]
            raise failure

        broken: dict[str, Any] = {"tasks": tasks, "history": history}
        broken[source] = breaking(broken[source])
        with pytest.raises(LookupError) as caught:
            repository.restore(broken["tasks"], broken["history"])
        assert caught.value is failure
        assert remaining(repository) == []
        assert list(repository.history()) == []
        repository.restore(tasks, history)
        assert len(remaining(repository)) == len(tasks)

    @rule
    def test_restore_reads_tasks_first(self, repository: TaskRepository) -> None:
        """``tasks`` is consumed first, then ``history``, each once.

        Usual cause: the two are read together, so that a stream of both from one file comes out of step.
        """
        tasks, history = example_store()
        taken: list[str] = []

        def noting(items: list[TaskModel] | list[HistoryEntry], name: str) -> Iterator[object]:
            for item in items:
                taken.append(name)
                yield item

        repository.restore(noting(tasks, "task"), noting(history, "entry"))  # type: ignore[arg-type] # see noting
        assert taken == ["task"] * len(tasks) + ["entry"] * len(history)

    @rule
    def test_copy_of_a_store_is_the_same_store(self, repository: TaskRepository) -> None:
        """What find_tasks and history yield restores the same store elsewhere, and back.

        Usual cause: something that only apply() writes, and restore() forgets.
        """
        tasks, history = example_store()
        with MemoryTaskRepository() as elsewhere:
            elsewhere.initialize()
            elsewhere.restore(tasks, history)
            repository.restore(elsewhere.find_tasks(), elsewhere.history())
            again = [exact_entry(entry) for entry in repository.history()]
            assert again == [exact_entry(entry) for entry in elsewhere.history()]
            assert [exact(task) for task in repository.find_tasks()] == [
                exact(task) for task in elsewhere.find_tasks()
            ]
