"""Everything that can be found wrong with a store, without opening or changing it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

from tasky import Problem, SchemaTooNewError, StorageCorruptError
from tasky_json import files
from tasky_json.history import decode_entry, history_path, leftover_batches, lines, verify_end
from tasky_json.records import Document, Fault, read_document, task_checksum

__all__ = ["problems"]


def problems(path: str) -> Iterator[Problem]:
    """The problems of the store at ``path``, in the document first; raises ``StoreMissingError`` at the call.

    Writers go on meanwhile, so both files are looked at as they were when the document was read.
    """
    return _problems(path, _look(path))


@dataclass(frozen=True, slots=True)
class _Look:
    """One state of the store: what could be read of it, what could not, and what lies behind its history."""

    document: Document | None
    faults: tuple[Problem, ...]
    leftover: int


def _look(path: str) -> _Look:
    """Look at both files, and again where a writer came between."""
    data = files.read(path)
    while True:
        faults: list[Problem] = []

        def note(fault: Fault, _cause: Exception | None, faults: list[Problem] = faults) -> None:
            faults.append(Problem(fault.describe(path), fault.task_id))

        try:
            document = read_document(data, path, note)
        except SchemaTooNewError as error:
            return _Look(None, (Problem(str(error)),), 0)
        last = document and document.last_batch
        try:
            leftover = leftover_batches(history_path(path), last.history_bytes if last else 0)
        except StorageCorruptError as error:  # there is no history to compare with
            return _Look(None, (*faults, Problem(str(error))), 0)
        again = files.read(path)
        if again == data:
            return _Look(document, tuple(faults), leftover)
        data = again


def _problems(path: str, look: _Look) -> Iterator[Problem]:
    yield from look.faults
    document = look.document
    if document is None:
        return
    history = history_path(path)
    if look.leftover > 1 and (document.last_batch is not None or document.tasks):
        yield Problem(f"{history} goes on for {look.leftover} batches behind the last one that {path} names")
    if document.last_batch is None:
        return
    try:
        verify_end(history, document.last_batch)
    except StorageCorruptError as error:
        yield Problem(str(error))
    unreadable = {fault.task_id for fault in look.faults}
    yield from _contradictions(history, document, document.last_batch.history_bytes, unreadable)


def _contradictions(
    history: str, document: Document, end: int, unreadable: set[UUID | None]
) -> Iterator[Problem]:
    """Follow each task through its history to what is stored."""
    reached: dict[UUID, tuple[int | None, int, str | None]] = {}  # revision now, last one known, checksum
    batches: set[UUID] = set()
    current, sequence, is_whole = None, 0, True
    walk = lines(history, end)
    while True:
        try:
            at, line = next(walk)
            entry, checksum = decode_entry(line, history, at)
        except StopIteration:
            break
        except StorageCorruptError as error:
            yield Problem(str(error))
            is_whole = False
            continue
        where, short = f"{history}, entry {entry.sequence}", entry.task_id.hex[:8]
        if entry.sequence <= sequence:
            yield Problem(f"{where}: it does not follow entry {sequence}", entry.task_id)
        if entry.batch.id != current and entry.batch.id in batches:
            yield Problem(f"{where}: batch {entry.batch.id} is torn apart", entry.task_id)
        current, sequence = entry.batch.id, entry.sequence
        batches.add(entry.batch.id)
        before = None if entry.before is None else entry.before.revision
        known, highest, _ = reached.get(entry.task_id, (before, before or 0, None))
        if is_whole and known != before:
            yield Problem(
                f"{where}: task {short} was at revision {before}, and the entry before left it at {known}",
                entry.task_id,
            )
        if (
            is_whole
            and entry.revision is not None
            and entry.revision != highest + 1
            and entry.task_id in reached
        ):
            yield Problem(
                f"{where}: task {short} jumps from revision {highest} to {entry.revision}", entry.task_id
            )
        reached[entry.task_id] = (entry.revision, entry.revision or before or highest, checksum)
    for task_id, (revision, _highest, checksum) in reached.items():
        task = document.tasks.get(task_id)
        stored = None if task is None else task.revision
        if task_id in unreadable:
            continue
        if stored != revision:
            yield Problem(
                f"task {task_id.hex[:8]} is {_state(stored)}, and by its history it is {_state(revision)}",
                task_id,
            )
        elif task is not None and checksum is not None and task_checksum(task) != checksum:
            yield Problem(
                f"task {task_id.hex[:8]} is not what was written at revision {revision}: it was edited by"
                " hand, or merged; the next change to it takes that into the history",
                task_id,
            )


def _state(revision: int | None) -> str:
    return "not there" if revision is None else f"at revision {revision}"
