"""What the user approved is remembered, privately, and a record that is not understood approves nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tasky.config import user_config_dir
from tasky.errors import ConfigError
from tasky.location import StorageLocation
from tasky.trust import is_approved, record_approval

ONE = StorageLocation.parse("server://host/one")
TWO = StorageLocation.parse("server://host/two?key=canary")


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {"HOME": str(tmp_path / "home"), "XDG_CONFIG_HOME": str(tmp_path / "user")}


@pytest.fixture
def file(environ: dict[str, str]) -> Path:
    return user_config_dir(environ) / "approved.json"


def test_approvals_add_up(tmp_path: Path, environ: dict[str, str]) -> None:
    """Approving a second location or project keeps the first; approving twice changes nothing."""
    assert not is_approved(ONE, tmp_path, environ)
    for location, root in [(ONE, tmp_path), (TWO, tmp_path), (ONE, tmp_path / "b"), (ONE, tmp_path)]:
        record_approval(location, root, environ)
    assert is_approved(ONE, tmp_path, environ)
    assert is_approved(TWO, tmp_path, environ)
    assert is_approved(ONE, tmp_path / "b", environ)
    assert not is_approved(TWO, tmp_path / "b", environ)


def test_the_record_is_private_and_holds_no_location(
    tmp_path: Path, environ: dict[str, str], file: Path
) -> None:
    """Nobody else can read or forge what the user approved, and it tells no secret."""
    record_approval(TWO, tmp_path, environ)
    assert "canary" not in file.read_text(encoding="utf-8")
    assert [path.name for path in file.parent.iterdir()] == ["approved.json"]
    if os.name == "posix":
        assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"version": 2, "approved": {}}',
        '{"version": 1, "approved": {"/p": "x"}}',
        "[" * 100_000,
    ],
)
def test_a_record_that_is_not_understood_is_an_error(
    tmp_path: Path, environ: dict[str, str], file: Path, text: str
) -> None:
    """A damaged record is neither taken for an approval nor written over."""
    file.parent.mkdir(parents=True)
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match="not a list of approvals"):
        is_approved(ONE, tmp_path, environ)
    with pytest.raises(ConfigError, match="not a list of approvals"):
        record_approval(ONE, tmp_path, environ)
    assert file.read_text(encoding="utf-8") == text


def test_a_record_that_cannot_be_read_or_written_is_an_error(
    tmp_path: Path, environ: dict[str, str], file: Path
) -> None:
    """A record that is out of reach is told, with the file's name."""
    file.mkdir(parents=True)
    with pytest.raises(ConfigError, match=r"approved\.json cannot be read"):
        is_approved(ONE, tmp_path, environ)
    blocked = {**environ, "XDG_CONFIG_HOME": str(tmp_path / "file"), "HOME": str(tmp_path / "file")}
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match=r"cannot be recorded in .*approved\.json"):
        record_approval(ONE, tmp_path, blocked)
    assert not is_approved(ONE, tmp_path, blocked)


def test_a_lock_that_a_dead_process_left_is_not_waited_for(
    tmp_path: Path, environ: dict[str, str], file: Path
) -> None:
    """A crash in the middle of an approval does not stop the next one."""
    file.parent.mkdir(parents=True)
    lock = file.with_name("approved.json.lock")
    lock.touch()
    os.utime(lock, (1, 1))
    record_approval(ONE, tmp_path, environ)
    assert is_approved(ONE, tmp_path, environ)
    assert not lock.exists()


def test_a_lock_that_another_process_holds_is_waited_for(
    tmp_path: Path, environ: dict[str, str], file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An approval that is being written elsewhere comes first."""
    file.parent.mkdir(parents=True)
    lock = file.with_name("approved.json.lock")
    lock.touch()
    pauses: list[float] = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 3:
            lock.unlink()  # the other process is done

    monkeypatch.setattr(time, "sleep", pause)
    record_approval(ONE, tmp_path, environ)
    assert len(pauses) == 3
    assert is_approved(ONE, tmp_path, environ)


def test_approvals_of_several_processes_at_once_are_all_kept(
    tmp_path: Path, environ: dict[str, str], file: Path
) -> None:
    """Programs that approve at the same moment do not overwrite each other's approval."""
    program = (
        "import os, sys; from pathlib import Path; from tasky.location import StorageLocation;"
        " from tasky.trust import record_approval\n"
        "for number in range(10):\n"
        "    location = StorageLocation.parse(f'server://host/{sys.argv[1]}/{number}')\n"
        f"    record_approval(location, Path({str(tmp_path)!r}), os.environ)\n"
    )
    processes = [
        subprocess.Popen([sys.executable, "-c", program, str(number)], env={**os.environ, **environ})
        for number in range(4)
    ]
    assert [process.wait(60) for process in processes] == [0] * 4
    (digests,) = json.loads(file.read_text(encoding="utf-8"))["approved"].values()
    assert len(digests) == 40
