"""What ``history`` remembers, and what ``restore`` brings back."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Final
from uuid import uuid4

import pytest

from tasky import (
    HistoryEntry,
    TaskChange,
    TaskRepository,
)
from tasky.testing.fixtures import RepositoryMaker, StoreFixtures
from tasky.testing.rules import rule
from tasky.testing.samples import (
    at,
    changed,
    create,
    exact_entry,
    make_batch,
    make_task,
    update,
    write,
)

__all__ = ["HistoryRules"]

_A: Final = make_task("a")
_B: Final = make_task("b")


class HistoryRules(StoreFixtures):
    """History."""

    @rule
    def test_entry_holds_the_change(self, repository: TaskRepository) -> None:
        """An entry holds batch, task id, the task before (None: created) and the revision (None: deleted).

        Usual cause: the task after the change is kept where the one before belongs.
        """
        first = create(repository, _A)
        after = changed(_A, name="a2", tags=("t",), extra={"k": [1.0]})
        second = write(repository, TaskChange(_A, after))
        third = write(repository, TaskChange(after, None))
        entries = list(repository.history())
        assert all(isinstance(entry, HistoryEntry) for entry in entries)
        assert [exact_entry(entry) for entry in entries] == [
            exact_entry(HistoryEntry(0, first, _A.task_id, None, 1)),
            exact_entry(HistoryEntry(0, second, _A.task_id, _A, 2)),
            exact_entry(HistoryEntry(0, third, _A.task_id, after, None)),
        ]

    @rule
    def test_batch_comes_back_exactly(self, repository: TaskRepository) -> None:
        """A batch comes back as it was made: id, time, actor, command, and what it undoes.

        Usual cause: ``undoes`` left out, the store's own clock, or an empty text that becomes None.
        """
        undone = uuid4()
        batches = [
            make_batch(actor="\u00c4nn \U0001f4dd '", command="done\n--json", undoes=undone),
            make_batch(actor="", command="", at=datetime.min.replace(tzinfo=UTC)),
            make_batch(at=datetime.max.replace(tzinfo=UTC)),
        ]
        for number, batch in enumerate(batches):
            repository.apply(batch, [TaskChange(None, make_task(f"task {number}"))])
        assert [entry.batch for entry in repository.history()] == batches

    @rule
    def test_entries_come_in_the_order_of_writing(
        self, repository: TaskRepository, other: TaskRepository
    ) -> None:
        """A batch acknowledged before another began comes before it; its entries are adjacent.

        Usual cause: ordered by the batch's time, which the caller's clock makes, or by its id.
        """
        batches = []
        for number in range(6):
            batch = make_batch(at=at(-number))
            tasks = [make_task(f"task {number} {part}") for part in range(3)]
            handle = (repository, other)[number % 2]
            handle.apply(batch, [TaskChange(None, task) for task in tasks])
            batches += [batch.id] * 3
        entries = list(repository.history())
        assert [entry.batch.id for entry in entries] == batches
        assert [entry.sequence for entry in entries] == sorted({entry.sequence for entry in entries})

    @rule
    def test_entries_of_a_batch_keep_the_order_of_its_changes(self, repository: TaskRepository) -> None:
        """Within a batch the entries follow the changes.

        Usual cause: changes grouped by kind or sorted by id before they are written.
        """
        create(repository, _A, _B)
        names = ["z", "y", "x"]
        changes = [TaskChange(None, make_task(name)) for name in names]
        changes.insert(1, TaskChange(_A, None))
        changes.insert(3, TaskChange(_B, changed(_B)))
        batch = write(repository, *changes)
        written = [entry.task_id for entry in repository.history(batch=batch.id)]
        assert written == [change.task_id for change in changes]

    @rule
    def test_history_of_one_task(self, repository: TaskRepository) -> None:
        """``task_id`` asks for one task's entries; they follow its revisions, across delete and re-creation.

        Usual cause: entries deleted with their task, or a foreign key to it.
        """
        create(repository, _A, _B)
        second = update(repository, _A, name="a2")
        write(repository, TaskChange(second, None))
        assert [entry.revision for entry in repository.history(task_id=_A.task_id)] == [1, 2, None]
        again = replace(_A, revision=3)
        create(repository, again)
        update(repository, again)
        entries = list(repository.history(task_id=_A.task_id))
        assert [entry.revision for entry in entries] == [1, 2, None, 3, 4]
        befores = [entry.before and entry.before.revision for entry in entries]
        assert befores == [None, 1, 2, None, 3]
        assert [entry.revision for entry in repository.history(task_id=_B.task_id)] == [1]

    @rule
    def test_history_of_one_batch(self, repository: TaskRepository) -> None:
        """``batch`` asks for one batch's entries; with ``task_id``, for those of both.

        Usual cause: one of the two is ignored when both are given.
        """
        create(repository, _A, make_task("c"))
        batch = write(repository, TaskChange(None, _B), TaskChange(_A, changed(_A)))
        assert [entry.task_id for entry in repository.history(batch=batch.id)] == [_B.task_id, _A.task_id]
        both = list(repository.history(batch=batch.id, task_id=_A.task_id))
        assert [entry.revision for entry in both] == [2]

    @rule
    def test_unknown_task_or_batch_has_no_history(self, repository: TaskRepository) -> None:
        """What the history does not know has no entries.

        Usual cause: an error for an unknown id, or a filter that is ignored.
        """
        create(repository, _A)
        assert list(repository.history(task_id=uuid4())) == list(repository.history(batch=uuid4())) == []

    @pytest.mark.parametrize("newest_first", [False, True])
    @rule
    def test_history_in_pages(self, repository: TaskRepository, newest_first: bool) -> None:
        """``after`` is the sequence of the last entry of the page before, in the same direction.

        Usual cause: ``after`` compared in the wrong direction when the newest comes first.
        """
        for number in range(4):
            create(repository, *(make_task(f"{number} {part}") for part in range(3)))
        whole = [entry.sequence for entry in repository.history(newest_first=newest_first)]
        assert whole == sorted(whole, reverse=newest_first)
        assert len(whole) == 12
        paged: list[int] = []
        for _ in range(3):
            page = repository.history(after=paged[-1] if paged else None, newest_first=newest_first, limit=5)
            paged += [entry.sequence for entry in page]
        assert paged == whole
        assert list(repository.history(after=whole[-1], newest_first=newest_first)) == []

    @rule
    def test_history_filters_and_pages_together(self, repository: TaskRepository) -> None:
        """The limit counts the entries that are asked for, not those that are passed over.

        Usual cause: LIMIT applied before the filter.
        """
        task = _A
        create(repository, task)
        for number in range(5):
            create(repository, make_task(f"task {number}"))
            task = update(repository, task)
        newest = list(repository.history(task_id=_A.task_id, newest_first=True, limit=2))
        assert [entry.revision for entry in newest] == [6, 5]
        older = repository.history(task_id=_A.task_id, newest_first=True, after=newest[-1].sequence, limit=3)
        assert [entry.revision for entry in older] == [4, 3, 2]

    @rule
    def test_sequence_does_not_change(
        self, repository: TaskRepository, make_repository: RepositoryMaker
    ) -> None:
        """An entry keeps its sequence, and a later one has a greater, also after the store was reopened.

        Usual cause: numbers counted while reading, or a counter that starts again.
        """
        create(repository, _A)
        before = [entry.sequence for entry in repository.history()]
        write(repository, TaskChange(_A, None))
        repository.close()
        reopened = make_repository()
        reopened.initialize(create=False)
        create(reopened, _B)
        entries = [entry.sequence for entry in reopened.history()]
        assert entries[:1] == before
        assert entries == sorted(set(entries))
