"""Installed distributions, made by hand in folders and zip files of their own."""

from __future__ import annotations

import sys
import sysconfig
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from importlib import import_module
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# examples are bounded by their number: on a busy machine none fails for having been slow
settings.register_profile(
    "tasky", deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("tasky")


@pytest.fixture(scope="session")
def install() -> Callable[..., Path]:
    """Puts a distribution, healthy or damaged, into a folder; returns its metadata folder.

    ``entry_points`` and ``metadata`` are the files' contents, None for no such file; a mapping of scheme to
    target makes an ordinary entry_points.txt. ``modules`` are files beside the metadata.
    """

    def put(
        site: Path,
        name: str,
        version: str = "1.0",
        *,
        entry_points: Mapping[str, str] | str | bytes | None = None,
        metadata: str | bytes | None = "",
        requires: tuple[str, ...] = (),
        modules: Mapping[str, str] | None = None,
        kind: str = "dist-info",
    ) -> Path:
        folder = site / f"{name.replace('-', '_')}-{version}.{kind}"
        folder.mkdir(parents=True)
        if metadata == "":
            lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
            metadata = "\n".join([*lines, *(f"Requires-Dist: {text}" for text in requires), "", "Text.\n"])
        if metadata is not None:
            file = folder / ("METADATA" if kind == "dist-info" else "PKG-INFO")
            file.write_bytes(metadata.encode() if isinstance(metadata, str) else metadata)
        if isinstance(entry_points, Mapping):
            targets = (f"{scheme} = {target}" for scheme, target in entry_points.items())
            entry_points = "\n".join(["[tasky.backends]", *targets, ""])
        if entry_points is not None:
            data = entry_points.encode() if isinstance(entry_points, str) else entry_points
            (folder / "entry_points.txt").write_bytes(data)
        for path, text in (modules or {}).items():
            (site / path).write_text(text, encoding="utf-8")
        return folder

    return put


@pytest.fixture(scope="session")
def zipped() -> Callable[[Path, Path], Path]:
    """Packs a folder of distributions into a zip file that can stand on ``sys.path``."""

    def pack(site: Path, archive: Path) -> Path:
        with zipfile.ZipFile(archive, "w") as file:
            for path in sorted(site.rglob("*")):
                file.write(path, path.relative_to(site))
        return archive

    return pack


@pytest.fixture(scope="session")
def searching() -> Callable[..., AbstractContextManager[None]]:
    """``with searching(folder, ...):`` has those and the standard library on ``sys.path``, and no others."""
    for name in ("importlib_metadata._adapters", "zipp.compat.overlay", "packaging.requirements"):
        import_module(name)  # what is imported late would be looked for on the narrowed path
    standard = [sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib")]

    @contextmanager
    def narrowed(*entries: Path | str) -> Iterator[None]:
        before = sys.path[:]
        sys.path[:] = [*map(str, entries), *standard]
        try:
            yield
        finally:
            sys.path[:] = before

    return narrowed
