"""The backend that a command line names: its factory, its harness, and where its stores go."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar

import importlib_metadata
import pytest

from tasky import StorageLocation, TaskRepository, TaskyError, default_registry, is_uri_factory
from tasky.testing.fixtures import LocationMaker, location_maker
from tasky.testing.harness import HARNESS_GROUP, StoreHarness

__all__ = ["Chosen", "choose"]


class Chosen:
    """What ``tasky.testing.suite`` tests; None until ``choose``."""

    factory: ClassVar[Callable[[Any], TaskRepository] | None] = None
    harness: ClassVar[type[StoreHarness]] = StoreHarness
    folder: ClassVar[Path | None] = None

    @classmethod
    @contextmanager
    def new_location(cls, directory: Path) -> Iterator[LocationMaker]:
        """Makes locations for one test; those in ``folder`` are in a new directory, removed at the end."""
        if cls.folder is None:
            yield location_maker(cls.harness, directory)
            return
        with TemporaryDirectory(prefix="tasky-kit-", dir=cls.folder) as below:
            yield location_maker(cls.harness, Path(below))


def choose(name: str, uri: str | None) -> None:
    """Load the backend ``name`` and its harness for the suite; raises a usage error when it cannot be."""
    try:
        Chosen.factory = default_registry.load(name)
        Chosen.harness = _harness(name)
        if uri is None:
            return
        location = StorageLocation.parse(uri)
        if location.scheme != name:
            raise pytest.UsageError(f"the location is of the backend {location.scheme}, not of {name}")
        if is_uri_factory(Chosen.factory):
            Chosen.harness.given = location.expanded(os.environ)
        else:
            Chosen.folder = location.expanded(os.environ).file_path(Path.cwd())
            if not Chosen.folder.is_dir():
                raise pytest.UsageError(f"there is no directory {Chosen.folder} to make stores in")
    except TaskyError as error:
        raise pytest.UsageError(f"{error.message} {error.hint}".strip()) from error


def _harness(name: str) -> type[StoreHarness]:
    """The harness of the distribution that provides the backend; the plain one where it has none."""
    (info,) = [row for row in default_registry.backends() if row.name == name and row.state == "ok"][:1]
    distribution = importlib_metadata.PathDistribution(Path(info.source))
    for entry in distribution.entry_points.select(group=HARNESS_GROUP, name=name):
        harness = entry.load()
        if not (isinstance(harness, type) and issubclass(harness, StoreHarness)):
            raise pytest.UsageError(f"{entry.value} of {info.distribution} is no subclass of StoreHarness")
        return harness
    return StoreHarness
