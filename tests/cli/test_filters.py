"""The options that choose tasks, tried with ``list``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import CommandLine


@pytest.fixture
def filled(cli: CommandLine) -> CommandLine:
    """A store with tasks of every kind, made on Wednesday, 2026-02-04, an hour apart."""
    cli("add", "Fix login", "-p", "web.login", "--priority", "high", "-t", "bug", "-t", "ui")
    cli.clock.advance(hours=1)
    cli("add", "Write docs", "-p", "web", "--priority", "low", "-t", "docs", "--assignee", "bob")
    cli.clock.advance(hours=1)
    cli("add", "STRASSE", "-d", "Es ist groß", "--due", "yesterday", "--assignee", "alice")
    cli.clock.advance(hours=1)
    cli("add", "Sleeping", "--wait", "+2d", "--due", "friday")
    cli.clock.advance(hours=1)
    cli("add", "Blocked", "--depends-on", "00000001")
    cli.clock.advance(hours=1)
    cli("done", cli("add", "Over", "--due", "2026-02-01").out.strip())
    cli.clock.advance(hours=1)
    cli("cancel", cli("add", "Dropped").out.strip())
    return cli


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("", "Fix login, Write docs, STRASSE, Blocked"),
        ("--all", "Fix login, Write docs, STRASSE, Sleeping, Blocked, Over, Dropped"),
        ("--status completed", "Over"),
        ("--status COMPLETED --status cancelled", "Over, Dropped"),
        ("--status pending", "Fix login, Write docs, STRASSE, Blocked"),
        ("--status pending --waiting", "Sleeping"),
        ("--waiting", "Sleeping"),
        ("--not-waiting --all", "Fix login, Write docs, STRASSE, Blocked, Over, Dropped"),
        ("--ready", "Fix login, Write docs, STRASSE"),
        ("--not-ready", "Blocked"),
        ("-p web", "Fix login, Write docs"),
        ("--project web.login", "Fix login"),
        ("--priority high", "Fix login"),
        ("--priority high --priority low", "Fix login, Write docs"),
        ("-t bug", "Fix login"),
        ("-t bug -t docs", ""),
        ("--no-tag bug --no-tag docs", "STRASSE, Blocked"),
        ("--assignee bob", "Write docs"),
        ("--assignee bob --assignee none", "Fix login, Write docs, Blocked"),
        ("--mine", "STRASSE"),
        ("--mine --assignee bob", "Write docs, STRASSE"),
        ("-s strasse", "STRASSE"),
        ("-s straße", "STRASSE"),
        ("--text GROSS", "STRASSE"),
        ("-s nothing", ""),
        ("--overdue", "STRASSE"),
        ("--overdue --due-before 2026-02-01", ""),
        ("--overdue --due-before 2027-01-01", "STRASSE"),
        ("--overdue --status completed", ""),
        ("--depends-on 00000001", "Blocked"),
        ("--id 00000001 --id 00000007", "Fix login, Sleeping"),
        ("--due-after yesterday --due-before today", "STRASSE"),
        ("--due-before today --all", "STRASSE, Over"),
        ("--created-after 2026-02-04T11:00Z", "STRASSE, Blocked"),
        ("--created-before 2026-02-04T10:00Z", "Fix login"),
        ("--updated-after -30min --all", "Dropped"),
        ("--updated-before -6h", ""),
        ("--closed-after -2h --all", "Over, Dropped"),
        ("--closed-before -30min --all", "Over"),
    ],
)
def test_tasks_are_chosen(filled: CommandLine, options: str, expected: str) -> None:
    """Every criterion has to be met, and only what is open and not waiting shows unasked."""
    names = [item["name"] for item in filled("list", "--json", *options.split()).items]
    assert ", ".join(names) == expected


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ("--id ffffffff", 3),
        ("--depends-on ffffffff", 3),
        ("--status open", 2),
        ("--due-before someday", 2),
        ("--project A/B", 2),
    ],
)
def test_a_criterion_that_means_nothing_is_refused(filled: CommandLine, options: str, code: int) -> None:
    """An unknown task or value is an error, never an empty list."""
    assert filled("list", *options.split(), code=code).out == ""
