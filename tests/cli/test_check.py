"""``tasky check``: every problem, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.cli.conftest import CommandLine


def test_a_healthy_store_has_no_problem(cli: CommandLine) -> None:
    """Nothing is printed but the good news."""
    cli("add", "One")
    result = cli("check")
    assert (result.out, result.err) == ("", "No problem found.\n")
    result = cli("check", "--json")
    assert (result.document["kind"], result.items, result.err) == ("problems", [], "")


def test_every_problem_is_printed(cli: CommandLine) -> None:
    """A damaged store ends with exit code 7, and each problem names its task."""
    cli("add", "One")
    (store,) = cli.stores.values()
    assert store.state is not None
    (task,) = store.state.tasks.values()
    store.state = replace(store.state, tasks={task.task_id: replace(task, revision=7)})
    result = cli("check", code=7)
    (line,) = result.lines
    assert line.startswith(f"{task.task_id}\t")
    assert result.err == "1 problem found; nothing was changed.\n"
    result = cli("check", "--json", code=7)
    assert (result.items[0]["task_id"], result.err) == (str(task.task_id), "")


def test_an_absent_store_is_an_error(cli: CommandLine) -> None:
    """Where there is no store, there is nothing to check."""
    cli.stores.clear()
    assert cli("check", code=7).out == ""
