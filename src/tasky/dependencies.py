"""Keeping dependencies free of cycles, also against two edits at once.

An edit that adds a dependency walks everything reachable from it, and guards every stored task that it
walked: when another batch changes one of them first, the store refuses this one, and it is computed again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from uuid import UUID

from tasky.changes import TaskChange
from tasky.errors import DependencyCycleError
from tasky.model import TaskModel

__all__ = ["added_dependencies", "guard_dependencies"]


def added_dependencies(changes: Iterable[TaskChange]) -> list[UUID]:
    """The tasks that ``changes`` create or update with a dependency that they had not before."""
    return [
        change.task_id
        for change in changes
        if change.after is not None
        and not set(change.after.depends_on) <= set(() if change.before is None else change.before.depends_on)
    ]


def guard_dependencies(
    roots: Iterable[UUID],
    changed: Mapping[UUID, Iterable[UUID]],
    read: Callable[[UUID], TaskModel | None],
) -> Iterator[TaskChange]:
    """Walk the dependencies from ``roots``; yield a guard for each stored task on the way.

    ``changed`` holds the dependencies that the batch itself writes (empty for a deleted task); ``read`` gives
    every other task as it is stored. Raises ``DependencyCycleError``, naming the cycle. Depth-first search
    with three colours (Cormen et al., Introduction to Algorithms, 20.3), linear in what it reaches.
    """
    finished: set[UUID] = set()
    for root in roots:
        if root in finished:
            continue
        path: dict[UUID, Iterator[UUID]] = {root: iter(changed[root])}  # in order of descent
        while path:
            task_id, dependencies = next(reversed(path.items()))
            following = next(dependencies, None)
            if following is None:
                del path[task_id]
                finished.add(task_id)
            elif following in path:
                raise _cycle(list(path), following)
            elif following not in finished:
                if following in changed:
                    path[following] = iter(changed[following])
                else:
                    task = read(following)
                    path[following] = iter(() if task is None else task.depends_on)
                    if task is not None:
                        yield TaskChange(task, task)


def _cycle(path: list[UUID], start: UUID) -> DependencyCycleError:
    cycle = [*path[path.index(start) :], start]
    shown = [task_id.hex[:8] for task_id in cycle]
    if len(shown) > 8:
        shown[4:-3] = ["..."]
    return DependencyCycleError(
        f"the tasks would wait for each other: {' -> '.join(shown)}",
        hint="Remove one of these dependencies first; `tasky show ID` lists what a task depends on.",
    )
