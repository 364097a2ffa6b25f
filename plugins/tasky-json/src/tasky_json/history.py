"""The history beside the document: JSON Lines, one entry a line, durable before the document names them.

Only as many bytes count as the document says. What lies behind them is what a crash left of one batch; the
next writer cuts it off. A line starts with what has to be found fast (sequence, task, revision, batch), so
that looking for it decodes nothing else.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from typing import Any, Final
from uuid import UUID

from tasky import (
    HistoryEntry,
    StorageCorruptError,
    TaskModel,
    decode_batch,
    decode_task,
    encode_batch,
    encode_task,
)
from tasky_json.files import read_range
from tasky_json.parsing import decode
from tasky_json.records import corrupt, task_checksum
from tasky_json.schema import LastBatch

__all__ = [
    "HistoryIndex",
    "decode_entry",
    "decode_line",
    "encode_line",
    "history_path",
    "last_revisions",
    "leftover_batches",
    "lines",
    "lines_backwards",
    "read_entries",
    "verify_end",
]

_CHUNK: Final = 1 << 18  # bytes
_HEAD: Final = re.compile(
    rb'\{"sequence":([0-9]+),"task_id":"([0-9a-f-]{36})","revision":([0-9]+|null),"batch":\{"id":"([0-9a-f-]{36})"'
)
_UUID: Final = re.compile(rb"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_ONE_STATE: Final = (
    "Bring this file and the document beside it to the same state, both from one commit or one backup."
    " To go on without the history, move it away and write null for last_batch in the document."
)


class HistoryIndex:
    """What a writer has to know of the history: each batch, and the last revision of each task.

    It is read in full once and followed from there. Used under the lock only.
    """

    _batches: set[bytes]
    _revisions: dict[bytes, int]
    _end: int
    _last_line: bytes

    def __init__(self, path: str) -> None:
        self._path = path
        self._forget()

    def refresh(self, last: LastBatch | None) -> None:
        """Take in what was written since; raises ``StorageCorruptError`` where ``last`` is not its end."""
        end = 0 if last is None else last.history_bytes
        if last is not None:
            verify_end(self._path, last)
        tail = read_range(self._path, self._end - len(self._last_line), self._end)
        if end < self._end or tail != self._last_line:
            self._forget()  # another history was put in its place
        for at, line in lines(self._path, end, start=self._end):
            self._take(at, line)
            self._end = at + len(line) + 1
            self._last_line = line + b"\n"

    def last_revision(self, task_id: UUID) -> int:
        """The last revision that history knows of the task; 0 where it knows none."""
        return self._revisions.get(str(task_id).encode(), 0)

    def knows_batch(self, batch_id: UUID) -> bool:
        """Whether the batch was written."""
        return str(batch_id).encode() in self._batches

    def _take(self, at: int, line: bytes) -> None:
        head = _HEAD.match(line)
        if head is None or head[3] == b"null":
            entry = decode_line(line, self._path, at)
            task_id, batch_id = str(entry.task_id).encode(), str(entry.batch.id).encode()
            assert entry.before is not None or entry.revision is not None  # decode_line saw to it
            revision = entry.revision or (entry.before.revision if entry.before else 0)
        else:
            task_id, batch_id, revision = head[2], head[4], int(head[3])
        self._batches.add(batch_id)
        self._revisions[task_id] = revision

    def _forget(self) -> None:
        self._batches = set()
        self._revisions = {}
        self._end = 0
        self._last_line = b""


def history_path(path: str) -> str:
    """Where the history of the document at ``path`` is: ``tasks.json`` has ``tasks.history.jsonl``.

    A document that is not called ``*.json`` has another ending, so that no two share a history.
    """
    stem = path.removesuffix(".json")
    return f"{stem}.history.jsonl" if stem != path else f"{path}.history"


def encode_line(entry: HistoryEntry, after: TaskModel | None) -> bytes:
    """The line of one entry; ``task_crc32`` tells later whether the stored task is still the one written.

    ``after`` is the task that the entry wrote: None where it was deleted, or where it is not known.
    """
    document = {
        "sequence": entry.sequence,
        "task_id": str(entry.task_id),
        "revision": entry.revision,
        "batch": encode_batch(entry.batch),
        "task_crc32": None if after is None else task_checksum(after),
        "before": None if entry.before is None else encode_task(entry.before),
    }
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def decode_line(line: bytes, path: str, at: int) -> HistoryEntry:
    """The entry on the line at byte ``at``; raises ``StorageCorruptError`` naming the line."""
    return decode_entry(line, path, at)[0]


def decode_entry(line: bytes, path: str, at: int) -> tuple[HistoryEntry, str | None]:
    """The entry and the checksum of the task that it wrote (None where it is not known)."""
    try:
        document = decode(line.decode())
        sequence, revision = document["sequence"], document["revision"]
        before = None if document["before"] is None else decode_task(document["before"])
        entry = HistoryEntry(
            _integer(sequence),
            decode_batch(document["batch"]),
            UUID(document["task_id"]),
            before,
            None if revision is None else _integer(revision),
        )
        if before is None and revision is None:
            raise ValueError("it has neither a task before nor a revision after")
        if before is not None and before.task_id != entry.task_id:
            raise ValueError("the task before has another id")
        return entry, document["task_crc32"]
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
        number = read_range(path, 0, at).count(b"\n") + 1
        what = (
            "git has left a merge conflict here" if _is_marker(line) else f"it is no history entry ({error})"
        )
        raise corrupt(f"{path}, line {number}: {what}", _ONE_STATE) from error


def read_entries(
    path: str,
    last: LastBatch,
    *,
    task_id: UUID | None,
    batch: UUID | None,
    after: int | None,
    newest_first: bool,
) -> Iterator[HistoryEntry]:
    """The entries that are asked for, in order, decoding no others."""
    wanted_task = None if task_id is None else str(task_id).encode()
    wanted_batch = None if batch is None else str(batch).encode()
    walk = lines_backwards if newest_first else lines
    for at, line in walk(path, last.history_bytes):
        head = _HEAD.match(line)
        entry = None
        if head is None:  # formatted by hand
            entry = decode_line(line, path, at)
            sequence, task, of_batch = (
                entry.sequence,
                str(entry.task_id).encode(),
                str(entry.batch.id).encode(),
            )
        else:
            sequence, task, of_batch = int(head[1]), head[2], head[4]
        if (
            wanted_task in (None, task)
            and wanted_batch in (None, of_batch)
            and (after is None or (sequence < after if newest_first else sequence > after))
        ):
            yield entry or decode_line(line, path, at)


def lines(path: str, end: int, *, start: int = 0) -> Iterator[tuple[int, bytes]]:
    """The lines from byte ``start`` to byte ``end`` and where each begins.

    The file is opened for each piece of it, so nothing is held between two lines.
    """
    at, rest = start, b""
    while at + len(rest) < end:
        position = at + len(rest)
        chunk = read_range(path, position, min(end, position + _CHUNK))
        if not chunk:
            raise _too_short(path, position, end)
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            yield at, line
            at += len(line) + 1
    if rest:
        raise _too_short(path, at, end)


def lines_backwards(path: str, end: int) -> Iterator[tuple[int, bytes]]:
    """The lines up to byte ``end``, the last one first, and where each begins."""
    start, rest = end, b""
    while start > 0:
        upper, start = start, max(0, start - _CHUNK)
        chunk = read_range(path, start, upper)
        if len(chunk) < upper - start:
            raise _too_short(path, start + len(chunk), end)
        buffer = chunk + rest
        first, *whole = buffer.split(b"\n")
        position = start + len(buffer)
        for line in reversed(whole):
            position -= len(line)
            if position < end:  # behind the last line end there is no line
                yield position, line
            position -= 1
        rest = first
    if end > 0:
        yield 0, rest


def verify_end(path: str, last: LastBatch) -> None:
    """Raise ``StorageCorruptError`` unless the history ends with the batch that the document names."""
    _at, line = next(lines_backwards(path, last.history_bytes))
    head = _HEAD.match(line)
    is_last = head is not None and (head[4], int(head[1])) == (str(last.id).encode(), last.sequence)
    if not is_last or read_range(path, last.history_bytes - 1, last.history_bytes) != b"\n":
        raise corrupt(
            f"{path} is not the history that belongs to the document: byte {last.history_bytes} is not the"
            f" end of batch {last.id}, which the document names as its last",
            f"A merge, a file from another state or converted line endings do that. {_ONE_STATE}",
        )


def last_revisions(path: str) -> dict[UUID, int | None]:
    """What each task was left at by the last line about it that can be told: None where it was deleted."""
    heads = (_HEAD.match(line) for line in read_range(path, 0).split(b"\n"))
    return {
        UUID(head[2].decode()): None if head[3] == b"null" else int(head[3])
        for head in heads
        if head is not None and _UUID.fullmatch(head[2])
    }


def leftover_batches(path: str, end: int) -> int:
    """How many batches lie behind byte ``end``; a crash leaves one at most, cut off anywhere."""
    heads = (_HEAD.match(line) for line in read_range(path, end).split(b"\n"))
    return len({head[4] for head in heads if head is not None})


def _too_short(path: str, size: int, end: int) -> StorageCorruptError:
    if not os.path.lexists(path):
        return corrupt(
            f"{path} is missing: it holds the history, and belongs beside the document",
            f"Bring it back from where the document comes from. {_ONE_STATE}",
        )
    return corrupt(
        f"{path} is not the history that belongs to the document: it has {size} whole bytes, and the document"
        f" counts {end}",
        _ONE_STATE,
    )


def _integer(value: Any) -> int:
    if type(value) is not int or value < 1:
        raise ValueError(f"{value!r} is not an integer from 1")
    return value


def _is_marker(line: bytes) -> bool:
    return line[:7] in (b"<" * 7, b"=" * 7, b">" * 7, b"|" * 7)
