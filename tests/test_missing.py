"""A store that is missing is made where the config says, on request alone, and never a second one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tasky.config import user_config_dir
from tasky.errors import ConfigError, ProjectExistsError, StoreMissingError, UntrustedLocationError
from tasky.location import StorageLocation
from tasky.missing import make_project_store, make_user_store
from tasky.project import CONFIG_PATH, approve, load_settings, open_repository
from tasky.registry import BackendRegistry, uri_factory
from tasky.testing import MemoryTaskRepository
from tasky.testing.memory import MemoryStore

URI = "file://.tasky/tasks.db"


@pytest.fixture
def stores() -> dict[Path | str, MemoryStore]:
    """The store at each place that was opened; one that nobody has made has no state."""
    return {}


@pytest.fixture
def registry(stores: dict[Path | str, MemoryStore]) -> BackendRegistry:
    @uri_factory
    def server(location: StorageLocation) -> MemoryTaskRepository:
        return MemoryTaskRepository(stores.setdefault(str(location), MemoryStore()))

    def file(path: Path) -> MemoryTaskRepository:
        return MemoryTaskRepository(stores.setdefault(path, MemoryStore()))

    registry = BackendRegistry()
    registry.register("file", file)
    registry.register("server", server)
    return registry


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {"HOME": str(tmp_path / "home"), "XDG_CONFIG_HOME": str(tmp_path / "user"), "USER": "ann"}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path.resolve() / "project"
    root.mkdir()
    return root


def configure(root: Path, uri: str = URI) -> Path:
    path = root / CONFIG_PATH
    path.parent.mkdir(parents=True)
    path.write_text(f"version = 1\n[storage]\nuri = '{uri}'\n", encoding="utf-8")
    return path


def configure_user(environ: dict[str, str], text: str) -> Path:
    path = user_config_dir(environ) / "config.toml"
    path.parent.mkdir(parents=True)
    path.write_text("version = 1\n" + text, encoding="utf-8")
    return path


def made(stores: dict[Path | str, MemoryStore]) -> list[Path | str]:
    """The places where there is a store."""
    return [place for place, store in stores.items() if store.state is not None]


# of a project


@pytest.mark.parametrize("typed", [None, URI])
def test_the_store_is_made_where_the_config_says(
    root: Path,
    environ: dict[str, str],
    registry: BackendRegistry,
    stores: dict[Path | str, MemoryStore],
    typed: str | None,
) -> None:
    """A fresh clone gets its store, also from someone who repeats the location; then the project opens."""
    config = configure(root).read_bytes()
    with pytest.raises(StoreMissingError):
        open_repository(load_settings(root, environ), registry, environ)
    settings = make_project_store(root, typed, registry, environ)
    assert (settings.root, settings.storage.value) == (root, URI)
    assert made(stores) == [root / ".tasky" / "tasks.db"]
    open_repository(load_settings(root, environ), registry, environ).close()
    assert (root / CONFIG_PATH).read_bytes() == config


def test_a_store_that_is_there_is_left_alone(
    root: Path, environ: dict[str, str], registry: BackendRegistry
) -> None:
    """Where nothing is missing, the project exists already."""
    config = configure(root)
    make_project_store(root, None, registry, environ)
    for typed in (None, URI):
        with pytest.raises(ProjectExistsError, match=f"{config} exists"):
            make_project_store(root, typed, registry, environ)


def test_a_project_gets_no_store_at_another_place(
    root: Path, environ: dict[str, str], registry: BackendRegistry, stores: dict[Path | str, MemoryStore]
) -> None:
    """A location that is not the configured one makes neither the one nor the other."""
    config = configure(root).read_bytes()
    with pytest.raises(ProjectExistsError):
        make_project_store(root, "file://other.db", registry, environ)
    assert made(stores) == []
    assert (root / CONFIG_PATH).read_bytes() == config


def test_variables_do_not_send_the_new_store_elsewhere(
    root: Path, environ: dict[str, str], registry: BackendRegistry, stores: dict[Path | str, MemoryStore]
) -> None:
    """The store is the one of the project here, whatever project or storage a variable names."""
    configure(root)
    configure(root / "other", "file://other.db")
    environ |= {"TASKY_PROJECT": str(root / "other"), "TASKY_STORAGE": "file://third.db"}
    make_project_store(root, None, registry, environ)
    assert made(stores) == [root / ".tasky" / "tasks.db"]


@pytest.mark.parametrize("uri", ["file://../outside.db", "file://${PLACE}/tasks.db", "server://host/db"])
def test_a_config_makes_no_store_where_it_may_not_lead(
    root: Path,
    environ: dict[str, str],
    registry: BackendRegistry,
    stores: dict[Path | str, MemoryStore],
    uri: str,
) -> None:
    """A place outside the project, which somebody else chose, is made after an approval and not before."""
    environ["PLACE"] = str(root)
    configure(root, uri)
    for typed in (None, uri):
        with pytest.raises(UntrustedLocationError):
            make_project_store(root, typed, registry, environ)
    assert made(stores) == []
    approve(load_settings(root, environ), environ)
    make_project_store(root, None, registry, environ)
    assert len(made(stores)) == 1


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give files away")
def test_a_project_of_another_user_gets_a_store_where_it_is_named(
    root: Path, environ: dict[str, str], registry: BackendRegistry, stores: dict[Path | str, MemoryStore]
) -> None:
    """In somebody else's project nothing is made unless the user named its directory."""
    configure(root)
    os.chown(root / ".tasky", 12345, -1)
    with pytest.raises(UntrustedLocationError, match="belongs to another user"):
        make_project_store(root, None, registry, environ)
    assert made(stores) == []
    assert make_project_store(root, None, registry, environ, named=True).named
    assert made(stores) == [root / ".tasky" / "tasks.db"]


# of the user


def test_the_users_own_store_is_made_where_their_config_says(
    root: Path, environ: dict[str, str], registry: BackendRegistry, stores: dict[Path | str, MemoryStore]
) -> None:
    """A relative location is taken from the config itself; outside any project the store opens then."""
    user = configure_user(environ, "[storage]\nuri = 'file://mine.db'\n")
    settings = make_user_store(registry, environ)
    assert (settings.root, settings.project) == (user.parent, None)
    assert made(stores) == [user.parent / "mine.db"]
    open_repository(load_settings(root, environ), registry, environ).close()


def test_the_users_own_store_is_theirs_also_inside_a_project(
    root: Path, environ: dict[str, str], registry: BackendRegistry, stores: dict[Path | str, MemoryStore]
) -> None:
    """Neither a project nor a variable has a say in it, and no approval is needed for a server."""
    configure_user(environ, "[storage]\nuri = 'server://host/mine'\n")
    configure(root)
    environ |= {"TASKY_PROJECT": str(root), "TASKY_STORAGE": "file://third.db"}
    make_user_store(registry, environ)
    assert made(stores) == ["server://host/mine"]


def test_a_users_own_store_that_is_there_is_left_alone(
    environ: dict[str, str], registry: BackendRegistry
) -> None:
    """The error says where the store is and who says so, and shows no password."""
    user = configure_user(environ, "[storage]\nuri = 'server://me:canary@host/mine?key=canary'\n")
    make_user_store(registry, environ)
    with pytest.raises(ProjectExistsError) as caught:
        make_user_store(registry, environ)
    assert str(caught.value) == f"there is a store already at server://host/mine, which {user} names"
    assert caught.value.hint == "Use it as it is."


@pytest.mark.parametrize("text", [None, "actor = 'carol'\n"], ids=["no config", "no storage"])
def test_a_user_whose_config_names_no_store_gets_none(
    environ: dict[str, str],
    registry: BackendRegistry,
    stores: dict[Path | str, MemoryStore],
    text: str | None,
) -> None:
    """Without a location of their own there is nothing to make; the hint says what to write where."""
    if text is not None:
        configure_user(environ, text)
    with pytest.raises(ConfigError, match=r"config\.toml names no storage") as caught:
        make_user_store(registry, environ)
    assert "[storage]" in caught.value.hint
    assert stores == {}
