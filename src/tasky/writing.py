"""The writing half of the service: what each operation changes, as one batch.

An operation computes its changes while the store takes them in, so a store that locks computes and writes
in one step; where the store finds that something has moved on, the operation is computed again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Final, NamedTuple
from uuid import UUID

from tasky.changes import Batch, TaskChange, revised, same_content
from tasky.dependencies import added_dependencies, guard_dependencies
from tasky.errors import (
    BatchExistsError,
    ConflictError,
    DependencyCycleError,
    InvalidTransitionError,
    NothingToClaimError,
    UndoRefusedError,
)
from tasky.filter import TaskFilter
from tasky.model import TaskModel, TaskStatus, check_assignee, check_transition
from tasky.references import stored_task
from tasky.repository import TaskRepository

if TYPE_CHECKING:  # what one command in five needs is imported by it
    from tasky.edits import TaskEdit
    from tasky.importing import Imported

__all__ = ["ATTEMPTS", "Writer", "Written"]

ATTEMPTS: Final = 40  # of one operation, before a conflict is reported
LONGEST_PAUSE: Final = 0.25  # seconds between two attempts

_FINAL: Final = (  # conflicts that stay, however often the operation is computed
    BatchExistsError,
    DependencyCycleError,
    InvalidTransitionError,
    NothingToClaimError,
    UndoRefusedError,
)


class Written(NamedTuple):
    """What an operation wrote, or would write in a dry run: its changes, guards left out.

    ``batch`` is None when nothing was written.
    """

    batch: Batch | None
    changes: tuple[TaskChange, ...]

    @property
    def tasks(self) -> tuple[TaskModel, ...]:
        """The tasks as they are afterwards; a deleted one as it was before."""
        return tuple(task for change in self.changes if (task := change.after or change.before) is not None)


class Writer:
    """The writing methods of ``TaskService``, which says what they do and raise.

    ``actor``, ``clock`` and ``new_id`` are the service's.
    """

    def __init__(
        self,
        repository: TaskRepository,
        *,
        actor: str,
        clock: Callable[[], datetime],
        new_id: Callable[[], UUID],
    ) -> None:
        self._repository = repository
        self._actor = actor
        self._clock = clock
        self._new_id = new_id

    def create(self, make: Callable[[datetime], TaskModel], *, dry_run: bool) -> Written:
        """Create the task that ``make`` gives for the time of the write."""

        def compute(now: datetime) -> Iterator[TaskChange]:
            yield from self._guarded([TaskChange(None, make(now))])

        return self._write("add", compute, dry_run)

    def update(self, task_ids: Sequence[UUID], edit: TaskEdit, *, dry_run: bool) -> Written:
        """Edit the tasks."""

        def compute(now: datetime) -> Iterator[TaskChange]:
            changes = []
            for before in map(self._get, dict.fromkeys(task_ids)):
                after = edit.applied_to(before)
                if not same_content(before, after):
                    changes.append(TaskChange(before, revised(before, after, now)))
            yield from self._guarded(changes)

        return self._write("update", compute, dry_run)

    def move(self, command: str, task_ids: Sequence[UUID], status: TaskStatus, *, dry_run: bool) -> Written:
        """Give the tasks another status; ``command`` is what the history calls it."""

        def compute(now: datetime) -> Iterator[TaskChange]:
            closed_at = None if status is TaskStatus.PENDING else now
            for before in map(self._get, dict.fromkeys(task_ids)):
                check_transition(before, status)
                after = replace(before, status=status, closed_at=closed_at)
                yield TaskChange(before, revised(before, after, now))

        return self._write(command, compute, dry_run)

    def delete(self, task_ids: Sequence[UUID], *, dry_run: bool) -> Written:
        """Delete the tasks."""

        def compute(now: datetime) -> Iterator[TaskChange]:
            for before in map(self._get, dict.fromkeys(task_ids)):
                yield TaskChange(before, None)

        return self._write("delete", compute, dry_run)

    def claim(
        self, task_id: UUID | None, *, filter: TaskFilter, assignee: str | None, dry_run: bool
    ) -> Written:
        """Give one task to ``assignee``."""
        from tasky.urgency import choose_free

        whose = check_assignee(assignee) or self._actor

        def compute(now: datetime) -> Iterator[TaskChange]:
            before = choose_free(self._repository, filter, now) if task_id is None else self._get(task_id)
            if before.status is not TaskStatus.PENDING:
                raise InvalidTransitionError(
                    f"task {before.task_id.hex[:8]} is {before.status.value}: only pending ones are claimed",
                    hint="Reopen it first.",
                )
            if before.assignee == whose:
                return
            if before.assignee is not None:
                raise NothingToClaimError(
                    f"task {before.task_id.hex[:8]} is {before.assignee!a}'s already",
                    hint="Claim another one, or change its assignee with `tasky update`.",
                )
            yield TaskChange(before, revised(before, replace(before, assignee=whose), now))

        return self._write("claim", compute, dry_run)

    def undo(self, batch: UUID | None, *, dry_run: bool) -> Written:
        """Take a batch back."""
        from tasky.undo import Undo, newest_undoable

        undone = newest_undoable(self._repository, self._actor) if batch is None else batch

        def compute(now: datetime) -> Iterator[TaskChange]:
            yield from self._guarded(list(Undo(self._repository, undone, now).changes()))

        return self._write("undo", compute, dry_run, undoes=undone)

    def import_tasks(
        self, tasks: Iterable[TaskModel], *, command: str, update: bool, dry_run: bool
    ) -> Imported:
        """Bring ``tasks`` in."""
        from tasky.importing import Import

        now = self._clock()
        run = Import(self._repository, tasks, now, update=update)
        if dry_run:
            run.rehearse()
            return run.imported(None)
        batch = Batch(self._new_id(), now, self._actor, command)
        try:
            self._repository.apply(batch, run.changes())
        except _FINAL:
            raise
        except ConflictError as error:
            raise ConflictError(
                f"nothing was imported: {error.message}",
                hint="The input holds that task twice, or somebody changed it meanwhile: then try again.",
            ) from error
        return run.imported(batch.id)

    def _write(
        self,
        command: str,
        compute: Callable[[datetime], Iterator[TaskChange]],
        dry_run: bool,
        *,
        undoes: UUID | None = None,
    ) -> Written:
        """Apply what ``compute`` yields as one batch; compute it again when the store has moved on."""
        attempt = 0
        while True:
            attempt += 1
            now = self._clock()
            changes: list[TaskChange] = []
            if dry_run:
                changes.extend(change for change in compute(now) if not change.is_guard)
                return Written(None, tuple(changes))
            batch = Batch(self._new_id(), now, self._actor, command, undoes)
            try:
                self._repository.apply(batch, _recorded(compute(now), changes))
            except _FINAL:
                raise
            except ConflictError:
                if attempt == ATTEMPTS:
                    raise
                _pause(attempt)
            else:
                return Written(batch if changes else None, tuple(changes))

    def _guarded(self, changes: list[TaskChange]) -> Iterator[TaskChange]:
        """The changes, and guards for every task that their new dependencies lead to."""
        yield from changes
        roots = added_dependencies(changes)
        if roots:
            edges = {c.task_id: () if c.after is None else c.after.depends_on for c in changes}
            yield from guard_dependencies(roots, edges, self._repository.get_task)

    def _get(self, task_id: UUID) -> TaskModel:
        return stored_task(self._repository, task_id)


def _recorded(changes: Iterator[TaskChange], into: list[TaskChange]) -> Iterator[TaskChange]:
    for change in changes:
        if not change.is_guard:
            into.append(change)
        yield change


def _pause(attempt: int) -> None:
    """Exponential back-off with full jitter (Brooker, Exponential Backoff And Jitter, 2015)."""
    from random import uniform  # only a conflict needs it

    time.sleep(uniform(0, min(LONGEST_PAUSE, 0.002 * 2**attempt)))  # noqa: S311 - no secret
