"""A line of the journal, as text and as what it says.

Each is a JSON object with one or two of these members::

    {"batch": ...}                  the entries that follow were written by this batch
    {"entry": ..., "task": ...}     it changed a task: what history remembers, and the task after
    {"entry": ...}                  it deleted a task; or whatever it did, in a store that was restored here
    {"task": ...}                   the task is stored as it was in that store, after all its history

A line says all about its change, so an entry of the history is read without any other line. It costs the
task before a second time.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final, NamedTuple
from uuid import UUID

from tasky import Batch, TaskModel, decode_batch, decode_task, encode_batch, encode_task

__all__ = ["Entry", "Record", "UnreadableLineError", "decode_line", "encode_line"]

_TASK_ID: Final = re.compile(rb'"task_id":"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})"')


class Entry(NamedTuple):
    """The task before (None: it was created) and the revision that was written (None: it was deleted)."""

    task_id: UUID
    before: TaskModel | None
    revision: int | None


class Record(NamedTuple):
    """What a line says; the members that it has not are None."""

    batch: Batch | None = None
    entry: Entry | None = None
    task: TaskModel | None = None


class UnreadableLineError(ValueError):
    """A line that says nothing, and why; ``task_id`` is of the task that it was about, where that shows."""

    def __init__(self, reason: str, task_id: UUID | None) -> None:
        whose = "" if task_id is None else f" about task {task_id.hex[:8]}"
        super().__init__(f"what stands here{whose} cannot be read: {reason}")
        self.task_id = task_id


def encode_line(record: Record) -> bytes:
    """The line, without its end."""
    document: dict[str, Any] = {}
    if record.batch is not None:
        document["batch"] = encode_batch(record.batch)
    if record.entry is not None:
        task_id, before, revision = record.entry
        document["entry"] = {
            "task_id": str(task_id),
            "before": None if before is None else encode_task(before),
            "revision": revision,
        }
    if record.task is not None:
        document["task"] = encode_task(record.task)
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


def decode_line(line: bytes) -> Record:
    """What ``encode_line`` wrote; raises ``UnreadableLineError`` for anything else."""
    try:
        document = json.loads(line)
        if type(document) is not dict or not document or document.keys() - Record._fields:
            raise ValueError("it is no line of a journal")
        record = Record(
            batch=decode_batch(document["batch"]) if "batch" in document else None,
            entry=_decode_entry(document["entry"]) if "entry" in document else None,
            task=decode_task(document["task"]) if "task" in document else None,
        )
        if record.entry is not None and record.task is not None:
            written = record.task.task_id, record.task.revision
            if written != (record.entry.task_id, record.entry.revision):
                raise ValueError("the entry and its task do not belong together")
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
        found = _TASK_ID.search(line)
        reason = f"{error.args[0]!r} is missing" if isinstance(error, KeyError) else str(error)
        raise UnreadableLineError(reason, None if found is None else UUID(found[1].decode())) from error
    return record


def _decode_entry(document: dict[str, Any]) -> Entry:
    task_id, before, revision = UUID(document["task_id"]), document["before"], document["revision"]
    entry = Entry(task_id, None if before is None else decode_task(before), revision)
    if revision is None and before is None:
        raise ValueError("there is no task before it and no revision after it")
    if revision is not None and (type(revision) is not int or revision < 1):
        raise ValueError(f"{revision!r} is no revision")
    if entry.before is not None and entry.before.task_id != task_id:
        raise ValueError("the task before has another id")
    return entry
