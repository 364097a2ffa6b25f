"""Storage locations: ``scheme://relative/path``, ``scheme:///absolute/path``, ``scheme://user@host/name``.

One grammar serves both kinds of backend, and the backend's kind decides how the parts are read: a file
backend takes ``file_path``, a network backend takes the parts themselves. ``${VAR}`` expands in the parts,
after the split, so that no value can change which host is meant. What a location shows of itself, in
``str``, ``repr`` and every error, is an allow-list: scheme, host, port and path.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import field, replace
from pathlib import Path
from typing import Final

from tasky.errors import InvalidLocationError
from tasky.record import record

__all__ = ["Secret", "StorageLocation", "is_scheme"]

_SCHEME_CHARACTERS: Final = frozenset("abcdefghijklmnopqrstuvwxyz0123456789+.-")
# Texts, which re compiles and keeps when they are first needed: a plain location needs none of them.
_HOST_PORT: Final = r"(\[[0-9A-Fa-f:.]+\]|[^:\[\]]*)(?::([0-9]+))?"
_BAD_ESCAPE: Final = r"%(?![0-9A-Fa-f]{2})"
_VARIABLE: Final = r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}"
_SECRET_KEYS: Final = ("pass", "pwd", "secret", "token", "credential")
_FORMS: Final = (
    "Write SCHEME://relative/path (from the project's directory), SCHEME:///absolute/path,"
    " or SCHEME://host/name for a server."
)


class Secret:
    """Text that shows as ``***`` wherever it is printed; ``reveal()`` is the only way to read it."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself, for the one call that needs it."""
        return self._text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __repr__(self) -> str:
        return "***"


def is_scheme(text: str) -> bool:
    """Whether ``text`` can name a backend: a lower-case letter, then letters, digits, ``+ . -``."""
    return text[:1].isalpha() and _SCHEME_CHARACTERS.issuperset(text)


@record()
class StorageLocation:
    """A storage URI in its parts, percent-decoded; ``${VAR}`` is still as written until ``expanded``.

    ``host`` is None and ``path`` starts with a slash in ``scheme:///path``. ``query`` holds its pairs in
    their order. ``written`` is the URI as it was given; it may hold a secret and is never shown.
    """

    scheme: str
    host: str | None
    port: int | None
    username: str | None
    password: Secret | None
    path: str
    query: tuple[tuple[str, str], ...]
    written: Secret = field(compare=False)

    @classmethod
    def parse(cls, text: str) -> StorageLocation:
        """Split ``text``; raises ``InvalidLocationError`` without repeating what may be a secret."""
        scheme, separator, rest = text.partition("://")
        if separator and is_scheme(named := scheme.strip().lower()) and named != scheme:
            rule = "its scheme is written in lower case, without spaces"
            raise _refused(named, rule, f"Write {named}:// and what follows.")
        if not separator or not is_scheme(scheme):
            raise InvalidLocationError(
                "a storage location starts with a backend's name and '://',"
                f" such as sqlite://{_as_example(text)}",
                hint=_FORMS,
            )
        if "#" in rest:
            raise _refused(scheme, "it has a '#' in it", "Write it as %23 if it belongs to the name.")
        if "%" in rest and re.search(_BAD_ESCAPE, rest):
            rule = "it has a '%' that is not followed by two hex digits"
            raise _refused(scheme, rule, "Write a plain percent sign as %25.")
        if any(ord(character) < 0x20 or ord(character) == 0x7F for character in _decoded(rest)):
            raise _refused(scheme, "it has a control character in it", _FORMS)
        hierarchy, _, query = rest.partition("?")
        authority, slash, path = hierarchy.partition("/")
        path = slash + path
        userinfo, at, hostport = authority.rpartition("@")
        if (at or ":" in hostport) and "@" in path + query:
            rule = "it has an '@' behind its first '/' or '?', so a password may have been cut in two"
            hint = "Write '/' and '?' in a password as %2F and %3F, and '@' behind the host as %40."
            raise _refused(scheme, rule, hint)
        host, port = _host_and_port(scheme, hostport)
        username, colon, password = userinfo.partition(":")
        return cls(
            scheme=scheme,
            host=host,
            port=port,
            username=_decoded(username) if at else None,
            password=Secret(_decoded(password)) if colon else None,
            path=_decoded(path),
            query=_pairs(query),
            written=Secret(text),
        )

    @property
    def uses_variables(self) -> bool:
        """Whether any part holds a ``${VAR}``."""
        text = _decoded(self.written.reveal())
        return "${" in text and re.search(_VARIABLE, text) is not None

    @property
    def has_literal_password(self) -> bool:
        """Whether a password is written out, before the host or in the query, not named by ``${VAR}``."""
        secrets = [] if self.password is None else [self.password.reveal()]
        secrets += [value for key, value in self.query if any(part in key.lower() for part in _SECRET_KEYS)]
        return any(secret and not re.fullmatch(_VARIABLE, secret) for secret in secrets)

    def expanded(self, environ: Mapping[str, str]) -> StorageLocation:
        """The same location with each ``${VAR}`` replaced; raises when one is not set."""

        def value(match: re.Match[str]) -> str:
            name = match[1]
            if name not in environ:
                raise InvalidLocationError(
                    f"the storage location {self} uses ${{{name}}}, which is not set",
                    hint=f"Set {name} in the environment.",
                )
            return environ[name]

        def expand(text: str) -> str:
            return re.sub(_VARIABLE, value, text) if "${" in text else text

        return replace(
            self,
            host=None if self.host is None else expand(self.host),
            username=None if self.username is None else expand(self.username),
            password=None if self.password is None else Secret(expand(self.password.reveal())),
            path=expand(self.path),
            query=tuple((key, expand(text)) for key, text in self.query),
        )

    def file_path(self, root: Path) -> Path:
        """Read the location as a file's: an absolute path, a relative one taken from ``root``.

        Raises ``InvalidLocationError`` for a user, port, query or doubtful form, showing both readings.
        """
        scheme = self.scheme
        if self.username is not None or self.port is not None:
            raise InvalidLocationError(
                f"{self} names a user or a port, but {scheme} keeps its tasks in a file",
                hint=f"For a file write {scheme}://{self.path.lstrip('/') or 'tasks'} (in the project)"
                f" or {scheme}:///{self.path.lstrip('/') or 'tasks'} (from the root of the disk).",
            )
        if self.query:
            raise InvalidLocationError(
                f"{self} has a query, and {scheme} knows none",
                hint="Leave out the '?' and what follows, or write '?' in a file name as %3F.",
            )
        if self.written.reveal().startswith(f"{scheme}:////"):  # as written: ${HOME} brings its own slash
            raise InvalidLocationError(
                f"{self} has four slashes, which can be read in two ways",
                hint=f"From the root of the disk: {scheme}:///{self.path.lstrip('/')}"
                f" - in the project: {scheme}://{self.path.lstrip('/')}",
            )
        text = (self.host or "") + self.path
        if text.startswith("~"):
            raise InvalidLocationError(
                f"{self} starts with '~', which is not expanded here",
                hint=f"In your home: {scheme}:///${{HOME}}{text[1:]}"
                f" - a directory of that name in the project: {scheme}://./{text}",
            )
        if text.strip("/") in ("", "."):
            raise InvalidLocationError(f"{self} names no file", hint=_FORMS)
        if self.host is None and re.match(r"/[A-Za-z]:[/\\]", text):
            text = text[1:]  # scheme:///C:/tasks.db
        elif self.host is None:
            text = re.sub("^/+", "/", text)
        return root / text

    def __str__(self) -> str:
        host = (self.host or "").replace("/", "%2F")  # a socket's directory stays the host
        port = "" if self.port is None else f":{self.port}"
        shown = f"{self.scheme}://{host}{port}{self.path}"
        return shown.encode("ascii", "backslashreplace").decode() if not shown.isprintable() else shown

    def __repr__(self) -> str:
        return f"<StorageLocation {self}>"


def _decoded(text: str) -> str:
    if "%" not in text:
        return text
    from urllib.parse import unquote  # costs 2 ms, and few locations need it

    return unquote(text)


def _pairs(query: str) -> tuple[tuple[str, str], ...]:
    if not query:
        return ()
    from urllib.parse import parse_qsl  # as above

    return tuple(parse_qsl(query, keep_blank_values=True))


def _host_and_port(scheme: str, text: str) -> tuple[str | None, int | None]:
    """Several hosts (``a:1,b:2``) stay one text: only the backend knows whether it takes them."""
    if "," in text or not any(mark in text for mark in ":[]"):
        return _decoded(text) or None, None
    match = re.fullmatch(_HOST_PORT, text)
    if match is None or (match[2] is not None and int(match[2][:6]) > 65535):
        rule = "what stands between its '://' and the next '/' is no host and port"
        raise _refused(scheme, rule, f"{_FORMS} A ':' in a file name is written %3A.")
    return _decoded(match[1]) or None, None if match[2] is None else int(match[2])


def _refused(scheme: str, rule: str, hint: str) -> InvalidLocationError:
    return InvalidLocationError(f"the {scheme}:// location is not valid: {rule}", hint=hint)


def _as_example(text: str) -> str:
    """``text`` where it is plainly a path, and so without secrets; else an example of our own."""
    plain = re.fullmatch(r"(?:[a-z]+:)?/*([A-Za-z0-9._/-]{1,200})", text)
    return plain[1] if plain else ".tasky/tasks.db"
