"""How to install one of the project's own backends, exactly as this Tasky was installed.

Somebody who installed from a checkout, a repository or a local wheel is never sent to an index: another
package has Tasky's name there.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final, TypeAlias
from urllib.parse import urlsplit, urlunsplit
from urllib.request import url2pathname

import importlib_metadata

__all__ = ["OWN_BACKENDS", "install_hint", "quoted"]

OWN_BACKENDS: Final = {
    "sqlite": "tasky-sqlite",
    "json": "tasky-json",
    "postgresql": "tasky-postgres",
    "postgres": "tasky-postgres",
}

Locate: TypeAlias = Callable[[str], "str | None"]


def install_hint(
    scheme: str, others: Iterable[str] = (), *, package: Path | None = None, prefix: Path | None = None
) -> str:
    """What to run to get the backend; empty when ``scheme`` is none of the project's own.

    ``others`` are the distributions that provide a backend now: installing a uv tool again drops whatever is
    not named again. ``package`` is the folder of Tasky's code and ``prefix`` the environment's; the default
    is what is running.
    """
    plugin = OWN_BACKENDS.get(scheme)
    if plugin is None:
        return ""
    installer, origin, locate = _origin(package or Path(__file__).parent)
    requirement = locate(plugin)
    if requirement is None:
        return f"Tasky was installed from {origin}; get {plugin} from the same place, and install that."
    prefix = prefix or Path(sys.prefix)
    if (prefix / "pipx_metadata.json").is_file():
        command = ["pipx", "inject", prefix.name, requirement]
    elif (prefix / "uv-receipt.toml").is_file():
        kept = [locate(name) for name in others if name in OWN_BACKENDS.values()]
        command = ["uv", "tool", "install", locate("tasky") or "tasky"]
        for name in sorted({requirement, *filter(None, kept)}):
            command += ["--with", name]
    elif installer == "uv":
        command = ["uv", "pip", "install", "--python", sys.executable, requirement]
    else:
        command = [sys.executable, "-m", "pip", "install", requirement]
    return f"Install it: {quoted(command)}"


def quoted(command: list[str], *, windows: bool = os.name == "nt") -> str:
    """One line that the user's shell reads as ``command``."""
    return subprocess.list2cmdline(command) if windows else shlex.join(command)


def _origin(package: Path) -> tuple[str, str, Locate]:
    """The installer, where the running Tasky came from, and how to name a distribution from there."""
    installer = ""
    direct: Any = {}
    try:
        distribution = importlib_metadata.distribution("tasky")
        installer = (distribution.read_text("INSTALLER") or "").strip()
        direct = json.loads(distribution.read_text("direct_url.json") or "{}")
    except (importlib_metadata.PackageNotFoundError, ValueError):
        pass  # not installed at all, or damaged: the place of this file tells what there is to tell
    tree = package.resolve().parents[1]
    if package.parent.name == "src" and (tree / "plugins").is_dir():
        return installer, str(tree), _in_checkout(tree)
    url = str(direct.get("url", "")) if isinstance(direct, dict) else ""
    if not url:
        return installer, "an index", lambda name: name
    parts = urlsplit(url)
    if parts.scheme == "file":
        path = Path(url2pathname(parts.path))
        return installer, str(path), _in_checkout(path) if "dir_info" in direct else _beside(path)
    user, at, host = parts.netloc.rpartition("@")
    shown = urlunsplit(parts._replace(netloc=host if ":" in user else user + at + host))
    if "vcs_info" in direct:
        return installer, shown, _in_repository(shown, direct["vcs_info"])
    return installer, shown, lambda name: None


def _in_checkout(root: Path) -> Locate:
    def locate(name: str) -> str | None:
        folder = root if name == "tasky" else root / "plugins" / name
        return str(folder) if (folder / "pyproject.toml").is_file() else None

    return locate


def _beside(wheel: Path) -> Locate:
    def locate(name: str) -> str | None:
        found = sorted(wheel.parent.glob(f"{name.replace('-', '_')}-[0-9]*.whl"))
        return str(found[-1]) if found else None

    return locate


def _in_repository(url: str, info: dict[str, Any]) -> Locate:
    pinned = f"{info.get('vcs', 'git')}+{url}@{info.get('commit_id', 'HEAD')}"

    def locate(name: str) -> str | None:
        return pinned if name == "tasky" else f"{pinned}#subdirectory=plugins/{name}"

    return locate
