"""``tasky init``."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import CommandLine, Process


def test_init_says_what_was_made_and_where(bare_cli: CommandLine) -> None:
    """The project, its config and its store are named, and the next command works."""
    result = bare_cli("init", "--storage", "memory://tasks")
    assert result.out == (
        f"project: {bare_cli.cwd}\nconfig: {bare_cli.cwd}/.tasky/config.toml\nstorage: memory://tasks\n"
    )
    assert (bare_cli.cwd / ".tasky/config.toml").is_file()
    assert bare_cli("list").out == ""


def test_init_in_json(bare_cli: CommandLine) -> None:
    """--json has the same three facts in the envelope."""
    document = bare_cli("--json", "init", "--storage", "memory://tasks").document
    assert document["kind"] == "project"
    assert document["items"] == [
        {
            "project": str(bare_cli.cwd),
            "config": f"{bare_cli.cwd}/.tasky/config.toml",
            "storage": "memory://tasks",
        }
    ]


def test_project_init_is_the_same_command(bare_cli: CommandLine) -> None:
    """`tasky project init --storage URI` makes the same project."""
    assert "storage: memory://tasks" in bare_cli("project", "init", "--storage", "memory://tasks").lines
    assert bare_cli("list").out == ""


def test_the_variable_names_the_store_where_no_flag_does(bare_cli: CommandLine) -> None:
    """TASKY_STORAGE is as good as --storage, and the flag comes first."""
    bare_cli.environ["TASKY_STORAGE"] = "memory://variable"
    assert "storage: memory://flag" in bare_cli("init", "--storage", "memory://flag").lines
    (bare_cli.cwd / ".tasky/config.toml").unlink()
    (bare_cli.cwd / ".tasky").rmdir()
    assert "storage: memory://variable" in bare_cli("init").lines


def test_a_second_project_in_the_same_place_is_refused(cli: CommandLine) -> None:
    """An existing project is left as it is."""
    config = (cli.cwd / ".tasky/config.toml").read_bytes()
    assert "already" in cli("init", "--storage", "memory://other", code=5).err
    assert (cli.cwd / ".tasky/config.toml").read_bytes() == config


def test_an_unknown_backend_makes_no_project(bare_cli: CommandLine) -> None:
    """A backend that is not installed is an error, and nothing is left behind."""
    bare_cli("init", "--storage", "nosuch://tasks", code=6)
    assert list(bare_cli.cwd.iterdir()) == []


def test_a_fresh_clone_gets_the_store_that_its_config_names(cli: CommandLine) -> None:
    """Where a project is and its store is not, every command says so, and `tasky init` makes an empty one."""
    cli.stores.clear()
    error = cli("list", code=7).err
    assert f"run `tasky init` in {cli.cwd}" in error
    config = (cli.cwd / ".tasky/config.toml").read_bytes()
    result = cli("init")
    assert result.lines == [
        f"project: {cli.cwd}",
        f"config: {cli.cwd}/.tasky/config.toml",
        "storage: memory://tasks",
    ]
    assert result.err == "The project was there, and its store was missing: an empty one was made.\n"
    assert cli("list").out == ""
    assert (cli.cwd / ".tasky/config.toml").read_bytes() == config
    assert "already" in cli("init", code=5).err


@pytest.mark.parametrize("argv", [["init"], ["project", "init"], ["init", "--storage", "memory://tasks"]])
def test_a_fresh_clone_in_json(cli: CommandLine, argv: list[str]) -> None:
    """--json has the facts of a new project, and nothing on stderr; the location may be repeated."""
    cli.stores.clear()
    result = cli(*argv, "--json")
    assert (result.document["kind"], result.err) == ("project", "")
    assert result.items[0]["storage"] == "memory://tasks"


@pytest.mark.parametrize("how", ["flag", "variable"])
def test_a_fresh_clone_gets_no_store_at_another_place(cli: CommandLine, how: str) -> None:
    """A location that is not the one in the config is refused, and nothing is made."""
    cli.stores.clear()
    if how == "variable":
        cli.environ["TASKY_STORAGE"] = "memory://other"
    flag = ["--storage", "memory://other"] if how == "flag" else []
    assert "already" in cli("init", *flag, code=5).err
    assert [path for path, store in cli.stores.items() if store.state is not None] == []


@pytest.mark.parametrize("storage", ["sqlite://.tasky/tasks.db", "json://.tasky/tasks.json"])
def test_a_clone_without_the_store_works_after_init(process: Process, storage: str) -> None:
    """A project whose store is not committed starts anew in a clone, with the real backends."""
    process("init", "--storage", storage)
    process("add", "Buy milk")
    for file in (process.cwd / ".tasky").iterdir():
        if file.name != "config.toml":
            file.unlink()
    assert "tasky init" in process("list", code=7).err
    process("init")
    assert process("list").out == ""
    process("add", "Buy bread")
    assert len(process("list").lines) == 1


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give files away")
def test_a_clone_of_another_user_gets_a_store_where_it_is_named(cli: CommandLine) -> None:
    """In somebody else's project nothing is made, unless -C names its directory."""
    os.chown(cli.cwd / ".tasky", 12345, -1)
    cli.stores.clear()
    assert "belongs to another user" in cli("init", code=5).err
    assert "storage: memory://tasks" in cli("-C", str(cli.cwd), "init").lines


@pytest.fixture
def own_config(bare_cli: CommandLine) -> Path:
    """The user's own config, which names a store."""
    config = Path(bare_cli.environ["XDG_CONFIG_HOME"], "tasky/config.toml")
    config.parent.mkdir(parents=True)
    config.write_text('version = 1\n[storage]\nuri = "memory://mine"\n', encoding="utf-8")
    return config


def test_the_users_own_store_is_made_on_request(bare_cli: CommandLine, own_config: Path) -> None:
    """`tasky init --user` makes the store that the user's own config names, for use outside any project."""
    error = bare_cli("list", code=7).err
    assert "tasky init --user" in error
    result = bare_cli("init", "--user")
    assert result.out == f"project: -\nconfig: {own_config}\nstorage: memory://mine\n"
    bare_cli("add", "Buy milk")
    assert len(bare_cli("list").lines) == 1
    assert list(bare_cli.cwd.iterdir()) == []
    assert "there is a store already at memory://mine" in bare_cli("init", "--user", code=5).err
    assert len(bare_cli("list").lines) == 1


def test_the_users_own_store_in_json(bare_cli: CommandLine, own_config: Path) -> None:
    """--json has the same three facts in the envelope, and no project."""
    document = bare_cli("init", "--user", "--json").document
    assert document["kind"] == "project"
    assert document["items"] == [{"project": None, "config": str(own_config), "storage": "memory://mine"}]


def test_the_users_own_store_is_where_their_config_says(bare_cli: CommandLine, own_config: Path) -> None:
    """--user together with --storage is a usage error, and makes nothing."""
    error = bare_cli("init", "--user", "--storage", "memory://other", code=2).err
    assert "leave out --storage" in error
    assert bare_cli.stores == {}


def test_a_user_without_a_store_of_their_own_is_told_how_to_name_one(bare_cli: CommandLine) -> None:
    """--user where the user's own config names no storage is an error that says what to write where."""
    error = bare_cli("init", "--user", code=5).err
    assert "tasky/config.toml names no storage" in error
    assert "[storage]" in error


@pytest.fixture
def with_backends(process: Process, tmp_path: Path, install: Callable[..., Path]) -> Callable[..., Process]:
    """Call it with the names of the backends that are to be installed, and no others."""

    def prepared(*names: str) -> Process:
        process.site = tmp_path / "site"
        process.site.mkdir()
        code = (
            "from tasky.testing import MemoryTaskRepository\ndef make(path): return MemoryTaskRepository()\n"
        )
        kinds = {
            "server": f"import tasky\n{code}\nmake = tasky.uri_factory(make)\n",
            "broken": "import nowhere_at_all\n",
        }
        for name in names:
            module = f"for_{name}"
            install(
                process.site,
                module,
                entry_points={name: f"{module}:make"},
                modules={f"{module}.py": kinds.get(name, code)},
            )
        return process

    return prepared


@pytest.mark.parametrize(
    ("backends", "location"),
    [
        (["json", "other", "sqlite"], "sqlite://.tasky/tasks.db"),
        (["sqlite"], "sqlite://.tasky/tasks.db"),
        (["json"], "json://.tasky/tasks.json"),
        (["other"], "other://.tasky/tasks.other"),
    ],
)
def test_sqlite_or_else_the_only_backend_is_taken(
    with_backends: Callable[..., Process], backends: list[str], location: str
) -> None:
    """Without --storage: sqlite where it is installed, otherwise the one that is."""
    assert f"storage: {location}" in with_backends(*backends)("init").lines


def test_a_file_in_the_project_is_for_a_backend_that_keeps_one(
    with_backends: Callable[..., Process],
) -> None:
    """A backend on a server is not offered a file."""
    assert "storage: json://.tasky/tasks.json" in with_backends("json", "server")("init").lines


def test_a_server_has_to_be_named(with_backends: Callable[..., Process]) -> None:
    """With nothing but backends on servers, the error says how to name a place, and nothing is made."""
    process = with_backends("server")
    assert "--storage server://HOST/NAME" in process("init", code=2).err
    assert list(process.cwd.iterdir()) == []


def test_a_backend_that_cannot_be_loaded_is_named_when_it_is_chosen(
    with_backends: Callable[..., Process],
) -> None:
    """It is no reason to take another one without a word."""
    process = with_backends("broken", "json")
    assert "--storage broken://" in process("init", code=2).err
    assert "nowhere_at_all" in process("init", "--storage", "broken://x", code=6).err


def test_where_nobody_can_choose_the_backends_are_listed(with_backends: Callable[..., Process]) -> None:
    """Several backends and no terminal: an error that shows how to name each, and nothing is made."""
    process = with_backends("json", "other")
    error = process("init", code=2).err
    assert "--storage json://.tasky/tasks.json" in error
    assert "--storage other://.tasky/tasks.other" in error
    assert list(process.cwd.iterdir()) == []


def test_a_person_is_asked_which_backend_to_take(with_backends: Callable[..., Process]) -> None:
    """Several backends at a terminal: a question, whose answer is taken."""
    result = with_backends("json", "other").on_terminal("--color", "never", "init", typed="other\n")
    assert "Which backend keeps the tasks: json, other?" in result.out
    assert "storage: other://.tasky/tasks.other" in result.lines


def test_an_answer_that_names_a_server_says_how_to_name_its_place(
    with_backends: Callable[..., Process],
) -> None:
    """A backend that is installed and keeps no file is not called unknown."""
    process = with_backends("json", "other", "server")
    assert "--storage server://HOST/NAME" in process.on_terminal("init", typed="server\n", code=2).out
    assert list(process.cwd.iterdir()) == []


def test_an_answer_that_names_no_backend_makes_nothing(with_backends: Callable[..., Process]) -> None:
    """A mistyped answer is an error with the nearest name; no answer is one, too."""
    process = with_backends("json", "other")
    assert "Did you mean 'json'?" in process.on_terminal("init", typed="jsno\n", code=2).out
    process.on_terminal("init", typed="\x04", code=2)
    assert list(process.cwd.iterdir()) == []


def test_without_any_backend_the_error_says_what_to_install(with_backends: Callable[..., Process]) -> None:
    """Tasky alone: exit code 6, and the command that installs the backend for SQLite."""
    process = with_backends()
    error = process("init", code=6).err
    assert "tasky-sqlite" in error
    assert list(process.cwd.iterdir()) == []
