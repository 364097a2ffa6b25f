"""SQLite's exceptions as Tasky's errors: none of the driver's ever reaches a caller."""

from __future__ import annotations

import os
import sqlite3
from typing import Final

from tasky import (
    StorageBusyError,
    StorageCorruptError,
    StorageError,
    StorageFullError,
    StorageReadOnlyError,
    StorageUnavailableError,
    StoreClosedError,
)

__all__ = [
    "DRIVER_ERRORS",
    "busy_error",
    "closed_error",
    "corrupt_error",
    "is_busy",
    "is_busy_code",
    "said",
    "shown_id",
    "storage_error",
]

# The driver decodes SQLite's message, which may quote the bytes of a damaged file.
DRIVER_ERRORS: Final = (sqlite3.Error, UnicodeDecodeError)

_CHECK_HINT: Final = (
    "Run 'tasky check' to see what is damaged. Go back to a backup, or save what can be read with"
    " 'tasky check --salvage FILE'."
)

_BUSY: Final = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL})
_PRIMARY: Final[dict[int, tuple[type[StorageError], str, str]]] = {
    sqlite3.SQLITE_BUSY: (
        StorageBusyError,
        "is held by another process or thread",
        "Try again; if it lasts, look for a program that keeps the store open in the middle of a write.",
    ),
    sqlite3.SQLITE_CORRUPT: (StorageCorruptError, "is damaged", _CHECK_HINT),
    sqlite3.SQLITE_NOTADB: (
        StorageCorruptError,
        "is not an SQLite database",
        "Check the location; the file was left as it is. If a store was damaged there, 'tasky check --salvage"
        " FILE' saves what can be read.",
    ),
    sqlite3.SQLITE_FULL: (StorageFullError, "has no space left", "Free some space and try again."),
    sqlite3.SQLITE_READONLY: (
        StorageReadOnlyError,
        "cannot be written",
        "Check the permissions of the file and of its directory.",
    ),
    sqlite3.SQLITE_CANTOPEN: (
        StorageUnavailableError,
        "cannot be opened",
        "Check that the location is a file, and the permissions of the file and of its directory.",
    ),
    sqlite3.SQLITE_IOERR: (
        StorageUnavailableError,
        "cannot be read or written",
        "Check the disk; network file systems are not supported.",
    ),
    sqlite3.SQLITE_NOMEM: (StorageUnavailableError, "does not fit into memory", "Free some memory."),
    sqlite3.SQLITE_ERROR: (StorageCorruptError, "lacks a table or column of a store", _CHECK_HINT),
}
# A reader, too, needs the index of the write-ahead log, and without the right to write it gets one of these.
_NO_INDEX: Final = frozenset(
    {
        sqlite3.SQLITE_READONLY_DIRECTORY,
        sqlite3.SQLITE_READONLY_CANTINIT,
        sqlite3.SQLITE_READONLY_CANTLOCK,
        sqlite3.SQLITE_READONLY_RECOVERY,
    }
)
for _code in (sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL):
    _PRIMARY[_code] = _PRIMARY[sqlite3.SQLITE_BUSY]
for _code in (sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH):
    _PRIMARY[_code] = _PRIMARY[sqlite3.SQLITE_READONLY]


def is_busy(error: sqlite3.Error) -> bool:
    """Whether waiting may help."""
    return is_busy_code(getattr(error, "sqlite_errorcode", 0))


def is_busy_code(code: int) -> bool:
    """The same of a result code of SQLite's."""
    return code & 0xFF in _BUSY


def busy_error(path: str) -> StorageError:
    """The file at ``path`` is still busy after the wait."""
    kind, what, hint = _PRIMARY[sqlite3.SQLITE_BUSY]
    return kind(f"{path} {what}", hint=hint)


def storage_error(error: Exception, path: str) -> StorageError:
    """The Tasky error that says what ``error``, met at the file ``path``, means; raise it ``from error``."""
    code = getattr(error, "sqlite_errorcode", 0)  # absent when the driver itself complains
    if code == sqlite3.SQLITE_IOERR_WRITE:
        # The operating system refused a write for another reason than ENOSPC, which SQLite reports as FULL:
        # nearly always a quota or a limit on the size of files.
        return StorageFullError(
            f"{path} could not be written: no space, a quota, a size limit or a failing disk ({error})",
            hint="Free some space or raise the limit, and try again.",
        )
    if code in _NO_INDEX or (code & 0xFF == sqlite3.SQLITE_CANTOPEN and _lies_in_read_only(path)):
        return StorageReadOnlyError(
            f"{path} cannot be read here: SQLite has to write the index of its log beside it, also to read,"
            f" and may not ({error})",
            hint=f"Ask for permission to write in {os.path.dirname(path)}, or read a copy of the store.",  # noqa: PTH120 - pathlib costs the start of every command
        )
    if code & 0xFF in _PRIMARY:
        kind, what, hint = _PRIMARY[code & 0xFF]
        return kind(f"{path} {what} ({error})", hint=hint)
    if isinstance(error, sqlite3.ProgrammingError) and "closed" in str(error):
        return closed_error(path)
    if isinstance(error, UnicodeDecodeError) or "decode to UTF-8" in str(error):
        return StorageCorruptError(f"{path} holds text that is not UTF-8 ({error})", hint=_CHECK_HINT)
    return StorageError(f"{path} refused the operation ({error})", hint="Run 'tasky check'.")


def corrupt_error(path: str, what: str) -> StorageCorruptError:
    """``what`` (it names the record) in the store at ``path`` cannot be read."""
    return StorageCorruptError(f"{path}: {what}", hint=_CHECK_HINT)


def said(error: Exception) -> str:
    """What is wrong with a record, without the words of Python's codecs."""
    return "its text is not UTF-8" if isinstance(error, UnicodeDecodeError) else str(error)


def shown_id(task_id: object) -> str:
    """What a column of ids holds, which in a damaged file can be anything."""
    return task_id.hex() if isinstance(task_id, bytes) else ascii(task_id)


def closed_error(path: str) -> StoreClosedError:
    """The repository is not open."""
    return StoreClosedError(f"the store at {path} is not open", hint="Call initialize() first.")


def _lies_in_read_only(path: str) -> bool:
    """Whether the file could be read if only something could be written beside it."""
    return os.access(path, os.R_OK) and os.path.isfile(path) and not os.access(os.path.dirname(path), os.W_OK)  # noqa: PTH113, PTH120 - as above
