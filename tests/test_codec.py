"""Tasks and batches as JSON values, and back without loss."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given

from tasky import (
    Batch,
    TaskModel,
    TaskPriority,
    decode_batch,
    decode_task,
    encode_batch,
    encode_task,
    format_timestamp,
    parse_timestamp,
)
from tasky.testing.samples import at, exact, make_batch, make_task
from tasky.testing.strategies import moments, tasks


@given(task=tasks())
def test_task_comes_back_from_json(task: TaskModel) -> None:
    """Any task comes back from JSON text as it was, to the last microsecond and the type of each number."""
    copy = decode_task(json.loads(json.dumps(encode_task(task))))
    assert copy == task
    assert exact(copy) == exact(task)


@given(moment=moments())
def test_time_comes_back_from_text(moment: datetime) -> None:
    """Any moment comes back from its text, which ends in Z and sorts as the moments do."""
    text = format_timestamp(moment)
    assert parse_timestamp(text) == moment
    assert parse_timestamp(text).tzinfo is UTC
    assert text.endswith("Z")


def test_document_has_every_field_in_a_fixed_order() -> None:
    """A document reads the same everywhere: all fields, unset ones as null, in the order of the model."""
    task = make_task("a", priority=TaskPriority.HIGH, tags=("t",), due_at=at(0.5), depends_on=(UUID(int=1),))
    document = encode_task(task)
    assert json.dumps(document) == (
        f'{{"task_id": "{task.task_id}", "name": "a", "details": "", "status": "pending", "priority": "high",'
        ' "project_id": null, "tags": ["t"], "assignee": null, "due_at": "2026-03-01T12:00:30Z",'
        ' "wait_until": null, "depends_on": ["00000000-0000-0000-0000-000000000001"], "extra": {},'
        ' "created_at": "2026-03-01T12:00:00Z", "updated_at": "2026-03-01T12:00:00Z", "closed_at": null,'
        ' "revision": 1}'
    )


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (datetime(2026, 1, 31, 9, tzinfo=UTC), "2026-01-31T09:00:00Z"),
        (datetime(2026, 1, 31, 9, 0, 0, 1, tzinfo=UTC), "2026-01-31T09:00:00.000001Z"),
        (datetime(2026, 1, 31, 9, tzinfo=timezone(timedelta(hours=2))), "2026-01-31T07:00:00Z"),
        (datetime.min.replace(tzinfo=UTC), "0001-01-01T00:00:00Z"),
        (datetime.max.replace(tzinfo=UTC), "9999-12-31T23:59:59.999999Z"),
    ],
)
def test_time_is_written_in_utc(moment: datetime, text: str) -> None:
    """A time is RFC 3339 in UTC, with microseconds only where there are any."""
    assert format_timestamp(moment) == text


def test_time_in_another_zone_is_read_as_utc() -> None:
    """A time that somebody wrote in their own zone is the same moment."""
    assert parse_timestamp("2026-01-31T09:00:00+02:00") == datetime(2026, 1, 31, 7, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    ["", "today", "2026-01-31", "2026-01-31T09:00:00", "2026-13-01T00:00:00Z", "0001-01-01T00:00:00+01:00"],
)
def test_text_that_is_no_moment_is_refused(text: str) -> None:
    """A time without a zone is not taken for the machine's own time, nor one before year 1 for any."""
    with pytest.raises(ValueError, match=r"."):
        parse_timestamp(text)


@pytest.mark.parametrize("undoes", [None, UUID(int=7)])
def test_batch_comes_back_from_json(undoes: UUID | None) -> None:
    """A batch comes back from JSON text as it was."""
    batch = make_batch(actor="\u00c4nn", command="a\nb", undoes=undoes)
    copy = decode_batch(json.loads(json.dumps(encode_batch(batch))))
    assert copy == batch
    assert isinstance(copy, Batch)


@pytest.mark.parametrize(
    "values",
    [
        {"task_id": "x"},
        {"task_id": 5},
        {"task_id": None},
        {"name": ""},
        {"name": None},
        {"details": 1},
        {"status": "done"},
        {"status": None},
        {"priority": "urgent"},
        {"priority": 2},
        {"tags": "ab"},
        {"tags": {"a": 1}},
        {"tags": None},
        {"depends_on": ""},
        {"depends_on": [5]},
        {"depends_on": ["x"]},
        {"extra": []},
        {"created_at": None},
        {"created_at": 5},
        {"created_at": "2026-01-31T09:00:00"},
        {"updated_at": "0001-01-01T00:00:00+01:00"},
        {"closed_at": "2026-01-31T09:00:00Z"},
        {"revision": 1.0},
        {"revision": "1"},
    ],
    ids=str,
)
def test_damaged_document_is_refused(values: dict[str, Any]) -> None:
    """A document that breaks any rule raises one of three types, so that a store can name what is damaged."""
    document = {**encode_task(make_task("a")), **values}
    with pytest.raises((KeyError, TypeError, ValueError)):
        decode_task(document)


@pytest.mark.parametrize("field", encode_task(make_task("a")))
def test_document_without_a_field_is_refused(field: str) -> None:
    """No field is made up."""
    document = encode_task(make_task("a"))
    del document[field]
    with pytest.raises(KeyError, match=field):
        decode_task(document)


@pytest.mark.parametrize(
    "values",
    [{"id": 5}, {"id": "x"}, {"at": "now"}, {"actor": 5}, {"command": "\x00"}, {"undoes": 5}],
    ids=str,
)
def test_damaged_batch_is_refused(values: dict[str, Any]) -> None:
    """A batch that breaks any rule is refused in the same way."""
    with pytest.raises((KeyError, TypeError, ValueError)):
        decode_batch({**encode_batch(make_batch()), **values})
