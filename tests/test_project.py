"""A project is found, its settings are understood or refused, its store is opened only where it may be."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from tasky.config import user_config_dir
from tasky.errors import (
    BackendNotFoundError,
    ConfigError,
    InvalidLocationError,
    ProjectError,
    ProjectExistsError,
    ProjectNotFoundError,
    StorageUnavailableError,
    StoreMissingError,
    TaskyError,
    UntrustedLocationError,
)
from tasky.location import StorageLocation
from tasky.project import (
    CONFIG_PATH,
    Settings,
    approve,
    find_project,
    init_project,
    load_settings,
    open_repository,
)
from tasky.registry import BackendRegistry, uri_factory
from tasky.testing import MemoryTaskRepository
from tasky.testing.memory import MemoryStore

URI = "file://.tasky/tasks.db"


class FileRepository(MemoryTaskRepository):
    """The reference, with an empty file standing for its store."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self.closed = False

    def initialize(self, *, create: bool = True) -> None:
        if not self.path.exists():
            if not create:
                raise StoreMissingError(f"there is no store at {self.path}")
            if not self.path.parent.is_dir():
                raise StorageUnavailableError(f"there is no directory {self.path.parent}")
            self.path.touch()
        super().initialize(create=True)

    def close(self) -> None:
        self.closed = True
        super().close()


@pytest.fixture
def registry() -> BackendRegistry:
    @uri_factory
    def server(location: StorageLocation) -> MemoryTaskRepository:
        return MemoryTaskRepository(store)

    store = MemoryStore()
    registry = BackendRegistry()
    registry.register("file", FileRepository)
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


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def configure(root: Path, uri: str = URI, more: str = "") -> Path:
    return write(root / CONFIG_PATH, f"version = 1\n[storage]\nuri = '{uri}'\n{more}")


def configure_user(environ: dict[str, str], text: str) -> Path:
    return write(user_config_dir(environ) / "config.toml", "version = 1\n" + text)


# finding


def test_a_project_is_found_from_any_directory_below_it(root: Path) -> None:
    """A command works in every subdirectory of a project."""
    configure(root)
    (root / "a" / "b").mkdir(parents=True)
    assert find_project(root / "a" / "b") == find_project(root) == root


def test_the_nearest_of_nested_projects_wins(root: Path) -> None:
    """A project inside a project is its own."""
    configure(root)
    configure(root / "inner")
    assert find_project(root / "inner") == root / "inner"


def test_there_may_be_no_project(root: Path, environ: dict[str, str]) -> None:
    """Outside any project the error says how to start one."""
    assert find_project(root) is None
    with pytest.raises(ProjectNotFoundError) as caught:
        load_settings(root, environ)
    assert "tasky init" in caught.value.hint


def test_a_project_reached_through_a_symbolic_link_is_the_same_project(root: Path, tmp_path: Path) -> None:
    """However one gets there, a project has one path."""
    configure(root)
    (root / "sub").mkdir()
    link = tmp_path / "link"
    link.symlink_to(root / "sub")
    assert find_project(link) == root


def test_a_tasky_directory_without_a_config_is_not_passed_by(root: Path) -> None:
    """A project that lost its config is an error: the tasks must not end up in the project around it."""
    configure(root)
    (root / "inner" / ".tasky").mkdir(parents=True)
    with pytest.raises(ConfigError, match=r"config\.toml does not exist"):
        find_project(root / "inner")


@pytest.mark.parametrize("kind", ["file", "broken link", "config is a directory"])
def test_something_else_called_tasky_is_not_passed_by(root: Path, kind: str) -> None:
    """A `.tasky` that is no project is named, not ignored."""
    marker = root / ".tasky"
    if kind == "file":
        marker.touch()
    elif kind == "broken link":
        marker.symlink_to(root / "nowhere")
    else:
        (root / CONFIG_PATH).mkdir(parents=True)
    with pytest.raises(ConfigError, match=r"\.tasky is there, but"):
        find_project(root)


def test_a_config_that_cannot_be_looked_at_is_not_passed_by(root: Path) -> None:
    """What the system does not let through is named with its reason, and no project further up is taken."""
    (root / ".tasky").symlink_to(root / ".tasky")
    with pytest.raises(ConfigError, match=r"config\.toml cannot be read: Too many levels") as caught:
        find_project(root)
    assert "TASKY_PROJECT" in caught.value.hint


def test_a_project_can_be_named_by_a_flag_or_a_variable(root: Path, environ: dict[str, str]) -> None:
    """`TASKY_PROJECT` chooses a project from anywhere, and a flag comes before it; both may be relative."""
    configure(root / "one")
    configure(root / "two")
    environ["TASKY_PROJECT"] = "one"
    assert load_settings(root, environ).root == root / "one"
    settings = load_settings(root, environ, project=Path("two"))
    assert (settings.root, settings.project, settings.named) == (root / "two", root / "two", True)


def test_a_named_directory_without_a_project_is_an_error(root: Path, environ: dict[str, str]) -> None:
    """Naming a directory means that one, not a project above it."""
    configure(root)
    (root / "sub").mkdir()
    with pytest.raises(ProjectNotFoundError, match="which TASKY_PROJECT names"):
        load_settings(root, {**environ, "TASKY_PROJECT": "sub"})
    with pytest.raises(ProjectNotFoundError, match="which the flag names"):
        load_settings(root, environ, project=root / "sub")


# settings


def test_flag_then_variable_then_project_then_user(root: Path, environ: dict[str, str]) -> None:
    """The nearer to the command line a setting is, the more it counts."""
    user = configure_user(environ, "[storage]\nuri = 'file://mine.db'\n")
    settings = load_settings(root, environ)
    assert (settings.storage.value, settings.storage.source) == ("file://mine.db", str(user))
    assert (settings.root, settings.project) == (user.parent, None)
    config = configure(root)
    settings = load_settings(root, environ)
    assert (settings.storage.value, settings.storage.source) == (URI, str(config))
    assert settings.root == settings.project == root
    environ["TASKY_STORAGE"] = "file://variable.db"
    assert load_settings(root, environ).storage.source == "TASKY_STORAGE"
    settings = load_settings(root, environ, storage="file://flag.db")
    assert (settings.storage.value, settings.storage.source) == ("file://flag.db", "--storage flag")
    assert settings.root == root


def test_a_malformed_project_is_an_error_even_when_the_storage_is_given(
    root: Path, environ: dict[str, str]
) -> None:
    """What cannot be understood is never half obeyed."""
    write(root / CONFIG_PATH, "version =")
    with pytest.raises(ConfigError):
        load_settings(root, environ, storage="file:///x.db")


def test_the_projects_pins_come_before_the_users(root: Path, environ: dict[str, str]) -> None:
    """Which distribution provides a scheme is taken from both configs, the project's first."""
    configure_user(environ, "[backends]\na = 'user-a'\nb = 'user-b'\n")
    configure(root, more="[backends]\nb = 'project-b'\n")
    assert load_settings(root, environ).pins == {"a": "user-a", "b": "project-b"}


@pytest.mark.parametrize("name", ["TASKY_STORAGE", "TASKY_PROJECT", "TASKY_ACTOR"])
def test_a_variable_that_is_set_but_empty_is_an_error(root: Path, environ: dict[str, str], name: str) -> None:
    """A script whose variable came out empty does not fall back to another store."""
    configure(root)
    with pytest.raises(ConfigError, match=f"{name} is set, but empty"):
        load_settings(root, {**environ, name: " "})


def test_a_malformed_location_is_refused_without_repeating_it(root: Path, environ: dict[str, str]) -> None:
    """A bad location may hold a password, so the error does not show it."""
    with pytest.raises(InvalidLocationError) as caught:
        load_settings(root, environ, storage="server://u:canary#@h/db")
    assert "canary" not in str(caught.value)


def test_settings_show_no_password(root: Path, environ: dict[str, str]) -> None:
    """Printing the settings of a run tells no secret."""
    settings = load_settings(root, environ, storage="server://u:canary@h/db?key=canary")
    assert "canary" not in repr(settings)


def test_the_actor_is_taken_from_the_variable_then_the_user_then_the_login(
    root: Path, environ: dict[str, str]
) -> None:
    """Who writes is known without asking, and can be chosen."""
    configure(root)
    assert (actor := load_settings(root, environ).actor).value == "ann"
    assert actor.source == "USER"
    environ["USER"] = "two\nlines"
    environ["LOGNAME"] = "bob"
    assert load_settings(root, environ).actor.value == "bob"
    user = configure_user(environ, "actor = 'carol'\n")
    assert (actor := load_settings(root, environ).actor).value == "carol"
    assert actor.source == str(user)
    environ["TASKY_ACTOR"] = "dave"
    assert (actor := load_settings(root, environ).actor).value == "dave"
    assert actor.source == "TASKY_ACTOR"
    with pytest.raises(ConfigError, match="TASKY_ACTOR: it is one line"):
        load_settings(root, {**environ, "TASKY_ACTOR": "a\nb"})


def test_without_a_login_in_the_environment_the_system_knows_it(
    root: Path, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cron job without USER still has an actor, and a container without an account has one, too."""
    pwd = pytest.importorskip("pwd", reason="Windows has no user database")
    configure(root)
    del environ["USER"]
    assert load_settings(root, environ).actor.value == pwd.getpwuid(os.getuid()).pw_name
    monkeypatch.setattr(os, "getuid", lambda: 987_654)
    actor = load_settings(root, environ).actor
    assert (actor.value, actor.source) == ("unknown", "default")


# opening


def test_a_missing_store_is_an_error_and_nothing_is_created(
    root: Path, environ: dict[str, str], registry: BackendRegistry
) -> None:
    """A project whose store is gone never becomes an empty list."""
    configure(root)
    with pytest.raises(StoreMissingError):
        open_repository(load_settings(root, environ), registry, environ)
    assert [path.name for path in (root / ".tasky").iterdir()] == ["config.toml"]


@pytest.mark.parametrize(
    ("named_by", "next_step"),
    [
        ("project", "run `tasky init` in {root}."),
        ("user", "Correct {user}, or make an empty one: run `tasky init --user`."),
        ("flag", "run `tasky init --storage` with its location in a directory that has none."),
    ],
)
def test_a_missing_store_says_how_to_make_it(
    root: Path, environ: dict[str, str], registry: BackendRegistry, named_by: str, next_step: str
) -> None:
    """What to do depends on who named the place: the project's config, the user's own, or a flag."""
    user = user_config_dir(environ) / "config.toml"
    storage = f"file://{root}/flag.db" if named_by == "flag" else None
    if named_by == "project":
        configure(root)
    elif named_by == "user":
        configure_user(environ, "[storage]\nuri = 'file://mine.db'\n")
    with pytest.raises(StoreMissingError) as caught:
        open_repository(load_settings(root, environ, storage=storage), registry, environ)
    assert caught.value.hint.endswith(next_step.format(root=root, user=user))


def test_a_repository_that_cannot_be_initialized_is_closed(
    root: Path, environ: dict[str, str], registry: BackendRegistry
) -> None:
    """A failure to open leaves no connection behind."""
    made: list[FileRepository] = []

    def factory(path: Path) -> FileRepository:
        made.append(FileRepository(path))
        return made[0]

    configure(root)
    with registry.override("file", factory), pytest.raises(StoreMissingError):
        open_repository(load_settings(root, environ), registry, environ)
    assert made[0].closed


def test_a_personal_store_lies_in_the_users_config_directory(
    root: Path, environ: dict[str, str], registry: BackendRegistry
) -> None:
    """Outside any project, the user's own config may name a store, relative to where it lies itself."""
    user = configure_user(environ, "[storage]\nuri = 'file://mine.db'\n")
    open_repository(load_settings(root, environ), registry, environ, create=True).close()
    assert (user.parent / "mine.db").exists()


@pytest.mark.parametrize("how", ["flag", "variable"])
def test_a_relative_location_outside_any_project_is_refused(
    root: Path, environ: dict[str, str], registry: BackendRegistry, how: str
) -> None:
    """A relative location never means the current directory."""
    storage = "file://tasks.db" if how == "flag" else None
    if how == "variable":
        environ["TASKY_STORAGE"] = "file://tasks.db"
    with pytest.raises(ProjectNotFoundError, match="relative to a project"):
        open_repository(load_settings(root, environ, storage=storage), registry, environ, create=True)
    assert list(root.iterdir()) == []


def test_an_absolute_location_works_outside_any_project(
    root: Path, environ: dict[str, str], registry: BackendRegistry
) -> None:
    """A store can be used by its full path, also one that a variable holds."""
    for uri in (f"file://{root}/a.db", "file://${HERE}/b.db", "server://host/db"):
        settings = load_settings(root, environ, storage=uri)
        open_repository(settings, registry, {**environ, "HERE": str(root)}, create=True).close()
    assert sorted(path.name for path in root.iterdir()) == ["a.db", "b.db"]


# trust


OUTSIDE = [
    "file:///{outside}/tasks.db",
    "file://../outside/tasks.db",
    "file://sub/../../outside/tasks.db",
    "file://link/tasks.db",
    "file://${{SOMEWHERE}}/tasks.db",
    "server://host/db",
]


@pytest.fixture
def outside(root: Path) -> Path:
    outside = root.parent / "outside"
    outside.mkdir()
    (root / "link").symlink_to(outside)
    (root / "sub").mkdir()
    return outside


@pytest.mark.parametrize("uri", OUTSIDE)
def test_a_config_cannot_send_tasky_out_of_its_project(
    root: Path, outside: Path, environ: dict[str, str], registry: BackendRegistry, uri: str
) -> None:
    """A config from somebody else's checkout reaches nothing outside until the user has approved it, once."""
    environ["SOMEWHERE"] = str(outside)
    configure(root, uri.format(outside=str(outside).lstrip("/")))
    settings = load_settings(root, environ)
    with pytest.raises(UntrustedLocationError) as caught:
        open_repository(settings, registry, environ, create=True)
    assert "tasky project approve" in caught.value.hint
    assert list(outside.iterdir()) == []
    approve(settings, environ)
    open_repository(load_settings(root, environ), registry, environ, create=True).close()


def test_where_a_link_leads_to_is_named(
    root: Path, outside: Path, environ: dict[str, str], registry: BackendRegistry
) -> None:
    """Who has to approve a location sees the file that it comes to, also when it looks like the project's."""
    configure(root, "file://link/tasks.db")
    with pytest.raises(UntrustedLocationError, match=f"is {outside}/tasks.db, outside the project"):
        open_repository(load_settings(root, environ), registry, environ)


def test_an_approval_is_for_one_project_and_one_location(
    root: Path, outside: Path, environ: dict[str, str], registry: BackendRegistry
) -> None:
    """A config that changes, and a copy of it in another project, have to be approved again."""
    configure(root, "server://host/one")
    approve(load_settings(root, environ), environ)
    configure(root, "server://host/two")
    with pytest.raises(UntrustedLocationError):
        open_repository(load_settings(root, environ), registry, environ)
    configure(outside, "server://host/one")
    with pytest.raises(UntrustedLocationError):
        open_repository(load_settings(outside, environ), registry, environ)


@pytest.mark.parametrize("uri", OUTSIDE)
def test_what_the_user_chose_needs_no_approval(
    root: Path, outside: Path, environ: dict[str, str], registry: BackendRegistry, uri: str
) -> None:
    """A flag and a variable are the user's own word, and nothing is recorded for them."""
    environ["SOMEWHERE"] = str(outside)
    configure(root)
    uri = uri.format(outside=str(outside).lstrip("/"))
    flag = load_settings(root, environ, storage=uri)
    variable = load_settings(root, {**environ, "TASKY_STORAGE": uri})
    for settings in (flag, variable):
        open_repository(settings, registry, environ, create=True).close()
        approve(settings, environ)
    assert not user_config_dir(environ).exists()


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give files away")
def test_a_project_of_another_user_is_not_used_unless_it_is_named(
    root: Path, environ: dict[str, str], registry: BackendRegistry
) -> None:
    """A project that somebody else put above the current directory does not get this user's tasks."""
    configure(root)
    os.chown(root / ".tasky", 12345, -1)
    with pytest.raises(UntrustedLocationError, match="belongs to another user"):
        open_repository(load_settings(root, environ), registry, environ, create=True)
    named = load_settings(root, environ, project=root)
    open_repository(named, registry, environ, create=True).close()
    approve(load_settings(root, environ), environ)
    open_repository(load_settings(root, environ), registry, environ).close()


# starting


def test_a_new_project_has_a_store_and_a_config_that_finds_it(
    root: Path, environ: dict[str, str], registry: BackendRegistry
) -> None:
    """After init, the project is found and its store opens; both ways know the same."""
    made = init_project(root, URI, registry, environ)
    loaded = load_settings(root, environ)
    assert made == loaded
    open_repository(loaded, registry, environ).close()
    assert sorted(path.name for path in (root / ".tasky").iterdir()) == ["config.toml", "tasks.db"]


@pytest.mark.parametrize("uri", OUTSIDE)
def test_init_approves_what_the_user_typed(
    root: Path, outside: Path, environ: dict[str, str], registry: BackendRegistry, uri: str
) -> None:
    """Whoever starts a project with a store elsewhere is not asked about it again."""
    environ["SOMEWHERE"] = str(outside)
    init_project(root, uri.format(outside=str(outside).lstrip("/")), registry, environ)
    open_repository(load_settings(root, environ), registry, environ).close()


def test_an_existing_project_is_left_untouched(
    root: Path, environ: dict[str, str], registry: BackendRegistry
) -> None:
    """Starting a project where there is one changes nothing."""
    before = configure(root, more="# mine\n").read_bytes()
    with pytest.raises(ProjectExistsError):
        init_project(root, "file://other.db", registry, environ)
    assert (root / CONFIG_PATH).read_bytes() == before
    assert not (root / "other.db").exists()


@pytest.mark.parametrize(
    ("uri", "error"),
    [
        ("file://nowhere/tasks.db", StorageUnavailableError),
        ("nosuchbackend://x", BackendNotFoundError),
        ("no location", InvalidLocationError),
        ("server://user:canary@host/db", ConfigError),
        ("server://host/db?password=canary", ConfigError),
        ("file://.tasky/\udcff.db", TaskyError),
    ],
)
def test_a_start_that_fails_leaves_nothing_behind(
    root: Path, environ: dict[str, str], registry: BackendRegistry, uri: str, error: type[TaskyError]
) -> None:
    """After a failed init the directory is as it was, or holds nothing but the new store."""
    with pytest.raises(error) as caught:
        init_project(root, uri, registry, environ)
    assert "canary" not in f"{caught.value} {caught.value.hint}"
    assert not (root / CONFIG_PATH).exists()
    left = [path.name for path in root.rglob("*")]
    assert left == ([".tasky", "\udcff.db"] if "\udcff" in uri else [])


def test_a_directory_of_the_users_own_survives_a_failed_start(
    root: Path, environ: dict[str, str], registry: BackendRegistry
) -> None:
    """Init removes only what it made itself."""
    (root / ".tasky").mkdir()
    with pytest.raises(StorageUnavailableError):
        init_project(root, "file://nowhere/tasks.db", registry, environ)
    assert (root / ".tasky").is_dir()


def test_a_project_can_be_started_where_one_was_broken_off(
    root: Path, environ: dict[str, str], registry: BackendRegistry
) -> None:
    """A store that a broken off init left is taken as it is."""
    (root / ".tasky").mkdir()
    (root / ".tasky" / "tasks.db").touch()
    init_project(root, URI, registry, environ)
    assert find_project(root) == root


def test_a_file_in_the_way_is_named(root: Path, environ: dict[str, str], registry: BackendRegistry) -> None:
    """A file called `.tasky` and a directory that is not there are told apart from other failures."""
    (root / ".tasky").touch()
    with pytest.raises(ConfigError, match="is not a directory"):
        init_project(root, URI, registry, environ)
    with pytest.raises(ProjectError, match="cannot be made"):
        init_project(root / "missing", URI, registry, environ)


def test_two_starts_at_once_make_one_project(
    root: Path, environ: dict[str, str], registry: BackendRegistry
) -> None:
    """Of several that start a project at the same moment one succeeds, and the others are told."""
    barrier = threading.Barrier(8)
    results: list[Settings | TaskyError] = []

    def start() -> None:
        barrier.wait()
        try:
            results.append(init_project(root, URI, registry, environ))
        except TaskyError as error:
            results.append(error)

    threads = [threading.Thread(target=start) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    kinds = sorted(type(result).__name__ for result in results)
    assert kinds == ["ProjectExistsError"] * 7 + ["Settings"]
    assert sorted(path.name for path in (root / ".tasky").iterdir()) == ["config.toml", "tasks.db"]
