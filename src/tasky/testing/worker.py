"""Another process on the same store: its jobs, and the handle by which the kit drives it.

The child gets the factory by the name of its module and the location as data, says that it is ready, and
starts when it is told to; so several of them start at the same moment.
"""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from threading import Event, Timer
from typing import IO, Any, Final, TypeVar

from tasky import TaskRepository
from tasky.testing.unproven import NotProvenError

__all__ = ["Job", "Worker", "serve"]

T = TypeVar("T")
Job = Callable[..., None]

_NOT_PROVEN: Final = "not proven: "
_PATIENCE: Final = 600.0  # seconds for an answer


class Worker:
    """A process that waits for ``start`` and then does ``job(repository, *arguments)``.

    ``create`` is what it passes to ``initialize``; None leaves that to the job. ``command`` is put before the
    process's own, for a program that watches it. It is a context manager: leaving it ends the process.
    """

    def __init__(
        self,
        factory: Callable[[Any], TaskRepository],
        location: Any,
        job: Job,
        *arguments: object,
        create: bool | None = False,
        command: Sequence[str] = (),
    ) -> None:
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as the process
        self._process = subprocess.Popen(  # noqa: S603 - our own module, in this interpreter
            [*command, sys.executable, "-m", "tasky.testing.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            start_new_session=True,
        )
        payload = pickle.dumps((factory, location, job, arguments, create))
        with suppress(BrokenPipeError):  # it has ended already: start() says why
            self._send((sys.path, payload))

    def start(self) -> Worker:
        """Wait until the process is ready, and let it go; returns itself."""
        with self._limited(_PATIENCE):
            ready = self._output.readline()
        assert ready == b"ready\n", f"the other process cannot make the repository: {self._said()}"
        self.say("go")
        return self

    def say(self, line: str) -> None:
        """Send a line to the job's standard input."""
        self._input.write(f"{line}\n".encode())
        self._input.flush()

    def read(self) -> str:
        """The next line that the job prints; fails when there is none."""
        with self._limited(_PATIENCE):
            line = self._output.readline()
        assert line, f"the other process ended with {self._process.wait()}: {self._said()}"
        return line.decode().strip()

    def ask(self, location: Any, question: Callable[..., T], *arguments: object) -> T:
        """What ``question(repository, *arguments)`` returns there, or raise what it raises; for ``serve``."""
        self._send((location, question, arguments))
        try:
            with self._limited(_PATIENCE):
                answer, error = pickle.load(self._output)  # noqa: S301 - the kit itself sent it
        except EOFError:
            code = self._process.wait()
            raise AssertionError(f"the other process ended with {code}: {self._said()}") from None
        if error is not None:
            raise error
        result: T = answer
        return result

    def finish(self, patience: float = _PATIENCE) -> list[str]:
        """Wait for the end of the job; returns the lines that were not read. Fails when the job failed.

        It is killed, and has failed, when it is not over after so many seconds.
        """
        with self._limited(patience):
            lines = self._output.read().decode().splitlines()
            code = self._process.wait()
        assert code == 0, f"the other process ended with {code}: {self._said()}"
        if lines and lines[-1].startswith(_NOT_PROVEN):
            raise NotProvenError(lines[-1].removeprefix(_NOT_PROVEN))
        return lines

    def kill(self) -> list[str]:
        """End the process at once, as kill -9 does; returns the lines that were not read."""
        self._kill_all()
        lines = self._output.read().decode().split("\n")
        self._process.wait()
        return lines[:-1]  # what follows the last line break was cut off

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._kill_all()
        self._process.wait()
        self._output.close()
        self._errors.close()
        with suppress(OSError):  # what was not sent any more
            self._input.close()

    @contextmanager
    def _limited(self, seconds: float) -> Iterator[None]:
        """Kill the process when the block takes longer: a backend that hangs fails its rule."""
        late = Event()

        def kill() -> None:
            late.set()
            self._kill_all()

        killer = Timer(seconds, kill)
        killer.start()
        try:
            yield
        finally:
            killer.cancel()
            if late.is_set():
                raise AssertionError(
                    f"the other process was stopped after {seconds:g} s, in which it had not come to an end:"
                    " it hangs, or this machine has too much else to do. It says nothing about anything else"
                )

    def _kill_all(self) -> None:
        """Kill the process, and the one that it may watch: both are in a group of their own."""
        if os.name == "nt":  # pragma: no cover - we have no Windows to try it on
            self._process.kill()
        else:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)

    def _said(self) -> str:
        """The last line that the process said on stderr; all of it is passed on."""
        self._errors.seek(0)
        text = self._errors.read().decode(errors="backslashreplace")
        sys.stderr.write(text)
        return next((line for line in reversed(text.splitlines()) if line.strip()), "it said nothing")

    def _send(self, item: object) -> None:
        pickle.dump(item, self._input)
        self._input.flush()

    @property
    def _input(self) -> IO[bytes]:
        assert self._process.stdin is not None  # it is a pipe
        return self._process.stdin

    @property
    def _output(self) -> IO[bytes]:
        assert self._process.stdout is not None  # it is a pipe
        return self._process.stdout


def serve(repository: TaskRepository, factory: Callable[[Any], TaskRepository]) -> None:
    """Answer what ``Worker.ask`` asks, until the other side ends.

    The repository of a location stays open until another one is asked about; None is no location.
    """
    here: Any = None
    while True:
        try:
            location, question, arguments = pickle.load(sys.stdin.buffer)  # noqa: S301 - the kit itself sent it
        except EOFError:
            repository.close()
            return
        answer: tuple[Any, Exception | None]
        try:
            if location not in (None, here):
                repository.close()
                here, repository = location, factory(location)
                repository.initialize(create=False)
            answer = question(repository, *arguments), None
        except Exception as error:  # it is raised where it was asked
            answer = None, error
        pickle.dump(answer, sys.stdout.buffer)
        sys.stdout.buffer.flush()


def _main() -> None:
    sys.path[:], payload = pickle.load(sys.stdin.buffer)  # noqa: S301 - the kit itself sent it
    factory, location, job, arguments, create = pickle.loads(payload)  # noqa: S301 - the kit itself sent it
    repository = factory(location)
    print("ready", flush=True)
    if sys.stdin.buffer.readline() == b"go\n":  # pragma: no branch - else it is killed
        with repository:
            if create is not None:
                repository.initialize(create=create)
            try:
                job(repository, *arguments)
            except NotProvenError as reason:
                print(f"{_NOT_PROVEN}{reason}", flush=True)


if __name__ == "__main__":
    _main()
