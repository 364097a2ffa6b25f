"""The suite for an installed backend: which one it takes, its harness, and where its stores go."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

MODULE = """
from tasky import StorageLocation, uri_factory
from tasky.testing import MemoryStore, MemoryTaskRepository, StoreHarness

STORES = {}

def make(path):
    return MemoryTaskRepository(STORES.setdefault(path, MemoryStore()))

@uri_factory
def connect(location):
    return make(location.path)

class Harness(StoreHarness):
    max_tasks = 100

    def fresh_location(self, directory):
        if self.given is None:
            return super().fresh_location(directory)
        return StorageLocation.parse(f"server://host{self.given.path}/{directory.name.replace(' ', '')}")

NotAHarness = 7
"""
NAMES = "test_counts_hold_every_status or test_speed"


@pytest.fixture
def suite(tmp_path: Path, install: Callable[..., Path]) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs some of the suite, where the distribution tasky-odd with three backends is installed."""
    site = tmp_path / "site"
    entry_points = """
[tasky.backends]
file = odd:make
server = odd:connect
wrong = odd:make
[tasky.harness]
file = odd:Harness
server = odd:Harness
wrong = odd:NotAHarness
"""
    install(site, "tasky-odd", entry_points=entry_points, modules={"odd.py": MODULE})
    work = tmp_path / "work"
    work.mkdir()

    def run(*options: str, **environ: str) -> subprocess.CompletedProcess[str]:
        plain = ["-q", "-p", "no:cacheprovider", "-p", "no:randomly", "-c", os.devnull]
        places = [f"--rootdir={work}", f"--basetemp={tmp_path / 'stores'}", "--tasky-report=report.json"]
        return subprocess.run(
            [
                *(sys.executable, "-m", "pytest", *plain, *places, "--tasky-quick"),
                *("-k", NAMES, "--pyargs", "tasky.testing.suite", *options),
            ],
            capture_output=True,
            check=False,
            cwd=work,
            encoding="utf-8",
            env={**os.environ, **environ, "PYTHONPATH": str(site), "PYTHONDONTWRITEBYTECODE": "1"},
        )

    return run


def card(path: Path) -> dict[str, Any]:
    """The one card of the run."""
    (found,) = json.loads((path / "work/report.json").read_text(encoding="utf-8"))["items"]
    result: dict[str, Any] = found
    return result


def test_suite_proves_an_installed_backend(suite: Callable[..., Any], tmp_path: Path) -> None:
    """The backend is named on the command line; its card has the rules, and the figures of its speed."""
    done = suite("--tasky-backend=file", "--tasky-seed=9")
    assert done.returncode == 0, done.stdout + done.stderr
    found = card(tmp_path)
    assert (found["backend"], found["seed"], found["quick"]) == ("file", 9, True)
    idle = len(found["rules"]) - 1
    assert found["counts"] == {"passed": 1, "warned": 0, "failed": 0, "not proven": idle}
    assert {"get a task", "add a task"} <= {figure["operation"] for figure in found["speed"]}
    assert all(figure["ratio"] > 0 for figure in found["speed"])


def test_stores_of_files_go_where_they_are_wanted(suite: Callable[..., Any], tmp_path: Path) -> None:
    """A location for a backend of files is a directory; what the kit makes there goes, and nothing else."""
    disk = tmp_path / "work/disk"
    mine = disk / "test_counts_hold_every_status0" / "place 0"
    mine.mkdir(parents=True)
    done = suite("--tasky-backend=file", "--tasky-location=file://${HERE}", HERE="disk")
    assert done.returncode == 0, done.stdout + done.stderr
    assert list(disk.rglob("*")) == [mine.parent, mine]


def test_stores_of_a_server_are_its_harnesses_affair(suite: Callable[..., Any], tmp_path: Path) -> None:
    """A location for a backend of servers goes to its harness, which makes a new name of it for each test."""
    done = suite("--tasky-backend=server", "--tasky-location=server://host/base")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "--tasky-backend NAME"),
        (["--tasky-backend=nothing"], "no installed distribution provides the backend 'nothing'"),
        (["--tasky-backend=file", "--tasky-location=server://host/x"], "of the backend server, not of file"),
        (["--tasky-backend=file", "--tasky-location=file://nowhere"], "there is no directory"),
        (["--tasky-backend=wrong"], "is no subclass of StoreHarness"),
    ],
)
def test_what_cannot_be_tested_is_said(suite: Callable[..., Any], options: list[str], said: str) -> None:
    """Whoever names no backend, an unknown one or a strange location reads what is wrong."""
    done = suite(*options)
    assert done.returncode != 0
    assert said in done.stdout + done.stderr
