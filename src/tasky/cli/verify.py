"""``tasky backends verify``: run the conformance kit on a backend, and show its report card.

The kit runs in a process of its own, which tells what happens in JSON Lines: ``tasky.testing.__main__``.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final

from tasky.cli.progress import with_progress
from tasky.cli.table import Column, text_cell
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
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="backslashreplace") as said:
        with subprocess.Popen(  # noqa: S603 - our own module, in this interpreter
            program, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=said, env=dict(environ)
        ) as process:
            done = [0, 1]
            for event in with_progress(
                _events(process, done), "Trying rule", sys.stderr, fraction=lambda: done[0] / done[1]
            ):
                card = event.get("card", card)
        if card is None:
            said.seek(0)
            words = " ".join(said.read().split("\n")[-6:]).strip()
            raise BackendBrokenError(
                f"the kit did not come to its end on the backend {name} ({process.returncode}): {words}",
                hint=f"`tasky backends check {name}` tries to load it by itself.",
            )
    return card


def show_card(output: Output, card: Mapping[str, Any]) -> None:
    """Print every rule and how it ended; to a person also the speed, and what it all comes to."""
    if output.for_programs:
        output.documents("report-card", [card])
        return
    output.table(
        _RULES,
        (
            (
                text_cell(rule["outcome"], _STYLES[rule["outcome"]]),
                text_cell(rule["name"].removeprefix("test_")),
                text_cell(_explained(rule)),
            )
            for rule in sorted(card["rules"], key=lambda rule: list(_STYLES).index(rule["outcome"]))
        ),
    )
    if output.for_people:
        output.write("")
        columns = ("operation", "microseconds", "reference_microseconds", "ratio")
        output.table(_SPEED, ([text_cell(figure[key]) for key in columns] for figure in card["speed"]))
        output.write("")
    counts = ", ".join(f"{count} {outcome}" for outcome, count in card["counts"].items() if count)
    run = (
        f"a quick run of the kit (seed {card['seed']})" if card["quick"] else f"the kit (seed {card['seed']})"
    )
    verdict = "keeps" if card["passed"] else "was not seen to keep"
    output.note(f"By {run}, {card['backend']} {verdict} contract {card['contract']}: {counts}.")


def _events(process: subprocess.Popen[bytes], done: list[int]) -> Iterator[dict[str, Any]]:
    """What the kit says; ``done`` counts the tests that are over, and all."""
    assert process.stdout is not None  # it is a pipe
    for line in process.stdout:
        event: dict[str, Any] = json.loads(line)
        if event["event"] == "collected":
            done[1] = max(event["tests"], 1)
        elif event["event"] == "test":
            done[0] += 1
        yield event


def _explained(rule: Mapping[str, Any]) -> str:
    if rule["outcome"] == "passed":
        return str(rule["sentence"])
    cause = f" Usual cause: {rule['cause']}" if rule["outcome"] == "failed" else ""
    return f"{rule['reason']}. {rule['sentence']}{cause}"
