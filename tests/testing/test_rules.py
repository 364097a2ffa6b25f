"""Rules: what a failing one says, and how a new one warns before it fails."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tasky.testing import NotProvenError
from tasky.testing.card import Case, ReportCard
from tasky.testing.rules import Rule, rule

if TYPE_CHECKING:
    from tests.testing.conftest import RunKit

NEW_RULE = """
from tasky.testing import conformance, rules

rules.CONTRACT_VERSION = "{version}"

class NewRules:
    \"\"\"New.\"\"\"

    @rules.rule_since("1.1")
    def test_new_rule(self):
        \"\"\"A sentence.

        Usual cause: none.
        \"\"\"
        assert 1 == 2, "not yet"

class NewConformance(NewRules, conformance.BackendConformance):
    pass

NewConformance.__module__ = "tasky.testing.conformance"
conformance.BackendConformance = NewConformance

class TestMine(NewConformance):
    pass
"""
RULES = {name: Rule(name, "Section", "It holds.", "nothing") for name in ("one", "two")}


@pytest.mark.parametrize(
    ("version", "outcome", "code"), [("1.0", "failed", 1), ("1.1", "warned", 0), ("1.2", "failed", 1)]
)
def test_a_new_rule_warns_for_one_version(
    run_kit: RunKit, tmp_path: Path, version: str, outcome: str, code: int
) -> None:
    """A rule that came with a version of the contract only warns in it, and fails in every other."""
    test = tmp_path / "test_mine.py"
    test.write_text(NEW_RULE.format(version=version), encoding="utf-8")
    run = run_kit(str(test), "-k", "test_new_rule")
    assert run.verdict("TestMine", "test_new_rule")[0] == outcome, run.output
    assert "not yet" in run.verdict("TestMine", "test_new_rule")[1]
    assert run.code == code


def test_a_failing_rule_tells_its_sentence() -> None:
    """Whoever breaks a rule reads it, with its usual cause, below the error."""

    @rule
    def test_something() -> None:
        """Two is one.

        Usual cause: arithmetic.
        """
        with pytest.raises(LookupError):
            len("two")

    with pytest.raises(pytest.fail.Exception) as caught:
        test_something()
    assert caught.value.__notes__ == ["\nThe contract: Two is one.\n\nUsual cause: arithmetic."]


def test_a_rule_that_cannot_be_proven_is_skipped() -> None:
    """What cannot be proven here does not fail, and does not pass."""

    @rule
    def test_something() -> None:
        raise NotProvenError("not on this machine")

    with pytest.raises(pytest.skip.Exception, match="not proven: not on this machine"):
        test_something()


@pytest.mark.parametrize(
    ("cases", "outcome", "reason"),
    [
        ([Case("one", "passed"), Case("one", "passed")], "passed", ""),
        ([Case("one", "passed"), Case("one", "failed", "this")], "failed", "this"),
        ([Case("one", "failed", "this"), Case("one", "failed", "that")], "failed", "this; that"),
        ([Case("one", "not proven", "why"), Case("one", "failed", "this")], "failed", "this"),
        ([Case("one", "passed"), Case("one", "not proven", "why")], "not proven", "why"),
        ([Case("one", "passed"), Case("one", "warned", "soon")], "warned", "soon"),
        ([Case("one", "failed"), Case("one", "passed")], "failed", "no reason given"),
        ([Case("one", "passed")], "not proven", "1 of its 2 cases did not run"),
        ([], "not proven", "it did not run"),
    ],
)
def test_a_verdict_is_that_of_the_worst_case(cases: list[Case], outcome: str, reason: str) -> None:
    """A rule is passed when all of its cases are; a failure counts more than what is not proven."""
    card = ReportCard("mine", RULES, collected={"one": 2})
    for case in cases:
        card.add(case)
    verdict = card.verdicts()[0]
    assert (verdict.outcome, verdict.reason) == (outcome, reason)


def test_a_card_is_a_pass_when_every_rule_is() -> None:
    """A rule that warns is no hindrance yet; one that is not proven is."""
    card = ReportCard("mine", RULES)
    card.add(Case("one", "passed"))
    assert not card.is_pass
    card.add(Case("two", "warned", "soon"))
    assert card.is_pass
    assert card.document()["counts"] == {"passed": 1, "warned": 1, "failed": 0, "not proven": 0}
    card.reservations["one"] = "it was overridden"
    assert not card.is_pass
