"""``tasky backends new``."""

from __future__ import annotations

import py_compile
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tasky import TaskyError
from tasky.cli.scaffold import find_template

if TYPE_CHECKING:
    from tests.cli.conftest import CommandLine, Process

TEMPLATE = Path(__file__).parents[2] / "plugins/tasky-template"
OWN = ("CHANGELOG.md", "LICENSE", "README.md", "pyproject.toml", "src/**/*", "tests/**/*")


def files(folder: Path) -> dict[str, str]:
    """The text of every file, by its path in the folder."""
    return {
        path.relative_to(folder).as_posix(): path.read_text("utf-8")
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_the_copy_is_the_template_under_another_name(bare_cli: CommandLine) -> None:
    """Every file of the template is there, none of its caches, and nowhere is the old name left."""
    py_compile.compile(str(TEMPLATE / "src/tasky_template/__init__.py"))  # as every import does
    result = bare_cli("backends", "new", "mine")
    made = bare_cli.cwd / "tasky-mine"
    assert result.lines == ["name: mine", "distribution: tasky-mine", f"directory: {made}"]
    assert "README" in result.err
    theirs = {
        path.relative_to(TEMPLATE).as_posix().replace("template", "mine")
        for pattern in OWN
        for path in TEMPLATE.glob(pattern)
        if path.is_file() and "__pycache__" not in path.parts
    }
    copied = files(made)
    assert set(copied) == theirs
    assert [name for name, text in copied.items() if "template" in text.lower()] == []
    assert "class MineTaskRepository(" in copied["src/tasky_mine/repository.py"]
    assert "mine://.tasky/tasks.journal" in copied["README.md"]


def test_the_copy_works_as_it_is(process: Process, tmp_path: Path, install: Callable[..., Path]) -> None:
    """With no edit at all the copy is a backend that keeps tasks and takes changes back."""
    made = tmp_path / "own"
    process("backends", "new", "mine", str(made))
    project = tomllib.loads((made / "pyproject.toml").read_text("utf-8"))["project"]
    install(made / "src", project["name"], entry_points=project["entry-points"]["tasky.backends"])
    process.environ["PYTHONPATH"] = str(made / "src")
    assert process("backends", "check", "mine").lines == [
        "mine\ttasky-mine\t1.0\tok\ttasky_mine:mine_factory\t-"
    ]
    process("init", "--storage", "mine://.tasky/tasks.journal")
    process("add", "Buy milk")
    process("add", "Buy eggs")
    process("undo")
    assert [task["name"] for task in process("list", "--json").items] == ["Buy milk"]
    assert process("check").out == ""


@pytest.mark.parametrize(
    ("scheme", "distribution", "module", "name"),
    [
        ("s3+my.db", "tasky-s3-my-db", "tasky_s3_my_db", "S3MyDb"),
        ("two-words", "tasky-two-words", "tasky_two_words", "TwoWords"),
        ("class-", "tasky-class", "tasky_class", "Class"),
    ],
)
def test_any_name_makes_valid_names_of_everything(
    bare_cli: CommandLine, scheme: str, distribution: str, module: str, name: str
) -> None:
    """Signs that a location may have and Python may not are written as each place wants them."""
    assert bare_cli("backends", "new", scheme, "--json").items == [
        {"name": scheme, "distribution": distribution, "directory": str(bare_cli.cwd / distribution)}
    ]
    copied = files(bare_cli.cwd / distribution)
    project = tomllib.loads(copied["pyproject.toml"])["project"]
    factory = f"{module.removeprefix('tasky_')}_factory"
    assert project["name"] == distribution
    assert project["entry-points"] == {
        "tasky.backends": {scheme: f"{module}:{factory}"},
        "tasky.harness": {scheme: f"{module}.harness:{name}Harness"},
    }
    for path, text in copied.items():
        if path.endswith(".py"):
            compile(text, path, "exec")
    assert f"def {factory}(" in copied[f"src/{module}/repository.py"]


def test_the_copy_goes_where_it_is_told(bare_cli: CommandLine) -> None:
    """A folder that is named is made, with those above it, or taken if it is empty."""
    bare_cli("backends", "new", "mine", "deep/down")
    assert (bare_cli.cwd / "deep/down/pyproject.toml").is_file()
    (bare_cli.cwd / "empty").mkdir()
    bare_cli("backends", "new", "mine", "empty")
    bare_cli("-C", "empty", "backends", "new", "other")
    assert (bare_cli.cwd / "empty/tasky-other/pyproject.toml").is_file()


@pytest.mark.parametrize("there", ["a file", "a folder"])
def test_nothing_is_written_over(bare_cli: CommandLine, there: str) -> None:
    """Where there is something already the command refuses, and leaves it as it is."""
    place = bare_cli.cwd / "tasky-mine"
    if there == "a folder":
        place.mkdir()
    mine = place / "mine.py" if there == "a folder" else place
    mine.write_text("mine")
    result = bare_cli("backends", "new", "mine", code=1)
    assert f"{place} is there and not an empty directory; nothing was written" in result.err
    assert "Name another directory" in result.err
    assert [path.read_text() for path in bare_cli.cwd.rglob("*") if path.is_file()] == ["mine"]


@pytest.mark.parametrize("name", ["Mine", "9p", "my_backend", "my backend", "", "m\u00fcll"])
def test_what_cannot_name_a_backend_is_refused(bare_cli: CommandLine, name: str) -> None:
    """A name that no location can start with is a mistake in the command line."""
    result = bare_cli("backends", "new", name, code=2)
    assert f"{name!a} cannot name a backend: use a lower-case letter" in result.err
    assert list(bare_cli.cwd.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "owner"),
    [
        ("sqlite", "tasky-sqlite"),
        ("postgresql", "tasky-postgres"),
        ("template", "tasky-template"),
        ("theirs", "tasky-by-them"),
    ],
)
def test_a_name_that_is_taken_is_refused(
    process: Process, tmp_path: Path, install: Callable[..., Path], name: str, owner: str
) -> None:
    """The project's own names and those that are installed here are somebody's; the error says whose."""
    site = tmp_path / "site"
    install(site, "tasky-by-them", entry_points={"theirs": "by_them:make"})
    process.environ["PYTHONPATH"] = str(site)
    result = process("backends", "new", name, code=6)
    assert f"{name} would be taken for the backend of {owner}" in result.err
    assert "Choose another name" in result.err
    assert list(process.cwd.iterdir()) == []


def test_a_tasky_without_the_template_says_so(tmp_path: Path) -> None:
    """Where no place has it the error says how to get it; otherwise the first one counts."""
    with pytest.raises(TaskyError, match="without the template") as caught:
        find_template([tmp_path, tmp_path / "nowhere"])
    assert "from its wheel" in caught.value.hint
    (tmp_path / "pyproject.toml").touch()
    assert find_template([tmp_path / "nowhere", tmp_path, TEMPLATE]) == tmp_path
