"""Stores in a file that are wrong, each in one way, and the rule that has to find it out.

As in ``memory_mutants.py``; these break what only processes, crashes and faults bring to light.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar
from uuid import UUID

from file_reference import FileHarness, FileStore, FileTaskRepository

from tasky import (
    Batch,
    HistoryEntry,
    Problem,
    ResultStream,
    StorageCorruptError,
    StorageError,
    StorageUnavailableError,
    StoreMissingError,
    TaskChange,
    TaskModel,
    uri_factory,
)
from tasky.testing import BackendConformance
from tasky.testing.memory import MemoryState

PAUSE = 0.03  # seconds in which a kill finds the store half written


class TestReference(BackendConformance):
    """The one that is not wrong keeps every rule."""

    factory = FileTaskRepository  # type: ignore[assignment] # mypy takes the class for a method
    harness = FileHarness


class _Wrong(FileTaskRepository):
    """``killed_by`` names the rule that must fail."""

    killed_by: ClassVar[str]


class NeverSyncs(_Wrong):
    killed_by = "test_batch_is_synced_before_it_is_acknowledged"

    class store(FileStore):
        def sync(self, descriptor: int) -> None:
            pass


class SyncsBeforeTheLastWrite(_Wrong):
    killed_by = "test_batch_is_synced_before_it_is_acknowledged"

    class store(FileStore):
        def fill(self, file: Any, data: bytes) -> None:
            super().fill(file, data[:10])
            os.fsync(file.fileno())
            super().fill(file, data[10:])

        def sync(self, descriptor: int) -> None:
            pass


class ForgetsTheDirectory(_Wrong):
    killed_by = "test_batch_is_synced_before_it_is_acknowledged"

    class store(FileStore):
        def sync_directory(self, descriptor: int) -> None:
            pass


class AcknowledgesBeforeItWrites(_Wrong):
    """Batches wait in memory, and are written three at a time."""

    killed_by = "test_killed_process_leaves_whole_batches"
    waiting: ClassVar[dict[Path, MemoryState]] = {}

    def _state(self) -> MemoryState:
        return self.waiting.get(self.path) or super()._state()

    def apply(self, batch: Batch, changes: Iterable[TaskChange], /) -> None:
        state = self._next_state(self._state(), batch, changes)
        if len(state.batches) % 3:
            self.waiting[self.path] = state
            return
        self.waiting.pop(self.path, None)
        self._store.state = state


class WritesInPlace(_Wrong):
    killed_by = "test_killed_process_leaves_whole_batches"

    class store(FileStore):
        def replace(self, data: bytes) -> None:
            with self.path.open("wb") as file:
                self.fill(file, data[:50])
                time.sleep(PAUSE)
                self.fill(file, data[50:])


class KeepsTheHistoryElsewhere(_Wrong):
    """The tasks are committed before their history is."""

    killed_by = "test_killed_process_leaves_whole_batches"

    def apply(self, batch: Batch, changes: Iterable[TaskChange], /) -> None:
        with self._store.write():
            before = self._state()
            state = self._next_state(before, batch, changes)
            self._store.state = replace(state, history=before.history)
            time.sleep(PAUSE)
            self._store.state = state


class CreatesInTwoSteps(_Wrong):
    killed_by = "test_killed_initialize_can_be_repeated"

    def initialize(self, *, create: bool = True) -> None:
        if create and not self.path.exists():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.touch()
            time.sleep(PAUSE)
            self.path.unlink()
        super().initialize(create=create)


class RestoresInTwoSteps(_Wrong):
    killed_by = "test_killed_restore_leaves_all_or_nothing"

    def restore(self, tasks: Iterable[TaskModel], history: Iterable[HistoryEntry], /) -> None:
        entries = list(history)
        super().restore(tasks, [])
        time.sleep(PAUSE)
        state = self._state()
        self._store.state = MemoryState()
        super().restore(state.tasks.values(), entries)


class LocksOnlyItsThreads(_Wrong):
    killed_by = "test_processes_lose_no_update"

    class store(FileStore):
        def lock(self, descriptor: int) -> None:
            pass


class KeepsWhatItHasRead(_Wrong):
    killed_by = "test_process_sees_what_another_has_written"

    def _state(self) -> MemoryState:
        if not hasattr(self, "kept"):
            self.kept = super()._state()
        return self.kept


class LocksReadersOut(_Wrong):
    killed_by = "test_readers_go_on_while_a_process_writes"

    def _state(self) -> MemoryState:
        if self._is_open and not self._store._writing:
            with FileStore(self.path, 0.2).write():
                return super()._state()
        return super()._state()


class ForgetsWhatWasDeleted(_Wrong):
    """After it was opened again, an id that was deleted counts as new."""

    killed_by = "test_any_walk_leads_to_the_same_state"

    def initialize(self, *, create: bool = True) -> None:
        super().initialize(create=create)
        with self._store.write():
            state = self._state()
            known = {task_id: task.revision for task_id, task in state.tasks.items()}
            self._store.state = replace(state, last_revisions=known)


class TakesScrapForAnEmptyStore(_Wrong):
    killed_by = "test_what_is_no_store_is_refused"

    class store(FileStore):
        def decoded(self, data: bytes) -> MemoryState:
            return super().decoded(data) if data.startswith(b"tasky") else MemoryState()


class IgnoresTheVersion(_Wrong):
    killed_by = "test_newer_schema_is_refused"

    class store(FileStore):
        def decoded(self, data: bytes) -> MemoryState:
            return super().decoded(data.replace(b" 2 ", b" 1 ", 1))


class MakesTheDirectoryFirst(_Wrong):
    killed_by = "test_store_without_its_parent_is_missing"

    def initialize(self, *, create: bool = True) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        super().initialize(create=create)


class DecodesWithoutLooking(_Wrong):
    killed_by = "test_damage_is_an_error_or_harmless"

    class store(FileStore):
        def decoded(self, data: bytes) -> MemoryState:
            head, _, body = data.partition(b"\n")
            return self.readable_state(body) if len(head.split()) == 3 else super().decoded(data)

        def readable_state(self, body: bytes) -> MemoryState:
            import pickle

            state: MemoryState = pickle.loads(body)  # noqa: S301 - which is what is wrong with it
            return state


class MendsWhatItChecks(_Wrong):
    killed_by = "test_damage_is_an_error_or_harmless"

    def check(self) -> ResultStream[Problem]:
        try:
            return ResultStream(list(super().check()))
        finally:
            if self.path.exists():
                self.path.write_bytes(self.path.read_bytes()[:-1])


class SkipsWhatItCannotRead(_Wrong):
    killed_by = "test_unreadable_task_is_named"

    class store(FileStore):
        def readable(self, state: MemoryState) -> dict[UUID, Any]:
            readable: dict[UUID, Any] = dict(state.tasks)
            return {task_id: task for task_id, task in readable.items() if task is not None}


class SaysOnlyThatItIsDamaged(_Wrong):
    killed_by = "test_unreadable_task_is_named"

    class store(FileStore):
        def readable(self, state: MemoryState) -> dict[UUID, Any]:
            if None in state.tasks.values():
                raise StorageCorruptError("the store is damaged")
            return state.tasks


class ChecksOnlyWhetherItCanBeRead(_Wrong):
    killed_by = "test_contradiction_of_the_history_is_found"

    def check(self) -> ResultStream[Problem]:
        list(super().check())
        return ResultStream([])


class TakesReadOnlyForMissing(_Wrong):
    killed_by = "test_read_only_store_is_read_or_refused"

    def apply(self, batch: Batch, changes: Iterable[TaskChange], /) -> None:
        try:
            super().apply(batch, changes)
        except StorageError as error:
            raise StoreMissingError("it is not there") from error


class LetsTheDriversErrorEscape(_Wrong):
    killed_by = "test_full_store_is_named"

    class store(FileStore):
        def replace(self, data: bytes) -> None:
            self.path.write_bytes(data)


class LeavesHalfABatchWhenFull(_Wrong):
    killed_by = "test_full_store_is_named"

    def apply(self, batch: Batch, changes: Iterable[TaskChange], /) -> None:
        changes = list(changes)
        super().apply(replace(batch, id=UUID(int=batch.id.int ^ 1)), changes[:1])
        super().apply(batch, changes[1:])


class WaitsForEver(_Wrong):
    killed_by = "test_lock_that_is_held_is_named"

    class store(FileStore):
        def lock(self, descriptor: int) -> None:
            self.wait = float("inf")
            super().lock(descriptor)


class KeepsAFileOpen(_Wrong):
    killed_by = "test_close_releases_everything"

    def initialize(self, *, create: bool = True) -> None:
        super().initialize(create=create)
        os.open(self.path, os.O_RDONLY)


class HoldsAllOfItInMemory(_Wrong):
    """And its harness says nothing of it."""

    killed_by = "test_reading_takes_bounded_memory"

    class harness(FileHarness):
        max_tasks = None


class TakesABatchInWhole(HoldsAllOfItInMemory):
    killed_by = "test_a_large_batch_takes_bounded_memory"


class ShowsThePassword(_Wrong):
    killed_by = "test_password_is_never_shown"

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.location.written.reveal()}>"

    def __init__(self, location: Any) -> None:
        self.location = location
        super().__init__(Path("/nowhere"))


class TellsThePassword(ShowsThePassword):
    killed_by = "test_password_is_never_shown"

    def __repr__(self) -> str:
        return "<TellsThePassword>"

    def initialize(self, *, create: bool = True) -> None:
        try:
            raise OSError(f"cannot connect to {self.location.written.reveal()}")
        except OSError as error:
            raise StorageUnavailableError("the server does not answer") from error


class LogsThePassword(ShowsThePassword):
    killed_by = "test_password_is_never_shown"

    def __repr__(self) -> str:
        return "<LogsThePassword>"

    def initialize(self, *, create: bool = True) -> None:
        logging.getLogger("driver").debug("connecting with %s", self.location.password.reveal())
        raise StorageUnavailableError("the server does not answer")


class ReservesNumbersInBlocks(_Wrong):
    """Each process numbers its entries from a block of its own."""

    killed_by = "test_history_grows_at_its_end"

    def _next_state(self, state: MemoryState, batch: Batch, changes: Iterable[TaskChange]) -> MemoryState:
        after = super()._next_state(state, batch, changes)
        block, count = os.getpid() << 32, len(state.history)
        new = [replace(entry, sequence=block + n) for n, entry in enumerate(after.history[count:], count)]
        whole = sorted((*state.history, *new), key=lambda entry: entry.sequence)
        return replace(after, history=tuple(whole))


class WritesItsUserIntoTheHistory(_Wrong):
    killed_by = "test_history_holds_what_it_was_given"

    def apply(self, batch: Batch, changes: Iterable[TaskChange], /) -> None:
        super().apply(replace(batch, actor="root@localhost"), changes)


for _password in (ShowsThePassword, TellsThePassword, LogsThePassword):
    uri_factory(_password)

MUTANTS = {
    mutant.__name__: mutant
    for mutant in list(vars().values())
    if isinstance(mutant, type) and issubclass(mutant, _Wrong) and hasattr(mutant, "killed_by")
}

for _name, _mutant in MUTANTS.items():
    _own = getattr(_mutant, "harness", FileHarness)
    _harness = type("Harness", (_own,), {"repository": _mutant, "__qualname__": f"Test{_name}.harness"})
    _harness.__module__ = __name__
    globals()[f"Test{_name}"] = type(
        f"Test{_name}", (BackendConformance,), {"factory": _mutant, "harness": _harness}
    )
