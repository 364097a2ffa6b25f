"""The document and its history as one store: read without a lock, written under it.

A batch is durable in two steps: its history lines are appended and synced, then the document that names the
batch is renamed into place. The rename is the commit; history lines that no document names don't count.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from uuid import UUID

from tasky import StorageBusyError, StoreMissingError, TaskModel
from tasky_json import files
from tasky_json.history import HistoryIndex, history_path, leftover_batches, verify_end
from tasky_json.records import Document, corrupt, encode_document, parse_document
from tasky_json.schema import LastBatch

__all__ = ["Store"]


class Store:
    """The files of one handle. Nothing is open between two calls, so a fork shares nothing."""

    def __init__(self, path: str, lock_timeout: float) -> None:
        self.path = path
        self.history_path = history_path(path)
        self._lock_timeout = lock_timeout
        self._seen: Document | None = None
        self._index = HistoryIndex(self.history_path)
        self._writer: int | None = None

    def open(self, *, create: bool) -> None:
        """Read the document, or create it; raises what is wrong with it or with its history."""
        try:
            document = self.read()
        except StoreMissingError:
            if not create:
                raise
            document = self._create()
        if document.last_batch is not None:
            verify_end(self.history_path, document.last_batch)

    def read(self) -> Document:
        """What the file holds now, parsed only where its bytes are not those of the last time.

        Comparing bytes costs about a millisecond for ten thousand tasks. The file's times and size would cost
        less and prove nothing: two writes within one step of the clock can leave both as they were.
        """
        data = files.read(self.path)
        seen = self._seen
        if seen is None or seen.data != data:
            self._seen = seen = parse_document(data, self.path)
        return seen

    @contextmanager
    def writing(self) -> Iterator[tuple[Document, HistoryIndex]]:
        """Hold the lock; gives what the store holds, read under it."""
        if self._writer == threading.get_ident():
            raise StorageBusyError(
                "a batch cannot be written while this thread is writing another one; nothing was written",
                hint="The changes of a batch may read the repository; write when it is done.",
            )
        with files.locked(self.path, self._lock_timeout):
            self._writer = threading.get_ident()
            try:
                document = self.read()
                self._index.refresh(document.last_batch)
                yield document, self._index
            finally:
                self._writer = None

    def write(
        self,
        document: Document,
        tasks: Mapping[UUID, TaskModel],
        blocks: Mapping[UUID, str],
        batch_id: UUID | None,
        lines: Sequence[bytes],
    ) -> None:
        """Put ``tasks`` in the place of ``document``, with their history; the caller holds the lock.

        ``blocks`` are the texts of the tasks that keep theirs. ``batch_id`` is the last batch of ``lines``,
        None where there are none. On any error the batch does not count; the next writer cuts its lines off.
        """
        last = document.last_batch
        start, sequence = (0, 0) if last is None else (last.history_bytes, last.sequence)
        leftover = leftover_batches(self.history_path, start)
        if leftover > 1 and (last is not None or document.tasks):
            raise corrupt(
                f"{self.path} is older than its history, which goes on for {leftover} batches;"
                " nothing was written",
                "Bring both files to the same state, both from one commit or one backup.",
            )
        if batch_id is not None:
            data = b"".join(lines)
            last = LastBatch(batch_id, sequence + len(lines), start + len(data))
            files.append(self.history_path, data, at=start)
        elif leftover:
            files.append(self.history_path, b"", at=start)
        after = encode_document(tasks, blocks, last)
        files.replace(self.path, after.data, patience=self._lock_timeout)
        self._seen = after

    def _create(self) -> Document:
        files.make_directory(self.path)
        with files.locked(self.path, self._lock_timeout):
            with suppress(StoreMissingError):
                return self.read()  # another process was faster
            if files.read_range(self.history_path, 0, 1):
                raise corrupt(
                    f"{self.path} is not there, but its history {self.history_path} is",
                    "Bring the document back, or move the history away to begin anew.",
                )
            document = encode_document({}, {}, None)
            files.replace(self.path, document.data, patience=self._lock_timeout)
        return document
