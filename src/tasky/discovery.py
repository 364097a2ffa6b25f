"""Find the distributions that provide backends, without importing them or importlib_metadata.

importlib_metadata is the authority on what is installed (``tasky.metadata``). ``scan`` reads the same files
where there is nothing unusual about them, which saves a third of the start-up, and says so when it is in
doubt.
"""

from __future__ import annotations

import os
import re
import stat
import sys
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from tasky._version import VERSION
from tasky.location import is_scheme

__all__ = [
    "GROUP",
    "BackendInfo",
    "is_metadata_folder",
    "is_target",
    "listing_order",
    "normalized",
    "scan",
    "unmet_requirement",
]

GROUP: Final = "tasky.backends"


class BackendInfo(NamedTuple):
    """One scheme of one installed distribution, as its metadata tells.

    ``name`` is the scheme (empty when it cannot be read), ``target`` is ``module:attribute``, ``source`` the
    metadata folder. ``state`` is ``ok``, ``broken``, ``conflict`` or ``incompatible``; ``problem`` is a
    sentence that names file and cause, empty when the state is ``ok``.
    """

    name: str
    distribution: str
    version: str
    target: str
    state: str = "ok"
    problem: str = ""
    source: str = ""


def normalized(distribution: str) -> str:
    """A distribution's name as the index compares it: lower case, runs of ``- _ .`` as one hyphen."""
    return re.sub(r"[-_.]+", "-", distribution).lower()


def is_target(text: str) -> bool:
    """Whether ``text`` is ``module:attribute``, dots allowed in both, with or without extras in brackets."""
    module, colon, attribute = text.partition("[")[0].partition(":")
    return bool(colon) and all(
        name.isidentifier() for dotted in (module, attribute) for name in dotted.strip().split(".")
    )


def scan(scheme: str | None = None) -> list[BackendInfo] | None:
    """The rows that ``tasky.metadata.installed`` has (for that scheme), all usable; None when in doubt.

    importlib_metadata must then be asked. That is so for whatever is not a plain folder of a plain
    distribution: zip files and eggs on ``sys.path``, finders that bring distributions of their own, two
    installations of one distribution, and files that are missing, unreadable or unusual.
    """
    for finder in sys.meta_path:
        ours = getattr(finder, "__module__", "") in ("_frozen_importlib_external", "importlib_metadata")
        if not ours and getattr(finder, "find_distributions", None) is not None:
            return None
    directories: set[tuple[int, int]] = set()
    times_seen: dict[str, int] = {}
    providers: list[str] = []
    rows: list[BackendInfo] = []
    try:
        for entry in sys.path:
            for folder in _metadata_folders(entry, directories):
                name = _folded(folder)
                times_seen[name] = times_seen.get(name, 0) + 1
                data = _read(f"{folder}/entry_points.txt")
                if not data or (scheme is not None and GROUP.encode() not in data):
                    continue
                for found, target in _plain_targets(data.decode()).items():
                    if scheme in (None, found):
                        providers.append(name)
                        rows.append(_plain_row(found, target, folder))
    except (_DoubtError, OSError, ValueError):  # ValueError: text that is not UTF-8, a path with a NUL
        return None
    if any(times_seen[name] > 1 for name in providers):
        return None
    return sorted(rows, key=listing_order)


def listing_order(row: BackendInfo) -> tuple[str, str]:
    """By scheme, then by distribution; what is equal stays in the order of ``sys.path``."""
    return row.name, normalized(row.distribution)


def unmet_requirement(requirements: Iterable[str], version: str = VERSION) -> str:
    """The requirement on Tasky that ``version`` does not meet, as it is written; empty when all are met.

    Raises ValueError for a requirement on Tasky that cannot be read.
    """
    for written in requirements:
        if re.match(r"tasky(?![\w.-])", written, re.IGNORECASE) and not _meets(version, written):
            return written
    return ""


def is_metadata_folder(name: str) -> bool:
    """Whether it is one; pip names what it is about to delete with a tilde, and then ignores it."""
    return name.lower().endswith((".dist-info", ".egg-info")) and not name.startswith("~")


class _DoubtError(Exception):
    """Something unusual: only importlib_metadata can tell what it means."""


def _metadata_folders(entry: object, directories: set[tuple[int, int]]) -> Iterator[str]:
    """The dist-info and egg-info folders of one entry of ``sys.path``, each directory once."""
    if not isinstance(entry, str) or entry.lower().endswith(".egg"):
        raise _DoubtError
    root = entry or "."
    try:
        status = os.stat(root)  # noqa: PTH116 - a Path for each of the hundreds of folders costs more
    except (FileNotFoundError, NotADirectoryError):
        return  # the standard library's zip file, which is always on sys.path and hardly ever there
    if not stat.S_ISDIR(status.st_mode):
        raise _DoubtError
    identity = (status.st_dev, status.st_ino)  # lib and lib64 may be one directory
    if identity in directories:
        return
    directories.add(identity)
    for child in os.listdir(root):  # noqa: PTH208 - as above
        if child[-5:].lower() == "-info" and is_metadata_folder(child):
            yield f"{root}/{child}"


def _folded(folder: str) -> str:
    """Equal for two folders of one distribution (and, rarely, of two, which only costs time)."""
    stem = folder.rpartition("/")[2].rpartition(".")[0].partition("-")[0]
    return stem.lower().replace("_", "").replace(".", "")


def _read(path: str) -> bytes | None:
    try:
        with open(path, "rb", buffering=0) as file:  # noqa: PTH123 - as above
            return file.read()
    except (FileNotFoundError, NotADirectoryError):
        return None


def _plain_targets(text: str) -> dict[str, str]:
    """scheme -> target; raises ``_DoubtError`` unless every line is as expected."""
    targets: dict[str, str] = {}
    section = None
    for line in map(str.strip, text.splitlines()):
        if not line or line.startswith("#"):
            continue
        if line.startswith("[") and line.endswith("]"):
            section = line[1:-1]
            if GROUP in section and section != GROUP:
                raise _DoubtError
            continue
        name, equals, target = (part.strip() for part in line.partition("="))
        if section is None or not equals:
            raise _DoubtError
        if section == GROUP:
            if name in targets or not is_scheme(name) or not is_target(target):
                raise _DoubtError
            targets[name] = target
    return targets


def _plain_row(scheme: str, target: str, folder: str) -> BackendInfo:
    """The row of a distribution that is healthy and fits this Tasky; raises ``_DoubtError`` otherwise."""
    data = _read(f"{folder}/METADATA")
    if data is None:
        raise _DoubtError
    fields: dict[str, list[str]] = {"name": [], "version": [], "requires-dist": []}
    key = ""
    text = data.decode().replace("\r\n", "\n")
    if "\r" in text:
        raise _DoubtError
    for line in text.split("\n"):
        if not line:
            break
        if line[0] in " \t":
            if key in fields:
                raise _DoubtError
            continue
        key, colon, value = line.partition(":")
        key = key.lower()
        if not colon:
            raise _DoubtError
        if key in fields:
            fields[key].append(value.strip())
    if not fields["name"] or not fields["version"] or unmet_requirement(fields["requires-dist"]):
        raise _DoubtError
    return BackendInfo(scheme, fields["name"][0], fields["version"][0], target, source=folder)


def _meets(version: str, requirement: str) -> bool:
    clauses = _plain_clauses(requirement)
    if clauses is None or not _is_release(version):
        from packaging.requirements import Requirement  # only for what is not plain

        parsed = Requirement(requirement)
        applies = parsed.marker is None or parsed.marker.evaluate({"extra": ""})
        return not applies or parsed.specifier.contains(version, prereleases=True)
    ours = _release(version)
    return all(ours >= _release(text) if sign == ">=" else ours < _release(text) for sign, text in clauses)


def _plain_clauses(requirement: str) -> list[tuple[str, str]] | None:
    """Signs and releases of ``tasky >= 1.2, < 2``; None for what is less plain."""
    text = requirement.strip()[len("tasky") :].strip()
    if text.startswith("(") and text.endswith(")"):
        text = text[1:-1]
    clauses = []
    for clause in filter(None, map(str.strip, text.split(","))):
        sign = ">=" if clause.startswith(">=") else "<"
        release = clause.removeprefix(sign).strip()
        if not clause.startswith(sign) or not _is_release(release):
            return None
        clauses.append((sign, release))
    return clauses


def _is_release(text: str) -> bool:
    return text.isascii() and all(part.isdecimal() for part in text.split("."))


def _release(text: str) -> tuple[int, ...]:
    """Numbers that compare as versions do: 1.0 is 1."""
    numbers = [int(part) for part in text.split(".")]
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)
