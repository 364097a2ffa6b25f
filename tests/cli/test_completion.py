"""``tasky completion``: what the shell offers at the cursor."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import CommandLine


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_script_is_printed_for_each_shell(bare_cli: CommandLine, shell: str) -> None:
    """The script works outside a project, and asks tasky with the variable that tasky listens to."""
    result = bare_cli("completion", shell)
    assert f"_TASKY_COMPLETE={shell}_complete" in result.out
    assert result.out.endswith("\n")
    assert result.err == ""


def test_another_shell_is_refused(bare_cli: CommandLine) -> None:
    """The error names the shells that there are."""
    assert "'bash', 'zsh', 'fish'" in bare_cli("completion", "cmd", code=2).err


@pytest.mark.parametrize(
    ("words", "position", "expected"),
    [
        ("tasky unc", 1, []),
        ("tasky und", 1, ["plain,undo"]),
        ("tasky undo --ba", 2, ["plain,--batch"]),
        ("tasky list --priority ", 3, ["plain,low", "plain,medium", "plain,high"]),
    ],
)
def test_the_shell_gets_what_can_stand_at_the_cursor(words: str, position: int, expected: list[str]) -> None:
    """Commands, options and choices are completed."""
    environ = {
        **os.environ,
        "_TASKY_COMPLETE": "bash_complete",
        "COMP_WORDS": words,
        "COMP_CWORD": str(position),
    }
    done = subprocess.run(
        [sys.executable, "-m", "tasky"], env=environ, capture_output=True, text=True, check=True
    )
    assert (done.stdout.split(), done.stderr) == (expected, "")
