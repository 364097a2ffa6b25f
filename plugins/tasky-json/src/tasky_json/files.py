"""What is done to files: the lock, the atomic replacement, and what makes both durable.

Every writer holds the lock on ``tasks.json.lock`` while it reads, appends and replaces. The lock is on a
file of its own, which stays in place: the document is another file after each write, and a lock that
were removed could be held twice. Readers take no lock.

The user agreed to the document's own place. A checkout may hold a symbolic link under any other of these
names, so none of them is followed: the history and the lock have to be plain files.
"""

from __future__ import annotations

import os
import stat
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from tasky import OutcomeUnknownError, StorageBusyError, StorageCorruptError
from tasky_json.errors import reading, writing

__all__ = ["append", "locked", "make_directory", "read", "read_range", "replace"]

_POLL: Final = 0.005  # seconds; a batch takes about as long, so nobody waits for much more than their turn
_PLAIN: Final = getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0)  # each is missing on some systems
_CREATE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _PLAIN


@contextmanager
def locked(path: str, timeout: float) -> Iterator[None]:
    """Hold the inter-process lock of the document at ``path``.

    Each call opens the lock file anew, so that threads and handles of one process keep each other out as
    processes do. Raises ``StorageBusyError`` after ``timeout`` seconds.
    """
    from filelock import FileLock, Timeout  # readers do without

    with writing(f"{path}.lock"):
        if not Path(path).parent.is_dir():  # filelock would make it
            raise FileNotFoundError(2, "No such directory")
        _refuse_link(f"{path}.lock")
        lock = FileLock(f"{path}.lock", thread_local=False)
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


def read(path: str) -> bytes:
    """The whole file; raises ``StoreMissingError`` where there is none."""
    with reading(path):
        return Path(path).read_bytes()


def read_range(path: str, start: int, end: int | None = None) -> bytes:
    """The bytes from ``start`` to ``end`` (None: all); fewer of a shorter file, none without a file."""
    with reading(path):
        try:
            with open(_open_plain(path, os.O_RDONLY), "rb") as file:
                file.seek(start)
                return file.read(-1 if end is None else end - start)
        except FileNotFoundError:
            return b""


def append(path: str, data: bytes, *, at: int) -> None:
    """Cut the file at ``at`` bytes, where a crash may have left more, add ``data``, and make it durable.

    On failure the file is cut there again.
    """
    with writing(path):
        created = not Path(path).exists()
        descriptor = _open_plain(path, os.O_RDWR | os.O_CREAT)
        try:
            os.ftruncate(descriptor, at)
            os.lseek(descriptor, at, os.SEEK_SET)
            try:
                _write(descriptor, data)
                os.fsync(descriptor)
            except BaseException:
                with suppress(OSError):
                    os.ftruncate(descriptor, at)
                raise
        finally:
            os.close(descriptor)
        if created:
            _sync_directory(path)


def replace(path: str, data: bytes, *, patience: float) -> None:
    """Put ``data`` in the place of the file, whole and durable, keeping its mode and owner.

    A reader sees the old file or the new one. There is one temporary name, as only the holder of the lock
    writes: what a crash left there is overwritten. ``patience`` is for how many seconds a reader may keep
    the file open where that keeps it from being replaced (Windows).
    """
    temporary = f"{path}.tmp"
    with writing(path):
        try:
            _write_temporary(temporary, data, path)
            _rename(temporary, path, patience)
        except BaseException:
            with suppress(OSError):
                Path(temporary).unlink(missing_ok=True)
            raise
    try:
        _sync_directory(path)
    except OSError as error:
        raise OutcomeUnknownError(
            f"{path} was written, but whether it outlasts a power loss is unknown: {error.strerror}",
            hint="Look at the tasks before repeating the change, and at the health of the disk.",
        ) from error


def make_directory(path: str) -> None:
    """Make the directory that ``path`` lies in, and those above it, durably."""
    absent = [parent for parent in Path(path).parents if not parent.exists()]
    with writing(path):
        for directory in reversed(absent):
            directory.mkdir(exist_ok=True)
            _sync_directory(str(directory))


def _open_plain(path: str, flags: int) -> int:
    """A descriptor of a file beside the document; raises what ``_refuse_link`` does."""
    _refuse_link(path)
    return os.open(path, flags | _PLAIN, 0o666)  # O_NOFOLLOW: a link may have come since


def _refuse_link(path: str) -> None:
    """Raise ``StorageCorruptError`` for what is there and is no plain file."""
    with suppress(FileNotFoundError):
        mode = Path(path).lstat().st_mode
        if not stat.S_ISREG(mode):
            what = "a symbolic link" if stat.S_ISLNK(mode) else "a directory or a device"
            raise StorageCorruptError(
                f"{path} is {what}, and Tasky takes only a plain file for it; nothing was changed",
                hint="Find out who put it there, look where it leads, and move it away.",
            )


def _write_temporary(temporary: str, data: bytes, path: str) -> None:
    Path(temporary).unlink(missing_ok=True)
    descriptor = os.open(temporary, _CREATE, 0o666)
    try:
        with suppress(FileNotFoundError):
            _copy_mode(descriptor, Path(path).stat())
        _write(descriptor, data)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _copy_mode(descriptor: int, old: os.stat_result) -> None:
    if sys.platform == "win32":
        return
    with suppress(PermissionError):  # only root gives files away
        os.fchown(descriptor, old.st_uid, old.st_gid)
    os.fchmod(descriptor, stat.S_IMODE(old.st_mode))


def _rename(temporary: str, path: str, patience: float) -> None:
    deadline = time.monotonic() + patience
    while True:
        try:
            os.replace(temporary, path)  # noqa: PTH105 - both are text here, and Path.replace is this call
        except PermissionError:
            if sys.platform != "win32" or time.monotonic() > deadline:
                raise
            time.sleep(_POLL)
        else:
            return


def _write(descriptor: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def _sync_directory(path: str) -> None:
    """Make the names in the directory that ``path`` lies in durable; Windows has no such call."""
    if sys.platform == "win32":
        return
    descriptor = os.open(Path(path).parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
