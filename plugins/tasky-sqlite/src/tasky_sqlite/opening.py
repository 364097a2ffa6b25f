"""From a path to a connection to a store: missing, empty, foreign, older and newer files, in that order.

Nothing is written before the file is known to be empty or a store, and SQLite sees no file that came with a
checkout and would make it delete or overwrite another one. A new store is made inside the file
itself under SQLite's own lock, so a creator that is killed leaves an empty file, which counts as no store,
and several creators agree on one.
"""

from __future__ import annotations

import os
import sqlite3
import stat
from typing import Final

from tasky import (
    StorageCorruptError,
    StorageError,
    StorageReadOnlyError,
    StorageUnavailableError,
    StoreMissingError,
)
from tasky_sqlite.exclusion import connection_to
from tasky_sqlite.pool import refuse_poisoned
from tasky_sqlite.schema import MISSING_HINT, check_library, is_current, read_identity, require, upgrade

__all__ = ["connect", "has_log", "missing_error", "open_store"]


_MAGIC: Final = bytes.fromhex("d9d505f920a163d7")  # of SQLite's rollback journals
_NAME_RECORD: Final = 16  # bytes at the end of a journal: length and checksum of a name, and the magic


def connect(path: str, mode: str, wait: float) -> sqlite3.Connection:
    """A connection in autocommit mode; ``mode`` is SQLite's: ro, rw or rwc. Reads nothing of the store yet.

    Raises ``StorageCorruptError`` when a file beside the store would make SQLite harm another file, and
    ``StorageBusyError`` while this process salvages the store.
    """
    refuse_poisoned(path)
    _refuse_planted(path)
    name = path.replace("%", "%25").replace("?", "%3f").replace("#", "%23")
    if os.name == "nt":
        name = "/" + name.replace("\\", "/")
    # The driver sets the busy time-out before any statement. One thread at a time uses it: see Pool.
    connection = connection_to(
        path,
        f"file:{name}?mode={mode}",
        timeout=wait,
        isolation_level=None,
        check_same_thread=False,
        uri=True,
    )
    connection.execute("PRAGMA trusted_schema = OFF")  # the file may be somebody else's work
    return connection


def open_store(path: str, *, create: bool, wait: float) -> sqlite3.Connection:
    """A connection to the store at ``path``, created or upgraded if need be."""
    check_library()
    if has_log(path):
        _refuse_lone_log(path)
        _look(path, create, wait)
    connection = _connect(path, create, wait)
    try:
        identity = read_identity(connection)
        if not is_current(identity):
            if identity == (0, 0):
                _refuse_scrap(connection, path)
            require(identity, path, create=create)
            _bring_up(connection, path, wait)
    except BaseException:
        connection.close()
        raise
    return connection


def has_log(path: str) -> bool:
    """Whether there is a write-ahead log, which the last one to close moves into the file."""
    return os.path.exists(f"{_followed(path)}-wal")  # noqa: PTH110 - pathlib costs the start of every command


def _refuse_lone_log(path: str) -> None:
    """Raise where the file is gone and its log is not: SQLite would delete the log."""
    if os.path.exists(path):  # noqa: PTH110 - as above
        return
    _refuse_planted(path)
    raise StorageCorruptError(
        f"{path} is not there, but its log {path}-wal is, which may hold tasks",
        hint="Put the file back beside its log. To begin with an empty store, move the log away first.",
    )


def missing_error(path: str) -> StoreMissingError:
    """There is no file."""
    return StoreMissingError(f"there is no store at {path}", hint=MISSING_HINT)


def _refuse_planted(path: str) -> None:
    """Raise when SQLite would obey a file beside the store that no Tasky has made.

    SQLite writes through links, and deletes the file that the end of a journal names. A store comes with a
    checkout, so both may be an attack; a journal without a name only restores pages of the store itself.
    """
    followed = _followed(path)
    for ending in ("-journal", "-wal", "-shm"):
        beside = followed + ending
        try:
            found = os.lstat(beside)
        except OSError:
            continue
        if not stat.S_ISREG(found.st_mode):
            what = "is not a regular file, and SQLite would write to what it stands for"
        elif ending == "-journal" and found.st_size >= _NAME_RECORD and _names_a_file(beside):
            what = "names another file, which SQLite would delete"
        else:
            continue
        raise StorageCorruptError(
            f"{beside} {what}; the store was not opened",
            hint="Tasky makes no such file: find out where it comes from, and move it away from the store.",
        )


def _followed(path: str) -> str:
    """Where SQLite looks for the files beside the store: where a link leads."""
    return os.path.realpath(path) if os.path.islink(path) else path  # noqa: PTH114 - as above


def _names_a_file(journal: str) -> bool:
    try:
        with open(journal, "rb") as file:  # noqa: PTH123 - as above
            file.seek(-len(_MAGIC), os.SEEK_END)
            return file.read() == _MAGIC
    except (PermissionError, FileNotFoundError):
        return False  # SQLite cannot read it either, or its writer came to an end


def _look(path: str, create: bool, wait: float) -> None:
    """Refuse a foreign or newer file without writing to it.

    The last connection to close moves what the write-ahead log holds into the file, also when it only looked
    at the version; one that is opened for reading does not.
    """
    connection = connect(path, "ro", wait)
    try:
        require(read_identity(connection), path, create=create)
    except sqlite3.OperationalError:
        pass  # no permission to make the log's index, say: the real connection tells what matters
    finally:
        connection.close()


def _connect(path: str, create: bool, wait: float) -> sqlite3.Connection:
    try:
        return connect(path, "rw", wait)
    except sqlite3.OperationalError as error:
        if os.path.exists(path):  # noqa: PTH110 - as above
            return connect(path, "rw", wait)  # another process may have created it just now
        if not create:
            raise missing_error(path) from error
    parent = os.path.dirname(path)  # noqa: PTH120 - as above
    try:
        os.makedirs(parent, exist_ok=True)  # noqa: PTH103 - as above
        return connect(path, "rwc", wait)
    except PermissionError as error:
        raise StorageReadOnlyError(
            f"the directory {parent} cannot be created: {error.strerror}", hint="Check its permissions."
        ) from error
    except OSError as error:
        raise StorageUnavailableError(
            f"the directory {parent} cannot be created: {error.strerror}", hint="Check the location."
        ) from error
    except sqlite3.OperationalError as error:
        if not os.access(parent, os.W_OK):
            raise StorageReadOnlyError(
                f"no store can be created in {parent}: it cannot be written", hint="Check its permissions."
            ) from error
        raise


def _bring_up(connection: sqlite3.Connection, path: str, wait: float) -> None:
    """Create or upgrade, unless another process has done it meanwhile."""
    from tasky_sqlite.beginning import begin_immediate, make_durable, wait_for_disk  # a list does without

    wait_for_disk(connection)
    connection.execute("PRAGMA foreign_keys = OFF")  # inside of a transaction it would do nothing
    begin_immediate(connection, wait)
    try:
        identity = read_identity(connection)
        if not is_current(identity):
            require(identity, path, create=True)
            upgrade(connection, identity[1])
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # a commit that fails for lack of space has ended it
            connection.execute("ROLLBACK")
        raise
    make_durable(connection, wait)
    _sync_directory(path)


def _refuse_scrap(connection: sqlite3.Connection, path: str) -> None:
    """Raise when SQLite takes for an empty database what is too short to be one, and would write over it.

    Asked on both sides of a read: a creator's half-written file makes the read wait, or roll it back.
    """
    if not os.stat(path).st_size or read_identity(connection) != (0, 0):  # noqa: PTH116 - as above
        return
    if os.stat(path).st_size:  # noqa: PTH116 - as above
        raise StorageCorruptError(
            f"{path} is not an SQLite database; it was left as it is", hint="Check the location."
        )


def _sync_directory(path: str) -> None:
    """Make the name of a new file as durable as its content, where the platform can."""
    if os.name == "nt":
        return  # directories cannot be opened there, and NTFS logs their changes
    try:
        directory = os.open(os.path.dirname(path), os.O_RDONLY)  # noqa: PTH120 - as above
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
    except OSError as error:
        raise StorageError(f"the directory of {path} cannot be made durable: {error.strerror}") from error
