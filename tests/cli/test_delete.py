"""``tasky delete``: after asking, and never for good."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.cli.conftest import CommandLine, Process


def test_tasks_are_deleted_and_brought_back(cli: CommandLine) -> None:
    """--yes deletes without asking, and the message tells how to undo it."""
    ids = [cli("add", name).out.strip() for name in ("One", "Two", "Three")]
    result = cli("delete", ids[0], ids[1], "--yes")
    assert result.lines == [f"{ids[0]}\tdeleted\tOne", f"{ids[1]}\tdeleted\tTwo"]
    assert [item["name"] for item in cli("list", "--json").items] == ["Three"]
    assert "brings back what was deleted" in result.err
    batch = result.err.split("--batch ")[1][:8]
    cli("undo", "--batch", batch)
    assert [item["name"] for item in cli("list", "--json").items] == ["One", "Two", "Three"]


def test_nobody_is_asked_where_nobody_can_answer(cli: CommandLine) -> None:
    """Without a terminal and without --yes nothing is deleted, and the error says what to add."""
    first = cli("add", "One").out.strip()
    result = cli("rm", first, code=2)
    assert f"Delete 1 task: {first} One?" in result.err
    assert "--yes" in result.err
    assert len(cli("list").lines) == 1


def test_a_question_about_many_tasks_stays_short(cli: CommandLine) -> None:
    """The question names five tasks and counts the rest."""
    ids = [cli("add", f"Task {number}").out.strip() for number in range(7)]
    result = cli("delete", *ids, code=2)
    assert "Delete 7 tasks: " in result.err
    assert "Task 4 and 2 more?" in result.err


def test_a_dry_run_shows_what_would_be_deleted(cli: CommandLine) -> None:
    """--dry-run asks nothing and deletes nothing."""
    first = cli("add", "One").out.strip()
    result = cli("delete", first, "--dry-run")
    assert (result.lines, result.err) == ([f"{first}\twould be deleted\tOne"], "")
    assert len(cli("list").lines) == 1


def test_a_program_reads_what_was_deleted(cli: CommandLine) -> None:
    """--json prints the task as it was, and nothing else."""
    first = cli("add", "One").out.strip()
    result = cli("delete", first, "--yes", "--json")
    assert (result.items[0]["action"], result.items[0]["before"]["name"], result.err) == (
        "deleted",
        "One",
        "",
    )


def test_all_are_deleted_or_none(cli: CommandLine) -> None:
    """A task that is not there keeps the others from being deleted."""
    first = cli("add", "One").out.strip()
    cli("delete", first, "ffffffff", "--yes", code=3)
    assert len(cli("list").lines) == 1


def test_a_person_is_asked(process: Process) -> None:
    """At a terminal the question names the task; only a yes deletes it."""
    process("init", "--storage", "json://tasks.json")
    first = process("add", "Buy\u202emilk").out.strip()
    screen = process.on_terminal("delete", first, typed="n\n", code=1).out
    assert f"Delete 1 task: {first} Buy\\u202emilk? [y/N]" in screen
    assert "Nothing was done." in screen
    assert len(process("list").lines) == 1
    assert f"{first} deleted: Buy" in process.on_terminal("delete", first, typed="y\n").out
    assert process("list").lines == []
