"""The seam between the kit and a backend: how to make a location, a repository on it, and a process beside.

Everything else in the kit hangs on these. They can be sent to another process: the factory and the harness
are named by their modules, and the location is data.
"""

from __future__ import annotations

import inspect
import random
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import pytest

from tasky import TaskRepository, is_uri_factory
from tasky.testing.harness import StoreHarness
from tasky.testing.worker import Job, Worker

__all__ = [
    "FULL",
    "OVERRIDABLE",
    "QUICK",
    "Effort",
    "LocationMaker",
    "RepositoryMaker",
    "StoreFixtures",
    "WorkerStarter",
    "location_maker",
]

LocationMaker = Callable[[], Any]
RepositoryMaker = Callable[[], TaskRepository]
WorkerStarter = Callable[..., Worker]

# All that a subclass may say without losing the proof.
OVERRIDABLE = frozenset({"factory", "harness", "location", "new_location"})


class Effort(NamedTuple):
    """How much is tried: examples of each property, walks and steps of the state machine, damaged stores,
    kills, rounds of each worker that counts up, and tasks that are streamed.

    ``fills``: whether a store that holds all tasks in memory gets as many as it is made for, and no fewer.
    ``shrinks``: whether what fails is made smaller until it is easy to read, which takes up to five minutes.
    """

    examples: int
    walks: int
    steps: int
    damages: int
    kills: int
    rounds: int
    streamed: int
    fills: bool
    shrinks: bool


FULL = Effort(
    examples=150,
    walks=40,
    steps=30,
    damages=40,
    kills=12,
    rounds=25,
    streamed=200_000,
    fills=True,
    shrinks=True,
)
QUICK = Effort(
    examples=25,
    walks=10,
    steps=20,
    damages=8,
    kills=4,
    rounds=5,
    streamed=8_000,
    fills=False,
    shrinks=False,
)


class StoreFixtures:
    """What a subclass says about its backend.

    ``factory`` makes a repository of a location and touches nothing. It is a function or a class at the top
    of a module that can be imported, so that other processes can make one too. ``harness`` is the class of
    what only the author can do to a store.
    """

    factory: ClassVar[Callable[[Any], TaskRepository]]
    harness: ClassVar[type[StoreHarness]] = StoreHarness

    @pytest.fixture
    def new_location(self, tmp_path: Path) -> LocationMaker:
        """Makes locations where there is no store yet: what the harness says."""
        return location_maker(self.harness, tmp_path)

    @pytest.fixture
    def location(self, new_location: LocationMaker) -> Any:
        """A place where there is no store yet, picklable."""
        return new_location()

    @pytest.fixture
    def make_repository(self, location: Any) -> Iterator[RepositoryMaker]:
        """Makes handles on the location, not initialized; all are closed at the end of the test."""
        handles: list[TaskRepository] = []

        def make() -> TaskRepository:
            handles.append(self.plain_factory()(location))
            return handles[-1]

        yield make
        for handle in handles:
            handle.close()

    @pytest.fixture
    def repository(self, make_repository: RepositoryMaker) -> TaskRepository:
        """A handle on a new, empty store."""
        repository = make_repository()
        repository.initialize()
        return repository

    @pytest.fixture
    def other(self, repository: TaskRepository, make_repository: RepositoryMaker) -> TaskRepository:
        """A second handle on the same store."""
        other = make_repository()
        other.initialize(create=False)
        return other

    @pytest.fixture
    def start_worker(self, location: Any) -> Iterator[WorkerStarter]:
        """Starts processes on the location, or another, with a handle each; all end with the test."""
        with ExitStack() as started:

            def start(job: Job, *arguments: object, at: Any = location, **options: Any) -> Worker:
                worker = Worker(self.plain_factory(), at, job, *arguments, **options)
                return started.enter_context(worker)

            yield start

    @pytest.fixture
    def effort(self, request: pytest.FixtureRequest) -> Effort:
        """How much to try."""
        return QUICK if request.config.getoption("tasky_quick", False) else FULL

    @pytest.fixture
    def chance(self, request: pytest.FixtureRequest) -> random.Random:
        """What the kit leaves to chance; the seed is on the report card."""
        return random.Random(f"{request.config.getoption('tasky_seed', 0)} {request.node.name}")  # noqa: S311 - no secret

    def footprint(self, location: Any) -> object:
        """All that can be seen of a store from outside."""
        return self.harness().footprint(location)

    @classmethod
    def is_of_servers(cls) -> bool:
        """Whether the backend's factory takes a location, as those of servers do, and not a path."""
        return is_uri_factory(getattr(cls, "factory", None))

    @classmethod
    def plain_factory(cls) -> Callable[[Any], TaskRepository]:
        """``factory`` itself, whether or not the subclass wrapped it in ``staticmethod``."""
        if not hasattr(cls, "factory"):
            raise pytest.UsageError(
                f"{cls.__name__} has to say which backend to test: factory = my_factory"
                " (tasky.testing.suite takes it from the option --tasky-backend NAME)"
            )
        factory = inspect.getattr_static(cls, "factory")
        plain: Callable[[Any], TaskRepository] = getattr(factory, "__func__", factory)
        return plain


def location_maker(harness: type[StoreHarness], directory: Path) -> LocationMaker:
    """Makes locations where there is no store yet, each in a directory of its own below ``directory``."""
    numbers = count()

    def make() -> Any:
        place = directory / f"place {next(numbers)}"
        place.mkdir()
        return harness().fresh_location(place)

    return make
