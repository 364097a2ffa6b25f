"""``tasky edit``: an editor is a program that changes a file, so each test brings one of its own."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest

from tasky import TaskChange
from tasky.testing.samples import changed, make_batch

if TYPE_CHECKING:
    from tests.cli.conftest import CommandLine, Process, Result

FIELDS = (
    *("-d", "# A heading\n---- details ----\nA \x1b[31mline\n\n", "--priority", "high", "-p", "web.login"),
    *("-t", "ui", "-t", "bug", "--assignee", "Zoë", "--due", "friday", "--wait", "2026-02-01T09:30:00.25"),
    *("--extra", 'k={"a": [1, 2.0, null, "ü\\n"]}'),
)

Editor = Callable[..., "Result"]


@pytest.fixture
def edit(cli: CommandLine, tmp_path: Path) -> Editor:
    """Run ``tasky edit`` with an editor that executes Python on ``text``, the file's content."""
    home = tmp_path / "texts"
    home.mkdir()

    def run(task_id: str, script: str, *options: str, code: int = 0) -> Result:
        program = tmp_path / "editor.py"
        program.write_text(
            "import os, subprocess, sys\n"
            "path = sys.argv[-1]\n"
            "text = open(path, encoding='utf-8', newline='').read()\n"
            f"{script}\n"
            "open(path, 'w', encoding='utf-8', newline='').write(text)\n"
        )
        cli.environ["EDITOR"] = f"{sys.executable} {program}"
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("tempfile.tempdir", str(home))
            return cli("edit", task_id, *options, code=code)

    return run


def stored(cli: CommandLine, task_id: str) -> dict[str, Any]:
    item: dict[str, Any] = cli("show", task_id, "--json").items[0]
    return item


def kept(tmp_path: Path) -> list[str]:
    return [path.read_text() for path in (tmp_path / "texts").iterdir()]


def test_a_text_that_is_left_alone_changes_nothing(cli: CommandLine, edit: Editor, tmp_path: Path) -> None:
    """Whatever a task holds goes through the editor and back without a change, and no file stays."""
    first = cli("add", "First").out.strip()
    second = cli("add", " Büro: 'x' # y ", *FIELDS, "--depends-on", first).out.strip()
    cli("delete", first, "--yes")
    result = edit(second, "")
    assert (result.out, result.err) == ("", "Nothing was changed.\n")
    assert edit(second, "", "--json").err == ""
    assert stored(cli, second)["revision"] == 1
    assert kept(tmp_path) == []


def test_every_field_can_be_changed(cli: CommandLine, edit: Editor, tmp_path: Path) -> None:
    """Each line of the text is a field, and what follows the dashes is the details."""
    first = cli("add", "First").out.strip()
    second = cli("add", "Second", *FIELDS).out.strip()
    lines = (
        "# a comment",
        "",
        "name: Renamed",
        "project: home",
        "Priority: LOW",
        "tags: b a",
        "assignee: bob",
        "due: 2026-03-01",
        "wait: +1d",
        f"depends-on: {first}",
        'extra: {"n": 1}',
        "---- details ----",
        "New",
        "",
    )
    script = f"text = {chr(10).join(lines)!r}"
    assert edit(second, script, "--dry-run").lines == [f"{second}\twould be updated\tRenamed"]
    assert stored(cli, second)["name"] == "Second"
    assert edit(second, script).lines == [f"{second}\tupdated\tRenamed"]
    task = stored(cli, second)
    assert (task["name"], task["project_id"], task["priority"]) == ("Renamed", "home", "low")
    assert (task["tags"], task["assignee"], task["extra"]) == (["a", "b"], "bob", {"n": 1})
    assert (task["due_at"], task["wait_until"]) == ("2026-03-01T22:59:59Z", "2026-02-05T09:00:00Z")
    assert ([one[:8] for one in task["depends_on"]], task["details"]) == ([first], "New")
    assert kept(tmp_path) == []


def test_an_emptied_line_clears_its_field(cli: CommandLine, edit: Editor) -> None:
    """What has no value any more is not set any more."""
    first = cli("add", "First").out.strip()
    second = cli("add", "Second", *FIELDS, "--depends-on", first).out.strip()
    edit(
        second,
        "import re; text = re.sub(r'(?m)^(?!name)([a-z-]+):.*', r'\\1:', text.split('----')[0])"
        " + '---- details ----\\n'",
    )
    task = stored(cli, second)
    assert (task["name"], task["details"], task["tags"], task["extra"]) == ("Second", "", [], {})
    for field in ("project_id", "priority", "assignee", "due_at", "wait_until"):
        assert task[field] is None
    assert task["depends_on"] == []


def test_a_dependency_that_is_gone_stays_while_its_line_changes(cli: CommandLine, edit: Editor) -> None:
    """Adding a dependency keeps the others, also those on tasks that were deleted."""
    first, second = (cli("add", name).out.strip() for name in ("One", "Two"))
    third = cli("add", "Three", "--depends-on", first).out.strip()
    cli("delete", first, "--yes")
    edit(third, f"text = text.replace('depends-on: {first}', 'depends-on: {first} {second}')")
    assert [one[:8] for one in stored(cli, third)["depends_on"]] == [first, second]


def test_line_ends_of_another_system_are_understood(cli: CommandLine, edit: Editor) -> None:
    """An editor that writes CRLF, and a byte order mark, changes the name and no more than that."""
    first = cli("add", "One", "-t", "a").out.strip()
    edit(first, "text = chr(0xfeff) + text.replace('One', 'New').replace('\\n', '\\r\\n')")
    task = stored(cli, first)
    assert (task["name"], task["tags"], task["due_at"], task["details"]) == ("New", ["a"], None, "")


@pytest.mark.parametrize(
    ("script", "code", "reason"),
    [
        ("text = text.replace('One', '')", 2, "name '' is not valid: it must not be blank"),
        (
            "text = text.replace('priority:', 'priority: urgent')",
            1,
            ", line 5: priority: priority 'urgent' is",
        ),
        ("text = text.replace('due:', 'due: someday')", 1, ", line 8: due: 'someday' is not a date"),
        ("text = text.replace('extra: {}', 'extra: {')", 1, ", line 11: extra: it is not valid JSON"),
        ("text = text.replace('extra: {}', 'extra: []')", 1, ", line 11: extra: it has to be a JSON object"),
        ("text = text.replace('depends-on:', 'depends-on: ffffffff')", 3, "there is no task ffffffff"),
        ("text = text.replace('due:', 'deu:')", 1, ", line 8: a line is 'field: value'"),
        ("text = text.replace('due:', 'due')", 1, ", line 8: a line is 'field: value'"),
        ("text = text.replace('due:', 'wait:')", 1, ", line 9: wait: it occurs twice"),
        ("text = text.replace('due:', '#due:')", 1, "the line of due is missing"),
        ("text = text.replace('----', '')", 1, "the line '---- details ----' is missing"),
        ("text += chr(0)", 2, "details"),
        ("text += 'x'; open(path, 'w').write(text); sys.exit(3)", 1, "ended with exit code 3"),
        ("open(path, 'ab').write(b'\\xff'); sys.exit()", 1, "it is not UTF-8 text"),
    ],
)
def test_what_cannot_be_stored_is_kept(
    cli: CommandLine, edit: Editor, tmp_path: Path, script: str, code: int, reason: str
) -> None:
    """An error names what is wrong and the file that keeps the text; nothing is written."""
    first = cli("add", "One").out.strip()
    result = edit(first, script, code=code)
    assert reason in result.err
    (path,) = (tmp_path / "texts").iterdir()
    assert f"Nothing was written, and what you typed is kept in {path}." in result.err
    assert stored(cli, first)["revision"] == 1


def test_an_editor_that_fails_at_once_leaves_no_file(cli: CommandLine, edit: Editor, tmp_path: Path) -> None:
    """Where nothing was typed, there is nothing to keep."""
    first = cli("add", "One").out.strip()
    assert "kept" not in edit(first, "sys.exit(1)", code=1).err
    assert kept(tmp_path) == []


def test_a_change_by_someone_else_is_not_overwritten(cli: CommandLine, edit: Editor, tmp_path: Path) -> None:
    """When the task was changed while the editor was open, it is a conflict, and the text is kept."""
    first = cli("add", "One").out.strip()
    opened, changed_meanwhile = tmp_path / "opened", tmp_path / "changed"
    os.mkfifo(opened)
    os.mkfifo(changed_meanwhile)

    def change() -> None:
        opened.read_text()  # waits for the editor
        with cli.repository() as repository:
            (task,) = repository.find_tasks()
            repository.apply(make_batch(), [TaskChange(task, changed(task, name="Theirs"))])
        changed_meanwhile.write_text("")

    someone_else = Thread(target=change)
    someone_else.start()
    script = (
        f"open({str(opened)!r}, 'w').close(); open({str(changed_meanwhile)!r}).close();"
        "text = text.replace('One', 'Mine')"
    )
    result = edit(first, script, code=4)
    someone_else.join()
    assert "was changed by someone else while you edited it" in result.err
    assert stored(cli, first)["name"] == "Theirs"
    (text,) = kept(tmp_path)
    assert "name: Mine" in text


def test_visual_comes_before_editor(cli: CommandLine, tmp_path: Path) -> None:
    """VISUAL is preferred, and an editor that cannot be started is an error that leaves no file."""
    first = cli("add", "One").out.strip()
    cli.environ["EDITOR"] = "true"
    cli.environ["VISUAL"] = "no-such-editor --wait"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tempfile.tempdir", str(tmp_path))
        result = cli("edit", first, code=1)
    assert "the editor 'no-such-editor' cannot be started: No such file" in result.err
    assert list(tmp_path.glob("tasky-*")) == []
    del cli.environ["VISUAL"]
    assert cli("edit", first).err == "Nothing was changed.\n"


def test_without_an_editor_and_a_terminal_there_is_nothing_to_open(cli: CommandLine) -> None:
    """No editor is guessed where nobody could use it."""
    first = cli("add", "One").out.strip()
    assert "neither $VISUAL nor $EDITOR names an editor" in cli("edit", first, code=2).err
    cli.environ["EDITOR"] = "vi 'oops"
    assert "is no command: No closing quotation" in cli("edit", first, code=2).err


def test_at_a_terminal_there_is_an_editor(process: Process, tmp_path: Path) -> None:
    """Without VISUAL and EDITOR it is vi, on the terminal where the command was typed."""
    process("init", "--storage", "json://tasks.json")
    first = process("add", "One").out.strip()
    programs = tmp_path / "bin"
    programs.mkdir()
    editor = programs / "vi"
    editor.write_text("#!/bin/sh\ntest -t 0 && test -t 1 && sed -i 's/^name: One$/name: New/' \"$1\"\n")
    editor.chmod(0o755)
    process.environ["PATH"] = f"{programs}:{process.environ['PATH']}"
    assert f"{first} updated: New" in process.on_terminal("edit", first).out
