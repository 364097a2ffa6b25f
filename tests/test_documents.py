"""What people and other programs write is read strictly, and a refusal says where and why."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, strategies as st

from tasky.codec import encode_task
from tasky.documents import (
    TaskDocument,
    parse_task,
    read_envelope,
    read_tasks,
    task_json_schema,
)
from tasky.errors import InvalidDocumentError
from tasky.model import TaskModel, TaskPriority, TaskStatus

ID = "6f1c4f0e-3a83-4c5c-9a51-0d6f3b1c2a01"
OTHER = "6f1c4f0e-3a83-4c5c-9a51-0d6f3b1c2a02"
SMALLEST: dict[str, Any] = {"task_id": ID, "name": "Buy milk", "created_at": "2026-01-31T09:00:00Z"}
FULL = TaskModel(
    task_id=UUID(ID),
    name="Ship it",
    details="two\nlines",
    status=TaskStatus.COMPLETED,
    priority=TaskPriority.HIGH,
    project_id="web.login",
    tags=("a", "b"),
    assignee="ann",
    due_at=datetime(2026, 2, 1, tzinfo=UTC),
    wait_until=datetime(2026, 1, 1, 1, 2, 3, 456789, tzinfo=UTC),
    depends_on=(UUID(OTHER),),
    extra={"points": 3, "nested": {"list": [1.5, None, True, "x"]}},
    created_at=datetime(2025, 12, 31, tzinfo=UTC),
    updated_at=datetime(2026, 1, 2, tzinfo=UTC),
    closed_at=datetime(2026, 1, 2, tzinfo=UTC),
    revision=7,
)


def refused(document: str | bytes | dict[str, Any], **where: Any) -> InvalidDocumentError:
    with pytest.raises(InvalidDocumentError) as caught:
        parse_task(document, **{"source": "tasks.jsonl", "line": 3, **where})
    return caught.value


def test_what_tasky_writes_is_read_back_unchanged() -> None:
    """Every field of an exported task survives the way out and back."""
    assert parse_task(json.dumps(encode_task(FULL)), source="x") == FULL


def test_three_keys_are_enough() -> None:
    """Id, name and creation time make a task; the rest takes its default."""
    task = parse_task(SMALLEST, source="x")
    created = datetime(2026, 1, 31, 9, tzinfo=UTC)
    assert task == TaskModel(task_id=UUID(ID), name="Buy milk", created_at=created, updated_at=created)


def test_a_closed_task_without_a_closing_time_closed_when_it_was_last_updated() -> None:
    """A completed task may leave out when it was closed."""
    document = {**SMALLEST, "status": "completed", "updated_at": "2026-02-01T00:00:00Z"}
    assert parse_task(document, source="x").closed_at == datetime(2026, 2, 1, tzinfo=UTC)


def test_other_time_zones_become_utc() -> None:
    """A time with an offset means the same moment in UTC."""
    task = parse_task({**SMALLEST, "due_at": "2026-01-31T10:30:00.5+01:30"}, source="x")
    assert task.due_at == datetime(2026, 1, 31, 9, 0, 0, 500000, tzinfo=UTC)
    assert task.due_at.tzinfo is UTC


def test_tags_and_dependencies_are_sorted_and_hold_nothing_twice() -> None:
    """The order and repetition of tags and dependencies in a file mean nothing."""
    document = {**SMALLEST, "tags": ["b", "a", "b"], "depends_on": [OTHER.upper(), OTHER]}
    task = parse_task(document, source="x")
    assert (task.tags, task.depends_on) == (("a", "b"), (UUID(OTHER),))


@pytest.mark.parametrize(
    ("change", "field", "rule"),
    [
        ({"task_id": "6f1c4f0e"}, "task_id", "an id is a UUID"),
        ({"task_id": f"{{{ID}}}"}, "task_id", "an id is a UUID"),
        ({"task_id": 1}, "task_id", "an id is a UUID"),
        ({"name": " "}, "name", "it must not be blank"),
        ({"name": 5}, "name", "it has to be text"),
        ({"name": "a\nb"}, "name", "it is one line without control characters"),
        ({"name": "x" * 501}, "name", "it has at most 500 characters"),
        ({"name": "\ud800"}, "name", "it is one line without control characters"),
        ({"details": "\ud800"}, "details", "text holds neither NUL nor lone surrogates"),
        ({"details": None}, "details", "it has to be text"),
        ({"status": "done"}, "status", "a status is pending, completed or cancelled"),
        ({"status": 1}, "status", "a status is pending, completed or cancelled"),
        ({"priority": "HIGH"}, "priority", "a priority is low, medium or high, or not set"),
        ({"priority": 3}, "priority", "a priority is low, medium or high, or not set"),
        ({"tags": "a"}, "tags", "it has to be a list"),
        ({"tags": {"a": 1}}, "tags", "it has to be a list"),
        ({"tags": ["ok", "not ok"]}, "tags.1", "a tag has no spaces in it"),
        ({"tags": ["ok", 7]}, "tags.1", "it has to be text"),
        ({"assignee": ""}, "assignee", "it must not be blank"),
        ({"due_at": "2026-01-31T09:00:00"}, "due_at", "a time needs a time zone"),
        ({"due_at": "0001-01-01T00:00:00+01:00"}, "due_at", "a time lies in the years 1 to 9999, in UTC"),
        ({"due_at": "2026-02-30T09:00:00Z"}, "due_at", "there is no such time"),
        ({"wait_until": "tomorrow"}, "wait_until", "a time is written as in RFC 3339: 2026-01-31T09:00:00Z"),
        ({"wait_until": 0}, "wait_until", "a time is written as in RFC 3339: 2026-01-31T09:00:00Z"),
        ({"updated_at": None}, "updated_at", "a time is written as in RFC 3339: 2026-01-31T09:00:00Z"),
        ({"depends_on": [OTHER, "x"]}, "depends_on.1", "a dependency is named by a UUID"),
        ({"depends_on": None}, "depends_on", "it has to be a list"),
        ({"depends_on": [ID]}, "depends_on", "a task cannot depend on itself"),
        ({"extra": []}, "extra", "extra is a mapping of names to JSON values"),
        ({"extra": {"a": "\x00"}}, "extra.a", "text holds neither NUL nor lone surrogates"),
        ({"extra": {"\x1b[31m": "\x00"}}, r"extra.\x1b[31m", "text holds neither NUL nor lone surrogates"),
        ({"extra": {"a": float("inf")}}, "extra.a", "a number is finite"),
        ({"revision": 0}, "revision", "a revision is an integer from 1 to 2**63 - 1"),
        ({"revision": True}, "revision", "a revision is an integer from 1 to 2**63 - 1"),
        ({"status": "completed", "closed_at": None}, "closed_at", "a pending task has no closing time"),
        ({"closed_at": "2026-01-31T09:00:00Z"}, "closed_at", "a pending task has no closing time"),
        ({"\ud800": 1}, "", "it has a key that is not valid Unicode (a lone surrogate)"),
    ],
)
def test_a_value_that_breaks_a_rule_is_refused(change: dict[str, Any], field: str, rule: str) -> None:
    """The refusal names the line, the field and the rule, in Tasky's own words."""
    error = refused({**SMALLEST, **change})
    assert (error.source, error.line, error.field) == ("tasks.jsonl", 3, field)
    assert error.rule.startswith(rule)
    assert str(error).startswith("tasks.jsonl, line 3: " + (f"{field}: " if field else "") + rule)


def test_a_bad_status_is_reported_itself_and_not_the_closing_time_that_depends_on_it() -> None:
    """One mistake is one report, at the place where it was made."""
    assert refused({**SMALLEST, "status": "done", "closed_at": None}).field == "status"


@pytest.mark.parametrize("key", ["task_id", "name", "created_at"])
def test_a_required_key_that_is_left_out_is_named(key: str) -> None:
    """A task without id, name or creation time is refused."""
    error = refused({name: value for name, value in SMALLEST.items() if name != key})
    assert (error.field, error.rule) == (key, "it is required")


def test_a_misspelt_key_is_refused_with_the_nearest_name() -> None:
    """A misspelt key is reported as such, not as another key that is missing."""
    error = refused({"task_id": ID, "nmae": "x", "created_at": SMALLEST["created_at"]})
    assert (error.field, error.rule, error.hint) == ("nmae", "there is no such key", "Did you mean 'name'?")


def test_an_unknown_key_that_resembles_none_lists_those_that_there_are() -> None:
    """A key that means nothing is answered with the keys that do."""
    assert "task_id, name, details" in refused({**SMALLEST, "zzzz": 1}).hint


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ('{"name": "a", "name": "b"}', "the key 'name' occurs twice in one object"),
        ('{"extra": {"a": 1, "b": 2, "a": 1}}', "the key 'a' occurs twice in one object"),
        ('{"extra": {"a": NaN}}', "NaN is not a JSON number"),
        ('{"extra": {"a": -Infinity}}', "-Infinity is not a JSON number"),
        ('{"name": "a"', "it is not valid JSON at column 13: Expecting ',' delimiter"),
        ('["a"]', "it has to be a JSON object"),
        ("null", "it has to be a JSON object"),
        ("[" * 100_000, "its values nest too deeply"),
        ('{"revision": ' + "1" * 5000 + "}", "it holds an integer of too many digits"),
        (b'{"name": "\xff"}', "it is not UTF-8 text (byte 11)"),
    ],
)
def test_text_that_is_not_one_plain_json_object_is_refused(text: str | bytes, rule: str) -> None:
    """What two programs could read differently is read by none."""
    assert refused(text).rule == rule


def test_a_file_in_utf_16_is_told_to_be_saved_as_utf_8() -> None:
    """The likely cause of undecodable text is named."""
    assert refused("{}".encode("utf-16")).hint == "Save the file as UTF-8."


def test_a_fault_in_a_document_of_several_lines_names_its_line() -> None:
    """Without a line of its own, a document's fault is found by the line inside it."""
    assert refused('{\n"a": 1,\n"b" 2}', line=None).line == 3


def test_json_lines_are_numbered_from_one_and_blank_lines_are_skipped() -> None:
    """The line in the message is the line that an editor shows."""
    good = json.dumps(SMALLEST).encode()
    assert len(list(read_tasks([good, b"\n", good], source="in.jsonl"))) == 2
    lines = [b"\xef\xbb\xbf" + good + b"\r\n", b"\n", b"  \r\n", good, b"{}\n"]
    tasks = read_tasks(lines, source="in.jsonl")
    assert next(tasks) == next(tasks)
    with pytest.raises(InvalidDocumentError, match=r"^in\.jsonl, line 5: task_id: it is required$"):
        next(tasks)


def test_json_lines_are_read_as_they_are_asked_for() -> None:
    """A file larger than memory can be read: a line is taken only when its task is wanted."""
    lines = iter([json.dumps(SMALLEST).encode()] * 3)
    next(read_tasks(lines, source="x"))
    assert len(list(lines)) == 2


def envelope(**change: Any) -> str:
    return json.dumps({"schema": "tasky/1", "kind": "tasks", "items": [encode_task(FULL)], **change})


def test_an_envelope_yields_its_tasks() -> None:
    """The JSON that the command line prints can be read again."""
    assert list(read_envelope(envelope(), source="x")) == [FULL]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schema": "tasky/2"}, "x: schema: it has to be 'tasky/1'"),
        ({"kind": "history"}, "x: kind: it has to be 'tasks'"),
        ({"items": {}}, "x: items: it has to be a list"),
        ({"item": []}, "x: item: there is no such key"),
        ({"items": [encode_task(FULL), 5]}, "x: items.1: it has to be a JSON object"),
        ({"items": [{**SMALLEST, "tags": ["a b"]}]}, "x: items.0.tags.0: a tag has no spaces in it"),
        ({"items": [{**SMALLEST, "extra": {"a": {"b": "\x00"}}}]}, "x: items.0.extra.a: text holds neither"),
    ],
)
def test_an_envelope_of_another_kind_is_refused(change: dict[str, Any], message: str) -> None:
    """Another version, another kind, another key or a bad item is named by its path."""
    with pytest.raises(InvalidDocumentError) as caught:
        list(read_envelope(envelope(**change), source="x"))
    assert str(caught.value).startswith(message)


def test_an_envelope_without_items_is_refused() -> None:
    """A JSON document that only looks like an envelope is not an empty list."""
    with pytest.raises(InvalidDocumentError, match=r"^x: items: it is required$"):
        read_envelope('{"schema": "tasky/1", "kind": "tasks"}', source="x")


def test_the_json_schema_knows_the_keys_that_are_written() -> None:
    """Whoever writes documents by the published schema writes what is read here."""
    schema = task_json_schema()
    assert list(schema["properties"]) == list(encode_task(FULL))
    assert schema["required"] == ["task_id", "name", "created_at"]
    assert schema["additionalProperties"] is False
    assert schema["properties"]["status"]["enum"] == ["pending", "completed", "cancelled"]
    assert schema["properties"]["priority"]["enum"] == ["low", "medium", "high", None]
    json.dumps(schema)


def test_the_json_schema_gives_the_default_of_each_key_that_may_be_left_out() -> None:
    """A default in the schema is the value that the reader takes."""
    for name, field in TaskDocument.model_fields.items():
        given = task_json_schema()["properties"][name].get("default", "absent")
        assert (given == "absent") == (field.is_required() or name in ("extra", "updated_at")), name


TEXT = st.text(st.sampled_from("aB0 -_.:\n\x00\x1b\x85\u2028\ud800\u00e9\U0001f600"), max_size=8)
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT | st.sampled_from([ID, OTHER, "low"]),
    lambda values: st.lists(values, max_size=3) | st.dictionaries(TEXT, values, max_size=3),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from(list(TaskDocument.model_fields)), JSON_VALUES))
def test_a_document_is_a_valid_task_or_refused(change: dict[str, Any]) -> None:
    """Whatever stands in a file, it becomes a task that keeps every rule, or an error that says why not."""
    try:
        task = parse_task({**SMALLEST, **change}, source="x")
    except InvalidDocumentError as error:
        message = str(error)
    else:
        message = "valid"
        assert TaskModel(**{name: getattr(task, name) for name in TaskDocument.model_fields}) == task
    assert message.isprintable()
