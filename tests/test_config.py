"""A config file is understood whole, or refused with the file and the key that are wrong."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from tasky.config import (
    read_project_config,
    read_user_config,
    user_config_dir,
    write_project_config,
)
from tasky.errors import ConfigError, ProjectExistsError

GOOD = "version = 1\n[storage]\nuri = 'file://tasks.db'\n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "config.toml"


def test_a_whole_config_is_read(path: Path) -> None:
    """Storage and pins are what the file says; a byte order mark and Windows line ends are tolerated."""
    text = GOOD + "[backends]\nsqlite = 'tasky-sqlite'\n"
    path.write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    config = read_project_config(path)
    assert (config.path, config.uri, config.pins) == (path, "file://tasks.db", {"sqlite": "tasky-sqlite"})


@pytest.mark.parametrize(
    ("text", "key", "rule"),
    [
        ("", "version", "it is required"),
        ("version = 2\nfuture = true", "version", "2 is of a newer Tasky"),
        ("version = 0", "version", "it has to be 1"),
        ("version = true", "version", "it has to be 1"),
        ("version = '1'", "version", "it has to be 1"),
        ("version = 1", "storage", "it is required"),
        ("version = 1\nstorage = 'file://x'", "storage", "it has to be a table"),
        ("version = 1\n[storage]", "storage.uri", "it is required"),
        ("version = 1\n[storage]\nuri = 5", "storage.uri", "it has to be text in quotes, and not blank"),
        ("version = 1\n[storage]\nuri = ' '", "storage.uri", "it has to be text in quotes, and not blank"),
        ("version = 1\n[storage]\nuri = 'tasks.db'", "storage.uri", "a storage location starts with"),
        (GOOD + "url = 'x'", "storage.url", "there is no such key"),
        ("storge = 1\n" + GOOD, "storge", "there is no such key"),
        ("actor = 'ann'\n" + GOOD, "actor", "there is no such key"),
        ("'\\u001b' = 1\n".replace("'", '"') + GOOD, r"'\x1b'", "there is no such key"),
        (GOOD + "[backends]\nsqlite = 1", "backends.sqlite", "it has to be text in quotes, and not blank"),
        (GOOD + "[backends]\nSQL = 'x'", "backends", "'SQL' cannot name a backend"),
        (GOOD + "[[backends]]\n", "backends", "it has to be a table"),
    ],
)
def test_a_config_that_is_not_understood_is_refused(path: Path, text: str, key: str, rule: str) -> None:
    """The error names the file, the key and what is wrong with it."""
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        read_project_config(path)
    assert str(caught.value).startswith(f"{path}: {key}: {rule}")


@pytest.mark.parametrize(
    ("data", "rule"),
    [
        (b"version =", "is not valid TOML: Invalid value"),
        (b"version = 1\nversion = 1\n", "is not valid TOML: Cannot overwrite a value"),
        (b"x = '\xff'", "is not UTF-8 text"),
        (b"x = " + b"[" * 100_000, "is not valid: its values nest too deeply"),
    ],
)
def test_a_file_that_is_not_toml_is_refused(path: Path, data: bytes, rule: str) -> None:
    """A file that is broken as a whole is named, with the reason."""
    path.write_bytes(data)
    with pytest.raises(ConfigError) as caught:
        read_project_config(path)
    assert str(caught.value).startswith(f"{path} {rule}")


@pytest.mark.parametrize(
    ("key", "hint"),
    [
        ("storge", "Did you mean 'storage'?"),
        ("zzz", "It knows version, storage, backends."),
        ("actor", "Who you are is your own matter"),
    ],
)
def test_an_unknown_key_is_answered_with_what_was_meant(path: Path, key: str, hint: str) -> None:
    """A misspelt key gets the nearest name, another one the list of those that there are."""
    path.write_text(f"{key} = 1\n{GOOD}", encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        read_project_config(path)
    assert caught.value.hint.startswith(hint)


@pytest.mark.parametrize(
    "uri",
    [
        "server://user:canary@host/db",
        "server://host/db?password=canary",
        "server://user:canary${X}@host/db",
    ],
)
def test_a_password_in_a_projects_config_is_refused(path: Path, uri: str) -> None:
    """A shared file holds no password; the error says how to do it right, and does not repeat it."""
    path.write_text(f"version = 1\n[storage]\nuri = '{uri}'\n", encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        read_project_config(path)
    assert "canary" not in f"{caught.value}{caught.value.hint}"
    assert "${VARIABLE}" in caught.value.hint


def test_a_password_named_by_a_variable_is_taken(path: Path) -> None:
    """A password that comes from the environment is the right way."""
    path.write_text(GOOD.replace("file://tasks.db", "server://u:${PW}@host/db"), encoding="utf-8")
    assert read_project_config(path).uri == "server://u:${PW}@host/db"


def test_a_config_that_vanishes_or_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    """A project's config is required, and a directory is not one."""
    with pytest.raises(ConfigError, match="does not exist any more"):
        read_project_config(tmp_path / "missing.toml")
    with pytest.raises(ConfigError, match="cannot be read: Is a directory") as caught:
        read_project_config(tmp_path)
    assert "has to be a file" in caught.value.hint


def test_the_users_config_may_be_absent_or_say_little(tmp_path: Path) -> None:
    """Nobody needs a config of their own; it may name an actor, a store, both or neither."""
    environ = {"XDG_CONFIG_HOME": str(tmp_path), "HOME": str(tmp_path), "APPDATA": str(tmp_path)}
    absent = read_user_config(environ)
    assert (absent.uri, absent.actor, absent.pins) == ("", None, {})
    path = user_config_dir(environ) / "config.toml"
    path.parent.mkdir(parents=True)
    path.write_text("version = 1\nactor = 'ann'\n", encoding="utf-8")
    assert read_user_config(environ).actor == "ann"
    path.write_text("version = 1\nactor = ''\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="actor: it must not be blank"):
        read_user_config(environ)
    path.write_text("version = 1\n[storage]\nuri = 'server://u:canary@host/db'\n", encoding="utf-8")
    config = read_user_config(environ)
    assert config.uri == "server://u:canary@host/db"
    assert "canary" not in repr(config)


@pytest.mark.parametrize(
    ("platform", "environ", "expected"),
    [
        ("linux", {"HOME": "/h"}, "/h/.config/tasky"),
        ("linux", {"HOME": "/h", "XDG_CONFIG_HOME": "/x"}, "/x/tasky"),
        ("linux", {"HOME": "/h", "XDG_CONFIG_HOME": "relative"}, "/h/.config/tasky"),
        ("darwin", {"HOME": "/h", "XDG_CONFIG_HOME": "/x"}, "/h/Library/Application Support/tasky"),
        ("win32", {"APPDATA": "/a"}, "/a/tasky"),
        ("win32", {"USERPROFILE": "/u"}, "/u/AppData/Roaming/tasky"),
    ],
)
def test_the_users_directory_is_where_the_system_keeps_settings(
    platform: str, environ: dict[str, str], expected: str
) -> None:
    """Each operating system has its own place for the settings of a user."""
    assert user_config_dir(environ, platform=platform) == Path(expected)


def test_without_home_the_system_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A cron job without HOME finds the settings; an account that the system does not know is told."""
    pwd = pytest.importorskip("pwd", reason="Windows has no user database")
    expected = Path(pwd.getpwuid(os.getuid()).pw_dir, ".config", "tasky")
    assert user_config_dir({}, platform="linux") == expected
    monkeypatch.setattr(os, "getuid", lambda: 987_654)
    with pytest.raises(ConfigError, match="your home directory is not known"):
        user_config_dir({}, platform="linux")


@given(st.text(st.sampled_from("ab/.\\'\"${}%20é\U0001f600=[]\t ")))
def test_every_location_that_is_written_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, name: str
) -> None:
    """Quotes and backslashes in a path survive the config file."""
    path = tmp_path_factory.mktemp("config") / "config.toml"
    write_project_config(path, name)
    assert tomllib.loads(path.read_text(encoding="utf-8"))["storage"]["uri"] == name


def test_a_config_is_never_written_over_another(path: Path) -> None:
    """The file that is there stays as it is, and no draft is left beside it."""
    path.write_text("mine", encoding="utf-8")
    with pytest.raises(ProjectExistsError):
        write_project_config(path, "file://x")
    assert path.read_text(encoding="utf-8") == "mine"
    assert list(path.parent.iterdir()) == [path]


def test_a_file_system_without_hard_links_is_served(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where files cannot be linked, the config is written all the same, and still never over another."""

    def refuse(self: Path, target: Path) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    write_project_config(path, "file://x.db")
    assert read_project_config(path).uri == "file://x.db"
    with pytest.raises(ProjectExistsError):
        write_project_config(path, "file://y.db")
    assert list(path.parent.iterdir()) == [path]


def test_a_config_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    """A missing directory and a location that is no Unicode are told in one sentence."""
    with pytest.raises(ConfigError, match="cannot be written: No such file or directory"):
        write_project_config(tmp_path / "missing" / "config.toml", "file://x.db")
    with pytest.raises(ConfigError, match="not valid Unicode"):
        write_project_config(tmp_path / "config.toml", "file://\udcff.db")
