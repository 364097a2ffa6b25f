"""What is salvaged of a damaged document: every task but those that the damage stands in."""

from __future__ import annotations

from pathlib import Path

import pytest

from tasky import Problem, StoreMissingError, TaskChange, TaskModel
from tasky.testing.samples import write
from tasky_json import JsonTaskRepository


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"name": "two"', '"name": ""', "name"),
        ('"name": "two"', '"name": "two', "not valid JSON"),
        ('"name": "two"', '"name": "\udcff"', "not UTF-8"),
        ('      "name": "two"', '"name": two', "not valid JSON"),
        ('      "name": "two"', '<<<<<<< ours\n      "name": "two"', "merge conflict"),
        ('"name": "two"', '"name": "two",\n      "name": "two"', "twice"),
    ],
)
def test_a_damaged_task_costs_no_other(
    path: Path, three: list[TaskModel], old: str, new: str, said: str
) -> None:
    """Whatever is wrong in one task, the others are saved as they were, and the lost one is named."""
    content = path.read_text("utf-8").replace(old, new).encode(errors="surrogateescape")
    path.write_bytes(content)
    tasks, problems = _salvage(path)
    assert tasks == [three[0], three[2]]
    assert {problem.task_id for problem in problems} - {None} <= {three[1].task_id}
    assert any(said in problem.message for problem in problems), problems
    assert path.read_bytes() == content


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"format": "tasky-json"', '"format": "another"'),
        ('"version": 1', '"version": 2'),
        ('"tasks": [', '"tasks" ['),
        ('"tasks": [\n', '"tasks": [\r\n'),
    ],
)
def test_a_damaged_head_costs_no_task(path: Path, three: list[TaskModel], old: str, new: str) -> None:
    """A head that cannot be read is a problem, and every task is saved."""
    path.write_bytes(path.read_bytes().replace(old.encode(), new.encode()))
    tasks, problems = _salvage(path)
    assert tasks == three
    assert all(problem.task_id is None for problem in problems)


def test_what_the_cut_left_is_saved(path: Path, three: list[TaskModel]) -> None:
    """Of a document that ends too soon everything before the cut is saved, and what was begun is named."""
    content = path.read_text()
    path.write_text(content[: content.index('"three"') + 20])
    tasks, problems = _salvage(path)
    assert tasks == three[:2]
    assert problems[-1].task_id == three[2].task_id
    assert any("was cut: more tasks may be lost" in problem.message for problem in problems)


def test_a_task_that_only_the_history_names_is_lost(path: Path, three: list[TaskModel]) -> None:
    """What the cut took whole is named by the history, and what was deleted before is not."""
    with JsonTaskRepository(path) as repository:
        repository.initialize(create=False)
        write(repository, TaskChange(three[0], None))
    content = path.read_text()
    path.write_text(content[: content.index('"two"') - 60])
    tasks, problems = _salvage(path)
    assert tasks == []
    assert {problem.task_id for problem in problems} - {None} == {three[1].task_id, three[2].task_id}


def test_a_history_that_cannot_be_read_costs_no_task(path: Path, three: list[TaskModel]) -> None:
    """A history that is none is a problem of its own."""
    content = path.read_text()
    path.write_text(content[: content.index('"three"') + 20])
    history = path.with_name("tasks.history.jsonl")
    history.unlink()
    history.mkdir()
    tasks, problems = _salvage(path)
    assert (tasks, "history" in problems[-1].message) == (three[:2], True)


def test_a_task_that_is_there_twice_is_saved_once(path: Path, three: list[TaskModel]) -> None:
    """An id occurs once in what is saved, also where the document is damaged besides."""
    old, new = str(three[2].task_id), str(three[0].task_id)
    content = path.read_text().replace(old, new)
    for text in (content, content.replace('"tasks": [', '"tasks" [')):
        path.write_text(text)
        tasks, problems = _salvage(path)
        assert tasks == three[:2]
        twice = next(problem for problem in problems if "twice" in problem.message)
        assert twice.task_id is None


def test_a_sound_document_is_saved_whole(path: Path, three: list[TaskModel]) -> None:
    """There is nothing to name in a sound document; a missing one is an error."""
    assert _salvage(path) == (three, [])
    path.unlink()
    with pytest.raises(StoreMissingError):
        _salvage(path)


def _salvage(path: Path) -> tuple[list[TaskModel], list[Problem]]:
    results = list(JsonTaskRepository(path).salvage())
    tasks = [result for result in results if isinstance(result, TaskModel)]
    return tasks, [result for result in results if isinstance(result, Problem)]
