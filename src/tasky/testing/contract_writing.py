"""What ``apply`` promises about changes: all or nothing, compare-and-swap, guards."""

from __future__ import annotations

from dataclasses import replace
from uuid import uuid4

import pytest

from tasky import BatchExistsError, ConflictError, TaskChange, TaskModel, TaskRepository
from tasky.testing.fixtures import StoreFixtures
from tasky.testing.rules import rule
from tasky.testing.samples import changed, create, exact, make_batch, make_task, remaining, update, write

__all__ = ["WritingRules", "assert_conflict"]


class WritingRules(StoreFixtures):
    """Writing."""

    @rule
    def test_created_task_is_stored(self, repository: TaskRepository, other: TaskRepository) -> None:
        """A change without ``before`` creates its task, at once and for every handle.

        Usual cause: a cache in the other handle, or a read transaction that it keeps open.
        """
        assert other.get_task(make_task("a").task_id) is None
        create(repository, make_task("a"))
        assert exact(repository.get_task(make_task("a").task_id)) == exact(make_task("a"))
        assert exact(other.get_task(make_task("a").task_id)) == exact(make_task("a"))

    @rule
    def test_updated_task_is_stored(self, repository: TaskRepository, other: TaskRepository) -> None:
        """A change with both sides replaces the stored task, every field of it.

        Usual cause: an UPDATE that leaves out a column, or tags and dependencies that stay from before.
        """
        before = make_task(
            "a", tags=("x", "y"), assignee="ann", details="old", project_id="p", extra={"k": 1}
        )
        create(repository, before, make_task("b"))
        after = changed(
            before, name="c", tags=("y", "z"), assignee=None, details="", project_id=None, extra={"l": 2}
        )
        write(repository, TaskChange(before, after))
        assert exact(repository.get_task(before.task_id)) == exact(after)
        assert remaining(other) == ["b", "c"]

    @rule
    def test_deleted_task_is_gone(self, repository: TaskRepository, other: TaskRepository) -> None:
        """A change whose ``after`` is None deletes its task, and no other.

        Usual cause: a DELETE that misses the rows of tags or dependencies, or takes too many.
        """
        task = make_task("a", tags=("x",), depends_on=(uuid4(),))
        create(repository, task, make_task("b", tags=("x",)))
        write(repository, TaskChange(task, None))
        for handle in (repository, other):
            assert handle.get_task(task.task_id) is None
            assert remaining(handle) == ["b"]

    @rule
    def test_batch_may_mix_all_kinds_of_changes(self, repository: TaskRepository) -> None:
        """One batch creates, updates, deletes and guards different tasks.

        Usual cause: changes that are grouped by kind, with one kind left out.
        """
        a, b, c = make_task("a"), make_task("b"), make_task("c")
        create(repository, a, b, c)
        write(
            repository,
            TaskChange(a, changed(a, name="a2")),
            TaskChange(b, None),
            TaskChange(c, c),
            TaskChange(None, make_task("d")),
        )
        assert remaining(repository) == ["a2", "c", "d"]

    @rule
    def test_dependency_on_an_absent_task_is_legal(self, repository: TaskRepository) -> None:
        """Dependencies may name tasks that do not exist, or are deleted later.

        Usual cause: a foreign key on the dependency.
        """
        a = make_task("a")
        b = make_task("b", depends_on=(a.task_id, uuid4()))
        create(repository, b, a)
        write(repository, TaskChange(a, None))
        assert repository.get_task(b.task_id) == b

    @rule
    def test_create_of_an_existing_task_conflicts(self, repository: TaskRepository) -> None:
        """A change without ``before`` requires that the task is absent, else ``ConflictError``.

        Usual cause: an upsert, or the driver's uniqueness error that is not translated.
        """
        create(repository, make_task("a"))
        assert_conflict(repository, TaskChange(None, make_task("a", details="again")))

    @rule
    def test_update_from_a_stale_revision_conflicts(self, repository: TaskRepository) -> None:
        """A change requires that the stored revision is that of ``before``, else ``ConflictError``.

        Usual cause: the revision is missing from the WHERE of the UPDATE, or its row count is not looked at.
        """
        first = make_task("a")
        create(repository, first)
        update(repository, first, details="somebody else's")
        assert_conflict(repository, TaskChange(first, changed(first, details="mine")))

    @rule
    def test_update_from_a_future_revision_conflicts(self, repository: TaskRepository) -> None:
        """A ``before`` with a later revision than the stored one conflicts as well.

        Usual cause: revisions compared with < instead of =.
        """
        first = make_task("a")
        create(repository, first)
        future = replace(first, revision=2)
        assert_conflict(repository, TaskChange(future, changed(future)))

    @rule
    def test_update_of_an_absent_task_conflicts(self, repository: TaskRepository) -> None:
        """A change with a ``before`` requires that the task is there, else ``ConflictError``.

        Usual cause: an upsert, or an UPDATE of no rows taken for success.
        """
        task = make_task("a")
        assert_conflict(repository, TaskChange(task, changed(task)))

    @rule
    def test_delete_from_a_stale_revision_conflicts(self, repository: TaskRepository) -> None:
        """Deleting requires the revision of ``before`` too, else ``ConflictError``.

        Usual cause: a DELETE by id alone.
        """
        first = make_task("a")
        create(repository, first)
        update(repository, first)
        assert_conflict(repository, TaskChange(first, None))

    @rule
    def test_delete_of_an_absent_task_conflicts(self, repository: TaskRepository) -> None:
        """Deleting a task that is not there raises ``ConflictError``.

        Usual cause: a DELETE of no rows taken for success.
        """
        assert_conflict(repository, TaskChange(make_task("a"), None))

    @rule
    def test_conflict_of_another_handle_is_seen(
        self, repository: TaskRepository, other: TaskRepository
    ) -> None:
        """Two handles that start from one revision: the first wins, the second gets ``ConflictError``.

        Usual cause: the revision is compared with a copy in memory, not with the store under its write lock.
        """
        first = make_task("a")
        create(repository, first)
        assert other.get_task(first.task_id) == first
        update(repository, first, details="first")
        assert_conflict(other, TaskChange(first, changed(first, details="second")))

    @pytest.mark.parametrize("position", ["first", "middle", "last"])
    @rule
    def test_batch_with_a_conflict_writes_nothing(self, repository: TaskRepository, position: str) -> None:
        """One conflict anywhere in a batch, and nothing of the batch is written.

        Usual cause: changes written one by one outside a transaction, or a transaction that is not rolled
        back.
        """
        a, b = make_task("a"), make_task("b")
        create(repository, a, b)
        changes = [
            TaskChange(a, changed(a, name="a2")),
            TaskChange(b, None),
            TaskChange(None, make_task("c")),
        ]
        places = {"first": 0, "middle": 2, "last": 3}
        stale = make_task("nobody's")
        changes.insert(places[position], TaskChange(stale, changed(stale)))
        assert_conflict(repository, *changes)

    @rule
    def test_write_after_a_conflict_succeeds(self, repository: TaskRepository) -> None:
        """After a conflict the repository works as before.

        Usual cause: the failed transaction or the lock is still open.
        """
        task = make_task("a")
        create(repository, task)
        assert_conflict(repository, TaskChange(None, task))
        update(repository, task, name="a2")
        assert remaining(repository) == ["a2"]

    @rule
    def test_first_revision_is_one(self, repository: TaskRepository) -> None:
        """A new id is created at revision 1, otherwise ``ConflictError``.

        Usual cause: any revision is taken for a task that is not there.
        """
        assert_conflict(repository, TaskChange(None, make_task("a", revision=2)))

    @rule
    def test_created_again_at_the_next_revision(self, repository: TaskRepository) -> None:
        """An id that the history knows is created again at the revision that follows its last one.

        Usual cause: revisions start at 1 again, so that an old compare-and-swap passes on a new task.
        """
        first = make_task("a")
        create(repository, first)
        second = update(repository, first)
        write(repository, TaskChange(second, None))
        for revision in (1, 2, 4):
            assert_conflict(repository, TaskChange(None, replace(first, revision=revision)))
        third = replace(first, name="again", revision=3)
        create(repository, third)
        assert_conflict(repository, TaskChange(second, changed(second)))
        assert exact(repository.get_task(first.task_id)) == exact(third)


def assert_conflict(repository: TaskRepository, *changes: TaskChange) -> None:
    """The changes raise ``ConflictError``, and tasks and history stay exactly as they were."""

    def everything() -> tuple[list[TaskModel], int]:
        return list(repository.find_tasks()), len(list(repository.history()))

    before, batch = everything(), make_batch()
    with pytest.raises(ConflictError) as caught:
        repository.apply(batch, iter(changes))
    assert not isinstance(caught.value, BatchExistsError), (
        "nobody knows this batch: this is no BatchExistsError"
    )
    assert everything() == before, "a batch that conflicted has changed the store"
    assert list(repository.history(batch=batch.id)) == [], "the history knows a batch that conflicted"
