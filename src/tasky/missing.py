"""The store that a config names and that is not there: of a fresh clone, or lost.

Only `tasky init` makes it, as a store that is gone must never pass for an empty list.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from tasky.config import project_exists
from tasky.errors import ProjectExistsError, StoreMissingError
from tasky.project import CONFIG_PATH, Settings, load_settings, open_repository, user_settings

if TYPE_CHECKING:
    from tasky.registry import BackendRegistry

__all__ = ["make_project_store", "make_user_store"]


def make_project_store(
    root: Path,
    uri: str | None,
    registry: BackendRegistry,
    environ: Mapping[str, str],
    *,
    named: bool = False,
) -> Settings:
    """Make the missing store of the project in the directory ``root``, where its config says.

    ``uri`` is what the user typed, if anything; ``named`` as in ``Settings``. Raises ``ProjectExistsError``
    when the store is there, or ``uri`` is not the configured one, and what ``open_repository`` raises: the
    config needs the same approval as for opening the store.
    """
    own = {name: value for name, value in environ.items() if name not in ("TASKY_STORAGE", "TASKY_PROJECT")}
    settings = load_settings(root, own, project=root if named else None)
    if uri not in (None, settings.storage.value) or not _make(settings, registry, environ):
        raise project_exists(settings.root / CONFIG_PATH)
    return settings


def make_user_store(registry: BackendRegistry, environ: Mapping[str, str]) -> Settings:
    """Make the missing store that the user's own config names.

    Raises ``ConfigError`` when it names none, ``ProjectExistsError`` when the store is there, and what
    ``open_repository`` raises.
    """
    settings = user_settings(environ)
    if not _make(settings, registry, environ):
        raise ProjectExistsError(
            f"there is a store already at {settings.location}, which {settings.storage.source} names",
            hint="Use it as it is.",
        )
    return settings


def _make(settings: Settings, registry: BackendRegistry, environ: Mapping[str, str]) -> bool:
    """Whether it had to be made."""
    try:
        open_repository(settings, registry, environ).close()
    except StoreMissingError:
        open_repository(settings, registry, environ, create=True).close()
        return True
    return False
