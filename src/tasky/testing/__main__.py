"""``python -m tasky.testing NAME``: run the kit, and say what happens in JSON Lines on stdout.

For a program that shows the progress and the report card: it runs the kit in a process of its own, as a
backend may do anything to the process it is in. A line is ``{"event": "collected", "tests": n}``, ``{"event":
"test", "name": ...}`` for each that begins or, as the last one, ``{"event": "card", "card": {...}}``. What
pytest itself says goes to stderr.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
import tempfile
from typing import IO, Any

import pytest

from tasky.testing import plugin

__all__ = ["main"]


class _Reporter:
    """Says what happens to whoever started the kit."""

    def __init__(self, out: IO[str]) -> None:
        self._out = out

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self._say("collected", tests=len(session.items))

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self._say("test", name=nodeid.rpartition("::")[2])

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        cards = session.config.pluginmanager.get_plugin("tasky-cards")
        assert isinstance(cards, plugin.Cards)  # the kit's plugin registers it
        for card in cards.documents():
            self._say("card", card=card)

    def _say(self, event: str, **values: Any) -> None:
        print(json.dumps({"event": event, **values}), file=self._out, flush=True)


def main() -> int:
    """Run the kit for the backend that the command line names; returns pytest's exit code."""
    parser = argparse.ArgumentParser(prog="python -m tasky.testing", description=__doc__)
    parser.add_argument("name", metavar="NAME")
    parser.add_argument("--location", metavar="URI")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--seed", type=int, metavar="N")
    given = parser.parse_args()
    options = [f"--tasky-backend={given.name}"]
    options += [] if given.location is None else [f"--tasky-location={given.location}"]
    options += ["--tasky-quick"] if given.quick else []
    options += [] if given.seed is None else [f"--tasky-seed={given.seed}"]
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # other people's plugins and settings stay out of it
    os.environ.pop("PYTEST_ADDOPTS", None)
    with tempfile.TemporaryDirectory(prefix="tasky-kit-") as folder, os.fdopen(os.dup(1), "w") as events:
        os.environ["HYPOTHESIS_STORAGE_DIRECTORY"] = folder
        os.dup2(2, 1)  # whatever else is printed, by the backend or by pytest
        plain = ["-q", "-c", os.devnull, f"--rootdir={folder}", "-p", "no:cacheprovider", "-W", "error"]
        kept = ["-o", "tmp_path_retention_policy=none", f"--basetemp={folder}/stores"]
        with contextlib.redirect_stdout(sys.stderr):
            return pytest.main(
                [*plain, *kept, "--pyargs", "tasky.testing.suite", *options],
                plugins=[plugin, _Reporter(events)],
            )


if __name__ == "__main__":  # pragma: no branch - nobody imports it
    sys.exit(main())
