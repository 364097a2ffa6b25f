"""What the conformance kit needs done to a document, and what only its author knows how to do."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar
from uuid import UUID

from tasky import TaskRepository
from tasky.testing import StoreHarness
from tasky_json.repository import JsonTaskRepository
from tasky_json.schema import VERSION

__all__ = ["JsonHarness"]


class JsonHarness(StoreHarness):
    """Documents for the kit: made newer, damaged, and made to contradict their history.

    Each is edited as by hand, so nothing else in it has to be adjusted.
    """

    max_tasks: ClassVar[int | None] = 10_000

    def fresh_location(self, directory: Path) -> Path:
        """A document in a directory that is not there yet."""
        return directory / "project" / "tasks.json"

    def impatient(self, location: Path) -> TaskRepository:
        """A repository that waits for the lock for 0.1 s."""
        return JsonTaskRepository(location, lock_timeout=0.1)

    def make_newer(self, location: Path) -> None:
        """Raise the version."""
        _edit(location, lambda document: document.update(version=VERSION + 1))

    def damage_task(self, location: Path, task_id: UUID) -> None:
        """Give the task a status that there is not."""
        _edit(location, lambda document: _block(document, task_id).update(status="undone"))

    def contradict(self, location: Path, task_id: UUID) -> None:
        """Raise the task's revision, of which the history knows nothing."""
        _edit(location, lambda document: _block(document, task_id).update(revision=99))


def _edit(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    document = json.loads(path.read_bytes())
    change(document)
    path.write_text(json.dumps(document, indent=2), encoding="utf-8")


def _block(document: dict[str, Any], task_id: UUID) -> dict[str, Any]:
    (block,) = (task for task in document["tasks"] if task["task_id"] == str(task_id))
    found: dict[str, Any] = block
    return found
