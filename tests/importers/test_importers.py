"""Importers are found by the name of the tracker whose files they read."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tasky.errors import TaskyError
from tasky.importers import IMPORTERS, find_importer


def test_every_importer_that_is_listed_can_be_loaded() -> None:
    """Each name leads to a reader, which yields nothing for an empty file."""
    for name in IMPORTERS:
        assert list(find_importer(name)([], source="empty")) == []


@pytest.mark.parametrize(
    ("name", "hint"), [("bead", "Did you mean 'beads'?"), ("jira-cloud", "There are: beads.")]
)
def test_an_unknown_importer_is_answered_with_the_nearest(name: str, hint: str) -> None:
    """A misspelt tracker gets the right name, another one the list of those that there are."""
    with pytest.raises(TaskyError, match="there is no importer") as caught:
        find_importer(name)
    assert caught.value.hint == hint


def test_listing_the_importers_loads_none() -> None:
    """Showing what can be imported costs nothing."""
    program = "import sys, tasky.importers; print('pydantic' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
