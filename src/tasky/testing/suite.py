"""The whole kit for an installed backend: ``pytest --pyargs tasky.testing.suite --tasky-backend NAME``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tasky.testing.chosen import Chosen
from tasky.testing.conformance import BackendConformance
from tasky.testing.fixtures import LocationMaker
from tasky.testing.plugin import SPEED
from tasky.testing.speed import compare

__all__ = ["TestBackend"]


class TestBackend(BackendConformance):
    """The backend that the option ``--tasky-backend`` names."""

    if Chosen.factory is not None:
        factory = staticmethod(Chosen.factory)  # type: ignore[assignment] # mypy takes it for a method
    harness = Chosen.harness

    @pytest.fixture
    def new_location(self, tmp_path: Path) -> Iterator[LocationMaker]:
        """Makes locations where there is no store yet; what was made there is removed afterwards."""
        with Chosen.new_location(tmp_path) as make:
            yield make

    def test_speed(self, location: Any, record_property: Callable[[str, object], None]) -> None:
        """How long everyday operations take, beside the in-memory reference; shown, not judged."""
        with self.plain_factory()(location) as repository:
            repository.initialize()
            record_property(SPEED, compare(repository))
