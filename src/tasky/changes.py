"""What is written and what is remembered: a batch of changes, and the history they leave."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import fields, replace
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Final
from uuid import UUID

from tasky.errors import ConflictError, InvalidTaskError
from tasky.model import JSONValue, TaskModel, check_text, check_timestamp
from tasky.record import record

__all__ = ["Batch", "HistoryEntry", "TaskChange", "checked_changes", "revised", "same_content"]

_content: Final = attrgetter(
    *(field.name for field in fields(TaskModel) if field.name not in ("revision", "updated_at"))
)


@record()
class Batch:
    """Who writes, when and with what; made by the caller, so that a write can be asked about later.

    ``at`` is aware and kept in UTC. ``actor`` and ``command`` are plain text for people, without NUL and
    lone surrogates. ``undoes`` is the id of the batch that this one takes back. Raises ``InvalidTaskError``.
    """

    id: UUID
    at: datetime
    actor: str
    command: str
    undoes: UUID | None = None

    def __post_init__(self) -> None:
        check_text("actor", self.actor)
        check_text("command", self.command)
        object.__setattr__(self, "at", check_timestamp("at", self.at))


@record()
class TaskChange:
    """One task before and after. ``before`` None creates it, ``after`` None deletes it.

    A change whose two sides are equal is a guard: the store checks it and writes nothing. Otherwise
    ``after`` has the revision that follows ``before``'s. Raises ``InvalidTaskError`` for anything else.
    """

    before: TaskModel | None
    after: TaskModel | None

    def __post_init__(self) -> None:
        before, after = self.before, self.after
        if before is None and after is None:
            raise InvalidTaskError("change", None, "a change has a task before or after it, or both")
        if before is None or after is None or before == after:
            return
        if before.task_id != after.task_id:
            raise InvalidTaskError("task_id", str(after.task_id), "a task's id never changes")
        if after.revision != before.revision + 1:
            rule = f"the revision after {before.revision} is {before.revision + 1}"
            raise InvalidTaskError("revision", after.revision, rule)

    @property
    def task_id(self) -> UUID:
        """The one task that the change is about."""
        task = self.after if self.before is None else self.before
        assert task is not None  # __post_init__ saw to it
        return task.task_id

    @property
    def is_guard(self) -> bool:
        """Whether the change is only checked. Two sides of one revision are the same task."""
        return (
            self.before is not None and self.after is not None and self.before.revision == self.after.revision
        )


@record()
class HistoryEntry:
    """One change of one task, as the history remembers it.

    ``sequence`` grows in the order of writing; gaps are allowed. ``before`` is the task before the change
    (None: it was created), ``revision`` the one written (None: it was deleted). The task after it is the
    ``before`` of that task's next entry, or what is stored.
    """

    sequence: int
    batch: Batch
    task_id: UUID
    before: TaskModel | None
    revision: int | None


def checked_changes(
    changes: Iterable[TaskChange],
    stored: Callable[[UUID], TaskModel | None],
    last_revision: Callable[[UUID], int],
) -> Iterator[TaskChange]:
    """The changes of one batch, guards included, each after it was found to fit what the store holds.

    That is what ``TaskRepository.apply`` requires: a batch names a task once, ``before`` has the revision of
    the task that ``stored`` gives (None: there is none), and a created task has the one that follows
    ``last_revision``, the last that history knows for the id (0: none). Raises ``ConflictError`` at the first
    that does not fit; the backend then writes nothing. Both functions are asked as each change comes.
    """
    seen: set[UUID] = set()
    for change in changes:
        task_id, before, after = change.task_id, change.before, change.after
        short, present = task_id.hex[:8], stored(task_id)
        if task_id in seen:
            raise _conflict(f"the batch names task {short} twice", "Put its changes into two batches.")
        seen.add(task_id)
        if before is not None:
            if present is None:
                raise _conflict(f"task {short} does not exist; revision {before.revision} was expected")
            if present.revision != before.revision:
                raise _conflict(f"task {short} is at revision {present.revision}, not at {before.revision}")
        else:
            assert after is not None  # a change has one side at least
            if present is not None:
                raise _conflict(f"task {short} exists already, at revision {present.revision}")
            due = last_revision(task_id) + 1
            if after.revision != due:
                raise _conflict(
                    f"task {short} has to be created at revision {due}, which follows its history,"
                    f" not at {after.revision}"
                )
        yield change


def revised(before: TaskModel, after: TaskModel, now: datetime) -> TaskModel:
    """``after`` as the revision that follows ``before``, at ``now`` or just behind ``before``.

    Raises ``InvalidTaskError`` when there is no later time.
    """
    try:
        moment = max(now, before.updated_at + timedelta(microseconds=1))
    except OverflowError:
        rule = "a task that was last changed at the end of the year 9999 cannot change again"
        raise InvalidTaskError("updated_at", before.updated_at, rule) from None
    return replace(after, revision=before.revision + 1, updated_at=moment)


def same_content(one: TaskModel, other: TaskModel) -> bool:
    """Whether two tasks say the same: revision and ``updated_at`` tell when something was written, not what.

    In ``extra`` the order of keys is no content, and 1, 1.0 and True are three values.
    """
    return _content(one) == _content(other) and (
        one.extra is other.extra or _canonical(one.extra) == _canonical(other.extra)
    )


def _conflict(what: str, hint: str = "Read it again and repeat the change.") -> ConflictError:
    return ConflictError(f"{what}; nothing was written", hint=hint)


def _canonical(extra: Mapping[str, JSONValue]) -> str:
    from json import dumps  # few tasks have any

    return dumps(extra, sort_keys=True)
