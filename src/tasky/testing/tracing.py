"""Watch the system calls of a process, and follow what it wrote until it was synced.

strace (Linux) prints every call with the path of its file. A file is dirty from a write to it until an fsync,
a directory from a change of its names until one; the answer may come when nothing of the store is dirty.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Final

from tasky import TaskRepository
from tasky.testing.jobs import write_once
from tasky.testing.unproven import NotProvenError
from tasky.testing.worker import Worker

__all__ = ["trace_a_batch", "unsynced"]

_CALLS: Final = (
    "open,openat,write,pwrite64,writev,pwritev,pwritev2,ftruncate,truncate,fallocate,copy_file_range,sendfile,"
    "fsync,fdatasync,mkdir,mkdirat,rename,renameat,renameat2,link,linkat,unlink,unlinkat"
)
_CALL: Final = re.compile(r"^(\w+)\((.*)\) += (-?\d+)")
_RESUMED: Final = re.compile(r"^<\.\.\. \w+ resumed>(.*)")
_DESCRIPTOR: Final = re.compile(r"(?:^|, )(\d+)<([^>]*)>")
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
        with Worker(factory, path, write_once, create=None, command=command) as worker:
            try:
                worker.start()
            except AssertionError as error:
                raise NotProvenError("this machine does not let processes be watched") from error
            worker.finish()
        return trace.read().splitlines()


def unsynced(
    calls: Iterable[str], directory: Path, present: Iterable[Path], transient: tuple[str, ...] = ()
) -> set[str]:
    """What was changed in ``directory`` between 'begin' and 'answer' and not synced by then.

    ``present`` are the files that were there before: a new one's directory has to be synced, too. Files whose
    names end with one of ``transient`` don't count. Raises ``NotProvenError`` when no write was seen at all.
    """
    known = {str(path) for path in present}
    dirty: set[str] = set()
    written: set[str] = set()
    synchronous: set[str] = set()  # descriptors of files each write to which is synced
    begun = False
    for name, arguments, result in _joined(calls):
        descriptors = _DESCRIPTOR.findall(arguments)
        begun = begun or (name == "write" and '"begin' in arguments)
        if name == "write" and '"answer' in arguments:
            break
        if name in ("open", "openat"):
            opened = synchronous.add if re.search(r"\bO_D?SYNC\b", arguments) else synchronous.discard
            opened(result)
        elif not begun:
            continue
        elif name in ("fsync", "fdatasync"):
            dirty.discard(descriptors[0][1])
        elif name.startswith(("rename", "link", "unlink", "truncate", "mkdir")):
            names = [_real(directory / each) for each in _NAME.findall(arguments)]
            if name.startswith("rename"):
                dirty = {names[-1] if each == names[0] else each for each in dirty}
            if name.startswith("truncate"):
                dirty.add(names[0])
            elif name.startswith("unlink"):
                if names[-1] in written:  # a journal, whose end may be the commit
                    dirty.add(str(Path(names[-1]).parent))
                dirty.discard(names[-1])
            else:
                dirty.add(str(Path(names[-1]).parent))
                known.add(names[-1])
        elif descriptors:
            number, path = descriptors[1 if name == "copy_file_range" else 0]
            if path.endswith(transient):
                continue
            written.add(path)
            if number not in synchronous:
                dirty.add(path)
            if path not in known:
                known.add(path)
                dirty.add(str(Path(path).parent))
    if not any(_inside(each, directory) for each in written):
        raise NotProvenError("no write to the store was seen, as when it is mapped into memory")
    return {each for each in dirty if _inside(each, directory)}


def _joined(calls: Iterable[str]) -> Iterator[tuple[str, str, str]]:
    """Name, arguments and result of each call that succeeded; one that others interrupted is put together."""
    unfinished: dict[str, str] = {}
    for line in calls:
        process, _, call = line.partition(" ")
        call = call.strip()
        if call.endswith("<unfinished ...>"):
            unfinished[process] = call.removesuffix("<unfinished ...>")
            continue
        resumed = _RESUMED.match(call)
        if resumed is not None:
            call = unfinished.pop(process, "") + resumed[1]
        match = _CALL.match(call)
        if match is not None and not match[3].startswith("-"):
            yield match[1], match[2], match[3]


def _inside(path: str, directory: Path) -> bool:
    return path == str(directory) or path.startswith(f"{directory}/")


def _real(path: Path) -> str:
    """The path as strace shows that of a descriptor."""
    return str(path.parent.resolve() / path.name)
