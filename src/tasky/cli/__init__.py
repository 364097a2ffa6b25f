"""The ``tasky`` command: one module a command, a lazy group, one error boundary, one renderer."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from io import TextIOWrapper
from typing import NoReturn
from uuid import UUID

__all__ = ["main", "run"]


def main(
    argv: Sequence[str] | None = None,
    *,
    clock: Callable[[], datetime] | None = None,
    new_id: Callable[[], UUID] | None = None,
    environ: Mapping[str, str] | None = None,
) -> int:
    """Run one command and return its exit code; everything it says goes to stdout and stderr.

    ``argv`` is without the program's name and defaults to this process's. ``clock`` (aware) and ``new_id``
    replace the real ones, ``environ`` the process's environment.
    """
    from tasky.cli.boundary import run_command
    from tasky.cli.context import App

    app = App(environ=os.environ if environ is None else environ, clock=clock, new_id=new_id)
    return run_command(app, sys.argv[1:] if argv is None else argv)


def run() -> NoReturn:
    """The console script: ``main`` as a process, or the answer to a shell that completes a command line."""
    # Importing makes many objects and hardly any garbage, for which 700 has it searched thirty times.
    gc.set_threshold(50_000)
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115 - until the end
    if sys.stdout is None:  # nothing is done that could not be told
        sys.stderr.write("error: standard output is closed\nhint: Send it to /dev/null to see nothing.\n")
        sys.exit(1)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # for names that its encoding lacks
    instruction = os.environ.get("_TASKY_COMPLETE")
    if instruction is None:
        code = main()
    else:
        from tasky.cli.completion import answer_shell

        code = answer_shell(instruction)
    gc.freeze()  # what is left goes with the process: looking through it all once more takes 7 ms
    sys.exit(code)
