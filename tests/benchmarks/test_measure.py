"""The measuring itself: who is run when, and what is made of the figures."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from tests.benchmarks.measure import Result, alternate, compared, duration
from tests.benchmarks.plots import draw
from tests.benchmarks.report import as_json, as_markdown, as_table

LIST = Result(what="tasky list", against="import click", ours=0.06, baseline=0.04, target=1.4, size=1_000_000)
START = Result(what="tasky --help", against="import click", ours=0.04, baseline=0.04, target=1.2)
INFO = Result(what="memory", against="itself", ours=90.0, baseline=60.0, target=None, unit="MB")


def test_both_sides_are_run_in_turns_and_each_begins_as_often() -> None:
    """A machine that slows down half-way burdens both sides alike."""
    calls: list[str] = []

    def side(name: str) -> float:
        calls.append(name)
        return 1.0

    alternate(lambda: side("ours"), lambda: side("baseline"), rounds=4)
    assert calls[:2] == ["ours", "baseline"]  # the warm-up
    assert calls[2:] == ["ours", "baseline", "baseline", "ours"] * 2


def test_one_slow_run_does_not_change_the_figure() -> None:
    """What is reported is the median of the runs that counted."""
    ours = iter([99.0, 3.0, 50.0, 3.0])
    baseline = iter([99.0, 2.0, 2.0, 1.0])
    assert alternate(lambda: next(ours), lambda: next(baseline), rounds=3) == (3.0, 2.0)


def test_the_first_run_counts_when_there_is_no_warm_up() -> None:
    """What can be done only once on a store is measured the first time."""
    ours, baseline = iter([3.0]), iter([2.0])
    assert alternate(lambda: next(ours), lambda: next(baseline), rounds=1, warm_up=False) == (3.0, 2.0)


def test_the_duration_is_that_of_one_call() -> None:
    """Something repeated to be measurable is reported as one call of it."""
    calls: list[int] = []
    assert duration(lambda: calls.append(1), times=10) >= 0
    assert len(calls) == 10


def test_a_short_call_is_repeated_until_it_can_be_measured() -> None:
    """What takes a microsecond is called often, and by both sides equally often."""
    calls: list[str] = []
    ours, baseline = compared(lambda: calls.append("ours"), lambda: calls.append("baseline"), rounds=1)
    assert min(ours, baseline) > 0
    assert calls.count("ours") > 1_000
    assert 0 <= calls.count("baseline") - calls.count("ours") <= 2  # those by which it is seen to be short


@pytest.mark.parametrize(("result", "verdict"), [(LIST, "MISSED"), (START, "ok"), (INFO, "")])
def test_a_ratio_is_judged_by_its_target(result: Result, verdict: str) -> None:
    """Past the target it is missed; without a target there is no verdict."""
    assert result.verdict == verdict


def test_the_table_shows_both_sides_the_ratio_and_the_target() -> None:
    """Whoever reads the table sees what was measured, against what, and what was wanted."""
    row = as_table([LIST]).splitlines()[-1]
    assert row.split() == [
        "tasky",
        "list",
        "1M",
        "60.0",
        "ms",
        "40.0",
        "ms",
        "1.50",
        "1.40",
        "MISSED",
        *CLICK,
    ]


def test_a_figure_without_a_target_is_shown_without_a_verdict() -> None:
    """A row that is there to be known says so by an empty column."""
    row = as_table([INFO]).splitlines()[-1]
    assert row.split() == ["memory", "90.0", "MB", "60.0", "MB", "1.50", "-", "itself"]


def test_the_table_is_written_as_markdown_too() -> None:
    """The same columns, for a document."""
    lines = as_markdown([START]).splitlines()
    assert lines[0] == "| what | size | ours | baseline | ratio | target | | baseline is |"
    assert lines[2] == "| tasky --help | | 40.0 ms | 40.0 ms | 1.00 | 1.20 | ok | import click |"


def test_the_figures_are_written_as_json_too() -> None:
    """A program that compares two runs finds every figure."""
    (item,) = json.loads(as_json([LIST]))
    assert item == {
        "what": "tasky list",
        "against": "import click",
        "ours": 0.06,
        "baseline": 0.04,
        "target": 1.4,
        "size": 1_000_000,
        "sized": "tasks",
        "unit": "s",
        "ratio": pytest.approx(1.5),
        "verdict": "MISSED",
    }


def test_a_measurement_at_several_sizes_is_drawn(tmp_path: Path) -> None:
    """One picture shows both sides, the ratio and the target; what has one size alone gets none."""
    pytest.importorskip("matplotlib", reason="it is there for nox -s bench")
    (path,) = draw([LIST, replace(LIST, size=1_000), START, replace(INFO, size=10)], tmp_path)
    picture = path.read_text(encoding="utf-8")
    assert path.name == "tasky-list-import-click.svg"
    for text in ("tasky list, against import click", "1k", "1M", "baseline", "ratio", "target"):
        assert f">{text}<" in picture


def test_the_same_figures_make_the_same_picture(tmp_path: Path) -> None:
    """A picture in the repository changes only with what was measured."""
    pytest.importorskip("matplotlib", reason="it is there for nox -s bench")
    rows = [LIST, replace(LIST, size=1_000)]
    first, second = draw(rows, tmp_path / "first") + draw(rows, tmp_path / "second")
    assert first.read_bytes() == second.read_bytes()


CLICK = ["import", "click"]
