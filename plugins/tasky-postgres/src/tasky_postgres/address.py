"""From a storage location to what the driver is told.

The location names the server as libpq does: ``postgresql://[user@]host[:port]/database?name=value``, with
several hosts too, and without a host for whatever libpq's own environment says. Its query may hold what
``_LIBPQ`` lists, and three names of our own:

- ``schema``: the PostgreSQL schema that holds this project, ``tasky`` when it is not given. Several projects
  share a database by it.
- ``lock_timeout``: seconds to wait for what others hold (30), then ``StorageBusyError``.
- ``statement_timeout``: seconds that one statement may take (300), then ``StorageBusyError``.

A password is best left to libpq: PGPASSWORD, ``~/.pgpass``, a service file.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tasky import InvalidLocationError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tasky import StorageLocation

__all__ = ["Address", "address_from_location"]

_SCHEMA: Final = "tasky"
_LOCK_TIMEOUT: Final = 30.0
_STATEMENT_TIMEOUT: Final = 300.0
_LONGEST: Final = 86_400.0  # seconds
_SCHEMA_PATTERN: Final = "[a-z_][a-z0-9_]{0,62}"
_OWN: Final = ("schema", "lock_timeout", "statement_timeout")
# Of libpq's parameters those that say where the server is, who comes and how the line is protected. What
# would change the session (options, client_encoding) is Tasky's, and a password has no place here.
_LIBPQ: Final = (
    "channel_binding",
    "connect_timeout",
    "gssencmode",
    "gsslib",
    "host",
    "hostaddr",
    "krbsrvname",
    "load_balance_hosts",
    "passfile",
    "port",
    "require_auth",
    "requirepeer",
    "service",
    "ssl_max_protocol_version",
    "ssl_min_protocol_version",
    "sslcert",
    "sslcertmode",
    "sslcrl",
    "sslcrldir",
    "sslkey",
    "sslmode",
    "sslnegotiation",
    "sslrootcert",
    "sslsni",
    "target_session_attrs",
    "user",
)
_SSL_MODES: Final = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
# A server that is gone without a word is noticed in about half a minute.
_DEFAULTS: Final = {
    "fallback_application_name": "tasky",
    "client_encoding": "utf8",
    "connect_timeout": "10",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "4",
    "tcp_user_timeout": "30000",
}


@dataclass(frozen=True, slots=True, repr=False)
class Address:
    """Where a store is. ``parameters``, for libpq, may hold a password and are never shown.

    ``shown`` is the location without what may be secret. Times are in seconds.
    """

    parameters: Mapping[str, str]
    schema: str
    shown: str
    lock_timeout: float = _LOCK_TIMEOUT
    statement_timeout: float = _STATEMENT_TIMEOUT

    def __str__(self) -> str:
        return f"the schema {self.schema} of {self.shown}"

    __repr__ = __str__


def address_from_location(location: StorageLocation) -> Address:
    """The address in ``location``; raises ``InvalidLocationError``, which repeats no part of the query."""
    given: dict[str, str] = {}
    for name, value in location.query:
        if name not in _OWN and name not in _LIBPQ:
            raise _unknown(location, name)
        if name in given:
            raise InvalidLocationError(f"the query of {location} has {name} twice", hint="Give it once.")
        given[name] = value
    parameters = {name: value for name, value in given.items() if name in _LIBPQ}
    for name, written in _written(location):
        if name in parameters:
            raise InvalidLocationError(
                f"{location} says the {name} twice: before its '?' and behind it", hint="Say it once."
            )
        parameters[name] = written
    if parameters.get("sslmode", "prefer") not in _SSL_MODES:
        raise InvalidLocationError(
            f"the sslmode of {location} is none that PostgreSQL knows", hint=f"Use {_listed(_SSL_MODES)}."
        )
    return Address(
        _DEFAULTS | parameters,
        _schema(location, given.get("schema", _SCHEMA)),
        str(location),
        _seconds(location, "lock_timeout", given.get("lock_timeout"), _LOCK_TIMEOUT),
        _seconds(location, "statement_timeout", given.get("statement_timeout"), _STATEMENT_TIMEOUT),
    )


def _written(location: StorageLocation) -> list[tuple[str, str]]:
    """What stands before the query, by libpq's names."""
    found: list[tuple[str, str]] = []
    if location.host is not None and "," in location.host:
        hosts = [_split_port(location, each) for each in location.host.split(",")]
        found.append(("host", ",".join([host for host, _ in hosts])))
        found.append(("port", ",".join([port for _, port in hosts])))
    elif location.host is not None:
        found.append(("host", location.host.strip("[]")))
    if location.port is not None:
        found.append(("port", str(location.port)))
    if location.username:
        found.append(("user", location.username))
    if location.password is not None:
        found.append(("password", location.password.reveal()))
    database = location.path.removeprefix("/")
    if database:
        found.append(("dbname", database))
    return found


def _split_port(location: StorageLocation, text: str) -> tuple[str, str]:
    match = re.fullmatch(r"(\[[0-9A-Fa-f:.]+\]|[^:\[\]]+)(?::([0-9]{1,5}))?", text)
    if match is None:
        raise InvalidLocationError(
            f"{location} does not list its hosts as host:port,host:port", hint="Write a,b or a:5432,b:5433."
        )
    return match[1].strip("[]"), match[2] or ""


def _schema(location: StorageLocation, name: str) -> str:
    if not re.fullmatch(_SCHEMA_PATTERN, name) or name.startswith("pg_") or name == "information_schema":
        raise InvalidLocationError(
            f"the schema that {location} asks for cannot hold a project",
            hint="A schema is a-z, 0-9 and '_', at most 63 of them, and begins neither with a digit"
            " nor with pg_.",
        )
    return name


def _seconds(location: StorageLocation, name: str, text: str | None, default: float) -> float:
    if text is None:
        return default
    if not re.fullmatch(r"[0-9]+(\.[0-9]+)?", text) or not 0.001 <= float(text) <= _LONGEST:
        raise InvalidLocationError(
            f"the {name} of {location} is no number of seconds", hint=f"Use 0.001 to {_LONGEST:g}."
        )
    return float(text)


def _unknown(location: StorageLocation, name: str) -> InvalidLocationError:
    """It says what is known, and not what was given: that may be the rest of a password with an '&' in it."""
    known = (*_OWN, *_LIBPQ)
    if "pass" in name.lower():
        return InvalidLocationError(
            f"the query of {location} holds a password",
            hint="Leave it to PGPASSWORD, ~/.pgpass or a service file: see the README of tasky-postgres.",
        )
    from difflib import get_close_matches  # a mistake is rare

    near = get_close_matches(name, known, 1)
    guess = f"Did you mean {near[0]}? " if near else ""
    return InvalidLocationError(
        f"the query of {location} has a name that tasky-postgres does not know",
        hint=f"{guess}Known are {_listed(known)}.",
    )


def _listed(names: tuple[str, ...]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}"
