"""What the kit adds to pytest: its options, and a report card for each class of conformance tests.

pytest loads it wherever Tasky is installed, so it imports the kit only when a test of the kit is there.
"""

from __future__ import annotations

import inspect
import json
import random
from collections import Counter
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import pytest

if TYPE_CHECKING:
    from tasky.testing.card import Case, ReportCard
    from tasky.testing.rules import Rule

__all__ = ["SPEED", "Cards", "pytest_addoption", "pytest_configure"]

SPEED: Final = "tasky_speed"  # the property of a report that holds figures for the card
_STAMP: Final = "tasky_stamp"  # that of what the card has to know of a test
_CARDS: Final = pytest.StashKey["Cards"]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options of the kit."""
    group = parser.getgroup("tasky", "conformance of storage backends of Tasky")
    group.addoption(
        "--tasky-backend", metavar="NAME", help="the installed backend that tasky.testing.suite tests"
    )
    group.addoption(
        "--tasky-location",
        metavar="URI",
        help="where tasky.testing.suite makes its stores: an empty directory, or what the backend's harness"
        " takes; default: pytest's own temporary directory",
    )
    group.addoption("--tasky-quick", action="store_true", help="try less of everything")
    group.addoption("--tasky-report", metavar="FILE", help="write the report cards to FILE, as JSON")
    group.addoption(
        "--tasky-seed", type=int, metavar="N", help="repeat what another run left to chance (default: random)"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Choose the seed, before xdist hands the options to its workers, and the backend of the suite."""
    if config.option.tasky_seed is None:
        config.option.tasky_seed = random.SystemRandom().randrange(1 << 32)
    config.stash[_CARDS] = Cards(config)
    config.pluginmanager.register(config.stash[_CARDS], "tasky-cards")
    if config.option.tasky_backend is not None:
        from tasky.testing.chosen import choose

        choose(config.option.tasky_backend, config.option.tasky_location)


class Cards:
    """Makes the report cards of a run: one for each class that derives from ``BackendConformance``."""

    def __init__(self, config: pytest.Config) -> None:
        self.cards: dict[str, ReportCard] = {}
        self.speed: dict[str, Any] = {}
        self._config = config

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Stamp every test of a rule with what its card needs to know; reports carry the stamps along.

        What is no rule for a backend without a server is left out.
        """
        counts: Counter[_Stamp] = Counter()
        stamps = {item: stamp for item in items if (stamp := _stamp(item)) is not None}
        items[:] = [item for item in items if item not in stamps or stamps[item].applies]
        for item in items:
            if item in stamps:
                counts[stamps[item]] += 1
        for item in items:
            if item in stamps:
                item.user_properties.append((_STAMP, (*stamps[item], counts[stamps[item]])))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Enter how a test ended on its card; with xdist, in the process that shows the results."""
        properties: dict[str, Any] = dict(report.user_properties)
        if _STAMP in properties:
            *values, count = properties[_STAMP]
            stamp = _Stamp(*values)
            card = self._card(stamp)
            card.collected[stamp.rule] = count
            if stamp.reservation:
                card.reservations[stamp.rule] = stamp.reservation
            case = _case(stamp.rule, report, is_new=stamp.is_new)
            if case is not None:
                card.add(case)
        elif report.when == "teardown" and SPEED in properties:
            self.speed[report.nodeid.rpartition("::")[0]] = properties[SPEED]

    def pytest_sessionfinish(self) -> None:
        """Write the cards down where the option says."""
        path = self._config.option.tasky_report
        if path is not None and not hasattr(self._config, "workerinput"):  # which only xdist's workers have
            text = json.dumps(
                {"schema": "tasky/1", "kind": "report-card", "items": self.documents()}, indent=1
            )
            Path(path).write_text(f"{text}\n", encoding="utf-8")

    def documents(self) -> list[dict[str, Any]]:
        """The cards as JSON values."""
        return [{**card.document(), "speed": self.speed.get(suite, [])} for suite, card in self.cards.items()]

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Say for each card whether it is a pass, and if not, why."""
        if not self.cards:
            return
        from tasky.testing.card import DID_NOT_RUN, PASSED

        for suite, card in self.cards.items():
            counts = ", ".join(f"{count} {outcome}" for outcome, count in card.counts().items() if count)
            verdict = "a pass" if card.is_pass else "not a pass"
            verdict += ", of a quick run" if card.quick else ""
            terminalreporter.write_sep("-", f"Tasky's contract: {suite.rpartition('::')[2]}")
            held = "" if card.max_tasks is None else f"; holds all tasks in memory, up to {card.max_tasks}"
            terminalreporter.write_line(f"{counts} (seed {card.seed}): {verdict}{held}")
            idle = [each for each in card.verdicts() if each.reason == DID_NOT_RUN]
            for each in card.verdicts():
                if each.outcome != PASSED and each not in idle:
                    terminalreporter.write_line(f"{each.outcome}: {each.rule.name}: {each.reason}")
            if idle:
                terminalreporter.write_line(f"not proven: {len(idle)} rules that did not run")

    def _card(self, stamp: _Stamp) -> ReportCard:
        if stamp.suite not in self.cards:
            from tasky.testing.card import ReportCard

            self.cards[stamp.suite] = ReportCard(
                self._config.option.tasky_backend or stamp.suite,
                _rules(stamp.of_servers),
                seed=self._config.option.tasky_seed,
                quick=self._config.option.tasky_quick,
                max_tasks=stamp.max_tasks,
            )
        return self.cards[stamp.suite]


class _Stamp(NamedTuple):
    """What the card has to know of a test: its suite and rule, and why passing it proves nothing."""

    suite: str
    rule: str
    reservation: str
    of_servers: bool
    max_tasks: int | None
    is_new: bool

    @property
    def applies(self) -> bool:
        return self.rule in _rules(self.of_servers)


@cache
def _rules(of_servers: bool) -> dict[str, Rule]:
    from tasky.testing.conformance import BackendConformance
    from tasky.testing.contract_server import ServerRules
    from tasky.testing.rules import rules_of

    left_out = {} if of_servers else rules_of(ServerRules)
    return {name: rule for name, rule in rules_of(BackendConformance).items() if name not in left_out}


def _stamp(item: pytest.Item) -> _Stamp | None:
    """None for what is no rule of the kit."""
    cls = getattr(item, "cls", None)
    name = getattr(item, "originalname", None) or item.name
    if cls is None or not any(base.__module__ == "tasky.testing.conformance" for base in cls.__mro__):
        return None
    if name not in _rules(True):
        return None
    suite = item.nodeid.rpartition("::")[0]
    return _Stamp(
        suite,
        name,
        _reservation(cls, name),
        cls.is_of_servers(),
        cls.harness.max_tasks,
        _rules(True)[name].is_new,
    )


def _reservation(cls: type, name: str) -> str:
    """What a class has changed about the kit, so that this rule, or all of them, prove nothing."""
    from tasky.testing.conformance import BackendConformance
    from tasky.testing.fixtures import OVERRIDABLE

    if "" in cls.harness.transient:  # type: ignore[attr-defined] # every class of the kit has a harness
        return "its harness calls every file transient"
    for each in [each for each in cls.__mro__ if each not in BackendConformance.__mro__]:
        for changed in vars(each):
            known = inspect.getattr_static(BackendConformance, changed, None)
            ours = known is not None and not hasattr(object, changed) and not changed.startswith("__")
            if ours and changed not in OVERRIDABLE and (changed == name or not changed.startswith("test_")):
                return f"{each.__name__} overrides {changed}"
    return ""


def _case(name: str, report: pytest.TestReport, *, is_new: bool) -> Case | None:
    """How the test ended; None for a phase that decides nothing. Only a new rule may warn."""
    from tasky.testing.card import FAILED, NOT_PROVEN, PASSED, WARNED, Case
    from tasky.testing.rules import WARNING

    expected = getattr(report, "wasxfail", None)
    if expected is not None and is_new and expected.startswith(WARNING):
        return Case(name, WARNED, expected.removeprefix(WARNING), report.duration)
    if expected is not None:
        return Case(name, NOT_PROVEN, f"expected to fail: {expected}".rstrip(": "), report.duration)
    if report.failed:
        return Case(name, FAILED, _last_line(report), report.duration)
    if report.skipped:
        return Case(name, NOT_PROVEN, _why_skipped(report), report.duration)
    if report.outcome != "passed":
        return Case(name, NOT_PROVEN, f"its outcome was {report.outcome!r}", report.duration)
    return Case(name, PASSED, "", report.duration) if report.when == "call" else None


def _last_line(report: pytest.TestReport) -> str:
    crash = getattr(report.longrepr, "reprcrash", None)
    text = str(report.longrepr) if crash is None else crash.message
    return next((line.strip() for line in text.splitlines() if line.strip()), "")


def _why_skipped(report: pytest.TestReport) -> str:
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return reason.removeprefix("Skipped: ").removeprefix("not proven: ")
