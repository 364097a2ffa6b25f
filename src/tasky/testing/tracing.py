"""Watch the system calls of a process, and follow what it wrote until it was synced.

strace (Linux) prints every call with the path of its file. A file is dirty from a write to it until an fsync,
a directory from a change of its names until one; the answer may come when nothing of the store is dirty.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final

from tasky import TaskRepository
from tasky.testing.harness import NotProvenError
from tasky.testing.jobs import write_once
from tasky.testing.worker import Worker

__all__ = ["trace_a_batch", "unsynced"]

_CALLS: Final = (
    "open,openat,write,pwrite64,writev,pwritev,pwritev2,ftruncate,truncate,fallocate,copy_file_range,sendfile,"
    "fsync,fdatasync,rename,renameat,renameat2,link,linkat,unlink,unlinkat"
)
_CALL: Final = re.compile(r"^(?:\d+ +)?(\w+)\((.*)\) += (-?\d+)")
_DESCRIPTOR: Final = re.compile(r"^(\d+)<([^>]*)>")
_OPENED: Final = re.compile(r"^(?:\d+ +)?open(?:at)?\((.*)\) += (\d+)<")
_NAME: Final = re.compile(r'"([^"]*)"')


def trace_a_batch(factory: Callable[[Any], TaskRepository], path: Path) -> list[str]:
    """The system calls, one a line, of a process that writes a batch to the store at ``path``.

    Raises ``NotProvenError`` where processes cannot be watched.
    """
    strace = shutil.which("strace")
    if strace is None:
        raise NotProvenError("strace, which shows the system calls, is not installed")
    with tempfile.NamedTemporaryFile("r", encoding="utf-8", errors="replace") as trace:
        command = [strace, "-f", "-y", "-qq", "-s", "256", "-o", trace.name, "-e", f"trace={_CALLS}"]
        with Worker(factory, path, write_once, command=command) as worker:
            try:
                worker.start()
            except AssertionError as error:
                raise NotProvenError("this machine does not let processes be watched") from error
            worker.finish()
        return trace.read().splitlines()


def unsynced(calls: Iterable[str], directory: Path, present: Iterable[Path]) -> set[str]:
    """What was written to in ``directory`` between 'begin' and 'answer' and not synced by then.

    ``present`` are the files that were there before: a new one's directory has to be synced, too. Raises
    ``NotProvenError`` when no write was seen at all.
    """
    known = {str(path) for path in present}
    dirty: set[str] = set()
    written = False
    synchronous: set[str] = set()  # descriptors of files each write to which is synced
    begun = False
    for line in calls:
        if '"answer' in line:
            break
        begun = begun or '"begin' in line
        opened = _OPENED.match(line)
        if opened is not None:
            change = synchronous.add if re.search(r"\bO_D?SYNC\b", opened[1]) else synchronous.discard
            change(opened[2])
        if not begun:
            continue
        call = _CALL.match(line)
        if call is None or int(call[3]) < 0:
            continue
        name, arguments = call[1], call[2]
        descriptor = _DESCRIPTOR.match(arguments)
        names = [_real(directory / each) for each in _NAME.findall(arguments)]
        if name in ("fsync", "fdatasync"):
            dirty.discard(descriptor[2] if descriptor else "")
        elif name.startswith(("rename", "link")):
            source, target = names[0], names[-1]
            dirty = {target if each == source else each for each in dirty}
            known.add(target)
            dirty.add(str(Path(target).parent))
        elif name.startswith("unlink"):
            dirty.discard(names[-1])
        elif descriptor is not None and name not in ("open", "openat"):
            written = written or _inside(descriptor[2], directory)
            if descriptor[1] not in synchronous:
                dirty.add(descriptor[2])
            if descriptor[2] not in known:
                known.add(descriptor[2])
                dirty.add(str(Path(descriptor[2]).parent))
    if not written:
        raise NotProvenError("no write to the store was seen, as when it is mapped into memory")
    return {each for each in dirty if _inside(each, directory)}


def _inside(path: str, directory: Path) -> bool:
    return path == str(directory) or path.startswith(f"{directory}/")


def _real(path: Path) -> str:
    """The path as strace shows that of a descriptor."""
    return str(path.parent.resolve() / path.name)
