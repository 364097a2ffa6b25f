"""Every installed distribution is listed by itself, whatever is wrong with another."""

from __future__ import annotations

import importlib.metadata
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from tasky._version import VERSION
from tasky.discovery import BackendInfo
from tasky.metadata import installed

Install: TypeAlias = Callable[..., Path]
Searching: TypeAlias = Callable[..., AbstractContextManager[None]]
Zipped: TypeAlias = Callable[[Path, Path], Path]

ACME = {"acme": "acme_tasks:factory"}
HEALTHY = BackendInfo("healthy", "healthy-tasks", "1.0", "healthy:factory")


@pytest.fixture
def listed(install: Install, searching: Searching, tmp_path: Path) -> Callable[..., list[BackendInfo]]:
    """Lists what is in ``tmp_path``, beside a healthy plugin that must be there unharmed."""

    def rows(*entries: Path) -> list[BackendInfo]:
        site = tmp_path / "healthy"
        folder = install(site, "healthy-tasks", entry_points={"healthy": "healthy:factory"})
        with searching(*(entries or [tmp_path]), site):
            found = installed()
        healthy = [row for row in found if row.name == "healthy"]
        assert [(row.state, row.problem, row.source) for row in healthy] == [("ok", "", str(folder))]
        return [row for row in found if row.name != "healthy"]

    return rows


Listed: TypeAlias = Callable[..., list[BackendInfo]]


def only(rows: list[BackendInfo]) -> BackendInfo:
    """The one row that there is."""
    assert len(rows) == 1, rows
    return rows[0]


def test_a_listing_tells_name_distribution_version_target_and_folder(
    install: Install, listed: Listed, tmp_path: Path
) -> None:
    """Each scheme of each plugin is a row, in the order of the schemes, without anything being imported."""
    schemes = {"zeta": "missing_module:z", "acme": "missing_module:a"}
    folder = install(tmp_path, "Acme-Tasks", "2.1", entry_points=schemes, requires=("tasky>=1,<2",))
    assert listed() == [
        BackendInfo("acme", "Acme-Tasks", "2.1", "missing_module:a", source=str(folder)),
        BackendInfo("zeta", "Acme-Tasks", "2.1", "missing_module:z", source=str(folder)),
    ]
    assert "missing_module" not in sys.modules


def test_distributions_without_backends_are_not_listed(
    install: Install, listed: Listed, tmp_path: Path
) -> None:
    """Neither ordinary packages nor what is left of them matter, as long as they can be read."""
    install(tmp_path, "tool", entry_points="[console_scripts]\ntool = tool:main\n")
    install(tmp_path, "bare", metadata=None)
    install(tmp_path, "plain")
    install(tmp_path, "~leftover", entry_points=ACME)
    (tmp_path / "single-1.0.egg-info").write_text("Metadata-Version: 2.1\nName: single\nVersion: 1.0\n")
    assert listed() == []


def test_entry_points_that_are_not_utf8_are_named(install: Install, listed: Listed, tmp_path: Path) -> None:
    """The row says which distribution, which file, and what is wrong with it."""
    folder = install(tmp_path, "acme-tasks", "2.1", entry_points=b"[tasky.backends]\nacme = \xff:f\n")
    row = only(listed())
    assert (row.name, row.distribution, row.version, row.state) == ("", "acme-tasks", "2.1", "broken")
    assert f"{folder}/entry_points.txt cannot be read: UnicodeDecodeError" in row.problem


@pytest.mark.parametrize(
    "text",
    [
        "[tasky.backends]\nacme\n",
        "[tasky.backends\nacme = a:b\n",
        "[ tasky.backends ]\nacme = a:b\n",
        "\ufeff[tasky.backends]\nacme = a:b\n",
        "tasky.backends]\nacme = a:b\n",
        "[console_scripts]\nthis is no entry point\n",
    ],
)
def test_malformed_entry_points_are_named(
    text: str, install: Install, listed: Listed, tmp_path: Path
) -> None:
    """A file that importlib_metadata fails on, or would pass over in silence, is a fault."""
    folder = install(tmp_path, "acme-tasks", entry_points=text)
    row = only(listed())
    assert (row.name, row.distribution, row.version, row.state) == ("", "acme-tasks", "1.0", "broken")
    assert f"{folder}/entry_points.txt cannot be read" in row.problem


def test_entry_points_that_may_not_be_read_are_named(
    install: Install, listed: Listed, tmp_path: Path
) -> None:
    """What the system refuses to read is not taken for an absent file."""
    folder = install(tmp_path, "acme-tasks")
    (folder / "entry_points.txt").symlink_to(folder / "entry_points.txt")
    row = only(listed())
    assert (row.distribution, row.state) == ("acme-tasks", "broken")
    assert "entry_points.txt cannot be read" in row.problem


@pytest.mark.parametrize(
    ("metadata", "words"),
    [
        (None, "METADATA is missing or cannot be read"),
        (b"Name: \xff\n", "METADATA is missing or cannot be read: UnicodeDecodeError"),
        ("Name: acme-tasks\n\n", "METADATA"),
        ("Version: 2.1\n\n", "METADATA"),
        ("Name: acme-tasks\nVersion: 2.1\nRequires-Dist: tasky, please\n\n", "METADATA cannot be read"),
    ],
)
def test_metadata_that_cannot_be_read_is_named(
    metadata: str | bytes | None, words: str, install: Install, listed: Listed, tmp_path: Path
) -> None:
    """Name and version are then those of the folder, and the backend cannot be used."""
    folder = install(tmp_path, "acme-tasks", "2.1", entry_points=ACME, metadata=metadata)
    row = only(listed())
    assert (row.name, row.distribution, row.version, row.state) == ("acme", "acme-tasks", "2.1", "broken")
    assert f"{folder}/{words}" in row.problem


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("Acme = a:b", "names a backend 'Acme'"),
        ("ac me = a:b", "names a backend 'ac me'"),
        ("1acme = a:b", "names a backend '1acme'"),
        ("acme = a.b", "gives acme the target 'a.b'"),
        ("acme =", "gives acme the target ''"),
        ("acme = a-b:c", "gives acme the target 'a-b:c'"),
    ],
)
def test_an_entry_point_that_is_no_backend_is_named(
    line: str, words: str, install: Install, listed: Listed, tmp_path: Path
) -> None:
    """A scheme or a target that cannot be one is a fault of that entry point alone."""
    folder = install(tmp_path, "acme-tasks", entry_points=f"[tasky.backends]\n{line}\ngood = a:b [x]\n")
    bad, good = sorted(listed(), key=lambda row: row.state)
    assert (bad.state, good.state, good.name) == ("broken", "ok", "good")
    assert f"{folder}/entry_points.txt {words}" in bad.problem


def test_a_scheme_given_twice_by_one_distribution_is_named(
    install: Install, listed: Listed, tmp_path: Path
) -> None:
    """Twice the same is once; two targets are a fault."""
    text = "[tasky.backends]\nsame = a:b\nacme = a:b\nacme = c:d\nsame = a:b\n"
    install(tmp_path, "acme-tasks", entry_points=text)
    rows = listed()
    assert [(row.name, row.target, row.state) for row in rows] == [
        ("acme", "a:b", "broken"),
        ("acme", "c:d", "broken"),
        ("same", "a:b", "ok"),
    ]
    assert "more than one target" in rows[0].problem


def test_a_plugin_for_another_tasky_is_named(install: Install, listed: Listed, tmp_path: Path) -> None:
    """The row says what the plugin asks for and what is here."""
    install(tmp_path, "acme-tasks", "2.1", entry_points=ACME, requires=("click", "tasky>=99"))
    row = only(listed())
    assert (row.name, row.state) == ("acme", "incompatible")
    assert "acme-tasks 2.1 requires tasky>=99" in row.problem
    assert f"this is Tasky {VERSION}" in row.problem


def test_an_installation_with_metadata_counts_before_one_without(
    install: Install, listed: Listed, tmp_path: Path
) -> None:
    """What an upgrade left behind does not shadow what it installed."""
    for name in ("acme-tasks", "zeta-tasks"):
        scheme = name[:4]
        install(tmp_path / "a", name, "1.0", entry_points={scheme: "old:f"}, metadata=None)
        install(
            tmp_path / "b",
            name,
            "2.0",
            entry_points={scheme: "new:f"},
            metadata="" if scheme == "acme" else None,
        )
    rows = listed(tmp_path / "a", tmp_path / "b")
    assert [(row.name, row.version, row.target) for row in rows] == [
        ("acme", "2.0", "new:f"),
        ("zeta", "1.0", "old:f"),
    ]


def test_undecodable_metadata_is_metadata_all_the_same(
    install: Install, listed: Listed, tmp_path: Path
) -> None:
    """The first installation counts, and is reported, when it has a METADATA of any kind."""
    install(tmp_path / "a", "acme-tasks", "1.0", entry_points=ACME, metadata=b"Name: \xff\n")
    install(tmp_path / "b", "acme-tasks", "2.0", entry_points=ACME)
    row = only(listed(tmp_path / "a", tmp_path / "b"))
    assert (row.version, row.state) == ("1.0", "broken")


def test_a_damaged_plugin_in_a_zip_file_is_named(
    install: Install, listed: Listed, zipped: Zipped, tmp_path: Path
) -> None:
    """The file inside the archive is named as if the archive were a folder."""
    install(tmp_path / "site", "acme-tasks", entry_points=b"\xff")
    install(tmp_path / "site", "plain-tasks")
    row = only(listed(zipped(tmp_path / "site", tmp_path / "plugins.zip")))
    assert row.state == "broken"
    assert f"{tmp_path}/plugins.zip/acme_tasks-1.0.dist-info/entry_points.txt" in row.problem


class Provided(importlib.metadata.Distribution):
    """A distribution that a finder brings, in no folder."""

    def __init__(self, files: dict[str, str]) -> None:
        self.files_of_it = files

    def read_text(self, filename: str) -> str | None:
        return self.files_of_it.get(filename)

    def locate_file(self, path: Any) -> Any:
        raise NotImplementedError


def test_finders_bring_distributions_of_their_own(listed: Listed, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a finder brings is listed; one that fails is a row, and harms no other."""

    def provided(name: str, line: str) -> Provided:
        metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: 3.0\n\n"
        return Provided({"METADATA": metadata, "entry_points.txt": f"[tasky.backends]\n{line}\n"})

    class Finder:
        @staticmethod
        def find_spec(*_: object) -> None:
            return None

        @staticmethod
        def find_distributions(_: object) -> list[Provided]:
            good = provided("frozen-tasks", "ice = a:b")
            return [good, provided("slushy-tasks", "ice"), provided("wrong-tasks", "Ice = a:b"), Provided({})]

    class Failing(Finder):
        @staticmethod
        def find_distributions(_: object) -> list[Provided]:
            raise RuntimeError("no network")

    monkeypatch.setattr(sys, "meta_path", [Failing, Finder(), *sys.meta_path])
    rows = {row.distribution: row for row in listed() if "Provided" not in row.distribution}
    assert rows["frozen-tasks"] == BackendInfo("ice", "frozen-tasks", "3.0", "a:b")
    assert rows["slushy-tasks"].problem.startswith("its list of entry points cannot be read")
    assert rows["wrong-tasks"].problem.startswith("wrong-tasks names a backend 'Ice'")
    assert rows[""].state == "broken"
    assert "Failing failed: RuntimeError: no network" in rows[""].problem


def test_a_finder_s_distribution_without_a_name_is_a_row(
    listed: Listed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether its name is missing or raises, it harms no other, and what it provides cannot be used."""

    class Nameless(Provided):
        requires = None

        @property
        def metadata(self) -> Any:
            return {"Name": None, "Version": None}  # as older Pythons say of a missing field

    class Raising(Provided):
        @property
        def metadata(self) -> Any:
            raise OSError("gone")

    class Finder:
        @staticmethod
        def find_spec(*_: object) -> None:
            return None

        @staticmethod
        def find_distributions(_: object) -> list[Provided]:
            files = {"entry_points.txt": "[tasky.backends]\nice = a:b\n"}
            return [Nameless(files), Raising(files)]

    monkeypatch.setattr(sys, "meta_path", [Finder, *sys.meta_path])
    rows = [row for row in listed() if row.name == "ice"]
    assert {(row.state, row.version) for row in rows} == {("broken", "")}
    assert sorted(row.problem.partition(": ")[2] for row in rows) == [
        "LookupError: it lacks a name or a version",
        "OSError: gone",
    ]
