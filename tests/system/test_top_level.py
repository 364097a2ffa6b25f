"""What lies at the top of the repository is what a reader expects there, and nothing that slipped in."""

from __future__ import annotations

from pathlib import Path

FILES = {"CHANGELOG.md", "LICENSE", "README.md", "noxfile.py", "pyproject.toml"}
FOLDERS = {"docs", "plugins", "src", "tests"}
BUILT = {"__pycache__", "build", "dist", "htmlcov"}  # which .gitignore names


def test_nothing_else_is_at_the_top() -> None:
    """Beside the few agreed names there are only dotfiles, and what was built."""
    names = {path.name for path in Path(__file__).parents[2].iterdir() if not path.name.startswith(".")}
    assert names - BUILT == FILES | FOLDERS
