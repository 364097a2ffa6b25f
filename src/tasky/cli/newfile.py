"""A file that a command writes for somebody: there when it is complete, and not before."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from tasky.errors import TaskyError

__all__ = ["new_file"]


@contextmanager
def new_file(path: Path, *, force: bool | None = None) -> Iterator[TextIO]:
    """A file that takes the place of ``path`` when the block ends well, and is gone otherwise.

    What it says is on the disk by then. Raises ``TaskyError`` when ``path`` exists: with ``force`` True it is
    replaced, and with None there is no such option to point to.
    """
    path = path.resolve()  # a symbolic link stays one
    if path.exists() and not path.is_file():
        with path.open("w", encoding="ascii") as stream:  # a pipe or a device: nothing to replace
            yield stream
        return
    if path.exists() and not force:
        hint = "Choose another name." if force is None else "Choose another name, or replace it with --force."
        raise TaskyError(f"{path} exists", hint=hint)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with partial.open("x", encoding="ascii", newline="\n") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
