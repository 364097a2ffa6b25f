"""Walking dependencies: guards on the way, cycles named."""

from __future__ import annotations

from itertools import pairwise
from uuid import UUID

import pytest
from hypothesis import given, strategies as st

from tasky import DependencyCycleError
from tasky.dependencies import guard_dependencies
from tasky.testing.samples import make_task

IDS = [UUID(int=number, version=4) for number in range(1, 13)]


def test_guards_every_stored_task_that_is_reached() -> None:
    """Each one once, though two paths lead to it; ids without a task are passed over."""
    one, two, three, four, missing = IDS[:5]
    tasks = {
        two: make_task("two", task_id=two, depends_on=(four,)),
        three: make_task("three", task_id=three, depends_on=(four, missing)),
        four: make_task("four", task_id=four),
    }
    guards = list(guard_dependencies([one, one], {one: (two, three)}, tasks.get))
    assert sorted(guard.task_id for guard in guards) == [two, three, four]
    assert all(guard.is_guard for guard in guards)


def test_long_cycle_is_named_in_short() -> None:
    """The error shows both ends of a long circle."""
    ring = {one: (other,) for one, other in zip(IDS, [*IDS[1:], IDS[0]], strict=True)}
    with pytest.raises(DependencyCycleError, match=r"-> \.\.\. ->") as caught:
        list(guard_dependencies([IDS[0]], ring, lambda _: None))
    assert caught.value.message.count("->") == 7


def test_deep_chain_needs_no_recursion() -> None:
    """A chain of 20,000 tasks is walked."""
    ids = [UUID(int=number) for number in range(20_000)]
    chain = {one: (other,) for one, other in pairwise(ids)}
    assert list(guard_dependencies([ids[0]], chain, lambda _: None)) == []


@given(st.dictionaries(st.integers(0, 7), st.frozensets(st.integers(0, 7)), max_size=8))
def test_finds_a_cycle_exactly_when_there_is_one(graph: dict[int, frozenset[int]]) -> None:
    """Compared with taking away, again and again, what depends on nothing that is left (Kahn, 1962)."""
    left = {node: set(edges) for node, edges in graph.items()}
    while removable := [node for node, edges in left.items() if not edges & left.keys()]:
        for node in removable:
            del left[node]
    edges = {UUID(int=node): tuple(UUID(int=other) for other in others) for node, others in graph.items()}
    if left:
        with pytest.raises(DependencyCycleError):
            list(guard_dependencies(edges, edges, lambda _: None))
    else:
        list(guard_dependencies(edges, edges, lambda _: None))
