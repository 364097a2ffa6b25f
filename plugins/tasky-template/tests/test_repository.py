"""What the repository and its package show of themselves."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import tasky_template
from tasky_template import template_factory


def test_repository_shows_its_location(path: Path) -> None:
    """In a debugger a repository says which journal it is of, without opening it."""
    assert repr(template_factory(path)) == f"<TemplateTaskRepository {path}>"


def test_public_names() -> None:
    """The package has two names, and no others."""
    assert tasky_template.__all__ == ["TemplateTaskRepository", "template_factory"]
    assert all(hasattr(tasky_template, name) for name in tasky_template.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        tasky_template.nothing  # noqa: B018 - the access is what fails


def test_import_of_the_package_loads_nothing_else() -> None:
    """Knowing the package costs nothing; its repository and what that needs come with their first use."""
    script = (
        "import sys; before = set(sys.modules); import tasky_template;"
        " print(sorted(m for m in set(sys.modules) - before if m.startswith(('tasky', 'json', 'filelock'))))"
    )
    output = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert output == "['tasky_template']\n"
