"""The document as text and as tasks: how it is written, and how every value in it is checked when read.

A task that nobody changed keeps the very text it had, so a write changes the lines of its own tasks and of
the head. What Tasky wrote itself is told by its checksum and decoded directly; anything else, a hand edit or
a merge, passes the same pydantic document as an import file.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from json import JSONDecodeError
from typing import Any, Final, TypeAlias
from uuid import UUID
from zlib import crc32

from tasky import InvalidDocumentError, StorageCorruptError, TaskModel, decode_task, encode_task
from tasky_json.parsing import Value, line_of, members, syntax_rule
from tasky_json.schema import FORMAT, KEYS, VERSION, HeaderError, LastBatch, check_version, read_last_batch

__all__ = [
    "Document",
    "Fault",
    "corrupt",
    "encode_document",
    "parse_document",
    "read_document",
    "task_checksum",
]

_UNTOUCHED: Final = "The file was left as it is."


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong on a line of the document; ``field`` is empty where it concerns the value as a whole."""

    line: int
    rule: str
    field: str = ""
    hint: str = ""
    task_id: UUID | None = None

    def describe(self, path: str) -> str:
        """One sentence that names file, line, field and rule."""
        where = f"{path}, line {self.line}"
        return f"{where}: {self.field}: {self.rule}" if self.field else f"{where}: {self.rule}"


OnFault: TypeAlias = Callable[[Fault, Exception | None], None]


@dataclass(frozen=True, slots=True)
class Document:
    """What the file held when it was read; nothing in it is ever changed in place.

    ``tasks`` and ``blocks`` (the text of each task) are in the order of ``created_at``, then of the id.
    """

    data: bytes
    last_batch: LastBatch | None
    tasks: Mapping[UUID, TaskModel]
    blocks: Mapping[UUID, str]


def parse_document(data: bytes, path: str) -> Document:
    """The document; raises ``StorageCorruptError`` at the first fault, ``SchemaTooNewError`` if newer."""

    def refuse(fault: Fault, cause: Exception | None) -> None:
        raise corrupt(fault.describe(path), fault.hint) from cause

    document = read_document(data, path, refuse)
    assert document is not None  # there was no fault
    return document


def corrupt(message: str, hint: str = "") -> StorageCorruptError:
    """The error for a damaged store, which says that it was not touched."""
    return StorageCorruptError(message, hint=f"{hint} {_UNTOUCHED}".strip())


def read_document(data: bytes, path: str, on_fault: OnFault) -> Document | None:
    """The document without the tasks that ``on_fault`` is told of; None where the whole cannot be read.

    Raises ``SchemaTooNewError`` for a newer version, before it looks at anything else.
    """
    try:
        text = data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        on_fault(Fault(line, "it is not UTF-8 text", hint="Save the file as UTF-8."), error)
        return None
    if not text.lstrip().startswith("{"):
        on_fault(Fault(1, "a Tasky store is one JSON object; this is not one"), None)
        return None
    places: dict[str, int] = {}
    try:
        head = _read_members(text, path, places)
        last_batch = read_last_batch(head["last_batch"])
    except JSONDecodeError as error:
        line, rule, hint = syntax_rule(text, error)
        on_fault(Fault(line, rule, hint=hint), error)
        return None
    except HeaderError as error:
        line = line_of(text, places.get(error.field.partition(".")[0], 0))
        on_fault(Fault(line, error.rule, error.field), error)
        return None
    listed: Value = head["tasks"]
    trusted = head["tasks_crc32"] == _checksum(text[listed.start : listed.end])
    tasks, blocks = _read_tasks(text, path, listed.value, trusted, on_fault)
    return Document(data, last_batch, tasks, blocks)


def encode_document(
    tasks: Mapping[UUID, TaskModel], blocks: Mapping[UUID, str], last_batch: LastBatch | None
) -> Document:
    """The document of these tasks; those that ``blocks`` lacks are written out anew."""
    ordered = sorted(tasks.values(), key=_place)
    texts = {task.task_id: blocks.get(task.task_id) or _block(task) for task in ordered}
    listed = "[\n    " + ",\n    ".join(texts.values()) + "\n  ]" if texts else "[]"
    head = {
        "format": FORMAT,
        "version": VERSION,
        "last_batch": last_batch
        and {
            "id": str(last_batch.id),
            "sequence": last_batch.sequence,
            "history_bytes": last_batch.history_bytes,
        },
        "tasks_crc32": _checksum(listed),
    }
    opening = json.dumps(head, indent=2).removesuffix("\n}")
    data = f'{opening},\n  "tasks": {listed}\n}}\n'.encode()
    return Document(data, last_batch, {task.task_id: task for task in ordered}, texts)


def task_checksum(task: TaskModel) -> str:
    """A checksum of everything that the task says: equal for equal tasks, however they are written down."""
    return _checksum(json.dumps(encode_task(task), ensure_ascii=False, separators=(",", ":"), sort_keys=True))


def _read_members(text: str, path: str, places: dict[str, int]) -> dict[str, Any]:
    """The values of the head by name, with ``tasks`` as a ``Value``; notes in ``places`` where they stand."""
    head: dict[str, Any] = {}
    for name, at, value in members(text, array="tasks"):
        places[name] = at
        if name in head:
            raise HeaderError(name, "the key occurs twice in one object")
        if value.fault:
            raise HeaderError(name, value.fault)
        head[name] = value if name == "tasks" else value.value
        if name in ("format", "version") and {"format", "version"} <= head.keys():
            check_version(head, path)
    check_version(head, path)
    for name in head:
        if name not in KEYS:
            raise HeaderError(name, "there is no such key")
    for name in KEYS:
        if name not in head:
            raise HeaderError(name, "it is required")
    if not isinstance(head["tasks"].value, list):
        raise HeaderError("tasks", "it has to be a list")
    return head


def _read_tasks(
    text: str, path: str, values: Iterable[Value], trusted: bool, on_fault: OnFault
) -> tuple[dict[UUID, TaskModel], dict[UUID, str]]:
    tasks: dict[UUID, TaskModel] = {}
    blocks: dict[UUID, str] = {}
    for value in values:
        try:
            task = _read_task(value, path, trusted)
        except InvalidDocumentError as error:
            on_fault(_task_fault(text, value, error), error)
            continue
        if task.task_id in tasks:
            rule = f"the id {task.task_id} occurs twice in the list of tasks"
            on_fault(Fault(line_of(text, value.start), rule, "task_id", "", task.task_id), None)
            continue
        tasks[task.task_id] = task
        blocks[task.task_id] = text[value.start : value.end]
    ordered = sorted(tasks.values(), key=_place)
    return {task.task_id: task for task in ordered}, blocks


def _read_task(value: Value, path: str, trusted: bool) -> TaskModel:
    if value.fault:
        raise InvalidDocumentError(value.fault, source=path)
    if not isinstance(value.value, dict):
        raise InvalidDocumentError("it has to be a JSON object", source=path)
    if trusted:
        try:
            return decode_task(value.value)
        except (AttributeError, KeyError, TypeError, ValueError):
            pass  # the document below says what is wrong
    from tasky.documents import parse_task  # it needs pydantic, and a store that Tasky wrote does not

    return parse_task(value.value, source=path)


def _task_fault(text: str, value: Value, error: InvalidDocumentError) -> Fault:
    """The fault on the line of the field itself, where the task has such a field."""
    block = text[value.start : value.end]
    line, task_id = line_of(text, value.start), None
    if not isinstance(value.value, dict):
        return Fault(line, error.rule, error.field, error.hint)
    name = error.field.partition(".")[0]
    for key, at, _value in members(block):
        if key == name:
            line = line_of(text, value.start + at)
    with suppress(AttributeError, TypeError, ValueError):
        task_id = UUID(value.value.get("task_id"))
    return Fault(line, error.rule, error.field, error.hint, task_id)


def _place(task: TaskModel) -> tuple[datetime, UUID]:
    return task.created_at, task.task_id


def _block(task: TaskModel) -> str:
    return json.dumps(encode_task(task), ensure_ascii=False, indent=2).replace("\n", "\n    ")


def _checksum(text: str) -> str:
    return f"{crc32(text.encode()):08x}"
