"""From a storage location to what the driver is told.

The location names the server as libpq does: ``postgresql://[user@]host[:port]/database?name=value``, with
several hosts too, with ``%2Frun%2Fpostgresql`` for a socket in that directory, and without a host for
whatever libpq's own environment says. Its query may hold what ``_LIBPQ`` lists, and three names of our own:

- ``schema``: the PostgreSQL schema that holds this project, ``tasky`` when it is not given. Several projects
  share a database by it.
- ``lock_timeout``: seconds to wait for what others hold (30), then ``StorageBusyError``.
- ``statement_timeout``: seconds that one statement may take (300), then ``StorageBusyError``.

A location may come with somebody else's repository, and who approves it has seen its scheme, host, port and
path. So nothing in the query says where to connect, or which file or service a password comes from while a
host is named: the password that is meant for one server would go to another.

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
# Of libpq's parameters those that say who comes and how the line is protected. What would change the session
# (options, client_encoding) is Tasky's, and a password has no place here.
_LIBPQ: Final = (
    "channel_binding",
    "connect_timeout",
    "gssencmode",
    "gsslib",
    "krbsrvname",
    "load_balance_hosts",
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
_ELSEWHERE: Final = ("host", "hostaddr", "passfile", "port", "servicefile")
_SHOWN: Final = ("sslmode", "service")
_TLS: Final = ("TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3")
_WILLS: Final = ("disable", "prefer", "require")
_WAY: Final = "!?(password|md5|gss|sspi|scram-sha-256|oauth|none)"
_VALUES: Final = {
    "channel_binding": _WILLS,
    "gssencmode": _WILLS,
    "load_balance_hosts": ("disable", "random"),
    "ssl_max_protocol_version": _TLS,
    "ssl_min_protocol_version": _TLS,
    "sslcertmode": ("disable", "allow", "require"),
    "sslmode": ("disable", "allow", "prefer", "require", "verify-ca", "verify-full"),
    "sslnegotiation": ("postgres", "direct"),
    "sslsni": ("0", "1"),
    "target_session_attrs": (
        "any",
        "read-write",
        "read-only",
        "primary",
        "standby",
        "prefer-standby",
    ),
}
_PATTERNS: Final = {
    "connect_timeout": (r"[0-9]{1,5}", "Use whole seconds; 0 waits for as long as the system does."),
    "require_auth": (
        rf"{_WAY}(,{_WAY})*",
        "List ways of libpq's, such as scram-sha-256.",
    ),
    "service": (r"[A-Za-z0-9_.-]{1,63}", "Use the name of a section of ~/.pg_service.conf, a plain word."),
}
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

    ``shown`` is the location without what may be secret: of its query the schema, the sslmode and the
    service. Times are in seconds.
    """

    parameters: Mapping[str, str]
    schema: str
    shown: str
    lock_timeout: float = _LOCK_TIMEOUT
    statement_timeout: float = _STATEMENT_TIMEOUT

    def __str__(self) -> str:
        return self.shown

    __repr__ = __str__


def address_from_location(location: StorageLocation) -> Address:
    """The address in ``location``; raises ``InvalidLocationError``, which repeats no value of the query."""
    given: dict[str, str] = {}
    for name, value in location.query:
        if name not in _OWN and name not in _LIBPQ:
            raise _unknown(location, name)
        if name in given:
            raise InvalidLocationError(f"the query of {location} has {name} twice", hint="Give it once.")
        given[name] = value
    for name, value in given.items():
        _check_value(location, name, value)
    parameters = {name: value for name, value in given.items() if name in _LIBPQ}
    if "service" in parameters and location.host is not None:
        raise InvalidLocationError(
            f"{location} names a host, and a service in its query, whose password is for another host",
            hint="Name one of them.",
        )
    for name, written in _written(location):
        if name in parameters:
            raise InvalidLocationError(
                f"{location} says the {name} twice: before its '?' and behind it", hint="Say it once."
            )
        parameters[name] = written
    schema = _schema(location, given.get("schema", _SCHEMA))
    shown = [("schema", schema), *((name, given[name]) for name in _SHOWN if name in given)]
    return Address(
        _DEFAULTS | parameters,
        schema,
        f"{location}?{'&'.join([f'{name}={value}' for name, value in shown])}",
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
        found.append(("port", _port(location, str(location.port))))
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
    return match[1].strip("[]"), _port(location, match[2]) if match[2] else ""


def _port(location: StorageLocation, text: str) -> str:
    if not 1 <= int(text) <= 65_535:
        raise InvalidLocationError(f"the port of {location} is none", hint="Use 1 to 65535.")
    return text


def _check_value(location: StorageLocation, name: str, value: str) -> None:
    """Refuse here what libpq would refuse in words that repeat the value."""
    if name in _VALUES and value not in _VALUES[name]:
        hint = f"Use {_listed(_VALUES[name])}."
    elif name in _PATTERNS and not re.fullmatch(_PATTERNS[name][0], value):
        hint = _PATTERNS[name][1]
    else:
        return
    raise InvalidLocationError(f"the {name} of {location} is none that PostgreSQL knows", hint=hint)


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
    """It names what is not known when that is a plain word: it may be the rest of a password with an '&'."""
    known = (*_OWN, *_LIBPQ)
    if name in _ELSEWHERE:
        return InvalidLocationError(
            f"the query of {location} has {name}, and only what stands before the '?' says where to connect",
            hint="Write postgresql://HOST:PORT/DATABASE, with %2Frun%2Fpostgresql as HOST for a socket;"
            " which files libpq reads is for PGPASSFILE and PGSERVICEFILE in the environment to say.",
        )
    if "pass" in name.lower():
        return InvalidLocationError(
            f"the query of {location} holds a password",
            hint="Leave it to PGPASSWORD, ~/.pgpass or a service file: see the README of tasky-postgres.",
        )
    from difflib import get_close_matches  # a mistake is rare

    near = get_close_matches(name, known, 1)
    guess = f"Did you mean {near[0]}? " if near else ""
    what = name if re.fullmatch("[A-Za-z_]{1,32}", name) else "a name"
    return InvalidLocationError(
        f"the query of {location} has {what}, which tasky-postgres does not know",
        hint=f"{guess}Known are {_listed(known)}.",
    )


def _listed(names: tuple[str, ...]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}"
