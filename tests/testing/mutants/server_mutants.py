"""Backends of a server that are wrong, each in one way, and the rule that has to find it out."""

from __future__ import annotations

import socket
from collections.abc import Iterable
from typing import Any, ClassVar
from uuid import uuid4

from server_reference import PATIENCE, ServerHarness, ServerTaskRepository

from tasky import Batch, StorageUnavailableError, TaskChange, uri_factory
from tasky.testing import BackendConformance


class TestReference(BackendConformance):
    """The one that is not wrong keeps every rule that its harness can prove."""

    factory = ServerTaskRepository  # type: ignore[assignment] # mypy takes the class for a method
    harness = ServerHarness


class _Wrong(ServerTaskRepository):
    """``killed_by`` names the rule that must fail."""

    killed_by: ClassVar[str]


class LetsConnectionErrorsEscape(_Wrong):
    killed_by = "test_server_that_is_stopped_is_named"

    def connected(self) -> socket.socket:
        return socket.create_connection(self._address, timeout=PATIENCE)


class NeverComesBack(_Wrong):
    """Once the server was gone, it is taken to be gone for good."""

    killed_by = "test_server_that_is_stopped_is_named"
    gone = False

    def connected(self) -> socket.socket:
        if self.gone:
            raise StorageUnavailableError("the server is gone")
        try:
            return super().connected()
        except StorageUnavailableError:
            self.gone = True
            raise


class WritesWhatItHasSoFar(_Wrong):
    killed_by = "test_server_that_stops_in_a_batch_leaves_all_or_nothing"

    def apply(self, batch: Batch, changes: Iterable[TaskChange], /) -> None:
        for number, change in enumerate(changes):
            part = batch if number == 0 else Batch(uuid4(), batch.at, batch.actor, batch.command)
            super().apply(part, [change])


class SaysThatAllIsWell(_Wrong):
    killed_by = "test_server_that_stops_in_a_batch_leaves_all_or_nothing"

    def apply(self, batch: Batch, changes: Iterable[TaskChange], /) -> None:
        try:
            super().apply(batch, changes)
        except StorageUnavailableError:
            return


class AnswersBeforeTheServerDoes(_Wrong):
    """Sends the batch and does not wait: three at a time."""

    killed_by = "test_acknowledged_batches_outlive_the_server"
    waiting: ClassVar[list[tuple[Batch, list[TaskChange]]]] = []

    def apply(self, batch: Batch, changes: Iterable[TaskChange], /) -> None:
        self.waiting.append((batch, list(changes)))
        if len(self.waiting) == 3:
            for each in self.waiting:
                super().apply(*each)
            self.waiting.clear()


MUTANTS = {
    mutant.__name__: mutant
    for mutant in list(vars().values())
    if isinstance(mutant, type) and issubclass(mutant, _Wrong) and hasattr(mutant, "killed_by")
}

for _name, _mutant in MUTANTS.items():
    uri_factory(_mutant)
    attributes: dict[str, Any] = {"factory": _mutant, "harness": ServerHarness}
    globals()[f"Test{_name}"] = type(f"Test{_name}", (BackendConformance,), attributes)
