"""The seam between the kit and a backend: how to make a location, and a repository on it.

Everything else in the kit hangs on these two. Both can be sent to another process: the factory is named by
its module, and the location is data.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import pytest

from tasky import TaskRepository

__all__ = ["RepositoryMaker", "StoreFixtures", "footprint", "rule"]

F = TypeVar("F", bound=Callable[..., None])
RepositoryMaker = Callable[[], TaskRepository]


def rule(test: F) -> F:
    """Mark ``test`` as one sentence of the contract; its docstring is shown when it fails.

    The docstring's first paragraph is the sentence; a second one says what usually breaks it.
    """

    @functools.wraps(test)
    def wrapper(*args: Any, **kwargs: Any) -> None:
        try:
            test(*args, **kwargs)
        except Exception as error:
            error.add_note(f"\nThe contract: {inspect.cleandoc(test.__doc__ or '')}")
            raise

    wrapper.__dict__["tasky_rule"] = test.__name__
    return wrapper  # type: ignore[return-value] # wraps keeps the signature that F stands for


class StoreFixtures:
    """What a subclass says about its backend.

    ``factory`` makes a repository of a location and touches nothing. It is a function or a class at the top
    of a module that can be imported, so that other processes can make one too.
    """

    factory: ClassVar[Callable[[Any], TaskRepository]]

    @pytest.fixture
    def location(self, tmp_path: Path) -> Any:
        """A place where there is no store yet, picklable: a path, unless a subclass says otherwise."""
        return tmp_path / "store"

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

    @classmethod
    def plain_factory(cls) -> Callable[[Any], TaskRepository]:
        """``factory`` itself, whether or not the subclass wrapped it in ``staticmethod``."""
        if not hasattr(cls, "factory"):
            raise pytest.UsageError(f"{cls.__name__} has to say which backend to test: factory = my_factory")
        factory = inspect.getattr_static(cls, "factory")
        plain: Callable[[Any], TaskRepository] = getattr(factory, "__func__", factory)
        return plain


def footprint(location: Any) -> object:
    """All that can be seen of a store from outside: names and contents where ``location`` is a path."""
    if not isinstance(location, Path):
        return None
    files = [path for path in sorted(location.parent.rglob("*")) if path.is_file()]
    return [(str(path.relative_to(location.parent)), path.read_bytes()) for path in files]
