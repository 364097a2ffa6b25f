"""What is done to the file: the lock that writers take, and the two ways in which it changes, both durable.

The lock is on a file of its own, ``tasks.journal.lock``, which stays in place: a lock file that were removed
could be held twice. Readers take no lock.
"""

from __future__ import annotations

import errno
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tasky import OutcomeUnknownError, StorageBusyError
from tasky_template.errors import reading, writing

__all__ = ["append", "create", "locked", "make_directory", "read"]

_POLL: Final = 0.005  # seconds; a batch takes about as long, so nobody waits for much more than their turn


@contextmanager
def locked(path: Path, timeout: float) -> Iterator[None]:
    """Hold the lock of the journal at ``path``; raises ``StorageBusyError`` after ``timeout`` seconds.

    Each call opens the lock file anew, so that threads and handles of one process keep each other out as
    processes do.
    """
    from filelock import FileLock, Timeout  # who only reads does without

    lock_path = _beside(path, ".lock")
    with writing(lock_path):
        if not path.parent.is_dir():  # filelock would make it
            raise FileNotFoundError(errno.ENOENT, "no such directory")
        lock = FileLock(lock_path, thread_local=False)
        try:
            lock.acquire(timeout=timeout, poll_interval=_POLL)
        except Timeout as error:
            raise StorageBusyError(
                f"{path} was in use by another writer for {timeout:g} seconds, so nothing was written",
                hint="Try again; if it stays so, look for a Tasky process that hangs.",
            ) from error
    try:
        yield
    finally:
        lock.release()


def read(path: Path, start: int = 0, size: int = -1) -> bytes:
    """``size`` bytes from byte ``start`` on (-1: all that there are), fewer where the file ends."""
    with reading(path), path.open("rb") as file:
        file.seek(start)
        return file.read(size)


def create(path: Path, data: bytes) -> None:
    """Put a new file at ``path``, whole: it appears under its name when it is on the disk.

    The caller holds the lock, so there is one temporary name; what a crash left there is replaced.
    """
    temporary = _beside(path, ".tmp")
    with writing(path):
        temporary.unlink(missing_ok=True)
        with temporary.open("xb", buffering=0) as file:  # x: follows no link that somebody put there
            _write(file, data)
        temporary.replace(path)
        _sync_directory(path.parent)


def append(path: Path, data: bytes, *, at: int) -> None:
    """Put ``data`` at byte ``at`` in the place of all that follows there, which a crash left.

    When it returns, power loss keeps it. When it fails the file ends at ``at``; where not even that can be
    done, ``OutcomeUnknownError`` is raised. The caller holds the lock.
    """
    with writing(path), path.open("r+b", buffering=0) as file:  # a buffer would write again when it is closed
        try:
            file.truncate(at)
            file.seek(at)
            _write(file, data)
        except BaseException:
            _take_back(file, path, at)
            raise


def make_directory(path: Path) -> None:
    """Make the directory ``path`` and those above it, durably; harmless where they are there."""
    absent = [directory for directory in (path, *path.parents) if not directory.exists()]
    with writing(path):
        for directory in reversed(absent):
            directory.mkdir(exist_ok=True)
            _sync_directory(directory.parent)


def _write(file: io.FileIO, data: bytes) -> None:
    rest = memoryview(data)
    while rest:  # one call writes it all, unless the disk is full, and the second says so
        rest = rest[file.write(rest) :]
    os.fsync(file.fileno())


def _take_back(file: io.FileIO, path: Path, at: int) -> None:
    try:
        file.truncate(at)
        os.fsync(file.fileno())
    except OSError as error:
        raise OutcomeUnknownError(
            f"{path} failed during a write, and taking it back failed, too: {error.strerror}",
            hint="Look at the health of the disk, then whether the change is there, before you repeat it.",
        ) from error


def _sync_directory(directory: Path) -> None:
    """Make the names in ``directory`` durable; Windows has no such call."""
    if sys.platform == "win32":
        return
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _beside(path: Path, ending: str) -> Path:
    return path.with_name(path.name + ending)
