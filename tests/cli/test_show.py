"""``tasky show``."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import CommandLine


@pytest.fixture
def stocked(cli: CommandLine) -> CommandLine:
    """Two tasks, the second with every field set and depending on the first."""
    first = cli("add", "First").out.strip()
    cli(
        *("add", "Second", "--details", "one\n\n\ttwo", "--priority", "high", "-p", "web.login"),
        *("-t", "b", "-t", "a", "--assignee", "bob", "--due", "2026-02-03", "--wait", "2026-02-20T08:00"),
        *("--depends-on", first, "--extra", 'points={"low": 1, "text": "\\u001b"}'),
    )
    return cli


def test_every_field_that_is_set_is_shown(stocked: CommandLine) -> None:
    """One field a line, times local with their offset, what it depends on by name, free text last."""
    assert stocked("show", "00000003").out == (
        "id: 00000003\n"
        "name: Second\n"
        "status: pending\n"
        "priority: high\n"
        "project: web.login\n"
        "tags: a b\n"
        "assignee: bob\n"
        "due: 2026-02-03T23:59:59+01:00 (overdue)\n"
        "wait: 2026-02-20T08:00:00+01:00 (waiting)\n"
        "depends on: 00000001 (pending) First\n"
        "created: 2026-02-04T10:00:00+01:00\n"
        "updated: 2026-02-04T10:00:00+01:00\n"
        "revision: 1\n"
        "uuid: 00000003-0000-4000-8000-000000000000\n"
        "details:\n"
        "  one\n"
        "\n"
        "  \ttwo\n"
        "extra:\n"
        '  points: {"low": 1, "text": "\\u001b"}\n'
    )


def test_fields_that_are_not_set_are_left_out(stocked: CommandLine) -> None:
    """A plain task has six fields to show."""
    assert [line.split(":")[0] for line in stocked("show", "00000001").lines] == [
        "id", "name", "status", "created", "updated", "revision", "uuid",
    ]  # fmt: skip


def test_a_person_reads_short_times(stocked: CommandLine) -> None:
    """The layout for people has local times without seconds, and days without a time."""
    out = stocked("show", "00000003", "--color", "always").out
    lines = re.sub(r"\x1b\[[0-9]*m", "", out).splitlines()
    assert "due: 2026-02-03 (overdue)" in lines
    assert "wait: 2026-02-20 08:00 (waiting)" in lines
    assert "created: 2026-02-04 10:00" in lines


def test_what_lies_behind_is_not_marked(stocked: CommandLine) -> None:
    """A wait that is over and a due date of a completed task are not marked; it has a closing time."""
    stocked.clock.advance(days=30)
    stocked("done", "00000003")
    out = stocked("show", "00000003").out
    assert "(overdue)" not in out
    assert "(waiting)" not in out
    assert "status: completed" in out
    assert "closed: 2026-03-06T10:00:00+01:00" in out


def test_a_deleted_dependency_is_named_as_such(stocked: CommandLine) -> None:
    """A dependency that does not exist any more shows with its id."""
    stocked("delete", "00000001", "--yes")
    assert "depends on: 00000001 (deleted)" in stocked("show", "00000003").lines


def test_several_tasks_are_shown_in_the_order_asked_for(stocked: CommandLine) -> None:
    """An empty line stands between them; a task that is named twice is shown once."""
    out = stocked("show", "00000003", "00000001", "00000003-0000-4000-8000-000000000000").out
    assert [part.splitlines()[0] for part in out.split("\n\nid")] == ["id: 00000003", ": 00000001"]


def test_json_has_the_tasks_as_list_has_them(stocked: CommandLine) -> None:
    """--json and --jsonl give the same documents as `tasky list`."""
    listed = stocked("list", "--all", "--json").items
    assert stocked("show", "00000001", "00000003", "--json").items == listed
    assert [json.loads(line) for line in stocked("show", "00000003", "--jsonl").lines] == listed[1:]


def test_one_unknown_task_shows_nothing(stocked: CommandLine) -> None:
    """An id that no task has is an error, whatever the others are."""
    result = stocked("show", "00000001", "99999999", code=3)
    assert result.out == ""
    assert "99999999" in result.err
