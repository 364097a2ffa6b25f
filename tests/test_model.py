"""A task keeps every rule about its values, at each boundary."""

from __future__ import annotations

import copy
import pickle
from dataclasses import FrozenInstanceError, fields, replace
from datetime import UTC, date, datetime, timedelta, timezone
from types import MappingProxyType
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given

from tasky import InvalidTaskError, InvalidTransitionError, TaskModel, TaskPriority, TaskStatus
from tasky.model import (
    check_actor,
    check_closed_at,
    check_details,
    check_extra,
    check_name,
    check_project_id,
    check_revision,
    check_tags,
    check_text,
    check_timestamp,
    check_transition,
)
from tasky.testing.strategies import tasks

ID = UUID("0190a000-0000-7000-8000-000000000001")
NOW = datetime(2026, 3, 1, tzinfo=UTC)


def make(**values: Any) -> TaskModel:
    """A task with these values."""
    return TaskModel(**{"task_id": ID, "name": "a", "created_at": NOW, "updated_at": NOW, **values})


def nested(depth: int) -> Any:
    """Lists, ``depth`` of them inside one another."""
    value: Any = "x"
    for _ in range(depth):
        value = [value]
    return value


def test_plain_task_has_the_defaults() -> None:
    """A task needs an id, a name and its times; all else is unset."""
    task = make()
    assert task.details == ""
    assert task.status is TaskStatus.PENDING
    assert (task.tags, task.depends_on, task.extra, task.revision) == ((), (), {}, 1)
    unset = (task.priority, task.project_id, task.assignee, task.due_at, task.wait_until, task.closed_at)
    assert unset == (None,) * 6


def test_task_cannot_be_changed() -> None:
    """A task is a value: its fields cannot be assigned."""
    with pytest.raises(FrozenInstanceError):
        make().name = "b"  # type: ignore[misc] # that it cannot be assigned is what is tested


def test_tasks_can_be_members_of_a_set() -> None:
    """Equal tasks have equal hashes, also with attributes of the user's own."""
    assert len({make(extra={"a": [1]}), make(extra={"a": [1]}), make(name="b")}) == 2


@given(task=tasks())
def test_unchecked_builds_the_same_task(task: TaskModel) -> None:
    """What a store builds without checks equals what the checks let through."""
    assert TaskModel.unchecked(**{each.name: getattr(task, each.name) for each in fields(task)}) == task


@given(task=tasks())
def test_task_survives_copying(task: TaskModel) -> None:
    """A task can be copied, pickled, and built again from its own values."""
    assert pickle.loads(pickle.dumps(task)) == task  # noqa: S301 - our own bytes
    assert copy.deepcopy(task) == replace(task) == task


@pytest.mark.parametrize("value", ["a", "x" * 500, "\U0001f4dd" * 500, " a ", "\u00a0a", "\u202ea", "\ufeff"])
def test_name_is_accepted(value: str) -> None:
    """A name is one line of 1 to 500 characters, in any script."""
    assert make(name=value).name == value


@pytest.mark.parametrize(
    "value",
    [
        "",
        " ",
        "\u3000",
        "x" * 501,
        "a\nb",
        "a\x00",
        "a\x1f",
        "a\x7f",
        "a\x9f",
        "a\u2028",
        "a\u2029",
        "\ud800",
        1,
        None,
    ],
    ids=ascii,
)
def test_name_is_refused(value: object) -> None:
    """A name is not blank, not too long, and has no line break, control character or lone surrogate."""
    with pytest.raises(InvalidTaskError, match=r"^name "):
        make(name=value)


@pytest.mark.parametrize(
    "value",
    ["", "\n\t\x01\u2028", "x" * (1 << 20), "\U0001f4dd" * (1 << 18)],
    ids=["empty", "odd", "long", "wide"],
)
def test_details_are_accepted(value: str) -> None:
    """Details are any text up to 1 MiB in UTF-8."""
    assert check_details(value) == value


@pytest.mark.parametrize(
    "value",
    ["x" * ((1 << 20) + 1), "\U0001f4dd" * (1 << 18) + "x", "\x00", "\udfff", None, b"x"],
    ids=["long", "wide", "nul", "surrogate", "none", "bytes"],
)
def test_details_are_refused(value: object) -> None:
    """Details are not longer, and hold neither NUL nor lone surrogates."""
    with pytest.raises(InvalidTaskError, match=r"^details "):
        make(details=value)


@pytest.mark.parametrize("value", ["a", "0", "web.login", "a-b_c", "x" * 200, None])
def test_project_is_accepted(value: str | None) -> None:
    """A project is a slug, with dots between levels."""
    assert check_project_id(value) == value


@pytest.mark.parametrize(
    "value",
    ["", "A", "a b", ".a", "a.", "a..b", "-a", "_a", "a.-b", "\u00e4", "a\n", "x" * 201, 1],
    ids=ascii,
)
def test_project_is_refused(value: object) -> None:
    """A project has no capitals, spaces, empty levels or other letters, and at most 200 characters."""
    with pytest.raises(InvalidTaskError, match=r"^project_id "):
        make(project_id=value)


def test_tags_are_sorted_and_hold_nothing_twice() -> None:
    """Tags are kept sorted by code point, each once, whatever collection they come in."""
    assert make(tags=["b", "a", "B", "a"]).tags == ("B", "a", "b")
    assert check_tags({"x"}) == check_tags(iter("x")) == ("x",)


@pytest.mark.parametrize("value", ["x" * 100, "#%,;", "\u00e4"])
def test_tag_is_accepted(value: str) -> None:
    """A tag has 1 to 100 characters of any kind but spaces."""
    assert check_tags([value]) == (value,)


@pytest.mark.parametrize(
    "value", ["ab", b"ab", None, 1, [""], ["a b"], ["a\u00a0b"], ["a\n"], ["x" * 101], [1], [None]], ids=ascii
)
def test_tags_are_refused(value: object) -> None:
    """Tags come in a collection; none has a space or control character or is too long."""
    with pytest.raises(InvalidTaskError, match=r"^tags "):
        make(tags=value)


@pytest.mark.parametrize("value", [None, "a", " ann ", "x" * 200])
def test_assignee_is_accepted(value: str | None) -> None:
    """An assignee is one line of 1 to 200 characters, or nobody."""
    assert make(assignee=value).assignee == value


@pytest.mark.parametrize("value", ["", " ", "x" * 201, "a\n", 1], ids=ascii)
def test_assignee_is_refused(value: object) -> None:
    """An assignee is not blank, too long, or more than one line."""
    with pytest.raises(InvalidTaskError, match=r"^assignee "):
        make(assignee=value)


def test_actor_keeps_the_rules_of_an_assignee() -> None:
    """Whoever writes can also be assigned: the same lines are accepted, but there is always an actor."""
    assert check_actor("x" * 200) == "x" * 200
    for value in ("", "x" * 201, "a\nb", None):
        with pytest.raises(InvalidTaskError, match=r"^actor "):
            check_actor(value)


def test_dependencies_are_sorted_and_hold_nothing_twice() -> None:
    """Dependencies are kept sorted, each once."""
    low, high = UUID(int=1), UUID(int=2)
    assert make(depends_on=[high, low, high]).depends_on == (low, high)


@pytest.mark.parametrize("value", [[ID], [str(ID)], "x", None, [None]], ids=ascii)
def test_dependencies_are_refused(value: object) -> None:
    """A task depends on other tasks, named by UUIDs, and never on itself."""
    with pytest.raises(InvalidTaskError, match=r"^depends_on "):
        make(depends_on=value)


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"": None},
        {"a": [1, 1.5, "x", True, None, {"b": []}]},
        {"a": nested(63)},
        {"a": 2**4096 - 1, "b": -(2**4096) + 1},
        MappingProxyType({"a": (1, 2)}),
    ],
    ids=["empty", "unnamed", "mixed", "deep", "large", "other types"],
)
def test_extra_is_accepted(value: Any) -> None:
    """Extra holds JSON values, at most 64 levels deep, integers up to 4096 bits."""
    expected = {key: list(item) if isinstance(item, tuple) else item for key, item in value.items()}
    assert make(extra=value).extra == expected


@pytest.mark.parametrize(
    ("value", "field"),
    [
        (None, "extra"),
        ([], "extra"),
        ({1: 2}, "extra"),
        ({"\x00": 1}, "extra"),
        ({"a": "\ud800"}, "extra.a"),
        ({"a": {"\x00": 1}}, "extra.a"),
        ({"a": float("nan")}, "extra.a"),
        ({"a": float("inf")}, "extra.a"),
        ({"a": 2**4096}, "extra.a"),
        ({"a": nested(64)}, "extra.a"),
        ({"a": {1}}, "extra.a"),
        ({"a": b"x"}, "extra.a"),
        ({"a": NOW}, "extra.a"),
    ],
    ids=lambda value: ascii(value)[:20],
)
def test_extra_is_refused(value: object, field: str) -> None:
    """Extra holds nothing but JSON values; the error names the attribute."""
    with pytest.raises(InvalidTaskError) as caught:
        make(extra=value)
    assert caught.value.field == field


def test_extra_is_a_copy() -> None:
    """Changing what was given does not change the task."""
    given_list = [1]
    extra = {"a": given_list}
    task = make(extra=extra)
    given_list.append(2)
    extra.clear()
    assert task.extra == {"a": [1]}
    assert check_extra(task.extra) is not task.extra


@pytest.mark.parametrize("name", ["created_at", "updated_at", "due_at", "wait_until"])
def test_time_is_converted_to_utc(name: str) -> None:
    """A time in another zone is kept as the same moment in UTC, with its microseconds."""
    local = datetime(2026, 3, 1, 1, 2, 3, 4, tzinfo=timezone(timedelta(hours=2)))
    value = getattr(make(**{name: local}), name)
    assert value == local
    assert value.tzinfo is UTC
    assert value.isoformat() == "2026-02-28T23:02:03.000004+00:00"


@pytest.mark.parametrize(
    "value",
    [
        datetime(2026, 1, 1),
        datetime.min.replace(tzinfo=timezone(timedelta(hours=1))),
        datetime.max.replace(tzinfo=timezone(timedelta(hours=-1))),
        date(2026, 1, 1),
        "2026-01-01T00:00:00Z",
        0,
    ],
    ids=str,
)
@pytest.mark.parametrize("name", ["created_at", "updated_at", "due_at", "wait_until"])
def test_time_is_refused(name: str, value: object) -> None:
    """A time needs a zone, and lies in the years 1 to 9999 in UTC."""
    with pytest.raises(InvalidTaskError, match=f"^{name} "):
        make(**{name: value})


@pytest.mark.parametrize("value", [datetime.min, datetime.max])
def test_first_and_last_moment_are_times(value: datetime) -> None:
    """The first microsecond of year 1 and the last of 9999 can be kept."""
    assert check_timestamp("due_at", value.replace(tzinfo=UTC)) == value.replace(tzinfo=UTC)


@pytest.mark.parametrize("value", [1, 2**63 - 1])
def test_revision_is_accepted(value: int) -> None:
    """A revision is a positive integer that a 64-bit column can hold."""
    assert check_revision(value) == value


@pytest.mark.parametrize("value", [0, -1, 2**63, True, 1.0, "1", None])
def test_revision_is_refused(value: object) -> None:
    """A revision is nothing else."""
    with pytest.raises(InvalidTaskError, match=r"^revision "):
        make(revision=value)


@pytest.mark.parametrize(
    ("field", "value"), [("task_id", "x"), ("status", "pending"), ("priority", 1), ("priority", "low")]
)
def test_wrong_type_is_refused(field: str, value: object) -> None:
    """An id is a UUID, a status and a priority are members of their enums."""
    with pytest.raises(InvalidTaskError, match=f"^{field} "):
        make(**{field: value})


@pytest.mark.parametrize(
    ("status", "closed_at", "valid"),
    [
        (TaskStatus.PENDING, None, True),
        (TaskStatus.PENDING, NOW, False),
        (TaskStatus.COMPLETED, None, False),
        (TaskStatus.COMPLETED, NOW, True),
        (TaskStatus.CANCELLED, None, False),
        (TaskStatus.CANCELLED, NOW, True),
    ],
)
def test_closing_time_goes_with_the_status(
    status: TaskStatus, closed_at: datetime | None, valid: bool
) -> None:
    """A task has a closing time exactly when it is completed or cancelled."""
    if valid:
        assert make(status=status, closed_at=closed_at).closed_at == closed_at
        check_closed_at(status, closed_at)
    else:
        with pytest.raises(InvalidTaskError, match=r"^closed_at "):
            make(status=status, closed_at=closed_at)


@pytest.mark.parametrize("status", TaskStatus)
@pytest.mark.parametrize("target", TaskStatus)
def test_status_changes_only_along_the_state_machine(status: TaskStatus, target: TaskStatus) -> None:
    """Pending becomes completed or cancelled; both can be reopened; nothing else."""
    task = make(status=status, closed_at=None if status is TaskStatus.PENDING else NOW)
    if (status is TaskStatus.PENDING) != (target is TaskStatus.PENDING):
        check_transition(task, target)
    else:
        with pytest.raises(InvalidTransitionError, match=f"is {status.value} and cannot become") as caught:
            check_transition(task, target)
        assert caught.value.hint == ("" if status is TaskStatus.PENDING else "Reopen it first.")


def test_task_waits_until_its_time_has_come() -> None:
    """A task is hidden before ``wait_until``, and no more at that moment."""
    task = make(wait_until=NOW)
    assert task.is_waiting(NOW - timedelta(microseconds=1))
    assert not task.is_waiting(NOW)
    assert not make().is_waiting(NOW)


def test_priorities_have_an_order_and_labels() -> None:
    """Low is less than medium, medium less than high; people read lower-case words."""
    assert TaskPriority.LOW < TaskPriority.MEDIUM < TaskPriority.HIGH
    assert [each.label for each in TaskPriority] == ["low", "medium", "high"]


def test_text_that_no_store_can_hold_is_refused() -> None:
    """NUL and lone surrogates are refused, whatever the field."""
    assert check_text("command", "a\nb") == "a\nb"
    for value in ("\x00", "\udc80", 1):
        with pytest.raises(InvalidTaskError, match=r"^command "):
            check_text("command", value)


def test_blank_and_long_are_told_apart() -> None:
    """The rule that is named is the one that is broken."""
    with pytest.raises(InvalidTaskError, match="must not be blank"):
        check_name("")
    with pytest.raises(InvalidTaskError, match="at most 500 characters"):
        check_name("x" * 501)
    with pytest.raises(InvalidTaskError, match="has to be text"):
        check_name(None)
