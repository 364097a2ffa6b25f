"""What every repository gets for nothing: streams that clean up, and conveniences by hand."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest

from tasky import (
    ConflictError,
    Problem,
    ResultStream,
    StorageCorruptError,
    StoreClosedError,
    StoreMissingError,
    TaskModel,
    TaskRepository,
    TaskStatus,
)
from tasky.repository import CONTRACT_METHODS
from tasky.testing import MemoryTaskRepository
from tasky.testing.memory import MemoryStore
from tasky.testing.samples import at, changed, create, make_task


class Release:
    """Counts how often it was called."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self) -> None:
        self.calls += 1


@pytest.fixture
def release() -> Release:
    """What a stream gives back."""
    return Release()


@pytest.fixture
def repository() -> Iterator[MemoryTaskRepository]:
    """An open, empty store in memory."""
    with MemoryTaskRepository() as repository:
        repository.initialize()
        yield repository


def test_exhausted_stream_releases_once(release: Release) -> None:
    """Reading to the end releases, and asking for more changes nothing."""
    stream = ResultStream([1, 2], release)
    assert list(stream) == [1, 2]
    assert list(stream) == []
    stream.close()
    assert release.calls == 1


def test_stream_holds_until_its_end_is_reached(release: Release) -> None:
    """As long as there may be more, nothing is released."""
    stream = ResultStream([1, 2], release)
    assert (next(stream), next(stream), release.calls) == (1, 2, 0)
    stream.close()


def test_closed_stream_releases_once_and_ends(release: Release) -> None:
    """Closing early releases; nothing more is yielded."""
    stream = ResultStream([1, 2], release)
    next(stream)
    stream.close()
    stream.close()
    assert list(stream) == []
    assert release.calls == 1


def test_left_stream_releases(release: Release) -> None:
    """Leaving the ``with`` block releases."""
    with ResultStream([1, 2], release) as stream:
        assert next(stream) == 1
    assert release.calls == 1


def test_collected_stream_releases(release: Release) -> None:
    """A stream that nobody holds any more releases, also when it was never read."""
    stream = ResultStream([1, 2], release)
    del stream
    gc.collect()
    assert release.calls == 1


def test_broken_stream_releases_and_ends(release: Release) -> None:
    """An error on the way comes out, once, and releases."""

    def broken() -> Iterator[int]:
        yield 1
        raise LookupError("the record is gone")

    stream = ResultStream(broken(), release)
    assert next(stream) == 1
    with pytest.raises(LookupError):
        next(stream)
    assert list(stream) == []
    assert release.calls == 1


def test_stream_that_cannot_begin_releases(release: Release) -> None:
    """When the results are no iterable, the error comes out and what they held is released."""
    with pytest.raises(TypeError):
        ResultStream(5, release)  # type: ignore[arg-type] # that it is refused is what is tested
    gc.collect()
    assert release.calls == 1


def test_stream_may_hold_nothing() -> None:
    """Results that hold nothing need no release."""
    with ResultStream([1]) as stream:
        assert list(stream) == [1]


def test_contract_is_what_the_protocol_says() -> None:
    """The nine methods that are checked for are the abstract ones of the protocol."""
    assert set(CONTRACT_METHODS) == TaskRepository.__abstractmethods__
    assert isinstance(MemoryTaskRepository(), TaskRepository)
    assert not isinstance(object(), TaskRepository)


def test_repository_without_a_method_cannot_be_made() -> None:
    """Forgetting a method is found out at once."""

    class Forgetful(MemoryTaskRepository):
        check = TaskRepository.check

    with pytest.raises(TypeError, match=r"abstract method '?check"):
        Forgetful()


def test_saving_creates_and_then_updates(repository: MemoryTaskRepository) -> None:
    """Saving a new task creates it; saving it again stores the next revision, later than the one before."""
    task = make_task("a")
    assert repository.save_task(task) == task
    second = repository.save_task(replace(task, name="b"))
    assert (second.name, second.revision) == ("b", 2)
    assert second.updated_at > task.updated_at
    assert repository.get_all_tasks() == [second]
    batches = [entry.batch for entry in repository.history()]
    assert [(batch.actor, batch.command) for batch in batches] == [("python", "save_task")] * 2


def test_saving_keeps_time_moving_forward(repository: MemoryTaskRepository) -> None:
    """A task from a clock that runs ahead is still saved at a later time."""
    task = make_task("a", updated_at=at(0).replace(year=9000))
    repository.save_task(task)
    assert repository.save_task(task).updated_at > task.updated_at


def test_saving_an_old_copy_conflicts(repository: MemoryTaskRepository) -> None:
    """A copy from before somebody else's change is not stored over it."""
    task = repository.save_task(make_task("a"))
    newer = repository.save_task(replace(task, name="theirs"))
    with pytest.raises(ConflictError):
        repository.save_task(replace(task, name="mine"))
    assert repository.get_task(task.task_id) == newer


def test_saving_a_deleted_task_conflicts(repository: MemoryTaskRepository) -> None:
    """A task that was deleted meanwhile does not come back by saving a copy of it."""
    first = repository.save_task(make_task("a"))
    second = repository.save_task(first)
    assert repository.delete_task(first.task_id)
    with pytest.raises(ConflictError, match="was deleted since it was read") as caught:
        repository.save_task(second)
    assert caught.value.hint
    with pytest.raises(ConflictError):
        repository.save_task(first)
    assert repository.get_all_tasks() == []


def test_deleting_says_whether_there_was_a_task(repository: MemoryTaskRepository) -> None:
    """Deleting is True once, then False; the history stays."""
    task = repository.save_task(make_task("a"))
    assert repository.task_exists(task.task_id)
    assert repository.delete_task(task.task_id)
    assert not repository.delete_task(task.task_id)
    assert not repository.task_exists(task.task_id)
    assert not repository.delete_task(uuid4())
    assert [entry.revision for entry in repository.history()] == [1, None]


def test_tasks_are_listed_oldest_first(repository: MemoryTaskRepository) -> None:
    """All tasks, or those of one status, come oldest first."""
    b, a = make_task("b", created_at=at(2)), make_task("a", created_at=at(1))
    closed = changed(make_task("c"), status=TaskStatus.COMPLETED, closed_at=at(3))
    create(repository, b, a, replace(closed, revision=1))
    assert [task.name for task in repository.get_all_tasks()] == ["c", "a", "b"]
    assert [task.name for task in repository.get_tasks_by_status(TaskStatus.PENDING)] == ["a", "b"]


class Damaged(MemoryTaskRepository):
    """A store whose second task cannot be read."""

    def find_tasks(self, *arguments: Any, **options: Any) -> ResultStream[TaskModel]:
        """The first task, then the error."""
        return ResultStream(self._until_damage(super().find_tasks(*arguments, **options)))

    def _until_damage(self, tasks: Iterator[TaskModel]) -> Iterator[TaskModel]:
        yield next(tasks)
        raise StorageCorruptError("task 2 cannot be read")


class Unopenable(MemoryTaskRepository):
    """A store that is too damaged to be opened."""

    def initialize(self, *, create: bool = True) -> None:
        """Never opens."""
        raise StorageCorruptError("it is no store")


def test_a_store_is_salvaged_up_to_what_cannot_be_read() -> None:
    """What comes before the damage is saved, and the damage is named."""
    store = MemoryStore()
    first, second = make_task("a"), make_task("b", created_at=at(1))
    with MemoryTaskRepository(store) as repository:
        repository.initialize()
        create(repository, first, second)
        assert list(repository.salvage()) == [first, second]
    task, problem = Damaged(store).salvage()
    assert task == first
    assert problem == Problem("task 2 cannot be read; nothing that comes after it was read")


def test_salvage_opens_a_store_for_as_long_as_it_reads(repository: MemoryTaskRepository) -> None:
    """A repository that was closed is closed again, and one that was open stays open."""
    create(repository, make_task("a"))
    assert len(list(repository.salvage())) == 1
    assert len(repository.get_all_tasks()) == 1
    repository.close()
    with repository.salvage() as results:
        next(results)
    with pytest.raises(StoreClosedError):
        repository.get_all_tasks()


def test_salvage_of_what_cannot_be_opened_is_a_problem() -> None:
    """Nothing is saved of a store that does not open, which is named; a missing one is an error."""
    (problem,) = Unopenable().salvage()
    assert isinstance(problem, Problem)
    assert "it is no store" in problem.message
    with pytest.raises(StoreMissingError):
        list(MemoryTaskRepository().salvage())
