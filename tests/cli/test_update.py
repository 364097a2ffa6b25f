"""Changing fields: ``update``, and the options that ``add`` shares with it."""

from __future__ import annotations

import shlex
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import CommandLine, Process


def stored(cli: CommandLine, task_id: str) -> dict[str, Any]:
    item: dict[str, Any] = cli("show", task_id, "--json").items[0]
    return item


def test_a_new_task_takes_every_field(cli: CommandLine) -> None:
    """add stores each field that an option gives."""
    first = cli("add", "First").out.strip()
    options = ("-d", "Two litres", "--priority", "HIGH", "-p", "home.food", "-t", "shop", "-t", "dairy")
    more = ("--assignee", "bob", "--due", "2026-02-06", "--wait", "tomorrow", "--depends-on", first)
    extra = ("--extra", 'shop="Corner"', "--extra", "litres=2", "--extra", "a=[1, null, {}]")
    task = stored(cli, cli("add", "Buy", "milk", *options, *more, *extra).out.strip())
    assert task["name"] == "Buy milk"
    assert (task["details"], task["priority"], task["project_id"]) == ("Two litres", "high", "home.food")
    assert (task["tags"], task["assignee"]) == (["dairy", "shop"], "bob")
    assert (task["due_at"], task["wait_until"]) == ("2026-02-06T22:59:59Z", "2026-02-04T23:00:00Z")
    assert [one[:8] for one in task["depends_on"]] == [first]
    assert task["extra"] == {"shop": "Corner", "litres": 2, "a": [1, None, {}]}


def test_fields_of_several_tasks_are_changed_at_once(cli: CommandLine) -> None:
    """What an option names is set on all of the tasks; the rest stays."""
    ids = [cli("add", name, "--priority", "low").out.strip() for name in ("One", "Two")]
    result = cli("update", *ids, "--project", "web", "--tag", "x", "--name", "Same", "--due", "+1d")
    assert result.lines == [f"{ids[0]}\tupdated\tSame", f"{ids[1]}\tupdated\tSame"]
    for task_id in ids:
        task = stored(cli, task_id)
        assert (task["name"], task["project_id"], task["tags"]) == ("Same", "web", ["x"])
        assert (task["priority"], task["due_at"]) == ("low", "2026-02-05T09:00:00Z")


def test_what_a_date_came_to_is_told(cli: CommandLine) -> None:
    """A relative date is echoed in local time, on stderr, so that data stays data."""
    result = cli("add", "One", "--due", "friday", "--wait", "+1h")
    assert result.err == "due: Fri 2026-02-06 23:59:59+01:00\nwait: Wed 2026-02-04 11:00:00+01:00\n"
    assert cli("add", "Two", "--due", "friday", "--json").err == ""


def test_fields_are_cleared(cli: CommandLine) -> None:
    """Each --no-... option empties its field."""
    first = cli("add", "First").out.strip()
    fields = ("-d", "x", "--priority", "low", "-p", "web", "-t", "a", "--assignee", "bob", "--extra", "k=1")
    second = cli("add", "S", *fields, "--due", "now", "--wait", "now", "--depends-on", first).out.strip()
    flags = ("details", "priority", "project", "tags", "assignee", "due", "wait", "depends-on", "extra")
    cli("update", second, *(f"--no-{flag}" for flag in flags))
    task = stored(cli, second)
    assert (task["details"], task["tags"], task["depends_on"], task["extra"]) == ("", [], [], {})
    for field in ("priority", "project_id", "assignee", "due_at", "wait_until"):
        assert task[field] is None


def test_members_are_added_and_removed(cli: CommandLine) -> None:
    """--tag, --depends-on and --extra add; --remove-... takes away what is named."""
    first, second = (cli("add", name).out.strip() for name in ("One", "Two"))
    third = cli("add", "T", "-t", "a", "-t", "b", "--depends-on", first, "--extra", "k=1").out.strip()
    cli("update", third, "-t", "c", "--remove-tag", "a", "--depends-on", second, "--remove-depends-on", first)
    cli("update", third, "--extra", "m=2", "--remove-extra", "k")
    task = stored(cli, third)
    assert (task["tags"], task["extra"]) == (["b", "c"], {"m": 2})
    assert [one[:8] for one in task["depends_on"]] == [second]


def test_clearing_comes_before_adding(cli: CommandLine) -> None:
    """--no-tags --tag x replaces all the tags."""
    first = cli("add", "One", "-t", "a", "-t", "b").out.strip()
    cli("update", first, "--no-tags", "-t", "x")
    assert stored(cli, first)["tags"] == ["x"]


def test_a_dependency_on_a_task_that_is_gone_can_be_removed(cli: CommandLine) -> None:
    """Its digits still name it among the task's own dependencies."""
    first = cli("add", "One").out.strip()
    second = cli("add", "Two", "--depends-on", first).out.strip()
    cli("delete", first, "--yes")
    assert "there is no task" in cli("update", second, "--remove-depends-on", "ffffffff", code=3).err
    cli("update", second, "--remove-depends-on", first)
    assert stored(cli, second)["depends_on"] == []


def test_setting_and_clearing_one_field_is_refused(cli: CommandLine) -> None:
    """A contradiction is a usage error and changes nothing."""
    first = cli("add", "One").out.strip()
    result = cli("update", first, "--due", "now", "--no-due", code=2)
    assert "--due and --no-due exclude one another" in result.err


def test_an_update_needs_something_to_change(cli: CommandLine) -> None:
    """Without an option there is nothing to do, and the error says so."""
    first = cli("add", "One").out.strip()
    assert "say what to change" in cli("update", first, code=2).err


def test_an_update_that_changes_nothing_says_so(cli: CommandLine) -> None:
    """Setting what is set already writes nothing."""
    first = cli("add", "One", "-t", "a").out.strip()
    result = cli("update", first, "-t", "a")
    assert (result.out, result.err) == ("", "Nothing to change: it is like that already.\n")
    assert cli("update", first, "-t", "a", "--json").err == ""
    assert stored(cli, first)["revision"] == 1


def test_a_dry_run_changes_nothing(cli: CommandLine) -> None:
    """--dry-run shows the change and writes nothing."""
    first = cli("add", "One").out.strip()
    assert cli("update", first, "--name", "New", "--dry-run").lines == [f"{first}\twould be updated\tNew"]
    assert stored(cli, first)["name"] == "One"


def test_details_come_from_stdin(cli: CommandLine) -> None:
    """--details - reads the text from a pipe."""
    first = cli("add", "One", "--details", "-", stdin="Läuft\nüber zwei Zeilen\n").out.strip()
    assert stored(cli, first)["details"] == "Läuft\nüber zwei Zeilen\n"
    cli("update", first, "-d", "-", stdin="kurz")
    assert stored(cli, first)["details"] == "kurz"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("litres", "'litres' is not KEY=JSON"),
        ("=1", "'=1' is not KEY=JSON"),
        ("shop=Corner", "'Corner' is not JSON: text needs its quotes, as in shop='\"some text\"'"),
        ("n=", "'' is not JSON"),
        ("n=NaN", "'NaN' is not JSON"),
        ('n=1, "m": 2', "is not JSON"),
        ('n={"a": 1, "a": 2}', "is not JSON"),
    ],
)
def test_an_attribute_that_is_not_json_is_refused(cli: CommandLine, text: str, reason: str) -> None:
    """Nothing is guessed: what is not JSON is a usage error that shows how to write text."""
    assert reason in cli("add", "One", "--extra", text, code=2).err


@pytest.mark.parametrize(
    "options", [("--due", "someday"), ("--priority", "urgent"), ("--project", "Web Site"), ("--tag", "a b")]
)
def test_a_value_that_breaks_a_rule_is_refused(cli: CommandLine, options: tuple[str, str]) -> None:
    """A wrong value ends with exit code 2, and nothing is written."""
    first = cli("add", "One").out.strip()
    cli("update", first, *options, code=2)
    assert stored(cli, first)["revision"] == 1


def test_nobody_is_called_none(cli: CommandLine) -> None:
    """'none' chooses nobody's tasks, so it is no name to assign."""
    assert "stands for nobody" in cli("add", "One", "--assignee", "none", code=2).err


def test_a_closed_stdin_holds_no_details(process: Process) -> None:
    """A service without a stdin gets an error, not a crash."""
    process("init", "--storage", "json://tasks.json")
    program = shlex.join(process.program(["add", "One", "-d", "-"]))
    done = subprocess.run(
        ["sh", "-c", f"{program} <&-"], capture_output=True, text=True, env=process.environ, cwd=process.cwd
    )
    assert (done.returncode, "stdin is closed" in done.stderr) == (2, True)
