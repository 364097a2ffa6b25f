"""A transaction that writes, and what became of it when the answer to its commit was lost."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from contextlib import nullcontext, suppress
from typing import Final, NamedTuple

import psycopg

from tasky import OutcomeUnknownError, StorageError, StorageUnavailableError
from tasky_postgres.address import Address
from tasky_postgres.errors import is_lost, is_replayable, storage_error, translated
from tasky_postgres.opening import Connection
from tasky_postgres.pool import Pool

__all__ = ["Written", "replayed", "write"]

# Whoever stops in the middle of a batch is sent away, since others wait for its locks.
_BEGIN: Final = "BEGIN ISOLATION LEVEL READ COMMITTED"
_LIMIT: Final = "SET LOCAL idle_in_transaction_session_timeout = '60s'"
# The commit never came there: the session would wait for it, and others for the session.
_SEND_AWAY: Final = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE backend_xid = %s::xid AND wait_event = 'ClientRead' AND usename = current_user"
)
# It is on the server's disk then, and seen by nobody.
_WAITS_FOR_STANDBY: Final = (
    "SELECT 1 FROM pg_stat_activity WHERE backend_xid = %s::xid AND wait_event = 'SyncRep'"
)
_WAIT_FOR_IT: Final = "SELECT 1 FROM tasky_store FOR UPDATE"  # it holds this lock until it has ended
_PATIENCE: Final = 5.0  # seconds for a server to come back and say what it knows
_NAP: Final = (0.05, 0.25)  # seconds between two questions
_REPLAYS: Final = 10
_PAUSE: Final = 0.01  # seconds, times the number of the replay at most


class Written(NamedTuple):
    """What is about to be committed: its name for people, the server's number, and how to ask for it."""

    what: str
    transaction: str
    is_there: Callable[[Connection], bool]


def write(
    pool: Pool, address: Address, work: Callable[[Connection], Written | None], *, at_once: bool = False
) -> None:
    """Let ``work`` write in a transaction, and commit it; when ``work`` returns None or raises, undo it.

    ``at_once`` sends statements without waiting for the answer to each, and the commit with the last ones: on
    a long line that is most of the time. COPY cannot be sent so.

    When the commit's answer is lost, the server is asked on another connection. Raises
    ``StorageUnavailableError`` when nothing was written, ``OutcomeUnknownError`` when nobody can say.
    """
    written, is_ours = None, True
    with pool.taken() as connection:
        try:
            with connection.pipeline() if at_once else nullcontext():
                connection.execute(_BEGIN)
                connection.execute(_LIMIT)
                is_ours = False  # what the caller's iterator raises comes out as it is
                written = work(connection)
                is_ours = True
                if written is None:
                    return
                connection.execute("COMMIT")
                return
        except psycopg.Error as error:
            if not is_ours:
                raise
            if written is None or not is_lost(error):
                raise storage_error(error, address) from error
            lost = error
    if not _find_out(pool, address, written, lost):
        raise StorageUnavailableError(
            f"{address} was lost during the commit of {written.what}, and nothing was written",
            hint="Try again.",
        ) from lost


def replayed(work: Callable[[], None]) -> None:
    """Do ``work`` again, a few times, when the server says that it could not be fitted between others."""
    for number in range(_REPLAYS):
        try:
            return work()
        except StorageError as error:
            if not is_replayable(error):
                raise
        time.sleep(random.uniform(0, _PAUSE * (number + 1)))  # noqa: S311 - no secret
    return work()


def _find_out(pool: Pool, address: Address, written: Written, lost: psycopg.Error) -> bool:
    """Whether it was written after all; raises ``OutcomeUnknownError``."""
    deadline = time.monotonic() + min(_PATIENCE, address.lock_timeout)
    while True:
        try:
            with pool.taken() as connection, translated(address):
                if connection.execute(_WAITS_FOR_STANDBY, (written.transaction,)).fetchone() is None:
                    return _is_there(connection, written)
        except StorageError as error:
            if not isinstance(error, StorageUnavailableError) or time.monotonic() > deadline:
                raise OutcomeUnknownError(
                    f"{address} was lost during the commit of {written.what}, and cannot say whether it"
                    f" was written ({error})",
                    hint="Look for it with 'tasky log' when the server can be reached again.",
                ) from lost
        else:
            if time.monotonic() > deadline:
                raise OutcomeUnknownError(
                    f"{address} has written {written.what}, but no synchronous standby has it: until one"
                    " does, nobody sees it, and it is lost if this server is",
                    hint="Do not repeat it: bring the standby back, or change synchronous_standby_names, and"
                    " look for it with 'tasky log'.",
                ) from lost
        time.sleep(random.uniform(*_NAP))  # noqa: S311 - no secret


def _is_there(connection: Connection, written: Written) -> bool:
    with suppress(psycopg.errors.InsufficientPrivilege):
        connection.execute(_SEND_AWAY, (written.transaction,))
    connection.execute(_BEGIN)
    connection.execute(_WAIT_FOR_IT)
    found = written.is_there(connection)
    # Not ROLLBACK: where a standby has to have what is committed, this waits until it has what was found.
    connection.execute("COMMIT")
    return found
