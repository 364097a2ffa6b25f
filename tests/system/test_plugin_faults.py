"""Every way in which an installed plugin can be broken, all at once, in one real environment."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

METHODS = "initialize close get_task find_tasks count_tasks apply history restore check"
REPOSITORY = f"""
class Repository:
    def __init__(self, path):
        self.path = path

for name in "{METHODS}".split():
    setattr(Repository, name, lambda self, *args, **kwargs: None)

def factory(path):
    return Repository(path)
"""

# scheme -> the module of a plugin that is installed as tasky-SCHEME and looks healthy until it is loaded
LATE_FAULTS = {
    "raising": "raise RuntimeError('the plugin is on fire')\n",
    "exiting": "import sys\nsys.exit('good bye')\n",
    "importing": "import a_module_that_is_nowhere\n",
    "uncallable": "factory = 'tasks.db'\n",
    "nameless": "Factory = print\n",
    "failing": "def factory(path):\n    raise OSError('no disk')\n",
    "lacking": f"{REPOSITORY}\ndel Repository.history\n",
}
LATE_WORDS = {
    "raising": "RuntimeError: the plugin is on fire",
    "exiting": "sys.exit('good bye')",
    "importing": "No module named 'a_module_that_is_nowhere'",
    "uncallable": "cannot be called",
    "nameless": "no attribute 'factory'",
    "failing": "OSError: no disk",
    "lacking": "lacks history",
}
# scheme -> the state and the words of a fault that the metadata tells
EARLY_WORDS = {
    "bare": ("broken", "tasky_bare-1.0.dist-info/METADATA is missing"),
    "future": ("incompatible", "tasky-future 1.0 requires tasky>=99"),
    "twin": ("conflict", "tasky-twin-a 1.0"),
    "Shouting": ("broken", "names a backend 'Shouting'"),
}
# distribution -> the words about its entry points, of which nothing can be read
UNREADABLE_WORDS = {
    "tasky-undecodable": "tasky_undecodable-1.0.dist-info/entry_points.txt cannot be read: Unicode",
    "tasky-malformed": "tasky_malformed-1.0.dist-info/entry_points.txt cannot be read",
}


@dataclass(frozen=True)
class Environment:
    """An interpreter with all of the plugins, and a folder to work in."""

    python: Path
    folder: Path
    variables: dict[str, str]

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """``tasky WORDS``, in the folder."""
        return subprocess.run(
            [self.python, "-m", "tasky", *words],
            capture_output=True,
            check=False,
            cwd=self.folder,
            encoding="utf-8",
            env=self.variables,
            stdin=subprocess.DEVNULL,
        )

    def succeed(self, *words: str) -> str:
        """What ``tasky WORDS`` prints; it must not fail."""
        done = self.run(*words)
        assert done.returncode == 0, done.stderr
        assert "Traceback" not in done.stderr
        return done.stdout

    def rows(self, *words: str) -> list[dict[str, Any]]:
        """The items that ``tasky WORDS --json`` prints."""
        envelope = json.loads(self.run(*words, "--json").stdout)
        assert (envelope["schema"], envelope["kind"]) == ("tasky/1", "backends")
        items: list[dict[str, Any]] = envelope["items"]
        return items


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment that sees this one's Tasky, and every broken plugin, put there by pip."""
    root = tmp_path_factory.mktemp("plugins")
    wheels = [
        _wheel(root, f"tasky-{scheme}", {scheme: f"{scheme}_plugin:factory"}, module)
        for scheme, module in LATE_FAULTS.items()
    ]
    wheels += [
        _wheel(root, "tasky-twin-a", {"twin": "twin_a:factory"}),
        _wheel(root, "tasky-twin-b", {"twin": "twin_b:factory"}),
        _wheel(root, "tasky-future", {"future": "future_plugin:factory"}, requires="tasky>=99"),
        _wheel(root, "tasky-shouting", {"Shouting": "shouting_plugin:factory"}),
        *(_wheel(root, f"tasky-{name}", {name: "x:y"}) for name in ("bare", "undecodable", "malformed")),
    ]
    environment = root / "environment"
    venv.create(environment, symlinks=os.name != "nt")
    python = environment / ("Scripts" if os.name == "nt" else "bin") / "python"
    site = Path(sysconfig.get_path("purelib", vars={"base": str(environment), "platbase": str(environment)}))
    ours = sorted({sysconfig.get_path("purelib"), sysconfig.get_path("platlib")})
    lines = "".join(f"import site; site.addsitedir({path!r})\n" for path in ours)
    (site / "zz_tasky_under_test.pth").write_text(lines, encoding="utf-8")
    _pip(python, "install", *map(str, wheels))
    _pip(python, "install", "--editable", str(_checkout(root)))
    _pip(python, "install", "--target", str(root / "first"), str(_wheel(root, "tasky-double", DOUBLE)))
    (site / "tasky_bare-1.0.dist-info" / "METADATA").unlink()
    (site / "tasky_undecodable-1.0.dist-info" / "entry_points.txt").write_bytes(
        b"[tasky.backends]\nx = \xff:y\n"
    )
    (site / "tasky_malformed-1.0.dist-info" / "entry_points.txt").write_text("[tasky.backends]\nno target\n")
    return root


@pytest.fixture
def environment(installed: Path, tmp_path: Path) -> Environment:
    """That environment, for a user with an empty home and an empty folder."""
    home, folder = tmp_path / "home", tmp_path / "work"
    home.mkdir()
    folder.mkdir()
    dropped = ("TASKY_", "XDG_", "PYTHONPATH")
    variables = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
    variables |= {"HOME": str(home), "APPDATA": str(home), "PYTHONPATH": str(installed / "first")}
    scripts = "Scripts" if os.name == "nt" else "bin"
    return Environment(installed / "environment" / scripts / "python", folder, variables)


def test_the_listing_names_each_fault_that_metadata_tells(environment: Environment) -> None:
    """One listing shows every plugin, with the fault of each that has one, and imports none of them."""
    rows = environment.rows("backends")
    assert {row["name"] for row in rows} > {*LATE_FAULTS, *EARLY_WORDS, "double", "sqlite"}
    for scheme, (state, words) in EARLY_WORDS.items():
        mine = [row for row in rows if row["name"] == scheme]
        assert [row["state"] for row in mine] == [state] * (2 if scheme == "twin" else 1)
        assert all(words in row["problem"] for row in mine)
    for distribution, words in UNREADABLE_WORDS.items():
        (row,) = [row for row in rows if row["distribution"] == distribution]
        assert (row["name"], row["version"], row["state"]) == ("", "1.0", "broken")
        assert words in row["problem"]
    healthy = [row for row in rows if row["name"] in {*LATE_FAULTS, "double", "sqlite"}]
    assert {row["state"] for row in healthy} == {"ok"}
    assert [row["distribution"] for row in rows].count("tasky-double") == 1
    table = environment.succeed("backends")
    assert all(name in table for name in (*LATE_FAULTS, *EARLY_WORDS, *UNREADABLE_WORDS))


def test_a_check_names_each_fault_that_loading_tells(environment: Environment) -> None:
    """Each is loaded in a process of its own; one that exits or raises does not end the check."""
    done = environment.run("backends", "check")
    assert done.returncode == 6
    rows = {row["name"]: row for row in environment.rows("backends", "check") if row["name"]}
    for scheme, words in LATE_WORDS.items():
        assert rows[scheme]["state"] == "broken"
        assert words in rows[scheme]["problem"]
    assert rows["sqlite"]["state"] == "ok"
    assert rows["double"]["state"] == "ok"


def test_a_healthy_backend_works_beside_all_of_them(environment: Environment) -> None:
    """The main job runs, and says nothing of what is wrong with others."""
    environment.succeed("init", "--storage", "sqlite://.tasky/tasks.db")
    environment.succeed("add", "Buy milk")
    done = environment.run("list")
    assert done.returncode == 0, done.stderr
    assert "Buy milk" in done.stdout
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("scheme", "words"),
    [
        *LATE_WORDS.items(),
        *((scheme, words) for scheme, (_, words) in EARLY_WORDS.items() if scheme.islower()),
        ("undecodable", "what tasky-malformed, tasky-undecodable provides cannot be read"),
    ],
)
def test_using_a_broken_backend_says_what_is_wrong(scheme: str, words: str, environment: Environment) -> None:
    """The error names the distribution and the cause, has the exit code of plugins, and no store is made."""
    done = environment.run("init", "--storage", f"{scheme}://tasks.db")
    assert done.returncode == 6, done.stderr
    assert words in " ".join(done.stderr.split())
    assert f"tasky-{scheme}" in done.stderr
    assert "Traceback" not in done.stderr
    assert list(environment.folder.iterdir()) == []


def test_the_first_of_two_installations_of_a_plugin_is_used(environment: Environment) -> None:
    """An editable and a normal install are one plugin; the one that comes first on the path counts."""
    (row,) = [row for row in environment.rows("backends") if row["name"] == "double"]
    assert (row["version"], row["state"]) == ("1.0", "ok")
    del environment.variables["PYTHONPATH"]
    (row,) = [row for row in environment.rows("backends") if row["name"] == "double"]
    assert (row["version"], row["state"]) == ("2.0", "ok")


DOUBLE = {"double": "double_plugin:factory"}


def _wheel(
    root: Path, name: str, schemes: dict[str, str], module: str = REPOSITORY, requires: str = "tasky>=1,<2"
) -> Path:
    """A wheel with one module, named as the first target says."""
    stem = f"{name.replace('-', '_')}-1.0"
    points = "".join(f"{scheme} = {target}\n" for scheme, target in schemes.items())
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\nRequires-Dist: {requires}\n"
    tag = "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    files = {
        f"{next(iter(schemes.values())).partition(':')[0]}.py": module,
        f"{stem}.dist-info/METADATA": metadata,
        f"{stem}.dist-info/WHEEL": tag,
        f"{stem}.dist-info/entry_points.txt": f"[tasky.backends]\n{points}",
    }
    record = f"{stem}.dist-info/RECORD"
    path = root / f"{stem}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        for file, text in files.items():
            wheel.writestr(file, text)
        wheel.writestr(record, "".join(f"{file},,\n" for file in (*files, record)))
    return path


def _checkout(root: Path) -> Path:
    """The source of tasky-double 2.0, to be built by hatchling."""
    folder = root / "tasky-double"
    (folder / "src").mkdir(parents=True)
    (folder / "src" / "double_plugin.py").write_text(REPOSITORY)
    (folder / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
        '[project]\nname = "tasky-double"\nversion = "2.0"\ndependencies = ["tasky>=1,<2"]\n'
        '[project.entry-points."tasky.backends"]\ndouble = "double_plugin:factory"\n'
        '[tool.hatch.build.targets.wheel]\ninclude = ["src/*.py"]\nsources = ["src"]\n'
        '[tool.hatch.build]\ndev-mode-dirs = ["src"]\n'
    )
    return folder


def _pip(python: Path, command: str, *words: str) -> None:
    options = ["--no-index", "--no-deps", "--no-build-isolation", "--no-compile", "--quiet"]
    program = [sys.executable, "-m", "pip", "--python", str(python), "--disable-pip-version-check"]
    done = subprocess.run([*program, command, *options, *words], capture_output=True, check=False, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
