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

    It is on the disk by then, and its name, too. Raises ``TaskyError`` where it cannot be made, and when
    ``path`` exists, also when it was made meanwhile: with ``force`` True it is replaced, and with None there
    is no such option to point to.
    """
    path = path.resolve()  # a symbolic link stays one
    if path.exists() and not path.is_file():
        with path.open("w", encoding="ascii") as stream:  # a pipe or a device: nothing to replace
            yield stream
        return
    if path.exists() and not force:
        raise _exists(path, force)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        stream = partial.open("x", encoding="ascii", newline="\n")
    except OSError as error:
        raise TaskyError(
            f"{path} cannot be written: {error.strerror}",
            hint="Check its directory, and the permissions there.",
        ) from error
    try:
        with stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        if force:
            partial.replace(path)
        else:
            _link(partial, path, force)
    finally:
        partial.unlink(missing_ok=True)
    _sync_directory(path.parent)


def _link(partial: Path, path: Path, force: bool | None) -> None:
    """Give the file its name unless another one has it."""
    try:
        path.hardlink_to(partial)
    except FileExistsError:
        raise _exists(path, force) from None
    except OSError:  # pragma: no cover - a file system without hard links; this comes as near as one can
        partial.replace(path)


def _exists(path: Path, force: bool | None) -> TaskyError:
    hint = "Choose another name." if force is None else "Choose another name, or replace it with --force."
    return TaskyError(f"{path} exists", hint=hint)


def _sync_directory(directory: Path) -> None:
    if os.name == "nt":  # pragma: no cover - directories cannot be opened there
        return
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
