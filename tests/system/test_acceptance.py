"""The page about what the SQLite backend was asked for names tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/reference/acceptance.md"
SQLITE = ROOT / "plugins/tasky-sqlite/tests"
TEST = re.compile(r"^ *def (test_\w+)", re.MULTILINE)


def test_every_row_names_tests_that_exist() -> None:
    """A criterion whose test was renamed or deleted is not shown by anything."""
    text = PAGE.read_text(encoding="utf-8")
    named = re.findall(r"\[(test_\w+|Test\w+)\]\(([^)]+)\)", text)
    missing = [
        name
        for name, target in named
        if not re.search(rf"\b{name}\b", (PAGE.parent / target).read_text(encoding="utf-8"))
    ]
    assert missing == []
    rows = re.findall(r"^\| (?!---|#|risk)(.*)$", text, re.MULTILINE)
    assert len(rows) == 10 + 5 + 4
    assert [row for row in rows if "](" not in row] == []


def test_there_are_fifty_tests_of_sqlite() -> None:
    """The rules of the kit, which every backend has, do not count."""
    tests = [test for file in SQLITE.glob("test_*.py") for test in TEST.findall(file.read_text("utf-8"))]
    assert len(set(tests)) >= 50
