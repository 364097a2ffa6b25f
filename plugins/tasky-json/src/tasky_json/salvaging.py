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

from tasky import InvalidDocumentError, Problem, SchemaTooNewError, StorageError, TaskModel
from tasky_json import files
from tasky_json.history import history_path, last_revisions
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
        text = data.decode(errors="surrogateescape").replace("\r\n", "\n")
        if not text.rstrip().endswith("}"):
            yield Problem(f"{path} was cut: more tasks may be lost than are named")
        yield from _Text(text, path).results()


class _Text:
    """A document that cannot be walked. Lines are counted from one problem on to the next."""

    def __init__(self, text: str, path: str) -> None:
        self._text = text
        self._path = path
        self._named: set[UUID] = set()  # saved, or said to be lost
        self._at, self._line = 0, 1

    def results(self) -> Iterator[TaskModel | Problem]:
        from tasky.documents import parse_task  # it needs pydantic

        saved: set[UUID] = set()
        read_until = 0
        for block in _OBJECT.finditer(self._text):
            yield from self._lost(read_until, block.start(), "it is not laid out as Tasky does")
            read_until = block.end()
            try:
                task = parse_task(block[0], source=self._path)
            except InvalidDocumentError as error:
                yield from self._lost(block.start(), block.end(), error.rule)
                continue
            if task.task_id not in saved:
                saved.add(task.task_id)
                self._named.add(task.task_id)
                yield task
            else:
                where = self._where(block.start())
                yield Problem(f"{where}: task {task.task_id} is there twice; the first was saved")
        yield from self._lost(read_until, len(self._text), "it is not laid out as Tasky does")
        yield from self._known_to_history()

    def _lost(self, start: int, end: int, why: str) -> Iterator[Problem]:
        """The tasks that are named in a stretch of the text."""
        for named in _ID.finditer(self._text, start, end):
            task_id = UUID(named[1])
            self._named.add(task_id)
            yield Problem(f"{self._where(named.start())}: task {task_id} is lost: {why}", task_id)

    def _known_to_history(self) -> Iterator[Problem]:
        """The tasks that only the history still names."""
        try:
            revisions = last_revisions(history_path(self._path))
        except StorageError as error:
            yield Problem(str(error))
            return
        for task_id, revision in revisions.items():
            if revision is not None and task_id not in self._named:
                yield Problem(f"task {task_id} is lost: the history has it, and the document not", task_id)

    def _where(self, at: int) -> str:
        """The line of a place that is no earlier than the last one asked for."""
        self._line += self._text.count("\n", self._at, at)
        self._at = at
        return f"{self._path}, line {self._line}"
