"""What the tests of the kit share: pytest in a process of its own, and the report cards that it makes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import pytest

MUTANTS = Path(__file__).parent / "mutants"


@dataclass(frozen=True)
class Run:
    """How a run of pytest ended: its exit code, what it said, and the report card of each class."""

    code: int
    output: str
    cards: dict[str, dict[str, Any]]

    def verdict(self, suite: str, rule: str) -> tuple[str, str]:
        """The outcome of a rule on the card of a class, and the reason."""
        (found,) = [each for each in self.cards[suite]["rules"] if each["name"] == rule]
        return found["outcome"], found["reason"]


RunKit: TypeAlias = Callable[..., Run]


@pytest.fixture
def run_kit(tmp_path: Path) -> RunKit:
    """Runs pytest on files or nodes, with the quick effort; finds what is imported from the mutants."""

    def run(*arguments: str) -> Run:
        report = tmp_path / "report.json"
        plain = ["-q", "-p", "no:cacheprovider", "-p", "no:randomly", "-c", os.devnull]
        places = [f"--rootdir={tmp_path}", f"--basetemp={tmp_path / 'stores'}", f"--tasky-report={report}"]
        done = subprocess.run(
            [sys.executable, "-m", "pytest", *plain, *places, "--tasky-quick", *arguments],
            capture_output=True,
            check=False,
            cwd=tmp_path,
            encoding="utf-8",
            env={**os.environ, "PYTHONPATH": str(MUTANTS), "PYTHONDONTWRITEBYTECODE": "1"},
        )
        assert report.exists(), done.stdout + done.stderr
        items = json.loads(report.read_text(encoding="utf-8"))["items"]
        cards = {card["backend"].rpartition("::")[2]: card for card in items}
        return Run(done.returncode, done.stdout, cards)

    return run
