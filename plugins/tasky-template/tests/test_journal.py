"""What a journal is taken for: whole, cut off by a crash, damaged, or not one at all."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import pytest

from tasky import StorageCorruptError, TaskModel
from tasky_template import TemplateTaskRepository, template_factory
from tasky_template.harness import TemplateHarness
from tasky_template.journal import sealed

Make = Callable[..., TaskModel]
Write = Callable[..., UUID]


def names(repository: TemplateTaskRepository) -> list[str]:
    """The names of the tasks, oldest first."""
    return [task.name for task in repository.find_tasks()]


def opened(path: Path) -> TemplateTaskRepository:
    """A new handle on the store, which is there."""
    repository = template_factory(path)
    repository.initialize(create=False)
    return repository


def messages(path: Path) -> list[str]:
    """What a check finds."""
    return [problem.message for problem in template_factory(path).check()]


def test_batch_that_was_cut_off_anywhere_does_not_count(
    repository: TemplateTaskRepository, path: Path, make_task: Make, write: Write
) -> None:
    """Wherever a crash ends a batch, the store is sound, has what was there before, and goes on."""
    write(repository, (None, make_task("before")))
    start = path.stat().st_size
    write(repository, (None, make_task("torn")), (None, make_task("torn, too", 1)))
    whole = path.read_bytes()
    for end in range(start, len(whole)):
        path.write_bytes(whole[:end])
        assert names(repository) == names(opened(path)) == ["before"]
        assert messages(path) == []
    write(repository, (None, make_task("after", 2)))
    assert names(repository) == names(opened(path)) == ["before", "after"]
    assert b"torn" not in path.read_bytes()
    assert [entry.sequence for entry in repository.history()] == [1, 2]


def test_batch_that_a_power_cut_left_with_a_gap_does_not_count(
    repository: TemplateTaskRepository, path: Path, make_task: Make, write: Write
) -> None:
    """A block that never came to the disk reads as zeros: at the end that is no batch, elsewhere damage."""
    write(repository, (None, make_task("before")))
    start = path.stat().st_size
    write(repository, (None, make_task("torn")))
    whole = bytearray(path.read_bytes())
    whole[start : start + 200] = bytes(200)
    path.write_bytes(whole)
    assert names(opened(path)) == names(repository) == ["before"]
    assert messages(path) == []
    path.write_bytes(whole[: whole.rindex(b"{")])
    assert names(opened(path)) == ["before"]
    path.write_bytes(whole + sealed([]))
    with pytest.raises(StorageCorruptError, match="line 6: the lines before this one"):
        names(opened(path))


def test_changed_line_in_the_middle_is_damage(
    repository: TemplateTaskRepository, path: Path, three: list[TaskModel], write: Write
) -> None:
    """A batch that was changed since is named by its line; nothing is read over it, written or changed."""
    path.write_bytes(path.read_bytes().replace(b'"one"', b'"uno"'))
    before = path.read_bytes()
    for use in (names, lambda each: write(each, (three[1], None)), lambda each: list(each.history())):
        with pytest.raises(StorageCorruptError, match=rf"{re.escape(str(path))}, line 4: ") as caught:
            use(opened(path))
        assert "tasky check" in caught.value.hint
    assert path.read_bytes() == before
    assert messages(path) == [f"{path}, line 4: the lines before this one are not those that it committed"]


def test_last_batch_is_damaged_and_not_cut_off(
    repository: TemplateTaskRepository, path: Path, three: list[TaskModel]
) -> None:
    """A whole batch at the end whose bytes were changed was acknowledged once: it is not passed over."""
    path.write_bytes(path.read_bytes().replace(b'"three"', b'"Three"'))
    with pytest.raises(StorageCorruptError, match="line 10: the lines before this one"):
        names(opened(path))


@pytest.mark.parametrize(
    "text", [b"\n", b"<<<<<<< HEAD\n", b'{"commiT":{"lines":2}}\n', b"a note of mine\n{"]
)
def test_text_of_others_is_not_cut_off(
    repository: TemplateTaskRepository,
    path: Path,
    three: list[TaskModel],
    make_task: Make,
    write: Write,
    text: bytes,
) -> None:
    """What somebody else wrote behind the last batch is no leftover of a crash, and stays."""
    path.write_bytes(path.read_bytes() + text)
    before = path.read_bytes()
    with pytest.raises(StorageCorruptError, match="line 11: what follows the last commit line is no batch"):
        write(repository, (None, make_task("late")))
    assert path.read_bytes() == before
    assert messages(path) == [f"{path}, line 11: what follows the last commit line is no batch"]


def test_check_names_every_damaged_line(
    repository: TemplateTaskRepository, path: Path, three: list[TaskModel]
) -> None:
    """Each unreadable task is a problem of its own with its line and its id, and no other is blamed."""
    for task in three[::2]:
        TemplateHarness().damage_task(path, task.task_id)
    found = list(template_factory(path).check())
    assert [problem.task_id for problem in found] == [three[0].task_id, three[2].task_id]
    for problem, line, task in zip(found, (3, 9), three[::2], strict=True):
        assert problem.message.startswith(
            f"{path}, line {line}: what stands here about task {task.task_id.hex[:8]} cannot be read: "
        )
    with pytest.raises(
        StorageCorruptError, match=f"line 3: .* task {three[0].task_id.hex[:8]} cannot be read"
    ):
        names(opened(path))


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"7", "it is no line of a journal"),
        (b"[]", "it is no line of a journal"),
        (b"{}", "it is no line of a journal"),
        (b'{"title":"x"}', "it is no line of a journal"),
        (b"{" * 100_000, "Expecting property name"),
        (b'{"task":{}}', "'task_id' is missing"),
        (b'{"task":{"task_id":"' + b"-" * 36 + b'"}}', "badly formed"),
        (b'{"entry":{"task_id":7,"before":null,"revision":1}}', "replace"),
        (
            b'{"entry":{"task_id":"%(id)s","before":null,"revision":null}}',
            "no task before it and no revision",
        ),
        (b'{"entry":{"task_id":"%(id)s","before":null,"revision":true}}', "True is no revision"),
        (b'{"entry":{"task_id":"%(id)s","before":%(task)s,"revision":2}}', "the task before has another id"),
        (
            b'{"entry":{"task_id":"%(id)s","before":null,"revision":1},"task":%(task)s}',
            "do not belong together",
        ),
        (b"\xff", "codec can't decode"),
    ],
)
def test_line_that_makes_no_sense_is_damage(
    repository: TemplateTaskRepository, path: Path, three: list[TaskModel], line: bytes, reason: str
) -> None:
    """What was committed and cannot be read as a line of a journal is named, with the reason."""
    task = re.search(rb'"task":({.*})}', path.read_bytes())
    assert task is not None
    line = line.replace(b"%(id)s", b"0" * 8 + b"-0000-4000-8000-" + b"0" * 12).replace(b"%(task)s", task[1])
    path.write_bytes(path.read_bytes() + sealed([line]))
    with pytest.raises(StorageCorruptError, match=f"line 11: what stands here.* cannot be read: .*{reason}"):
        names(opened(path))
    (problem,) = messages(path)
    assert reason in problem
