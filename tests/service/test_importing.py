"""Bringing tasks in: all or nothing, and nothing twice."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from tasky import ConflictError, DependencyCycleError, TaskEdit, TaskModel, TaskService
from tasky.importing import CHUNK, Imported
from tasky.testing.samples import make_task


def counts(imported: Imported) -> tuple[int, int, int, int]:
    """Created, updated, unchanged, differing."""
    return imported.created, imported.updated, imported.unchanged, imported.differing


def test_import_keeps_ids_and_times_and_starts_at_revision_one(service: TaskService) -> None:
    """What comes in is stored as it is, as a new task of this store."""
    task = make_task("one", revision=7)
    assert counts(service.import_tasks([task])) == (1, 0, 0, 0)
    assert service.get(task.task_id) == replace(task, revision=1)


def test_importing_twice_adds_nothing(service: TaskService) -> None:
    """The second run finds everything unchanged and writes no batch."""
    tasks = [make_task(f"task {number}") for number in range(CHUNK + 3)]
    assert counts(service.import_tasks(tasks)) == (len(tasks), 0, 0, 0)
    again = service.import_tasks(tasks)
    assert counts(again) == (0, 0, len(tasks), 0)
    assert again.batch is None


def test_import_leaves_what_was_changed_here_alone_unless_told(service: TaskService) -> None:
    """A difference is counted; with update it is overwritten, and then nothing differs any more."""
    task = make_task("one", details="theirs")
    service.import_tasks([task])
    service.update([task.task_id], TaskEdit(values={"details": "ours"}))
    assert counts(service.import_tasks([task])) == (0, 0, 0, 1)
    assert service.get(task.task_id).details == "ours"
    assert counts(service.import_tasks([task], update=True)) == (0, 1, 0, 0)
    stored = service.get(task.task_id)
    assert (stored.details, stored.revision) == ("theirs", 3)
    assert counts(service.import_tasks([task], update=True)) == (0, 0, 1, 0)


def test_failing_input_writes_nothing(service: TaskService) -> None:
    """When the file turns out to be bad at its end, none of it is stored."""

    def tasks() -> Iterator[TaskModel]:
        yield make_task("one")
        raise ValueError("line 2")

    with pytest.raises(ValueError, match="line 2"):
        service.import_tasks(tasks())
    assert sum(service.count().values()) == 0


def test_dry_run_counts_and_writes_nothing(service: TaskService) -> None:
    """The counts are those of the real run."""
    assert counts(service.import_tasks([make_task("one")], dry_run=True)) == (1, 0, 0, 0)
    assert sum(service.count().values()) == 0


def test_deleted_task_comes_back_behind_its_last_revision(service: TaskService) -> None:
    """An id that the history knows goes on counting, so that nobody's old copy fits again."""
    task, other = make_task("one"), make_task("other")
    service.import_tasks([task])
    service.update([task.task_id], TaskEdit(values={"details": "x"}))
    service.delete([task.task_id])
    service.import_tasks([task, other])
    back = service.get(task.task_id)
    assert (back.revision, back.details) == (3, "")
    assert back.updated_at > task.updated_at + timedelta(0)
    assert service.get(other.task_id).revision == 1


def test_id_twice_in_one_import_is_refused(service: TaskService) -> None:
    """A batch names a task once; the dry run says so, too."""
    task = make_task("one")
    twice = [task, replace(task, name="other")]
    with pytest.raises(ConflictError, match="comes twice"):
        service.import_tasks(twice, dry_run=True)
    with pytest.raises(ConflictError, match="nothing was imported") as caught:
        service.import_tasks(twice)
    assert "twice" in caught.value.hint
    assert sum(service.count().values()) == 0


def test_import_may_point_forward_but_not_in_circles(service: TaskService) -> None:
    """A dependency on a later line is legal, a circle through the file or the store is not."""
    one, two = make_task("one"), make_task("two")
    service.import_tasks([replace(one, depends_on=(two.task_id,)), two])
    circle = replace(two, depends_on=(one.task_id,))
    with pytest.raises(DependencyCycleError):
        service.import_tasks([circle], update=True)
    assert service.get(two.task_id).depends_on == ()


def test_circle_in_the_input_is_refused_as_a_circle(service: TaskService) -> None:
    """What is wrong with the dependencies is not reported as a race."""
    one, two = make_task("one"), make_task("two")
    circle = [replace(one, depends_on=(two.task_id,)), replace(two, depends_on=(one.task_id,))]
    with pytest.raises(DependencyCycleError):
        service.import_tasks(circle)


def test_order_of_keys_in_extra_is_no_difference(service: TaskService) -> None:
    """A file that went through another program, which sorted the keys, brings nothing new."""
    task = make_task("one", extra={"b": {"y": 1, "x": 2}, "a": 1})
    service.import_tasks([task])
    other = replace(task, extra={"a": 1, "b": {"x": 2, "y": 1}})
    assert counts(service.import_tasks([other], update=True)) == (0, 0, 1, 0)
    assert counts(service.import_tasks([replace(task, extra={"a": True, "b": {"x": 2, "y": 1}})])) == (
        0,
        0,
        0,
        1,
    )


def test_update_of_a_task_that_a_stored_one_depends_on_is_no_conflict(service: TaskService) -> None:
    """A new dependency leads over a stored task to one that the same import changes, and writes once."""
    updated, stored = make_task("updated"), make_task("stored")
    stored = replace(stored, depends_on=(updated.task_id,))
    service.import_tasks([updated, stored])
    new = make_task("new", depends_on=(stored.task_id,))
    imported = service.import_tasks([replace(updated, details="changed"), new], update=True)
    assert counts(imported) == (1, 1, 0, 0)


def test_dependency_that_the_import_removes_closes_no_ring(service: TaskService) -> None:
    """What an updated task depended on before counts no more."""
    updated, stored, last = make_task("updated"), make_task("stored"), make_task("last")
    service.import_tasks(
        [replace(updated, depends_on=(last.task_id,)), replace(stored, depends_on=(updated.task_id,)), last]
    )
    imported = service.import_tasks([updated, replace(last, depends_on=(stored.task_id,))], update=True)
    assert counts(imported) == (0, 2, 0, 0)


def test_tasks_without_history_count_all_the_same(service: TaskService) -> None:
    """A store that was restored without its history knows its tasks, and a ring through one is found."""
    new = make_task("new")
    stored = make_task("stored", depends_on=(new.task_id,))
    service.repository.restore([stored], [])
    assert counts(service.import_tasks([stored])) == (0, 0, 1, 0)
    with pytest.raises(DependencyCycleError):
        service.import_tasks([replace(new, depends_on=(stored.task_id,))])
