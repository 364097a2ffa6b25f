"""Meaning, by example after example: whatever is stored and asked, the backend says what the model says."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from random import Random
from typing import Any
from uuid import UUID

from hypothesis import HealthCheck, Phase, given, seed, settings, strategies as st

from tasky import TaskChange, TaskFilter, TaskModel, TaskOrder, TaskRepository, TaskStatus
from tasky.testing.fixtures import Effort, StoreFixtures
from tasky.testing.rules import rule
from tasky.testing.samples import exact, make_batch
from tasky.testing.strategies import filters, orders, populations, tasks

__all__ = ["MeaningRules", "bounded", "meant", "named", "next_revision", "refill", "try_out"]


def bounded(effort: Effort, examples: int, **more: Any) -> settings:
    """So many examples, however slow they are, and none kept from one run to the next."""
    return settings(
        max_examples=examples,
        phases=[Phase.generate, *([Phase.shrink] if effort.shrinks else [])],
        deadline=None,
        database=None,
        suppress_health_check=[
            HealthCheck.too_slow,
            HealthCheck.data_too_large,
            HealthCheck.filter_too_much,  # nothing is asked for in vain: lines that are blank are rare
        ],
        **more,
    )


def try_out(
    check: Callable[..., None], effort: Effort, chance: Random, **given_values: st.SearchStrategy[Any]
) -> None:
    """Call ``check`` with generated values, again and again.

    One store serves all of them: each call begins by emptying it, which is itself worth testing.
    """
    seed(chance.getrandbits(32))(bounded(effort, effort.examples)(given(**given_values)(check)))()


class MeaningRules(StoreFixtures):
    """Meaning, by generated examples."""

    @rule
    def test_any_task_comes_back_exactly(
        self, repository: TaskRepository, effort: Effort, chance: Random
    ) -> None:
        """Whatever the model allows comes back as it was written, from the store and from the history.

        Usual cause: an encoding of text, time or numbers that is right for most values.
        """

        def check(population: list[TaskModel]) -> None:
            stored = refill(repository, population)
            assert [exact(repository.get_task(task.task_id)) for task in stored] == [
                exact(task) for task in stored
            ]
            batch = make_batch()
            repository.apply(batch, [TaskChange(task, None) for task in stored])
            befores = [exact(entry.before) for entry in repository.history(batch=batch.id)]
            assert befores == [exact(task) for task in stored]

        try_out(check, effort, chance, population=populations())

    @rule
    def test_any_filter_means_the_same(
        self, repository: TaskRepository, effort: Effort, chance: Random
    ) -> None:
        """``find_tasks`` yields what ``filter.matches``, in ``order``, and ``count_tasks`` counts the same.

        Usual cause: a criterion that the database compares in its own way (case, NULL, wildcards, time).
        """

        def check(population: list[TaskModel], data: st.DataObject) -> None:
            stored = refill(repository, population)
            for _ in range(4):
                wanted, order = data.draw(filters(stored)), data.draw(orders())
                expected = meant(stored, wanted, order)
                found = list(repository.find_tasks(wanted, order=order))
                assert named(found) == named(expected)
                counts = {status: sum(task.status is status for task in expected) for status in TaskStatus}
                assert repository.count_tasks(wanted) == counts

        try_out(check, effort, chance, population=populations(), data=st.data())

    @rule
    def test_any_page_means_the_same(
        self, repository: TaskRepository, effort: Effort, chance: Random
    ) -> None:
        """A page holds what comes after its anchor in the order, whatever the anchor is.

        Usual cause: the comparison with the anchor treats a tie, or a missing value, unlike the order does.
        """

        def check(population: list[TaskModel], anchor: TaskModel, data: st.DataObject) -> None:
            stored = refill(repository, population)
            wanted, order = data.draw(filters(stored)), data.draw(orders())
            limit = data.draw(st.none() | st.integers(0, 4))
            expected = meant(stored, wanted, order)
            for after in [anchor, *stored]:
                page = list(repository.find_tasks(wanted, order=order, limit=limit, after=after))
                assert named(page) == named(
                    [task for task in expected if order.is_after(task, after)][:limit]
                )

        try_out(check, effort, chance, population=populations(), anchor=tasks(), data=st.data())

    @rule
    def test_any_change_leaves_no_trace_of_before(
        self, repository: TaskRepository, effort: Effort, chance: Random
    ) -> None:
        """After a change the store is as if the task had always been so: every filter sees it anew.

        Usual cause: tags, dependencies or the searched text are kept apart and not replaced.
        """

        def check(population: list[TaskModel], values: TaskModel, data: st.DataObject) -> None:
            stored = refill(repository, population)
            before = data.draw(st.sampled_from(stored))
            depends_on = tuple(each for each in values.depends_on if each != before.task_id)
            revision = before.revision + 1
            after = replace(values, task_id=before.task_id, depends_on=depends_on, revision=revision)
            repository.apply(make_batch(), [TaskChange(before, after)])
            stored = [after if task.task_id == after.task_id else task for task in stored]
            wanted, order = data.draw(filters([before, after])), data.draw(orders())
            assert named(repository.find_tasks(wanted, order=order)) == named(meant(stored, wanted, order))
            assert exact(repository.get_task(after.task_id)) == exact(after)

        some = populations(min_size=1, max_size=4)
        try_out(check, effort, chance, population=some, values=tasks(), data=st.data())


def refill(repository: TaskRepository, population: list[TaskModel]) -> list[TaskModel]:
    """Delete what is stored and create ``population``, at the revisions that the history asks for."""
    present = list(repository.find_tasks())
    repository.apply(make_batch(), [TaskChange(task, None) for task in present])
    stored = [replace(task, revision=next_revision(repository, task.task_id)) for task in population]
    repository.apply(make_batch(), [TaskChange(None, task) for task in stored])
    return stored


def next_revision(repository: TaskRepository, task_id: UUID) -> int:
    """The revision at which an absent task is created."""
    last = next(repository.history(task_id=task_id, newest_first=True, limit=1), None)
    return 1 if last is None or last.before is None else last.before.revision + 1


def meant(stored: list[TaskModel], wanted: TaskFilter, order: TaskOrder) -> list[TaskModel]:
    """What the model says that the answer is."""
    pending = {task.task_id for task in stored if task.status is TaskStatus.PENDING}
    return order.sorted(
        task for task in stored if wanted.matches(task, blocked=not pending.isdisjoint(task.depends_on))
    )


def named(tasks: Iterable[TaskModel]) -> list[tuple[str, str]]:
    """Enough of each task to see which it is."""
    return [(str(task.task_id), task.name) for task in tasks]
