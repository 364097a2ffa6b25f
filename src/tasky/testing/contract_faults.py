"""What goes wrong around a store is named, and harms nothing."""

from __future__ import annotations

import re
from random import Random
from threading import Timer
from typing import Any

import pytest

from tasky import (
    SchemaTooNewError,
    StorageBusyError,
    StorageCorruptError,
    StorageError,
    StorageFullError,
    StorageReadOnlyError,
    StoreClosedError,
    StoreMissingError,
    TaskModel,
    TaskRepository,
)
from tasky.testing.fixtures import (
    Effort,
    LocationMaker,
    RepositoryMaker,
    StoreFixtures,
    WorkerStarter,
)
from tasky.testing.jobs import examine, fill_up, try_to_write, use_up, write_slowly
from tasky.testing.rules import rule
from tasky.testing.samples import create, make_task, remaining, update
from tasky.testing.worker import serve

__all__ = ["FaultRules", "names", "reported", "stored"]

_LONGEST_WAIT = 5.0  # seconds, for a repository that waits for about 0.1


class FaultRules(StoreFixtures):
    """Faults: no space, no right, no store, damage, a newer schema, a lock that is held."""

    @pytest.mark.parametrize("create", [True, False])
    @rule
    def test_what_is_no_store_is_refused(
        self, make_repository: RepositoryMaker, location: Any, create: bool
    ) -> None:
        """What is not a store raises ``StorageCorruptError`` and is left untouched, also with ``create``.

        Usual cause: whatever cannot be read as a store is taken for an empty one, and written over.
        """
        self.harness().make_foreign(location)
        before = self.footprint(location)
        with pytest.raises(StorageCorruptError):
            make_repository().initialize(create=create)
        assert reported(make_repository()), "check() finds nothing wrong with it"
        assert self.footprint(location) == before

    @pytest.mark.parametrize("create", [True, False])
    @rule
    def test_newer_schema_is_refused(
        self, repository: TaskRepository, make_repository: RepositoryMaker, location: Any, create: bool
    ) -> None:
        """A newer schema raises ``SchemaTooNewError`` and is left untouched; ``check`` says so, too.

        Usual cause: the version is looked at after something was written, or not at all.
        """
        update(repository, stored(repository))
        repository.close()
        self.harness().make_newer(location)
        before = self.footprint(location)
        for handle in (repository, make_repository()):
            with pytest.raises(SchemaTooNewError):
                handle.initialize(create=create)
        assert reported(make_repository()), "check() finds nothing wrong with it"
        assert self.footprint(location) == before

    @rule
    def test_store_without_its_parent_is_missing(self, location: Any) -> None:
        """Where not even the place for a store exists, it is missing, and ``create=False`` creates nothing.

        Usual cause: the directory is made before anybody has asked for the store.
        """
        before = self.footprint(location)
        repository = self.plain_factory()(self.harness().without_parent(location))
        for attempt in (lambda: repository.initialize(create=False), lambda: list(repository.check())):
            with pytest.raises(StoreMissingError):
                attempt()
        assert self.footprint(location) == before

    @rule
    def test_damage_is_an_error_or_harmless(
        self, new_location: LocationMaker, start_worker: WorkerStarter, effort: Effort, chance: Random
    ) -> None:
        """A damaged store gives Tasky's errors or valid tasks; ``check`` comes to an end and changes nothing.

        Usual cause: the driver's or the decoder's exception escapes, or what was decoded is not looked at. A
        driver that maps its file, or trusts its bytes, may take the process down: verify the file first.
        """
        harness, factory = self.harness(), self.plain_factory()
        task = make_task("a", details="x" * 300, tags=("t",), extra={"k": [1]})
        others = [make_task(f"task {number}", details="y" * 90) for number in range(40)]
        worker = start_worker(serve, factory, create=None).start()
        for location in [new_location() for _ in range(effort.damages)]:
            with factory(location) as repository:
                repository.initialize()
                create(repository, task, *others)
                update(repository, task, name="a2")
            harness.damage(location, chance)
            before = self.footprint(location)
            assert worker.ask(None, examine, factory, location) == []
            assert self.footprint(location) == before, "check() has changed the store"
            assert worker.ask(None, use_up, factory, location, task) == []

    @rule
    def test_unreadable_task_is_named(
        self, repository: TaskRepository, make_repository: RepositoryMaker, location: Any
    ) -> None:
        """One unreadable record hides no others silently, and takes no list down without being named.

        Usual cause: a record that cannot be decoded is skipped, or the error says only what the decoder said.
        """
        task = stored(repository)
        repository.close()
        self.harness().damage_task(location, task.task_id)
        handle = make_repository()

        def read_all() -> None:
            handle.initialize(create=False)
            list(handle.find_tasks())

        with pytest.raises(StorageCorruptError) as caught:
            read_all()
        problems = reported(make_repository())
        assert any(names(problem, task) for problem in problems), f"check() does not name it: {problems}"
        assert names(str(caught.value), task) or re.search(r"\bline \d", str(caught.value)), (
            f"the error names neither the task nor the place: {caught.value}"
        )

    @rule
    def test_contradiction_of_the_history_is_found(
        self, repository: TaskRepository, make_repository: RepositoryMaker, location: Any
    ) -> None:
        """``check`` finds state that contradicts history, and names the task.

        Usual cause: check() looks whether everything can be read, and not whether it fits together.
        """
        task = stored(repository)
        repository.close()
        self.harness().contradict(location, task.task_id)
        problems = reported(make_repository())
        assert any(names(problem, task) for problem in problems), f"check() does not name it: {problems}"

    @rule
    def test_read_only_store_is_read_or_refused(
        self, repository: TaskRepository, start_worker: WorkerStarter, location: Any
    ) -> None:
        """Who may not write is told so by ``StorageReadOnlyError``, and nothing is changed.

        Usual cause: the driver's error about a read-only file escapes, or passes for a missing store.
        """
        stored(repository)
        repository.close()
        before = self.footprint(location)
        with self.harness().read_only(location):
            with start_worker(try_to_write, create=None).start() as worker:
                how_reading, how_writing = worker.finish()
            assert self.footprint(location) == before
        refused = StorageReadOnlyError.__name__
        assert how_reading in ("done ['a']", refused)
        allowed = (refused, StoreClosedError.__name__) if how_reading == refused else (refused,)
        assert how_writing in allowed

    @rule
    def test_full_store_is_named(
        self, repository: TaskRepository, start_worker: WorkerStarter, location: Any
    ) -> None:
        """A batch for which there is no space raises ``StorageFullError`` and writes nothing; the next works.

        Usual cause: what was written before the space ran out stays, and stands in the way of what follows.
        """
        stored(repository)
        repository.close()
        with start_worker(fill_up, self.harness().little_space, location).start() as worker:
            how = worker.finish()
        assert how == [StorageFullError.__name__, "done None"]
        repository.initialize(create=False)
        assert remaining(repository) == ["a", "small"]
        assert len(list(repository.history())) == 2
        assert list(repository.check()) == []

    @rule
    def test_lock_that_is_held_is_named(
        self, repository: TaskRepository, start_worker: WorkerStarter, location: Any
    ) -> None:
        """Another process that holds the store for too long is a ``StorageBusyError``, not a hang.

        Usual cause: the driver's 'locked' escapes, or the wait has no end. A store that locks nothing writes.
        """
        stored(repository)
        impatient = self.harness().impatient(location)
        worker = start_worker(write_slowly, "slow").start()
        assert worker.read() == "inside"
        release = Timer(_LONGEST_WAIT, worker.say, ["go on"])
        with impatient:
            impatient.initialize(create=False)
            release.start()
            try:
                create(impatient, make_task("meanwhile"))
                expected = ["a", "meanwhile", "slow"]
            except StorageBusyError:
                expected = ["a", "slow"]
            finally:
                in_time = release.is_alive()
                release.cancel()
            assert in_time, "it waited for the other process, however long that took"
            worker.say("go on")
            worker.finish()
            assert remaining(repository) == expected
            create(impatient, make_task("afterwards"))
        assert len(list(repository.history())) == len(expected) + 1
        assert list(repository.check()) == []


def stored(repository: TaskRepository) -> TaskModel:
    """A task named ``a``, in the store."""
    task = make_task("a")
    create(repository, task)
    return task


def reported(repository: TaskRepository) -> list[str]:
    """What ``check`` finds, the error that it ends with included; each with the id of its task."""
    found: list[str] = []
    try:
        for problem in repository.check():
            found.append(f"{problem.message} ({problem.task_id})")
    except StorageError as error:
        found.append(str(error))
    return found


def names(text: str, task: TaskModel) -> bool:
    """Whether the text names the task, by its id or the beginning of it."""
    return task.task_id.hex[:8] in text
