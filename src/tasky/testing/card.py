"""The report card: for each rule of the contract, whether this backend was seen to keep it.

A rule is passed when every one of its cases ran, as the kit wrote it, and passed. Whatever a subclass
overrides, skips, expects to fail or leaves out is *not proven*, with the reason; only a card on which every
rule is passed is a pass. A rule that is new in this version of the contract *warns* before the next makes it
fail.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final, Literal, NamedTuple, TypeAlias

from tasky.testing.rules import CONTRACT_VERSION, Rule

__all__ = [
    "DID_NOT_RUN",
    "FAILED",
    "NOT_PROVEN",
    "PASSED",
    "WARNED",
    "Case",
    "Outcome",
    "ReportCard",
    "Verdict",
]

Outcome: TypeAlias = Literal["passed", "warned", "failed", "not proven"]

PASSED: Final = "passed"
WARNED: Final = "warned"  # it breaks a rule that this version of the contract is the first to have
FAILED: Final = "failed"
NOT_PROVEN: Final = "not proven"
DID_NOT_RUN: Final = "it did not run"  # the reason of a rule of which no case was collected


class Case(NamedTuple):
    """How one test of a rule ended; ``reason`` says why it did not pass. ``seconds`` is how long it took."""

    rule: str
    outcome: Outcome
    reason: str = ""
    seconds: float = 0.0


class Verdict(NamedTuple):
    """What is known about one rule."""

    rule: Rule
    outcome: Outcome
    reason: str
    seconds: float

    def document(self) -> dict[str, Any]:
        """The verdict as a JSON value."""
        kept = {key: getattr(self.rule, key) for key in ("name", "section", "sentence", "cause")}
        return {**kept, "outcome": self.outcome, "reason": self.reason, "seconds": round(self.seconds, 3)}


@dataclass
class ReportCard:
    """What one backend was seen to do.

    ``expected`` are the rules of the contract. ``cases`` are those that ran; ``collected`` counts, for each
    rule, those that there are. ``reservations`` say why a rule that passed proves nothing here.
    """

    backend: str
    expected: dict[str, Rule]
    seed: int = 0
    quick: bool = False
    max_tasks: int | None = None
    cases: dict[str, list[Case]] = field(default_factory=dict)
    collected: dict[str, int] = field(default_factory=dict)
    reservations: dict[str, str] = field(default_factory=dict)

    def add(self, case: Case) -> None:
        """Take note of how a test ended."""
        self.cases.setdefault(case.rule, []).append(case)

    def verdicts(self) -> list[Verdict]:
        """One for each rule of the contract, in its order."""
        return [self._verdict(rule) for rule in self.expected.values()]

    def counts(self) -> dict[str, int]:
        """How many rules ended in which way."""
        counts = {PASSED: 0, WARNED: 0, FAILED: 0, NOT_PROVEN: 0}
        for verdict in self.verdicts():
            counts[verdict.outcome] += 1
        return counts

    @property
    def is_pass(self) -> bool:
        """Whether every rule of the contract was seen to be kept, but for those that only warn as yet."""
        counts = self.counts()
        return counts[PASSED] + counts[WARNED] == len(self.expected)

    def document(self) -> dict[str, Any]:
        """The card as a JSON value."""
        return {
            "backend": self.backend,
            "contract": CONTRACT_VERSION,
            "passed": self.is_pass,
            "quick": self.quick,
            "seed": self.seed,
            "max_tasks": self.max_tasks,
            "counts": self.counts(),
            "rules": [verdict.document() for verdict in self.verdicts()],
        }

    def _verdict(self, rule: Rule) -> Verdict:
        cases = self.cases.get(rule.name, [])
        seconds = sum(case.seconds for case in cases)
        for outcome in (FAILED, NOT_PROVEN, WARNED):
            reasons = _reasons(case for case in cases if case.outcome == outcome)
            if reasons:
                return Verdict(rule, outcome, reasons, seconds)
        missing = max(self.collected.get(rule.name, 0), 1) - len(cases)
        reason = self.reservations.get(rule.name, "")
        if not cases:
            reason = reason or DID_NOT_RUN
        elif missing > 0:
            reason = reason or f"{missing} of its {missing + len(cases)} cases did not run"
        return Verdict(rule, NOT_PROVEN if reason else PASSED, reason, seconds)


def _reasons(cases: Iterable[Case]) -> str:
    return "; ".join(dict.fromkeys(case.reason or "no reason given" for case in cases))
