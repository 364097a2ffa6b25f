"""What the operating system says, as Tasky's errors: nobody above knows that there is a file."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tasky import (
    StorageCorruptError,
    StorageError,
    StorageFullError,
    StorageReadOnlyError,
    StorageUnavailableError,
    StoreMissingError,
)

__all__ = ["reading", "writing"]

_READING: Final = {
    errno.ENOENT: StoreMissingError,
    errno.ENOTDIR: StoreMissingError,
    errno.EISDIR: StorageCorruptError,
}
_WRITING: Final = {
    errno.ENOSPC: StorageFullError,
    errno.EDQUOT: StorageFullError,
    errno.EFBIG: StorageFullError,
    errno.EACCES: StorageReadOnlyError,
    errno.EPERM: StorageReadOnlyError,
    errno.EROFS: StorageReadOnlyError,
    errno.EISDIR: StorageCorruptError,
}
_HINTS: Final[Mapping[type[StorageError], str]] = {
    StoreMissingError: "Check the location, bring the file back, or create a store: tasky init.",
    StorageCorruptError: "Name a file in that directory.",
    StorageFullError: "Make room on the disk, or raise the quota or the limit on file sizes.",
    StorageReadOnlyError: "Look at the permissions of the file and of its directory.",
    StorageUnavailableError: "Look at the path, at its permissions, and at the health of the disk.",
}


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Translate an ``OSError`` of reading ``path``; no such file is a ``StoreMissingError``."""
    try:
        yield
    except OSError as error:
        raise _translated(error, f"{path} cannot be read", _READING) from error


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Translate an ``OSError`` of writing ``path``; the caller has seen to it that nothing was written."""
    try:
        yield
    except OSError as error:
        raise _translated(error, f"nothing was changed, as {path} cannot be written", _WRITING) from error


def _translated(error: OSError, what: str, meaning: Mapping[int, type[StorageError]]) -> StorageError:
    number = error.errno or 0
    kind = meaning.get(number, StorageUnavailableError)
    reason = os.strerror(number) if number else str(error)
    return kind(f"{what}: {reason}", hint=_HINTS[kind])
