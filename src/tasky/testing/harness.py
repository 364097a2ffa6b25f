"""What only the author of a backend can do to a store, for the rules that need it.

A rule asks its harness to make the store newer, damaged or read-only, and then looks at what the backend
makes of it. What can be done to any file is done here; whatever else a harness leaves out makes the rules
that need it *not proven*, which is no pass.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, NoReturn
from uuid import UUID

from tasky import StorageLocation, TaskRepository
from tasky.testing.tracing import trace_a_batch, unsynced
from tasky.testing.unproven import NotProvenError

__all__ = ["HARNESS_GROUP", "StoreHarness"]

HARNESS_GROUP = "tasky.harness"


class StoreHarness:
    """Derive from it, override what your store needs, and name it in the entry-point group ``tasky.harness``.

    The entry point has the name of the backend: ``mine = "tasky_mine.harness:MineHarness"``. A harness is
    made without arguments, also in other processes. ``location`` is always what the factory takes: a file
    backend's is an absolute ``Path``. Where a method says that the store is closed, no handle is open.

    ``max_tasks`` is for a store that has to hold all tasks in memory: the most that it is made for, to which
    it is then tested; the report card says so. None says that memory does not grow with the number of tasks,
    which is tested, too. ``batch_memory`` is how much one batch may take, however large it is, in MiB.
    ``transient`` are endings of the names of files beside a store that hold nothing of it, so that they may
    be lost at any time, as locks and caches may; extend it: ``(*StoreHarness.transient, ".cache")``.
    """

    max_tasks: ClassVar[int | None] = None
    batch_memory: ClassVar[int] = 96
    transient: ClassVar[tuple[str, ...]] = (".lock", "-lock", "-shm")
    given: ClassVar[StorageLocation | None] = None  # a server's location, from the command line of the kit

    def fresh_location(self, directory: Path) -> Any:
        """A location, picklable, where there is no store yet; ``directory`` is empty and this test's own.

        For files, in a directory that is not there yet. For a server, a name at ``given`` that is not taken.
        """
        if self.given is not None:
            self._leave_out("fresh_location")
        return directory / "project" / "store"

    def footprint(self, location: Any) -> object:
        """All that can be seen of a store from outside, to be compared: for files, names and contents.

        What is ``transient`` is left out. Where there is no store yet, that is an answer, too.
        """
        folder = self._file(location, "footprint").parent
        return [
            (str(path.relative_to(folder)), path.read_bytes() if path.is_file() else None)
            for path in sorted(folder.rglob("*"))
            if not path.name.endswith(self.transient)
        ]

    def impatient(self, location: Any) -> TaskRepository:
        """A repository, not initialized, that waits for other writers for about 0.1 s and not for longer."""
        self._leave_out("impatient")

    def make_newer(self, location: Any) -> None:
        """Change the closed store into one that a later version of the backend might have written."""
        self._leave_out("make_newer")

    def damage_task(self, location: Any, task_id: UUID) -> None:
        """Make what the closed store holds of this task unreadable, and of no other."""
        self._leave_out("damage_task")

    def contradict(self, location: Any, task_id: UUID) -> None:
        """Change this task in the closed store behind its history's back: to another revision, say."""
        self._leave_out("contradict")

    def without_parent(self, location: Any) -> Any:
        """Where a store might be if what it lies in were there: a directory, a database."""
        path = self._file(location, "without_parent")
        return path.parent / "not" / "there" / path.name

    def make_foreign(self, location: Any) -> None:
        """Put something that is no store where there is none yet."""
        path = self._file(location, "make_foreign")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"This is somebody's text, and no store of tasks.\n" * 100)

    def damage(self, location: Any, chance: random.Random) -> None:
        """Do some harm to the closed store, another one each time: cut it off, flip bits in it."""
        path = self._file(location, "damage")
        files = [each for each in sorted(path.parent.iterdir()) if each.is_file() and each.stat().st_size]
        victim = chance.choice(files)
        data = bytearray(victim.read_bytes())
        if chance.random() < 0.3:
            del data[chance.randrange(len(data)) :]
        else:
            for _ in range(chance.choice([1, 1, 8, 64])):
                data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        victim.write_bytes(data)

    @contextmanager
    def read_only(self, location: Any) -> Iterator[None]:
        """While it lasts, nobody but a privileged user can write to the closed store."""
        path = self._file(location, "read_only")
        modes = {each: each.stat().st_mode for each in (path.parent, *path.parent.iterdir())}
        for each in modes:
            each.chmod(0o555 if each.is_dir() else 0o444)
        try:
            yield
        finally:
            for each, mode in modes.items():
                each.chmod(mode)

    @contextmanager
    def little_space(self, location: Any) -> Iterator[None]:
        """While it lasts, this process, which is the test's own, can add 60,000 bytes to the store at most.

        For a file by ``RLIMIT_FSIZE``, whose signal is ignored: the system call fails, as on a full disk.
        """
        path = self._file(location, "little_space")
        if os.name == "nt":  # pragma: no cover - we have no Windows to try it on
            raise NotProvenError("Windows has no limit on the size of files")
        import resource  # not on Windows

        size = max(each.stat().st_size for each in path.parent.iterdir() if each.is_file())
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size + 60_000, before[1]))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)

    def stop_server(self, location: Any) -> None:
        """End the server of this location at once, as kill -9 does. Only a backend of servers needs it."""
        self._leave_out("stop_server")

    def start_server(self, location: Any) -> None:
        """Start it again, with what is on its disk, and return when it answers."""
        self._leave_out("start_server")

    def prove_durability(self, factory: Callable[[Any], TaskRepository], location: Any) -> None:
        """Raise ``AssertionError`` unless a new store, and a batch in it, were synced before the answer.

        There is no store at ``location`` yet. For a file it is seen from the system calls of a process, among
        which writes to mapped memory are not; a server shows it by its log or its settings.
        """
        path = self._file(location, "prove_durability")
        for what in ("the new store", "a batch"):
            present = list(path.parent.rglob("*"))
            calls = trace_a_batch(factory, path)
            left = unsynced(calls, path.parent.resolve(), present, self.transient)
            names = [
                f"directory {each} (a name in it was made or removed)"
                if Path(each).is_dir()
                else f"file {each}"
                for each in sorted(left)
            ]
            assert not names, f"{what} was written, but not synced before the answer: {', '.join(names)}"

    def _file(self, location: Any, method: str) -> Path:
        if not isinstance(location, Path):
            self._leave_out(method)
        return location

    def _leave_out(self, method: str) -> NoReturn:
        raise NotProvenError(f"{type(self).__name__} has no {method}()")
