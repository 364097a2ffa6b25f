"""The kit passes on the reference, and fails on what is wrong."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tasky import ConflictError, StorageBusyError, TaskChange, TaskRepository
from tasky.testing import BackendConformance, MemoryStore, MemoryTaskRepository, SingleProcessConformance
from tasky.testing.samples import create, make_batch, make_task

MUTANTS = Path(__file__).with_name("mutants.py")


class TestReference(SingleProcessConformance):
    """The reference keeps every rule."""

    factory = MemoryTaskRepository

    @pytest.fixture
    def location(self) -> MemoryStore:
        """A store that only the handles of one test share."""
        return MemoryStore()


@pytest.fixture
def run_kit(tmp_path: Path) -> Callable[..., tuple[dict[str, str], str]]:
    """Runs pytest on a file in a process of its own: the outcome of each class's test, and the output."""

    def run(*nodes: str) -> tuple[dict[str, str], str]:
        report = tmp_path / "report.xml"
        options = [
            "-q",
            "-p",
            "no:cacheprovider",
            "-p",
            "no:randomly",
            f"--junitxml={report}",
            "-o",
            "addopts=",
        ]
        command = [sys.executable, "-m", "pytest", *options, f"--rootdir={tmp_path}", *nodes]
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
        assert report.exists(), done.stdout + done.stderr
        outcomes: dict[str, str] = {}
        for case in ElementTree.parse(report).iter("testcase"):  # noqa: S314 - pytest wrote it just now
            name = case.attrib["classname"].rpartition(".")[2]
            failed = case.find("failure") is not None
            outcomes[name] = "failed" if failed or outcomes.get(name) == "failed" else "passed"
        return outcomes, done.stdout

    return run


def test_kit_kills_every_mutant(run_kit: Callable[..., tuple[dict[str, str], str]]) -> None:
    """Each backend that is wrong in one way fails the rule that names it."""
    source = MUTANTS.read_text("utf-8")
    killers = dict(
        re.findall(r'^class ([A-Z]\w+)\(_\w+\):\n(?: +"""[^"]+"""\n\n)? +killed_by = "(\w+)"', source, re.M)
    )
    assert len(killers) == source.count("    killed_by = ")
    assert all(hasattr(SingleProcessConformance, killer) for killer in killers.values())
    outcomes, output = run_kit(*(f"{MUTANTS}::Test{name}::{killer}" for name, killer in killers.items()))
    assert outcomes == {f"Test{name}": "failed" for name in killers}, output


def test_failure_tells_the_author_what_is_wrong(
    run_kit: Callable[..., tuple[dict[str, str], str]],
) -> None:
    """A failing rule prints the sentence of the contract, the usual cause, and the compared values."""
    _, output = run_kit(f"{MUTANTS}::TestFindsProjectsByTheirBeginning::test_filter_by_project")
    assert "The contract: ``project_id`` finds the project and everything under it" in output
    assert "Usual cause: LIKE 'web%'" in output
    assert "Differing items:" in output


def test_every_rule_says_what_it_is_and_what_usually_breaks_it() -> None:
    """Each test of the kit is a rule, with its sentence and a usual cause."""
    tests = {name: test for name, test in vars_of(BackendConformance).items() if name.startswith("test_")}
    assert len(tests) > 100
    for name, test in tests.items():
        sentence, _, cause = (test.__doc__ or "").partition("\n\n")
        assert hasattr(test, "tasky_rule"), name
        assert sentence.strip().endswith("."), name
        assert cause.strip().startswith("Usual cause: "), name


def test_subclass_without_a_factory_is_told_what_to_write() -> None:
    """An author who forgot the factory reads how to name it."""

    class Forgetful(BackendConformance):
        pass

    with pytest.raises(pytest.UsageError, match="factory = my_factory"):
        Forgetful.plain_factory()


def test_factory_may_be_a_function() -> None:
    """A function can be named as it is, and is not taken for a method."""

    def make(location: MemoryStore) -> TaskRepository:
        return MemoryTaskRepository(location)

    class Plain(BackendConformance):
        factory = make

    class Wrapped(BackendConformance):
        factory = staticmethod(make)  # type: ignore[assignment] # mypy takes it for a method, the kit does not

    assert Plain.plain_factory() is Wrapped().plain_factory() is make


def test_reference_finds_contradictions() -> None:
    """Checking the reference names the task whose history does not lead to what is stored."""
    store = MemoryStore()
    with MemoryTaskRepository(store) as repository:
        repository.initialize()
        task = make_task("a")
        create(repository, task)
        assert store.state is not None
        store.state.tasks.clear()
        assert [problem.task_id for problem in repository.check()] == [task.task_id]


def test_reference_refuses_a_batch_that_names_a_task_twice() -> None:
    """Naming a task twice in a batch is a conflict, never a guess."""
    with MemoryTaskRepository() as repository:
        repository.initialize()
        change = TaskChange(None, make_task("a"))
        with pytest.raises(ConflictError, match="twice"):
            repository.apply(make_batch(), [change, change])

        def nested() -> Iterator[TaskChange]:
            yield TaskChange(None, make_task("b"))
            repository.apply(make_batch(), [change])

        with pytest.raises(StorageBusyError):
            repository.apply(make_batch(), nested())
        assert repository.get_all_tasks() == []


def vars_of(kind: type) -> dict[str, object]:
    """All attributes, inherited ones too."""
    return {name: getattr(kind, name) for name in dir(kind)}
