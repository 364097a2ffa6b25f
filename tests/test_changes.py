"""What can be written: batches, changes and guards."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID, uuid4

import pytest

from tasky import Batch, HistoryEntry, InvalidTaskError, TaskChange
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


def test_entries_with_the_same_content_are_equal() -> None:
    """A history entry is a value."""
    batch = Batch(uuid4(), datetime(2026, 3, 1, tzinfo=UTC), "ann", "done")
    assert HistoryEntry(1, batch, TASK.task_id, TASK, 2) == HistoryEntry(1, batch, TASK.task_id, TASK, 2)
