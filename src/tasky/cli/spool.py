"""Input as a file that can be read twice: a pipe is slow, and a store should not be locked while it flows."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

from tasky.errors import TaskyError

__all__ = ["STDIN", "spooled"]

STDIN: Final = "-"
IN_MEMORY: Final = 1 << 20  # bytes of a pipe that are kept in memory; more go to a temporary file


@contextmanager
def spooled(file: str, directory: Path) -> Iterator[IO[bytes]]:
    """The content of ``file`` (relative to ``directory``; ``-`` is stdin), at its beginning and seekable.

    What cannot be sought in (a pipe, a device) is read to its end first. Raises ``TaskyError`` for a file
    that cannot be read, and for a terminal, which would wait for somebody to type a file.
    """
    if file == STDIN:
        if sys.stdin is None or sys.stdin.isatty():
            where = "closed" if sys.stdin is None else "a terminal"
            raise TaskyError(
                f"stdin is {where}: no file comes from there", hint="Name a file, or use a pipe."
            )
        with _copied(sys.stdin.buffer) as copy:
            yield copy
        return
    try:
        opened = (directory / file).open("rb")
    except OSError as error:
        raise TaskyError(
            f"{file} cannot be read: {error.strerror}",
            hint=f"A relative path is taken from {directory}. Check its spelling and its permissions.",
        ) from error
    with opened:
        if (directory / file).is_file():
            yield opened
        else:
            with _copied(opened) as copy:
                yield copy


@contextmanager
def _copied(stream: IO[bytes]) -> Iterator[IO[bytes]]:
    from shutil import copyfileobj
    from tempfile import SpooledTemporaryFile

    with SpooledTemporaryFile(IN_MEMORY) as copy:
        copyfileobj(stream, copy)
        copy.seek(0)
        yield copy
