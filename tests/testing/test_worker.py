"""Other processes: what they answer, and how they end."""

from __future__ import annotations

import os
import pickle
from io import BytesIO, TextIOWrapper
from pathlib import Path
from typing import Any

import pytest

from tasky import Batch, TaskFilter, TaskRepository
from tasky.testing import MemoryStore, MemoryTaskRepository, NotProvenError
from tasky.testing.jobs import write_batches
from tasky.testing.permissions import give_up_privileges
from tasky.testing.worker import Worker, serve


@pytest.fixture(autouse=True)
def findable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other processes find this module by its name."""
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2]))


def fail(repository: TaskRepository) -> None:
    """A job that ends with an error."""
    raise LookupError("there is no such thing")


def prove_nothing(repository: TaskRepository) -> None:
    """A job that cannot be done here."""
    raise NotProvenError("not on this machine")


def echo(repository: TaskRepository, word: str) -> str:
    """A question that is answered, or not."""
    if word == "wrong":
        raise LookupError(word)
    return f"{word} {sum(repository.count_tasks(TaskFilter()).values())}"


def make(location: str) -> TaskRepository:
    """A repository of its own for each location."""
    return MemoryTaskRepository(None if location == "absent" else _created())


def test_a_job_that_fails_fails_the_test() -> None:
    """When the other process ends with an error, waiting for it does not pass."""
    with (
        Worker(make, "here", fail) as worker,
        pytest.raises(AssertionError, match="ended with 1: LookupError: there is no such thing"),
    ):
        worker.start().finish()


def test_a_job_that_cannot_be_done_proves_nothing() -> None:
    """When the other process finds out that something cannot be tried here, the rule learns it."""
    with Worker(make, "here", prove_nothing) as worker, pytest.raises(NotProvenError, match="this machine"):
        worker.start().finish()


def test_questions_are_answered_or_raise() -> None:
    """A process that serves answers for any location, and its errors come over as they are."""
    with Worker(make, "first", serve, make, create=None) as worker:
        worker.start()
        assert worker.ask("one", echo, "hello") == "hello 0"
        assert worker.ask("one", echo, "again") == "again 0"
        with pytest.raises(LookupError, match="wrong"):
            worker.ask("two", echo, "wrong")


def test_a_factory_that_fails_is_named() -> None:
    """A process that cannot make the repository says so when it is to begin."""
    factory: Any = os.fspath  # takes no integer
    failed = pytest.raises(AssertionError, match="cannot make the repository: TypeError")
    with Worker(factory, 7, fail) as worker, failed:
        worker.start()


def test_serving_ends_with_its_input(monkeypatch: pytest.MonkeyPatch) -> None:
    """Questions come in one after the other, and answers or errors go out, until there are no more."""
    questions = [("one", echo, ("hello",)), ("one", echo, ("wrong",)), (None, echo, ("again",))]
    sent = BytesIO(b"".join(pickle.dumps(question) for question in questions))
    answers = BytesIO()
    monkeypatch.setattr("sys.stdin", TextIOWrapper(sent))
    monkeypatch.setattr("sys.stdout", TextIOWrapper(answers))
    serve(make("absent"), make)
    answers.seek(0)
    first, second, third = (pickle.load(answers) for _ in questions)  # noqa: S301 - made here
    assert (first, third) == (("hello 0", None), ("again 0", None))
    assert isinstance(second[1], LookupError)


def die(repository: TaskRepository) -> None:
    """A question that ends the process."""
    os._exit(7)


def test_a_process_that_dies_of_a_question_fails_the_test() -> None:
    """A driver that takes its process down is a failure that says how the process ended."""
    with Worker(make, "here", serve, make, create=None) as worker:
        worker.start()
        with pytest.raises(AssertionError, match="ended with 7: it said nothing"):
            worker.ask(None, die)


def test_a_job_without_end_is_ended() -> None:
    """A backend that hangs in another process fails the rule in bounded time."""
    with Worker(make, "here", serve, make, create=None) as worker:
        worker.start()
        with pytest.raises(AssertionError, match=r"was stopped after 0\.1 s"):
            worker.finish(patience=0.1)


def test_every_acknowledged_batch_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    """The process that is to be killed prints the id of a batch after it was written, and not before."""

    class Ending(MemoryTaskRepository):
        written = 0

        def apply(self, batch: Batch, changes: object, /) -> None:
            if self.written == 2:
                raise LookupError("killed")
            super().apply(batch, changes)  # type: ignore[arg-type] # passed on
            self.written += 1

    with Ending() as repository:
        repository.initialize()
        with pytest.raises(LookupError):
            write_batches(repository, "round", 3)
        printed = capsys.readouterr().out.split()
        assert printed == list(dict.fromkeys(str(entry.batch.id) for entry in repository.history()))
        assert len(printed) == 2


def test_whoever_is_not_root_has_nothing_to_give_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """File permissions apply to everybody but root, so nothing is to be done for others."""
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    give_up_privileges()


def test_where_roots_rights_stay_nothing_is_proven(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a system whose root cannot give up its rights, the kit has to be run by somebody else."""
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr("sys.platform", "sunos5")
    with pytest.raises(NotProvenError, match="as another user"):
        give_up_privileges()


def _created() -> MemoryStore:
    store = MemoryStore()
    MemoryTaskRepository(store).initialize()
    return store
