"""What every installed distribution says about backends, as importlib_metadata tells; nothing is imported.

It is the authority. Each distribution is read by itself, so that one with damaged metadata is a row that says
what is wrong with it, and hides no other.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import importlib_metadata
from importlib_metadata import Distribution, EntryPoint

from tasky._version import VERSION
from tasky.discovery import (
    GROUP,
    BackendInfo,
    is_metadata_folder,
    is_target,
    listing_order,
    normalized,
    unmet_requirement,
)
from tasky.faults import cause
from tasky.location import is_scheme
from tasky.record import record

__all__ = ["installed"]


def installed() -> list[BackendInfo]:
    """A row for each scheme of each distribution, and one for each that cannot be read; sorted by name.

    Of several installations of one distribution the first on ``sys.path`` counts, one with metadata before
    one without. Conflicts between distributions are not judged here.
    """
    rows = [row for found in _distributions() for row in _rows(found)]
    return sorted(rows, key=listing_order)


@record()
class _Found:
    """A distribution, and what can be said of it without its METADATA; or a finder that failed."""

    distribution: Distribution | None
    name: str
    version: str
    source: str
    problem: str = ""

    def row(self, problem: str, *, state: str = "broken", name: str = "", target: str = "") -> BackendInfo:
        return BackendInfo(name, self.name, self.version, target, state, problem, self.source)


def _distributions() -> Iterator[_Found]:
    """Each installed distribution once."""
    held: dict[str, _Found] = {}
    context = importlib_metadata.DistributionFinder.Context()  # type: ignore[no-untyped-call]  # it has no types
    for finder in list(sys.meta_path):
        find = getattr(finder, "find_distributions", None)
        if find is None:
            continue
        try:
            distributions = list(find(context))
        except Exception as error:  # a finder is somebody else's code, and the other finders must be asked
            label = getattr(finder, "__qualname__", type(finder).__qualname__)
            problem = f"the distribution finder {finder.__module__}.{label} failed: {cause(error)}"
            yield _Found(None, "", "", "", problem)
            continue
        for distribution in distributions:
            found = _identified(distribution)
            if found is None:
                continue
            key = normalized(found.name)
            if key not in held or (not _has_metadata(held[key]) and _has_metadata(found)):
                held[key] = found
    yield from held.values()


def _identified(distribution: Distribution) -> _Found | None:
    """The name as the metadata folder gives it, which is how importlib_metadata tells distributions apart."""
    path = getattr(distribution, "_path", None)  # there is no public way to ask
    folder = "" if path is None else path.name
    source = "" if path is None else _shown(str(path))
    if is_metadata_folder(folder):
        name, _, version = folder.rpartition(".")[0].partition("-")
        return _Found(distribution, name.replace("_", "-"), version, source)
    if folder.startswith("~"):
        return None
    try:
        return _Found(distribution, _stated(distribution.name), _stated(distribution.version), source)
    except Exception as error:  # whatever a finder's own kind of distribution raises
        return _Found(distribution, source or repr(distribution), "", source, cause(error))


def _has_metadata(found: _Found) -> bool:
    assert found.distribution is not None  # only identified distributions are held
    try:
        texts = [found.distribution.read_text(name) for name in ("METADATA", "PKG-INFO", "")]
    except Exception:  # it is there, and what is wrong with it is said when it is read
        return True
    return any(text is not None for text in texts)


def _rows(found: _Found) -> Iterator[BackendInfo]:
    distribution = found.distribution
    if distribution is None:
        yield found.row(found.problem)
        return
    try:
        text = _entry_point_text(distribution)
        points = [] if text == "" else [point for point in distribution.entry_points if point.group == GROUP]
    except Exception as error:  # undecodable, malformed, unreadable: any of them is this distribution's alone
        where = f"{found.source}/entry_points.txt" if found.source else "its list of entry points"
        yield found.row(f"{where} cannot be read: {cause(error)}")
        return
    if any(_is_misspelt_header(line) for line in (text or "").splitlines()):
        yield found.row(f"{found.source}/entry_points.txt cannot be read: its [{GROUP}] line is malformed")
    if points:
        known, problem, state = _described(found, distribution)
        for point in sorted(set(points), key=lambda point: (point.name, point.value)):
            fault = _fault(point, points, known)
            yield known.row(
                fault or problem,
                state="broken" if fault else state,
                name=point.name,
                target=point.value,
            )


def _entry_point_text(distribution: Distribution) -> str | None:
    """The file's text, empty when there is none; None when the distribution has no folder to read it from."""
    path: Any = getattr(distribution, "_path", None)
    if path is None:
        return None
    try:
        data: bytes = path.joinpath("entry_points.txt").read_bytes()  # read_text hides what it may not read
    except (FileNotFoundError, NotADirectoryError, KeyError):
        return ""
    return data.decode("utf-8")


def _is_misspelt_header(line: str) -> bool:
    """A header that a person reads as ours and importlib_metadata does not."""
    line = line.strip()
    if line.startswith("[") and line.endswith("]") and line.strip("[]") == GROUP:
        return False
    return line.strip("\ufeff[] \t") == GROUP


def _described(found: _Found, distribution: Distribution) -> tuple[_Found, str, str]:
    """The distribution with its real name and version, and what is wrong with it as a whole."""
    where = f"{found.source}/METADATA" if found.source else "its METADATA"
    try:
        name, version = _stated(distribution.metadata["Name"]), _stated(distribution.metadata["Version"])
        requirements = distribution.requires or []
    except Exception as error:  # missing, undecodable, or without a field that it must have
        return found, f"{where} is missing or cannot be read: {cause(error)}", "broken"
    known = _Found(distribution, name, version, found.source)
    try:
        unmet = unmet_requirement(requirements)
    except ValueError as error:
        return known, f"{where} cannot be read: {error}", "broken"
    if unmet:
        problem = f"{name} {version} requires {unmet} ({where}), and this is Tasky {VERSION}"
        return known, problem, "incompatible"
    return known, "", "ok"


def _stated(value: str | None) -> str:
    if value is None:  # some kinds of distribution say so of a missing field, others raise
        raise LookupError("it lacks a name or a version")
    return value


def _fault(point: EntryPoint, points: list[EntryPoint], found: _Found) -> str:
    where = f"{found.source}/entry_points.txt" if found.source else f"{found.name}"
    if not is_scheme(point.name):
        return (
            f"{where} names a backend {point.name!r}, which is not a lower-case letter"
            " followed by letters, digits, '+', '.' or '-'"
        )
    if not is_target(point.value):
        return f"{where} gives {point.name} the target {point.value!r}, which is not 'module:factory'"
    if any(other.name == point.name and other.value != point.value for other in points):
        return f"{where} gives {point.name} more than one target"
    return ""


def _shown(folder: str) -> str:
    return folder.rstrip("/")
