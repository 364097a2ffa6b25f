"""Files that other programs see whole or not at all, and that are on the disk when they are seen."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

__all__ = ["atomic_file", "write_atomically"]


@contextmanager
def atomic_file(path: Path, *, mode: int = 0o666, replace: bool) -> Iterator[IO[bytes]]:
    """A file that is at ``path`` when the block ends well, its content and its name durable; else it is gone.

    ``mode`` counts where the file is new, less the umask. Raises ``OSError``: ``FileExistsError``, at the end
    of the block, when there is such a file by then and it may not be replaced.
    """
    draft = path.with_name(f".{path.name}.{os.urandom(6).hex()}.partial")
    try:
        with _created(draft, mode) as file:
            yield file
            _sync(file)
        if replace:
            draft.replace(path)
        else:
            _link(draft, path, mode)
    finally:
        draft.unlink(missing_ok=True)
    with suppress(OSError):  # Windows cannot open a directory; its renames need no such care
        descriptor = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def write_atomically(path: Path, data: bytes, *, mode: int, replace: bool) -> None:
    """Make ``path`` hold ``data``; as ``atomic_file``."""
    with atomic_file(path, mode=mode, replace=replace) as file:
        file.write(data)


def _created(path: Path, mode: int) -> IO[bytes]:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), mode)
    return open(descriptor, "wb")  # noqa: PTH123 - a descriptor is no path


def _sync(file: IO[bytes]) -> None:
    file.flush()
    os.fsync(file.fileno())


def _link(draft: Path, path: Path, mode: int) -> None:
    """Give the draft its name, which fails when it is taken, as renaming does not everywhere."""
    try:
        path.hardlink_to(draft)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links: not atomic, but still never over another
        from shutil import copyfileobj  # hardly ever needed

        with draft.open("rb") as source, _created(path, mode) as target:
            copyfileobj(source, target)
            _sync(target)
