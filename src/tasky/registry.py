"""From a scheme to the backend that an installed distribution provides for it.

An entry point ``scheme = "module:factory"`` in the group ``tasky.backends`` is a backend. Only the one that
is asked for is imported, once in a process, and never is another used in its place: every way in which it can
fail is an error that names distribution, version, file and cause.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import reduce
from importlib import import_module
from pathlib import Path
from threading import RLock
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar, cast

from tasky import faults
from tasky.discovery import BackendInfo, normalized, scan
from tasky.errors import (
    BackendBrokenError,
    BackendConflictError,
    TaskyError,
)
from tasky.location import StorageLocation, is_scheme

if TYPE_CHECKING:
    from tasky.repository import TaskRepository

__all__ = ["BackendInfo", "BackendRegistry", "Factory", "default_registry", "is_uri_factory", "uri_factory"]

Factory: TypeAlias = "Callable[[Any], TaskRepository]"
F = TypeVar("F", bound=Callable[..., object])

_NO_PINS: Final[Mapping[str, str]] = MappingProxyType({})
_MARK: Final = "__tasky_uri_factory__"


def uri_factory(function: F) -> F:
    """Mark a factory that takes the parsed ``StorageLocation``; any other takes an absolute ``Path``."""
    setattr(function, _MARK, True)
    return function


def is_uri_factory(function: object) -> bool:
    """Whether ``uri_factory`` marked it."""
    return getattr(function, _MARK, False) is True


class BackendRegistry:
    """Finds, loads and opens backends. Safe to share between threads."""

    def __init__(self) -> None:
        self._lock = RLock()
        self._scheme_locks: dict[str, RLock] = {}
        self._registered: dict[str, Factory] = {}
        self._loaded: dict[tuple[str, str], tuple[Factory, BackendInfo]] = {}

    def backends(self) -> list[BackendInfo]:
        """Every scheme of every installed distribution, from metadata alone; nothing is imported.

        Sorted by name. A distribution that cannot be read is a row without a name, in the state ``broken``.
        """
        rows = scan()
        if rows is None:
            from tasky.metadata import installed  # imports importlib_metadata, which costs 20 ms

            rows = installed()
        providers = {row.name: _claims(rows, row.name) for row in rows}
        return [
            row._replace(state="conflict", problem=faults.conflict(row.name, providers[row.name]))
            if row.state == "ok" and len(providers[row.name]) > 1
            else row
            for row in rows
        ]

    def names(self) -> list[str]:
        """The schemes that can be used: registered, or installed and healthy; sorted."""
        healthy = {row.name for row in self.backends() if row.state == "ok"}
        with self._lock:
            return sorted(healthy | self._registered.keys())

    def load(self, scheme: str, *, pins: Mapping[str, str] = _NO_PINS) -> Factory:
        """The factory for ``scheme``; imported at the first call, and the same one ever after.

        ``pins`` says which distribution a scheme is taken from (the config's ``[backends]`` table). What a
        program registered comes before what is installed. Raises ``BackendNotFoundError``,
        ``BackendConflictError``, ``BackendBrokenError`` or ``BackendIncompatibleError``.
        """
        return self._load(scheme, pins)[0]

    def open(
        self,
        location: StorageLocation,
        *,
        root: Path,
        environ: Mapping[str, str],
        pins: Mapping[str, str] = _NO_PINS,
    ) -> TaskRepository:
        """The repository at ``location``, not yet initialized.

        ``${VAR}`` is expanded from ``environ``, and a file's path is taken from ``root``. Raises as ``load``
        does, and ``InvalidLocationError``; a Tasky error of the factory itself comes out unchanged.
        """
        from tasky.repository import CONTRACT_METHODS  # a listing needs nothing of what this imports

        factory, info = self._load(location.scheme, pins)
        place = location.expanded(environ)
        argument = place if is_uri_factory(factory) else place.file_path(root)
        try:
            repository = factory(argument)
            missing = [name for name in CONTRACT_METHODS if not callable(getattr(repository, name, None))]
        except (TaskyError, KeyboardInterrupt):
            raise
        except BaseException as error:  # as in _imported
            fault = faults.factory_failure(error, info, place)
        else:
            if not missing:
                return repository
            fault = faults.lacking(
                info, f"what its factory returned, of type {type(repository).__name__},", missing
            )
        raise fault  # outside the handler, which would add a context that may tell a password

    def register(self, name: str, factory: Factory) -> None:
        """Make ``factory`` the backend ``name`` in this process, before what is installed.

        Raises ``BackendConflictError`` when the name is registered already, ``BackendBrokenError`` when it
        cannot name a backend or the factory cannot be called.
        """
        _check_registration(name, factory)
        with self._lock:
            if name in self._registered:
                raise BackendConflictError(
                    f"a backend {name!r} is registered already",
                    hint="Use override() to replace it for a while.",
                )
            self._registered[name] = factory

    @contextmanager
    def override(self, name: str, factory: Factory) -> Iterator[None]:
        """Make ``factory`` the backend ``name`` until the block ends, whatever was there before."""
        _check_registration(name, factory)
        with self._lock:
            before = self._registered.get(name)
            self._registered[name] = factory
        try:
            yield
        finally:
            with self._lock:
                if before is None:
                    self._registered.pop(name, None)
                else:
                    self._registered[name] = before

    def _load(self, scheme: str, pins: Mapping[str, str]) -> tuple[Factory, BackendInfo]:
        key = (scheme, normalized(pins[scheme]) if scheme in pins else "")
        with self._lock:
            if scheme in self._registered:
                factory = self._registered[scheme]
                target = getattr(factory, "__qualname__", type(factory).__qualname__)
                return factory, BackendInfo(scheme, "", "", target)
            if key in self._loaded:
                return self._loaded[key]
            lock = self._scheme_locks.setdefault(scheme, RLock())
        with lock:  # of this scheme alone: an import may take long, and may load another backend
            return self._loaded.get(key) or self._loaded.setdefault(key, self._imported(scheme, pins))

    def _imported(self, scheme: str, pins: Mapping[str, str]) -> tuple[Factory, BackendInfo]:
        info = self._choose(scheme, pins)
        module, _, attribute = info.target.partition("[")[0].partition(":")
        try:
            factory = reduce(getattr, attribute.strip().split("."), import_module(module.strip()))
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # whatever somebody else's code does, SystemExit included
            raise faults.not_loaded(info, error) from error
        if not callable(factory):
            raise faults.not_callable(info, factory)
        return cast("Factory", factory), info

    def _choose(self, scheme: str, pins: Mapping[str, str]) -> BackendInfo:
        quick = scan(scheme)
        if quick is not None:
            chosen = [row for row in quick if _is_pinned(row, pins)]
            if len(chosen) == 1:
                return chosen[0]
        rows = self.backends()
        chosen = _claims([row for row in rows if _is_pinned(row, pins)], scheme)
        if len(chosen) == 1:
            if chosen[0].state in ("broken", "incompatible"):
                raise faults.unusable(chosen[0])
            return chosen[0]
        if len(chosen) > 1:
            raise faults.conflicting(scheme, chosen)
        if scheme in pins:
            raise faults.wrong_pin(scheme, pins[scheme], _claims(rows, scheme))
        raise faults.not_found(scheme, rows, self._registered)


def _claims(rows: Sequence[BackendInfo], scheme: str) -> list[BackendInfo]:
    """The rows of ``scheme``, one a distribution; a broken one counts only when nothing else is there."""
    mine: dict[str, BackendInfo] = {}
    for row in rows:
        if row.name == scheme:
            mine.setdefault(normalized(row.distribution), row)
    whole = [row for row in mine.values() if row.state != "broken"]
    return whole or list(mine.values())


def _is_pinned(row: BackendInfo, pins: Mapping[str, str]) -> bool:
    return row.name not in pins or normalized(pins[row.name]) == normalized(row.distribution)


def _check_registration(name: str, factory: object) -> None:
    if not is_scheme(name):
        raise BackendBrokenError(
            f"{name!r} cannot name a backend",
            hint="Use a lower-case letter, then letters, digits, '+', '.' or '-'.",
        )
    if not callable(factory):
        raise BackendBrokenError(
            f"the factory of the backend {name!r} is {type(factory).__name__!r}, which cannot be called",
            hint="Register a function that takes a Path and returns a repository.",
        )


default_registry: Final = BackendRegistry()
