"""What can be written: batches, changes and guards."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID, uuid4

import pytest

from tasky import Batch, ConflictError, HistoryEntry, InvalidTaskError, TaskChange, TaskModel, checked_changes
from tasky.testing.samples import changed, make_task

TASK = make_task("a")


def test_batch_keeps_its_time_in_utc() -> None:
    """The time of a batch is kept as the same moment in UTC."""
    local = datetime(2026, 3, 1, 2, tzinfo=timezone(timedelta(hours=2)))
    assert Batch(uuid4(), local, "ann", "done").at.isoformat() == "2026-03-01T00:00:00+00:00"


@pytest.mark.parametrize(
    ("at", "actor", "command", "field"),
    [
        (datetime(2026, 3, 1), "ann", "done", "at"),
        (datetime(2026, 3, 1, tzinfo=UTC), "a\x00", "done", "actor"),
        (datetime(2026, 3, 1, tzinfo=UTC), "ann", "\udcff", "command"),
    ],
)
def test_batch_that_no_store_can_hold_is_refused(at: datetime, actor: str, command: str, field: str) -> None:
    """A batch needs a time zone, and text without NUL and lone surrogates."""
    with pytest.raises(InvalidTaskError, match=f"^{field} "):
        Batch(uuid4(), at, actor, command)


@pytest.mark.parametrize(
    ("change", "guard"),
    [
        (TaskChange(None, TASK), False),
        (TaskChange(TASK, None), False),
        (TaskChange(TASK, changed(TASK)), False),
        (TaskChange(TASK, TASK), True),
        (TaskChange(TASK, replace(TASK)), True),
    ],
)
def test_change_knows_its_task_and_whether_it_writes(change: TaskChange, guard: bool) -> None:
    """A change names one task; it is a guard when both sides are the same."""
    assert change.task_id == TASK.task_id
    assert change.is_guard is guard


def test_change_of_nothing_is_refused() -> None:
    """A change has a task before or after it."""
    with pytest.raises(InvalidTaskError, match="before or after"):
        TaskChange(None, None)


def test_change_of_two_tasks_is_refused() -> None:
    """A task's id never changes."""
    with pytest.raises(InvalidTaskError, match=r"^task_id "):
        TaskChange(TASK, replace(changed(TASK), task_id=UUID(int=7)))


@pytest.mark.parametrize("revision", [1, 3])
def test_change_that_skips_a_revision_is_refused(revision: int) -> None:
    """The revision after a change is the one before plus 1."""
    with pytest.raises(InvalidTaskError, match=r"^revision .*the revision after 1 is 2"):
        TaskChange(TASK, replace(TASK, name="b", revision=revision))


def checked(*changes: TaskChange, stored: TaskModel | None = None, known: int = 0) -> list[TaskChange]:
    """What passes, where the store holds ``stored`` and history knows every id up to revision ``known``."""
    tasks = {} if stored is None else {stored.task_id: stored}
    return list(checked_changes(iter(changes), tasks.get, lambda _: known))


def test_changes_that_fit_the_store_pass() -> None:
    """A creation, a change, a deletion and a guard come out as they went in, in their order."""
    assert checked(TaskChange(None, TASK), TaskChange(None, make_task("b"))) == [
        TaskChange(None, TASK),
        TaskChange(None, make_task("b")),
    ]
    for fitting in (TaskChange(TASK, changed(TASK)), TaskChange(TASK, None), TaskChange(TASK, TASK)):
        assert checked(fitting, stored=TASK, known=1) == [fitting]
    again = TaskChange(None, replace(TASK, revision=4))
    assert checked(again, known=3) == [again]


@pytest.mark.parametrize(
    ("change", "stored", "known", "message"),
    [
        (TaskChange(None, TASK), TASK, 1, "exists already, at revision 1"),
        (
            TaskChange(None, TASK),
            None,
            3,
            "has to be created at revision 4, which follows its history, not at 1",
        ),
        (TaskChange(TASK, None), None, 1, "does not exist; revision 1 was expected"),
        (TaskChange(TASK, changed(TASK)), changed(TASK), 2, "is at revision 2, not at 1"),
        (TaskChange(TASK, TASK), changed(TASK), 2, "is at revision 2, not at 1"),
    ],
)
def test_change_that_does_not_fit_is_a_conflict(
    change: TaskChange, stored: TaskModel | None, known: int, message: str
) -> None:
    """The error names the task, what is stored and what was expected, and what to do."""
    with pytest.raises(
        ConflictError, match=f"task {TASK.task_id.hex[:8]} {message}; nothing was written"
    ) as caught:
        checked(change, stored=stored, known=known)
    assert caught.value.hint == "Read it again and repeat the change."


def test_batch_that_names_a_task_twice_is_a_conflict() -> None:
    """A guard and a change of one task are two changes of it, too."""
    with pytest.raises(ConflictError, match=r"names task .* twice; nothing was written"):
        checked(TaskChange(TASK, TASK), TaskChange(TASK, None), stored=TASK, known=1)


def test_changes_are_checked_as_they_come() -> None:
    """A change is asked for when the one before has passed; an error of their source comes out unchanged."""
    failure = LookupError("the source broke off")

    def source() -> Iterator[TaskChange]:
        yield TaskChange(None, TASK)
        raise failure

    passing = checked_changes(source(), lambda _: None, lambda _: 0)
    assert next(passing) == TaskChange(None, TASK)
    with pytest.raises(LookupError) as caught:
        next(passing)
    assert caught.value is failure


def test_entries_with_the_same_content_are_equal() -> None:
    """A history entry is a value."""
    batch = Batch(uuid4(), datetime(2026, 3, 1, tzinfo=UTC), "ann", "done")
    assert HistoryEntry(1, batch, TASK.task_id, TASK, 2) == HistoryEntry(1, batch, TASK.task_id, TASK, 2)
