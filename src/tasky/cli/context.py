"""What a command works with: ``App``, made once for each run of the command line."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from pathlib import Path
    from uuid import UUID

    from tasky.cli.output import Output
    from tasky.project import Settings
    from tasky.registry import BackendRegistry
    from tasky.service import TaskService

__all__ = ["App", "can_ask", "pass_app"]


class App:
    """The run's environment, its global options, and what follows from them, made when first asked for.

    ``directory``, ``storage``, ``as_json``, ``as_jsonl``, ``color`` and ``debug`` are the global options.
    """

    def __init__(
        self,
        *,
        environ: Mapping[str, str] = os.environ,
        clock: Callable[[], datetime] | None = None,
        new_id: Callable[[], UUID] | None = None,
    ) -> None:
        self.environ = environ
        self.clock = clock
        self.new_id = new_id
        self.directory: str | None = None
        self.storage: str | None = None
        self.as_json = False
        self.as_jsonl = False
        self.color = "auto"
        self.debug = False

    @cached_property
    def now(self) -> datetime:
        """The moment of this run, aware and in UTC: one for every date and filter in it."""
        return datetime.now(UTC) if self.clock is None else self.clock()

    @cached_property
    def cwd(self) -> Path:
        """The directory to work in, absolute. Raises a usage error when ``--directory`` names none."""
        from pathlib import Path  # the help and the version do without

        cwd = Path.cwd() / (self.directory or "")
        if self.directory is not None and not cwd.is_dir():
            raise click.UsageError(f"there is no directory {self.directory!a} to work in.")
        return cwd

    @cached_property
    def settings(self) -> Settings:
        """The project's settings; raises ``ProjectError``s."""
        from tasky.project import load_settings

        named = self.cwd if self.directory is not None and _may_be_project(self.cwd) else None
        return load_settings(self.cwd, self.environ, project=named, storage=self.storage)

    @property
    def registry(self) -> BackendRegistry:
        """The backends of this process."""
        from tasky.registry import default_registry

        return default_registry

    @cached_property
    def output(self) -> Output:
        """The renderer that the global options ask for, on this process's stdout and stderr."""
        from tasky.cli.output import Output

        return Output(
            sys.stdout,
            sys.stderr,
            environ=self.environ,
            now=self.now,
            as_json=self.as_json,
            as_jsonl=self.as_jsonl,
            color=self.color,
        )

    @contextmanager
    def service(self) -> Iterator[TaskService]:
        """The service on the project's store, which is opened now and closed at the end."""
        from uuid import uuid4

        from tasky.project import open_repository
        from tasky.service import TaskService, utc_now

        with open_repository(self.settings, self.registry, self.environ) as repository:
            yield TaskService(
                repository,
                actor=self.settings.actor.value,
                clock=self.clock or utc_now,
                new_id=self.new_id or uuid4,
            )

    def resolve(self, service: TaskService, references: Sequence[str]) -> list[UUID]:
        """The tasks that people named by their ids or unique prefixes, each once, in the given order."""
        return list(dict.fromkeys(service.resolve(reference) for reference in references))

    def confirm(self, question: str, *, yes: bool) -> None:
        """Return when ``yes``, or when the person at the terminal answers yes; otherwise end the command.

        Never waits where nobody can answer: that is a usage error which names ``--yes``. ``question`` is
        plain text without the question mark's answer choices.
        """
        if yes:
            return
        if not can_ask():
            raise click.UsageError(
                f"{question} Nobody can answer, as this is not a terminal, so nothing was done."
                " Add --yes to say so beforehand, or --dry-run to see what would happen."
            )
        if not self.output.ask(f"{question} [y/N] ").strip().lower().startswith("y"):
            self.output.note("Nothing was done.")
            raise click.exceptions.Exit(1)


def _may_be_project(directory: Path) -> bool:
    """Also where nobody may look: reading its config says why."""
    try:
        return stat.S_ISDIR((directory / ".tasky").stat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True


def can_ask() -> bool:
    """Whether a person is there to answer: stdin and stderr, where questions go, are a terminal."""
    return all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stderr))


pass_app = click.make_pass_decorator(App, ensure=True)
