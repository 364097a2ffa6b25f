"""What the operating system says, as Tasky's errors."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from tasky import (
    StorageCorruptError,
    StorageError,
    StorageFullError,
    StorageReadOnlyError,
    StorageUnavailableError,
    StoreMissingError,
)

__all__ = ["missing", "reading", "writing"]

_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_REFUSED: Final = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})


@contextmanager
def reading(path: str) -> Iterator[None]:
    """Translate an ``OSError`` of reading ``path``; ``FileNotFoundError`` becomes ``StoreMissingError``."""
    try:
        yield
    except (FileNotFoundError, NotADirectoryError) as error:
        raise missing(path) from error
    except OSError as error:
        raise _not_a_file(path, error) or StorageUnavailableError(
            f"{path} cannot be read: {_reason(error)}",
            hint="Look at the file's permissions and at the disk it is on.",
        ) from error


@contextmanager
def writing(path: str) -> Iterator[None]:
    """Translate an ``OSError`` of writing ``path``; nothing of the batch counts then."""
    try:
        yield
    except OSError as error:
        raise _not_a_file(path, error) or _unwritable(path, error) from error


def missing(path: str) -> StoreMissingError:
    """The error for a store that is not there."""
    return StoreMissingError(
        f"there is no task store at {path}",
        hint="Look for a typing error in the location, bring the file back, or create a store: tasky init.",
    )


def _unwritable(path: str, error: OSError) -> StorageError:
    if error.errno in _FULL:
        return StorageFullError(
            f"{path} cannot be written, as there is no room for it: {_reason(error)}; nothing was changed",
            hint="Make room on the disk, or raise the quota or the limit on file sizes, and try again.",
        )
    if error.errno in _REFUSED:
        return StorageReadOnlyError(
            f"{path} cannot be written: {_reason(error)}; nothing was changed",
            hint="Look at the permissions of the file and of its directory; both have to be writable.",
        )
    return StorageUnavailableError(
        f"{path} cannot be written: {_reason(error)}; nothing was changed",
        hint="Look whether its directory exists and whether the disk is healthy.",
    )


def _not_a_file(path: str, error: OSError) -> StorageCorruptError | None:
    if error.errno != errno.EISDIR:
        return None
    return StorageCorruptError(
        f"{path} is a directory, not a task store", hint="Name a file in it, such as tasks.json."
    )


def _reason(error: OSError) -> str:
    return os.strerror(error.errno) if error.errno else str(error)
