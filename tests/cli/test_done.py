"""Closing tasks and opening them again: ``done``, ``cancel`` and ``reopen``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import CommandLine


@pytest.mark.parametrize(
    ("command", "verb", "status"),
    [
        ("done", "completed", "completed"),
        ("complete", "completed", "completed"),
        ("cancel", "cancelled", "cancelled"),
    ],
)
def test_several_tasks_are_closed_at_once(cli: CommandLine, command: str, verb: str, status: str) -> None:
    """One command closes all the tasks that it names, and says so for each of them."""
    ids = [cli("add", name).out.strip() for name in ("Buy milk", "Buy bread", "Buy tea")]
    assert cli(command, ids[0], ids[2], ids[0]).lines == [
        f"{ids[0]}\t{verb}\tBuy milk",
        f"{ids[2]}\t{verb}\tBuy tea",
    ]
    items = {item["name"]: item for item in cli("list", "--all", "--json").items}
    assert [items[name]["status"] for name in ("Buy milk", "Buy bread", "Buy tea")] == [
        status,
        "pending",
        status,
    ]
    assert items["Buy milk"]["closed_at"] == "2026-02-04T09:00:00Z"
    assert len({line.split("\t")[1] for line in cli("log", "--limit", "2").lines}) == 1


def test_a_closed_task_can_be_opened_again(cli: CommandLine) -> None:
    """Reopening makes a completed and a cancelled task pending."""
    first, second = (cli("add", name).out.strip() for name in ("One", "Two"))
    cli("done", first)
    cli("cancel", second)
    assert cli("reopen", first, second).lines == [f"{first}\treopened\tOne", f"{second}\treopened\tTwo"]
    assert [item["closed_at"] for item in cli("list", "--json").items] == [None, None]


@pytest.mark.parametrize("command", ["done", "cancel"])
def test_all_are_closed_or_none(cli: CommandLine, command: str) -> None:
    """One task that cannot be closed keeps the others open, and the error says why."""
    first, second = (cli("add", name).out.strip() for name in ("One", "Two"))
    cli("done", second)
    result = cli(command, first, second, code=4)
    assert f"task {second} is completed" in result.err
    assert [item["name"] for item in cli("list", "--json").items] == ["One"]


def test_an_open_task_cannot_be_opened(cli: CommandLine) -> None:
    """Reopening what is pending is an error."""
    first = cli("add", "One").out.strip()
    assert "is pending and cannot become pending" in cli("reopen", first, code=4).err


@pytest.mark.parametrize(("command", "verb"), [("done", "completed"), ("cancel", "cancelled")])
def test_a_dry_run_closes_nothing(cli: CommandLine, command: str, verb: str) -> None:
    """--dry-run says what would happen, and the task stays as it was."""
    first = cli("add", "One").out.strip()
    assert cli(command, first, "--dry-run").lines == [f"{first}\twould be {verb}\tOne"]
    assert cli("list", "--json").items[0]["revision"] == 1


def test_a_dry_run_reopens_nothing(cli: CommandLine) -> None:
    """--dry-run says what would be reopened, and it stays closed."""
    first = cli("add", "One").out.strip()
    cli("done", first)
    assert cli("reopen", first, "--dry-run").lines == [f"{first}\twould be reopened\tOne"]
    assert cli("list").lines == []


def test_a_program_reads_what_was_changed(cli: CommandLine) -> None:
    """--json prints each task before and after."""
    first = cli("add", "One").out.strip()
    result = cli("done", first, "--json")
    assert result.document["kind"] == "changes"
    assert (result.items[0]["before"]["status"], result.items[0]["after"]["status"]) == (
        "pending",
        "completed",
    )


@pytest.mark.parametrize("command", ["done", "cancel", "reopen"])
def test_an_unknown_task_is_an_error(cli: CommandLine, command: str) -> None:
    """A task that is not there ends with exit code 3, none at all with 2."""
    assert "there is no task abcdef" in cli(command, "abcdef", code=3).err
    assert "Missing argument 'ID...'" in cli(command, code=2).err
