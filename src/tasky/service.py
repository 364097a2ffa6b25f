"""Every rule about tasks that is not storage: the one way in which tasks are read and changed.

An operation computes its changes while the store takes them in, so a store that locks computes and writes
in one step; where the store finds that something has moved on, the operation is computed again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, NamedTuple
from uuid import UUID, uuid4

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
from tasky.filter import TaskFilter, TaskOrder
from tasky.model import (
    JSONValue,
    TaskModel,
    TaskPriority,
    TaskStatus,
    check_actor,
    check_assignee,
    check_transition,
)
from tasky.references import ShortIds, not_found, resolve_reference
from tasky.repository import ANY_TASK, BY_CREATION, ResultStream, TaskRepository

if TYPE_CHECKING:  # what one command in five needs is imported by it
    from tasky.edits import TaskEdit
    from tasky.importing import Imported

__all__ = ["TaskService", "Written", "utc_now"]

ATTEMPTS: Final = 40  # of one operation, before a conflict is reported
LONGEST_PAUSE: Final = 0.25  # seconds between two attempts

_FINAL: Final = (  # conflicts that stay, however often the operation is computed
    BatchExistsError,
    DependencyCycleError,
    InvalidTransitionError,
    NothingToClaimError,
    UndoRefusedError,
)


def utc_now() -> datetime:
    """The time now, aware, in UTC."""
    return datetime.now(UTC)


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


class TaskService:
    """Tasks for people and programs, over one open repository.

    ``actor`` is who does it: the history names it, and claims are made for it. ``clock`` gives aware times,
    ``new_id`` fresh ids. Every writing method writes one batch, or nothing; with ``dry_run`` it computes the
    same changes and writes nothing.
    """

    def __init__(
        self,
        repository: TaskRepository,
        *,
        actor: str,
        clock: Callable[[], datetime] = utc_now,
        new_id: Callable[[], UUID] = uuid4,
    ) -> None:
        self.repository = repository
        self.actor = check_actor(actor)
        self._clock = clock
        self._new_id = new_id
        self._short_ids = ShortIds(repository)

    def get(self, task_id: UUID) -> TaskModel:
        """The task; raises ``TaskNotFoundError``."""
        task = self.repository.get_task(task_id)
        if task is None:
            raise not_found(str(task_id))
        return task

    def resolve(self, reference: str) -> UUID:
        """As ``resolve_reference``: a whole id, or the first 4 or more hex digits of one."""
        return resolve_reference(self.repository, reference)

    def find(
        self,
        filter: TaskFilter = ANY_TASK,
        *,
        order: TaskOrder = BY_CREATION,
        limit: int | None = None,
        after: TaskModel | None = None,
    ) -> ResultStream[TaskModel]:
        """As ``TaskRepository.find_tasks``."""
        return self.repository.find_tasks(filter, order=order, limit=limit, after=after)

    def count(self, filter: TaskFilter = ANY_TASK) -> dict[TaskStatus, int]:
        """As ``TaskRepository.count_tasks``."""
        return self.repository.count_tasks(filter)

    def next_tasks(self, limit: int, filter: TaskFilter = ANY_TASK) -> list[TaskModel]:
        """The most urgent ready tasks: high priority first, then what is due soonest, then the oldest."""
        from tasky.urgency import most_urgent

        return most_urgent(self.repository, filter, self._clock(), limit=limit)

    def short_ids(self, task_ids: Iterable[UUID]) -> dict[UUID, str]:
        """Each id as people see it: its first 8 hex digits, or as many more as no other task begins with."""
        return self._short_ids.of(task_ids)

    def create(
        self,
        *,
        name: str,
        details: str = "",
        priority: TaskPriority | None = None,
        project_id: str | None = None,
        tags: Iterable[str] = (),
        assignee: str | None = None,
        due_at: datetime | None = None,
        wait_until: datetime | None = None,
        depends_on: Iterable[UUID] = (),
        extra: Mapping[str, JSONValue] | None = None,
        dry_run: bool = False,
    ) -> Written:
        """Create one task; raises ``InvalidTaskError``."""
        task_id = self._new_id()
        tags, depends_on = tuple(tags), tuple(depends_on)  # it may be computed more than once

        def compute(now: datetime) -> Iterator[TaskChange]:
            task = TaskModel(
                task_id=task_id,
                name=name,
                details=details,
                priority=priority,
                project_id=project_id,
                tags=tags,
                assignee=assignee,
                due_at=due_at,
                wait_until=wait_until,
                depends_on=depends_on,
                extra={} if extra is None else extra,
                created_at=now,
                updated_at=now,
            )
            yield from self._guarded([TaskChange(None, task)])

        return self._write("add", compute, dry_run)

    def update(self, task_ids: Sequence[UUID], edit: TaskEdit, *, dry_run: bool = False) -> Written:
        """Edit the tasks; those that the edit leaves as they are get no new revision.

        Raises ``TaskNotFoundError``, ``InvalidTaskError`` or ``DependencyCycleError``.
        """

        def compute(now: datetime) -> Iterator[TaskChange]:
            changes = []
            for before in map(self.get, dict.fromkeys(task_ids)):
                after = edit.applied_to(before)
                if not same_content(before, after):
                    changes.append(TaskChange(before, revised(before, after, now)))
            yield from self._guarded(changes)

        return self._write("update", compute, dry_run)

    def complete(self, task_ids: Sequence[UUID], *, dry_run: bool = False) -> Written:
        """Complete pending tasks; raises ``TaskNotFoundError`` or ``InvalidTransitionError``."""
        return self._move("done", task_ids, TaskStatus.COMPLETED, dry_run)

    def cancel(self, task_ids: Sequence[UUID], *, dry_run: bool = False) -> Written:
        """Cancel pending tasks; raises ``TaskNotFoundError`` or ``InvalidTransitionError``."""
        return self._move("cancel", task_ids, TaskStatus.CANCELLED, dry_run)

    def reopen(self, task_ids: Sequence[UUID], *, dry_run: bool = False) -> Written:
        """Make completed or cancelled tasks pending; raises as ``complete``."""
        return self._move("reopen", task_ids, TaskStatus.PENDING, dry_run)

    def delete(self, task_ids: Sequence[UUID], *, dry_run: bool = False) -> Written:
        """Delete the tasks; their history stays, and ``undo`` revives them. Raises ``TaskNotFoundError``."""

        def compute(now: datetime) -> Iterator[TaskChange]:
            for before in map(self.get, dict.fromkeys(task_ids)):
                yield TaskChange(before, None)

        return self._write("delete", compute, dry_run)

    def claim(
        self,
        task_id: UUID | None = None,
        *,
        filter: TaskFilter = ANY_TASK,
        assignee: str | None = None,
        dry_run: bool = False,
    ) -> Written:
        """Give a task to ``assignee`` (default: the actor), so that nobody else gets it.

        With an id, that task, which has to be pending; one that the assignee has already is left as it is.
        Without, one of the most urgent ready tasks that nobody has and ``filter`` matches, at random among
        equals, so that many workers don't collide. Raises ``NothingToClaimError``.
        """
        from tasky.urgency import choose_free

        whose = check_assignee(assignee) or self.actor

        def compute(now: datetime) -> Iterator[TaskChange]:
            before = choose_free(self.repository, filter, now) if task_id is None else self.get(task_id)
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

    def undo(self, batch: UUID | None = None, *, dry_run: bool = False) -> Written:
        """Take a batch back by writing its inverse as a new one.

        Without ``batch``, the actor's own newest that is neither an undo nor undone. With it, any; to undo an
        undo is to redo. Raises ``UndoRefusedError`` when there is none, or a task has changed since.
        """
        from tasky.undo import Undo, newest_undoable

        undone = newest_undoable(self.repository, self.actor) if batch is None else batch

        def compute(now: datetime) -> Iterator[TaskChange]:
            yield from self._guarded(list(Undo(self.repository, undone, now).changes()))

        return self._write("undo", compute, dry_run, undoes=undone)

    def import_tasks(
        self,
        tasks: Iterable[TaskModel],
        *,
        command: str = "import",
        update: bool = False,
        dry_run: bool = False,
    ) -> Imported:
        """Bring ``tasks`` in as one batch, all or nothing; they are consumed once, as the store takes them.

        New ones keep their id and times and start at revision 1. One that is here already is left alone, or
        with ``update`` takes the content that comes in. Raises what ``tasks`` raises, ``ConflictError`` when
        an id comes twice or the store changed meanwhile, or ``DependencyCycleError``.
        """
        from tasky.importing import Import

        now = self._clock()
        run = Import(self.repository, tasks, now, update=update)
        if dry_run:
            run.rehearse()
            return run.imported(None)
        batch = Batch(self._new_id(), now, self.actor, command)
        try:
            self.repository.apply(batch, run.changes())
        except _FINAL:
            raise
        except ConflictError as error:
            raise ConflictError(
                f"nothing was imported: {error.message}",
                hint="The input holds that task twice, or somebody changed it meanwhile: then try again.",
            ) from error
        return run.imported(batch.id)

    def _move(self, command: str, task_ids: Sequence[UUID], status: TaskStatus, dry_run: bool) -> Written:
        def compute(now: datetime) -> Iterator[TaskChange]:
            closed_at = None if status is TaskStatus.PENDING else now
            for before in map(self.get, dict.fromkeys(task_ids)):
                check_transition(before, status)
                after = replace(before, status=status, closed_at=closed_at)
                yield TaskChange(before, revised(before, after, now))

        return self._write(command, compute, dry_run)

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
            batch = Batch(self._new_id(), now, self.actor, command, undoes)
            try:
                self.repository.apply(batch, _recorded(compute(now), changes))
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
            yield from guard_dependencies(roots, edges, self.repository.get_task)


def _recorded(changes: Iterator[TaskChange], into: list[TaskChange]) -> Iterator[TaskChange]:
    for change in changes:
        if not change.is_guard:
            into.append(change)
        yield change


def _pause(attempt: int) -> None:
    """Exponential back-off with full jitter (Brooker, Exponential Backoff And Jitter, 2015)."""
    from random import uniform  # only a conflict needs it

    time.sleep(uniform(0, min(LONGEST_PAUSE, 0.002 * 2**attempt)))  # noqa: S311 - no secret
