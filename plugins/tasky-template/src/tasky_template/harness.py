"""What the conformance kit needs done to a journal, and what only its author knows how to do."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import ClassVar
from uuid import UUID

from tasky import TaskRepository
from tasky.testing import StoreHarness
from tasky_template.journal import groups, sealed
from tasky_template.records import Record, encode_line
from tasky_template.repository import TemplateTaskRepository
from tasky_template.schema import HEADER, VERSION
from tasky_template.state import State, replay

__all__ = ["TemplateHarness"]


class TemplateHarness(StoreHarness):
    """Journals for the kit: made newer, damaged, and made to contradict themselves."""

    max_tasks: ClassVar[int | None] = 100_000

    def fresh_location(self, directory: Path) -> Path:
        """A journal in a directory that is not there yet."""
        return directory / "project" / "tasks.journal"

    def impatient(self, location: Path) -> TaskRepository:
        """A repository that waits for the lock for 0.1 s."""
        return TemplateTaskRepository(location, lock_timeout=0.1)

    def make_newer(self, location: Path) -> None:
        """Raise the version in the header."""
        newer = HEADER.replace(str(VERSION).encode(), str(VERSION + 1).encode())
        location.write_bytes(location.read_bytes().replace(HEADER, newer))

    def damage_task(self, location: Path, task_id: UUID) -> None:
        """Give the task a status that there is not, and let the commit lines fit all the same."""
        mine = f'"task_id":"{task_id}"'.encode()
        written = [HEADER]
        for group in groups(location.read_bytes()[len(HEADER) :], len(HEADER)):
            lines = [line for _at, line in group.lines]
            written.append(sealed([_damaged(line) if mine in line else line for line in lines]))
        location.write_bytes(b"".join(written))

    def contradict(self, location: Path, task_id: UUID) -> None:
        """Commit a line that stores the task at a later revision, of which history knows nothing."""
        data = location.read_bytes()
        task = replay(State(), data, location).tasks[task_id]
        later = Record(task=replace(task, revision=task.revision + 1))
        location.write_bytes(data + sealed([encode_line(later)]))


def _damaged(line: bytes) -> bytes:
    return line.replace(b'"status":"', b'"status":"un')
