"""A copy of a store is of one moment, exact, and compared."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from tasky import (
    HistoryEntry,
    ResultStream,
    StorageCorruptError,
    StorageError,
    StoreNotEmptyError,
    TaskChange,
    TaskModel,
    copy_store,
)
from tasky.copying import check_whole
from tasky.testing import MemoryTaskRepository
from tasky.testing.samples import changed, create, exact, exact_entry, example_store, make_task, update, write


class WrittenToMeanwhile(MemoryTaskRepository):
    """Somebody writes just before the tasks are read, and just after."""

    def find_tasks(self, *arguments: Any, **options: Any) -> ResultStream[TaskModel]:
        self._write("before")
        tasks = super().find_tasks(*arguments, **options)
        self._write("after")
        return tasks

    def _write(self, moment: str) -> None:
        first, second, *_ = super().find_tasks()
        update(self, first, name=f"changed {moment}")
        write(self, TaskChange(second, None))
        create(self, make_task(f"created {moment}"))


class Forgetful(MemoryTaskRepository):
    """Drops the details of what it restores."""

    def restore(self, tasks: Iterable[TaskModel], history: Iterable[HistoryEntry], /) -> None:
        super().restore([replace(task, details="") for task in tasks], history)


@pytest.fixture
def target() -> Iterator[MemoryTaskRepository]:
    """An open, empty store."""
    with MemoryTaskRepository() as repository:
        repository.initialize()
        yield repository


def opened(kind: type[MemoryTaskRepository]) -> MemoryTaskRepository:
    """An empty store of that kind."""
    repository = kind()
    repository.initialize()
    return repository


def content(repository: MemoryTaskRepository) -> tuple[list[Any], list[Any]]:
    """Everything that the store holds, in a form that tells every difference."""
    return (
        [exact(task) for task in repository.find_tasks()],
        [exact_entry(entry) for entry in repository.history()],
    )


def test_a_copy_holds_tasks_and_history_exactly(target: MemoryTaskRepository) -> None:
    """Revisions, times, deleted tasks and the order of the history come along."""
    source = opened(MemoryTaskRepository)
    source.restore(*example_store())
    copy_store(source, target)
    assert content(target) == content(source)
    assert list(target.check()) == []


def test_a_copy_of_a_store_without_history_is_empty(target: MemoryTaskRepository) -> None:
    """There is nothing to copy, and that is no error."""
    copy_store(opened(MemoryTaskRepository), target)
    assert content(target) == ([], [])


def test_a_copy_is_of_one_moment(target: MemoryTaskRepository) -> None:
    """What others change, delete and create while it is made is in the source and not in the copy."""
    source = opened(WrittenToMeanwhile)
    tasks = [make_task(name) for name in "abcdefgh"]
    create(source, *tasks)
    copy_store(source, target)
    assert sorted(map(str, content(target)[0])) == sorted(map(str, map(exact, tasks)))
    assert len(content(target)[1]) == len(tasks)
    assert len(list(source.history())) == len(tasks) + 6
    assert list(target.check()) == []


def test_a_copy_that_is_not_the_same_is_an_error() -> None:
    """A backend that does not keep what it was given is found out."""
    source = opened(MemoryTaskRepository)
    create(source, make_task("a", details="lost"))
    with pytest.raises(StorageError, match=r"the copy is not the same: 1 tasks and 1 entries"):
        copy_store(source, opened(Forgetful))


def test_a_copy_never_mixes_two_stores(target: MemoryTaskRepository) -> None:
    """A target that holds anything is left as it is."""
    source = opened(MemoryTaskRepository)
    create(source, make_task("theirs"))
    create(target, make_task("ours"))
    before = content(target)
    with pytest.raises(StoreNotEmptyError):
        copy_store(source, target)
    assert content(target) == before


def test_a_damaged_store_is_not_whole(target: MemoryTaskRepository) -> None:
    """The error says which store it is, and what was found first."""
    check_whole(target, "the copy")
    task = make_task("a")
    write(target, TaskChange(None, task), TaskChange(None, make_task("b")))
    state = target._store.state
    assert state is not None
    target._store.state = replace(state, tasks=state.tasks | {task.task_id: changed(task)})
    with pytest.raises(StorageCorruptError, match=r"the copy is damaged: .*revision"):
        check_whole(target, "the copy")
