"""The kit fails on whatever is wrong: each mutant is killed by the rule that names its fault."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tasky.testing import BackendConformance
from tasky.testing.contract_server import ServerRules
from tasky.testing.rules import rules_of

if TYPE_CHECKING:
    from tests.testing.conftest import RunKit

MUTANT = re.compile(
    r'^class ([A-Z]\w+)\(\w+\):\n(?:    """[^"]+"""\n\n)?    killed_by = "(\w+)"', re.MULTILINE
)
GROUPS = 6  # processes of their own, which can run side by side


def mutants(sources: list[str]) -> Iterator[tuple[str, str]]:
    """Each mutant's node, and the rule that has to kill it."""
    from pathlib import Path

    for source in sources:
        text = (Path(__file__).parent / "mutants" / source).read_text(encoding="utf-8")
        found = MUTANT.findall(text)
        assert len(found) == text.count("    killed_by = "), source
        yield from ((f"{source}::Test{name}", killer) for name, killer in found)


ALL = sorted(mutants(["memory_mutants.py", "file_mutants.py", "server_mutants.py"]))


def test_there_is_a_mutant_for_every_way_of_being_wrong_that_we_know() -> None:
    """Every mutant names a rule of the kit, and there are many of them."""
    assert {killer for _, killer in ALL} <= set(rules_of(BackendConformance))
    assert len(ALL) >= 85


@pytest.mark.parametrize("group", range(GROUPS))
def test_every_mutant_is_killed(run_kit: RunKit, request: pytest.FixtureRequest, group: int) -> None:
    """A backend that is wrong in one way fails the rule that names it."""
    folder = request.path.parent / "mutants"
    tried = ALL[group::GROUPS]
    run = run_kit("--tb=short", *(f"{folder / node}::{killer}" for node, killer in tried))
    survivors = [
        (node, killer)
        for node, killer in tried
        if run.verdict(node.rpartition("::")[2], killer)[0] != "failed"
    ]
    assert survivors == [], run.output


def test_what_is_not_wrong_keeps_every_rule(run_kit: RunKit, request: pytest.FixtureRequest) -> None:
    """The store that the mutants in a file are made from passes the whole kit."""
    run = run_kit(f"{request.path.parent}/mutants/file_mutants.py::TestReference")
    assert run.code == 0, run.output
    assert run.cards["TestReference"]["passed"], run.output


def test_rules_of_servers_are_for_servers(run_kit: RunKit, request: pytest.FixtureRequest) -> None:
    """The server that the mutants are made from keeps the rules of servers; no others are held to them."""
    folder = request.path.parent / "mutants"
    servers, files = (f"{folder}/{each}_mutants.py::TestReference" for each in ("server", "file"))
    names = list(rules_of(ServerRules))
    run = run_kit(*(f"{servers}::{name}" for name in [*names, "test_any_walk_leads_to_the_same_state"]))
    assert run.code == 0, run.output
    assert {run.verdict("TestReference", name) for name in names} == {("passed", "")}
    run = run_kit(files, "-k", "test_server or counts_hold_every_status")
    assert set(names).isdisjoint(each["name"] for each in run.cards["TestReference"]["rules"])


def test_failure_tells_the_author_what_is_wrong(run_kit: RunKit, request: pytest.FixtureRequest) -> None:
    """A failing rule prints the sentence of the contract, the usual cause, and the compared values."""
    mutants = request.path.parent / "mutants/memory_mutants.py"
    run = run_kit(f"{mutants}::TestFindsProjectsByTheirBeginning::test_filter_by_project")
    assert "The contract: ``project_id`` finds the project and everything under it" in run.output
    assert "Usual cause: LIKE 'web%'" in run.output
    assert "Differing items:" in run.output
