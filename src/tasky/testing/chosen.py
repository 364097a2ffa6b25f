"""The backend that a command line names: its factory, its harness, and where its stores go."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from shutil import rmtree
from typing import Any, ClassVar

import importlib_metadata
import pytest

from tasky import StorageLocation, TaskRepository, TaskyError, default_registry, is_uri_factory
from tasky.testing.fixtures import LocationMaker
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
        """Makes locations for one test, in ``folder`` when there is one; what is there goes in the end."""
        below = directory if cls.folder is None else cls.folder / directory.name
        numbers = count()

        def make() -> Any:
            place = below / f"place {next(numbers)}"
            place.mkdir(parents=True)
            return cls.harness().fresh_location(place)

        try:
            yield make
        finally:
            rmtree(below, ignore_errors=cls.folder is None)


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
