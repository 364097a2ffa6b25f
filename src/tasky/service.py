"""Every rule about tasks that is not storage: the one way in which tasks are read and changed.

Reading is here, writing in ``tasky.writing``, which is imported with the first write.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

from tasky.filter import TaskFilter, TaskOrder
from tasky.model import JSONValue, TaskModel, TaskPriority, TaskStatus, check_actor
from tasky.references import ShortIds, resolve_reference, stored_task
from tasky.repository import ANY_TASK, BY_CREATION, ResultStream, TaskRepository

if TYPE_CHECKING:
    from tasky.edits import TaskEdit
    from tasky.importing import Imported
    from tasky.writing import Writer, Written

__all__ = ["TaskService", "utc_now"]


def utc_now() -> datetime:
    """The time now, aware, in UTC."""
    return datetime.now(UTC)


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
        return stored_task(self.repository, task_id)

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

        def make(now: datetime) -> TaskModel:
            return TaskModel(
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

        return self._writer.create(make, dry_run=dry_run)

    def update(self, task_ids: Sequence[UUID], edit: TaskEdit, *, dry_run: bool = False) -> Written:
        """Edit the tasks; those that the edit leaves as they are get no new revision.

        Raises ``TaskNotFoundError``, ``InvalidTaskError`` or ``DependencyCycleError``.
        """
        return self._writer.update(task_ids, edit, dry_run=dry_run)

    def complete(self, task_ids: Sequence[UUID], *, dry_run: bool = False) -> Written:
        """Complete pending tasks; raises ``TaskNotFoundError`` or ``InvalidTransitionError``."""
        return self._writer.move("done", task_ids, TaskStatus.COMPLETED, dry_run=dry_run)

    def cancel(self, task_ids: Sequence[UUID], *, dry_run: bool = False) -> Written:
        """Cancel pending tasks; raises ``TaskNotFoundError`` or ``InvalidTransitionError``."""
        return self._writer.move("cancel", task_ids, TaskStatus.CANCELLED, dry_run=dry_run)

    def reopen(self, task_ids: Sequence[UUID], *, dry_run: bool = False) -> Written:
        """Make completed or cancelled tasks pending; raises as ``complete``."""
        return self._writer.move("reopen", task_ids, TaskStatus.PENDING, dry_run=dry_run)

    def delete(self, task_ids: Sequence[UUID], *, dry_run: bool = False) -> Written:
        """Delete the tasks; their history stays, and ``undo`` revives them. Raises ``TaskNotFoundError``."""
        return self._writer.delete(task_ids, dry_run=dry_run)

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
        return self._writer.claim(task_id, filter=filter, assignee=assignee, dry_run=dry_run)

    def undo(self, batch: UUID | None = None, *, dry_run: bool = False) -> Written:
        """Take a batch back by writing its inverse as a new one.

        Without ``batch``, the actor's own newest that is neither an undo nor undone. With it, any; to undo an
        undo is to redo. Raises ``UndoRefusedError`` when there is none, or a task has changed since.
        """
        return self._writer.undo(batch, dry_run=dry_run)

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
        return self._writer.import_tasks(tasks, command=command, update=update, dry_run=dry_run)

    @property
    def _writer(self) -> Writer:
        from tasky.writing import Writer  # what only reads does without

        return Writer(self.repository, actor=self.actor, clock=self._clock, new_id=self._new_id)
