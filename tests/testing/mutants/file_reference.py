"""The reference in a file, for the rules about processes, crashes and faults; a mutant breaks one thing.

Not collected with the other tests: see ``memory_mutants.py``. A store is one file: a line with the format,
the version and a checksum, then the pickled state. Each step of reading and writing is a method, to be
overridden.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import pickle
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Final
from uuid import UUID

from tasky import (
    Problem,
    ResultStream,
    SchemaTooNewError,
    StorageBusyError,
    StorageCorruptError,
    StorageError,
    StorageFullError,
    StorageReadOnlyError,
    StorageUnavailableError,
    StoreMissingError,
    TaskRepository,
)
from tasky.testing import MemoryStore, MemoryTaskRepository, StoreHarness
from tasky.testing.memory import MemoryState, contradictions

FORMAT: Final = b"tasky-reference"
NAPS: Final = 0.002  # seconds between two looks at a lock


class FileStore(MemoryStore):
    """The state in a file: read anew each time, and replaced as a whole."""

    def __init__(self, path: Path, wait: float) -> None:
        self.path = path
        self.wait = wait
        super().__init__()

    @property
    def state(self) -> MemoryState | None:
        """What the file holds; None where there is none."""
        try:
            data = self.path.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise StorageUnavailableError(f"{self.path}: {error.strerror}") from error
        return self.decoded(data)

    @state.setter
    def state(self, state: MemoryState | None) -> None:
        if state is not None:  # as MemoryStore sets it first
            self.replace(self.encoded(state))

    def decoded(self, data: bytes) -> MemoryState:
        """The state; raises what is wrong with it."""
        head, _, body = data.partition(b"\n")
        words = head.split()
        if words[:1] != [FORMAT] or len(words) != 3 or not words[1].isdigit():
            raise StorageCorruptError(f"{self.path} is not a store")
        if int(words[1]) > 1:
            raise SchemaTooNewError(f"{self.path} has version {int(words[1])}")
        if words[2] != checksum(body):
            raise StorageCorruptError(f"{self.path} is damaged: its checksum does not fit")
        state: MemoryState = pickle.loads(body)  # noqa: S301 - its checksum fits
        return replace(state, tasks=self.readable(state))

    def readable(self, state: MemoryState) -> dict[UUID, Any]:
        """The tasks; raises for one that cannot be read."""
        for task_id, task in state.tasks.items():
            if task is None:
                raise StorageCorruptError(f"{self.path}: task {task_id} cannot be read")
        return state.tasks

    def encoded(self, state: MemoryState) -> bytes:
        """What the file will hold."""
        body = pickle.dumps(state)
        return b"%s 1 %s\n%s" % (FORMAT, checksum(body), body)

    def replace(self, data: bytes) -> None:
        """Write the file beside the old one, sync it, rename it into place, sync the directory."""
        with translated(self.path):
            temporary = self.path.with_suffix(".tmp")
            try:
                with temporary.open("wb") as file:
                    self.fill(file, data)
                    self.sync(file.fileno())
                temporary.rename(self.path)
            except BaseException:
                temporary.unlink(missing_ok=True)
                raise
            directory = os.open(self.path.parent, os.O_RDONLY)
            try:
                self.sync_directory(directory)
            finally:
                os.close(directory)

    def fill(self, file: Any, data: bytes) -> None:
        """Write the data."""
        file.write(data)
        file.flush()

    def sync(self, descriptor: int) -> None:
        """Make the file durable."""
        os.fsync(descriptor)

    def sync_directory(self, descriptor: int) -> None:
        """Make its name durable."""
        os.fsync(descriptor)

    @contextmanager
    def write(self) -> Iterator[None]:
        """Keep other threads, handles and processes out."""
        with super().write(), translated(self.path):
            descriptor = os.open(self.path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o644)
            try:
                self.lock(descriptor)
                yield
            finally:
                os.close(descriptor)

    def lock(self, descriptor: int) -> None:
        """Wait for the lock."""
        deadline = time.monotonic() + self.wait
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                if time.monotonic() > deadline:
                    raise StorageBusyError(f"{self.path} is in use") from error
                time.sleep(NAPS)
            else:
                return


class FileTaskRepository(MemoryTaskRepository):
    """One handle on the file."""

    store: ClassVar[type[FileStore]] = FileStore

    def __init__(self, path: Path, *, wait: float = 30.0) -> None:
        super().__init__(self.store(path, wait))

    @property
    def path(self) -> Path:
        """The store's file."""
        assert isinstance(self._store, FileStore)
        return self._store.path

    def initialize(self, *, create: bool = True) -> None:
        if self._store.state is None:
            if not create:
                raise StoreMissingError(f"there is no store at {self.path}")
            self.path.parent.mkdir(parents=True, exist_ok=True)
            super().initialize()
        self._is_open = True

    def check(self) -> ResultStream[Problem]:
        try:
            state = self._store.state
        except StorageError as error:
            return ResultStream([Problem(str(error))])
        if state is None:
            raise StoreMissingError(f"there is no store at {self.path}")
        return ResultStream(contradictions(state))


class FileHarness(StoreHarness):
    """What can be done to the file."""

    max_tasks: ClassVar[int | None] = 2000
    repository: ClassVar[type[FileTaskRepository]] = FileTaskRepository

    def fresh_location(self, directory: Path) -> Path:
        return directory / "project" / "store.pickle"

    def impatient(self, location: Path) -> TaskRepository:
        return self.repository(location, wait=0.1)

    def make_newer(self, location: Path) -> None:
        head, _, body = location.read_bytes().partition(b"\n")
        location.write_bytes(b"%s 2 %s\n%s" % (FORMAT, head.split()[-1], body))

    def damage_task(self, location: Path, task_id: UUID) -> None:
        self._change(location, task_id, lambda task: None)

    def contradict(self, location: Path, task_id: UUID) -> None:
        self._change(location, task_id, lambda task: replace(task, revision=task.revision + 1))

    def _change(self, location: Path, task_id: UUID, change: Any) -> None:
        store = FileStore(location, 1)
        state = store.state
        assert state is not None
        store.state = replace(state, tasks=state.tasks | {task_id: change(state.tasks[task_id])})


def checksum(body: bytes) -> bytes:
    """Of what follows the first line."""
    return hashlib.sha256(body).hexdigest().encode()


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """An ``OSError`` of writing as Tasky's."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EFBIG):
            raise StorageFullError(f"{path}: {error.strerror}") from error
        if error.errno in (errno.EACCES, errno.EROFS):
            raise StorageReadOnlyError(f"{path}: {error.strerror}") from error
        raise StorageUnavailableError(f"{path}: {error.strerror}") from error
