"""The total order, pages of it, and the streams they come in."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

import pytest

from tasky import (
    InvalidFilterError,
    StoreClosedError,
    TaskChange,
    TaskFilter,
    TaskModel,
    TaskOrder,
    TaskPriority,
    TaskRepository,
    TaskStatus,
)
from tasky.testing.fixtures import StoreFixtures
from tasky.testing.rules import rule
from tasky.testing.samples import at, changed, create, make_task, update, write

__all__ = ["OrderRules", "ids", "many_tasks"]

_ORDERS: Final = {
    f"{by}{' descending' if descending else ''}": TaskOrder(by, descending)
    for by in ("created", "updated", "due", "priority", "name")
    for descending in (False, True)
}
_PENDING: Final = TaskFilter(statuses=frozenset({TaskStatus.PENDING}))
_FREE: Final = tuple(  # to claim: of any priority, of one, and of some
    replace(_PENDING, assignees=frozenset({None}), priorities=priorities)
    for priorities in (
        None,
        frozenset({TaskPriority.HIGH}),
        frozenset({TaskPriority.LOW, TaskPriority.HIGH}),
    )
)
_EVERY_ORDER: Final = pytest.mark.parametrize("order", _ORDERS.values(), ids=list(_ORDERS))


def many_tasks() -> list[TaskModel]:
    """Tasks full of ties: in each value, in the creation time as well, and without a value at all."""
    names = ["b", "B", "a", "Z", "\u00e4", "\u00df", "ss", "ST", "\U00010428", "\uff5e", "10", "9", " a", "_"]
    tasks = []
    for number in range(56):
        created = at(number % 3)
        tasks.append(
            make_task(
                names[number % len(names)],
                task_id=UUID(int=(number * 0x9E3779B97F4A7C15F39CC0605CEDC835) % (1 << 128)),
                created_at=created,
                updated_at=created + timedelta(microseconds=number % 4),
                due_at=None if number % 5 == 0 else at(1) + timedelta(microseconds=number % 3),
                priority=None if number % 4 == 0 else TaskPriority(number % 3 + 1),
                assignee="ann" if number % 6 < 2 else None,
                status=TaskStatus.COMPLETED if number % 7 == 0 else TaskStatus.PENDING,
            )
        )
    return tasks


def ids(stream: Iterator[TaskModel]) -> list[str]:
    """The ids of the stream, short."""
    return [task.task_id.hex[:8] for task in stream]


class OrderRules(StoreFixtures):
    """Orders, pages and streams."""

    @_EVERY_ORDER
    @rule
    def test_order_is_total(self, repository: TaskRepository, order: TaskOrder) -> None:
        """The key is (value, created_at, task_id), reversed as a whole; a missing value comes last.

        Usual cause: NULLs sorted first, ties left to chance, only the value reversed, ids compared as
        something else than 128-bit numbers, or names by a collation instead of by code points.
        """
        tasks = many_tasks()
        create(repository, *tasks)
        assert ids(repository.find_tasks(order=order)) == ids(iter(order.sorted(tasks)))

    @rule
    def test_default_order_is_by_creation(self, repository: TaskRepository) -> None:
        """Without an order, the oldest comes first.

        Usual cause: the order in which the tasks were written.
        """
        create(repository, make_task("b", created_at=at(2)), make_task("a", created_at=at(1)))
        assert [task.name for task in repository.find_tasks()] == ["a", "b"]

    @rule
    def test_order_follows_a_change(self, repository: TaskRepository) -> None:
        """The order sees the present values, not those of before.

        Usual cause: a sort key that is stored with the task and not updated with it.
        """
        a, b = make_task("a"), make_task("b")
        create(repository, a, b)
        update(repository, a, name="C")
        assert [task.name for task in repository.find_tasks(order=TaskOrder("name"))] == ["b", "C"]

    @_EVERY_ORDER
    @pytest.mark.parametrize("size", [1, 7])
    @rule
    def test_pages_make_up_the_whole(self, repository: TaskRepository, order: TaskOrder, size: int) -> None:
        """Pages, each after the last task of the one before, hold every task once and in order.

        Usual cause: the comparison with ``after`` looks at the value alone, or forgets missing values; or an
        index of some tasks, as of those that are free to claim, is taken for one of others or of all.
        """
        tasks = many_tasks()
        create(repository, *tasks)
        for wanted in (_PENDING, *_FREE):
            paged: list[TaskModel] = []
            page = list(repository.find_tasks(wanted, order=order, limit=size))
            while page:
                paged += page
                assert len(paged) <= len(tasks), "the pages don't come to an end"
                page = list(repository.find_tasks(wanted, order=order, limit=size, after=page[-1]))
            assert ids(iter(paged)) == ids(iter(order.sorted(filter(wanted.matches, tasks))))

    @_EVERY_ORDER
    @rule
    def test_page_after_a_task_that_is_gone(self, repository: TaskRepository, order: TaskOrder) -> None:
        """Only the place of ``after`` counts: it may be deleted, changed, or outside the filter.

        Usual cause: the anchor is looked up in the store, or its key is read there.
        """
        tasks = order.sorted(many_tasks())
        create(repository, *tasks)
        deleted, moved = tasks[20], tasks[40]
        write(repository, TaskChange(deleted, None))
        write(repository, TaskChange(moved, changed(moved, name="moved", due_at=None, priority=None)))
        rest = set(ids(iter(tasks[21:]))) - set(ids(iter([moved])))
        after_deleted = ids(repository.find_tasks(order=order, after=deleted))
        assert [each for each in after_deleted if each != ids(iter([moved]))[0]] == [
            each for each in ids(iter(tasks[21:])) if each in rest
        ]
        now_moved = repository.get_task(moved.task_id)
        assert now_moved is not None
        expected = order.sorted(
            task
            for task in [*tasks[:20], *tasks[21:40], now_moved, *tasks[41:]]
            if order.is_after(task, moved)
        )
        assert ids(repository.find_tasks(order=order, after=moved)) == ids(iter(expected))

    @_EVERY_ORDER
    @rule
    def test_page_after_the_last_task_is_empty(self, repository: TaskRepository, order: TaskOrder) -> None:
        """Nothing comes after the last task.

        Usual cause: an anchor whose value is missing is taken for no anchor.
        """
        tasks = order.sorted(many_tasks())
        create(repository, *tasks)
        assert ids(repository.find_tasks(order=order, after=tasks[-1])) == []
        assert ids(repository.find_tasks(order=order, after=tasks[-2])) == ids(iter(tasks[-1:]))

    @rule
    def test_page_after_a_task_with_unstorable_times(self, repository: TaskRepository) -> None:
        """``after`` may lie at the edge of time; it is compared like any other.

        Usual cause: arithmetic on the anchor's time that overflows.
        """
        task = make_task("a")
        create(repository, task)
        latest = replace(task, created_at=at(0).replace(year=9999, month=12, day=31), updated_at=at(0))
        assert list(repository.find_tasks(after=latest)) == []
        earliest = replace(task, created_at=at(0).replace(year=1, month=1, day=1), updated_at=at(0))
        assert list(repository.find_tasks(after=earliest)) == [task]

    @pytest.mark.parametrize(("limit", "expected"), [(0, 0), (1, 1), (3, 3), (4, 3), (10**12, 3), (None, 3)])
    @rule
    def test_limit_is_the_most_to_yield(
        self, repository: TaskRepository, limit: int | None, expected: int
    ) -> None:
        """``limit`` is the most tasks to yield; 0 yields none, None has no limit.

        Usual cause: `if limit:`, which takes 0 for no limit.
        """
        create(repository, *map(make_task, "abc"))
        assert len(list(repository.find_tasks(limit=limit))) == expected
        assert len(list(repository.history(limit=limit))) == expected

    @rule
    def test_negative_limit_is_refused_at_the_call(self, repository: TaskRepository) -> None:
        """A negative limit raises ``InvalidFilterError`` at the call, not at the first item.

        Usual cause: find_tasks is a generator function, or SQL's LIMIT -1, which means all.
        """
        with pytest.raises(InvalidFilterError):
            repository.find_tasks(limit=-1)
        with pytest.raises(InvalidFilterError):
            repository.history(limit=-1)

    @rule
    def test_snapshot_is_taken_at_the_call(self, repository: TaskRepository, other: TaskRepository) -> None:
        """The snapshot is taken at the call: later writes, of any handle, do not show.

        Usual cause: a lazy query that runs at the first item.
        """
        a, b, c = make_task("a"), make_task("b", created_at=at(1)), make_task("c", created_at=at(2))
        create(repository, a, b, c)
        tasks, entries = repository.find_tasks(), repository.history()
        write(repository, TaskChange(b, None))
        update(other, c, name="changed")
        create(other, make_task("d", created_at=at(3)))
        assert [task.name for task in tasks] == ["a", "b", "c"]
        assert len(list(entries)) == 3
        assert [task.name for task in repository.find_tasks()] == ["a", "changed", "d"]

    @rule
    def test_snapshot_outlives_writes_while_it_is_read(
        self, repository: TaskRepository, other: TaskRepository
    ) -> None:
        """A stream that is half read goes on in its snapshot, whatever is written meanwhile.

        Usual cause: rows fetched in portions, each portion seeing another state.
        """
        tasks = [make_task(f"task {number}", created_at=at(number)) for number in range(1500)]
        create(repository, *tasks)
        stream = repository.find_tasks()
        first = [next(stream) for _ in range(3)]
        write(other, *(TaskChange(task, None) for task in tasks[1::2]))
        write(repository, *(TaskChange(task, changed(task, name="changed")) for task in tasks[::2]))
        assert ids(iter([*first, *stream])) == ids(iter(tasks))
        assert {task.name for task in repository.find_tasks()} == {"changed"}

    @rule
    def test_open_streams_keep_no_writer_out(self, repository: TaskRepository, other: TaskRepository) -> None:
        """Half-read streams neither keep a writer out nor are disturbed by it.

        Usual cause: a lock that the reader holds until its stream is closed.
        """
        task = make_task("a")
        create(repository, task, make_task("b", created_at=at(1)))
        streams: list[Any] = [repository.find_tasks(), other.find_tasks(), repository.history()]
        for stream in streams:
            next(stream)
        update(other, task, name="changed")
        create(repository, make_task("c"))
        assert [len(list(stream)) for stream in streams] == [1, 1, 1]

    @pytest.mark.parametrize("ending", ["exhausted", "closed", "left", "collected"])
    @rule
    def test_streams_release_what_they_hold(self, repository: TaskRepository, ending: str) -> None:
        """A stream holds a reader only until it is exhausted, closed, left as a context, or collected.

        Usual cause: a connection that goes back to its pool only when the stream is exhausted.
        """
        create(repository, *(make_task(f"task {number}") for number in range(3)))
        for _ in range(40):
            for stream in (repository.find_tasks(), repository.history()):
                assert next(stream) is not None
                if ending == "exhausted":
                    assert len(list(stream)) == 2
                elif ending == "closed":
                    stream.close()
                elif ending == "left":
                    with stream:
                        pass
            if ending == "collected":
                del stream
                gc.collect(0)
        create(repository, make_task("later"))
        assert len(list(repository.find_tasks())) == 4

    @rule
    def test_closed_stream_is_at_its_end(self, repository: TaskRepository) -> None:
        """A stream that was closed yields nothing more; closing it again is harmless.

        Usual cause: the driver's error about a closed cursor escapes.
        """
        create(repository, make_task("a"), make_task("b"))
        for stream in (repository.find_tasks(), repository.history()):
            next(stream)
            stream.close()
            stream.close()
            assert list(stream) == []

    @rule
    def test_several_streams_are_read_side_by_side(self, repository: TaskRepository) -> None:
        """Many streams of one handle can be read in turns.

        Usual cause: one cursor for all, or a pool that is too small and waits for ever.
        """
        tasks = [make_task(f"task {number}", created_at=at(number)) for number in range(20)]
        create(repository, *tasks)
        rows = list(zip(*(repository.find_tasks() for _ in range(12)), strict=True))
        assert [row[0].name for row in rows] == [task.name for task in tasks]
        assert all(len({task.name for task in row}) == 1 for row in rows)

    @rule
    def test_stream_of_a_closed_repository_is_not_cut_short(self, repository: TaskRepository) -> None:
        """After ``close`` a half-read stream goes on or raises ``StoreClosedError``; it never just ends.

        Usual cause: closing the connection ends the iteration as if there were no more tasks.
        """
        create(repository, *(make_task(f"task {number}") for number in range(2500)))
        stream = repository.find_tasks()
        next(stream)
        repository.close()
        try:
            rest = len(list(stream))
        except StoreClosedError:
            return
        assert rest == 2499
