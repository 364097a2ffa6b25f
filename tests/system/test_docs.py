"""The documentation says what is there: its links lead somewhere, its commands and imports exist.

``python -m tests.system.test_docs`` runs the examples of the reference again and writes down what they print.
"""

from __future__ import annotations

import ast
import json
import os
import re
import shlex
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import chdir, closing, redirect_stderr, redirect_stdout
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from io import StringIO
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import UUID

import click
import pytest

import tasky
from tasky import TaskFilter, TaskModel, TaskyError, errors
from tasky._version import VERSION
from tasky.cli import main
from tasky.cli.dates import parse_moment
from tasky.cli.group import ALIASES, COMMANDS, root
from tasky.config import read_project_config
from tasky.documents import parse_task, read_envelope

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    path
    for pattern in ("*.md", "docs/**/*.md", "plugins/*/*.md")
    for path in ROOT.glob(pattern)
    if not any(part.startswith(".") for part in path.relative_to(ROOT).parts)
)
NAMES = [path.relative_to(ROOT).as_posix() for path in PAGES]
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)", re.DOTALL)
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
INLINE = re.compile(r"`(tasky [^`]+)`")
CONSOLE = re.compile(r"(?<=^```console\n).*?(?=^```$)", re.DOTALL | re.MULTILINE)
REFERENCE = "docs/reference/command-line.md"
CONTRACT = "docs/reference/contract.md"
REFRESH = "`python -m tests.system.test_docs` writes down what the examples print now"
PRETTY = " | python3 -m json.tool"
BEADS = ROOT / "tests/data/beads-issues.jsonl"


@pytest.mark.parametrize("name", NAMES)
def test_links_lead_to_a_file_and_a_heading(name: str) -> None:
    """Nobody who follows a link inside the repository ends nowhere."""
    page = ROOT / name
    for target in LINK.findall(_outside_code(page.read_text(encoding="utf-8"))):
        path, _, anchor = target.partition("#")
        if "://" in path or path.startswith("mailto:"):
            continue
        linked = page.parent / path if path else page
        assert linked.exists(), f"{name} links to {target}, which is not there"
        if anchor:
            assert anchor in _anchors(linked), f"{name} links to {target}, a heading that is not there"


@pytest.mark.parametrize("name", NAMES)
def test_commands_and_their_options_exist(name: str) -> None:
    """Every ``tasky`` command that the page shows is one that can be typed, with these options."""
    for words in _commands((ROOT / name).read_text(encoding="utf-8")):
        problem = _problem(words)
        assert problem == "", f"{name} shows {shlex.join(['tasky', *words])!r}: {problem}"


@pytest.mark.parametrize("name", NAMES)
def test_python_examples_import_what_there_is(name: str) -> None:
    """Every Python example is valid Python and imports names that Tasky has."""
    for language, code in FENCE.findall((ROOT / name).read_text(encoding="utf-8")):
        if language != "python":
            continue
        for node in ast.walk(ast.parse(code)):
            if isinstance(node, ast.ImportFrom) and node.module == "tasky":
                assert {alias.name for alias in node.names} <= set(tasky.__all__), (
                    f"{name}: {ast.unparse(node)}"
                )


def test_the_reference_has_the_help_of_every_command() -> None:
    """A command that is not in the reference does not exist for whoever reads it."""
    text = (ROOT / REFERENCE).read_text(encoding="utf-8")
    wanted = [line for line in _help_commands() if f"\n$ {line}\n" not in text]
    assert wanted == [], f"write such a block where the help belongs; then {REFRESH}"
    assert [alias for alias in ALIASES if f"`tasky {alias}`" not in text] == []


def test_the_reference_shows_what_the_program_says() -> None:
    """What follows a command in the reference is what that command prints, to the letter."""
    text = (ROOT / REFERENCE).read_text(encoding="utf-8")
    assert text.splitlines() == played(text).splitlines(), REFRESH


def test_a_change_of_the_output_is_noticed() -> None:
    """The check of the examples sees when the program prints something else than the page."""
    page = "```console\n$ tasky --version\ntasky 0.1\n$ echo $?\n1\n```\n"
    assert played(page) == f"```console\n$ tasky --version\ntasky {VERSION}\n$ echo $?\n0\n```\n"


def test_the_reference_explains_every_exit_code() -> None:
    """Each error is in the row of the exit code that it ends with, and in no other."""
    text = (ROOT / REFERENCE).read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| (\d+) \| (.*) \|$", text, re.MULTILINE))
    shown = {name: code for code, row in rows.items() for name in re.findall(r"`(\w+Error)`", row)}
    tree = {name: getattr(errors, name) for name in errors.__all__}
    assert shown == {name: str(kind.exit_code) for name, kind in tree.items() if kind is not TaskyError}


def test_every_form_of_a_date_is_understood() -> None:
    """Whoever types a date as the reference shows it gets no error."""
    text = (ROOT / REFERENCE).read_text(encoding="utf-8")
    section = text.partition("\n## Dates\n")[2].partition("\n## ")[0]
    forms = re.findall(r"`([^`]+)`", " ".join(re.findall(r"^\| (.*?) \|", section, re.MULTILINE)))
    now = datetime(2026, 2, 4, 9, 0, tzinfo=UTC)
    assert len({form: parse_moment(form, now=now) for form in forms}) >= 15


def test_the_reference_shows_every_field_of_a_backend() -> None:
    """The example of `tasky backends --json`, which is not the same everywhere, has today's fields."""
    text = (ROOT / REFERENCE).read_text(encoding="utf-8")
    (example,) = (json.loads(code) for language, code in FENCE.findall(text) if language == "json")
    said = StringIO()
    with redirect_stdout(said):
        assert main(["backends", "--json"]) == 0
    actual = json.loads(said.getvalue())
    assert list(example) == list(actual)
    assert {tuple(item) for item in example["items"]} == {tuple(item) for item in actual["items"]}


def test_the_page_about_tasks_explains_every_field_and_criterion() -> None:
    """Whoever looks a field of a task or a criterion of a filter up finds a row about it."""
    text = (ROOT / "docs/reference/tasks.md").read_text(encoding="utf-8")
    rows = set(re.findall(r"`(\w+)`", " ".join(re.findall(r"^\| (.*?) \|", text, re.MULTILINE))))
    known = {field.name for kind in (TaskModel, TaskFilter) for field in fields(kind)}
    assert sorted(known - rows) == []


def test_the_documents_about_tasks_can_be_imported() -> None:
    """Each JSON document on the page about tasks is one that Tasky reads."""
    text = (ROOT / "docs/reference/tasks.md").read_text(encoding="utf-8")
    documents = [code for language, code in FENCE.findall(text) if language == "json"]
    assert [document for document in documents if not list(_read(document))] == []
    assert len(documents) >= 2


def test_the_examples_of_configuration_are_valid(tmp_path: Path) -> None:
    """A project's config that is copied from the documentation is understood."""
    text = (ROOT / "docs/reference/configuration.md").read_text(encoding="utf-8")
    for number, (_, code) in enumerate(block for block in FENCE.findall(text) if block[0] == "toml"):
        path = tmp_path / f"{number}.toml"
        path.write_text(code, encoding="utf-8")
        assert read_project_config(path).uri


@pytest.mark.parametrize(
    "name",
    [
        "docs/tutorial/first-steps.md",
        "docs/how-to/import-from-beads.md",
        "docs/how-to/back-up-a-project.md",
    ],
)
def test_the_commands_of_a_lesson_work(name: str, tmp_path: Path) -> None:
    """Whoever types the commands of the page, one after the other, gets no error."""
    steps = [
        code
        for language, code in FENCE.findall((ROOT / name).read_text(encoding="utf-8"))
        if language == "sh" and re.match(r"(\w+=\$\()?tasky ", code)
    ]
    assert len(steps) >= 2
    (tmp_path / ".beads").mkdir()
    shutil.copy(BEADS, tmp_path / ".beads/issues.jsonl")
    said = _shell("set -e\n" + "".join(steps) + "echo to the end", tmp_path)
    assert said.endswith("to the end\n"), said


def test_the_commands_of_the_recovery_save_what_can_be_read(tmp_path: Path) -> None:
    """Whoever does what the page about damage says has every task but the damaged one in a new store."""
    page = (ROOT / "docs/how-to/recover-a-damaged-store.md").read_text(encoding="utf-8")
    steps = [code for language, code in FENCE.findall(page) if language == "sh"]
    begin = (
        "tasky init --storage sqlite://.tasky/tasks.db && tasky add One && tasky add Two && tasky add Three"
    )
    _shell(begin, tmp_path)
    with closing(sqlite3.connect(tmp_path / ".tasky/tasks.db", isolation_level=None)) as connection:
        connection.execute("PRAGMA ignore_check_constraints = ON")
        connection.execute("UPDATE tasks SET extra = '{scrap' WHERE name = 'Two'")
    said = "".join(_shell(step, tmp_path) for step in steps)
    assert "2 tasks saved to saved.jsonl" in said
    assert "created: 2" in said
    assert said.endswith("No problem found.\n")


def test_an_upgrade_by_hand_is_what_the_backend_does(tmp_path: Path) -> None:
    """Whoever upgrades a SQLite store with the statements of the page gets a store like a new one."""
    page = (ROOT / "docs/explanation/sqlite.md").read_text(encoding="utf-8")
    steps = [code for language, code in FENCE.findall(page) if language == "sql"]
    first = (ROOT / "plugins/tasky-sqlite/tests/data/version-1.sql").read_text(encoding="utf-8")
    _shell("tasky init --storage sqlite://new.db", tmp_path)
    schemas = []
    for name, script in (("old.db", "".join([first, *steps])), ("new.db", "")):
        with closing(sqlite3.connect(tmp_path / name, isolation_level=None)) as connection:
            connection.executescript(script)
            version = connection.execute("PRAGMA user_version").fetchone()
            schemas.append((version, set(connection.execute("SELECT name, sql FROM sqlite_schema"))))
    assert schemas[0] == schemas[1]


@pytest.mark.parametrize("name", [name for name in NAMES if name.startswith("docs/")])
def test_python_examples_run(name: str, tmp_path: Path) -> None:
    """Every Python example of the documentation runs as it stands; the contract's are heads of methods."""
    for language, code in FENCE.findall((ROOT / name).read_text(encoding="utf-8")):
        if language == "python" and name != CONTRACT:
            command = [sys.executable, "-c", code]
            done = subprocess.run(command, cwd=tmp_path, capture_output=True, encoding="utf-8", check=False)
            assert done.returncode == 0, done.stderr


class Stage:
    """Where examples are played: an empty directory of alice's, outside any project.

    The clock ticks by the minute, ids are the same each time, and lines are 80 columns wide.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder.resolve()
        self._project = self._folder / "home/alice/errands"
        self._project.mkdir(parents=True)
        self._environ = {"HOME": str(self._project.parent), "TASKY_ACTOR": "alice", "COLUMNS": "80"}
        self._now = datetime(2026, 2, 4, 9, 0, tzinfo=UTC)
        self._numbers = count()
        self._code = 0

    def play(self, line: str) -> str:
        """What the command line prints, to stdout and stderr."""
        if line == "echo $?":
            return f"{self._code}\n"
        name, *argv = shlex.split(line.removesuffix(PRETTY).removesuffix(" 2>&1"))
        assert name == "tasky"
        self._now += timedelta(minutes=1)
        said = StringIO()
        with chdir(self._project), redirect_stdout(said), redirect_stderr(said):
            self._code = main(argv, clock=lambda: self._now, new_id=self._new_id, environ=self._environ)
        text = said.getvalue().replace(str(self._folder), "")
        if line.endswith(PRETTY):
            return json.dumps(json.loads(text), indent=4) + "\n"
        if argv[-1] == "--help" and len(argv) > 1:  # the page has them once
            text = re.sub(r"\nGlobal options:\n(?: .*\n)*", "", text)
        return text

    def _new_id(self) -> UUID:
        return UUID(bytes=sha256(f"errand {next(self._numbers)}".encode()).digest()[:16], version=4)


def played(text: str) -> str:
    """The page with what its commands print now: what follows a line with ``$`` in a ``console`` block.

    Local time is one hour ahead of UTC.
    """

    def play(block: re.Match[str]) -> str:
        lines = re.findall(r"^\$ (.*)$", block[0], re.MULTILINE)
        return "".join(f"$ {line}\n{stage.play(line)}" for line in lines)

    try:
        with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
            patch.setenv("TZ", "CET-1")
            time.tzset()
            stage = Stage(Path(folder))
            return CONSOLE.sub(play, text)
    finally:
        time.tzset()


def _help_commands() -> Iterator[str]:
    """``tasky add --help`` and so on, for every command and subcommand."""
    yield "tasky --help"
    context = click.Context(root)
    for name in (name for section in COMMANDS.values() for name in section):
        yield f"tasky {name} --help"
        command = root.get_command(context, name)
        if isinstance(command, click.Group):
            yield from (f"tasky {name} {sub} --help" for sub in command.list_commands(context))


def _shell(script: str, cwd: Path) -> str:
    """What the commands print, to stdout and stderr, in the order of their saying it."""
    scripts = str(Path(sys.executable).parent)
    kept = {key: value for key, value in os.environ.items() if key.startswith("COVERAGE")}
    done = subprocess.run(
        ["sh", "-c", script],
        cwd=cwd,
        env={**kept, "HOME": str(cwd), "PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        check=False,
    )
    return done.stdout


def _read(document: str) -> Iterator[TaskModel]:
    if '"schema"' in document:
        return read_envelope(document, source="the page")
    return iter([parse_task(document, source="the page")])


def _outside_code(text: str) -> str:
    return re.sub(r"`[^`\n]*`", "``", FENCE.sub("", text))


def _anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def _commands(text: str) -> Iterator[list[str]]:
    """The words after ``tasky``, of each command in inline code and in the blocks of shell."""
    lines = INLINE.findall(FENCE.sub("", text))
    for language, code in FENCE.findall(text):
        if language == "console":
            lines += [line[2:] for line in code.replace("\\\n", "").splitlines() if line.startswith("$ ")]
        elif language in ("sh", "bash"):
            lines += code.replace("\\\n", "").splitlines()
    for line in lines:
        yield from _split(line)


def _split(line: str) -> Iterator[list[str]]:
    lexer = shlex.shlex(line, posix=True, punctuation_chars="();<>|&")
    lexer.whitespace_split = True
    words: list[str] | None = None
    for token in lexer:
        if set(token) <= set("();<>|&"):
            if words:
                yield words
            words = None
        elif words is not None:
            words.append(token)
        elif token in ("tasky", "$(tasky") or token.endswith(("/tasky", "=$(tasky")):
            words = []
    if words:
        yield words


def _problem(words: list[str]) -> str:
    """Why the command line cannot be right, or nothing."""
    command: click.Command = root
    context = click.Context(root, info_name="tasky")
    for word in words:
        if word.startswith("-") and len(word) > 1:
            name = word.split("=")[0]
            known = {option for param in command.params for option in (*param.opts, *param.secondary_opts)}
            if name not in known | set(command.get_help_option_names(context)):
                return f"there is no option {name}"
        elif isinstance(command, click.Group):
            found = command.get_command(context, word)
            if found is None:
                return "" if word in ("COMMAND", "...") else f"there is no command {word}"
            command, context = found, click.Context(found, parent=context)
    return ""


if __name__ == "__main__":
    reference = ROOT / REFERENCE
    reference.write_text(played(reference.read_text(encoding="utf-8")), encoding="utf-8")
