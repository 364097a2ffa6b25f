"""``tasky claim``: one task, one worker."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.cli.conftest import CommandLine


def test_the_most_urgent_free_task_is_claimed(cli: CommandLine) -> None:
    """Without an id, the most urgent ready task that nobody has becomes mine."""
    cli("add", "Later", "--priority", "low")
    taken = cli("add", "Taken", "--priority", "high", "--assignee", "bob").out.strip()
    first = cli("add", "First", "--priority", "high").out.strip()
    assert cli("claim").lines == [f"{first}\tclaimed\tFirst"]
    assert cli("list", "--mine", "--json").items[0]["name"] == "First"
    assert cli("list", "--assignee", "bob", "--json").items[0]["short_id"] == taken


def test_a_named_task_is_claimed_once(cli: CommandLine) -> None:
    """Claiming what is mine already changes nothing; what somebody else has is refused."""
    first = cli("add", "One").out.strip()
    cli("claim", first)
    result = cli("claim", first)
    assert (result.out, "claimed for the same person before" in result.err) == ("", True)
    assert cli("claim", first, "--json").items == []
    assert "'alice'" in cli("claim", first, "--for", "bob", code=4).err


def test_a_claim_can_be_narrowed(cli: CommandLine) -> None:
    """Project, tag and priority say what the task has to be like."""
    cli("add", "Other", "--priority", "high")
    wanted = cli("add", "Wanted", "-p", "web.login", "-t", "small", "--priority", "low").out.strip()
    options = ("-p", "web", "-t", "small", "--priority", "low")
    assert cli("claim", *options, "--dry-run").lines == [f"{wanted}\twould be claimed\tWanted"]
    assert cli("claim", *options, "--for", "bob").lines == [f"{wanted}\tclaimed\tWanted"]
    assert "no ready task is free" in cli("claim", *options, code=4).err
    assert cli("show", wanted, "--json").items[0]["assignee"] == "bob"


def test_a_name_and_a_description_exclude_one_another(cli: CommandLine) -> None:
    """A task is named or described, not both."""
    first = cli("add", "One").out.strip()
    assert "not both" in cli("claim", first, "-t", "x", code=2).err
