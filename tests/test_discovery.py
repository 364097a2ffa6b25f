"""The quick way to one scheme, held against importlib_metadata, which is the authority."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, TypeAlias

import importlib_metadata
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from tasky._version import VERSION
from tasky.discovery import GROUP, normalized, scan, unmet_requirement
from tasky.metadata import installed

Install: TypeAlias = Callable[..., Path]
Searching: TypeAlias = Callable[..., AbstractContextManager[None]]
Zipped: TypeAlias = Callable[[Path, Path], Path]

ACME = {"acme": "acme_tasks:factory"}
FOUND = [("acme", "acme-tasks", "1.0", "acme_tasks:factory")]
HEADERS = "Metadata-Version: 2.1\nName: acme-tasks\nVersion: 1.0\n"


def found_quickly(scheme: str = "acme") -> list[tuple[str, str, str, str]]:
    """What the quick way finds; it must not be in doubt, and importlib_metadata must say the same."""
    rows = scan(scheme)
    assert rows is not None, "the quick way was in doubt"
    quick = [(row.name, row.distribution, row.version, row.target) for row in rows]
    assert quick == [
        (row.name, row.distribution, row.version, row.target) for row in installed() if row.name == scheme
    ]
    assert {(name, target) for name, _, _, target in quick} == {
        (point.name, point.value)
        for point in importlib_metadata.entry_points(group=GROUP)
        if point.name == scheme
    }
    return quick


def test_an_installed_plugin_is_found(install: Install, searching: Searching, tmp_path: Path) -> None:
    """One plugin in one folder is found by its scheme, with the folder that says so."""
    folder = install(tmp_path, "acme-tasks", entry_points=ACME)
    with searching(tmp_path):
        assert found_quickly() == FOUND
        assert [Path(row.source) for row in scan("acme") or []] == [folder]
        assert found_quickly("another") == []


def test_an_editable_plugin_is_found(install: Install, searching: Searching, tmp_path: Path) -> None:
    """Its metadata is in one folder, its code in another that a .pth file put on the path."""
    install(tmp_path / "site", "acme-tasks", entry_points=ACME)
    source = tmp_path / "checkout" / "src"
    source.mkdir(parents=True)
    (source / "acme_tasks.py").write_text("def factory(path): ...\n")
    with searching(tmp_path / "site", source):
        assert found_quickly() == FOUND


def test_other_distributions_are_no_reason_to_doubt(
    install: Install, searching: Searching, tmp_path: Path
) -> None:
    """Ordinary neighbours, even several of one name or of an old format, leave the quick way sure."""
    install(
        tmp_path / "a", "acme-tasks", entry_points="\n# ours\n\n[tasky.backends]\nacme = acme_tasks:factory"
    )
    install(tmp_path / "a", "tool", entry_points="[console_scripts]\ntool = tool:main\n")
    install(tmp_path / "b", "tool", "2.0", entry_points="[console_scripts]\ntool = tool:main\n")
    install(tmp_path / "b", "old", kind="egg-info", entry_points="[console_scripts]\nold = old:main\n")
    install(tmp_path / "b", "broken", entry_points=b"\xff\xfe", metadata=None)
    install(
        tmp_path / "b", "other-tasks", entry_points="[x]\na = b\n[tasky.backends]\nother = o : f [extra]\n"
    )
    (tmp_path / "b" / "thing-info").mkdir()
    (tmp_path / "b" / "single-1.0.egg-info").write_text(HEADERS)
    (tmp_path / "b" / "linked.egg-link").write_text("/nowhere\n")
    with searching(tmp_path / "a", tmp_path / "b", tmp_path / "missing.zip", tmp_path / "b" / "thing-info"):
        rows = scan("acme")
        assert scan() is None, "a listing names the broken one"
    assert rows is not None
    assert [(row.name, row.distribution, row.version, row.target) for row in rows] == FOUND


def test_one_directory_under_two_names_counts_once(
    install: Install, searching: Searching, tmp_path: Path
) -> None:
    """lib and lib64 are one directory in many environments, and the path may repeat itself."""
    install(tmp_path / "lib", "acme-tasks", entry_points=ACME)
    (tmp_path / "lib64").symlink_to(tmp_path / "lib")
    with searching(tmp_path / "lib64", tmp_path / "lib", tmp_path / "lib", f"{tmp_path}/lib/"):
        assert found_quickly() == FOUND


def test_what_a_program_s_own_directory_holds_is_found(
    install: Install, searching: Searching, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The empty entry of the path means the current directory."""
    install(tmp_path, "acme-tasks", entry_points=ACME)
    monkeypatch.chdir(tmp_path)
    with searching(""):
        assert found_quickly() == FOUND


def test_two_plugins_with_one_scheme_are_both_found(
    install: Install, searching: Searching, tmp_path: Path
) -> None:
    """Which of them is meant is not for the search to say."""
    install(tmp_path / "a", "zeta-tasks", entry_points={"acme": "zeta:factory"})
    install(tmp_path / "b", "acme-tasks", entry_points=ACME, requires=("tasky>=1,<2", "tasky-other>=99"))
    with searching(tmp_path / "a", tmp_path / "b"):
        assert found_quickly() == [*FOUND, ("acme", "zeta-tasks", "1.0", "zeta:factory")]


def test_what_an_interrupted_uninstall_left_is_ignored(
    install: Install, searching: Searching, tmp_path: Path
) -> None:
    """pip renames what it deletes so that it starts with a tilde, and does not count it as installed."""
    install(tmp_path, "~cme-tasks", "0.9", entry_points={"acme": "old:factory"})
    install(tmp_path, "acme-tasks", entry_points=ACME)
    with searching(tmp_path):
        rows = scan("acme")
        assert rows is not None
        assert [row.target for row in rows] == ["acme_tasks:factory"]
        assert [row.target for row in installed()] == ["acme_tasks:factory"]


@pytest.mark.parametrize(
    "metadata",
    [
        HEADERS.replace("\n", "\r\n") + "\r\nText\r\n",
        HEADERS
        + "Summary: long,\n  on two lines\nRequires-Dist: tasky >= 1.0, < 2\n\nRequires-Dist: tasky>=99\n",
        HEADERS.upper().replace("ACME-TASKS", "acme-tasks"),
        HEADERS.rstrip(),
        HEADERS + "Requires-Dist: tasky (>=1,<2)\nRequires-Dist: tasky\n",
    ],
)
def test_metadata_is_read_as_it_may_be_written(
    metadata: str, install: Install, searching: Searching, tmp_path: Path
) -> None:
    """Line endings, letter case, folded lines and old ways to write a requirement raise no doubt."""
    install(tmp_path, "acme-tasks", entry_points=ACME, metadata=metadata)
    with searching(tmp_path):
        assert found_quickly() == FOUND


@pytest.mark.parametrize(
    ("entry_points", "metadata"),
    [
        (b"[tasky.backends]\nacme = \xff:factory\n", HEADERS),
        ("[tasky.backends]\nacme\n", HEADERS),
        ("acme = a:b\n[tasky.backends]\nacme = a:b\n", HEADERS),
        ("[ tasky.backends ]\nacme = a:b\n", HEADERS),
        ("[[tasky.backends]]\nacme = a:b\n", HEADERS),
        ("\ufeff[tasky.backends]\nacme = a:b\n", HEADERS),
        ("[tasky.backends]\nacme = a:b\nacme = c:d\n", HEADERS),
        ("[tasky.backends]\nAcme = a:b\n", HEADERS),
        ("[tasky.backends]\nacme = a.b\n", HEADERS),
        ("[tasky.backends]\nacme = a:b\n", None),
        ("[tasky.backends]\nacme = a:b\n", b"Name: \xff\n"),
        ("[tasky.backends]\nacme = a:b\n", "Name: acme-tasks\n"),
        ("[tasky.backends]\nacme = a:b\n", "Version: 1.0\n"),
        ("[tasky.backends]\nacme = a:b\n", HEADERS + "no header\n"),
        ("[tasky.backends]\nacme = a:b\n", HEADERS + "Requires-Dist: tasky\n >=99\n"),
        ("[tasky.backends]\nacme = a:b\n", HEADERS.replace("\n", "\r")),
        ("[tasky.backends]\nacme = a:b\n", HEADERS + "Requires-Dist: tasky>=99\n"),
        ("[tasky.backends]\nacme = a:b\n", HEADERS + "Requires-Dist: tasky is what I need\n"),
    ],
)
def test_unusual_files_are_left_to_importlib_metadata(
    entry_points: str | bytes,
    metadata: str | bytes | None,
    install: Install,
    searching: Searching,
    tmp_path: Path,
) -> None:
    """A file that is not plain is judged by the authority, not guessed at."""
    install(tmp_path, "acme-tasks", entry_points=entry_points, metadata=metadata)
    with searching(tmp_path):
        assert scan("acme") is None
        assert scan() is None


def test_two_installations_of_a_plugin_are_left_to_importlib_metadata(
    install: Install, searching: Searching, tmp_path: Path
) -> None:
    """An editable and a normal install of one plugin are one, and the authority says which counts."""
    install(tmp_path / "a", "Acme.Tasks", "2.0", entry_points={"acme": "new:factory"})
    install(tmp_path / "b", "acme-tasks", "1.0", entry_points={"acme": "old:factory"})
    for first, second, target in [("a", "b", "new:factory"), ("b", "a", "old:factory")]:
        with searching(tmp_path / first, tmp_path / second):
            assert scan("acme") is None
            assert [row.target for row in installed()] == [target]


def test_an_old_installation_is_left_to_importlib_metadata(
    install: Install, searching: Searching, tmp_path: Path
) -> None:
    """A plugin that an old setuptools installed has its requirements in another file."""
    install(tmp_path, "acme-tasks", entry_points=ACME, kind="egg-info")
    with searching(tmp_path):
        assert scan("acme") is None
        assert [row.name for row in installed()] == ["acme"]


def test_zip_files_are_left_to_importlib_metadata(
    install: Install, searching: Searching, zipped: Zipped, tmp_path: Path
) -> None:
    """A wheel or zip file on the path provides what it holds."""
    install(tmp_path / "site", "acme-tasks", entry_points=ACME)
    archive = zipped(tmp_path / "site", tmp_path / "acme.whl")
    with searching(archive):
        assert scan("acme") is None
        assert [(row.name, row.distribution, row.version, row.target) for row in installed()] == FOUND
        assert installed()[0].source == f"{archive}/acme_tasks-1.0.dist-info"


def test_eggs_are_left_to_importlib_metadata(install: Install, searching: Searching, tmp_path: Path) -> None:
    """An unpacked egg has its metadata under a name of its own."""
    folder = install(tmp_path / "acme_tasks-1.0-py3.11.egg", "acme-tasks", entry_points=ACME, kind="egg-info")
    folder.rename(folder.with_name("EGG-INFO"))
    with searching(folder.parent):
        assert scan("acme") is None
        assert [(row.name, row.distribution, row.version) for row in installed()] == [FOUND[0][:3]]


def test_unreadable_places_are_left_to_importlib_metadata(
    install: Install, searching: Searching, tmp_path: Path
) -> None:
    """A loop of links, a folder where a file should be, a name with a NUL: the authority decides."""
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    folder = install(tmp_path / "site", "acme-tasks")
    (folder / "entry_points.txt").mkdir()
    for entry in (tmp_path / "loop", tmp_path / "site", "a\0b"):
        with searching(entry):
            assert scan("acme") is None


def test_entries_that_are_no_text_are_left_to_importlib_metadata(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python skips such an entry, and what it means is not for the quick way to say."""
    monkeypatch.setattr(sys, "path", [*sys.path, Path("somewhere")])
    assert scan("acme") is None


def test_finders_with_distributions_of_their_own_are_left_to_importlib_metadata(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A finder may bring distributions that no folder shows."""

    class Finder:
        """Finds no module and no distribution."""

        @staticmethod
        def find_spec(*_: object) -> None:
            return None

        @staticmethod
        def find_distributions(_: object) -> list[Any]:
            return []

    monkeypatch.setattr(sys, "meta_path", [Finder, *sys.meta_path])
    assert scan("acme") is None


ENTRY_POINTS = st.sampled_from(
    [
        None,
        "[console_scripts]\na = a:b\n",
        "[tasky.backends]\nacme = a:b\n",
        "[tasky.backends]\nacme = c:d\nzeta = z:f\n",
        "# x\n[a]\nb=c\n[tasky.backends]\n  zeta =  z : f  \n\n",
        "[tasky.backends]\n",
    ]
)
INSTALLATION = st.fixed_dictionaries(
    {
        "name": st.sampled_from(["acme-tasks", "Acme.Tasks", "acme__tasks", "zeta", "other"]),
        "version": st.sampled_from(["1.0", "2.0"]),
        "entry_points": ENTRY_POINTS,
        "has_metadata": st.sampled_from([True, True, True, False]),
        "kind": st.sampled_from(["dist-info", "dist-info", "dist-info", "egg-info"]),
    }
)
PLACE = st.tuples(
    st.sampled_from(["folder", "folder", "folder", "zip"]),
    st.lists(INSTALLATION, max_size=3, unique_by=lambda item: (item["name"], item["version"], item["kind"])),
)


@settings(deadline=None, max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(places=st.lists(PLACE, min_size=1, max_size=3))
def test_the_quick_way_agrees_with_importlib_metadata(
    places: list[tuple[str, list[dict[str, Any]]]], install: Install, searching: Searching, zipped: Zipped
) -> None:
    """Whatever is installed, shadowed, doubled or zipped: both ways agree, or the quick one is in doubt."""
    with tempfile.TemporaryDirectory() as name:
        entries = []
        for number, (kind, installations) in enumerate(places):
            site = Path(name, f"site{number}")
            site.mkdir()
            for item in installations:
                metadata = "" if item["has_metadata"] or kind == "zip" else None  # the oracle itself fails
                arguments = {key: item[key] for key in ("version", "entry_points", "kind")}
                install(site, item["name"], metadata=metadata, **arguments)
            entries.append(zipped(site, site.with_suffix(".zip")) if kind == "zip" else site)
        with searching(*entries):
            rows = installed()
            oracle = {(point.name, point.value) for point in importlib_metadata.entry_points(group=GROUP)}
            answers = {scheme: scan(scheme) for scheme in ("acme", "zeta", None)}
    assert {(row.name, row.target) for row in rows} == oracle
    for scheme, answer in answers.items():
        wanted = [row for row in rows if scheme in (None, row.name)]
        if answer is not None:
            assert [(row.distribution, row.version, row.target) for row in answer] == [
                (row.distribution, row.version, row.target) for row in wanted
            ]


@pytest.mark.parametrize(
    ("requirement", "version", "met"),
    [
        ("tasky>=1,<2", "1.0.0", True),
        ("tasky>=1,<2", "1.9", True),
        ("tasky>=1,<2", "2.0.0", False),
        ("tasky>=1.0.0", "1", True),
        ("Tasky (>=1,<2)", "1.4.2", True),
        ("tasky>=1.10", "1.9.0", False),
        ("tasky", "0.1", True),
        ("tasky>=99", "1.0.0", False),
        ("tasky~=1.2", "1.3.0", True),
        ("tasky~=1.2", "2.0.0", False),
        ("tasky==1.*", "1.5", True),
        ("tasky>=1,<2", "1.0.0rc1", False),
        ("tasky>=1.0.0rc1", "1.0.0rc2", True),
        ("tasky[testing]>=99; extra == 'test'", "1.0.0", True),
        ("tasky>=99; python_version < '3'", "1.0.0", True),
        ("tasky>=99; python_version > '3'", "1.0.0", False),
        ("tasky @ file:///somewhere", "1.0.0", True),
        ("tasky-sqlite>=99", "1.0.0", True),
        ("tasky.extra>=99", "1.0.0", True),
        ("click>=99", "1.0.0", True),
    ],
)
def test_a_plugin_s_requirement_on_tasky_is_compared_as_pip_does(
    requirement: str, version: str, met: bool
) -> None:
    """Plain ranges and anything else a requirement can say decide whether a plugin fits this Tasky."""
    assert unmet_requirement([requirement], version) == ("" if met else requirement)


def test_this_tasky_meets_what_the_plugins_ask_for() -> None:
    """The version that is compared is the one that is installed."""
    assert unmet_requirement(["tasky>=1,<2"]) == ""
    assert importlib_metadata.version("tasky") == VERSION


@pytest.mark.parametrize(
    ("name", "same"),
    [("Tasky.SQLite", True), ("tasky__sqlite", True), ("tasky-_.sqlite", True), ("taskysqlite", False)],
)
def test_distribution_names_are_compared_as_the_index_does(name: str, same: bool) -> None:
    """Letter case and separators do not make another distribution."""
    assert (normalized(name) == "tasky-sqlite") is same
