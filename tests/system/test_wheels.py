"""The distributions as users get them: what is in them, and how they work in environments of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
import venv
import zipfile
from dataclasses import dataclass
from email.parser import Parser
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

ROOT = Path(__file__).parents[2]
ISSUES = ROOT / "tests/data/beads-issues.jsonl"
SOURCES = {"tasky": ROOT, **{path.name: path for path in sorted(ROOT.glob("plugins/*"))}}
BACKENDS = {"tasky-sqlite": "sqlite", "tasky-json": "json"}
COMBINATIONS = [("tasky-sqlite",), ("tasky-json",), ("tasky-sqlite", "tasky-json")]
SCRIPTS = "Scripts" if os.name == "nt" else "bin"


@dataclass(frozen=True)
class Environment:
    """A virtual environment with some of the wheels in it, and a project directory to work in."""

    scripts: Path
    project: Path

    def run(self, *arguments: str, exit_code: int = 0) -> subprocess.CompletedProcess[str]:
        """What ``tasky`` says to ``arguments``, with nothing of this process's settings about it."""
        kept = ("SYSTEMROOT", "PATHEXT", "TEMP", "TMP")
        environ = {name: os.environ[name] for name in kept if name in os.environ}
        environ |= {"HOME": str(self.project), "PATH": str(self.scripts), "PYTHONUTF8": "1"}
        command = [str(self.scripts / arguments[0]), *arguments[1:]]
        result = subprocess.run(
            command, cwd=self.project, env=environ, capture_output=True, encoding="utf-8", check=False
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


@pytest.fixture(scope="session")
def distributions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with each distribution's sdist and the wheel built from it, made once for all workers."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    folder = shared / "distributions"
    with FileLock(shared / "distributions.lock"):
        if not folder.is_dir():
            building = shared / "building"
            for source in SOURCES.values():
                _python("-m", "build", "--no-isolation", "--outdir", str(building), str(source))
            building.rename(folder)
    return folder


@pytest.mark.parametrize("name", SOURCES)
def test_a_wheel_holds_the_package_its_types_and_its_licence(name: str, distributions: Path) -> None:
    """Whoever installs a wheel gets the package, typed, with the licence, and nothing beside it."""
    module = name.replace("-", "_")
    with zipfile.ZipFile(_wheel(distributions, name)) as wheel:
        files = wheel.namelist()
        info = next(file.split("/")[0] for file in files if file.endswith(".dist-info/METADATA"))
        metadata = Parser().parsestr(wheel.read(f"{info}/METADATA").decode())
    assert {file.split("/")[0] for file in files} == {module, info}
    assert {f"{module}/py.typed", f"{info}/licenses/LICENSE"} <= set(files)
    sources = {path.relative_to(SOURCES[name] / "src").as_posix() for path in _modules(name)}
    assert sources == {file for file in files if file.endswith(".py")}
    assert metadata["License-Expression"] == "MIT"
    assert metadata["Requires-Python"] == ">=3.11"
    assert metadata["Description-Content-Type"] == "text/markdown"


@pytest.mark.parametrize("name", SOURCES)
def test_an_sdist_holds_its_own_distribution_alone(name: str, distributions: Path) -> None:
    """The core's sdist holds no plugin, and none holds caches or the tools of this repository."""
    (archive,) = distributions.glob(f"{name.replace('-', '_')}-[0-9]*.tar.gz")
    with tarfile.open(archive) as sdist:
        files = {member.name.split("/", 1)[1] for member in sdist.getmembers() if member.isfile()}
    expected = {"pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md", "PKG-INFO"}
    assert expected <= files
    outside = {file.split("/")[0] for file in files} - expected - {".gitignore"}
    assert outside <= ({"src"} if name == "tasky" else {"src", "tests"})
    assert [file for file in files if file.endswith(".pyc")] == []


@pytest.mark.parametrize("name", [name for name in SOURCES if name != "tasky"])
def test_a_plugin_asks_for_the_tasky_it_was_written_for(name: str, distributions: Path) -> None:
    """No plugin can be installed beside another major version, or beside the stranger of Tasky's name."""
    with zipfile.ZipFile(_wheel(distributions, name)) as wheel:
        metadata = next(file for file in wheel.namelist() if file.endswith(".dist-info/METADATA"))
        requirements = Parser().parsestr(wheel.read(metadata).decode()).get_all("Requires-Dist", [])
    (requirement,) = [text for text in requirements if text.startswith("tasky") and text[5] in "<>= "]
    assert set(requirement.removeprefix("tasky").strip().split(",")) == {">=1", "<2"}


def test_tasky_alone_says_which_backend_to_install(distributions: Path, tmp_path: Path) -> None:
    """Without a backend ``tasky init`` makes nothing, and ends with the command that installs one."""
    environment = _environment(distributions, tmp_path, "tasky")
    assert environment.items("backends") == []
    refusal = environment.run("tasky", "init", exit_code=6).stderr
    assert "pip install" in refusal
    assert "tasky_sqlite" in refusal.replace("-", "_")
    assert list(environment.project.iterdir()) == []


@pytest.mark.parametrize("plugins", COMBINATIONS, ids="+".join)
def test_the_wheels_do_the_main_job(plugins: tuple[str, ...], distributions: Path, tmp_path: Path) -> None:
    """With a backend a user starts a project, works in it, takes back, and moves real issues in and out."""
    environment = _environment(distributions, tmp_path, "tasky", *plugins)
    backends = environment.items("backends")
    assert {(row["name"], row["distribution"]) for row in backends} == {(BACKENDS[p], p) for p in plugins}
    assert {row["state"] for row in backends} == {"ok"}
    environment.run("tasky", "backends", "check")

    environment.run("tasky", "init")
    task_id = environment.run("tasky", "add", "Buy milk").stdout.strip()
    assert [task["name"] for task in environment.items("list")] == ["Buy milk"]
    environment.run("tasky", "done", task_id)
    assert environment.items("list") == []
    assert [entry["action"] for entry in environment.items("log")][-1] == "created"
    environment.run("tasky", "undo")
    assert [task["name"] for task in environment.items("list")] == ["Buy milk"]

    environment.run("tasky", "import", "--from", "beads", str(ISSUES))
    titles = [json.loads(line)["title"] for line in ISSUES.read_text(encoding="utf-8").splitlines()]
    names = [task["name"] for task in environment.items("list", "--all")]
    assert sorted(names) == sorted(["Buy milk", *titles])
    exported = [
        json.loads(line) for line in environment.run("tasky", "export", "--jsonl").stdout.splitlines()
    ]
    assert sorted(task["name"] for task in exported) == sorted(names)


def test_tasky_runs_as_a_module_too(distributions: Path, tmp_path: Path) -> None:
    """``python -m tasky`` is the command, also where the scripts are not on the path."""
    environment = _environment(distributions, tmp_path, "tasky")
    version = environment.run("tasky", "--version").stdout
    assert environment.run("python", "-m", "tasky", "--version").stdout == version
    assert version == f"tasky {_wheel(distributions, 'tasky').name.split('-')[1]}\n"


def _environment(distributions: Path, folder: Path, *names: str) -> Environment:
    root, project = folder / "environment", folder / "project"
    project.mkdir()
    venv.create(root, with_pip=False, symlinks=os.name != "nt")
    python = root / SCRIPTS / "python"
    wheels = [str(_wheel(distributions, name)) for name in names]
    _python("-m", "pip", "--python", str(python), "install", "--quiet", "--no-warn-script-location", *wheels)
    return Environment(root / SCRIPTS, project)


def _wheel(distributions: Path, name: str) -> Path:
    (wheel,) = distributions.glob(f"{name.replace('-', '_')}-[0-9]*.whl")
    return wheel


def _modules(name: str) -> list[Path]:
    return list(chain.from_iterable(path.rglob("*.py") for path in (SOURCES[name] / "src").iterdir()))


def _python(*arguments: str) -> None:
    result = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
