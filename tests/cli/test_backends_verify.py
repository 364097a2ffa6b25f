"""``tasky backends verify``: the report card of a backend, for people and for programs."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tasky.cli.output import Output
from tasky.cli.verify import show_card

if TYPE_CHECKING:
    from tests.cli.conftest import Process

FORGETFUL = """
from tasky.testing import MemoryTaskRepository

def make(path):
    return MemoryTaskRepository()
"""
RUDE = """
import os
if "PYTEST_CURRENT_TEST" in os.environ or "PYTEST_DISABLE_PLUGIN_AUTOLOAD" in os.environ:
    os._exit(9)
def make(path): ...
"""


@pytest.fixture
def with_backend(process: Process, tmp_path: Path, install: Callable[..., Path]) -> Callable[[str], None]:
    """Installs the backend ``mine``, made of a module's text, for this process's children."""

    def put(module: str) -> None:
        site = tmp_path / "site"
        install(site, "tasky-mine", entry_points={"mine": "mine:make"}, modules={"mine.py": module})
        process.environ["PYTHONPATH"] = str(site)

    return put


def test_a_backend_that_keeps_the_contract_passes(process: Process) -> None:
    """A healthy backend is a pass, rule by rule, with what was tried and the figures of its speed."""
    done = process("backends", "verify", "sqlite", "--quick", "--seed", "11", "--json")
    (card,) = done.document["items"]
    assert done.document["kind"] == "report-card"
    assert (card["backend"], card["passed"], card["seed"], card["quick"]) == ("sqlite", True, 11, True)
    assert card["counts"] == {"passed": len(card["rules"]), "warned": 0, "failed": 0, "not proven": 0}
    assert {"name", "section", "sentence", "outcome", "reason", "cause", "seconds"} == set(card["rules"][0])
    assert {"operation", "microseconds", "reference_microseconds", "ratio"} == set(card["speed"][0])


def test_a_backend_that_breaks_rules_is_told_which(
    process: Process, with_backend: Callable[[str], None], tmp_path: Path
) -> None:
    """What fails comes last, with its reason, the sentence and the usual cause, and the exit code is 6."""
    with_backend(FORGETFUL)
    (tmp_path / "stores").mkdir()
    location = f"mine://{tmp_path}/stores"
    done = process("backends", "verify", "mine", "--quick", "--location", location, code=6)
    rows = [line.split("\t") for line in done.lines]
    outcomes = [row[0] for row in rows]
    assert outcomes == sorted(outcomes, key=["passed", "failed", "not proven"].index)
    told = {row[1]: row[2] for row in rows if row[0] == "failed"}
    assert "Usual cause: writes that are committed only when" in told["closed_store_keeps_everything"]
    assert ["not proven", "newer_schema_is_refused"] in [row[:2] for row in rows]
    assert "mine was not seen to keep contract 1.0" in done.err
    assert list((tmp_path / "stores").iterdir()) == []
    assert sorted(path.name for path in process.cwd.iterdir()) == []


def test_a_person_sees_a_table_and_the_speed(process: Process, with_backend: Callable[[str], None]) -> None:
    """At a terminal the card is a table, and the figures of the speed come behind it."""
    with_backend(FORGETFUL)
    done = process.on_terminal("backends", "verify", "mine", "--quick", columns=100, code=6)
    assert "Outcome" in done.out
    assert "(test_closed_store_keeps_everything)" in done.out
    assert "get a task" in done.out
    assert "Trying rule" in done.out


def test_a_kit_that_ends_early_is_a_broken_backend(
    process: Process, with_backend: Callable[[str], None]
) -> None:
    """A backend that takes the kit's process down with it is named, and harms no other process."""
    with_backend(RUDE)
    done = process("backends", "verify", "mine", "--quick", code=6)
    assert "did not come to its end on the backend mine: it ended with exit code 9" in done.err


def test_a_kit_that_is_killed_says_by_what_and_where(
    process: Process, with_backend: Callable[[str], None]
) -> None:
    """A driver that crashes takes the kit's process with it; the error names the signal and the rule."""
    with_backend(FORGETFUL.replace("    return", "    import os\n    os.kill(os.getpid(), 9)\n    return"))
    done = process("backends", "verify", "mine", "--quick", code=6)
    assert "it was ended by signal 9 (Killed) in test_" in done.err


def test_a_card_says_when_all_tasks_are_held_in_memory(capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever reads that a backend passes also reads for how many tasks it is made."""
    output = Output(sys.stdout, sys.stderr, environ={}, now=datetime.now(UTC))
    counts = {"passed": 1, "warned": 0, "failed": 0, "not proven": 0}
    card = {"backend": "mine", "contract": "1.0", "passed": True, "quick": False, "seed": 1, "counts": counts}
    show_card(output, {**card, "max_tasks": 10_000, "rules": [], "speed": []})
    assert (
        "mine keeps contract 1.0: 1 passed.\nIt holds all of its tasks in memory, and is made for 10000."
        in (capsys.readouterr().err)
    )


def test_a_location_of_another_backend_is_a_usage_error(process: Process) -> None:
    """A location has to be of the backend that is tried."""
    done = process("backends", "verify", "sqlite", "--location", "json://x", code=2)
    assert "the location is of the backend json, not of sqlite" in done.err


def test_an_unknown_backend_is_an_error(process: Process) -> None:
    """A name that nothing provides is told as everywhere."""
    done = process("backends", "verify", "sqlit", code=6)
    assert "did you mean 'sqlite'" in done.err


def test_without_pytest_the_kit_says_what_to_install(
    process: Process, with_backend: Callable[[str], None], tmp_path: Path
) -> None:
    """Where the kit's own needs are missing, the error has the command that installs them."""
    with_backend(FORGETFUL)
    process.site = tmp_path / "site"
    done = process("backends", "verify", "mine", code=1)
    assert "needs pytest and hypothesis, which this Python does not have" in done.err
    assert "-m pip install pytest hypothesis" in done.err
