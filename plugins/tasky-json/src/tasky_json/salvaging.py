"""Every task that a damaged document still holds.

Where the document can be walked, its own reader says which tasks are unreadable. Where it cannot, the tasks
are found by their layout, one object between two lines of braces at Tasky's own indentation, and each is read
by itself. So a fault costs the task that it stands in, and a task that somebody has laid out otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final
from uuid import UUID

from tasky import InvalidDocumentError, Problem, SchemaTooNewError, TaskModel
from tasky_json import files
from tasky_json.parsing import line_of
from tasky_json.records import Fault, read_document

__all__ = ["salvaged"]

_OBJECT: Final = re.compile(r"^ {4}\{\n(?: {6}.*\n)*? {4}\}", re.MULTILINE)
_ID: Final = re.compile(r'^ {6}"task_id": "([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})",?$', re.MULTILINE)


def salvaged(path: str) -> Iterator[TaskModel | Problem]:
    """The tasks of the document at ``path`` that can be read, and the problems met; changes nothing.

    Raises ``StoreMissingError`` at the call.
    """
    return _salvaged(files.read(path), path)


def _salvaged(data: bytes, path: str) -> Iterator[TaskModel | Problem]:
    faults: list[Fault] = []
    try:
        document = read_document(data, path, lambda fault, _cause: faults.append(fault))
    except SchemaTooNewError as error:
        yield Problem(str(error))
        document = None
    tasks = {} if document is None else document.tasks
    for fault in faults:
        yield Problem(fault.describe(path), None if fault.task_id in tasks else fault.task_id)
    yield from tasks.values()
    if document is None:
        yield from _by_layout(data.decode(errors="surrogateescape").replace("\r\n", "\n"), path)


def _by_layout(text: str, path: str) -> Iterator[TaskModel | Problem]:
    from tasky.documents import parse_task  # it needs pydantic

    seen: set[UUID] = set()
    read_until = 0
    for block in _OBJECT.finditer(text):
        yield from _lost(text, path, read_until, block.start(), "it is not laid out as Tasky does")
        read_until = block.end()
        try:
            task = parse_task(block[0], source=path)
        except InvalidDocumentError as error:
            yield from _lost(text, path, block.start(), block.end(), error.rule)
            continue
        if task.task_id not in seen:
            seen.add(task.task_id)
            yield task
        else:
            line = line_of(text, block.start())
            yield Problem(f"{path}, line {line}: task {task.task_id} is there twice; the first was saved")
    yield from _lost(text, path, read_until, len(text), "it is not laid out as Tasky does")


def _lost(text: str, path: str, start: int, end: int, why: str) -> Iterator[Problem]:
    """The tasks that are named in a stretch of the text."""
    for named in _ID.finditer(text, start, end):
        line = line_of(text, named.start())
        yield Problem(f"{path}, line {line}: task {named[1]} is lost: {why}", UUID(named[1]))
