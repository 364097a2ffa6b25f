"""What somebody at the command line sees when the project lies on a server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tasky import StorageLocation
from tasky.cli import main


@pytest.fixture
def project(location: StorageLocation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A new project on the server; the test is in its directory."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    uri = location.written.reveal()
    assert main(["init", "--storage", uri]) == 0
    return uri


def test_the_main_job_works_on_a_server(project: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Add, list, complete, take back and check, as with any other storage."""
    capsys.readouterr()
    assert main(["add", "Buy milk", "--tag", "home"]) == 0
    (short_id,) = capsys.readouterr().out.split()
    assert main(["list", "--tag", "home"]) == 0
    assert "Buy milk" in capsys.readouterr().out
    for command in (["done", short_id], ["undo"], ["log", short_id], ["next"], ["check"]):
        assert main(command) == 0
    assert main(["export", "--jsonl"]) == 0
    assert "Buy milk" in capsys.readouterr().out


def test_a_project_in_a_database_that_is_not_there_says_how_to_make_it(
    location: StorageLocation,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """`tasky init` makes a store and no database: the hint is what makes one, not `tasky init`."""
    monkeypatch.chdir(tmp_path)
    uri = location.written.reveal().replace(location.path, "/nowhere")
    assert main(["init", "--storage", uri]) == 7
    assert "hint: Create it ('createdb " in capsys.readouterr().err


def test_a_server_that_is_away_is_exit_code_seven(
    project: str, server: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command ends, says that the server cannot be reached, and shows nothing of the location's query."""
    server.kill()
    try:
        assert main(["list"]) == 7
    finally:
        server.start()
    said = capsys.readouterr().err
    assert "cannot be reached" in said
    assert "user=" not in said
    assert main(["list"]) == 0


def test_an_add_whose_answer_was_lost_is_there_once(
    project: str, line: Any, location: StorageLocation, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever adds a task over a line that breaks in the commit gets its id, and the list has it once."""
    query = "&".join([f"{name}={value}" for name, value in location.query])
    far = f"postgresql://{location.username}@127.0.0.1:{line.port}{location.path}?{query}&sslmode=disable"
    line.prepare("forget", b"COMMIT\0")
    assert main(["--storage", far, "add", "Buy milk"]) == 0
    assert line.word == b""
    assert main(["list"]) == 0
    assert capsys.readouterr().out.count("Buy milk") == 1


def test_a_line_that_has_to_be_protected_is_not_used_bare(
    project: str, line: Any, location: StorageLocation, capsys: pytest.CaptureFixture[str]
) -> None:
    """With verify-full a server without TLS gets nothing: the driver is told what the location says."""
    query = "&".join([f"{name}={value}" for name, value in location.query])
    far = f"postgresql://{location.username}@127.0.0.1:{line.port}{location.path}?{query}"
    assert main(["--storage", f"{far}&sslmode=disable", "list"]) == 0
    assert main(["--storage", f"{far}&sslmode=verify-full&sslrootcert=system", "list"]) == 7
    assert "SSL" in capsys.readouterr().err


def test_a_wrong_query_is_exit_code_five(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A name in the query that is not known is refused before anything is asked, with what is known."""
    assert main(["--storage", "postgresql:///tracker?sslmod=require", "list"]) == 5
    assert "Did you mean sslmode?" in capsys.readouterr().err
