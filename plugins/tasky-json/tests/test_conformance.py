"""The storage contract, sentence by sentence, on the JSON backend."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tasky.testing import BackendConformance
from tasky_json import json_factory


class TestJson(BackendConformance):
    """tasky-json keeps the contract."""

    factory = json_factory

    @pytest.fixture
    def location(self, tmp_path: Path) -> Any:
        """A document in a directory that is not there yet."""
        return tmp_path / "project" / "tasks.json"
