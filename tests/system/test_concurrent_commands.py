"""Many people and programs at once: every command of every process counts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

PROCESSES = 12
ROUNDS = 2


def tasky(project: Path, *argv: str) -> str:
    """stdout of a ``tasky`` process in the project, which has to end well and say nothing on stderr."""
    environ = {**os.environ, "HOME": str(project), "XDG_CONFIG_HOME": str(project), "TASKY_ACTOR": "alice"}
    done = subprocess.run(
        [sys.executable, "-m", "tasky", *argv], cwd=project, env=environ, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, ""), f"tasky {' '.join(argv)}: {done}"
    return done.stdout


@pytest.mark.parametrize("location", ["sqlite://.tasky/tasks.db", "json://.tasky/tasks.json"])
def test_twelve_processes_at_once_lose_nothing(tmp_path: Path, location: str) -> None:
    """Tasks added and one task updated by twelve processes at once are all there, and none sees an error."""
    tasky(tmp_path, "init", "--storage", location)
    shared = tasky(tmp_path, "add", "Shared").strip()

    def work(number: int) -> None:
        for turn in range(ROUNDS):
            added = tasky(tmp_path, "add", f"Task {number}.{turn}").strip()
            tasky(tmp_path, "update", shared, added, "--tag", f"tag-{number}.{turn}")

    with ThreadPoolExecutor(PROCESSES) as workers:
        list(workers.map(work, range(PROCESSES)))
    marks = [f"{number}.{turn}" for number in range(PROCESSES) for turn in range(ROUNDS)]
    items: list[dict[str, Any]] = json.loads(tasky(tmp_path, "list", "--json"))["items"]
    tasks = {item["name"]: item for item in items}
    assert sorted(tasks) == sorted(["Shared", *(f"Task {mark}" for mark in marks)])
    assert tasks["Shared"]["tags"] == sorted(f"tag-{mark}" for mark in marks)
    assert tasks["Shared"]["revision"] == 1 + len(marks)
    assert all(tasks[f"Task {mark}"]["tags"] == [f"tag-{mark}"] for mark in marks)
    history = json.loads(tasky(tmp_path, "log", "--json"))["items"]
    assert len(history) == 1 + 3 * len(marks)
