"""``tasky backends`` and ``tasky backends check``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import Process

HEALTHY = "from tasky.testing import MemoryTaskRepository\ndef make(path): return MemoryTaskRepository()\n"

MODULES = {
    "good": HEALTHY,
    "raising": "raise ImportError('libfoo is missing')\n",
    "exiting": "import sys\nsys.exit(0)\n",
    "lacking": "class Half:\n    def close(self): pass\ndef make(path): return Half()\n",
    "crashing": "import os\nos._exit(70)\n",
    "failing": "import os\nos.write(2, b'\\x1b[31mno licence\\x1b[0m')\nos._exit(1)\n",
    "endless": "import time\nwhile True: time.sleep(60)\n",
    "talking": f"print('hello from the plugin')\n{HEALTHY}",
    "distant": (
        "from tasky import uri_factory\n@uri_factory\ndef make(location): raise OSError('no network here')\n"
    ),
}


@pytest.fixture
def with_backends(process: Process, tmp_path: Path, install: Callable[..., Path]) -> Callable[..., Process]:
    """Call it with names of ``MODULES``: each is a backend of that name, and no others are installed.

    Processes that a command starts see the same distributions.
    """
    site = tmp_path / "site"

    def prepared(*names: str) -> Process:
        site.mkdir()
        for name in names:
            module = f"backend_{name}"
            install(
                site,
                f"tasky-{name}",
                entry_points={name: f"{module}:make"},
                modules={f"{module}.py": MODULES[name]},
            )
        process.environ["PYTHONPATH"] = str(site)
        return process

    return prepared


def rows(process: Process, *argv: str, code: int = 0) -> dict[str, dict[str, Any]]:
    """The backends that this file made, by name."""
    items = process("backends", *argv, "--json", code=code).items
    return {item["name"]: item for item in items if item["name"] in MODULES}


def test_a_backend_is_listed_with_its_distribution_and_target(with_backends: Callable[..., Process]) -> None:
    """A line of name, distribution, version, state, target and problem; nothing is imported for it."""
    process = with_backends("good", "exiting")
    lines = process("backends").lines
    assert "good\ttasky-good\t1.0\tok\tbackend_good:make\t-" in lines
    assert "exiting\ttasky-exiting\t1.0\tok\tbackend_exiting:make\t-" in lines


def test_a_damaged_distribution_is_listed_with_its_fault(
    with_backends: Callable[..., Process], tmp_path: Path, install: Callable[..., Path]
) -> None:
    """An entry_points.txt that is not UTF-8 is named, and the other backends are listed beside it."""
    process = with_backends("good")
    folder = install(tmp_path / "site", "tasky-bad", entry_points=b"[tasky.backends]\nbad = \xff\xfe\n")
    items = process("backends", "--json").items
    (bad,) = [item for item in items if item["distribution"] == "tasky-bad"]
    assert bad["state"] == "broken"
    assert str(folder / "entry_points.txt") in bad["problem"]
    assert "good" in {item["name"] for item in items}
    assert "broken" in process("backends").out


def test_check_loads_each_backend_and_tells_what_is_wrong(with_backends: Callable[..., Process]) -> None:
    """Whatever a plugin does when it is loaded, it is reported, the others are loaded, and the code is 6."""
    process = with_backends(*(name for name in MODULES if name != "endless"))
    found = rows(process, "check", code=6)
    healthy = {name for name, row in found.items() if row["state"] == "ok"}
    assert healthy == {"good", "talking", "distant"}
    assert "libfoo is missing" in found["raising"]["problem"]
    assert "sys.exit(0)" in found["exiting"]["problem"]
    assert "apply" in found["lacking"]["problem"]
    assert found["crashing"]["problem"] == "the process that loaded it ended with exit code 70"
    assert "no licence" in found["failing"]["problem"]
    assert "\x1b" not in process("backends", "check", "failing", code=6).out


def test_check_of_one_backend_leaves_the_others_alone(with_backends: Callable[..., Process]) -> None:
    """With a name, only that one is loaded, and it alone decides the exit code."""
    process = with_backends("good", "raising")
    assert process("backends", "check", "good").lines == ["good\ttasky-good\t1.0\tok\tbackend_good:make\t-"]
    process("backends", "check", "raising", code=6)


def test_a_backend_that_never_ends_loading_is_stopped(with_backends: Callable[..., Process]) -> None:
    """After the time-out the process is ended, and the row says so."""
    process = with_backends("endless")
    row = rows(process, "check", "endless", "--timeout", "2", code=6)["endless"]
    assert row["state"] == "broken"
    assert row["problem"] == "loading it was not over after 2 seconds"


def test_check_of_an_unknown_backend_suggests_the_nearest(with_backends: Callable[..., Process]) -> None:
    """A name that nothing provides is an error that names what is near."""
    assert "good" in with_backends("good")("backends", "check", "goood", code=6).err


def test_what_metadata_rules_out_is_not_loaded(
    with_backends: Callable[..., Process], tmp_path: Path, install: Callable[..., Path]
) -> None:
    """A backend for another Tasky is reported from its metadata; its code is not run."""
    process = with_backends()
    install(
        tmp_path / "site",
        "tasky-good",
        entry_points={"good": "backend_good:make"},
        requires=("tasky>=99",),
        modules={"backend_good.py": "raise SystemExit(3)\n"},
    )
    row = rows(process, "check", "good", code=6)["good"]
    assert row["state"] == "incompatible"
    assert "tasky>=99" in row["problem"]


def test_both_providers_of_one_name_are_checked(
    with_backends: Callable[..., Process], tmp_path: Path, install: Callable[..., Path]
) -> None:
    """Where two distributions claim a name, each is loaded by itself; the conflict stays one."""
    process = with_backends("good")
    install(
        tmp_path / "site",
        "other-good",
        entry_points={"good": "other_good:make"},
        modules={"other_good.py": "raise ImportError('no')\n"},
    )
    items = process("backends", "check", "good", "--json", code=6).items
    assert {item["distribution"]: item["state"] for item in items} == {
        "tasky-good": "conflict",
        "other-good": "broken",
    }


def test_without_any_backend_a_note_says_what_to_install(process: Process, tmp_path: Path) -> None:
    """Tasky alone: an empty list, and on stderr how to install one."""
    process.site = tmp_path
    result = process("backends")
    assert result.out == ""
    assert "tasky-sqlite" in result.err


def test_a_person_gets_a_table_with_headings(process: Process) -> None:
    """At a terminal the columns have names, and what is empty everywhere is left out."""
    out = process.on_terminal("backends", columns=200).out
    assert "Distribution" in out
    assert "Problem" not in out
