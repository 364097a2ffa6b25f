"""The storage contract.

``TaskRepository`` is the whole of what a backend has to be: nine methods, all required, no capability
flags. Its prose is the contract, and the conformance kit tests each sentence of it. ``ResultStream`` and
``BaseTaskRepository`` are there to build on: the first keeps the promises that every iterator makes, the
second adds the conveniences that are pleasant by hand and that no author needs to write.

The service owns the rules about tasks (values, times, revisions, cycles); the backend owns presence,
revision checks, order, atomicity, durability and history.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from types import TracebackType
from typing import TYPE_CHECKING, Final, Generic, NamedTuple, Protocol, Self, TypeVar, runtime_checkable
from uuid import UUID, uuid4

from tasky.errors import ConflictError, StorageCorruptError, StoreClosedError
from tasky.filter import TaskFilter, TaskOrder
from tasky.model import TaskModel, TaskStatus

if TYPE_CHECKING:
    from tasky.changes import Batch, HistoryEntry, TaskChange

__all__ = [
    "CONTRACT_METHODS",
    "BaseTaskRepository",
    "Problem",
    "ResultStream",
    "TaskRepository",
    "salvage_in_order",
]

T = TypeVar("T")

ANY_TASK: Final = TaskFilter()
BY_CREATION: Final = TaskOrder()

CONTRACT_METHODS: Final = (
    "initialize",
    "close",
    "get_task",
    "find_tasks",
    "count_tasks",
    "apply",
    "history",
    "restore",
    "check",
)


class Problem(NamedTuple):
    """Something that ``check`` found: ``message`` says what and where, ``task_id`` whose it is."""

    message: str
    task_id: UUID | None = None


class ResultStream(Generic[T]):
    """An iterator over results that can be closed, and closes itself when exhausted or collected.

    ``release`` gives back what the results hold (a connection, a lock); it is called exactly once, as soon
    as the iterator is exhausted, raises, is closed, or is collected unused. It must not raise.
    """

    __slots__ = ("_release", "_results")

    def __init__(self, results: Iterable[T], release: Callable[[], object] | None = None) -> None:
        self._release = release
        self._results = iter(results)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> T:
        try:
            return next(self._results)
        except BaseException:  # StopIteration too: whatever ends the iteration releases
            self.close()
            raise

    def close(self) -> None:
        """Release now; idempotent. The stream is at its end afterwards."""
        self._results = iter(())
        release, self._release = self._release, None
        if release is not None:
            release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def __del__(self) -> None:
        if getattr(self, "_release", None) is not None:
            self.close()


@runtime_checkable
class TaskRepository(Protocol):
    """A store of tasks and of their history.

    Two handles, two threads, two processes on one store behave as one: the operations on a task are
    linearizable, no update is lost, no part of a batch is ever seen, and a read is one consistent snapshot.

    Every error is one of Tasky's; a driver's exception never escapes, it is chained as the cause. A message
    says what to do next and never shows a password or a query. One unreadable record never hides the
    others silently and never takes a whole list down without being named.

    Making a repository touches nothing; every method but ``initialize``, ``check`` and ``close`` raises
    ``StoreClosedError`` before ``initialize`` and after ``close``.
    """

    @abstractmethod
    def initialize(self, *, create: bool = True) -> None:
        """Open the store.

        An absent store is created when ``create`` is true; otherwise ``StoreMissingError`` is raised and
        nothing is created. An older schema is upgraded in one transaction. A newer one raises
        ``SchemaTooNewError`` and is left untouched. What is not a store raises ``StorageCorruptError`` and is
        left untouched. Doing it twice is harmless, several processes may do it at once, and it is one read
        of the version when there is nothing to do.
        """
        ...

    @abstractmethod
    def close(self) -> None:
        """Release everything that the repository holds. Doing it twice is harmless."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...

    @abstractmethod
    def get_task(self, task_id: UUID, /) -> TaskModel | None:
        """The task, or None."""
        ...

    @abstractmethod
    def find_tasks(
        self,
        filter: TaskFilter = ANY_TASK,
        /,
        *,
        order: TaskOrder = BY_CREATION,
        limit: int | None = None,
        after: TaskModel | None = None,
    ) -> ResultStream[TaskModel]:
        """The tasks that ``filter.matches``, in ``order``.

        Arguments are checked and the snapshot is taken at the call, not at the first item: later writes, of
        this repository or another, do not show. The stream uses bounded memory however many tasks there are.
        It holds a reader only until it is exhausted, closed or collected, and keeps no writer out where the
        store can help it.

        ``limit`` (0 or more; a negative one raises ``InvalidFilterError``) is the most tasks to yield.
        ``after`` is the last task of the page before: only its place in ``order`` counts, so it may have been
        changed or deleted since.
        """
        ...

    @abstractmethod
    def count_tasks(self, filter: TaskFilter = ANY_TASK, /) -> dict[TaskStatus, int]:
        """How many tasks match, by status: exact, every status present."""
        ...

    @abstractmethod
    def apply(self, batch: Batch, changes: Iterable[TaskChange], /) -> None:
        """Write all of the changes and their history, or nothing.

        When it returns, kill -9 and power loss keep the batch. A batch id that the history knows raises
        ``BatchExistsError`` and writes nothing, so a write can be asked about and never happens twice: after
        losing a commit's answer a backend looks the id up, and raises ``OutcomeUnknownError`` only when it
        cannot.

        A batch names a task once. Each change requires that the stored task has the revision of ``before``,
        or is absent when ``before`` is None; otherwise ``ConflictError`` is raised and nothing is written.
        ``before`` is the task as it was read; whether other content at the stored revision conflicts, too, is
        the backend's to say.
        A created task has the revision that follows the last one that history knows for its id (1 for a new
        id), otherwise ``ConflictError`` is raised too: so a stale compare-and-swap never passes. ``after``
        None deletes the task. A guard (``before`` equals ``after``) is checked, and locked until the batch
        ends, but not written. A batch that writes nothing (no changes, or guards alone) leaves no trace.

        ``changes`` is an iterator that is consumed once, perhaps under the write lock. It may read this
        repository, and sees the state before the batch. When it raises, nothing is written and its exception
        comes out unchanged. A million changes need not be in memory where the store can stream.
        """
        ...

    @abstractmethod
    def history(
        self,
        *,
        task_id: UUID | None = None,
        batch: UUID | None = None,
        after: int | None = None,
        newest_first: bool = False,
        limit: int | None = None,
    ) -> ResultStream[HistoryEntry]:
        """The entries of one task, of one batch, or all, as a stream like that of ``find_tasks``.

        They come in the order of ``sequence``, reversed when ``newest_first``; ``after`` is the sequence of
        the last entry of the page before, in the same direction. A batch that was acknowledged before
        another began comes before it, a batch's entries are adjacent, and a task's entries follow its
        revisions. History grows at its end: no entry appears before one that was seen, so reading on with
        ``after`` misses nothing. Gaps in the numbers are allowed. Deleting a task keeps its history.
        """
        ...

    @abstractmethod
    def restore(self, tasks: Iterable[TaskModel], history: Iterable[HistoryEntry], /) -> None:
        """Fill an empty store, exactly: revisions, times, and the history in its order.

        All is written or nothing, as durably as by ``apply``. ``tasks`` is consumed first, then
        ``history``, each once; when one raises, nothing is written. Sequence numbers may differ from those
        given. A store that holds a task or an entry raises ``StoreNotEmptyError``.
        """
        ...

    @abstractmethod
    def check(self) -> ResultStream[Problem]:
        """Every problem that can be found: damage, unreadable records, state that contradicts history.

        It works without ``initialize``, also on a store that ``initialize`` refuses, and changes nothing. A
        healthy store yields nothing; an absent one raises ``StoreMissingError``. What says nothing about the
        store, such as others who hold it or a right that is missing, may be raised as the ``StorageError``
        that it is, also while reading.
        """
        ...


class BaseTaskRepository(TaskRepository, ABC):
    """What is pleasant to have on top of the nine methods; a backend that derives from it gets it free.

    ``save_task`` and ``delete_task`` write a batch each, as the actor ``python``. A program with more to say
    uses ``TaskService``.
    """

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def save_task(self, task: TaskModel) -> TaskModel:
        """Create ``task``, or store it over the revision that it was read at; returns it as stored.

        Raises ``ConflictError`` when the stored task has moved on since, and nothing is written.
        """
        from tasky.changes import Batch, TaskChange, revised  # what only reads does without

        now = datetime.now(UTC)
        stored = self.get_task(task.task_id)
        if stored is None:
            if task.revision > 1:
                raise ConflictError(
                    f"task {task.task_id.hex[:8]} was deleted since it was read",
                    hint="Save a copy with an id of its own, or undo the deletion.",
                )
            change = TaskChange(None, task)
        else:
            change = TaskChange(replace(stored, revision=task.revision), revised(task, task, now))
        self.apply(Batch(uuid4(), now, "python", "save_task"), [change])
        assert change.after is not None  # both branches set it
        return change.after

    def delete_task(self, task_id: UUID) -> bool:
        """Delete the task; False when there is none. Its history stays."""
        from tasky.changes import Batch, TaskChange  # as above

        stored = self.get_task(task_id)
        if stored is None:
            return False
        batch = Batch(uuid4(), datetime.now(UTC), "python", "delete_task")
        self.apply(batch, [TaskChange(stored, None)])
        return True

    def copy_natively(self, target: TaskRepository, /) -> bool:
        """Fill the empty store ``target`` with this one's content, in the backend's own faster way.

        Returns False, with nothing done, where there is none: ``tasky.copying`` then goes through the
        contract. An own way has to be as exact: tasks and history of one moment, all or nothing, durable, and
        ``StoreNotEmptyError`` for a target that holds anything.
        """
        return False

    def find_ids_natively(self, prefixes: Collection[str], /) -> Collection[UUID] | None:
        """The ids of the stored tasks that begin with one of ``prefixes`` (lower-case hex digits), each once.

        Returns None where the backend has no way to look up many at once: ``TaskService.short_ids``, which
        shortens fifty ids for a page of a list, then asks for one after another through the contract.
        """
        return None

    def get_all_tasks(self) -> list[TaskModel]:
        """Every task, oldest first, in memory; ``find_tasks`` streams them."""
        return list(self.find_tasks())

    def get_tasks_by_status(self, status: TaskStatus) -> list[TaskModel]:
        """Every task of that status, oldest first."""
        return list(self.find_tasks(TaskFilter(statuses=frozenset({status}))))

    def task_exists(self, task_id: UUID) -> bool:
        """Whether the task is stored."""
        return self.get_task(task_id) is not None

    def salvage(self) -> ResultStream[TaskModel | Problem]:
        """Every task that can still be read of a damaged store, and what stands in the way of others.

        It works without ``initialize``. A problem with a ``task_id`` is about a task that is not among the
        results, any other is about the store. No task comes twice. Damage is a problem and not an error; what
        else stands in the way (``StoreMissingError``, say) is raised, at the call or by the stream.

        What the contract gives is read here: the tasks in their order, up to the first that cannot be read. A
        backend that can go around damage overrides it, and leaves the store untouched.
        """
        return ResultStream(salvage_in_order(self))


def salvage_in_order(repository: TaskRepository) -> Iterator[TaskModel | Problem]:
    """What ``BaseTaskRepository.salvage`` yields, of any repository; one that is closed is closed again."""
    was_closed = False
    try:
        try:
            tasks = repository.find_tasks()
        except StoreClosedError:
            was_closed = True
            repository.initialize(create=False)
            tasks = repository.find_tasks()
        with tasks:
            yield from tasks
    except StorageCorruptError as error:
        yield Problem(f"{error.message}; nothing that comes after it was read")
    finally:
        if was_closed:
            repository.close()
