"""``tasky next``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import CommandLine


@pytest.fixture
def stocked(cli: CommandLine) -> CommandLine:
    """Tasks of every urgency, one that waits and one that depends on another."""
    cli("add", "whenever")
    cli("add", "later", "--due", "2026-02-20", "--priority", "high")
    first = cli("add", "soon", "--due", "2026-02-05", "--priority", "high", "-p", "web").out.strip()
    cli("add", "blocked", "--priority", "high", "--depends-on", first)
    cli("add", "hidden", "--priority", "high", "--wait", "+1d")
    return cli


def test_the_most_urgent_ready_task_is_shown(stocked: CommandLine) -> None:
    """One task: of high priority, and due first."""
    (line,) = stocked("next").lines
    assert line.split("\t")[-1] == "soon"


def test_more_come_in_the_order_of_their_urgency(stocked: CommandLine) -> None:
    """--limit shows more; what waits or depends on pending work is not among them."""
    assert [item["name"] for item in stocked("next", "-n", "9", "--json").items] == [
        "soon",
        "later",
        "whenever",
    ]


def test_filters_choose_where_to_look(stocked: CommandLine) -> None:
    """The filter options of `list` work here, too."""
    assert [item["name"] for item in stocked("next", "-n", "9", "-p", "web", "--json").items] == ["soon"]


def test_nothing_to_do_is_no_error(cli: CommandLine) -> None:
    """Without a ready task nothing is printed; a person is told why."""
    assert (cli("next").out, cli("next").err) == ("", "")
    assert "No task is ready" in cli("next", "--color", "always").err
