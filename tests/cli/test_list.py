"""``tasky list``."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import UUID

import pytest

from tasky import TaskModel, TaskStatus

if TYPE_CHECKING:
    from tests.cli.conftest import CommandLine, Result


def names(result: Result) -> list[str]:
    """The last field of each line."""
    return [line.split("\t")[-1] for line in result.lines]


@pytest.fixture
def stocked(cli: CommandLine) -> CommandLine:
    """Five tasks: two open, one waiting, one completed, one cancelled."""
    cli(
        "add", "open low", "--priority", "low", "--due", "2026-02-10", "-p", "web.login", "-t", "b", "-t", "a"
    )
    cli.clock.advance(hours=1)
    cli("add", "Open high", "--priority", "high", "--due", "2026-02-03", "--assignee", "bob")
    cli.clock.advance(hours=1)
    cli("add", "waiting", "--wait", "+2d")
    done = cli("add", "done").out.strip()
    cancelled = cli("add", "cancelled").out.strip()
    cli("done", done)
    cli("cancel", cancelled)
    return cli


def test_open_tasks_that_do_not_wait_are_listed_oldest_first(stocked: CommandLine) -> None:
    """Without options: what can be seen of the open work, in the order in which it came."""
    assert names(stocked("list")) == ["open low", "Open high"]


def test_a_waiting_task_appears_when_its_time_has_come(stocked: CommandLine) -> None:
    """A task that waits is hidden until then, and listed from that moment on."""
    stocked.clock.advance(days=2)
    assert names(stocked("list")) == ["open low", "Open high", "waiting"]


def test_all_lists_everything(stocked: CommandLine) -> None:
    """--all has closed and waiting tasks, too."""
    assert len(stocked("list", "--all").lines) == 5


def test_a_pipe_gets_lines_of_tabbed_fields(stocked: CommandLine) -> None:
    """Each line is id, status, priority, due, project, tags, assignee, name; '-' where nothing is set."""
    low, high = stocked("list").lines
    assert low.split("\t")[1:] == [
        "pending", "low", "2026-02-10T23:59:59+01:00", "web.login", "a b", "-", "open low",
    ]  # fmt: skip
    assert high.split("\t")[1:] == [
        "pending", "high", "2026-02-03T23:59:59+01:00", "-", "-", "bob", "Open high",
    ]  # fmt: skip


def test_filters_choose_among_the_open_tasks(stocked: CommandLine) -> None:
    """Criteria are combined; naming a status reaches closed tasks."""
    assert names(stocked("list", "--tag", "a", "--project", "web")) == ["open low"]
    assert names(stocked("list", "--overdue")) == ["Open high"]
    assert names(stocked("list", "--status", "completed")) == ["done"]
    assert names(stocked("list", "--all", "--text", "CANCEL")) == ["cancelled"]


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        (["--sort", "name"], ["Open high", "open low"]),
        (["--sort", "due"], ["Open high", "open low"]),
        (["--sort", "priority"], ["open low", "Open high"]),
        (["--sort", "priority", "--reverse"], ["Open high", "open low"]),
        (["-r"], ["Open high", "open low"]),
        (["--limit", "1"], ["open low"]),
        (["-n", "0"], ["open low", "Open high"]),
        (["-n", "2"], ["open low", "Open high"]),
    ],
)
def test_order_and_number_can_be_chosen(stocked: CommandLine, argv: list[str], expected: list[str]) -> None:
    """--sort, --reverse and --limit; 0 is no limit."""
    assert names(stocked("list", *argv)) == expected


def test_a_limit_below_zero_is_refused(cli: CommandLine) -> None:
    """A negative limit means nothing."""
    assert "--limit" in cli("list", "--limit", "-1", code=2).err


def test_an_empty_list_is_no_error(cli: CommandLine) -> None:
    """No task: no line, exit code 0, and an envelope without items."""
    assert cli("list").out == ""
    assert cli("list", "--json").items == []
    assert cli("list", "--jsonl").out == ""


def test_json_is_one_envelope_of_whole_tasks(stocked: CommandLine) -> None:
    """--json has every field of each task and its short id, one task a line."""
    result = stocked("list", "--json")
    assert (result.document["schema"], result.document["kind"]) == ("tasky/1", "tasks")
    assert [item["short_id"] for item in result.items] == [
        line.split("\t")[0] for line in stocked("list").lines
    ]
    assert result.items[0]["due_at"] == "2026-02-10T22:59:59Z"
    assert len(result.lines) == len(result.items) + 2


def test_jsonl_is_a_task_a_line(stocked: CommandLine) -> None:
    """--jsonl has the same documents, one a line, without an envelope."""
    documents = [json.loads(line) for line in stocked("list", "--jsonl").lines]
    assert documents == stocked("list", "--json").items


def test_a_person_gets_the_first_tasks_and_is_told_of_more(cli: CommandLine) -> None:
    """A person gets 50 tasks unless a limit is given, and a note when there are more."""
    for number in range(51):
        cli("add", f"task {number}")
    result = cli("list", "--color", "always")
    assert result.out.count("task ") == 50
    assert "--limit" in result.err
    assert cli("list", "--color", "always", "-n", "51").err == ""
    assert cli("list", "--color", "always", "-n", "0").out.count("task ") == 51
    assert len(cli("list").lines) == 51


def test_many_tasks_are_printed_as_they_come(cli: CommandLine) -> None:
    """More tasks than are held in memory at once are all printed, each with its own id."""
    cli.repository().restore((task(number) for number in range(1200)), ())
    assert len({line.split("\t")[0] for line in cli("list").lines}) == 1200


def test_ids_that_begin_alike_are_shown_longer(cli: CommandLine) -> None:
    """Where 8 hex digits are not unique, as many are shown as are needed, and they name the task."""
    cli.repository().restore([task(1), task(1, tail=0xB << 92), task(2)], ())
    shown = [line.split("\t")[0] for line in cli("list").lines]
    assert shown == ["000000010", "00000001b", "00000002"]
    assert cli("show", shown[1], "--json").items[0]["task_id"] == "00000001-b000-0000-0000-000000000000"


def test_nothing_from_a_store_reaches_a_terminal_raw(cli: CommandLine) -> None:
    """What somebody else put into the store cannot colour, move or reorder what others see."""
    evil = "\x1b[2J\x9b31mRM\u202egnp.exe\nfake\tfield\x07\x7f"
    cli.repository().restore([task(1, name=evil, assignee=evil, tags=(evil,))], ())
    for argv in (
        ["list"], ["list", "--color", "always"], ["list", "--json"], ["list", "--jsonl"], ["next"],
        ["show", "00000001"], ["show", "00000001", "--color", "always"], ["show", "00000001", "--json"],
        ["delete", "00000001", "--dry-run"], ["delete", "00000001", "--dry-run", "--json"],
    ):  # fmt: skip
        out = cli(*argv).out.replace("\x1b[1m", "").replace("\x1b[0m", "").replace("\x1b[36m", "")
        assert "gnp" in out, argv
        assert not {*"\x07\x7f\x9b\u202e"} & {*out}, argv
        assert "\x1b[2J" not in out, argv
        assert "\nfake" not in out, argv
    assert len(cli("list").lines) == 1
    assert len(cli("list").lines[0].split("\t")) == 8
    assert cli("list", "--json").items[0]["name"] == evil


def task(
    number: int,
    *,
    tail: int = 0,
    name: str = "a task",
    assignee: str | None = None,
    tags: tuple[str, ...] = (),
) -> TaskModel:
    """A task as a store may hold it, whatever its name; its id begins with the number's 8 hex digits."""
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    task_id = UUID(int=(number << 96) + tail)
    return TaskModel.unchecked(
        task_id, name, name, TaskStatus.PENDING, None, None, tags, assignee, None, None, (), {},
        moment, moment, None, 1,
    )  # fmt: skip
