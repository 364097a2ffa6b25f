"""The journal of one handle: read without a lock, written under it.

A reader takes in what was committed since it last looked. A writer does the same under the lock, and so
appends to a journal that nobody else writes to.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tasky import StorageBusyError, StorageCorruptError, StoreMissingError
from tasky_template import files
from tasky_template.journal import sealed
from tasky_template.schema import HEADER, check_header
from tasky_template.state import State, replay

__all__ = ["Store"]

_NOTHING: Final = State()
_HEADER_SIZE: Final = 1024  # bytes; that of any version fits


class Store:
    """The file at ``path`` (resolved). Nothing is open between two calls, so a fork shares nothing."""

    def __init__(self, path: Path, lock_timeout: float) -> None:
        self.path: Final = path
        self._lock_timeout = lock_timeout
        self._state = _NOTHING
        self._writer: int | None = None

    def open(self, *, create: bool) -> None:
        """Look at the header, after making the file if need be; raises what is wrong with it."""
        try:
            self._check_header()
        except StoreMissingError:
            if not create:
                raise
            files.make_directory(self.path.parent)
            with files.locked(self.path, self._lock_timeout):
                self._create()

    def read(self) -> State:
        """What the journal says now.

        While a writer puts a batch in the place of one that a crash left, a reader may get a part of both. So
        damage counts when a second look shows the same.
        """
        state, seen = self._state, b""
        while True:
            data = files.read(self.path, state.end - len(state.mark))
            if not data.startswith(state.mark):
                state = _NOTHING  # another file, or a batch that its writer took back
                continue
            try:
                self._state = replay(state, data, self.path)
            except StorageCorruptError:
                if data == seen:
                    raise
                seen = data
            else:
                return self._state

    @contextmanager
    def writing(self) -> Iterator[State]:
        """Hold the lock; gives what the journal says, read under it."""
        if self._writer == threading.get_ident():
            raise StorageBusyError(
                "a batch cannot be written while this thread is writing another one; nothing was written",
                hint="The changes of a batch may read the repository; write when it is done.",
            )
        with files.locked(self.path, self._lock_timeout):
            self._writer = threading.get_ident()
            try:
                yield self.read()
            finally:
                self._writer = None

    def append(self, state: State, lines: Sequence[bytes]) -> None:
        """Commit ``lines`` behind ``state``, durably. For the block of ``writing``, which gives the state."""
        files.append(self.path, sealed(lines), at=state.end)

    def _check_header(self) -> None:
        check_header(files.read(self.path, size=_HEADER_SIZE), self.path)

    def _create(self) -> None:
        try:
            self._check_header()  # another process was faster
        except StoreMissingError:
            files.create(self.path, HEADER)
