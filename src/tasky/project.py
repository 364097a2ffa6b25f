"""Find the project, learn from flags, environment and config where its tasks are, open its store.

A flag comes before a ``TASKY_*`` variable, that before the project's config, that before the user's own.
Everything fails closed: what is malformed, missing or not trusted is an error, never an empty list and
never a second store.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from tasky.config import (
    Config,
    check_shareable,
    project_exists,
    read_project_config,
    read_user_config,
    user_config_dir,
    write_project_config,
)
from tasky.errors import (
    ConfigError,
    InvalidTaskError,
    ProjectError,
    ProjectNotFoundError,
    StoreMissingError,
    UntrustedLocationError,
)
from tasky.location import StorageLocation
from tasky.model import check_actor
from tasky.record import record
from tasky.registry import is_uri_factory
from tasky.trust import doubt, is_approved, is_own, record_approval

if TYPE_CHECKING:
    from tasky.registry import BackendRegistry
    from tasky.repository import TaskRepository

__all__ = [
    "CONFIG_PATH",
    "Setting",
    "Settings",
    "approve",
    "find_project",
    "init_project",
    "load_settings",
    "make_repository",
    "open_repository",
    "user_config_dir",
    "user_settings",
    "variable",
]

CONFIG_PATH: Final = ".tasky/config.toml"


@record()
class Setting:
    """A value and where it comes from: a flag, a variable, a config file's path, or ``default``.

    The value may be a location with a password in it, so ``repr`` leaves it out.
    """

    value: str
    source: str

    def __repr__(self) -> str:
        return f"Setting(source={self.source!r})"


@record(kw_only=True)
class Settings:
    """What is known about the project before its store is opened.

    ``root`` is what a relative location is taken from: the project's directory, or the user's config
    directory for a personal store. ``project`` is None outside a project. ``origin`` says who chose the
    storage. ``pins`` say which distribution provides a scheme, ``pin_sources`` which file says so. ``named``
    tells that the user named the project's directory, by a flag or ``TASKY_PROJECT``, and did not happen
    upon it.
    """

    root: Path
    project: Path | None
    storage: Setting
    location: StorageLocation
    origin: Literal["flag", "variable", "project", "user"]
    pins: Mapping[str, str]
    pin_sources: Mapping[str, str]
    actor: Setting
    named: bool = False


def find_project(start: Path) -> Path | None:
    """The nearest directory that holds a project, from ``start`` upwards, with symbolic links resolved.

    Raises ``ConfigError`` for a ``.tasky`` that is no project: going past it could mean another's tasks.
    """
    start = start.resolve()
    return next((directory for directory in (start, *start.parents) if _is_project(directory)), None)


def load_settings(
    cwd: Path, environ: Mapping[str, str], *, project: Path | None = None, storage: str | None = None
) -> Settings:
    """The settings that count in ``cwd``; opens no store and loads no backend.

    ``project`` (a project's directory) and ``storage`` (a location) are what the user gave as flags. Raises
    ``ProjectNotFoundError``, ``ConfigError`` and ``InvalidLocationError``.
    """
    found, named = _locate(cwd, environ, project)
    config = None if found is None else read_project_config(found / CONFIG_PATH)
    user = read_user_config(environ)
    origin: Literal["flag", "variable", "project", "user"]
    if storage is not None:
        origin, uri, source = "flag", storage, "--storage flag"
    elif (given := variable(environ, "TASKY_STORAGE")) is not None:
        origin, uri, source = "variable", given, "TASKY_STORAGE"
    elif config is not None:
        origin, uri, source = "project", config.uri, str(config.path)
    elif user.uri:
        return user_settings(environ)
    else:
        raise ProjectNotFoundError(
            f"there is no project in {cwd} or above it",
            hint="Start one with `tasky init`, or go to the directory of one.",
        )
    return Settings(
        root=cwd.resolve() if found is None else found,
        project=found,
        storage=Setting(uri, source),
        location=StorageLocation.parse(uri),
        origin=origin,
        pins={**user.pins, **({} if config is None else config.pins)},
        pin_sources={**user.pin_sources, **({} if config is None else config.pin_sources)},
        actor=_actor(environ, user),
        named=named,
    )


def user_settings(environ: Mapping[str, str]) -> Settings:
    """The settings of the user's own config alone, as they count outside any project.

    Raises ``ConfigError``, also where it names no storage.
    """
    user = read_user_config(environ)
    if not user.uri:
        raise ConfigError(
            f"{user.path} names no storage",
            hint="Write version = 1 and, below [storage], uri = ... in it,"
            " or start a project with `tasky init`.",
        )
    return Settings(
        root=user.path.parent,
        project=None,
        storage=Setting(user.uri, str(user.path)),
        location=StorageLocation.parse(user.uri),
        origin="user",
        pins=user.pins,
        pin_sources=user.pin_sources,
        actor=_actor(environ, user),
    )


def variable(environ: Mapping[str, str], name: str) -> str | None:
    """A ``TASKY_*`` variable's value, None when it is not set; raises ``ConfigError`` for an empty one."""
    value = environ.get(name)
    if value is not None and not value.strip():
        raise ConfigError(f"{name} is set, but empty", hint=f"Unset {name}, or give it a value.")
    return value


def open_repository(
    settings: Settings, registry: BackendRegistry, environ: Mapping[str, str], *, create: bool = False
) -> TaskRepository:
    """The initialized repository of ``settings``; the caller closes it.

    Raises what ``make_repository`` and ``initialize`` raise: ``StoreMissingError`` for an absent store,
    unless ``create``.
    """
    repository = make_repository(settings, registry, environ)
    try:
        repository.initialize(create=create)
    except BaseException as error:
        repository.close()
        if isinstance(error, StoreMissingError) and not create:
            error.hint = _how_to_make(settings)  # the backend cannot know who named the place
        raise
    return repository


def make_repository(
    settings: Settings, registry: BackendRegistry, environ: Mapping[str, str]
) -> TaskRepository:
    """The repository of ``settings``, not initialized: good for ``check``, also of a store that is damaged.

    Raises ``UntrustedLocationError`` for a location that a project's config may not name unasked, and what
    ``registry.open`` raises.
    """
    location = settings.location
    is_file = not is_uri_factory(registry.load(location.scheme, pins=settings.pins))
    if settings.origin == "project":
        reason = _doubt(settings, is_file=is_file)
        if reason and not is_approved(location, settings.root, environ):
            raise UntrustedLocationError(
                f"the project in {settings.root} keeps its tasks at {location}, which {reason},"
                " and you have not approved that",
                hint="If you trust whoever wrote its config, approve it once with `tasky project approve`.",
            )
    elif is_file and settings.project is None and settings.origin != "user":
        _require_absolute(settings, environ)
    return registry.open(location, root=settings.root, environ=environ, pins=settings.pins)


def approve(settings: Settings, environ: Mapping[str, str]) -> None:
    """Let the project's config send Tasky to its location from now on; for the user's own command only.

    Does nothing for a location that the user chose anyway. Raises ``ConfigError``.
    """
    if settings.origin == "project":
        record_approval(settings.location, settings.root, environ)


def init_project(root: Path, uri: str, registry: BackendRegistry, environ: Mapping[str, str]) -> Settings:
    """Start a project in the directory ``root`` with its store at ``uri``, as the user typed it.

    The store is made first (one that exists is taken as it is), the config last and all at once; a location
    that would need an approval has it. Raises ``ProjectExistsError``, with nothing touched, where there is a
    project already, also to the slower of two that start one at the same time; ``ConfigError`` for a
    password in ``uri``; and what ``open_repository`` raises, with nothing left behind but, perhaps, a store.
    """
    root = root.resolve()
    path = root / CONFIG_PATH
    if os.path.lexists(path):
        raise project_exists(path)
    location = StorageLocation.parse(uri)
    check_shareable(location, str(location))
    user = read_user_config(environ)
    settings = Settings(
        root=root,
        project=root,
        storage=Setting(uri, str(path)),
        location=location,
        origin="flag",
        pins=user.pins,
        pin_sources=user.pin_sources,
        actor=_actor(environ, user),
    )
    is_file = not is_uri_factory(registry.load(location.scheme, pins=settings.pins))
    made = _make_directory(path.parent)
    try:
        open_repository(settings, registry, environ, create=True).close()
        settings = replace(settings, origin="project")
        if _doubt(settings, is_file=is_file):
            approve(settings, environ)
        write_project_config(path, uri)
    except BaseException:
        if made:
            with suppress(OSError):  # a store may be in it, or another process's config
                path.parent.rmdir()
        raise
    return settings


def _is_project(directory: Path) -> bool:
    marker = directory / ".tasky"
    try:
        if stat.S_ISREG((directory / CONFIG_PATH).stat().st_mode):
            return True
        rule = "is not a file"
    except (FileNotFoundError, NotADirectoryError):
        if not os.path.lexists(marker):
            return False
        rule = "does not exist"
    except OSError as error:
        raise ConfigError(
            f"{directory / CONFIG_PATH} cannot be read: {error.strerror}",
            hint="If you should be able to read it, mend its permissions. If you mean another project,"
            " name its directory with -C or in TASKY_PROJECT.",
        ) from error
    raise ConfigError(
        f"{marker} is there, but {directory / CONFIG_PATH} {rule}",
        hint="If it is a project's, put its config back or run `tasky init` there. If it is not Tasky's,"
        " name the project that you mean in TASKY_PROJECT.",
    )


def _locate(cwd: Path, environ: Mapping[str, str], flag: Path | None) -> tuple[Path | None, bool]:
    """The project's directory, and whether the user named it."""
    given = flag if flag is not None else variable(environ, "TASKY_PROJECT")
    if given is None:
        return find_project(cwd), False
    root = (cwd / given).resolve()
    if not _is_project(root):
        source = "the flag" if flag is not None else "TASKY_PROJECT"
        raise ProjectNotFoundError(
            f"there is no project in {root}, which {source} names",
            hint="Name the directory that holds .tasky, or start a project there with `tasky init`.",
        )
    return root, True


def _actor(environ: Mapping[str, str], user: Config) -> Setting:
    name = variable(environ, "TASKY_ACTOR")
    if name is not None:
        try:
            return Setting(check_actor(name), "TASKY_ACTOR")
        except InvalidTaskError as error:
            raise ConfigError(f"TASKY_ACTOR: {error.rule}") from None
    if user.actor is not None:
        return Setting(user.actor, str(user.path))
    for login in ("USER", "LOGNAME", "USERNAME"):
        with suppress(InvalidTaskError):
            return Setting(check_actor(environ.get(login)), login)
    with suppress(ImportError, KeyError, InvalidTaskError):
        from pwd import getpwuid  # not on Windows

        return Setting(check_actor(getpwuid(os.getuid()).pw_name), "default")
    return Setting("unknown", "default")


def _how_to_make(settings: Settings) -> str:
    """What to do about a store that is not there."""
    if settings.origin == "project":
        return f"Bring it back, or make an empty one: run `tasky init` in {settings.root}."
    if settings.origin == "user":
        return f"Correct {settings.storage.source}, or make an empty one: run `tasky init --user`."
    return (
        "Look for a typing error. To make a store, start a project: run `tasky init --storage` with its"
        " location in a directory that has none."
    )


def _doubt(settings: Settings, *, is_file: bool) -> str:
    """Why the project's config needs the user's approval; empty when it does not."""
    reason = doubt(settings.location, settings.root, is_file=is_file)
    if not reason and not settings.named and not is_own(settings.root / ".tasky"):
        return "is in a project that belongs to another user"
    return reason


def _require_absolute(settings: Settings, environ: Mapping[str, str]) -> None:
    """Outside a project there is nothing that a relative location could be relative to, not even the cwd."""
    location = settings.location
    if not location.expanded(environ).file_path(Path()).is_absolute():
        raise ProjectNotFoundError(
            f"{location} ({settings.storage.source}) is relative to a project, and there is none here",
            hint=f"Go to the project's directory, or write the absolute path: {location.scheme}:///...",
        )


def _make_directory(path: Path) -> bool:
    """Whether the directory had to be made."""
    try:
        path.mkdir()
    except FileExistsError:
        if not path.is_dir():
            raise ConfigError(f"{path} is not a directory, so no project can be started here") from None
        return False
    except OSError as error:
        raise ProjectError(f"{path} cannot be made: {error.strerror}") from error
    return True
