"""``tasky import``: Tasky's own files and the tracker's that 704 real issues come from."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import CommandLine, Process

BEADS = Path(__file__).parents[1] / "data" / "beads-issues.jsonl"


def line(number: int, **values: Any) -> str:
    task = {"task_id": f"{number:08x}-1111-4111-8111-111111111111", "name": f"Task {number}"}
    return json.dumps({**task, "created_at": "2026-01-01T00:00:00Z", **values}) + "\n"


def counts(created: int = 0, updated: int = 0, unchanged: int = 0, differing: int = 0) -> list[str]:
    pairs = {"created": created, "updated": updated, "unchanged": unchanged, "differing": differing}
    return [f"{name}: {count}" for name, count in pairs.items()]


def names(cli: CommandLine) -> list[str]:
    return [item["name"] for item in cli("list", "--all", "--json").items]


def test_lines_of_tasks_are_imported_once(cli: CommandLine) -> None:
    """A file of JSON Lines is recognised, and importing it again adds nothing."""
    (cli.cwd / "tasks.txt").write_text(line(1, tags=["a"]) + "\n" + line(2))
    result = cli("import", "tasks.txt")
    assert result.lines[:4] == counts(created=2)
    assert result.lines[4].startswith("batch: ")
    result = cli("import", "tasks.txt")
    assert (result.lines, result.err) == ([*counts(unchanged=2), "batch: -"], "")
    assert names(cli) == ["Task 1", "Task 2"]


@pytest.mark.parametrize("start", ["", "\ufeff", "\n  "])
def test_an_envelope_is_imported(cli: CommandLine, start: str) -> None:
    """One JSON document is recognised by its first key, however it is laid out."""
    envelope = {"schema": "tasky/1", "kind": "tasks", "items": [json.loads(line(1)), json.loads(line(2))]}
    for text in (start + json.dumps(envelope), start + json.dumps(envelope, indent=2)):
        assert cli("import", "-", stdin=text, code=0).lines[4].startswith("batch: ")
        cli("undo")


def test_a_format_can_be_named(cli: CommandLine) -> None:
    """--format overrules what the file looks like."""
    (cli.cwd / "tasks.jsonl").write_text(line(1))
    assert "task_id: there is no such key" in cli("import", "tasks.jsonl", "--format", "json", code=1).err
    assert cli("import", "tasks.jsonl", "--format", "jsonl").lines[0] == "created: 1"
    assert "does not go with --from" in cli("import", "x", "--format", "json", "--from", "beads", code=2).err


def test_other_content_is_left_alone_unless_an_update_is_asked_for(cli: CommandLine) -> None:
    """A task that is here already keeps its content, and the message tells how to change that."""
    cli("import", "-", stdin=line(1) + line(2))
    result = cli("import", "-", stdin=line(1, name="New") + line(2))
    assert result.lines[:4] == counts(unchanged=1, differing=1)
    assert "Left alone, as what is stored differs from the file: 1 task; --update" in result.err
    assert names(cli) == ["Task 1", "Task 2"]
    result = cli("import", "-", "--update", stdin=line(1, name="New") + line(2))
    assert (result.lines[:4], result.err) == (counts(updated=1, unchanged=1), "")
    assert names(cli) == ["New", "Task 2"]


def test_a_dry_run_counts_and_writes_nothing(cli: CommandLine) -> None:
    """--dry-run reads the whole file and says what it would do."""
    result = cli("import", "-", "--dry-run", stdin=line(1))
    assert (result.lines, result.err) == ([*counts(created=1), "batch: -"], "Nothing was written.\n")
    assert names(cli) == []
    result = cli("import", "-", "--dry-run", "--json", stdin=line(1))
    assert (result.document["kind"], result.document["dry_run"], result.err) == ("import", True, "")
    assert result.items == [{"created": 1, "updated": 0, "unchanged": 0, "differing": 0, "batch": None}]


@pytest.mark.parametrize(
    ("text", "where", "code"),
    [
        (line(1) + line(2) + "{oops\n", "stdin, line 3: it is not valid JSON", 1),
        (line(1) + line(2, name=""), "stdin, line 2: name: it must not be blank", 1),
        (line(1) + line(2, colour="red"), "stdin, line 2: colour: there is no such key", 1),
        (line(1) + "[]\n", "stdin, line 2: it has to be a JSON object", 1),
        ("\x00\n", "stdin, line 1", 1),
        (line(1) + line(1), "", 4),
    ],
)
def test_a_line_that_is_wrong_stops_everything(cli: CommandLine, text: str, where: str, code: int) -> None:
    """The error names the line and the rule, and nothing of the file is stored."""
    assert where in cli("import", "-", stdin=text, code=code).err
    assert names(cli) == []
    assert cli("log", code=0).lines == []


def test_an_empty_file_holds_no_tasks(cli: CommandLine) -> None:
    """Nothing comes in, and that is no error."""
    assert cli("import", "-", stdin="").lines == [*counts(), "batch: -"]


def test_an_import_is_undone_at_once(cli: CommandLine) -> None:
    """All the tasks of a file are one batch."""
    cli("import", "-", stdin=line(1) + line(2, depends_on=["00000001-1111-4111-8111-111111111111"]))
    assert len(cli("undo").lines) == 2
    assert names(cli) == []


def test_a_file_that_cannot_be_read_is_an_error(cli: CommandLine) -> None:
    """The error says which file, and why."""
    assert "nowhere.jsonl cannot be read: No such file" in cli("import", "nowhere.jsonl", code=1).err
    assert "cannot be read: Is a directory" in cli("import", ".", code=1).err
    (cli.cwd / "bad.jsonl").write_text("[]\n")
    assert "hint: Nothing was imported." in cli("import", "bad.jsonl", code=1).err


def test_a_named_pipe_is_read_to_its_end_first(cli: CommandLine) -> None:
    """What cannot be read twice is copied, however slowly it comes."""
    pipe = cli.cwd / "pipe"
    os.mkfifo(pipe)
    writer = Thread(target=pipe.write_text, args=[line(1) + line(2)])
    writer.start()
    result = cli("import", "pipe")
    writer.join()
    assert result.lines[0] == "created: 2"


def test_issues_of_another_tracker_are_imported_once(cli: CommandLine) -> None:
    """704 real issues come in as tasks; a second time adds nothing, and undo takes them all out again."""
    assert cli("import", str(BEADS), "--from", "beads").lines[:4] == counts(created=704)
    assert cli("import", str(BEADS), "--from", "beads").lines[:4] == counts(unchanged=704)
    assert len(cli("list", "--all").lines) == 704
    assert len(cli("undo").lines) == 704
    assert cli("list", "--all").lines == []


def test_a_broken_issue_stops_the_import(cli: CommandLine) -> None:
    """The line is named, and nothing is written."""
    lines = BEADS.read_text().splitlines(keepends=True)
    lines[350] = lines[350][:-20] + "\n"
    assert "stdin, line 351: " in cli("import", "-", "--from", "beads", stdin="".join(lines), code=1).err
    assert names(cli) == []


def test_nobody_types_a_file(process: Process) -> None:
    """At a terminal '-' would wait for ever, so it is refused."""
    assert "stdin is a terminal" in process.on_terminal("import", "-", code=1).out


def test_a_closed_stdin_holds_no_file(process: Process) -> None:
    """A service without a stdin gets an error, not a crash."""
    program = shlex.join(process.program(["import", "-"]))
    done = subprocess.run(["sh", "-c", f"{program} <&-"], capture_output=True, text=True, env=process.environ)
    assert (done.returncode, "stdin is closed" in done.stderr) == (1, True)
