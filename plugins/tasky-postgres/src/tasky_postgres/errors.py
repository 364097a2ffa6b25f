"""PostgreSQL's and the driver's exceptions as Tasky's errors: none of the driver's ever reaches a caller."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import psycopg

from tasky import (
    StorageBusyError,
    StorageCorruptError,
    StorageError,
    StorageFullError,
    StorageReadOnlyError,
    StorageUnavailableError,
    StoreClosedError,
    StoreMissingError,
)
from tasky_postgres.address import Address

__all__ = [
    "closed_error",
    "connection_error",
    "corrupt_error",
    "is_lost",
    "is_passing",
    "is_replayable",
    "said",
    "storage_error",
    "translated",
]

_CHECK_HINT: Final = "Run 'tasky check' to see what is damaged, and go back to a backup if need be."
_REACH_HINT: Final = (
    "Check that the server runs and can be reached;"
    " a password comes from PGPASSWORD, ~/.pgpass or a service file."
)
_LOGIN_HINT: Final = (
    "Check the user, and the password in PGPASSWORD or ~/.pgpass;"
    " pg_hba.conf on the server says who may come."
)
_TLS_HINT: Final = (
    "Check that the server offers TLS, and sslmode, sslrootcert and the client's certificate in the location."
)
_SERVICE_HINT: Final = "Add it to ~/.pg_service.conf, or check its name."
_BUSY: Final = (
    StorageBusyError,
    "is held by others, or took too long",
    "Try again; if it lasts, look in pg_stat_activity for a session that stays in the middle of a write.",
)
_CORRUPT: Final = (StorageCorruptError, "is damaged", _CHECK_HINT)
_LACKING: Final = (StorageCorruptError, "lacks a table or column of a store", _CHECK_HINT)
_GONE: Final = (StorageUnavailableError, "cannot be reached any more", _REACH_HINT)
_FULL: Final = (StorageFullError, "has no space left", "Free some space on the server and try again.")
_READ_ONLY: Final = (
    StorageReadOnlyError,
    "may not be written, or not be read, by this role or on this server",
    "Ask for the rights that the README of tasky-postgres lists; a standby server can only be read.",
)
# By SQLSTATE, or by its class where nothing more exact is known: the appendix 'Error Codes' of PostgreSQL.
_KINDS: Final[dict[str, tuple[type[StorageError], str, str]]] = {
    "08": _GONE,
    "22": _CORRUPT,
    "25006": _READ_ONLY,
    "25P03": _GONE,
    "25P04": _BUSY,
    "3F000": _LACKING,
    "40": _BUSY,
    "42501": _READ_ONLY,
    "42703": _LACKING,
    "42804": _LACKING,
    "42846": _LACKING,
    "42883": _LACKING,
    "42P01": _LACKING,
    "53100": _FULL,
    "53200": (StorageUnavailableError, "does not fit into the server's memory", "Free some memory there."),
    "53300": (
        StorageBusyError,
        "is on a server that has no connection left",
        "Try again; if it lasts, raise max_connections or put a pooler before the server.",
    ),
    "55P03": _BUSY,
    "55006": _BUSY,
    "57014": _BUSY,
    "57P": _GONE,
    "58": (StorageUnavailableError, "cannot be read or written by its server", "Look into the server's log."),
    "XX001": _CORRUPT,
    "XX002": _CORRUPT,
}
# What the server says before there is a session comes as text alone, in the server's language.
_NO_DATABASE: Final = re.compile(r'FATAL: +database "[^"]*" does not exist')
_STRANGER: Final = re.compile(
    "authentication failed|no password supplied|no pg_hba.conf entry|authentication method requirement"
    '|FATAL: +role "[^"]*" (does not exist|is not permitted)'
)
_NO_SERVICE: Final = re.compile("definition of service|service file")
_NO_TLS: Final = re.compile("SSL|certificate|private key")
_CROWDED: Final = re.compile("FATAL: +(sorry, too many|too many connections|remaining connection slots)")
_STARTING: Final = re.compile("FATAL: +the database system is (starting up|not yet accepting|in recovery)")


def storage_error(error: psycopg.Error, address: Address) -> StorageError:
    """The Tasky error that says what ``error``, met at ``address``, means; raise it ``from error``."""
    state = error.sqlstate
    for code in () if state is None else (state, state[:3], state[:2]):
        if code in _KINDS:
            kind, what, hint = _KINDS[code]
            return kind(f"{address} {what} ({said(error)})", hint=hint)
    if isinstance(error, psycopg.DataError):  # the driver cannot make a value of what came
        return StorageCorruptError(f"{address} holds what cannot be read ({said(error)})", hint=_CHECK_HINT)
    if state is None and isinstance(error, psycopg.OperationalError):
        kind, what, hint = _GONE
        return kind(f"{address} {what} ({said(error)})", hint=hint)
    return StorageError(f"{address} refused the operation ({said(error)})", hint="Run 'tasky check'.")


def connection_error(error: psycopg.Error, address: Address) -> StorageError:
    """The same, of an attempt to connect."""
    text = said(error)
    if _NO_DATABASE.search(text):
        return StoreMissingError(
            f"there is no database at {address.shown} ({text})",
            hint=f"Create it ('{_creation(address)}'), or check the location.",
        )
    if _CROWDED.search(text):
        kind, what, hint = _KINDS["53300"]
        return kind(f"{address} {what} ({text})", hint=hint)
    for pattern, what, hint in (
        (_STRANGER, "does not let this user in", _LOGIN_HINT),
        (_NO_SERVICE, "names a service that is not known here", _SERVICE_HINT),
        (_NO_TLS, "cannot be reached over TLS as it is asked for", _TLS_HINT),
    ):
        if pattern.search(text):
            return StorageUnavailableError(f"{address} {what} ({text})", hint=hint)
    return StorageUnavailableError(f"{address} cannot be reached ({text})", hint=_REACH_HINT)


def is_passing(error: psycopg.Error) -> bool:
    """Whether an attempt to connect may succeed a moment later."""
    text = said(error)
    return _CROWDED.search(text) is not None or _STARTING.search(text) is not None


def is_lost(error: psycopg.Error) -> bool:
    """Whether the connection is gone, so that nobody knows what the server made of the last words."""
    state = error.sqlstate
    if state is None:
        return isinstance(error, psycopg.OperationalError)
    return state[:2] == "08" or state[:3] == "57P" or state == "25P03"


def is_replayable(error: StorageError) -> bool:
    """Whether the server undid the transaction only because of others, so that it may succeed next time."""
    cause = error.__cause__
    return isinstance(cause, psycopg.Error) and cause.sqlstate in ("40001", "40P01")


@contextmanager
def translated(address: Address) -> Iterator[None]:
    """Raise Tasky's error for one of the driver's."""
    try:
        yield
    except psycopg.Error as error:
        raise storage_error(error, address) from error


def corrupt_error(address: Address, what: str) -> StorageCorruptError:
    """``what`` (it names the record) in the store at ``address`` cannot be read."""
    return StorageCorruptError(f"{address}: {what}", hint=_CHECK_HINT)


def closed_error(address: Address) -> StoreClosedError:
    """The repository is not open."""
    return StoreClosedError(f"{address} is not open", hint="Call initialize() first.")


def _creation(address: Address) -> str:
    database = address.parameters.get("dbname")
    return shlex.join(["createdb", "-E", "UTF8", "-T", "template0", *([database] if database else [])])


def said(error: psycopg.Error) -> str:
    """The server's or driver's words on one line, without what it quotes of a statement."""
    primary = error.diag.message_primary
    return " ".join((primary or str(error)).split())
