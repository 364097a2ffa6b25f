"""Several threads and several handles on one store behave as one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Barrier, Event
from time import monotonic
from typing import TypeVar

import pytest

from tasky import Batch, StoreClosedError, TaskChange, TaskRepository
from tasky.testing.fixtures import RepositoryMaker, StoreFixtures
from tasky.testing.jobs import attempt_apply, increment
from tasky.testing.rules import rule
from tasky.testing.samples import changed, create, make_batch, make_task, remaining, update

__all__ = ["ThreadRules", "at_once", "attempt"]

T = TypeVar("T")
_THREADS = 6
_LONGEST = 30.0  # seconds until a repository that was closed has to be


class ThreadRules(StoreFixtures):
    """Threads and handles."""

    @pytest.fixture(params=["one handle", "a handle each"])
    def handles(
        self, request: pytest.FixtureRequest, repository: TaskRepository, make_repository: RepositoryMaker
    ) -> list[TaskRepository]:
        """A handle for each thread: the same one, or one of its own."""
        if request.param == "one handle":
            return [repository] * _THREADS
        others = [make_repository() for _ in range(_THREADS)]
        for other in others:
            other.initialize(create=False)
        return others

    @rule
    def test_threads_lose_no_update(self, repository: TaskRepository, handles: list[TaskRepository]) -> None:
        """However many threads read, change and write a task, no update is lost.

        Usual cause: the revision is compared outside the write lock, or a connection serves two threads.
        """
        tasks = [make_task(name, extra={"number": 0}) for name in "ab"]
        create(repository, *tasks)
        ids = [task.task_id for task in tasks]
        at_once([partial(increment, handle, ids, 5) for handle in handles])
        for task_id in ids:
            task = repository.get_task(task_id)
            assert task is not None
            assert task.extra == {"number": 5 * _THREADS}
            revisions = [entry.revision for entry in repository.history(task_id=task_id)]
            assert revisions == list(range(1, 5 * _THREADS + 2))
        assert list(repository.check()) == []

    @rule
    def test_one_of_many_wins(self, repository: TaskRepository, handles: list[TaskRepository]) -> None:
        """Of several that change one revision at the same time exactly one succeeds; the others conflict.

        Usual cause: two transactions that both read before either writes.
        """
        for number in range(5):
            task = make_task(f"task {number}")
            create(repository, task)
            changes = [TaskChange(task, changed(task, assignee=f"thread {each}")) for each in range(_THREADS)]
            jobs = [partial(attempt, *each) for each in zip(handles, changes, strict=True)]
            outcomes = at_once(jobs)
            assert sorted(outcomes) == ["conflict"] * (_THREADS - 1) + ["written"]
            stored = repository.get_task(task.task_id)
            assert stored == changes[outcomes.index("written")].after

    @rule
    def test_one_of_many_creates(self, repository: TaskRepository, handles: list[TaskRepository]) -> None:
        """Of several that create one id at the same time exactly one succeeds; the others conflict.

        Usual cause: the driver's uniqueness error is not translated.
        """
        for number in range(5):
            change = TaskChange(None, make_task(f"task {number}"))
            outcomes = at_once([partial(attempt, handle, change) for handle in handles])
            assert sorted(outcomes) == ["conflict"] * (_THREADS - 1) + ["written"]
        assert len(remaining(repository)) == 5

    @rule
    def test_batch_sent_twice_at_once_is_written_once(
        self, repository: TaskRepository, handles: list[TaskRepository]
    ) -> None:
        """One batch id, sent by several at the same time with different changes, is written once.

        Usual cause: the id is looked up before the write lock is held.
        """
        batch = make_batch()
        changes = [TaskChange(None, make_task(name)) for name in "abcdef"]
        outcomes = at_once([partial(attempt, *each, batch) for each in zip(handles, changes, strict=True)])
        assert sorted(outcomes) == ["known batch"] * (_THREADS - 1) + ["written"]
        assert remaining(repository) == ["abcdef"[outcomes.index("written")]]

    @rule
    def test_no_part_of_a_batch_is_ever_read(self, repository: TaskRepository, other: TaskRepository) -> None:
        """While batches are written, every read is one consistent snapshot of whole batches.

        Usual cause: several queries for one read without a transaction around them.
        """
        first, second = make_task("a", extra={"number": 0}), make_task("b", extra={"number": 0})
        create(repository, first, second)
        done = Event()

        def write() -> None:
            one, two = first, second
            try:
                for number in range(1, 41):
                    pair = changed(one, extra={"number": number}), changed(two, extra={"number": number})
                    repository.apply(make_batch(), map(TaskChange, (one, two), pair))
                    one, two = pair
            finally:
                done.set()

        def read(handle: TaskRepository) -> set[tuple[int, int]]:
            seen: set[tuple[int, int]] = set()
            while not done.is_set():
                numbers = {str(task.extra["number"]) for task in handle.find_tasks()}
                entries = [entry.batch.id for entry in handle.history()]
                seen.add((len(numbers), len(entries) - 2 * len(set(entries))))
            return seen

        seen: set[tuple[int, int]] = set().union(
            *filter(None, at_once([write, lambda: read(repository), lambda: read(other)]))
        )
        assert seen <= {(1, 0)}, "a read was torn: (how many numbers, entries without their pair)"
        assert len(list(other.history())) == 82

    @rule
    def test_closing_while_others_use_it_is_clean(self, repository: TaskRepository) -> None:
        """Closing a repository that other threads use ends their calls with a Tasky error or lets them end.

        Usual cause: the driver's error about a closed connection escapes in the other thread.
        """
        task = make_task("a")
        create(repository, task)

        def use() -> str:
            def until_closed() -> None:
                end = monotonic() + _LONGEST
                while monotonic() < end:  # pragma: no branch - only a wrong backend gets to the end
                    repository.count_tasks()
                    list(repository.find_tasks())

            with pytest.raises(StoreClosedError):
                until_closed()
            return "refused"

        def close() -> str:
            for _ in range(20):
                repository.get_task(task.task_id)
            repository.close()
            return "closed"

        assert at_once([close, use, use]) == ["closed", "refused", "refused"]
        repository.initialize(create=False)
        update(repository, task)


def at_once(jobs: Sequence[Callable[[], T]]) -> list[T]:
    """Do all the jobs in threads that start together; returns their results or raises the first error."""
    barrier = Barrier(len(jobs))

    def run(job: Callable[[], T]) -> T:
        barrier.wait()
        return job()

    with ThreadPoolExecutor(len(jobs)) as pool:
        return list(pool.map(run, jobs))


def attempt(repository: TaskRepository, change: TaskChange, batch: Batch | None = None) -> str:
    """How writing ``change`` ended."""
    return attempt_apply(repository, batch or make_batch(), [change])
