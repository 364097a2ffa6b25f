"""Opening, closing and checking a store."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from threading import active_count
from typing import Any, Final

import pytest

from tasky import (
    BaseTaskRepository,
    StoreClosedError,
    StoreMissingError,
    TaskChange,
    TaskRepository,
)
from tasky.testing.fixtures import RepositoryMaker, StoreFixtures
from tasky.testing.rules import rule
from tasky.testing.samples import create, make_batch, make_task, remaining, update
from tasky.testing.unproven import NotProvenError

__all__ = ["LifecycleRules", "held_descriptors"]

_TASK: Final = make_task("a task")
_USES: Final[dict[str, Callable[[TaskRepository], object]]] = {
    "get_task": lambda repository: repository.get_task(_TASK.task_id),
    "find_tasks": lambda repository: repository.find_tasks(),
    "count_tasks": lambda repository: repository.count_tasks(),
    "apply": lambda repository: repository.apply(make_batch(), [TaskChange(None, _TASK)]),
    "history": lambda repository: repository.history(),
    "restore": lambda repository: repository.restore([_TASK], []),
}


class LifecycleRules(StoreFixtures):
    """Opening, closing and checking."""

    @rule
    def test_factory_touches_nothing(self, make_repository: RepositoryMaker, location: Any) -> None:
        """Making a repository touches nothing.

        Usual cause: the factory connects, or makes the directory or the file. Leave that to initialize().
        """
        before = self.footprint(location)
        make_repository()
        assert self.footprint(location) == before
        with pytest.raises(StoreMissingError):
            make_repository().initialize(create=False)

    @rule
    def test_repository_has_the_contract_methods(self, make_repository: RepositoryMaker) -> None:
        """A repository has all nine methods of the contract, and is a context manager.

        Usual cause: a method that was left out, or one with another name.
        """
        assert isinstance(make_repository(), TaskRepository)

    @rule
    def test_initialize_creates_an_absent_store(
        self, make_repository: RepositoryMaker, repository: TaskRepository
    ) -> None:
        """An absent store is created when ``create`` is true; it is empty, and there for other handles.

        Usual cause: the schema is made, but not committed.
        """
        assert remaining(repository) == []
        second = make_repository()
        second.initialize(create=False)
        assert list(second.history()) == []

    @rule
    def test_initialize_creates_by_default(self, make_repository: RepositoryMaker) -> None:
        """``initialize()`` is ``initialize(create=True)``.

        Usual cause: a default of its own in the signature.
        """
        first, second = make_repository(), make_repository()
        first.initialize()
        second.initialize(create=False)
        assert remaining(second) == []

    @rule
    def test_initialize_without_create_refuses_an_absent_store(
        self, make_repository: RepositoryMaker, location: Any
    ) -> None:
        """Without ``create``, an absent store raises ``StoreMissingError`` and nothing is created.

        Usual cause: a driver that creates the file when it connects; look for the store first, or open it
        in the driver's read-write mode that doesn't create.
        """
        before = self.footprint(location)
        for _attempt in range(2):
            with pytest.raises(StoreMissingError):
                make_repository().initialize(create=False)
        assert self.footprint(location) == before

    @rule
    def test_initialize_twice_is_harmless(self, repository: TaskRepository) -> None:
        """Initializing twice is harmless, with ``create`` and without.

        Usual cause: the schema is made again over what is there, or the first connection leaks.
        """
        create(repository, _TASK)
        repository.initialize()
        repository.initialize(create=False)
        assert remaining(repository) == ["a task"]

    @rule
    def test_initialize_keeps_what_is_stored(
        self, make_repository: RepositoryMaker, repository: TaskRepository
    ) -> None:
        """A store that exists is opened as it is, also with ``create``.

        Usual cause: the store is made anew instead of only when it is absent.
        """
        create(repository, _TASK)
        second = make_repository()
        second.initialize()
        assert remaining(second) == ["a task"]
        assert len(list(second.history())) == 1

    @rule
    def test_initialize_by_many_threads_at_once(self, make_repository: RepositoryMaker) -> None:
        """Several may initialize an absent store at once: all succeed, on one store.

        Usual cause: 'exists already' or 'locked' from two that create the schema at the same time. Take a
        lock of its own around the creation, and look at the version again once you hold it.
        """
        handles = [make_repository() for _ in range(8)]
        with ThreadPoolExecutor(len(handles)) as pool:
            list(pool.map(lambda handle: handle.initialize(), handles))
        create(handles[0], _TASK)
        assert [remaining(handle) for handle in handles] == [["a task"]] * len(handles)

    @pytest.mark.parametrize("use", _USES)
    @rule
    def test_use_before_initialize_is_refused(self, make_repository: RepositoryMaker, use: str) -> None:
        """Every method but initialize, check and close raises ``StoreClosedError`` before ``initialize``.

        Usual cause: an AttributeError on a connection that isn't there, or a generator function, whose
        check runs only when the first item is asked for.
        """
        with pytest.raises(StoreClosedError):
            _USES[use](make_repository())

    @pytest.mark.parametrize("use", _USES)
    @rule
    def test_use_after_close_is_refused(self, repository: TaskRepository, use: str) -> None:
        """Every method but initialize, check and close raises ``StoreClosedError`` after ``close``.

        Usual cause: the driver's own error about a closed connection escapes, or the connection is opened
        again silently.
        """
        repository.close()
        with pytest.raises(StoreClosedError):
            _USES[use](repository)

    @rule
    def test_refused_write_writes_nothing(
        self, repository: TaskRepository, make_repository: RepositoryMaker
    ) -> None:
        """What a closed repository refuses is not written later either.

        Usual cause: changes that are queued until the next initialize().
        """
        repository.close()
        with pytest.raises(StoreClosedError):
            create(repository, _TASK)
        repository.initialize()
        assert remaining(repository) == []

    @rule
    def test_close_twice_is_harmless(self, repository: TaskRepository) -> None:
        """Closing twice is harmless.

        Usual cause: the second close uses what the first has released.
        """
        repository.close()
        repository.close()

    @rule
    def test_close_before_initialize_is_harmless(self, make_repository: RepositoryMaker) -> None:
        """Closing a repository that was never opened is harmless.

        Usual cause: close() takes for granted that there is a connection.
        """
        make_repository().close()

    @rule
    def test_closed_repository_opens_again(self, repository: TaskRepository) -> None:
        """``initialize`` opens a closed repository again.

        Usual cause: a flag or a pool that stays closed for good.
        """
        create(repository, _TASK)
        repository.close()
        repository.initialize(create=False)
        assert remaining(repository) == ["a task"]

    @rule
    def test_close_leaves_other_handles_open(self, repository: TaskRepository, other: TaskRepository) -> None:
        """Closing one handle does not close another on the same store.

        Usual cause: a connection shared by all handles of a process, without counting its users.
        """
        repository.close()
        create(other, _TASK)
        assert remaining(other) == ["a task"]

    @rule
    def test_close_releases_everything(self, make_repository: RepositoryMaker, location: Any) -> None:
        """``close`` releases everything that the repository holds: files, connections and threads.

        Usual cause: a connection or a lock file that only the end of the process closes, or a stream that
        was not read to its end and keeps one.
        """
        first = make_repository()
        first.initialize()
        create(first, _TASK)
        first.close()
        held, threads = held_descriptors(), active_count()
        for _ in range(5):
            repository = make_repository()
            repository.initialize()
            stream = repository.find_tasks()
            update(repository, next(stream))
            list(repository.history())
            repository.close()
            del stream
        assert held_descriptors() - held == set()
        assert active_count() == threads

    @rule
    def test_leaving_the_context_closes(self, repository: TaskRepository) -> None:
        """The repository is a context manager: leaving it closes, also after an error.

        Usual cause: __exit__ does not call close(), or swallows the exception.
        """
        failure = LookupError("out of the block")

        def work() -> None:
            with repository as entered:
                assert entered is repository
                raise failure

        with pytest.raises(LookupError):
            work()
        with pytest.raises(StoreClosedError):
            repository.count_tasks()

    @rule
    def test_closed_store_keeps_everything(
        self, repository: TaskRepository, make_repository: RepositoryMaker
    ) -> None:
        """What was written is there when the store is opened again, by a new handle.

        Usual cause: writes that are committed only when something else happens.
        """
        create(repository, _TASK)
        update(repository, _TASK, name="renamed")
        repository.close()
        second = make_repository()
        second.initialize(create=False)
        assert remaining(second) == ["renamed"]
        assert [entry.revision for entry in second.history()] == [1, 2]

    @rule
    def test_check_of_a_healthy_store_yields_nothing(self, repository: TaskRepository) -> None:
        """A healthy store yields no problem.

        Usual cause: check() takes deleted or restored tasks, or gaps in the numbers, for damage.
        """
        assert list(repository.check()) == []
        create(repository, _TASK, make_task("another"))
        second = update(repository, _TASK, name="changed")
        repository.apply(make_batch(), [TaskChange(second, None)])
        assert list(repository.check()) == []

    @rule
    def test_check_works_without_initialize(
        self, repository: TaskRepository, make_repository: RepositoryMaker
    ) -> None:
        """``check`` works without ``initialize``, and after ``close``.

        Usual cause: check() uses the connection of initialize(); it opens one of its own, for reading.
        """
        create(repository, _TASK)
        assert list(make_repository().check()) == []
        repository.close()
        assert list(repository.check()) == []

    @rule
    def test_check_does_not_open(self, repository: TaskRepository, make_repository: RepositoryMaker) -> None:
        """``check`` changes nothing: a repository that was only checked is still closed.

        Usual cause: check() calls initialize().
        """
        unopened = make_repository()
        assert list(unopened.check()) == []
        with pytest.raises(StoreClosedError):
            unopened.count_tasks()

    @rule
    def test_check_of_an_absent_store_is_an_error(
        self, make_repository: RepositoryMaker, location: Any
    ) -> None:
        """``check`` of an absent store raises ``StoreMissingError`` and creates nothing.

        Usual cause: a driver that creates the file when it connects.
        """
        before = self.footprint(location)
        with pytest.raises(StoreMissingError):
            list(make_repository().check())
        assert self.footprint(location) == before
        with pytest.raises(StoreMissingError):
            make_repository().initialize(create=False)

    @rule
    def test_conveniences_of_the_base_class(self, repository: TaskRepository) -> None:
        """A repository that derives from ``BaseTaskRepository`` saves, deletes and lists by hand.

        Usual cause: a method of the same name in the backend, with another meaning.
        """
        if isinstance(repository, BaseTaskRepository):
            saved = repository.save_task(_TASK)
            assert repository.get_all_tasks() == [saved] == repository.get_tasks_by_status(saved.status)
            assert repository.delete_task(saved.task_id)
            assert not repository.task_exists(saved.task_id)


def held_descriptors(places: Sequence[str] = ("/proc/self/fd", "/dev/fd")) -> set[str]:
    """What this process has open, with the numbers; raises ``NotProvenError`` where that cannot be seen."""
    folder = next((each for each in places if Path(each).is_dir()), None)
    if folder is None:
        raise NotProvenError("this system does not show what a process has open")
    held = set()
    for entry in os.listdir(folder):  # noqa: PTH208 - a generator would have the folder itself open
        with suppress(OSError):  # that of the listing is closed by now
            held.add(f"{entry} {os.readlink(f'{folder}/{entry}')}")  # noqa: PTH115 - as above
    return held
