"""What a missing backend's error says to run, for each way in which Tasky itself is installed."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TypeAlias

import importlib_metadata
import pytest

import tasky
from tasky._version import VERSION
from tasky.installing import install_hint, quoted

Install: TypeAlias = Callable[..., Path]
Searching: TypeAlias = Callable[..., AbstractContextManager[None]]
Installed: TypeAlias = Callable[..., str]

PACKAGE = Path(tasky.__file__).parent


@pytest.fixture
def hint_of(install: Install, searching: Searching, tmp_path: Path) -> Installed:
    """The hint of a Tasky with the metadata that an installer writes, in an environment with those files."""

    def ask(
        scheme: str = "sqlite",
        *,
        installer: str | None = "pip",
        direct: object = None,
        files: tuple[str, ...] = (),
        environment: str = "tasky",
        others: tuple[str, ...] = (),
    ) -> str:
        site = tmp_path / "site"
        folder = install(site, "tasky", VERSION)
        if installer is not None:
            (folder / "INSTALLER").write_text(f"{installer}\n")
        if direct is not None:
            text = direct if isinstance(direct, str) else json.dumps(direct)
            (folder / "direct_url.json").write_text(text)
        prefix = tmp_path / "venvs" / environment
        prefix.mkdir(parents=True)
        for name in files:
            (prefix / name).touch()
        with searching(site):
            return install_hint(scheme, others, package=site / "tasky", prefix=prefix)

    return ask


def command(hint: str) -> list[str]:
    """The words of the command that a hint ends with."""
    return shlex.split(hint.removeprefix("Install it: "))


def test_installed_with_pip_from_an_index(hint_of: Installed) -> None:
    """pip installs the plugin into the environment that Tasky runs in."""
    assert command(hint_of()) == [sys.executable, "-m", "pip", "install", "tasky-sqlite"]


@pytest.mark.parametrize(
    ("scheme", "plugin"),
    [("json", "tasky-json"), ("postgresql", "tasky-postgres"), ("postgres", "tasky-postgres")],
)
def test_each_backend_of_the_project_has_its_distribution(
    scheme: str, plugin: str, hint_of: Installed
) -> None:
    """The scheme that a location starts with leads to the distribution that provides it."""
    assert command(hint_of(scheme))[-1] == plugin


def test_installed_with_uv_into_an_environment(hint_of: Installed) -> None:
    """Such an environment may have no pip of its own."""
    assert command(hint_of(installer="uv")) == [
        *["uv", "pip", "install", "--python", sys.executable, "tasky-sqlite"]
    ]


@pytest.mark.parametrize("name", ["tasky", "tasky-1"])
def test_installed_with_pipx(name: str, hint_of: Installed) -> None:
    """pipx adds to the environment that it made, whatever that is called."""
    hint = hint_of(files=("pipx_metadata.json",), environment=name)
    assert command(hint) == ["pipx", "inject", name, "tasky-sqlite"]


def test_installed_as_a_uv_tool(hint_of: Installed) -> None:
    """uv makes the tool anew, so the backends that are there are named again."""
    others = ("tasky-json", "acme-tasks")
    hint = hint_of(installer="uv", files=("uv-receipt.toml",), others=others)
    tail = ["--with", "tasky-json", "--with", "tasky-sqlite"]
    assert command(hint) == ["uv", "tool", "install", "tasky", *tail]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A clone of the repository, in a folder whose name a shell would take apart."""
    root = tmp_path / "my projects" / "tasky"
    for folder in (root, root / "plugins" / "tasky-sqlite"):
        folder.mkdir(parents=True)
        (folder / "pyproject.toml").write_text("")
    return root


@pytest.mark.parametrize("editable", [True, False])
def test_installed_from_a_checkout(editable: bool, checkout: Path, hint_of: Installed) -> None:
    """The plugin is beside Tasky, and nothing is taken from an index, where the name is a stranger's."""
    direct = {"url": checkout.as_uri(), "dir_info": {"editable": True} if editable else {}}
    hint = hint_of(direct=direct)
    plugin = str(checkout / "plugins" / "tasky-sqlite")
    assert command(hint) == [sys.executable, "-m", "pip", "install", plugin]
    assert f"'{plugin}'" in hint


def test_installed_from_a_checkout_with_pipx(checkout: Path, hint_of: Installed) -> None:
    """The tool is pipx's, the plugin the checkout's."""
    direct = {"url": checkout.as_uri(), "dir_info": {}}
    hint = hint_of(direct=direct, files=("pipx_metadata.json",))
    assert command(hint) == ["pipx", "inject", "tasky", str(checkout / "plugins" / "tasky-sqlite")]


def test_installed_from_a_checkout_as_a_uv_tool(checkout: Path, hint_of: Installed) -> None:
    """Tasky itself is named by its folder too."""
    direct = {"url": checkout.as_uri(), "dir_info": {}}
    hint = hint_of(direct=direct, files=("uv-receipt.toml",), others=("tasky-json",))
    plugin = str(checkout / "plugins" / "tasky-sqlite")
    assert command(hint) == ["uv", "tool", "install", str(checkout), "--with", plugin]


def test_installed_from_a_checkout_without_that_plugin(checkout: Path, hint_of: Installed) -> None:
    """Where the plugin is not, no command is made up, and no index is named."""
    hint = hint_of("json", direct={"url": checkout.as_uri(), "dir_info": {}})
    assert (
        hint == f"Tasky was installed from {checkout}; get tasky-json from the same place, and install that."
    )


def test_installed_from_a_local_wheel(tmp_path: Path, hint_of: Installed) -> None:
    """The plugin's wheel lies beside it."""
    dist = tmp_path / "dist"
    dist.mkdir()
    for name in ("tasky-1.0.0", "tasky_sqlite-1.0.0", "tasky_sqlite_extra-3.0.0"):
        (dist / f"{name}-py3-none-any.whl").touch()
    wheel = dist / "tasky-1.0.0-py3-none-any.whl"
    hint = hint_of(direct={"url": wheel.as_uri(), "archive_info": {}})
    assert command(hint)[-1] == str(dist / "tasky_sqlite-1.0.0-py3-none-any.whl")
    assert command(hint)[:-1] == [sys.executable, "-m", "pip", "install"]


def test_installed_from_a_local_wheel_that_lies_alone(tmp_path: Path, hint_of: Installed) -> None:
    """No index is named to somebody who did not use one."""
    wheel = tmp_path / "tasky-1.0.0-py3-none-any.whl"
    hint = hint_of(direct={"url": wheel.as_uri(), "archive_info": {}})
    assert hint.startswith(f"Tasky was installed from {wheel}; get tasky-sqlite from the same place")


REPOSITORY = {"vcs": "git", "commit_id": "4cf1f7b"}


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://example.org/tasky.git", "https://example.org/tasky.git"),
        ("ssh://git@example.org/tasky.git", "ssh://git@example.org/tasky.git"),
        ("https://me:hunter2@example.org/tasky.git", "https://example.org/tasky.git"),
    ],
)
def test_installed_from_a_repository(url: str, shown: str, hint_of: Installed) -> None:
    """The plugin comes from the same commit, and a password in the address is not repeated."""
    hint = hint_of(direct={"url": url, "vcs_info": REPOSITORY})
    assert command(hint)[-1] == f"git+{shown}@4cf1f7b#subdirectory=plugins/tasky-sqlite"


def test_installed_from_a_repository_as_a_uv_tool(hint_of: Installed) -> None:
    """Tasky itself is the repository's root."""
    direct = {"url": "https://example.org/tasky.git", "vcs_info": REPOSITORY}
    words = command(hint_of(direct=direct, files=("uv-receipt.toml",)))
    assert words[3] == "git+https://example.org/tasky.git@4cf1f7b"


def test_installed_from_an_archive_on_the_web(hint_of: Installed) -> None:
    """Where its plugins are cannot be known."""
    url = "https://example.org/tasky-1.0.0.tar.gz"
    hint = hint_of(direct={"url": url, "archive_info": {}})
    assert hint == f"Tasky was installed from {url}; get tasky-sqlite from the same place, and install that."


@pytest.mark.parametrize("direct", ["{not json", "[]", "{}", '{"url": 3}'])
def test_a_damaged_record_of_the_installation_is_none(direct: str, hint_of: Installed) -> None:
    """What the installer wrote about its source may be damaged; the error is still about the backend."""
    assert "tasky-sqlite" in hint_of(direct=direct)


def test_a_checkout_that_is_not_installed_is_a_checkout(
    checkout: Path, searching: Searching, tmp_path: Path
) -> None:
    """Tasky's code run from its source tree finds the plugins of that tree, whatever else is installed."""
    package = checkout / "src" / "tasky"
    package.mkdir(parents=True)
    with searching(tmp_path):
        hint = install_hint("sqlite", package=package, prefix=tmp_path)
    assert command(hint) == [
        sys.executable,
        "-m",
        "pip",
        "install",
        str(checkout / "plugins" / "tasky-sqlite"),
    ]


def test_a_tasky_without_metadata_is_taken_for_an_index_s(searching: Searching, tmp_path: Path) -> None:
    """Where nothing tells, the distribution is named."""
    with searching(tmp_path):
        hint = install_hint("sqlite", package=tmp_path / "lib" / "tasky", prefix=tmp_path)
    assert command(hint)[-1] == "tasky-sqlite"


def test_the_error_of_an_installed_tasky_ends_with_the_command(install: Install, tmp_path: Path) -> None:
    """Tasky's own code in a folder of its own, with nothing but what it depends on, asked for sqlite."""
    site, dependencies = tmp_path / "site", tmp_path / "dependencies"
    shutil.copytree(PACKAGE, site / "tasky", ignore=shutil.ignore_patterns("__pycache__"))
    install(site, "tasky", VERSION)
    dependencies.mkdir()
    for path in Path(importlib_metadata.__file__).parents[1].iterdir():
        if path.suffix not in (".pth", ".dist-info"):
            (dependencies / path.name).symlink_to(path)
    program = (
        f"import sys; sys.path[:0] = [{str(site)!r}, {str(dependencies)!r}]\n"
        "import tasky\n"
        "try: tasky.default_registry.load('sqlite')\n"
        "except tasky.BackendNotFoundError as error: print(error.hint)\n"
    )
    hint = subprocess.check_output([sys.executable, "-I", "-S", "-c", program], text=True)
    assert command(hint)[-3:] == ["pip", "install", "tasky-sqlite"]


def test_a_backend_of_others_has_no_command() -> None:
    """Where somebody else's backend comes from is not Tasky's to say."""
    assert install_hint("acme") == ""


def test_a_command_is_quoted_for_the_shell_of_the_system() -> None:
    """A folder with a space in its name arrives as one word."""
    words = ["python", "-m", "pip", "install", "my projects/tasky"]
    assert quoted(words, windows=False) == "python -m pip install 'my projects/tasky'"
    assert quoted(words, windows=True) == 'python -m pip install "my projects/tasky"'
