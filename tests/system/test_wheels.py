"""The distributions as users get them: what is in them, and how they work in environments of their own."""

from __future__ import annotations

import json
import tarfile
import zipfile
from email.parser import Parser
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tasky_postgres.harness import PostgresHarness

if TYPE_CHECKING:
    from tests.system.conftest import MakeEnvironment

ROOT = Path(__file__).parents[2]
ISSUES = ROOT / "tests/data/beads-issues.jsonl"
SOURCES = {"tasky": ROOT, **{path.name: path for path in sorted(ROOT.glob("plugins/*"))}}
BACKENDS = {"tasky-sqlite": "sqlite", "tasky-json": "json"}
COMBINATIONS = [("tasky-sqlite",), ("tasky-json",), ("tasky-sqlite", "tasky-json")]
TEMPLATE = "tasky/testing/template"  # in the core's wheel: what a new backend is a copy of


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
    assert sources == {file for file in files if file.endswith(".py") and not file.startswith(TEMPLATE)}
    assert metadata["License-Expression"] == "MIT"
    assert metadata["Requires-Python"] == ">=3.11"
    assert metadata["Description-Content-Type"] == "text/markdown"


def test_the_wheel_of_tasky_holds_the_template(distributions: Path) -> None:
    """All that a new backend is a copy of comes with the wheel, also one that is built from the sdist."""
    with zipfile.ZipFile(_wheel(distributions, "tasky")) as wheel:
        packed = {file.removeprefix(f"{TEMPLATE}/") for file in wheel.namelist() if file.startswith(TEMPLATE)}
    with tarfile.open(next(distributions.glob("tasky_template-[0-9]*.tar.gz"))) as sdist:
        files = {member.name.split("/", 1)[1] for member in sdist.getmembers() if member.isfile()}
    assert packed == files - {"PKG-INFO", ".gitignore"}


@pytest.mark.parametrize("name", SOURCES)
def test_an_sdist_holds_its_own_distribution_alone(name: str, distributions: Path) -> None:
    """The core's sdist holds no plugin but the template, and none holds caches or this repository's tools."""
    (archive,) = distributions.glob(f"{name.replace('-', '_')}-[0-9]*.tar.gz")
    with tarfile.open(archive) as sdist:
        files = {member.name.split("/", 1)[1] for member in sdist.getmembers() if member.isfile()}
    expected = {"pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md", "PKG-INFO"}
    assert expected <= files
    own = {file for file in files if not (name == "tasky" and file.startswith("plugins/tasky-template/"))}
    outside = {file.split("/")[0] for file in own} - expected - {".gitignore"}
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


def test_tasky_alone_says_which_backend_to_install(make_environment: MakeEnvironment) -> None:
    """Without a backend ``tasky init`` makes nothing, and ends with the command that installs one."""
    environment = make_environment("tasky")
    assert environment.items("backends") == []
    refusal = environment.run("tasky", "init", exit_code=6).stderr
    assert "pip install" in refusal
    assert "tasky_sqlite" in refusal.replace("-", "_")
    assert list(environment.project.iterdir()) == []


@pytest.mark.parametrize("plugins", COMBINATIONS, ids="+".join)
def test_the_wheels_do_the_main_job(plugins: tuple[str, ...], make_environment: MakeEnvironment) -> None:
    """With a backend a user starts a project, works in it, takes back, and moves real issues in and out."""
    environment = make_environment("tasky", *plugins)
    backends = environment.items("backends")
    assert {(row["name"], row["distribution"]) for row in backends} == {(BACKENDS[p], p) for p in plugins}
    assert {row["state"] for row in backends} == {"ok"}
    environment.run("tasky", "backends", "check")

    environment.do_the_main_job()
    environment.run("tasky", "import", "--from", "beads", str(ISSUES))
    titles = [json.loads(line)["title"] for line in ISSUES.read_text(encoding="utf-8").splitlines()]
    names = [task["name"] for task in environment.items("list", "--all")]
    assert sorted(names) == sorted(["Buy milk", *titles])
    exported = [
        json.loads(line) for line in environment.run("tasky", "export", "--jsonl").stdout.splitlines()
    ]
    assert sorted(task["name"] for task in exported) == sorted(names)


def test_the_wheel_for_postgresql_works_on_a_server(
    make_environment: MakeEnvironment, tmp_path: Path
) -> None:
    """The plugin for PostgreSQL brings its driver along, registers both names, and does the main job."""
    environment = make_environment("tasky", "tasky-postgres")
    names = {(row["name"], row["state"]) for row in environment.items("backends")}
    assert names == {("postgresql", "ok"), ("postgres", "ok")}
    environment.run("tasky", "backends", "check")
    location = PostgresHarness().fresh_location(tmp_path)
    environment.do_the_main_job("--storage", location.written.reveal())


def test_tasky_runs_as_a_module_too(distributions: Path, make_environment: MakeEnvironment) -> None:
    """``python -m tasky`` is the command, also where the scripts are not on the path."""
    environment = make_environment("tasky")
    version = environment.run("tasky", "--version").stdout
    assert environment.run("python", "-m", "tasky", "--version").stdout == version
    assert version == f"tasky {_wheel(distributions, 'tasky').name.split('-')[1]}\n"


def _wheel(distributions: Path, name: str) -> Path:
    (wheel,) = distributions.glob(f"{name.replace('-', '_')}-[0-9]*.whl")
    return wheel


def _modules(name: str) -> list[Path]:
    return list(chain.from_iterable(path.rglob("*.py") for path in (SOURCES[name] / "src").iterdir()))
