"""``tasky project``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import CommandLine


def test_info_says_where_the_tasks_are_and_how_many(cli: CommandLine) -> None:
    """The project's directory, its location and where that is written, and a count for each status."""
    cli("add", "one")
    cli("add", "two")
    cli("done", "00000001")
    assert cli("project", "info").lines == [
        f"project: {cli.cwd}",
        "storage: memory://tasks",
        f"from: {cli.cwd}/.tasky/config.toml",
        "pending: 1",
        "completed: 1",
        "cancelled: 0",
    ]
    assert cli("project", "info", "--json").items == [
        {
            "project": str(cli.cwd),
            "storage": "memory://tasks",
            "from": f"{cli.cwd}/.tasky/config.toml",
            "pending": 1,
            "completed": 1,
            "cancelled": 0,
        }
    ]


def test_info_outside_a_project_names_none(cli: CommandLine) -> None:
    """With a store of the user's own choice there need not be a project."""
    location = f"memory://{cli.cwd}/tasks"
    cli.cwd = cli.cwd.parent
    assert cli("project", "info", "--storage", location).lines[0] == "project: -"


@pytest.fixture
def sent_elsewhere(cli: CommandLine) -> CommandLine:
    """A project whose config, as somebody else wrote it, names a place outside of it."""
    cli("list", "--storage", f"memory://{cli.cwd.parent}/other", code=7)
    cli.open(cli.cwd.parent / "other").initialize()
    config = cli.cwd / ".tasky/config.toml"
    config.write_text(config.read_text().replace("memory://tasks", f"memory://{cli.cwd.parent}/other"))
    return cli


def test_a_place_outside_the_project_has_to_be_approved_once(sent_elsewhere: CommandLine) -> None:
    """Until `tasky project approve`, the error names the location and that command; then it is used."""
    cli = sent_elsewhere
    error = cli("list", code=5).err
    assert str(cli.cwd.parent / "other") in error
    assert "tasky project approve" in error
    assert cli("project", "approve").lines == [
        f"project: {cli.cwd}",
        f"config: {cli.cwd}/.tasky/config.toml",
        f"approved: memory://{cli.cwd.parent}/other",
    ]
    assert cli("list").out == ""


def test_what_the_user_chose_needs_no_approval(sent_elsewhere: CommandLine) -> None:
    """A location from a flag is the user's own: approving says so, and approves nothing."""
    cli = sent_elsewhere
    location = f"memory://{cli.cwd.parent}/other"
    result = cli("project", "approve", "--storage", location)
    assert result.out == ""
    assert "--storage flag is your own choice" in result.err
    cli("list", code=5)
