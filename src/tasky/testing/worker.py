"""Another process on the same store: its jobs, and the handle by which the kit drives it.

The child gets the factory by the name of its module and the location as data, says that it is ready, and
starts when it is told to; so several of them start at the same moment.
"""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections.abc import Callable
from typing import IO, Any
from uuid import UUID

from tasky import ConflictError, TaskChange, TaskRepository
from tasky.testing.samples import changed, make_batch, make_task

__all__ = ["Worker", "add_tasks", "increment", "write_batches"]

Job = Callable[..., None]


class Worker:
    """A process that waits for ``start`` and then does ``job(repository, *arguments)``.

    ``create`` is what it passes to ``initialize``. It is a context manager: leaving it ends the process.
    """

    def __init__(
        self,
        factory: Callable[[Any], TaskRepository],
        location: Any,
        job: Job,
        *arguments: object,
        create: bool = False,
    ) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tasky.testing.worker"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        payload = pickle.dumps((factory, location, job, arguments, create))
        pickle.dump((sys.path, payload), self._input)
        self._input.flush()

    def start(self) -> None:
        """Wait until the process is ready, and let it go."""
        ready = self._output.readline()
        assert ready == b"ready\n", "the other process cannot import the factory or the location"
        self._input.write(b"go\n")
        self._input.flush()

    def read(self) -> str:
        """The next line that the job prints; empty when it has ended."""
        return self._output.readline().decode().strip()

    def finish(self) -> list[str]:
        """Wait for the end of the job; returns the lines that were not read. Fails when the job failed."""
        lines = self._output.read().decode().split()
        assert self._process.wait() == 0, "the job failed in the other process; its traceback is on stderr"
        return lines

    def kill(self) -> list[str]:
        """End the process at once, as kill -9 does; returns the lines that were not read."""
        self._process.kill()
        lines = self._output.read().decode().split("\n")
        self._process.wait()
        return lines[:-1]  # what follows the last line break was cut off

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._process.kill()
        self._process.wait()
        self._output.close()
        try:
            self._input.close()
        except OSError:  # what was not sent any more
            return

    @property
    def _input(self) -> IO[bytes]:
        assert self._process.stdin is not None  # it is a pipe
        return self._process.stdin

    @property
    def _output(self) -> IO[bytes]:
        assert self._process.stdout is not None  # it is a pipe
        return self._process.stdout


def increment(repository: TaskRepository, task_ids: list[UUID], times: int) -> None:
    """Add 1 to the number of each task, ``times`` times, reading again after every conflict."""
    for _ in range(times):
        for task_id in task_ids:
            while True:
                task = repository.get_task(task_id)
                assert task is not None  # nobody deletes it
                number = task.extra["number"]
                assert isinstance(number, int)  # it began so
                after = changed(task, extra={"number": number + 1})
                try:
                    repository.apply(make_batch(), [TaskChange(task, after)])
                except ConflictError:
                    continue
                break


def add_tasks(repository: TaskRepository, names: list[str]) -> None:
    """Create a task for each name, in a batch of its own."""
    for name in names:
        repository.apply(make_batch(), [TaskChange(None, make_task(name))])


def write_batches(repository: TaskRepository, name: str, size: int) -> None:
    """Write batches of ``size`` new tasks for ever, printing the id of each when it is acknowledged."""
    number = 0
    while True:
        batch, number = make_batch(), number + 1
        tasks = (make_task(f"{name} {number} {part}") for part in range(size))
        repository.apply(batch, (TaskChange(None, task) for task in tasks))
        print(batch.id, flush=True)


def _main() -> None:
    sys.path[:], payload = pickle.load(sys.stdin.buffer)  # noqa: S301 - the kit itself sent it
    factory, location, job, arguments, create = pickle.loads(payload)  # noqa: S301 - the kit itself sent it
    repository = factory(location)
    print("ready", flush=True)
    if sys.stdin.buffer.readline() == b"go\n":
        with repository:
            repository.initialize(create=create)
            job(repository, *arguments)


if __name__ == "__main__":
    _main()
