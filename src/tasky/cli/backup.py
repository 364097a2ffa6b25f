"""``tasky backup``: copy the store, tasks and history, while others go on writing; and bring a copy back."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import click

from tasky.cli.command import Command
from tasky.cli.context import App, pass_app
from tasky.errors import StorageCorruptError, StorageError, StoreMissingError, StoreNotEmptyError

if TYPE_CHECKING:
    from tasky.project import Settings
    from tasky.repository import TaskRepository

__all__ = ["command"]

_SEPARATOR: Final = "://"


class _Place(NamedTuple):
    """A store: how to open it, how to name it, and the file that it is in (None: on a server)."""

    settings: Settings
    shown: str
    file: Path | None


@click.command("backup", cls=Command)
@click.argument("location")
@click.option("--restore", is_flag=True, help="Fill the project's empty store from the copy at LOCATION.")
@pass_app
def command(app: App, location: str, restore: bool) -> None:
    """Copy the whole store, with its history, to LOCATION, and check the copy.

    LOCATION is a file for a store of the project's own backend, or a storage location of any backend; there
    must be no store, or an empty one. Others may go on writing meanwhile: the copy is of one moment. Whoever
    may not read the store may not read the copy.

    With --restore it is the other way round: the copy at LOCATION is checked, and fills the project's store,
    which has to be empty; `tasky init` makes such a one.
    """
    own, there = _place(app, app.settings), _place(app, _elsewhere(app, location))
    if own.file is not None and own.file == there.file:
        raise click.UsageError(f"{there.shown} is the project's own store, and no copy of it.")
    count = _restore(app, there, own) if restore else _back_up(app, own, there)
    app.output.facts("backup", {"location": there.shown, "tasks": count})
    if not app.output.for_programs:
        app.output.note(
            "The copy was checked, and its tasks and their history are in the project's store."
            if restore
            else "The copy was checked: no problem found."
        )


def _back_up(app: App, own: _Place, there: _Place) -> int:
    from tasky.copying import check_whole, copy_store
    from tasky.project import open_repository

    with (
        open_repository(own.settings, app.registry, app.environ) as store,
        _as_private_as(own.file),
        open_repository(there.settings, app.registry, app.environ, create=True) as copy,
    ):
        try:
            copy_store(store, copy)
        except StoreNotEmptyError:
            raise StoreNotEmptyError(
                f"there is a store at {there.shown} already, and it is not empty",
                hint="A backup never writes over anything: choose another name.",
            ) from None
        except StorageError as error:
            error.hint = f"{error.hint} The store at {there.shown} is empty, and no backup.".lstrip()
            raise
        with _about(there):
            check_whole(copy, f"the copy at {there.shown}, which is no backup,")
        return _count(copy)


def _restore(app: App, there: _Place, own: _Place) -> int:
    from tasky.copying import check_whole, copy_store
    from tasky.project import open_repository

    with (
        open_repository(own.settings, app.registry, app.environ) as store,
        _about(there),
        open_repository(there.settings, app.registry, app.environ) as copy,
    ):
        check_whole(copy, f"the copy at {there.shown}, from which nothing was taken,")
        with copy.history(limit=1) as entries:
            is_empty = next(entries, None) is None and not _count(copy)
        if is_empty:
            raise StorageError(
                f"the copy at {there.shown} is empty: it holds no task and no history",
                hint="A backup that was interrupted leaves such a store. Look for another copy.",
            )
        try:
            copy_store(copy, store)
        except StoreNotEmptyError:
            raise StoreNotEmptyError(
                f"the project's store at {own.shown} is not empty; nothing was brought back",
                hint="Move the store away, with the files beside it, and make an empty one: `tasky init`.",
            ) from None
        return _count(copy)


@contextmanager
def _about(there: _Place) -> Iterator[None]:
    """Errors in the block are about the copy, which the hints then name."""
    try:
        yield
    except StoreMissingError as error:
        error.hint = f"No copy is at {there.shown}: look for a typing error."
        raise
    except StorageCorruptError as error:
        error.hint = f"`tasky check --storage {there.shown}` shows every problem of that copy."
        raise


@contextmanager
def _as_private_as(file: Path | None) -> Iterator[None]:
    """Who may not read the file may not read what is made in the block; without a file that is all others."""
    mode = file.stat().st_mode if file is not None and file.is_file() else 0o600
    before = os.umask(0o077)
    os.umask(before | (~mode & 0o066))
    try:
        yield
    finally:
        os.umask(before)


def _place(app: App, settings: Settings) -> _Place:
    from tasky.registry import is_uri_factory

    location = settings.location
    if is_uri_factory(app.registry.load(location.scheme, pins=settings.pins)):
        return _Place(settings, str(location), None)
    file = location.expanded(app.environ).file_path(settings.root).resolve()
    return _Place(settings, _uri(location.scheme, file), file)


def _elsewhere(app: App, text: str) -> Settings:
    """The project's settings, with the location that the user typed in place of the project's own."""
    from tasky.location import StorageLocation
    from tasky.project import Setting
    from tasky.registry import is_uri_factory

    settings = app.settings
    scheme = settings.location.scheme
    if _SEPARATOR in text:
        uri = text
    elif is_uri_factory(app.registry.load(scheme, pins=settings.pins)):
        raise click.UsageError(
            f"a {scheme} store is no file: write the storage location of the copy, such as sqlite://copy.db."
        )
    elif text in ("", "-") or text.startswith("~"):
        raise click.UsageError(f"{text!a} names no file that a store can be in.")
    else:
        uri = _uri(scheme, app.cwd / text)
    return replace(
        settings, storage=Setting(uri, "LOCATION"), location=StorageLocation.parse(uri), origin="flag"
    )


def _uri(scheme: str, file: Path) -> str:
    from urllib.parse import quote

    return f"{scheme}:///{quote(file.as_posix().lstrip('/'))}"


def _count(repository: TaskRepository) -> int:
    return sum(repository.count_tasks().values())
