"""What a harness leaves out, and what the kit does where a system shows less than Linux."""

from __future__ import annotations

import ctypes
import os
import random
from pathlib import Path
from typing import Any

import pytest

from tasky import Problem, ResultStream, StorageCorruptError, StorageLocation
from tasky.testing import MemoryStore, MemoryTaskRepository, NotProvenError, StoreHarness, gauge as gauges
from tasky.testing.contract_crash import opens
from tasky.testing.contract_faults import reported
from tasky.testing.contract_lifecycle import LifecycleRules, held_descriptors
from tasky.testing.contract_state import stored_tasks
from tasky.testing.gauge import MemoryGauge
from tasky.testing.jobs import escaped, examine, use_up
from tasky.testing.permissions import give_up_privileges
from tasky.testing.samples import create, exact, make_task

LOCATION = StorageLocation.parse("server://host/name")
CHANCE = random.Random(0)  # noqa: S311 - no secret
LEFT_OUT = {
    "contradict": (LOCATION, make_task("a").task_id),
    "damage": (LOCATION, CHANCE),
    "damage_task": (LOCATION, make_task("a").task_id),
    "footprint": (LOCATION,),
    "impatient": (LOCATION,),
    "make_foreign": (LOCATION,),
    "make_newer": (LOCATION,),
    "prove_durability": (MemoryTaskRepository, LOCATION),
    "start_server": (LOCATION,),
    "stop_server": (LOCATION,),
    "without_parent": (LOCATION,),
}


@pytest.mark.parametrize("method", LEFT_OUT)
def test_what_a_server_has_to_bring_itself_is_named(method: str) -> None:
    """For a location that is no path, each method that only files have says that it is missing."""
    with pytest.raises(NotProvenError, match=rf"StoreHarness has no {method}\(\)"):
        getattr(StoreHarness(), method)(*LEFT_OUT[method])


@pytest.mark.parametrize("method", ["read_only", "little_space"])
def test_what_lasts_for_a_block_is_named_too(method: str) -> None:
    """The methods that are entered say so when they are."""
    with (
        pytest.raises(NotProvenError, match=rf"StoreHarness has no {method}\(\)"),
        getattr(StoreHarness(), method)(LOCATION),
    ):
        pass


def test_a_server_needs_names_for_its_stores(tmp_path: Path) -> None:
    """A location from the command line is not taken for a directory."""

    class Server(StoreHarness):
        given = LOCATION

    with pytest.raises(NotProvenError, match="Server has no fresh_location"):
        Server().fresh_location(tmp_path)


def test_memory_is_measured_without_linux(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where a process's own memory cannot be told, the most that it ever had is taken."""
    for status in (tmp_path / "absent", tmp_path / "status"):
        (tmp_path / "status").write_text("Name: python\n", encoding="utf-8")
        monkeypatch.setattr(gauges, "_STATUS", status)
        with MemoryGauge() as gauge:
            assert 1 < gauge.before < 100_000
        assert gauge.most >= gauge.before


def test_where_open_files_are_not_shown_nothing_is_proven() -> None:
    """Without a list of what the process has open, the rule about closing proves nothing."""
    with pytest.raises(NotProvenError, match="does not show"):
        held_descriptors(["/nowhere"])


@pytest.mark.parametrize("refused", ["capget", "capset"])
def test_where_capabilities_stay_nothing_is_proven(monkeypatch: pytest.MonkeyPatch, refused: str) -> None:
    """A root that cannot give up its rights proves nothing about permissions."""

    class Kernel:
        def __getattr__(self, name: str) -> Any:
            return lambda header, words: -1 if name == refused else 0

    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(ctypes, "CDLL", lambda name, use_errno: Kernel())
    with pytest.raises(NotProvenError, match="cannot be given up here"):
        give_up_privileges()


def test_a_repository_without_conveniences_is_not_asked_for_them() -> None:
    """The rule about the base class's methods is for those that derive from it."""
    rule: Any = LifecycleRules.test_conveniences_of_the_base_class
    rule.__wrapped__(None, object())


def test_a_store_opens_or_is_absent() -> None:
    """What a killed process leaves is a store or none; anything else comes out."""
    store = MemoryStore()
    assert not opens(MemoryTaskRepository(store))
    MemoryTaskRepository(store).initialize()
    assert opens(MemoryTaskRepository(store))


def test_an_error_that_ends_a_check_is_reported() -> None:
    """What check finds and what it ends with are both looked at."""

    class Damaged(MemoryTaskRepository):
        def check(self) -> ResultStream[Problem]:
            def problems() -> Any:
                yield Problem("one")
                raise StorageCorruptError("no further")

            return ResultStream(problems())

    assert reported(Damaged()) == ["one (None)", "no further"]


def test_what_escapes_is_told_with_its_traceback() -> None:
    """Of all that was asked, only exceptions that are not Tasky's are told."""
    store = MemoryStore()
    with MemoryTaskRepository(store) as repository:
        repository.initialize()
        task = make_task("a")
        create(repository, task)
        assert stored_tasks(repository) == [exact(task)]
        assert examine(repository, MemoryTaskRepository, store) == []
        assert use_up(repository, MemoryTaskRepository, store, task) == []

    def wrong() -> None:
        raise LookupError("the driver's")

    def right() -> None:
        raise StorageCorruptError("ours")

    (told,) = escaped([right, wrong])
    assert told.endswith("LookupError: the driver's\n")
