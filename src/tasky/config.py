"""Config files: where the user's own one is, reading one strictly, writing a project's once.

A project's ``.tasky/config.toml`` and the user's own ``config.toml`` have the same keys::

    version = 1

    [storage]
    uri = "sqlite://.tasky/tasks.db"

    [backends]                 # optional: which distribution provides a scheme
    sqlite = "tasky-sqlite"

The user's may leave out the storage and may hold ``actor``. Anything else in them is an error: a file that
is not understood is never half obeyed. No pydantic here, as every command comes through.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import field
from pathlib import Path
from typing import Any, Final

from tasky.atomic import write_atomically
from tasky.errors import ConfigError, InvalidLocationError, InvalidTaskError, ProjectExistsError
from tasky.location import StorageLocation, is_scheme
from tasky.model import check_actor
from tasky.record import record
from tasky.toml import parse_toml

__all__ = [
    "Config",
    "check_shareable",
    "project_exists",
    "read_project_config",
    "read_user_config",
    "user_config_dir",
    "write_project_config",
]

VERSION: Final = 1
_KEYS: Final = ("version", "storage", "backends")


@record()
class Config:
    """What one config file says; ``uri`` is empty where the user's own names no storage.

    ``uri`` may hold a secret in the user's own, so ``repr`` leaves it out.
    """

    path: Path
    uri: str = ""
    pins: Mapping[str, str] = field(default_factory=dict)
    actor: str | None = None

    @property
    def pin_sources(self) -> dict[str, str]:
        """Where each pin comes from: this file."""
        return dict.fromkeys(self.pins, str(self.path))

    def __repr__(self) -> str:
        return f"Config(path={self.path!r}, pins={self.pins!r}, actor={self.actor!r})"


def user_config_dir(environ: Mapping[str, str], *, platform: str = sys.platform) -> Path:
    """The directory of the user's own settings, which need not exist.

    ``$XDG_CONFIG_HOME/tasky`` or ``~/.config/tasky``; ``~/Library/Application Support/tasky`` on macOS,
    ``%APPDATA%\\tasky`` on Windows. Raises ``ConfigError`` when there is no home directory to be found.
    """
    if platform == "win32":
        data = environ.get("APPDATA")
        return Path(data, "tasky") if data else _home(environ) / "AppData" / "Roaming" / "tasky"
    if platform == "darwin":
        return _home(environ) / "Library" / "Application Support" / "tasky"
    given = environ.get("XDG_CONFIG_HOME", "")
    return (Path(given) if given.startswith("/") else _home(environ) / ".config") / "tasky"


def read_project_config(path: Path) -> Config:
    """A project's config, which must name a storage, without a password in it; raises ``ConfigError``."""
    config = _read(path, _KEYS)
    if config is None:
        raise ConfigError(f"{path} does not exist any more")
    if not config.uri:
        raise _fault(path, "storage", "it is required", "Say where the tasks are: [storage] uri = ...")
    check_shareable(StorageLocation.parse(config.uri), f"{path}: storage.uri")
    return config


def read_user_config(environ: Mapping[str, str]) -> Config:
    """The user's own config, empty when there is none; raises ``ConfigError``."""
    path = user_config_dir(environ) / "config.toml"
    return _read(path, (*_KEYS, "actor")) or Config(path)


def check_shareable(location: StorageLocation, label: str) -> None:
    """Raise ``ConfigError`` when a password is written in the location, as others read a project's config."""
    if location.has_literal_password:
        raise ConfigError(
            f"{label}: a password is written in it, and a project's config is for others to read",
            hint="Write ${VARIABLE} in its place and set that variable in your environment, or leave it out"
            " and use what the server's own tools read, such as PGPASSWORD or ~/.pgpass.",
        )


def write_project_config(path: Path, uri: str) -> None:
    """Write a new project's config, whole or not at all, never over another.

    Raises ``ProjectExistsError`` when there is one by now, ``ConfigError`` when it cannot be written.
    """
    from json import dumps  # a JSON string is a TOML string, as locations hold no control characters

    text = (
        "# Where this project keeps its tasks. Commit it: it holds no secrets.\n"
        f"version = {VERSION}\n\n[storage]\nuri = {dumps(uri, ensure_ascii=False)}\n"
    )
    try:
        write_atomically(path, text.encode(), mode=0o666, replace=False)
    except FileExistsError:
        raise project_exists(path) from None
    except UnicodeEncodeError:
        raise ConfigError("the storage location is not valid Unicode, so no config can hold it") from None
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}") from error


def project_exists(path: Path) -> ProjectExistsError:
    """There is a project already; ``path`` is its config."""
    return ProjectExistsError(
        f"there is a project already: {path} exists",
        hint="Use it as it is, or start one in another directory.",
    )


def _read(path: Path, keys: tuple[str, ...]) -> Config | None:
    try:
        text = path.read_bytes().decode().removeprefix("\ufeff")
        table = parse_toml(text)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be read: {error.strerror}", hint="It has to be a file, and yours to read."
        ) from error
    except UnicodeDecodeError:
        raise ConfigError(f"{path} is not UTF-8 text", hint="Save it as UTF-8.") from None
    except ValueError as error:
        raise ConfigError(f"{path} is not valid TOML: {error}", hint="Correct it in an editor.") from None
    except RecursionError:
        raise ConfigError(f"{path} is not valid: its values nest too deeply") from None
    _check_version(path, table)
    _check_keys(path, "", table, keys)
    storage = _table(path, "storage", table)
    _check_keys(path, "storage.", storage, ("uri",))
    uri = ""
    if "storage" in table:
        uri = _text(path, "storage.uri", storage.get("uri"))
        try:
            StorageLocation.parse(uri)
        except InvalidLocationError as error:
            raise _fault(path, "storage.uri", error.message, error.hint) from None
    pins = {}
    for scheme, distribution in _table(path, "backends", table).items():
        if not is_scheme(scheme):
            raise _fault(path, "backends", f"{scheme!a} cannot name a backend")
        pins[scheme] = _text(path, f"backends.{scheme}", distribution)
    actor = None
    if "actor" in table:
        try:
            actor = check_actor(table["actor"])
        except InvalidTaskError as error:
            raise _fault(path, "actor", error.rule) from None
    return Config(path, uri, pins, actor)


def _check_version(path: Path, table: dict[str, Any]) -> None:
    """First of all: a newer Tasky's config may well have keys that are unknown here."""
    if "version" not in table:
        raise _fault(path, "version", "it is required", f"Write version = {VERSION} at the top of the file.")
    version = table["version"]
    if type(version) is int and version > VERSION:
        raise _fault(path, "version", f"{version} is of a newer Tasky", "Upgrade Tasky to use this project.")
    if type(version) is not int or version != VERSION:
        raise _fault(path, "version", f"it has to be {VERSION}")


def _check_keys(path: Path, prefix: str, table: dict[str, Any], known: Sequence[str]) -> None:
    for key in table:
        if key not in known:
            from difflib import get_close_matches  # only where something is wrong already

            close = get_close_matches(key, known, n=1)
            hint = f"Did you mean {close[0]!r}?" if close else f"It knows {', '.join(known)}."
            if key == "actor":
                hint = "Who you are is your own matter: set it in your own config, or as TASKY_ACTOR."
            raise _fault(
                path, f"{prefix}{key}" if key.isprintable() else f"{key!a}", "there is no such key", hint
            )


def _table(path: Path, key: str, table: dict[str, Any]) -> dict[str, Any]:
    value = table.get(key, {})
    if not isinstance(value, dict):
        raise _fault(path, key, "it has to be a table", f"Write it as [{key}] with its keys below.")
    return value


def _text(path: Path, key: str, value: object) -> str:
    if value is None:
        raise _fault(path, key, "it is required")
    if not isinstance(value, str) or not value.strip():
        raise _fault(path, key, "it has to be text in quotes, and not blank")
    return value


def _fault(path: Path, key: str, rule: str, hint: str = "") -> ConfigError:
    return ConfigError(f"{path}: {key}: {rule}", hint=hint)


def _home(environ: Mapping[str, str]) -> Path:
    home = environ.get("HOME") or environ.get("USERPROFILE")
    if home:
        return Path(home)
    try:
        from pwd import getpwuid  # not on Windows

        return Path(getpwuid(os.getuid()).pw_dir)
    except (ImportError, KeyError):
        raise ConfigError(
            "your home directory is not known", hint="Set HOME to it, or XDG_CONFIG_HOME."
        ) from None
