"""``tasky backends verify``: run the conformance kit on a backend, and show its report card.

The kit runs in a process of its own, which tells what happens in JSON Lines: ``tasky.testing.__main__``.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final

from tasky.cli.progress import with_progress
from tasky.cli.table import Cell, Column, text_cell
from tasky.cli.text import printable
from tasky.errors import BackendBrokenError, TaskyError
from tasky.installing import quoted

if TYPE_CHECKING:
    from tasky.cli.output import Output

__all__ = ["run_kit", "show_card"]

_NEEDED: Final = ("pytest", "hypothesis")
_STYLES: Final = {"passed": "low", "warned": "medium", "failed": "high", "not proven": "medium"}
_RULES: Final = [Column("Outcome"), Column("Rule"), Column("What it says, or why not", wraps=True)]
_SPEED: Final = [Column("Operation"), Column("\u00b5s"), Column("Reference, \u00b5s"), Column("Ratio")]


def run_kit(name: str, arguments: Sequence[str], *, environ: Mapping[str, str]) -> dict[str, Any]:
    """The report card of the backend, as a JSON value; shows the progress on a terminal.

    Raises ``TaskyError`` where the kit cannot run, ``BackendBrokenError`` when it did not come to its end.
    """
    missing = [module for module in _NEEDED if find_spec(module) is None]
    if missing:
        raise TaskyError(
            f"the conformance kit needs {' and '.join(missing)}, which this Python does not have",
            hint=f"Install what is missing: {quoted([sys.executable, '-m', 'pip', 'install', *missing])}",
        )
    program = [sys.executable, "-P", "-m", "tasky.testing", name, *arguments]
    card: dict[str, Any] | None = None
    progress = _Progress()
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="backslashreplace") as said:
        with subprocess.Popen(  # noqa: S603 - our own module, in this interpreter
            program, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=said, env=dict(environ)
        ) as process:
            events = progress.events(process)
            for event in with_progress(events, "Trying rule", sys.stderr, fraction=progress.fraction):
                card = event.get("card", card)
        if card is None:
            said.seek(0)
            words = next((line for line in reversed(said.read().splitlines()) if line.strip()), "")
            where = f" in {progress.current}" if progress.current else ""
            raise BackendBrokenError(
                f"the kit did not come to its end on the backend {name}: {_ending(process)}{where}: {words}",
                hint=f"`python -m pytest --pyargs tasky.testing.suite --tasky-backend {name}` shows all of"
                " it; add -k and the name of a rule to try only that.",
            )
    return card


def show_card(output: Output, card: Mapping[str, Any]) -> None:
    """Print every rule and how it ended; to a person also the speed, and what it all comes to."""
    if output.for_programs:
        output.documents("report-card", [card])
        return
    rules = sorted(card["rules"], key=lambda rule: list(_STYLES).index(rule["outcome"]))
    columns = _RULES[: 2 if output.for_people else 3]
    output.table(columns, (_cells(rule)[: len(columns)] for rule in rules))
    if output.for_people:
        _tell(output, card)
    counts = ", ".join(f"{count} {outcome}" for outcome, count in card["counts"].items() if count)
    run = (
        f"a quick run of the kit (seed {card['seed']})" if card["quick"] else f"the kit (seed {card['seed']})"
    )
    verdict = "keeps" if card["passed"] else "was not seen to keep"
    output.note(f"By {run}, {card['backend']} {verdict} contract {card['contract']}: {counts}.")
    if card["max_tasks"] is not None:
        output.note(f"It holds all of its tasks in memory, and is made for {card['max_tasks']}.")


def _tell(output: Output, card: Mapping[str, Any]) -> None:
    """What a person wants to know besides: the speed, and why a rule was not passed."""
    output.write("")
    keys = ("operation", "microseconds", "reference_microseconds", "ratio")
    output.table(_SPEED, ([text_cell(figure[key]) for key in keys] for figure in card["speed"]))
    for rule in card["rules"]:
        if rule["outcome"] != "passed":
            output.write("")
            output.write(f"{output.label(rule['outcome'])}: {printable(_explained(rule))} ({rule['name']})")
    output.write("")


def _cells(rule: Mapping[str, Any]) -> list[Cell]:
    return [
        text_cell(rule["outcome"], _STYLES[rule["outcome"]]),
        text_cell(rule["name"].removeprefix("test_")),
        text_cell(_explained(rule)),
    ]


class _Progress:
    """How far the kit is: the rule that it tries now, and how many it has begun."""

    def __init__(self) -> None:
        self.current = ""
        self._begun = 0
        self._all = 1

    def events(self, process: subprocess.Popen[bytes]) -> Iterator[dict[str, Any]]:
        """What the kit says, as it comes."""
        assert process.stdout is not None  # it is a pipe
        for line in process.stdout:
            event: dict[str, Any] = json.loads(line)
            if event["event"] == "collected":
                self._all = max(event["tests"], 1)
            elif event["event"] == "test":
                self._begun += 1
                self.current = event["name"]
            yield event

    def fraction(self) -> float:
        """How much of it is done, from 0 to 1."""
        return self._begun / self._all


def _ending(process: subprocess.Popen[bytes]) -> str:
    code = process.returncode
    if code >= 0:
        return f"it ended with exit code {code}"
    return f"it was ended by signal {-code} ({signal.strsignal(-code)})"


def _explained(rule: Mapping[str, Any]) -> str:
    if rule["outcome"] == "passed":
        return str(rule["sentence"])
    cause = f" Usual cause: {rule['cause']}" if rule["outcome"] == "failed" else ""
    return f"{rule['reason']}. {rule['sentence']}{cause}"
