"""The public names: all there, all listed, and free until they are used."""

from __future__ import annotations

import inspect
import os
import pkgutil
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

import tasky
import tasky.testing

MODULES = [
    name
    for _, name, is_package in pkgutil.walk_packages(tasky.__path__, "tasky.")
    if not is_package and not name.endswith("__main__")
]


@pytest.mark.parametrize("name", tasky.__all__)
def test_public_name_resolves(name: str) -> None:
    """Everything in ``tasky.__all__`` is there, and listed by ``dir``."""
    assert getattr(tasky, name) is not None
    assert name in dir(tasky)


@pytest.mark.parametrize("package", [tasky, tasky.testing], ids=lambda package: package.__name__)
def test_unknown_name_is_an_attribute_error(package: ModuleType) -> None:
    """A name that does not exist fails as in any module, and says which."""
    with pytest.raises(AttributeError, match=f"module '{package.__name__}' has no attribute 'Nothing'"):
        package.Nothing  # noqa: B018 - looking it up is what is tested


@pytest.mark.parametrize("name", tasky.testing.__all__)
def test_public_name_of_the_kit_resolves(name: str) -> None:
    """Everything that the kit promises is there."""
    assert getattr(tasky.testing, name).__name__ == name


def test_public_names_are_defined_where_the_package_says() -> None:
    """Each name comes from the module that type checkers are told, under its own name."""
    for module, names in tasky._MODULES.items():
        assert set(names) <= set(import_module(f"tasky.{module}").__all__)


@pytest.mark.parametrize("module", MODULES)
def test_module_lists_its_public_names(module: str) -> None:
    """A module's ``__all__`` is sorted, and holds every public function and class that it defines."""
    loaded = import_module(module)
    defined = {
        name
        for name, value in vars(loaded).items()
        if not name.startswith("_")
        and (inspect.isclass(value) or inspect.isfunction(value))
        and value.__module__ == module
    }
    assert defined <= set(loaded.__all__)
    assert all(hasattr(loaded, name) for name in loaded.__all__)
    assert len(set(loaded.__all__)) == len(loaded.__all__)


def loaded_by(statement: str) -> set[str]:
    """The modules that a fresh interpreter holds after ``statement``."""
    program = f"{statement}\nimport sys\nprint(*sys.modules, sep='\\n')"
    environ = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    result = subprocess.run(
        [sys.executable, "-c", program], env=environ, capture_output=True, text=True, check=True
    )
    return set(result.stdout.split())


def test_importing_tasky_costs_nothing() -> None:
    """``import tasky`` loads no other module of Tasky, and of the standard library only typing."""
    assert loaded_by("import tasky") - loaded_by("import __future__, typing") == {"tasky"}


def test_using_the_library_loads_no_more_than_it_needs() -> None:
    """Tasks, filters, repositories and the service work without pydantic, click, rich and sqlite3."""
    names = "TaskModel, TaskFilter, TaskRepository, StorageLocation, TaskService, registry"
    loaded = loaded_by(f"from tasky import {names}")
    assert "tasky.repository" in loaded
    unwanted = {"pydantic", "click", "rich", "sqlite3", "importlib_metadata", "packaging", "pytest"}
    assert loaded.isdisjoint(unwanted)


def test_the_reference_needs_no_test_tools() -> None:
    """The store in memory can be embedded without pytest and Hypothesis."""
    loaded = loaded_by("from tasky.testing import MemoryTaskRepository; MemoryTaskRepository()")
    assert "tasky.testing.memory" in loaded
    assert loaded.isdisjoint({"pytest", "_pytest", "hypothesis"})


def test_kit_uses_only_the_public_names() -> None:
    """What the kit imports from Tasky, any author can: nothing from inside its modules."""
    for path in Path(tasky.testing.__path__[0]).glob("*.py"):
        source = path.read_text("utf-8")
        inner = re.findall(r"^ *(?:from|import) tasky\.(?!testing)\S+", source, re.MULTILINE)
        assert inner == [], path.name
