"""The distributions as users get them: built once for all tests, installed into bare environments."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from filelock import FileLock

ROOT = Path(__file__).parents[2]
SOURCES = [ROOT, *sorted(path.parent for path in ROOT.glob("plugins/*/pyproject.toml"))]
SCRIPTS = "Scripts" if os.name == "nt" else "bin"

Build: TypeAlias = Callable[[Path, Path], None]
MakeEnvironment: TypeAlias = "Callable[..., Environment]"


@dataclass(frozen=True)
class Environment:
    """A virtual environment with some of the wheels in it, and a project directory to work in."""

    scripts: Path
    project: Path

    def install(self, *requirements: str) -> None:
        """Let pip install what is asked for."""
        python = str(self.scripts / "python")
        options = ["--quiet", "--no-warn-script-location"]
        _run("-m", "pip", "--python", python, "install", *options, *requirements)

    def run(
        self, *arguments: str, exit_code: int = 0, cwd: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        """What the program says, started in the project, with nothing of this process's settings about it."""
        kept = ("SYSTEMROOT", "PATHEXT", "TEMP", "TMP")
        environ = {name: os.environ[name] for name in kept if name in os.environ}
        path = f"{self.scripts}{os.pathsep}{os.defpath}"
        environ |= {"HOME": str(self.project), "PATH": path, "PYTHONUTF8": "1"}
        command = [str(self.scripts / arguments[0]), *arguments[1:]]
        result = subprocess.run(
            command, cwd=cwd or self.project, env=environ, capture_output=True, encoding="utf-8", check=False
        )
        assert result.returncode == exit_code, result.stdout + result.stderr
        assert "Traceback" not in result.stderr
        return result

    def items(self, *arguments: str) -> list[dict[str, Any]]:
        """The items of a command's JSON."""
        document: dict[str, Any] = json.loads(self.run("tasky", *arguments, "--json").stdout)
        assert document["schema"] == "tasky/1"
        items: list[dict[str, Any]] = document["items"]
        return items

    def do_the_main_job(self, *options: str) -> None:
        """Start a project, add a task, complete it and take that back, and look at the list after each."""
        self.run("tasky", "init", *options)
        task_id = self.run("tasky", "add", "Buy milk").stdout.strip()
        assert [task["name"] for task in self.items("list")] == ["Buy milk"]
        self.run("tasky", "done", task_id)
        assert self.items("list") == []
        assert [entry["action"] for entry in self.items("log")][-1] == "created"
        self.run("tasky", "undo")
        assert [task["name"] for task in self.items("list")] == ["Buy milk"]


@pytest.fixture(scope="session")
def build() -> Build:
    """Builds the sdist of a folder, and from that its wheel, into another folder."""
    return lambda source, folder: _run("-m", "build", "--no-isolation", "--outdir", str(folder), str(source))


@pytest.fixture(scope="session")
def distributions(tmp_path_factory: pytest.TempPathFactory, build: Build) -> Path:
    """A folder with each distribution's sdist and the wheel built from it, made once for all workers."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    folder = shared / "distributions"
    with FileLock(shared / "distributions.lock"):
        if not folder.is_dir():
            building = shared / "building"
            for source in SOURCES:
                build(source, building)
            building.rename(folder)
    return folder


@pytest.fixture
def make_environment(distributions: Path, tmp_path: Path) -> MakeEnvironment:
    """Makes a bare environment with the wheels of the named distributions, and what these need."""

    def make(*names: str) -> Environment:
        root, project = tmp_path / "environment", tmp_path / "project"
        project.mkdir()
        venv.create(root, with_pip=False, symlinks=os.name != "nt")
        environment = Environment(root / SCRIPTS, project)
        stems = [name.replace("-", "_") for name in names]
        environment.install(*(str(next(distributions.glob(f"{stem}-[0-9]*.whl"))) for stem in stems))
        return environment

    return make


def _run(*arguments: str) -> None:
    result = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
