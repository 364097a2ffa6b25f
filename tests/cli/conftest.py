"""The command line in this process: a project in an empty directory, a clock that stands, ids that count.

A test names the type of its fixtures with ``if TYPE_CHECKING: from tests.cli.conftest import CommandLine``.
"""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from io import BytesIO, TextIOWrapper
from itertools import count
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from tasky import TaskRepository, default_registry
from tasky.cli import main
from tasky.testing import MemoryTaskRepository
from tasky.testing.memory import MemoryStore


@dataclass(frozen=True)
class Result:
    """What a command left behind: its exit code and what it said."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        """The lines on stdout."""
        return self.out.splitlines()

    @property
    def document(self) -> dict[str, Any]:
        """stdout as one JSON document."""
        document: dict[str, Any] = json.loads(self.out)
        return document

    @property
    def items(self) -> list[dict[str, Any]]:
        """The items of the JSON envelope on stdout."""
        items: list[dict[str, Any]] = self.document["items"]
        return items

    @property
    def error(self) -> dict[str, Any]:
        """The error in the JSON envelope on stderr."""
        document = json.loads(self.err.splitlines()[-1])
        assert (document["schema"], document["kind"]) == ("tasky/1", "error")
        error: dict[str, Any] = document["items"][0]
        return error


class Clock:
    """A clock that stands until a test moves it. It starts on Wednesday, 2026-02-04 at 09:00 UTC."""

    def __init__(self) -> None:
        self.now = datetime(2026, 2, 4, 9, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **duration: float) -> None:
        """Move on by a ``timedelta``'s arguments."""
        self.now += timedelta(**duration)


class CommandLine:
    """``tasky`` in this process, in the directory ``cwd`` and with the environment ``environ``.

    The backend ``memory`` keeps a store for each path as long as the test runs.
    """

    def __init__(self, cwd: Path, environ: dict[str, str], clock: Clock, capture: Callable[[], Any]) -> None:
        self.cwd = cwd
        self.environ = environ
        self.clock = clock
        self.stores: dict[Path, MemoryStore] = {}
        self._numbers = count(1)
        self._capture = capture

    def __call__(self, *argv: str, stdin: str = "", code: int | None = 0) -> Result:
        """Run a command, and require its exit code (None: any). ``stdin`` is a pipe with that text in it."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("sys.stdin", TextIOWrapper(BytesIO(stdin.encode()), encoding="utf-8"))
            patch.chdir(self.cwd)
            actual = main(argv, clock=self.clock, new_id=self.new_id, environ=self.environ)
        captured = self._capture()
        result = Result(actual, captured.out, captured.err)
        assert code in (None, actual), f"tasky {' '.join(argv)}: {result}"
        return result

    def new_id(self) -> UUID:
        """00000001-..., 00000002-... : tasks and batches count together."""
        return UUID(f"{next(self._numbers):08x}-0000-4000-8000-000000000000")

    def open(self, path: Path) -> TaskRepository:
        """The factory of the backend ``memory``."""
        return MemoryTaskRepository(self.stores.setdefault(path, MemoryStore()))

    def repository(self) -> TaskRepository:
        """The project's store, opened beside the command line."""
        repository = self.open(self.cwd / "tasks")
        repository.initialize(create=False)
        return repository


class Process:
    """``tasky`` as a process of its own, in the directory ``cwd`` and with the environment ``environ``.

    With ``site``, just the distributions in that folder are installed.
    """

    def __init__(self, cwd: Path, environ: dict[str, str]) -> None:
        self.cwd = cwd
        self.environ = environ
        self.site: Path | None = None

    def __call__(self, *argv: str, stdin: str = "", code: int | None = 0) -> Result:
        """Run a command between pipes, and require its exit code (None: any)."""
        done = subprocess.run(
            self.program(argv),
            capture_output=True,
            check=False,
            cwd=self.cwd,
            encoding="utf-8",
            env=self.environ,
            input=stdin,
            timeout=300,
        )
        assert code in (None, done.returncode), done
        return Result(done.returncode, done.stdout, done.stderr)

    def on_terminal(
        self, *argv: str, typed: str = "", interrupt_at: str = "", columns: int = 80, code: int | None = 0
    ) -> Result:
        """Run a command at a terminal where ``typed`` is typed; ``out`` is what the screen was sent.

        What is typed is echoed by the terminal, and line feeds are line feeds again. ``interrupt_at`` is text
        at which the person presses Ctrl-C.
        """
        screen, terminal = pty.openpty()
        termios.tcsetwinsize(terminal, (24, columns))
        with subprocess.Popen(
            self.program(argv),
            cwd=self.cwd,
            env={"TERM": "xterm-256color", **self.environ},
            stdin=terminal,
            stdout=terminal,
            stderr=terminal,
        ) as process:
            os.close(terminal)
            os.write(screen, typed.encode())
            sent = bytearray()
            killer = threading.Timer(300, process.kill)  # a test that hangs fails
            killer.start()
            with suppress(OSError):  # EIO: the process, which had the other end, is gone
                while data := os.read(screen, 65536):
                    sent += data
                    if interrupt_at and interrupt_at.encode() in sent:
                        process.send_signal(signal.SIGINT)
                        interrupt_at = ""
            killer.cancel()
            actual = process.wait(timeout=60)
        os.close(screen)
        assert code in (None, actual), sent
        return Result(actual, sent.decode().replace("\r\n", "\n"), "")

    def program(self, argv: Sequence[str]) -> list[str]:
        """What to run for a command with these arguments."""
        if self.site is None:
            return [sys.executable, "-m", "tasky", *argv]
        return [sys.executable, "-c", WITH_SITE, str(self.site), *argv]


WITH_SITE = """
import sys, sysconfig
import click, importlib_metadata._adapters, packaging.requirements, zipp.compat.overlay
import tasky.cli, tasky.testing
site, *argv = sys.argv[1:]
compiled = [path for path in sys.path if path.endswith("lib-dynload")]
sys.path[:] = [site, sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib"), *compiled]
sys.exit(tasky.cli.main(argv))
"""


@pytest.fixture
def clock() -> Clock:
    """The time that the command line goes by."""
    return Clock()


@pytest.fixture
def local_time() -> Iterator[None]:
    """Local time is UTC+1 in this process and its children."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", "CET-1")
        time.tzset()
        yield
    time.tzset()


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """The environment of a user with an empty home."""
    home = tmp_path / "home"
    home.mkdir()
    kept = {name: os.environ[name] for name in os.environ if name == "PATH" or name.startswith("COVERAGE")}
    return {
        **kept,
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(home / ".config"),
        "TASKY_ACTOR": "alice",
        "TZ": "CET-1",
    }


@pytest.fixture
def cwd(tmp_path: Path) -> Path:
    """An empty directory outside any project."""
    path = tmp_path / "project"
    path.mkdir()
    return path


@pytest.fixture
def process(cwd: Path, environ: dict[str, str]) -> Process:
    """The command line as a process, in an empty directory outside any project."""
    return Process(cwd, environ)


@pytest.fixture
def bare_cli(
    cwd: Path, environ: dict[str, str], local_time: None, capsys: pytest.CaptureFixture[str], clock: Clock
) -> Iterator[CommandLine]:
    """The command line in an empty directory, outside any project."""
    command_line = CommandLine(cwd, environ, clock, capsys.readouterr)
    with default_registry.override("memory", command_line.open):
        yield command_line


@pytest.fixture
def cli(bare_cli: CommandLine) -> CommandLine:
    """The command line in a project of its own, whose store is empty."""
    bare_cli("init", "--storage", "memory://tasks")
    return bare_cli
