"""The kit passes on the reference, and each of its rules says what it is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from tasky import ConflictError, StorageBusyError, TaskChange, TaskRepository
from tasky.testing import BackendConformance, MemoryStore, MemoryTaskRepository, StoreHarness
from tasky.testing.conformance import SingleProcessConformance
from tasky.testing.rules import rules_of
from tasky.testing.samples import create, make_batch, make_task


class MemoryHarness(StoreHarness):
    """What can be seen of a store in memory."""

    def footprint(self, location: MemoryStore) -> object:
        return location.state


class TestReference(SingleProcessConformance):
    """The reference keeps every rule that a store in memory can be held to."""

    factory = MemoryTaskRepository
    harness = MemoryHarness

    @pytest.fixture
    def location(self) -> MemoryStore:
        """A store that only the handles of one test share."""
        return MemoryStore()


def test_every_rule_says_what_it_is_and_what_usually_breaks_it() -> None:
    """Each test of the kit is a rule, with its sentence and a usual cause."""
    rules = rules_of(BackendConformance)
    assert set(rules) == {name for name in dir(BackendConformance) if name.startswith("test_")}
    assert len(rules) > 140
    for name, rule in rules.items():
        assert rule.sentence.endswith("."), name
        assert rule.cause, name
        assert "Usual cause: " in (getattr(BackendConformance, name).__doc__ or ""), name
    assert len({rule.sentence for rule in rules.values()}) == len(rules)


def test_subclass_without_a_factory_is_told_what_to_write() -> None:
    """An author who forgot the factory reads how to name it."""

    class Forgetful(BackendConformance):
        pass

    with pytest.raises(pytest.UsageError, match="factory = my_factory"):
        Forgetful.plain_factory()


def test_factory_may_be_a_function() -> None:
    """A function can be named as it is, and is not taken for a method."""

    def make(location: MemoryStore) -> TaskRepository:
        return MemoryTaskRepository(location)

    class Plain(BackendConformance):
        factory = make

    class Wrapped(BackendConformance):
        factory = staticmethod(make)  # type: ignore[assignment] # mypy takes it for a method, the kit does not

    assert Plain.plain_factory() is Wrapped().plain_factory() is make


def test_reference_finds_contradictions() -> None:
    """Checking the reference names the task whose history does not lead to what is stored."""
    store = MemoryStore()
    with MemoryTaskRepository(store) as repository:
        repository.initialize()
        task = make_task("a")
        create(repository, task)
        assert store.state is not None
        store.state.tasks.clear()
        assert [problem.task_id for problem in repository.check()] == [task.task_id]
        (entry,) = store.state.history
        store.state = replace(store.state, history=(entry, replace(entry, sequence=2)))
        assert "entry 2 does not follow" in next(repository.check()).message


def test_reference_refuses_a_batch_that_names_a_task_twice() -> None:
    """Naming a task twice in a batch is a conflict, never a guess."""
    with MemoryTaskRepository() as repository:
        repository.initialize()
        change = TaskChange(None, make_task("a"))
        with pytest.raises(ConflictError, match="twice"):
            repository.apply(make_batch(), [change, change])

        def nested() -> Iterator[TaskChange]:
            yield TaskChange(None, make_task("b"))
            repository.apply(make_batch(), [change])

        with pytest.raises(StorageBusyError):
            repository.apply(make_batch(), nested())
        assert repository.get_all_tasks() == []
