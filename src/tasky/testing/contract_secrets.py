"""A password in a location is seen by nobody but the driver."""

from __future__ import annotations

import logging
import os
import traceback
from pathlib import Path

import pytest

from tasky import BackendRegistry, Batch, StorageLocation, TaskChange, TaskRepository, TaskyError
from tasky.testing.fixtures import StoreFixtures
from tasky.testing.rules import rule
from tasky.testing.samples import make_batch, make_task

__all__ = ["SecretRules"]

_CANARY = "canary-3f2a9c41"
# Nobody listens at port 1, so a backend of servers fails to connect, and may be tempted to say with what.
_LOCATION = f"canary://user:{_CANARY}@127.0.0.1:1/none?password={_CANARY}&application={_CANARY}"


class SecretRules(StoreFixtures):
    """Secrets."""

    @rule
    def test_password_is_never_shown(self, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        """No repr, log record, exception or traceback ever shows a password or a query of the location.

        Usual cause: the driver's message, which repeats the whole address, is passed on, or a repr shows it.
        """
        shown: list[str] = []
        registry = BackendRegistry()
        registry.register("canary", self.plain_factory())
        with caplog.at_level(logging.DEBUG):
            try:
                location = StorageLocation.parse(_LOCATION)
                repository = registry.open(location, root=tmp_path, environ=os.environ)
                shown += [repr(repository), str(repository)]
                shown += _ways_to_fail(repository)
            except TaskyError as error:
                shown += _told(error)
        shown += [f"{record.getMessage()} {record.exc_text or ''}" for record in caplog.records]
        assert shown
        assert [text for text in shown if _CANARY in text] == []

    @rule
    def test_history_holds_what_it_was_given(self, repository: TaskRepository) -> None:
        """The history says who, when and with what command, as the batch does, and nothing of the location.

        Usual cause: the connection's own user or address is written beside the batch.
        """
        batch = make_batch()
        repository.apply(batch, [TaskChange(None, make_task("a"))])
        (entry,) = repository.history()
        assert entry.batch == Batch(batch.id, batch.at, batch.actor, batch.command, batch.undoes)


def _ways_to_fail(repository: TaskRepository) -> list[str]:
    told: list[str] = []
    for attempt in (
        lambda: repository.initialize(create=False),
        repository.initialize,
        lambda: list(repository.check()),
        repository.count_tasks,
        repository.close,
    ):
        try:
            attempt()
        except TaskyError as error:
            told += _told(error)
    return told


def _told(error: TaskyError) -> list[str]:
    """All that an error tells: its texts, and the traceback with what is chained to it."""
    return [repr(error), error.message, error.hint, "".join(traceback.format_exception(error))]
