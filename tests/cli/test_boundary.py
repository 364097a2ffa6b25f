"""How the command line ends: exit codes, and errors that say what, why and what next."""

from __future__ import annotations

import gc
import json
import subprocess
from importlib import import_module
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tasky import ResultStream, TaskFilter, TaskModel, TaskOrder, default_registry
from tasky.cli import run
from tasky.testing import MemoryTaskRepository

if TYPE_CHECKING:
    from tests.cli.conftest import CommandLine, Process


@pytest.mark.parametrize(
    ("argv", "code"),
    [
        (["list"], 0),
        (["list", "--no-such-option"], 2),
        (["add"], 2),
        (["add", "  "], 2),
        (["list", "--project", "NOT A SLUG"], 2),
        (["show", "00000000"], 3),
        (["show", "zz"], 3),
        (["add", ""], 2),
        (["add", "--tag", "a b", "A task"], 2),
        (["import", "nowhere.jsonl"], 1),
        *[([name, "--limit", "9" * 20], 0) for name in ("list", "log", "next")],
        (["init", "--storage", "memory://tasks"], 5),
        (["list", "--storage", "nosuch://tasks"], 6),
        (["list", "--storage", "memory://elsewhere"], 7),
    ],
)
def test_the_exit_code_tells_what_kind_of_thing_went_wrong(
    cli: CommandLine, argv: list[str], code: int
) -> None:
    """Each kind of error has its exit code and says what to do next; an empty list is no error."""
    result = cli(*argv, code=code)
    assert result.out == ""
    assert result.err.startswith("error: " if code else "")
    assert ("\nhint: " in result.err) == bool(code)


@pytest.mark.parametrize(
    ("closed", "argv", "code", "said"),
    [
        (">&-", ["--version"], 1, "error: standard output is closed\nhint: Send it to /dev/null"),
        ("2>&-", ["list"], 5, ""),
        (">&- 2>&-", ["list"], 1, ""),
    ],
)
def test_a_stream_that_is_closed_is_no_crash(
    process: Process, closed: str, argv: list[str], code: int, said: str
) -> None:
    """Without stdout nothing is done that could not be told; without stderr the exit code still tells."""
    done = subprocess.run(
        ["sh", "-c", f'exec "$@" {closed}', "sh", *process.program(argv)],
        cwd=process.cwd,
        env=process.environ,
        capture_output=True,
        check=False,
        encoding="utf-8",
    )
    assert (done.returncode, done.stdout) == (code, "")
    assert done.stderr.startswith(said)
    assert bool(done.stderr) == bool(said)


def test_outside_a_project_the_error_says_how_to_start_one(bare_cli: CommandLine) -> None:
    """Without a project a command fails, and names `tasky init`."""
    result = bare_cli("list", code=5)
    assert "no project" in result.err
    assert "hint:" in result.err
    assert "tasky init" in result.err


def test_errors_are_json_where_json_is_asked_for(cli: CommandLine) -> None:
    """With --json an error is an envelope on stderr, with message, hint and exit code."""
    result = cli("show", "00000000", "--json", code=3)
    assert result.out == ""
    assert result.error["error"] == "TaskNotFoundError"
    assert result.error["exit_code"] == 3
    assert "00000000" in result.error["message"]
    assert result.error["hint"]


def test_a_usage_error_is_json_too_even_before_the_option_is_read(cli: CommandLine) -> None:
    """A mistake that stands before --json or --jsonl on the line is reported as JSON all the same."""
    for option in ("--json", "--jsonl"):
        assert cli("lisst", option, code=2).error["error"] == "UsageError"


def test_a_mistyped_command_is_answered_with_the_nearest_one(cli: CommandLine) -> None:
    """An unknown command names the one that was probably meant; a hopeless one names none."""
    assert "Did you mean 'list'?" in cli("lst", code=2).err
    assert "Did you mean" not in cli("qqqqqq", code=2).err
    assert "Did you mean 'show'?" in cli("config", "shwo", code=2).err


def test_a_mistyped_option_is_answered_with_the_nearest_one(cli: CommandLine) -> None:
    """An unknown option names the one that was probably meant, and how to see them all."""
    error = cli("list", "--limt", "3", code=2).err
    assert "--limit" in error
    assert "tasky list --help" in error
    assert "No such option" in cli("-x", code=2).err


def test_a_directory_that_does_not_exist_is_a_usage_error(cli: CommandLine) -> None:
    """-C names a directory that has to exist."""
    assert "'nowhere'" in cli("-C", "nowhere", "list", code=2).err


def test_an_interrupted_command_says_so(cli: CommandLine) -> None:
    """Ctrl-C ends the command with exit code 130 and one word, without a traceback."""

    class Interrupting(MemoryTaskRepository):
        def initialize(self, *, create: bool = True) -> None:
            raise KeyboardInterrupt

    with default_registry.override("slow", lambda path: Interrupting()):
        result = cli("list", "--storage", "slow://tasks", code=130)
    assert result.err.split() == ["Interrupted."]


class Failing(MemoryTaskRepository):
    """A backend with a mistake in it: it fails with an error that is none of Tasky's."""

    error: Exception = RuntimeError("the \x1b[31mdisk\x1b[0m is on fire")

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.initialize(create=True)

    def find_tasks(
        self,
        filter: TaskFilter = TaskFilter(),  # noqa: B008 - immutable, and as in the contract
        /,
        *,
        order: TaskOrder = TaskOrder(),  # noqa: B008 - as above
        limit: int | None = None,
        after: TaskModel | None = None,
    ) -> ResultStream[TaskModel]:
        raise self.error


def test_an_unexpected_error_is_one_line_and_how_to_report_it(cli: CommandLine) -> None:
    """A mistake in a plugin shows as one safe line without a traceback, and asks to be reported."""
    with default_registry.override("failing", Failing):
        result = cli("list", "--storage", "failing://tasks", code=1)
    assert "RuntimeError: the \\x1b[31mdisk\\x1b[0m is on fire" in result.err
    assert "--debug" in result.err
    assert "Traceback" not in result.err


def test_debug_shows_the_traceback(cli: CommandLine) -> None:
    """--debug, before or after the command, adds the traceback and changes nothing else."""
    with default_registry.override("failing", Failing):
        for argv in (["--debug", "list"], ["list", "--debug"]):
            result = cli(*argv, "--storage", "failing://tasks", code=1)
            assert "Traceback" in result.err
            assert "hint:" in result.err


def test_an_error_of_the_system_names_the_file(cli: CommandLine) -> None:
    """An operating system's error shows as its own words and the file it is about."""

    class Locked(Failing):
        error = PermissionError(13, "Permission denied", "/there/tasks.db")

    with default_registry.override("locked", Locked):
        result = cli("list", "--storage", "locked://tasks", code=1)
    assert result.err.splitlines()[0] == "error: Permission denied: /there/tasks.db"


def test_global_options_work_before_and_after_the_command(cli: CommandLine) -> None:
    """--json, -C and --storage mean the same on both sides of the command's name."""
    cli("add", "Buy milk")
    before = cli("--json", "list").document
    assert before == cli("list", "--json").document
    assert [item["name"] for item in before["items"]] == ["Buy milk"]
    (cli.cwd / "below").mkdir()
    assert cli("-C", "below", "list").out == cli("list", "-C", "below").out == cli("list").out
    root = cli.cwd.parent
    cli.cwd = root
    assert cli("-C", "project", "list").out == cli("list", "--directory", str(root / "project")).out
    assert "Buy milk" in cli("list", "--storage", f"memory://{root}/project/tasks").out


def test_jsonl_wins_over_json(cli: CommandLine) -> None:
    """With both, each document has a line of its own and there is no envelope."""
    cli("add", "Buy milk")
    line = json.loads(cli("list", "--json", "--jsonl").out)
    assert line["name"] == "Buy milk"
    assert line["short_id"] == "00000001"


def test_a_closed_output_ends_a_program_that_embeds_the_command_quietly(
    cli: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where stdout is an object of the program's own, a closed one is exit code 1 and no error."""

    class Closed(StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    cli("add", "Buy milk")
    monkeypatch.setattr("sys.stdout", Closed())
    assert cli("list", code=1).err == ""


def test_the_console_script_runs_with_any_output(monkeypatch: pytest.MonkeyPatch) -> None:
    """The entry point ends the process with the command's exit code, whatever stdout is."""
    output = StringIO()
    monkeypatch.setattr("sys.stdout", output)
    monkeypatch.setattr("sys.argv", ["tasky", "--version"])
    with pytest.raises(SystemExit) as end:
        run()
    assert end.value.code == 0
    assert output.getvalue().startswith("tasky ")
    gc.unfreeze()


def test_importing_the_module_runs_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """`python -m tasky` is the command; importing `tasky.__main__` is not."""
    import_module("tasky.__main__")
    assert capsys.readouterr() == ("", "")
