"""What starting ``tasky`` costs: which modules a command does *not* import."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = {"importlib_metadata", "pydantic", "rich", "platformdirs", "filelock", "pytest", "hypothesis"}
STANDARD = {"asyncio", "email", "importlib.metadata", "logging", "subprocess", "tempfile", "tomllib"}
PLUGINS = {"tasky_json", "tasky_postgres", "tasky_sqlite", "tasky_template"}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with a SQLite store and one task."""
    _tasky(tmp_path, "init", "--storage", "sqlite://.tasky/tasks.db")
    _tasky(tmp_path, "add", "Buy milk")
    return tmp_path


@pytest.mark.parametrize("arguments", [("--help",), ("--version",), ("backends",)], ids=" ".join)
def test_asking_for_help_imports_no_backend_and_no_validation(
    arguments: tuple[str, ...], tmp_path: Path
) -> None:
    """What needs no task imports no plugin, no database and nothing that is slow to import."""
    imported = _imports(tmp_path, *arguments)
    allowed = {"importlib_metadata"} if arguments == ("backends",) else set()
    assert imported & (HEAVY | PLUGINS | {"sqlite3"}) <= allowed


@pytest.mark.parametrize("arguments", [("list",), ("add", "Buy eggs"), ("next",)], ids=" ".join)
def test_everyday_commands_import_only_what_they_use(arguments: tuple[str, ...], project: Path) -> None:
    """A piped list or add on SQLite imports its own backend, and neither pydantic nor rich."""
    imported = _imports(project, *arguments)
    assert imported & (HEAVY | PLUGINS) == {"tasky_sqlite"}
    assert imported & STANDARD == set()


def test_what_is_imported_is_noticed(tmp_path: Path) -> None:
    """The check sees a module that is imported inside a function, too."""
    source = "def use():\n    import pydantic\nuse()"
    report = _run(tmp_path, sys.executable, "-X", "importtime", "-c", source).stderr
    assert "pydantic" in _modules(report)


def test_importing_tasky_loads_nothing_but_itself(tmp_path: Path) -> None:
    """A program pays for a name of Tasky's when it first uses it."""
    source = "import sys; before = set(sys.modules); import tasky; print(*set(sys.modules) - before)"
    loaded = set(_run(tmp_path, sys.executable, "-c", source).stdout.split())
    assert {name for name in loaded if name.split(".")[0] not in sys.stdlib_module_names} == {"tasky"}


def _imports(directory: Path, *arguments: str) -> set[str]:
    """The modules and their packages that ``tasky`` imports to do what ``arguments`` say."""
    start = "import sys; from tasky.cli import main; sys.exit(main())"
    result = _run(directory, sys.executable, "-X", "importtime", "-c", start, *arguments)
    return _modules(result.stderr)


def _modules(report: str) -> set[str]:
    names = {
        line.rpartition("|")[2].strip() for line in report.splitlines() if line.startswith("import time:")
    }
    return names | {name.split(".")[0] for name in names}


def _tasky(directory: Path, *arguments: str) -> None:
    _run(directory, sys.executable, "-m", "tasky", *arguments)


def _run(directory: Path, *command: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("COVERAGE_", "TASKY_"))}
    environ = {**kept, "HOME": str(directory), "XDG_CONFIG_HOME": str(directory), "APPDATA": str(directory)}
    return subprocess.run(
        command, cwd=directory, env=environ, capture_output=True, encoding="utf-8", check=True
    )
