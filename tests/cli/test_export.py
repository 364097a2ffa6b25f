"""``tasky export``: what goes out comes in again."""

from __future__ import annotations

import json
import os
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

import pytest

from tasky import TaskyError
from tasky.cli.newfile import new_file

if TYPE_CHECKING:
    from tests.cli.conftest import CommandLine


@pytest.fixture
def filled(cli: CommandLine) -> CommandLine:
    """Three tasks, of which the oldest is done."""
    cli("add", "Erste", "-t", "ä", "--extra", "k=[1.0]")
    cli("add", "Second", "--depends-on", "00000001", "--due", "friday")
    cli("add", "Third", "-p", "web")
    cli("done", "00000001")
    return cli


def test_everything_is_exported_oldest_first(filled: CommandLine) -> None:
    """One JSON document with every task, also the closed ones, and no field that cannot be imported."""
    document = filled("export").document
    assert (document["schema"], document["kind"]) == ("tasky/1", "tasks")
    assert [item["name"] for item in document["items"]] == ["Erste", "Second", "Third"]
    assert "short_id" not in document["items"][0]


@pytest.mark.parametrize(
    ("options", "lines"),
    [
        (["--format", "jsonl"], True),
        (["--jsonl"], True),
        (["tasks.jsonl"], True),
        (["tasks.jsonl", "--json"], False),
        (["tasks.jsonl", "--format", "json"], False),
        (["tasks.json"], False),
        ([], False),
    ],
)
def test_the_format_follows_option_or_name(filled: CommandLine, options: list[str], lines: bool) -> None:
    """A task a line where that is asked for or FILE ends so; otherwise one document."""
    result = filled("export", *options)
    path = filled.cwd / options[0] if options and options[0].startswith("tasks") else None
    text = result.out if path is None else path.read_text()
    assert text.startswith('{"task_id"' if lines else '{"schema"')
    assert len(text.splitlines()) == (3 if lines else 5)


@pytest.mark.parametrize("form", ["json", "jsonl"])
def test_an_export_is_imported_elsewhere_unchanged(filled: CommandLine, form: str) -> None:
    """Another store gets the same tasks, and its export is the same file."""
    text = filled("export", "--format", form).out
    (filled.cwd / "elsewhere").mkdir()
    filled("init", "--storage", "memory://tasks", "-C", "elsewhere")
    filled("import", "-", "-C", "elsewhere", stdin=text)
    again = filled("export", "--format", form, "-C", "elsewhere").out
    assert again == text.replace('"revision": 2', '"revision": 1')


def test_only_what_is_chosen_is_exported(filled: CommandLine) -> None:
    """The options of list choose here, too."""
    assert [item["name"] for item in filled("export", "-p", "web").items] == ["Third"]
    assert [item["name"] for item in filled("export", "--status", "completed").items] == ["Erste"]
    assert filled("export", "-s", "nothing").items == []


def test_a_file_is_written_whole(filled: CommandLine) -> None:
    """The file is there when the command ends, with nothing beside it."""
    result = filled("export", "out.json")
    assert (result.out, result.err) == ("", "Exported 3 tasks to out.json.\n")
    assert len(json.loads((filled.cwd / "out.json").read_text())["items"]) == 3
    assert sorted(path.name for path in filled.cwd.iterdir()) == [".tasky", "out.json"]


def test_a_file_is_not_replaced_unasked(filled: CommandLine) -> None:
    """A file that exists stays, unless --force says otherwise; a link to it stays a link."""
    (filled.cwd / "real.json").write_text("precious")
    (filled.cwd / "out.json").symlink_to("real.json")
    result = filled("export", "out.json", code=1)
    assert "real.json exists" in result.err
    assert (filled.cwd / "real.json").read_text() == "precious"
    filled("export", "out.json", "--force")
    assert (filled.cwd / "out.json").is_symlink()
    assert len(json.loads((filled.cwd / "real.json").read_text())["items"]) == 3


def test_an_export_that_fails_leaves_nothing(filled: CommandLine) -> None:
    """Neither a part of the file nor anything beside it is left behind."""
    assert "No such file or directory" in filled("export", "nowhere/out.json", code=1).err
    assert "out.json" not in [path.name for path in filled.cwd.iterdir()]


def test_a_pipe_gets_the_tasks_as_they_come(filled: CommandLine) -> None:
    """What is no file is written to, not replaced."""
    pipe = filled.cwd / "pipe"
    os.mkfifo(pipe)
    read: list[str] = []
    reader = Thread(target=lambda: read.append(Path(pipe).read_text()))
    reader.start()
    filled("export", "pipe", "--format", "jsonl")
    reader.join()
    assert len(read[0].splitlines()) == 3
    assert pipe.is_fifo()


def test_a_file_that_is_made_meanwhile_is_left_alone(tmp_path: Path) -> None:
    """Whoever was first with the name keeps it."""
    wanted = tmp_path / "tasks.json"
    with pytest.raises(TaskyError, match="exists"), new_file(wanted):
        wanted.write_text("theirs")
    assert [path.read_text() for path in tmp_path.iterdir()] == ["theirs"]


def test_a_directory_that_is_not_there_is_named(cli: CommandLine) -> None:
    """The error names the file that was asked for, and says what to look at."""
    result = cli("export", "nowhere/tasks.json", code=1)
    assert "nowhere/tasks.json cannot be written: No such file or directory" in result.err
    assert "hint: " in result.err
