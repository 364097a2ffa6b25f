"""Copy a whole store, tasks and history, into an empty one of any backend, while others go on writing.

The nine methods of the contract suffice. No call gives tasks and history of one moment, so the copy is of the
moment at which the newest entry was read: what was written between that and the snapshot of the tasks is
taken back, as the entries of that time tell, whose number is small.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from hashlib import sha256
from itertools import takewhile
from uuid import UUID

from tasky.changes import HistoryEntry
from tasky.codec import encode_batch, encode_task
from tasky.errors import StorageCorruptError, StorageError
from tasky.model import TaskModel
from tasky.repository import BaseTaskRepository, TaskRepository

__all__ = ["check_whole", "copy_store"]


def copy_store(source: TaskRepository, target: TaskRepository) -> None:
    """Fill the empty store ``target`` with one consistent state of ``source``, both initialized.

    A backend's own way to copy (``copy_natively``) is taken where there is one. Otherwise all of it is
    restored, or nothing, and then read again and compared by hash. Raises ``StoreNotEmptyError`` for a target
    that holds anything, ``StorageError`` where it does not hold what was read, and what the two stores raise.
    """
    if isinstance(source, BaseTaskRepository) and source.copy_natively(target):
        return
    read = _Digest()
    with ExitStack() as streams:
        newest = streams.enter_context(source.history(newest_first=True, limit=1))
        last = next((entry.sequence for entry in newest), None)
        tasks = streams.enter_context(source.find_tasks())
        later = list(streams.enter_context(source.history(after=last)))
        entries = () if last is None else streams.enter_context(source.history())
        earlier = takewhile(lambda entry: last is not None and entry.sequence <= last, entries)
        target.restore(read.of_tasks(_taken_back(tasks, later)), read.of_entries(earlier))
    stored = _Digest()
    with ExitStack() as streams:
        for _ in stored.of_tasks(streams.enter_context(target.find_tasks())):
            pass
        for _ in stored.of_entries(streams.enter_context(target.history())):
            pass
    if stored != read:
        raise StorageError(
            f"the copy is not the same: {read} were read, and {stored} are stored, or their content differs",
            hint="Run `tasky check` on both stores, and tell the backend's authors.",
        )


def check_whole(repository: TaskRepository, what: str) -> None:
    """Raise ``StorageCorruptError`` with the first problem that ``check`` finds; ``what`` names the store."""
    with repository.check() as problems:
        problem = next(problems, None)
    if problem is not None:
        raise StorageCorruptError(
            f"{what} is damaged: {problem.message}",
            hint="Run `tasky check` with its location in --storage to see every problem.",
        )


def _taken_back(tasks: Iterable[TaskModel], entries: list[HistoryEntry]) -> Iterator[TaskModel]:
    """The tasks as they were before the entries."""
    before: dict[UUID, TaskModel | None] = {}
    for entry in entries:
        before.setdefault(entry.task_id, entry.before)
    yield from (task for task in tasks if task.task_id not in before)
    yield from (task for task in before.values() if task is not None)


class _Digest:
    """Equal to another that saw the same tasks, in any order, and the same entries, in the same order."""

    def __init__(self) -> None:
        self._tasks = self._entries = self._sum = 0
        self._chain = sha256()

    def of_tasks(self, tasks: Iterable[TaskModel]) -> Iterator[TaskModel]:
        """The tasks as they come."""
        for task in tasks:
            self._tasks += 1
            self._sum += int.from_bytes(sha256(_canonical(encode_task(task))).digest(), "big")
            yield task

    def of_entries(self, entries: Iterable[HistoryEntry]) -> Iterator[HistoryEntry]:
        """The entries as they come; their numbers do not count."""
        for entry in entries:
            self._entries += 1
            before = None if entry.before is None else encode_task(entry.before)
            self._chain.update(
                _canonical([encode_batch(entry.batch), str(entry.task_id), before, entry.revision])
            )
            yield entry

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Digest) and self._state() == other._state()

    def __str__(self) -> str:
        return f"{self._tasks} tasks and {self._entries} entries of history"

    def _state(self) -> tuple[int, int, int, bytes]:
        return self._tasks, self._entries, self._sum, self._chain.digest()


def _canonical(document: object) -> bytes:
    return json.dumps(document, sort_keys=True).encode()
