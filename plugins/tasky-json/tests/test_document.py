"""The document on disk: what it looks like, and what a hand edit, damage or a merge does to it."""

from __future__ import annotations

import difflib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from tasky import (
    ConflictError,
    SchemaTooNewError,
    StorageCorruptError,
    StoreMissingError,
    TaskModel,
)
from tasky_json import JsonTaskRepository, json_factory


def _opened(path: Path) -> JsonTaskRepository:
    repository = json_factory(path)
    repository.initialize(create=False)
    return repository


def _edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def _changed_lines(before: str, after: str) -> list[str]:
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=0)
    return [line for line in lines if line[0] in "+-" and line[:3] not in ("+++", "---")]


def test_document_is_indented_text_with_a_stable_order(
    repository: JsonTaskRepository,
    path: Path,
    make_task: Callable[..., TaskModel],
    write: Callable[..., UUID],
) -> None:
    """The tasks stand in the order of their creation, one field a line, in plain UTF-8."""
    late, early = make_task("später", 5), make_task("früh", 1)
    write(repository, (None, late))
    write(repository, (None, early))
    text = path.read_text(encoding="utf-8")
    document = json.loads(text)
    assert list(document) == ["format", "version", "last_batch", "tasks_crc32", "tasks"]
    assert [task["name"] for task in document["tasks"]] == ["früh", "später"]
    assert '\n      "name": "früh",\n' in text
    assert text.endswith("\n  ]\n}\n")


def test_changing_one_task_changes_only_its_lines_and_the_head(
    repository: JsonTaskRepository, path: Path, three: list[TaskModel], write: Callable[..., UUID]
) -> None:
    """A diff shows the changed fields of the changed task, and the head: nothing else moves."""
    before = path.read_text(encoding="utf-8")
    write(repository, (three[1], replace(three[1], name="zwei", revision=2)))
    lines = _changed_lines(before, path.read_text(encoding="utf-8"))
    fields = {line.split('"')[1] for line in lines}
    assert fields == {"id", "sequence", "history_bytes", "tasks_crc32", "name", "revision"}
    assert len(lines) == 2 * len(fields)


def test_untouched_tasks_keep_the_text_that_a_person_gave_them(
    repository: JsonTaskRepository, path: Path, three: list[TaskModel], write: Callable[..., UUID]
) -> None:
    """A task that was formatted by hand keeps its formatting when another one is written."""
    _edit(path, '"tags": [\n        "a",\n        "b"\n      ]', '"tags": ["a", "b"]')
    write(repository, (three[1], replace(three[1], name="zwei", revision=2)))
    assert path.read_text(encoding="utf-8").count('"tags": ["a", "b"]') == 1
    assert _opened(path).get_task(three[0].task_id) == three[0]


def test_hand_edit_is_read_at_once(
    repository: JsonTaskRepository, path: Path, three: list[TaskModel]
) -> None:
    """What a person writes into the document shows at the next read of an open repository."""
    assert repository.get_task(three[0].task_id) == three[0]
    _edit(path, '"name": "one"', '"name": "ONE"')
    assert repository.get_task(three[0].task_id) == replace(three[0], name="ONE")


def test_hand_edit_that_keeps_size_and_time_is_read(
    repository: JsonTaskRepository, path: Path, three: list[TaskModel]
) -> None:
    """An edit that the file's size and time do not show is noticed all the same."""
    assert repository.get_task(three[0].task_id) == three[0]
    before = path.stat()
    _edit(path, '"name": "one"', '"name": "ONE"')
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert repository.get_task(three[0].task_id) == replace(three[0], name="ONE")


def test_task_added_by_hand_may_leave_out_what_has_a_default(
    repository: JsonTaskRepository, path: Path, three: list[TaskModel], write: Callable[..., UUID]
) -> None:
    """An id, a name and a time make a task; it can be changed like any other, and the store stays healthy."""
    added = '{"task_id": "00000000-0000-4000-8000-000000000001", "name": "by hand",'
    added += ' "created_at": "2026-01-01T00:00:00Z"}'
    _edit(path, '"tasks": [', f'"tasks": [{added},')
    write(repository, (three[0], replace(three[0], name="uno", revision=2)))
    second = _opened(path)
    task = second.get_task(UUID("00000000-0000-4000-8000-000000000001"))
    assert task is not None
    assert (task.name, task.revision) == ("by hand", 1)
    write(second, (task, replace(task, name="by Tasky", revision=2)))
    assert list(second.check()) == []


def test_hand_edit_is_not_overwritten_by_a_stale_change(
    repository: JsonTaskRepository, path: Path, three: list[TaskModel], write: Callable[..., UUID]
) -> None:
    """A change to a task that was read before a person edited it is a conflict."""
    _edit(path, '"name": "one"', '"name": "edited"')
    before = path.read_bytes()
    with pytest.raises(ConflictError, match=f"{three[0].task_id.hex[:8]} was edited by hand at revision 1"):
        write(repository, (three[0], replace(three[0], name="stale", revision=2)))
    assert path.read_bytes() == before
    edited = repository.get_task(three[0].task_id)
    assert edited is not None
    write(repository, (edited, replace(edited, name="fresh", revision=2)))
    assert list(repository.check()) == []


def test_check_reports_a_task_that_was_edited_by_hand(
    repository: JsonTaskRepository, path: Path, three: list[TaskModel]
) -> None:
    """The task has other content than its revision was written with: it is named, and nothing is changed."""
    _edit(path, '"name": "two"', '"name": "edited"')
    before = path.read_bytes()
    problems = list(repository.check())
    assert [problem.task_id for problem in problems] == [three[1].task_id]
    assert "edited by hand" in problems[0].message
    assert path.read_bytes() == before


def test_byte_order_mark_and_windows_line_ends_are_read(
    repository: JsonTaskRepository, path: Path, three: list[TaskModel], write: Callable[..., UUID]
) -> None:
    """What a Windows editor does to the document does no harm, and is gone after the next write."""
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    assert repository.get_all_tasks() == three
    write(repository, (three[0], replace(three[0], name="uno", revision=2)))
    assert b"\r" not in path.read_bytes()
    assert path.read_bytes().startswith(b"{")


# what the person wrote instead of which text, on which line that is, and what the error has to say
DAMAGE = {
    "blank name": ('"name": "one"', '"name": ""', 13, "name: it must not be blank"),
    "unknown field": ('"details": ""', '"detials": ""', 14, "detials: there is no such key"),
    "wrong type": ('"revision": 1', '"revision": "1"', 30, "revision: "),
    "unknown status": ('"status": "pending"', '"status": "open"', 15, "status: a status is"),
    "naive time": ("2026-01-31T09:00:00Z", "2026-01-31T09:00:00", 27, "created_at: a time needs a time zone"),
    "no such day": ("2026-01-31T09:00:00Z", "2026-02-31T09:00:00Z", 27, "created_at: there is no such time"),
    "nested value": (
        '"extra": {}',
        '"extra": {"a": {"b": "\\u0000"}}',
        26,
        "extra.a: text holds neither NUL",
    ),
    "bad tag": ('"a",', '"a b",', 18, "tags.0: a tag has no spaces"),
    "closed but pending": ('"closed_at": null', '"closed_at": "2026-02-01T00:00:00Z"', 29, "closed_at: "),
    "key twice": ('"details": "",', '"details": "",\n      "details": "",', 11, "'details' occurs twice"),
    "not a number": ('"extra": {}', '"extra": {"a": NaN}', 11, "NaN is not a JSON number"),
    "number too long": ('"extra": {}', f'"extra": {{"a": {"9" * 5000}}}', 11, "too many digits"),
    "task is no object": ('"tasks": [', '"tasks": [\n    "a task",', 11, "it has to be a JSON object"),
    "syntax": ('"details": "",', '"details": "" "', 14, "it is not valid JSON at column"),
    "last comma": ('"extra": {}', '"extra": {"a": 1,}', 26, "it is not valid JSON"),
    "missing bracket": ("\n  ]\n}\n", "\n}\n", 74, "it is not valid JSON"),
    "more behind the end": ("\n  ]\n}\n", "\n  ]\n}\n{}\n", 76, "Extra data"),
    "comma at the end": ("\n  ]\n}\n", "\n  ],\n}\n", 75, "another member"),
    "key without quotes": ('"version"', "version", 3, "property name"),
    "nested too deeply": ('"extra": {}', f'"extra": {"[" * 100_000}', 11, "nest too deeply"),
    "other format": ('"tasky-json"', '"other"', 2, "format: a Tasky store says 'tasky-json' here"),
    "no version": ('"version": 1,', '"version": null,', 3, "version: a version is an integer"),
    "unknown head": ('"version": 1,', '"version": 1,\n  "owner": "me",', 4, "owner: there is no such key"),
    "head twice": (
        '"version": 1,',
        '"version": 1,\n  "format": "tasky-json",',
        4,
        "format: the key occurs twice",
    ),
    "head key missing": ('"tasks_crc32"', '"tasks_crc"', 9, "tasks_crc: there is no such key"),
    "head not a number": ('"version": 1,', '"version": NaN,', 3, "version: NaN is not a JSON number"),
    "last batch": ('"sequence": 3', '"sequence": -3', 4, "last_batch.sequence: it is an integer from 1"),
    "last batch id": ('"id": "', '"id": "x', 4, "last_batch.id: a batch is named by a UUID"),
    "last batch keys": ('"sequence": 3,', "", 4, "last_batch: it holds id, sequence and history_bytes"),
    "conflict marker": (
        '      "name": "one"',
        '<<<<<<< HEAD\n      "name": "one"',
        13,
        "a merge conflict here",
    ),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_damage_is_refused_with_line_field_and_rule_and_left_as_it_is(
    repository: JsonTaskRepository,
    path: Path,
    history: Path,
    three: list[TaskModel],
    write: Callable[..., UUID],
    kind: str,
) -> None:
    """A document that a person broke is refused by every call; the message says where; no byte changes."""
    old, new, line, rule = DAMAGE[kind]
    _edit(path, old, new)
    broken, entries = path.read_bytes(), history.read_bytes()
    uses: list[Callable[[], Any]] = [
        lambda: _opened(path),
        lambda: json_factory(path).initialize(),
        repository.count_tasks,
        lambda: write(repository, (three[2], replace(three[2], name="new", revision=2))),
    ]
    for use in uses:
        with pytest.raises(StorageCorruptError) as caught:
            use()
        assert f"{path}, line {line}: " in caught.value.message
        assert rule in caught.value.message
        assert "left as it is" in caught.value.hint
    problems = list(json_factory(path).check())
    assert rule in problems[0].message
    assert (path.read_bytes(), history.read_bytes()) == (broken, entries)


def test_check_names_every_bad_task_and_looks_at_the_others(
    repository: JsonTaskRepository, path: Path, three: list[TaskModel]
) -> None:
    """Two bad tasks and a contradiction are three problems: no fault hides another."""
    _edit(path, '"name": "one"', '"name": ""')
    _edit(path, '"name": "two"', '"name": 2')
    _edit(path, '"name": "three"', '"name": "edited"')
    problems = list(repository.check())
    assert [problem.task_id for problem in problems] == [task.task_id for task in three]


def test_task_that_occurs_twice_is_refused(
    repository: JsonTaskRepository, path: Path, three: list[TaskModel]
) -> None:
    """Two tasks with one id, as a careless merge leaves them, are refused and named."""
    _edit(path, str(three[1].task_id), str(three[0].task_id))
    with pytest.raises(StorageCorruptError, match=f"task_id: the id {three[0].task_id} occurs twice"):
        repository.count_tasks()
    assert any("occurs twice" in problem.message for problem in repository.check())


@pytest.mark.parametrize("missing", ["last_batch", "tasks_crc32", "tasks"])
def test_document_without_a_required_key_is_refused(path: Path, missing: str) -> None:
    """A document has to say everything that its format has."""
    document = {"format": "tasky-json", "version": 1, "last_batch": None, "tasks_crc32": "", "tasks": []}
    del document[missing]
    path.parent.mkdir()
    path.write_text(json.dumps(document))
    with pytest.raises(StorageCorruptError, match=f"line 1: {missing}: it is required"):
        json_factory(path).initialize()


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"hello", b"\xff\xfe", b"SQLite format 3\x00", b"{}", b'{"a": 1}']
)
def test_file_that_is_no_store_is_refused_untouched(path: Path, content: bytes) -> None:
    """A file of another kind is never taken for a store, and never overwritten."""
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(StorageCorruptError, match="line 1"):
        json_factory(path).initialize()
    assert path.read_bytes() == content
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    assert list(json_factory(path).check())


def test_tasks_that_are_no_list_are_refused(path: Path) -> None:
    """The tasks are a list."""
    path.parent.mkdir()
    path.write_text(
        '{"format": "tasky-json", "version": 1, "last_batch": null, "tasks_crc32": "", "tasks": {}}'
    )
    with pytest.raises(StorageCorruptError, match="tasks: it has to be a list"):
        json_factory(path).initialize()


def test_directory_is_no_store(tmp_path: Path) -> None:
    """A location that names a directory says so."""
    with pytest.raises(StorageCorruptError, match="is a directory"):
        json_factory(tmp_path).initialize()


def test_newer_version_is_refused_before_anything_else(path: Path) -> None:
    """A newer Tasky's document is refused by its version, whatever else it holds, and left untouched."""
    path.parent.mkdir()
    content = b'{"format": "tasky-json", "version": 2, "tasks": {"of": "another shape"}, <binary>'
    path.write_bytes(content)
    for create in (True, False):
        with pytest.raises(SchemaTooNewError, match="format version 2, and this tasky-json knows 1"):
            json_factory(path).initialize(create=create)
    assert [problem.message for problem in json_factory(path).check()] == [
        f"{path} has format version 2, and this tasky-json knows 1 at most; nothing was changed"
    ]
    assert path.read_bytes() == content
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_store_that_became_newer_is_refused_while_it_is_open(
    repository: JsonTaskRepository, path: Path, three: list[TaskModel], write: Callable[..., UUID]
) -> None:
    """A store that was upgraded under an open repository is not written in the old format."""
    _edit(path, '"version": 1', '"version": 7')
    before = path.read_bytes()
    with pytest.raises(SchemaTooNewError):
        write(repository, (three[0], None))
    assert path.read_bytes() == before


def test_store_that_is_deleted_while_it_is_open_is_missing(
    repository: JsonTaskRepository, path: Path, three: list[TaskModel], write: Callable[..., UUID]
) -> None:
    """A document that was taken away is an error, not an empty list, and is not made anew."""
    path.unlink()
    with pytest.raises(StoreMissingError, match=str(path)):
        repository.count_tasks()
    with pytest.raises(StoreMissingError):
        write(repository, (three[0], None))
    assert not path.exists()


def test_store_that_tasky_wrote_is_read_without_pydantic(
    repository: JsonTaskRepository, path: Path, three: list[TaskModel]
) -> None:
    """Reading costs the import of neither pydantic nor filelock, unless somebody edited the document."""
    script = (
        "import sys; from pathlib import Path; from tasky_json import json_factory\n"
        "r = json_factory(Path(sys.argv[1])); r.initialize(create=False); print(len(r.get_all_tasks()))\n"
        "print(sorted({'pydantic', 'filelock'} & set(sys.modules)))"
    )
    command = [sys.executable, "-c", script, str(path)]
    clean = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert clean.split("\n")[:2] == ["3", "[]"]
    _edit(path, '"name": "one"', '"name": "edited"')
    edited = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert edited.split("\n")[:2] == ["3", "['pydantic']"]
