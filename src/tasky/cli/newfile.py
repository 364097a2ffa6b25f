"""A file that a command writes for somebody: there when it is complete, and not before."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from io import TextIOWrapper
from pathlib import Path
from typing import TextIO

from tasky.atomic import atomic_file
from tasky.errors import TaskyError

__all__ = ["new_file"]


@contextmanager
def new_file(path: Path, *, force: bool | None = None) -> Iterator[TextIO]:
    """An ``atomic_file`` for text, with the errors that a person is told; a pipe is written to as it is.

    Raises ``TaskyError`` where it cannot be made, and when ``path`` exists, also when it was made meanwhile:
    with ``force`` True it is replaced, and with None there is no such option to point to.
    """
    path = path.resolve()  # a symbolic link stays one
    if path.exists() and not path.is_file():
        with path.open("w", encoding="ascii") as stream:  # a pipe or a device: nothing to replace
            yield stream
        return
    if path.exists() and not force:
        raise _exists(path, force)
    with ExitStack() as stack:
        try:
            file = stack.enter_context(atomic_file(path, replace=bool(force)))
        except OSError as error:
            raise TaskyError(
                f"{path} cannot be written: {error.strerror}",
                hint="Check its directory, and the permissions there.",
            ) from error
        text = TextIOWrapper(file, encoding="ascii", newline="\n")
        try:
            yield text
        finally:
            text.detach()  # writes what it holds back, and leaves the file open
        try:
            stack.pop_all().close()
        except FileExistsError:
            raise _exists(path, force) from None


def _exists(path: Path, force: bool | None) -> TaskyError:
    hint = "Choose another name." if force is None else "Choose another name, or replace it with --force."
    return TaskyError(f"{path} exists", hint=hint)
