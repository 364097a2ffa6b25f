"""``tasky add``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasky import TaskPriority
from tasky.codec import encode_task

if TYPE_CHECKING:
    from tests.cli.conftest import CommandLine


def test_a_name_is_enough_and_a_pipe_gets_the_id_alone(cli: CommandLine) -> None:
    """`id=$(tasky add "Buy milk")` works: stdout has the short id and nothing else."""
    result = cli("add", "Buy milk")
    assert (result.out, result.err) == ("00000001\n", "")
    (task,) = cli.repository().find_tasks()
    assert task.name == "Buy milk"
    assert task.created_at == cli.clock.now


def test_several_words_need_no_quotes(cli: CommandLine) -> None:
    """The words of the name are joined with spaces; after -- they may begin with a dash."""
    cli("add", "Buy", "milk", "--tag", "home")
    cli("add", "--", "-v", "is", "quiet")
    assert [task.name for task in cli.repository().find_tasks()] == ["Buy milk", "-v is quiet"]


def test_every_field_can_be_given(cli: CommandLine) -> None:
    """The options reach the stored task; dates are read in local time and echoed on stderr."""
    first = cli("add", "First").out.strip()
    result = cli(
        *("add", "Second", "--details", "with care", "--priority", "high", "-p", "web.login"),
        *("-t", "b", "-t", "a", "--assignee", "bob", "--due", "2026-03-01", "--wait", "2026-02-20T08:00"),
        *("--depends-on", first, "--extra", "points=3"),
    )
    assert "due: Sun 2026-03-01 23:59:59+01:00" in result.err
    task = list(cli.repository().find_tasks())[1]
    assert encode_task(task) | {"task_id": ""} == {
        "task_id": "",
        "name": "Second",
        "details": "with care",
        "status": "pending",
        "priority": "high",
        "project_id": "web.login",
        "tags": ["a", "b"],
        "assignee": "bob",
        "due_at": "2026-03-01T22:59:59Z",
        "wait_until": "2026-02-20T07:00:00Z",
        "depends_on": ["00000001-0000-4000-8000-000000000000"],
        "extra": {"points": 3},
        "created_at": "2026-02-04T09:00:00Z",
        "updated_at": "2026-02-04T09:00:00Z",
        "closed_at": None,
        "revision": 1,
    }
    assert task.priority is TaskPriority.HIGH


def test_json_has_the_task_and_the_batch_that_undoes_it(cli: CommandLine) -> None:
    """With --json there is one change, the task after it, and the batch's id."""
    document = cli("add", "Buy milk", "--json").document
    assert (document["schema"], document["kind"], document["dry_run"]) == ("tasky/1", "changes", False)
    (change,) = document["items"]
    assert (change["action"], change["short_id"], change["before"]) == ("created", "00000001", None)
    assert change["after"]["name"] == "Buy milk"
    (entry,) = cli.repository().history()
    assert document["batch"] == str(entry.batch.id)


def test_a_dry_run_shows_the_task_and_adds_nothing(cli: CommandLine) -> None:
    """--dry-run says what would be added, in text and JSON, and the store stays empty."""
    assert cli("add", "Buy milk", "--dry-run").out == "00000001\twould be added\tBuy milk\n"
    document = cli("add", "Buy milk", "--dry-run", "--json").document
    assert (document["dry_run"], document["batch"]) == (True, None)
    assert not list(cli.repository().find_tasks())


def test_a_person_sees_the_name_too(cli: CommandLine) -> None:
    """In the layout for people the line has id and name."""
    assert cli("add", "Buy milk", "--color", "always").out == "00000001 added: Buy milk\n"


def test_a_name_that_breaks_a_rule_is_refused(cli: CommandLine) -> None:
    """A name of two lines is an error that says so, and nothing is added."""
    result = cli("add", "two\nlines", code=2)
    assert "one line" in result.err
    assert not list(cli.repository().find_tasks())
