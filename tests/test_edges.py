"""What an import keeps of its dependencies is enough to find every cycle and every stored task on the way."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import example, given, settings, strategies as st

from tasky import DependencyCycleError, TaskModel
from tasky.dependencies import guard_dependencies
from tasky.edges import Edges

NOW = datetime(2026, 3, 1, tzinfo=UTC)
PLACES = st.integers(0, 5)
GRAPHS = st.dictionaries(PLACES, st.sets(PLACES, max_size=3))


def task(place: int, needed: set[int]) -> TaskModel:
    """A task with the id of ``place``, which depends on others."""
    depends_on = tuple(UUID(int=other) for other in needed - {place})
    return TaskModel(task_id=UUID(int=place), name="a", created_at=NOW, updated_at=NOW, depends_on=depends_on)


def outcome(edges: Mapping[UUID, Iterable[UUID]], stored: Mapping[UUID, TaskModel]) -> set[UUID] | None:
    """The tasks that are guarded; None for a cycle."""
    try:
        return {change.task_id for change in guard_dependencies(edges, edges, stored.get)}
    except DependencyCycleError:
        return None


@given(stored=GRAPHS, written=GRAPHS)
@example(stored={1: {2}, 2: set()}, written={2: set(), 3: {1}})
@example(stored={1: {2}, 2: {3}, 3: set()}, written={2: set(), 3: {1}})
@example(stored={2: {0}}, written={0: {1}, 1: {2}})
@settings(max_examples=300)
def test_what_is_left_to_walk_leads_to_the_same_cycles_and_guards(
    stored: dict[int, set[int]], written: dict[int, set[int]]
) -> None:
    """Whatever is stored and written over: the walk of what is left ends as the walk of everything does.

    In the first two examples a stored task leads to an updated one, in the third one a ring goes through it.
    """
    before = {UUID(int=place): task(place, needed) for place, needed in stored.items()}
    after = [task(place, needed) for place, needed in written.items()]
    edges = Edges()
    for each in after:
        (edges.add_updated if each.task_id in before else edges.add_created)(each)
    everything = {each.task_id: each.depends_on for each in after}
    assert outcome(edges.to_walk(before.get), before) == outcome(everything, before)


@pytest.mark.parametrize("length", [2, 7])
def test_nothing_is_left_of_chains_that_end(length: int) -> None:
    """Many short chains, the usual dependencies, leave next to nothing to be walked; a ring is left whole."""
    edges = Edges()
    for start in range(0, 3_000, length):
        for place in range(start, start + length - 1):
            edges.add_created(task(place, {place + 1}))
    assert len(edges.to_walk(lambda _: None)) < 100  # ids that were taken for others
    edges.add_created(task(length - 1, {0}))
    assert set(edges.to_walk(lambda _: None)) >= {UUID(int=place) for place in range(length)}


def test_each_task_is_looked_up_once() -> None:
    """A thousand tasks that depend on one that is stored ask for it once, in however many rounds."""
    asked: list[UUID] = []
    epic = task(9_999, set())

    def read(task_id: UUID) -> TaskModel | None:
        asked.append(task_id)
        return epic if task_id == epic.task_id else None

    edges = Edges()
    for place in range(0, 3_000, 3):
        edges.add_created(task(place, {place + 1, 9_999}))
        edges.add_created(task(place + 1, {place + 2}))
    assert len(edges.to_walk(read)) >= 1_000
    assert asked.count(epic.task_id) == 1
    assert len(asked) == len(set(asked))
