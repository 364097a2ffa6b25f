"""The reference behind a server, for the rules about servers; its mutants break one thing each.

``python server_reference.py PORT FOLDER`` is the server: it keeps each store as ``file_reference`` does, and
answers one pickled request a connection. Not collected with the other tests: see ``memory_mutants.py``.
"""

from __future__ import annotations

import atexit
import pickle
import socket
import socketserver
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, ClassVar
from uuid import UUID

from file_reference import FileHarness, FileTaskRepository

from tasky import (
    BaseTaskRepository,
    Batch,
    HistoryEntry,
    OutcomeUnknownError,
    Problem,
    ResultStream,
    StorageLocation,
    StorageUnavailableError,
    StoreClosedError,
    TaskChange,
    TaskFilter,
    TaskModel,
    TaskOrder,
    TaskStatus,
    uri_factory,
)

ANY_TASK = TaskFilter()
BY_CREATION = TaskOrder()
PATIENCE = 10.0  # seconds for a server to answer


@uri_factory
class ServerTaskRepository(BaseTaskRepository):
    """One handle on a store of the server; each call is a connection of its own."""

    def __init__(self, location: StorageLocation) -> None:
        assert location.port is not None  # the harness made it
        self._address = (location.host or "", location.port)
        self._store = location.path.strip("/")
        self._is_open = False

    def initialize(self, *, create: bool = True) -> None:
        self.ask("initialize", create)
        self._is_open = True

    def close(self) -> None:
        self._is_open = False

    def get_task(self, task_id: UUID, /) -> TaskModel | None:
        found: TaskModel | None = self.ask_open("get_task", task_id)
        return found

    def find_tasks(
        self,
        filter: TaskFilter = ANY_TASK,
        /,
        *,
        order: TaskOrder = BY_CREATION,
        limit: int | None = None,
        after: TaskModel | None = None,
    ) -> ResultStream[TaskModel]:
        return ResultStream(self.ask_open("find_tasks", filter, order=order, limit=limit, after=after))

    def count_tasks(self, filter: TaskFilter = ANY_TASK, /) -> dict[TaskStatus, int]:
        counts: dict[TaskStatus, int] = self.ask_open("count_tasks", filter)
        return counts

    def apply(self, batch: Batch, changes: Iterable[TaskChange], /) -> None:
        self.ask_open("apply", batch, list(changes))

    def history(self, **arguments: Any) -> ResultStream[HistoryEntry]:
        return ResultStream(self.ask_open("history", **arguments))

    def restore(self, tasks: Iterable[TaskModel], history: Iterable[HistoryEntry], /) -> None:
        self.ask_open("restore", list(tasks), list(history))

    def check(self) -> ResultStream[Problem]:
        return ResultStream(self.ask("check"))

    def ask_open(self, method: str, *arguments: Any, **named: Any) -> Any:
        """As ``ask``, of a repository that is open."""
        if not self._is_open:
            raise StoreClosedError("the repository is not open")
        return self.ask(method, *arguments, **named)

    def ask(self, method: str, *arguments: Any, **named: Any) -> Any:
        """What the server's repository returns, or raise what it raises."""
        with self.connected() as connection:
            connection.sendall(pickle.dumps((self._store, method, arguments, named)))
            connection.shutdown(socket.SHUT_WR)
            answer = self.received(connection)
        if not answer:
            raise OutcomeUnknownError(f"the server at {self._address[0]} was gone before it answered")
        result, error = pickle.loads(answer)  # noqa: S301 - our own server sent it
        if error is not None:
            raise error
        return result

    def connected(self) -> socket.socket:
        """A connection to the server."""
        try:
            return socket.create_connection(self._address, timeout=PATIENCE)
        except OSError as error:
            raise StorageUnavailableError(f"no server answers at {self._address[0]}") from error

    def received(self, connection: socket.socket) -> bytes:
        """The whole answer; nothing when the server went away."""
        try:
            return b"".join(iter(lambda: connection.recv(65536), b""))
        except OSError:
            return b""


class ServerHarness(FileHarness):
    """One server for all locations of this process, stopped and started as a rule wants it."""

    folder: ClassVar[Path | None] = None
    port: ClassVar[int] = 0
    process: ClassVar[subprocess.Popen[bytes] | None] = None

    def fresh_location(self, directory: Path) -> Any:
        if ServerHarness.process is None:
            with socket.create_server(("127.0.0.1", 0)) as free:
                ServerHarness.port = free.getsockname()[1]
            ServerHarness.folder = Path(tempfile.mkdtemp(prefix="tasky-server-"))
            self.start_server(None)
            atexit.register(self.stop_server, None)
        store = (
            f"{directory.parent.name} {directory.name}".replace(" ", "-").replace("[", "").replace("]", "")
        )
        return StorageLocation.parse(f"reference://127.0.0.1:{ServerHarness.port}/{store}")

    def stop_server(self, location: Any) -> None:
        assert ServerHarness.process is not None
        ServerHarness.process.kill()
        ServerHarness.process.communicate()

    def start_server(self, location: Any) -> None:
        program = [sys.executable, __file__, str(ServerHarness.port), str(ServerHarness.folder)]
        ServerHarness.process = subprocess.Popen(program, stdout=subprocess.PIPE)
        assert ServerHarness.process.stdout is not None  # it is a pipe
        assert ServerHarness.process.stdout.readline() == b"ready\n"


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 64


def serve(port: int, folder: Path, make: Callable[[Path], FileTaskRepository] = FileTaskRepository) -> None:
    """Answer requests until the process is ended."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            store, method, arguments, named = pickle.loads(self.rfile.read())  # noqa: S301 - our own client sent it
            repository = make(folder / store)
            try:
                if method != "check":
                    repository.initialize(create=method == "initialize" and arguments[0])
                result = None if method == "initialize" else getattr(repository, method)(*arguments, **named)
                answer: tuple[Any, Any] = list(result) if isinstance(result, ResultStream) else result, None
            except Exception as error:
                answer = None, error
            self.wfile.write(pickle.dumps(answer))

    with _Server(("127.0.0.1", port), Handler) as server:
        print("ready", flush=True)
        server.serve_forever()


if __name__ == "__main__":
    serve(int(sys.argv[1]), Path(sys.argv[2]))
