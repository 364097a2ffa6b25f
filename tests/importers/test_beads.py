"""Issues of beads become tasks, and nothing of them is lost."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from tasky.codec import encode_task
from tasky.documents import parse_task
from tasky.errors import InvalidDocumentError
from tasky.importers.beads import issue_task_id, read_beads
from tasky.model import TaskModel, TaskPriority, TaskStatus

REAL = Path(__file__).parents[1] / "data" / "beads-issues.jsonl"
SMALLEST: dict[str, Any] = {
    "id": "bd-1",
    "title": "Fix it",
    "status": "open",
    "created_at": "2026-01-31T09:00:00Z",
}


def read(**change: Any) -> TaskModel:
    line = json.dumps({**SMALLEST, **change}).encode()
    (task,) = read_beads([line], source="issues.jsonl")
    return task


def rebuild(task: TaskModel) -> dict[str, Any]:
    """The issue that the task was made from: what ``extra`` kept comes before the task's own fields."""
    kept = task.extra["beads"]
    assert isinstance(kept, dict)
    own = {
        "title": task.name,
        "description": task.details,
        "assignee": task.assignee,
        "labels": list(task.tags),
    }
    return {**{key: value for key, value in own.items() if value}, **kept}


@pytest.fixture(scope="module")
def real() -> list[TaskModel]:
    with REAL.open("rb") as lines:
        return list(read_beads(lines, source=REAL.name))


def test_every_issue_of_a_real_tracker_can_be_rebuilt_from_its_task(real: list[TaskModel]) -> None:
    """Of 704 issues of the beads project itself, every key and value is still there."""
    originals = [json.loads(line) for line in REAL.read_bytes().splitlines()]
    assert len(real) == 704
    assert [rebuild(task) for task in real] == originals


def test_the_tasks_of_a_real_tracker_mean_what_its_issues_meant(real: list[TaskModel]) -> None:
    """What is closed is completed, what is urgent is high, and 'blocks' alone makes a dependency."""
    assert Counter(task.status for task in real) == {TaskStatus.COMPLETED: 403, TaskStatus.PENDING: 301}
    assert Counter(task.priority for task in real) == {
        TaskPriority.MEDIUM: 619,
        TaskPriority.HIGH: 59,
        TaskPriority.LOW: 26,
    }
    assert sum(len(task.depends_on) for task in real) == 377
    assert len({task.task_id for task in real}) == 704


def test_the_tasks_of_a_real_tracker_are_valid_documents(real: list[TaskModel]) -> None:
    """Imported tasks can be exported and read again, unchanged."""
    assert [parse_task(json.dumps(encode_task(task)), source="x") for task in real] == real


def test_the_dependencies_of_a_real_tracker_have_no_cycle(real: list[TaskModel]) -> None:
    """The file can be imported as a whole: each task can be done after those that it depends on."""
    known = {task.task_id for task in real}
    waiting = {task.task_id: known.intersection(task.depends_on) for task in real}
    while free := {task_id for task_id, needed in waiting.items() if not needed}:
        waiting = {task_id: needed - free for task_id, needed in waiting.items() if task_id not in free}
    assert waiting == {}


def test_an_issue_has_the_same_id_for_ever() -> None:
    """Importing a file again finds the tasks of the first time."""
    assert read().task_id == issue_task_id("bd-1") == UUID("b2d9c1c0-ddf1-59b3-93cd-c271f0a15888")


def test_little_is_required() -> None:
    """Id, title, status and creation time make an issue."""
    task = read()
    created = datetime(2026, 1, 31, 9, tzinfo=UTC)
    assert (task.name, task.details, task.status, task.priority) == ("Fix it", "", TaskStatus.PENDING, None)
    assert task.created_at == task.updated_at == created
    assert (task.revision, task.closed_at, task.tags, task.assignee) == (1, None, (), None)


@pytest.mark.parametrize("status", ["open", "in_progress", "blocked", "hooked", "pinned", "of their own"])
def test_what_is_not_closed_is_pending_and_keeps_its_status(status: str) -> None:
    """A status that Tasky does not have stays with the task."""
    task = read(status=status, closed_at="2026-02-01T00:00:00Z")
    assert (task.status, task.closed_at) == (TaskStatus.PENDING, None)
    assert rebuild(task)["status"] == status


@pytest.mark.parametrize(
    ("status", "times", "day"),
    [
        ("closed", {"closed_at": "2026-02-01T00:00:00Z", "updated_at": "2026-02-03T00:00:00Z"}, 1),
        ("closed", {"updated_at": "2026-02-03T00:00:00Z"}, 3),
        ("closed", {"closed_at": None, "updated_at": "2026-02-03T00:00:00Z"}, 3),
        ("tombstone", {"deleted_at": "2026-02-02T00:00:00Z", "closed_at": "2026-02-01T00:00:00Z"}, 2),
        ("tombstone", {"closed_at": "2026-02-01T00:00:00Z"}, 1),
        ("tombstone", {"updated_at": "2026-02-03T00:00:00Z"}, 3),
    ],
)
def test_a_closed_issue_is_completed_and_a_deleted_one_cancelled(
    status: str, times: dict[str, Any], day: int
) -> None:
    """The closing time is the issue's own, or else the last time that it was touched."""
    task = read(status=status, **times)
    assert task.status is {"closed": TaskStatus.COMPLETED, "tombstone": TaskStatus.CANCELLED}[status]
    assert task.closed_at == datetime(2026, 2, day, tzinfo=UTC)


def test_times_become_utc_to_the_microsecond() -> None:
    """Offsets and nanoseconds, as beads writes them, keep their moment; the text stays with the task."""
    written = "2026-01-31T01:00:00.123456789-08:00"
    task = read(updated_at=written, due_at="2026-03-01T00:00:00Z", defer_until="2026-02-01T00:00:00Z")
    assert task.updated_at == datetime(2026, 1, 31, 9, 0, 0, 123456, tzinfo=UTC)
    assert task.due_at == datetime(2026, 3, 1, tzinfo=UTC)
    assert task.wait_until == datetime(2026, 2, 1, tzinfo=UTC)
    assert rebuild(task)["updated_at"] == written


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("two\nlines\tof it ", "two lines of it"),
        ("x" * 501, "x" * 499 + "…"),
        ("\n" + "x" * 500, "x" * 500),
        (" \n ", "bd-1"),
        ("", "bd-1"),
        (" as it is ", " as it is "),
    ],
)
def test_a_title_that_is_no_name_is_shortened_and_kept(title: str, name: str) -> None:
    """A name is one line of 500 characters; the whole title stays with the task."""
    task = read(title=title)
    assert task.name == name
    assert rebuild(task) == {**SMALLEST, "title": title}


@pytest.mark.parametrize(
    ("change", "tags", "assignee"),
    [
        ({"labels": ["b", "a"], "assignee": "ann"}, ("a", "b"), "ann"),
        ({"labels": ["a", "two words", "a", ""], "assignee": "x" * 201}, ("a",), None),
        ({"labels": [], "assignee": ""}, (), None),
        ({"labels": None, "assignee": None, "description": None, "dependencies": None}, (), None),
        ({"description": "", "priority": None, "dependencies": []}, (), None),
        ({"description": "é" * (1 << 20)}, (), None),
        ({"sender": "mayor", "metadata": {"a": [1, 2.5, None]}, "updated_at": None}, (), None),
    ],
)
def test_what_a_task_cannot_hold_is_kept(
    change: dict[str, Any], tags: tuple[str, ...], assignee: str | None
) -> None:
    """Labels, people, texts and keys of any kind come back as they were."""
    task = read(**change)
    assert (task.tags, task.assignee) == (tags, assignee)
    assert rebuild(task) == {**SMALLEST, **change}


def test_only_what_blocks_is_a_dependency() -> None:
    """Other links between issues, the metadata of all, and a link to itself stay with the task alone."""
    links = [
        {"issue_id": "bd-1", "depends_on_id": "bd-2", "type": "blocks", "metadata": "{}"},
        {"issue_id": "bd-1", "depends_on_id": "bd-2", "type": "blocks"},
        {"issue_id": "bd-1", "depends_on_id": "bd-1", "type": "blocks"},
        {"issue_id": "bd-1", "depends_on_id": "bd-3", "type": "parent-child"},
        {"issue_id": "bd-1", "depends_on_id": "bd-4"},
    ]
    task = read(dependencies=links)
    assert task.depends_on == (issue_task_id("bd-2"),)
    assert rebuild(task)["dependencies"] == links


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"id": ""}, "id: it must not be blank"),
        ({"id": None}, "id: it has to be text"),
        ({"title": 5}, "title: it has to be text"),
        ({"status": None}, "status: it has to be text"),
        ({"priority": 5}, "priority: a priority of beads is an integer from 0 to 4"),
        ({"priority": True}, "priority: a priority of beads is an integer from 0 to 4"),
        ({"created_at": "2026-01-31T09:00:00"}, "created_at: a time needs a time zone"),
        ({"closed_at": "yesterday"}, "closed_at: a time is written as in RFC 3339"),
        ({"labels": "a"}, "labels: it has to be a list"),
        ({"labels": ["a", 1]}, "labels.1: it has to be text"),
        ({"dependencies": {}}, "dependencies: it has to be a list"),
        ({"dependencies": ["bd-2"]}, "dependencies.0: it has to be a JSON object"),
        ({"dependencies": [{"type": "blocks"}]}, "dependencies.0.depends_on_id: it is required"),
        ({"notes": "a\x00b"}, "notes: text holds neither NUL nor lone surrogates"),
        ({"title": "\ud800"}, "title: text holds neither NUL nor lone surrogates"),
    ],
)
def test_a_line_that_is_not_an_issue_is_named(change: dict[str, Any], message: str) -> None:
    """The error says which line, which key and what is wrong, after the tasks of the lines before it."""
    lines = [json.dumps(SMALLEST).encode(), b"\n", json.dumps({**SMALLEST, **change}).encode()]
    tasks = read_beads(lines, source="issues.jsonl")
    assert next(tasks).name == "Fix it"
    with pytest.raises(InvalidDocumentError) as caught:
        next(tasks)
    assert str(caught.value).startswith(f"issues.jsonl, line 3: {message}")


def test_a_file_is_read_as_its_tasks_are_asked_for() -> None:
    """A file larger than memory can be imported."""

    def lines() -> Iterator[bytes]:
        yield json.dumps(SMALLEST).encode()
        raise AssertionError("nobody asked for the second line")

    assert next(read_beads(lines(), source="x")).name == "Fix it"
