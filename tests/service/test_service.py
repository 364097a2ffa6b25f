"""The rules about tasks, over the reference repository."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from tasky import (
    Batch,
    BatchExistsError,
    ConflictError,
    DependencyCycleError,
    InvalidFilterError,
    InvalidTaskError,
    InvalidTransitionError,
    NothingToClaimError,
    ResultStream,
    TaskChange,
    TaskEdit,
    TaskFilter,
    TaskModel,
    TaskNotFoundError,
    TaskPriority,
    TaskService,
    TaskStatus,
    UndoRefusedError,
)
from tasky.repository import ANY_TASK
from tasky.service import utc_now
from tasky.testing.memory import MemoryStore, MemoryTaskRepository
from tasky.testing.samples import make_task
from tasky.writing import ATTEMPTS, Written

MakeService = Callable[..., TaskService]


def add(service: TaskService, name: str, **values: object) -> TaskModel:
    """Create a task and return it."""
    return service.create(name=name, **values).tasks[0]  # type: ignore[arg-type]  # the test chose them


def history_commands(service: TaskService) -> list[str]:
    """The command of each entry, oldest first."""
    return [entry.batch.command for entry in service.repository.history()]


def test_created_task_is_stored_at_its_first_revision(service: TaskService) -> None:
    """A new task is pending, has revision 1 and the time of its creation."""
    task = add(service, "Buy milk", tags=["shop"], priority=TaskPriority.HIGH, extra={"n": 1})
    assert service.get(task.task_id) == task
    assert (task.revision, task.status, task.created_at) == (1, TaskStatus.PENDING, task.updated_at)
    assert task.tags == ("shop",)


def test_invalid_task_is_refused_and_nothing_is_written(service: TaskService) -> None:
    """A blank name is refused before anything is stored."""
    with pytest.raises(InvalidTaskError, match="name"):
        service.create(name="  ")
    assert sum(service.count().values()) == 0


def test_dry_run_shows_the_change_and_writes_nothing(service: TaskService) -> None:
    """A dry run has the changes, but no batch, and the store stays as it is."""
    written = service.create(name="Later", dry_run=True)
    assert written.batch is None
    assert [task.name for task in written.tasks] == ["Later"]
    assert sum(service.count().values()) == 0


def test_update_changes_only_what_is_mentioned(service: TaskService) -> None:
    """An edit sets fields and changes sets; everything else, and the order of revisions, stays."""
    task = add(service, "Paint", details="blue", tags=["home", "old"], extra={"a": 1, "b": 2})
    edit = TaskEdit(
        values={"name": "Paint the door"},
        add_tags=("new",),
        remove_tags=("old", "absent"),
        set_extra={"c": [1]},
        remove_extra=("a",),
    )
    after = service.update([task.task_id], edit).tasks[0]
    assert (after.name, after.details, after.tags) == ("Paint the door", "blue", ("home", "new"))
    assert after.extra == {"b": 2, "c": [1]}
    assert after.revision == 2
    assert after.updated_at > task.updated_at


def test_update_that_changes_nothing_writes_nothing(service: TaskService) -> None:
    """An edit that leaves a task as it is gives it no new revision."""
    task = add(service, "Paint")
    written = service.update([task.task_id], TaskEdit(values={"name": "Paint"}))
    assert (written.batch, written.changes) == (None, ())
    assert service.get(task.task_id).revision == 1


def test_update_tells_equal_json_values_of_other_types_apart(service: TaskService) -> None:
    """Replacing 1 by true is a change, though Python calls them equal."""
    task = add(service, "Paint", extra={"a": 1})
    service.update([task.task_id], TaskEdit(set_extra={"a": True}))
    assert service.get(task.task_id).extra["a"] is True


def test_only_editable_fields_can_be_edited() -> None:
    """Status, times and revision have operations of their own."""
    with pytest.raises(InvalidTaskError, match="status"):
        TaskEdit(values={"status": TaskStatus.COMPLETED})


def test_updated_at_grows_though_the_clock_goes_back(
    repository: MemoryTaskRepository, service: TaskService
) -> None:
    """A machine whose clock is behind still writes a later time."""
    task = add(service, "Paint")
    behind = TaskService(repository, actor="bob", clock=lambda: task.updated_at - timedelta(days=1))
    after = behind.update([task.task_id], TaskEdit(values={"details": "x"})).tasks[0]
    assert after.updated_at == task.updated_at + timedelta(microseconds=1)


def test_status_moves_and_comes_back(service: TaskService) -> None:
    """Pending, completed, pending, cancelled: closing times come and go with them."""
    task_id = add(service, "Paint").task_id
    assert service.complete([task_id]).tasks[0].closed_at is not None
    assert service.reopen([task_id]).tasks[0].closed_at is None
    cancelled = service.cancel([task_id]).tasks[0]
    assert (cancelled.status, cancelled.revision) == (TaskStatus.CANCELLED, 4)
    assert history_commands(service) == ["add", "done", "reopen", "cancel"]


def test_forbidden_move_changes_none_of_the_tasks(service: TaskService) -> None:
    """When one of several tasks cannot be completed, none is."""
    first, second = (add(service, name).task_id for name in ("one", "two"))
    service.complete([second])
    with pytest.raises(InvalidTransitionError, match="completed"):
        service.complete([first, second])
    assert service.get(first).status is TaskStatus.PENDING


def test_task_named_twice_is_changed_once(service: TaskService) -> None:
    """Repeating an id in one command is harmless."""
    task_id = add(service, "one").task_id
    assert len(service.complete([task_id, task_id]).changes) == 1


def test_missing_task_is_an_error(service: TaskService) -> None:
    """An id that nothing has is named in the error."""
    missing = uuid4()
    with pytest.raises(TaskNotFoundError, match=str(missing)):
        service.complete([missing])


def test_deleted_task_is_gone_and_its_history_stays(service: TaskService) -> None:
    """Deleting returns the task as it was."""
    task = add(service, "one")
    assert service.delete([task.task_id]).tasks == (task,)
    assert service.repository.get_task(task.task_id) is None
    assert history_commands(service) == ["add", "delete"]


def test_dependency_cycle_is_refused(service: TaskService) -> None:
    """A third task cannot close a circle, and the error names the whole circle."""
    one = add(service, "one")
    two = add(service, "two", depends_on=[one.task_id])
    three = add(service, "three", depends_on=[two.task_id])
    with pytest.raises(DependencyCycleError, match=f"{one.task_id.hex[:8]} -> {three.task_id.hex[:8]}"):
        service.update([one.task_id], TaskEdit(add_depends_on=(three.task_id,)))
    assert service.get(one.task_id).depends_on == ()


def test_dependency_can_be_added_and_taken_away(service: TaskService) -> None:
    """Dependencies of a deleted or unknown task are legal."""
    one, unknown = add(service, "one"), uuid4()
    assert service.update([one.task_id], TaskEdit(add_depends_on=(unknown,))).tasks[0].depends_on == (
        unknown,
    )
    assert service.update([one.task_id], TaskEdit(remove_depends_on=(unknown,))).tasks[0].depends_on == ()


def test_claim_takes_the_most_urgent_free_task(service: TaskService, make_service: MakeService) -> None:
    """High priority goes first; what somebody has, what waits and what is blocked is left."""
    blocker = add(service, "blocker", priority=TaskPriority.LOW)
    add(service, "blocked", priority=TaskPriority.HIGH, depends_on=[blocker.task_id])
    add(service, "taken", priority=TaskPriority.HIGH, assignee="bob")
    wanted = add(service, "wanted", priority=TaskPriority.MEDIUM)
    assert service.claim().tasks[0].task_id == wanted.task_id
    assert service.get(wanted.task_id).assignee == "ann"
    assert make_service("eve").claim().tasks[0].task_id == blocker.task_id


class Asked(MemoryTaskRepository):
    """A store that remembers for which priorities it was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.priorities: list[frozenset[TaskPriority] | None] = []

    def find_tasks(self, filter: TaskFilter = ANY_TASK, /, **options: Any) -> ResultStream[TaskModel]:
        self.priorities.append(filter.priorities)
        return super().find_tasks(filter, **options)


def test_claim_asks_for_no_priority_below_the_best() -> None:
    """Where a level has something free, those below are not read."""
    with Asked() as repository:
        repository.initialize()
        service = TaskService(repository, actor="ann")
        for priority in (TaskPriority.MEDIUM, TaskPriority.LOW, None):
            add(service, "task", priority=priority)
        repository.priorities.clear()
        service.claim()
        assert repository.priorities == [frozenset({TaskPriority.HIGH}), frozenset({TaskPriority.MEDIUM})]


def test_claim_without_a_free_task_says_so(service: TaskService) -> None:
    """An empty queue is an error with its own exit code."""
    with pytest.raises(NothingToClaimError, match="no ready task"):
        service.claim()


def test_claim_by_id_is_refused_when_somebody_has_it(service: TaskService, make_service: MakeService) -> None:
    """Claiming twice is harmless for the one who has it, and refused for everybody else."""
    task_id = add(service, "one").task_id
    assert service.claim(task_id).tasks[0].assignee == "ann"
    assert service.claim(task_id).changes == ()
    with pytest.raises(NothingToClaimError, match="ann"):
        make_service("eve").claim(task_id)


@pytest.mark.parametrize(
    "filter",
    [
        TaskFilter(assignees=frozenset({"bob"})),
        TaskFilter(ready=False, now=utc_now()),
        TaskFilter(waiting=True, now=utc_now()),
    ],
)
def test_claim_refuses_a_filter_for_what_cannot_be_claimed(service: TaskService, filter: TaskFilter) -> None:
    """A filter is never quietly changed into one that can be met."""
    add(service, "one")
    with pytest.raises(InvalidFilterError, match="the filter"):
        service.claim(filter=filter)


def test_claim_of_a_closed_task_is_refused(service: TaskService) -> None:
    """Only what is pending can be worked on."""
    task_id = add(service, "one").task_id
    service.complete([task_id])
    with pytest.raises(InvalidTransitionError, match="completed"):
        service.claim(task_id)


def test_next_orders_by_priority_then_due_then_age(service: TaskService) -> None:
    """Tasks without a due date come after those with one, tasks without a priority last."""
    now = utc_now()
    names = [
        ("plain", None, None),
        ("plain due", None, now),
        ("low", TaskPriority.LOW, None),
        ("high", TaskPriority.HIGH, None),
        ("high due", TaskPriority.HIGH, now),
        ("high too", TaskPriority.HIGH, None),
    ]
    for name, priority, due in names:
        add(service, name, priority=priority, due_at=due)
    expected = ["high due", "high", "high too", "low", "plain due", "plain"]
    assert [task.name for task in service.next_tasks(10)] == expected
    assert [task.name for task in service.next_tasks(2)] == expected[:2]
    assert [task.name for task in service.next_tasks(5)] == expected[:5]
    only_low = TaskFilter(priorities=frozenset({TaskPriority.LOW}))
    assert [task.name for task in service.next_tasks(5, only_low)] == ["low"]


class Contended(MemoryTaskRepository):
    """A store on which somebody else is always a little faster, for the first ``times`` writes."""

    def __init__(self, store: MemoryStore, times: int) -> None:
        super().__init__(store)
        self.times = times
        self.refused = 0
        self.other = MemoryTaskRepository(store)

    def apply(self, batch: Batch, changes: Iterable[TaskChange], /) -> None:
        computed = list(changes)
        if self.refused:
            self.refused -= 1
            raise ConflictError("somebody was faster")
        if self.times and computed[0].before is not None:
            self.times -= 1
            self.other.initialize()
            edit = TaskEdit(values={"details": f"{self.times}"})
            TaskService(self.other, actor="eve").update([computed[0].task_id], edit)
        super().apply(batch, computed)


def test_lost_race_is_run_again(store: MemoryStore) -> None:
    """An operation that lost a race is computed again on what is stored now, and loses nothing."""
    with Contended(store, times=3) as repository:
        repository.initialize()
        service = TaskService(repository, actor="ann")
        task = add(service, "one")
        after = service.update([task.task_id], TaskEdit(values={"name": "two"})).tasks[0]
        assert (after.name, after.details, after.revision) == ("two", "0", 5)


def test_creation_that_lost_a_race_keeps_its_tags_and_dependencies(store: MemoryStore) -> None:
    """Iterators are read once, however often the creation is computed."""
    with Contended(store, times=0) as repository:
        repository.initialize()
        service = TaskService(repository, actor="ann")
        needed = add(service, "needed")
        repository.refused = 1
        task = add(service, "one", tags=iter(["x", "y"]), depends_on=iter([needed.task_id]))
        assert (task.tags, task.depends_on) == (("x", "y"), (needed.task_id,))


def test_endless_race_ends_in_a_conflict(store: MemoryStore) -> None:
    """After a bounded number of attempts the conflict is reported."""
    with Contended(store, times=ATTEMPTS) as repository:
        repository.initialize()
        service = TaskService(repository, actor="ann")
        task = add(service, "one")
        with pytest.raises(ConflictError):
            service.complete([task.task_id])
        assert repository.times == 0


def test_batch_that_exists_is_not_tried_again(repository: MemoryTaskRepository) -> None:
    """An id that the history knows is no race: it means that the write has happened."""
    same = uuid4()
    ids = iter([uuid4(), same, uuid4(), same])
    service = TaskService(repository, actor="ann", new_id=lambda: next(ids))
    add(service, "one")
    with pytest.raises(BatchExistsError):
        add(service, "two")


def test_actor_has_to_be_one_line(repository: MemoryTaskRepository) -> None:
    """Whoever writes is named in the history, so the name keeps the rules of a name."""
    with pytest.raises(InvalidTaskError, match="actor"):
        TaskService(repository, actor="two\nlines")


def test_undo_takes_back_each_kind_of_change(service: TaskService) -> None:
    """Creation, update and deletion are undone one after the other, newest first."""
    task = add(service, "one")
    service.update([task.task_id], TaskEdit(values={"name": "two"}))
    service.delete([task.task_id])
    revived = service.undo().tasks[0]
    assert (revived.name, revived.revision) == ("two", 3)
    assert service.undo().tasks[0].name == "one"
    assert service.undo().tasks[0].revision == 4
    assert service.repository.get_task(task.task_id) is None
    with pytest.raises(UndoRefusedError, match="nothing left to undo"):
        service.undo()


def test_undo_of_an_undo_is_redo(service: TaskService) -> None:
    """An undo can be named and taken back; what it had taken back can then be undone again."""
    task = add(service, "one")
    done = service.complete([task.task_id]).batch
    undone = service.undo().batch
    assert done is not None
    assert undone is not None
    assert undone.undoes == done.id
    service.undo(undone.id)
    assert service.get(task.task_id).status is TaskStatus.COMPLETED
    again = service.undo().batch
    assert again is not None
    assert again.undoes == done.id


def test_undo_and_redo_step_by_step(service: TaskService) -> None:
    """Two steps back and two forth end where they began, and the creation can be undone and redone too."""
    task_id = add(service, "one").task_id
    service.update([task_id], TaskEdit(values={"name": "two"}))
    service.update([task_id], TaskEdit(values={"name": "three"}))
    undone = [service.undo().batch for _ in range(3)]
    assert service.repository.get_task(task_id) is None
    for batch in reversed(undone):
        assert batch is not None
        service.undo(batch.id)
    assert service.get(task_id).name == "three"
    assert service.undo().tasks[0].name == "two"


def test_batch_is_not_undone_twice(service: TaskService) -> None:
    """What was taken back already stays taken back."""
    batch = service.create(name="one").batch
    assert batch is not None
    service.undo()
    with pytest.raises(UndoRefusedError, match="by 'undo'"):
        service.undo(batch.id)


def test_undo_takes_back_a_whole_batch(service: TaskService) -> None:
    """Several tasks completed at once are reopened at once, and then the batch before it is next."""
    ids = [add(service, name).task_id for name in ("one", "two")]
    service.complete(ids)
    assert len(service.undo().changes) == 2
    assert [task.status for task in service.find()] == [TaskStatus.PENDING] * 2
    assert service.undo().tasks[0].name == "two"


def test_undo_leaves_the_work_of_others(service: TaskService, make_service: MakeService) -> None:
    """Without a batch id only the actor's own work is taken back."""
    mine = add(service, "mine")
    theirs = add(make_service("eve"), "theirs")
    service.undo()
    assert service.repository.get_task(mine.task_id) is None
    assert service.get(theirs.task_id) == theirs


def test_undo_is_refused_when_a_task_has_moved_on(service: TaskService, make_service: MakeService) -> None:
    """What somebody changed since is not thrown away."""
    task = add(service, "one")
    make_service("eve").complete([task.task_id])
    with pytest.raises(UndoRefusedError, match="has changed since, by 'done' of 'eve'"):
        service.undo()
    assert service.get(task.task_id).revision == 2


def test_undo_of_a_deletion_is_refused_after_another_one(
    service: TaskService, make_service: MakeService
) -> None:
    """A task that was revived and deleted again is not revived from the older deletion."""
    task = add(service, "one")
    deleted = service.delete([task.task_id]).batch
    assert deleted is not None
    make_service("eve").undo(deleted.id)
    make_service("bob").delete([task.task_id])
    with pytest.raises(UndoRefusedError, match="has changed since, by 'delete' of 'bob'"):
        service.undo(deleted.id)


def test_undo_of_an_unknown_batch_is_refused(service: TaskService) -> None:
    """A batch id that the history does not know is named."""
    unknown = uuid4()
    with pytest.raises(UndoRefusedError, match=str(unknown)):
        service.undo(unknown)


def test_undo_never_closes_a_cycle(service: TaskService) -> None:
    """Bringing a dependency back is checked like adding it."""
    one, two = add(service, "one"), add(service, "two")
    service.update([one.task_id], TaskEdit(add_depends_on=(two.task_id,)))
    removed = service.update([one.task_id], TaskEdit(remove_depends_on=(two.task_id,))).batch
    service.update([two.task_id], TaskEdit(add_depends_on=(one.task_id,)))
    assert removed is not None
    with pytest.raises(DependencyCycleError):
        service.undo(removed.id)


def test_written_shows_deleted_tasks_as_they_were(service: TaskService) -> None:
    """The tasks of a result are those after it, or before it where they were deleted."""
    task = add(service, "one")
    written = Written(None, (TaskChange(None, task), TaskChange(task, None)))
    assert written.tasks == (task, task)


def test_clock_and_ids_come_from_the_system_unless_given(repository: MemoryTaskRepository) -> None:
    """A program needs to give the actor only."""
    before: datetime = utc_now()
    task = add(TaskService(repository, actor="ann"), "one")
    assert before <= task.created_at <= utc_now()
    assert isinstance(task.task_id, UUID)
    assert task.task_id.version == 4


def test_task_of_the_last_moment_is_refused_clearly(service: TaskService) -> None:
    """There is no later time to write than the last one that there is."""
    last = datetime.max.replace(tzinfo=UTC)
    task = make_task("one", updated_at=last)
    service.import_tasks([task])
    with pytest.raises(InvalidTaskError, match="year 9999"):
        service.complete([task.task_id])
