"""How it is said that a backend cannot be used: which distribution, version and file, why, and what next."""

from __future__ import annotations

import importlib
import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from tasky.discovery import BackendInfo
from tasky.errors import (
    BackendBrokenError,
    BackendConflictError,
    BackendError,
    BackendIncompatibleError,
    BackendNotFoundError,
)
from tasky.location import StorageLocation

__all__ = [
    "cause",
    "conflict",
    "conflicting",
    "factory_failure",
    "lacking",
    "not_callable",
    "not_found",
    "not_loaded",
    "unusable",
    "wrong_pin",
]

_NOT_THE_PLUGIN: Final = (f"{Path(__file__).parent}{os.sep}", importlib.__file__, "<")


def unusable(info: BackendInfo) -> BackendError:
    """What its metadata tells already."""
    kind = BackendBrokenError if info.state == "broken" else BackendIncompatibleError
    return kind(f"{_label(info)} cannot be used: {info.problem}", hint=_next_step(info))


def not_loaded(info: BackendInfo, error: BaseException) -> BackendError:
    """Its import, or finding the factory in its module, failed."""
    return BackendBrokenError(
        f"{_label(info)} cannot be loaded from {info.target}{_where(error, info)}: {cause(error)}",
        hint=_next_step(info),
    )


def not_callable(info: BackendInfo, factory: object) -> BackendError:
    """What its entry point names is no function."""
    return BackendBrokenError(
        f"{_label(info)} cannot be used: {info.target} is of type {type(factory).__name__}, which cannot be"
        f" called to make a repository ({info.source}/entry_points.txt)",
        hint=_next_step(info),
    )


def factory_failure(error: BaseException, info: BackendInfo, place: StorageLocation) -> BackendError:
    """What the factory's exception means; chained as the cause unless its text tells a secret."""
    from tasky.repository import CONTRACT_METHODS  # only opening a store needs it

    if _tells(error, place):
        text = f"{type(error).__name__}, whose text is not shown: it holds a secret of the location"
        return BackendBrokenError(f"{_failed(info, place, error)}: {text}", hint=_next_step(info))
    abstract = [name for name in CONTRACT_METHODS if re.search(rf"\b{name}\b", str(error))]
    fault: BackendError
    if isinstance(error, TypeError) and "abstract class" in str(error) and abstract:
        fault = lacking(info, "its repository", abstract)
    else:
        fault = BackendBrokenError(f"{_failed(info, place, error)}: {cause(error)}", hint=_next_step(info))
    fault.__cause__ = error
    return fault


def lacking(info: BackendInfo, what: str, methods: Sequence[str]) -> BackendIncompatibleError:
    """It made a repository that has no such methods."""
    return BackendIncompatibleError(
        f"{_label(info)} does not keep the storage contract: {what} lacks {', '.join(methods)}"
        f" ({info.target})",
        hint=_next_step(info),
    )


def conflict(scheme: str, rows: Sequence[BackendInfo]) -> str:
    """The sentence that names all who provide it."""
    labels = sorted(f"{row.distribution} {row.version} ({row.source})" for row in rows)
    return f"more than one installed distribution provides the backend {scheme}: {', '.join(labels)}"


def conflicting(scheme: str, rows: Sequence[BackendInfo]) -> BackendConflictError:
    """Several distributions provide it, and none is chosen; shows how to choose."""
    key = f'"{scheme}"' if re.search("[+.]", scheme) else scheme
    first = min(row.distribution for row in rows)
    return BackendConflictError(
        conflict(scheme, rows),
        hint="Uninstall all but one, or choose one in the project's .tasky/config.toml:"
        f'\n\n[backends]\n{key} = "{first}"',
    )


def wrong_pin(scheme: str, distribution: str, claims: Sequence[BackendInfo]) -> BackendNotFoundError:
    """The config chose a distribution that does not provide it."""
    others = ", ".join(sorted(row.distribution for row in claims))
    return BackendNotFoundError(
        f"the config takes the backend {scheme} from {distribution!r}, which does not provide it here;"
        f" installed for {scheme}: {others or 'nothing'}",
        hint="Correct [backends] in the config, or install that distribution.",
    )


def not_found(scheme: str, rows: Sequence[BackendInfo], registered: Iterable[str]) -> BackendNotFoundError:
    """Nobody provides it; says what is near, what there is, and how to install the project's own."""
    from difflib import get_close_matches  # these are wanted here alone

    from tasky.installing import OWN_BACKENDS, install_hint

    names = sorted({row.name for row in rows if row.name} | set(registered))
    near = get_close_matches(scheme, sorted({*names, *OWN_BACKENDS}), n=1)
    wanted = scheme if scheme in OWN_BACKENDS or not near else near[0]
    message = f"no installed distribution provides the backend {scheme!r}"
    if wanted != scheme:
        message += f"; did you mean {wanted!r}?"
    message += f" (installed: {', '.join(names) or 'none'})"
    unreadable = sorted(row.distribution for row in rows if not row.name)
    if unreadable:
        message += f"; what {', '.join(unreadable)} provides cannot be read"
    hint = ""
    if wanted not in names:
        hint = install_hint(wanted, [row.distribution for row in rows if row.name])
    return BackendNotFoundError(message, hint=hint or "`tasky backends` shows what is installed.")


def cause(error: BaseException) -> str:
    """The exception in a few words: its kind and its text."""
    if isinstance(error, SystemExit):
        return f"it called sys.exit({'' if error.code is None else repr(error.code)})"
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def _label(info: BackendInfo) -> str:
    if not info.distribution:
        return f"the backend {info.name} that this program registered"
    return f"the backend {info.name} of {info.distribution} {info.version}".rstrip()


def _next_step(info: BackendInfo) -> str:
    if not info.distribution:
        return ""
    return (
        f"`tasky backends check {info.name}` tries it by itself;"
        f" install {info.distribution} again, or ask its authors."
    )


def _failed(info: BackendInfo, place: StorageLocation, error: BaseException) -> str:
    return f"{_label(info)} failed for {place}{_where(error, info)}"


def _where(error: BaseException, info: BackendInfo) -> str:
    """The file and line that raised; the entry point's when it is none of the plugin's."""
    if isinstance(error, SyntaxError) and error.filename:
        return f" ({error.filename}, line {error.lineno})"
    place = f" ({info.source}/entry_points.txt)" if info.source else ""
    frame = error.__traceback__
    while frame is not None:
        file = frame.tb_frame.f_code.co_filename
        if not file.startswith(_NOT_THE_PLUGIN):
            place = f" ({file}, line {frame.tb_lineno})"
        frame = frame.tb_next
    return place


def _tells(error: BaseException, place: StorageLocation) -> bool:
    """Whether the text of the exception, or of one behind it, holds a password or a query's value."""
    secrets = [value for _, value in place.query]
    if place.password is not None:
        secrets.append(place.password.reveal())
    authority, _, query = place.written.reveal().partition("://")[2].partition("?")
    secrets += [authority.rpartition("@")[0].partition(":")[2], query]  # as they are written, with escapes
    seen: set[int] = set()
    pending: list[BaseException | None] = [error]
    while pending:
        current = pending.pop()
        if current is None or id(current) in seen:
            continue
        seen.add(id(current))
        text = f"{current} {current!r} {' '.join(getattr(current, '__notes__', ()))}"
        if any(secret and secret in text for secret in secrets):
            return True
        pending += [current.__cause__, current.__context__]
    return False
