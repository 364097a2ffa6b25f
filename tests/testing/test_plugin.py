"""Report cards: what a class may say of itself, and what takes the proof away."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.testing.conftest import RunKit

HEAD = """
import pytest
from file_reference import FileHarness, FileTaskRepository
from tasky.testing import BackendConformance, MemoryTaskRepository

class TestMine(BackendConformance):
    factory = FileTaskRepository
    harness = FileHarness
"""
RULE = "test_limit_is_the_most_to_yield"
CALM = "test_counts_hold_every_status"

# What an author writes into the class or behind it, and how the card calls the rule then.
EVASIONS = {
    "overridden": (
        f"    def {RULE}(self): pass",
        f"TestMine overrides {RULE}",
    ),
    "overridden in between": (
        f"class Between(BackendConformance):\n    def {RULE}(self): pass\n"
        "class TestMine(Between):\n    factory = FileTaskRepository\n    harness = FileHarness",
        f"Between overrides {RULE}",
    ),
    "skipped by a mark": (
        f"    {RULE} = pytest.mark.skip(reason='too strict')(BackendConformance.{RULE})",
        "too strict",
    ),
    "skipped by the module": ("pytestmark = pytest.mark.skip(reason='not today')", "not today"),
    "skipped by a fixture": (
        "    @pytest.fixture(autouse=True)\n    def never(self):\n        pytest.skip('no time')",
        "no time",
    ),
    "expected to fail": (
        "pytestmark = pytest.mark.xfail(reason='it is hard')",
        "expected to fail: it is hard",
    ),
    "said to be new": (
        "from tasky.testing.rules import WARNING\npytestmark = pytest.mark.xfail(reason=WARNING)",
        "expected to fail: from the next version of the contract on a failure",
    ),
    "nothing to be seen": (
        "class Blind(FileHarness):\n    transient = ('',)\nTestMine.harness = Blind",
        "its harness calls every file transient",
    ),
    "another store": (
        "    @pytest.fixture\n    def make_repository(self):\n        return MemoryTaskRepository",
        "TestMine overrides make_repository",
    ),
    "another factory": (
        "    @classmethod\n    def plain_factory(cls):\n        return FileTaskRepository",
        "TestMine overrides plain_factory",
    ),
    "less effort": (
        "    @pytest.fixture\n    def effort(self):\n        return None",
        "TestMine overrides effort",
    ),
}


@pytest.mark.parametrize("evasion", EVASIONS)
def test_a_rule_that_was_got_around_is_not_proven(run_kit: RunKit, tmp_path: Path, evasion: str) -> None:
    """Whatever a class overrides, skips or expects to fail is not proven, with the reason given."""
    text, reason = EVASIONS[evasion]
    test = tmp_path / "test_mine.py"
    test.write_text(f"{HEAD}\n{text}\n", encoding="utf-8")
    run = run_kit(str(test), "-k", f"{RULE} or {CALM}")
    assert run.verdict("TestMine", RULE) == ("not proven", reason), run.output
    assert not run.cards["TestMine"]["passed"]
    assert f"not proven: {RULE}: {reason}" in run.output
    assert "not a pass" in run.output


def test_overriding_one_rule_leaves_the_others_proven(run_kit: RunKit, tmp_path: Path) -> None:
    """Only the rule that a class replaces loses its proof; what is no rule of the kit is the class's own."""
    test = tmp_path / "test_mine.py"
    own = "    def test_something_of_its_own(self): pass\n    def helper(self): pass\n"
    test.write_text(f"{HEAD}\n    def {RULE}(self): pass\n{own}", encoding="utf-8")
    run = run_kit(str(test), "-k", f"{RULE} or {CALM} or something_of_its_own")
    assert run.verdict("TestMine", CALM) == ("passed", "")
    assert run.verdict("TestMine", RULE)[0] == "not proven"


def test_a_rule_that_was_taken_out_did_not_run(run_kit: RunKit, tmp_path: Path) -> None:
    """A rule that a class removes is not proven, like one that was not asked for."""
    test = tmp_path / "test_mine.py"
    test.write_text(f"{HEAD}\n    {RULE} = None\n", encoding="utf-8")
    run = run_kit(str(test), "-k", CALM)
    assert run.verdict("TestMine", RULE) == ("not proven", "it did not run")
    assert run.verdict("TestMine", CALM) == ("passed", "")
    assert "rules that did not run" in run.output


def test_a_rule_of_which_a_case_was_left_out_is_not_proven(run_kit: RunKit, tmp_path: Path) -> None:
    """A rule with several cases is passed only when all of them are."""
    test = tmp_path / "test_mine.py"
    test.write_text(HEAD, encoding="utf-8")
    run = run_kit(str(test), "-k", "test_use_before_initialize_is_refused and not get_task")
    reason = "1 of its 6 cases did not run"
    assert run.verdict("TestMine", "test_use_before_initialize_is_refused") == ("not proven", reason)


def test_a_rule_that_breaks_in_its_fixture_has_failed(run_kit: RunKit, tmp_path: Path) -> None:
    """An error before the rule begins is a failure of the backend, with its message on the card."""
    test = tmp_path / "test_mine.py"
    text = f"{HEAD}\n    @pytest.fixture\n    def location(self):\n        raise LookupError('no place')\n"
    test.write_text(text, encoding="utf-8")
    run = run_kit(str(test), "-k", CALM)
    assert run.verdict("TestMine", CALM) == ("failed", "LookupError: no place")
    assert run.code == 1


def test_cards_are_made_where_the_tests_run_side_by_side(run_kit: RunKit, tmp_path: Path) -> None:
    """With pytest-xdist the card is whole, though no process has run all of the tests."""
    test = tmp_path / "test_mine.py"
    test.write_text(HEAD, encoding="utf-8")
    run = run_kit(str(test), "-n", "2", "-k", f"{CALM} or use_before_initialize", "--tasky-seed", "7")
    assert run.cards["TestMine"]["counts"]["passed"] == 2
    assert run.cards["TestMine"]["seed"] == 7


def test_a_harness_without_a_method_leaves_its_rule_unproven(run_kit: RunKit, tmp_path: Path) -> None:
    """What the harness leaves out is not proven, and the card names the method to write."""
    test = tmp_path / "test_mine.py"
    test.write_text(HEAD.replace("    harness = FileHarness\n", ""), encoding="utf-8")
    run = run_kit(str(test), "-k", "newer_schema")
    reason = "StoreHarness has no make_newer()"
    assert run.verdict("TestMine", "test_newer_schema_is_refused") == ("not proven", reason)


def test_an_outcome_of_another_plugin_proves_nothing(run_kit: RunKit, tmp_path: Path) -> None:
    """A rule that passed after it was run again, as some plugins do, was not seen to be kept."""
    hook = """
import pytest
@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if call.when == "call":
        report.outcome = "rerun"
"""
    (tmp_path / "conftest.py").write_text(hook, encoding="utf-8")
    test = tmp_path / "test_mine.py"
    test.write_text(HEAD, encoding="utf-8")
    run = run_kit(str(test), "-k", CALM)
    assert run.verdict("TestMine", CALM) == ("not proven", "its outcome was 'rerun'")


def test_other_tests_get_no_card(run_kit: RunKit, tmp_path: Path) -> None:
    """A run without conformance tests says nothing about conformance."""
    test = tmp_path / "test_other.py"
    test.write_text("class TestOther:\n    def test_it(self): pass\ndef test_too(): pass\n", encoding="utf-8")
    run = run_kit(str(test))
    assert (run.code, run.cards) == (0, {})
    assert "contract" not in run.output
