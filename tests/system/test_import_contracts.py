"""Which module may import which: the contracts hold, and each of them catches what it forbids."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import tasky

ROOT = Path(__file__).parents[2]
SOURCES = [Path("src"), *sorted(path.relative_to(ROOT) for path in ROOT.glob("plugins/*/src"))]
OPEN_TO_PLUGINS = {"tasky", "tasky.documents", "tasky.testing"}

VIOLATIONS = [
    ("Imports point one way", "src/tasky/model.py", "import tasky.filter"),
    ("Imports point one way", "src/tasky/errors.py", "from tasky import registry"),
    ("Imports point one way", "src/tasky/registry.py", "from tasky.project import find_project"),
    ("Imports point one way", "src/tasky/service.py", "import tasky.cli"),
    ("Imports point one way", "src/tasky/location.py", "import tasky.repository"),
    ("Imports point one way", "src/tasky/selection.py", "import tasky.repository"),
    ("Imports point one way", "src/tasky/cli/seeded.py", "import tasky.testing"),
    ("Imports point one way", "src/tasky/seeded.py", "'a module that no layer names'"),
    ("The rules about tasks and the way to a project", "src/tasky/service.py", "import tasky.project"),
    ("Documents are read only where untrusted", "src/tasky/service.py", "import tasky.documents"),
    (
        "Documents are read only where",
        "plugins/tasky-sqlite/src/tasky_sqlite/seeded.py",
        "import tasky.documents",
    ),
    ("Only the command line knows click", "src/tasky/project.py", "import click"),
    ("The core knows no plugin", "src/tasky/project.py", "import tasky_sqlite"),
    ("No plugin knows another", "plugins/tasky-json/src/tasky_json/seeded.py", "import tasky_sqlite"),
    ("No plugin knows another", "plugins/tasky-postgres/src/tasky_postgres/seeded.py", "import tasky_sqlite"),
    ("No plugin knows another", "plugins/tasky-template/src/tasky_template/seeded.py", "import tasky_json"),
]


def test_imports_point_the_agreed_way() -> None:
    """Every import of the project keeps the contracts in pyproject.toml."""
    result = _lint_imports(ROOT)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize(("contract", "path", "line"), VIOLATIONS)
def test_a_contract_catches_what_it_forbids(contract: str, path: str, line: str, tmp_path: Path) -> None:
    """One forbidden import, written into a copy of the project, breaks the contract that forbids it."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for source in SOURCES:
        shutil.copytree(ROOT / source, tmp_path / source, ignore=shutil.ignore_patterns("__pycache__"))
    with (tmp_path / path).open("a", encoding="utf-8") as module:
        module.write(f"\n{line}\n")
    result = _lint_imports(tmp_path)
    assert result.returncode == 1, result.stdout + result.stderr
    broken = [row for row in result.stdout.splitlines() if row.endswith(" BROKEN")]
    assert any(row.startswith(contract) for row in broken), result.stdout


def test_plugins_use_only_the_public_names_of_tasky() -> None:
    """A plugin imports names from tasky itself, not from a module inside it, so that the inside may move."""
    inner = [
        f"{path.relative_to(ROOT)}: {name}"
        for path in sorted(ROOT.glob("plugins/*/src/**/*.py"))
        for name in _imported_modules(path.read_text(encoding="utf-8"))
        if name.split(".")[0] == "tasky" and name not in OPEN_TO_PLUGINS
    ]
    assert inner == []


def test_an_import_from_inside_tasky_is_noticed() -> None:
    """The check of the plugins' imports sees every way to write one."""
    source = "import tasky.model\nfrom tasky.codec import encode_task\nfrom tasky import codec, TaskModel\n"
    assert set(_imported_modules(source)) - OPEN_TO_PLUGINS == {"tasky.model", "tasky.codec"}


def _imported_modules(source: str) -> list[str]:
    """The modules of tasky that ``source`` imports, those named as ``from tasky import module`` too."""
    modules = {path.stem for path in (ROOT / "src/tasky").iterdir()} - set(tasky.__all__)
    names = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module is not None and node.level == 0:
            inner = [f"tasky.{a.name}" for a in node.names if node.module == "tasky" and a.name in modules]
            names += [node.module, *inner]
    return names


def _lint_imports(project: Path) -> subprocess.CompletedProcess[str]:
    command = [
        str(Path(sys.executable).with_name("lint-imports")),
        "--no-cache",
        "--config",
        "pyproject.toml",
    ]
    path = os.pathsep.join(str(project / source) for source in SOURCES)
    environ = {**os.environ, "PYTHONPATH": path, "PYTHONUTF8": "1"}
    return subprocess.run(command, cwd=project, env=environ, capture_output=True, text=True, check=False)
