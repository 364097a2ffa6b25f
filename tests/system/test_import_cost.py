"""What a command imports: starting is cheap because most of what is installed is left alone.

Each command runs in a process of its own, which reports its imports (``python -X importtime``).
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = {
    "pydantic",
    "pydantic_core",
    "rich",
    "importlib_metadata",
    "platformdirs",
    "filelock",
    "importlib.metadata",
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project on SQLite with one task."""
    for argv in (["init", "--storage", "sqlite://.tasky/tasks.db"], ["add", "Buy milk"]):
        subprocess.run([sys.executable, "-m", "tasky", *argv], cwd=tmp_path, check=True, capture_output=True)
    return tmp_path


def imports(*argv: str, cwd: Path) -> set[str]:
    """The modules, and their packages, that `tasky` imports between pipes."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "tasky", *argv],
        cwd=cwd,
        check=True,
        capture_output=True,
        text=True,
        env=os.environ | {"COVERAGE_PROCESS_CONFIG": "", "COVERAGE_PROCESS_START": ""},
    )
    modules = set(re.findall(r"^import time: .* (\S+)$", done.stderr, re.MULTILINE))
    assert "tasky.cli.group" in modules
    return modules | {module.split(".")[0] for module in modules}


@pytest.mark.parametrize("argv", [["--help"], ["--version"], ["list", "--help"], ["done", "-h"]])
def test_help_and_version_import_next_to_nothing(tmp_path: Path, argv: list[str]) -> None:
    """Help needs click and no more: no model, no service, no plugin, nothing to look plugins up with."""
    modules = imports(*argv, cwd=tmp_path)
    assert not modules & (HEAVY | {"sqlite3", "tasky_sqlite", "tasky_json", "json"})
    assert not modules & {"tasky.registry", "tasky.project", "tasky.service"}


def test_the_list_of_commands_imports_no_command(tmp_path: Path) -> None:
    """`tasky --help` shows every command and imports none."""
    modules = imports("--help", cwd=tmp_path)
    assert {module for module in modules if module.startswith("tasky.cli.")} == {
        "tasky.cli.boundary",
        "tasky.cli.command",
        "tasky.cli.context",
        "tasky.cli.group",
    }


@pytest.mark.parametrize("argv", [["backends"], ["backends", "--json"], ["config", "list-backends"]])
def test_listing_backends_imports_none_of_them(tmp_path: Path, argv: list[str]) -> None:
    """The list comes from metadata, for which importlib_metadata is asked where there is doubt."""
    modules = imports(*argv, cwd=tmp_path)
    assert "tasky.registry" in modules
    assert not modules & (HEAVY - {"importlib_metadata"})
    assert not modules & {"sqlite3", "tasky_sqlite", "tasky_json", "tasky.service"}


@pytest.mark.parametrize(
    "argv",
    [["list"], ["add", "Buy bread", "-t", "home"], ["done"], ["next"], ["show"]],
    ids=lambda argv: argv[0],
)
def test_everyday_commands_on_sqlite_import_no_more_than_they_need(project: Path, argv: list[str]) -> None:
    """Between pipes: neither pydantic nor rich nor the metadata of what else is installed."""
    if argv in (["done"], ["show"]):
        line = subprocess.run(
            [sys.executable, "-m", "tasky", "list"], cwd=project, check=True, capture_output=True, text=True
        ).stdout
        argv = [*argv, line.split("\t")[0]]
    modules = imports(*argv, cwd=project)
    assert {"tasky_sqlite", "sqlite3", "tasky.service"} <= modules
    assert not modules & (
        HEAVY
        | {"tasky_json", "shutil", "subprocess", "tempfile", "logging", "hashlib", "random", "array"}
        | {"encodings.utf_8_sig"}
    )


@pytest.mark.parametrize("argv", [["list"], ["list", "--mine", "--sort", "due"], ["next"]], ids=" ".join)
def test_commands_that_read_import_nothing_that_writes(project: Path, argv: list[str]) -> None:
    """What a change is and how a store takes it in is for commands that change something."""
    modules = imports(*argv, cwd=project)
    assert {"tasky.service", "tasky_sqlite.reading"} <= modules
    assert not modules & {"tasky.changes", "tasky.writing", "tasky.dependencies", "tasky_sqlite.writing"}


def test_rich_is_imported_for_a_person(project: Path) -> None:
    """The layout for people is what rich is for: this is the same test seen failing."""
    assert "rich" in imports("list", "--color", "always", cwd=project)
