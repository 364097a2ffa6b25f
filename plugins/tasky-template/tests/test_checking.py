"""What a check finds in a journal that can be read: lines that contradict one another."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest

from tasky import StorageCorruptError, TaskModel
from tasky_template import TemplateTaskRepository, template_factory
from tasky_template.journal import sealed
from tasky_template.records import Entry, Record, encode_line

Write = Callable[..., UUID]


def commit(path: Path, *records: Record) -> None:
    """Append a group of lines, whatever they say."""
    with path.open("ab") as file:
        file.write(sealed([encode_line(record) for record in records]))


def test_history_that_jumps_is_found(
    repository: TemplateTaskRepository, path: Path, three: list[TaskModel]
) -> None:
    """An entry that does not begin where the one before it ended is named, and so is the state at the end."""
    first = three[0]
    (entry,) = repository.history(task_id=first.task_id)
    commit(
        path,
        Record(batch=replace(entry.batch, id=UUID(int=1))),
        Record(entry=Entry(first.task_id, replace(first, revision=4), 5), task=replace(first, revision=5)),
        Record(task=replace(first, revision=9)),
    )
    found = list(template_factory(path).check())
    short = first.task_id.hex[:8]
    assert [problem.message for problem in found] == [
        f"{path}, line 12: task {short} was at revision 4 here, and the entry before left it at revision 1",
        f"{path}: task {short} is at revision 9, and by its history it is at revision 5",
    ]
    assert {problem.task_id for problem in found} == {first.task_id}


def test_task_that_history_has_and_the_store_has_not_is_found(
    repository: TemplateTaskRepository, path: Path, three: list[TaskModel]
) -> None:
    """An entry without the task that it wrote leaves none behind."""
    first = three[0]
    (entry,) = repository.history(task_id=first.task_id)
    commit(
        path,
        Record(batch=replace(entry.batch, id=UUID(int=1))),
        Record(entry=Entry(first.task_id, first, 2)),
    )
    (problem,) = template_factory(path).check()
    assert problem.message.endswith("is not there, and by its history it is at revision 2")


def test_batch_that_comes_twice_is_found(
    repository: TemplateTaskRepository, path: Path, three: list[TaskModel]
) -> None:
    """A batch is written once."""
    (entry,) = repository.history(task_id=three[0].task_id)
    commit(path, Record(batch=entry.batch), Record(entry=Entry(three[0].task_id, three[0], None)))
    (problem,) = template_factory(path).check()
    assert problem.message == f"{path}, line 11: the batch {entry.batch.id} was there before"


def test_entry_of_no_batch_is_damage(
    repository: TemplateTaskRepository, path: Path, three: list[TaskModel]
) -> None:
    """An entry follows the line of its batch; one that does not is named by a check and read by nobody."""
    commit(path, Record(entry=Entry(three[0].task_id, three[0], None)))
    sentence = "line 11: there is no batch that this entry belongs to"
    (problem,) = template_factory(path).check()
    assert sentence in problem.message
    assert problem.task_id == three[0].task_id
    with pytest.raises(StorageCorruptError, match=sentence):
        repository.get_all_tasks()


def test_what_cannot_be_read_contradicts_nothing(
    repository: TemplateTaskRepository, path: Path, three: list[TaskModel], write: Write
) -> None:
    """After a line of an unknown task nobody knows what follows from what: only the line is reported."""
    write(repository, (three[0], replace(three[0], name="uno", revision=2)))
    lines = path.read_bytes().split(b"\n")
    path.write_bytes(b"\n".join([*lines[:2], b'{"entry":', *lines[3:]]))
    found = [problem.message for problem in template_factory(path).check()]
    assert [message.partition(":")[0] for message in found] == [f"{path}, line 3", f"{path}, line 4"]
