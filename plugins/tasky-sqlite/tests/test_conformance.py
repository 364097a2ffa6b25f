"""The storage contract, sentence by sentence, on the SQLite backend."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tasky.testing import BackendConformance
from tasky_sqlite import sqlite_factory


class TestSqlite(BackendConformance):
    """tasky-sqlite keeps the contract."""

    factory = sqlite_factory

    @pytest.fixture
    def location(self, tmp_path: Path) -> Any:
        """A file in a directory that is not there yet."""
        return tmp_path / "project" / "tasks.db"
