"""``tasky log``: who changed what."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import CommandLine


@pytest.fixture
def busy(cli: CommandLine) -> CommandLine:
    """A task that was added, changed twice, deleted and brought back; and another one."""
    cli("add", "One", "-t", "a", "--priority", "low")
    cli.clock.advance(hours=1)
    cli("update", "00000001", "--name", "New", "--no-priority", "--extra", "k=[1]", "-t", "b")
    cli.clock.advance(hours=1)
    cli.environ["TASKY_ACTOR"] = "bob"
    cli("done", "00000001")
    cli("add", "Two")
    cli("delete", "00000001", "--yes")
    cli("undo")
    return cli


def test_changes_are_listed_newest_first(busy: CommandLine) -> None:
    """Each line says when, in which batch, who, with which command, and what it did to which fields."""
    fields = [line.split("\t") for line in busy("log").lines]
    assert [(row[2], row[3], row[4], row[5], row[6]) for row in fields] == [
        ("bob", "undo", "00000001", "created", "New"),
        ("bob", "delete", "00000001", "deleted", "New"),
        ("bob", "add", "00000005", "created", "Two"),
        ("bob", "done", "00000001", "updated", "New"),
        ("alice", "update", "00000001", "updated", "New"),
        ("alice", "add", "00000001", "created", "One"),
    ]
    assert fields[4][0] == "2026-02-04T11:00:00+01:00"
    assert [row[7] for row in fields] == [
        'status: completed; tags: a b; extra: {"k": [1]}',
        "-",
        "-",
        "status: pending -> completed",
        'name: One -> New; priority: low -> -; tags: a -> a b; extra: - -> {"k": [1]}',
        "priority: low; tags: a",
    ]


def test_a_program_reads_old_and_new_values(busy: CommandLine) -> None:
    """--json has every change with the values before and after it."""
    item = busy("log", "--json").items[4]
    assert item["changes"]["tags"] == {"old": ["a"], "new": ["a", "b"]}
    assert (item["action"], item["short_id"], item["revision"]) == ("updated", "00000001", 2)
    assert (item["batch"]["actor"], item["batch"]["at"]) == ("alice", "2026-02-04T10:00:00Z")
    assert len(busy("log", "--jsonl").lines) == 6


def test_one_task_or_one_batch_can_be_asked_for(busy: CommandLine) -> None:
    """An id shows what was done to that task, --batch what was written together."""
    assert [line.split("\t")[4] for line in busy("log", "00000005").lines] == ["00000005"]
    batch = busy("log", "--json").items[4]["batch"]["id"]
    (line,) = busy("log", "--batch", batch[:8]).lines
    assert "name: One -> New" in line
    assert busy("log", "00000005", "--batch", batch).lines == []


def test_a_deleted_task_keeps_its_log(busy: CommandLine) -> None:
    """Its whole id names it; part of it is not enough, and an id that never was is an error."""
    whole = busy("show", "00000001", "--json").items[0]["task_id"]
    busy("delete", "00000001", "--yes")
    assert len(busy("log", whole).lines) == 6
    error = busy("log", "00000001", code=3).err
    assert "there is no task" in error
    assert "named by its whole id" in error
    assert "there is no task" in busy("log", "f" * 32, code=3).err
    assert "is no task id" in busy("log", "z" * 32, code=3).err


def test_the_log_can_be_cut_short(busy: CommandLine) -> None:
    """--limit shows the newest; 0 is no limit."""
    assert len(busy("log", "-n", "2").lines) == 2
    assert len(busy("log", "-n", "0").lines) == 6


def test_a_person_gets_a_table_of_the_newest(cli: CommandLine) -> None:
    """On a terminal the log is a table of twenty changes, and says that there are more."""
    for number in range(21):
        cli("add", f"Task {number}")
    result = cli("log", "--color", "always")
    assert "Task 20" in result.out
    assert "Task 0" not in result.out
    assert "These are the newest 20. --limit N shows more" in result.err
    assert cli("log", "--color", "always", "-n", "21").err == ""


def test_a_narrow_terminal_keeps_room_for_what_was_changed(
    cli: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where not all columns fit, those that matter least are left out; a time is in one piece."""
    cli("add", "Write the release notes for the next version", "--due", "2026-02-05")
    cli("update", "00000001", "--name", "Write the notes", "--due", "2026-12-24")
    (two,) = cli("add", "Two").lines
    cli("delete", two, "--yes")
    monkeypatch.setenv("COLUMNS", "80")
    narrow = cli("log", "--color", "always").out
    assert "2026-12-24T22:59:59Z" in narrow
    assert "alice" not in narrow
    deleted, created = [line for line in narrow.splitlines() if "Two" in line]
    assert "deleted" in deleted
    assert "created" in created
    monkeypatch.setenv("COLUMNS", "160")
    assert "alice" in cli("log", "--color", "always").out


def test_long_and_wild_values_are_tamed(cli: CommandLine) -> None:
    """A long value is cut, and nothing in it reaches a terminal as a command."""
    cli("add", "One", "-d", "\x1b[31m" + "x" * 100)
    (line,) = cli("log").lines
    assert line.endswith("details: \\x1b[31m" + "x" * 55 + "...")


def test_a_number_that_only_looks_the_same_is_a_change(cli: CommandLine) -> None:
    """1 and 1.0 are equal, but not the same attribute."""
    cli("add", "One", "--extra", "k=1")
    cli("update", "00000001", "--extra", "k=1.0")
    assert 'extra: {"k": 1} -> {"k": 1.0}' in cli("log", "-n", "1").out
