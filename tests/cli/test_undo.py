"""``tasky undo``: taking changes back, and taking that back."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

import pytest

from tasky import TaskChange
from tasky.testing.samples import make_batch, make_task

if TYPE_CHECKING:
    from tests.cli.conftest import CommandLine


def names(cli: CommandLine) -> list[str]:
    return [item["name"] for item in cli("list", "--all", "--json").items]


def test_each_kind_of_change_is_taken_back(cli: CommandLine) -> None:
    """A deletion is brought back, an update restored, an addition deleted: the newest first."""
    first = cli("add", "One").out.strip()
    cli("update", first, "--name", "New")
    cli("delete", first, "--yes")
    assert cli("undo").lines == [f"{first}\tbrought back\tNew"]
    assert cli("undo").lines == [f"{first}\trestored\tOne"]
    result = cli("undo")
    assert result.lines == [f"{first}\tdeleted\tOne"]
    assert result.err.startswith("This undo is batch ")
    assert "nothing left to undo" in cli("undo", code=4).err


def test_a_dry_run_takes_nothing_back(cli: CommandLine) -> None:
    """--dry-run shows what undo would do."""
    first = cli("add", "One").out.strip()
    result = cli("undo", "--dry-run")
    assert (result.lines, result.err) == ([f"{first}\twould be deleted\tOne"], "")
    assert names(cli) == ["One"]


def test_any_batch_is_taken_back_by_the_beginning_of_its_id(cli: CommandLine) -> None:
    """log shows the batches; any of them can be undone, also another person's, and an undo."""
    first = cli("add", "One").out.strip()
    cli("add", "Two")
    batch = cli("log", first, "--json").items[0]["batch"]["id"]
    cli("undo", "--batch", batch[:8].upper())
    assert names(cli) == ["Two"]
    undo = cli("log", "--limit", "1", "--json").items[0]["batch"]
    assert undo["undoes"] == batch
    cli("undo", "--batch", undo["id"])
    assert names(cli) == ["One", "Two"]


def test_a_program_reads_what_was_taken_back(cli: CommandLine) -> None:
    """--json prints the changes and the batch that made them."""
    cli("add", "One")
    result = cli("undo", "--json")
    assert (result.items[0]["action"], result.err) == ("deleted", "")
    assert str(UUID(result.document["batch"])) == result.document["batch"]


def test_what_has_changed_since_is_not_taken_back(cli: CommandLine) -> None:
    """A batch whose task has moved on is refused, naming the task."""
    first = cli("add", "One").out.strip()
    batch = cli("log", first, "--json").items[0]["batch"]["id"]
    cli("done", first)
    assert f"task {first} has changed since" in cli("undo", "--batch", batch[:8], code=4).err


@pytest.mark.parametrize(
    ("reference", "code", "reason"),
    [
        ("xyz", 2, "is no batch id"),
        ("123", 2, "use 4 or more"),
        ("ffffffff", 4, "the history holds no batch ffffffff"),
        ("ffffffff-0000-4000-8000-000000000000", 4, "the history holds no batch ffffffff-"),
    ],
)
def test_an_unknown_batch_is_an_error(cli: CommandLine, reference: str, code: int, reason: str) -> None:
    """What names no batch is refused with the reason."""
    cli("add", "One")
    assert reason in cli("undo", "--batch", reference, code=code).err


def test_an_ambiguous_batch_is_an_error(cli: CommandLine) -> None:
    """Two batches that begin with the same digits have to be told apart."""
    with cli.repository() as repository:
        for number in (1, 2):
            batch = make_batch(id=UUID(f"aaaaaaaa-000{number}-4000-8000-000000000000"))
            repository.apply(batch, [TaskChange(None, make_task(f"Task {number}"))])
    assert "is the beginning of several batch ids" in cli("undo", "--batch", "aaaaaaaa", code=4).err
