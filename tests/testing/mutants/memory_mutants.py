"""Backends that are wrong, each in one way, and the rule that has to find it out.

Not collected with the other tests: ``test_mutants.py`` runs it and expects every test to fail.
A mutant that survives is a bug of the kit.
"""

from __future__ import annotations

import itertools
import json
import re
import time
from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final
from unicodedata import normalize
from uuid import UUID

import pytest

from tasky import (
    Batch,
    ConflictError,
    HistoryEntry,
    ResultStream,
    StoreMissingError,
    TaskChange,
    TaskFilter,
    TaskModel,
    TaskOrder,
    TaskStatus,
)
from tasky.testing import MemoryStore, MemoryTaskRepository, StoreHarness
from tasky.testing.conformance import SingleProcessConformance
from tasky.testing.memory import MemoryState

ANY_TASK: Final = TaskFilter()
BY_CREATION: Final = TaskOrder()


class _Wrong(MemoryTaskRepository):
    """``killed_by`` names the rule that must fail."""

    killed_by: ClassVar[str]


class CreatesWhenMakingTheHandle(_Wrong):
    killed_by = "test_factory_touches_nothing"

    def __init__(self, store: MemoryStore) -> None:
        super().__init__(store)
        store.state = store.state or MemoryState()


class CreatesWithoutBeingAsked(_Wrong):
    killed_by = "test_initialize_without_create_refuses_an_absent_store"

    def initialize(self, *, create: bool = True) -> None:
        super().initialize(create=True)


class StartsAnew(_Wrong):
    killed_by = "test_initialize_keeps_what_is_stored"

    def initialize(self, *, create: bool = True) -> None:
        if create:
            self._store.state = MemoryState()
        super().initialize(create=create)


class StaysOpen(_Wrong):
    killed_by = "test_use_after_close_is_refused"

    def close(self) -> None:
        pass


class ChecksAnAbsentStore(_Wrong):
    killed_by = "test_check_of_an_absent_store_is_an_error"

    def check(self) -> Any:
        try:
            return super().check()
        except StoreMissingError:
            return iter(())


class ForgetsTheRevision(_Wrong):
    """Lost update: whoever writes last wins."""

    killed_by = "test_update_from_a_stale_revision_conflicts"

    def _check_change(self, state: MemoryState, change: TaskChange) -> None:
        if change.before is None or change.task_id not in state.tasks:
            super()._check_change(state, change)


class AcceptsLaterRevisions(_Wrong):
    killed_by = "test_update_from_a_future_revision_conflicts"

    def _check_change(self, state: MemoryState, change: TaskChange) -> None:
        stored = state.tasks.get(change.task_id)
        if not (stored and change.before and change.before.revision > stored.revision):
            super()._check_change(state, change)


class Upserts(_Wrong):
    killed_by = "test_create_of_an_existing_task_conflicts"

    def _check_change(self, state: MemoryState, change: TaskChange) -> None:
        if change.before is not None:
            super()._check_change(state, change)


class UpdatesNothingSilently(_Wrong):
    killed_by = "test_update_of_an_absent_task_conflicts"

    def _check_change(self, state: MemoryState, change: TaskChange) -> None:
        if change.before is None or change.after is None or change.task_id in state.tasks:
            super()._check_change(state, change)


class DeletesByIdAlone(_Wrong):
    killed_by = "test_delete_from_a_stale_revision_conflicts"

    def _check_change(self, state: MemoryState, change: TaskChange) -> None:
        if change.after is not None or change.task_id not in state.tasks:
            super()._check_change(state, change)


class StartsRevisionsAgain(_Wrong):
    killed_by = "test_created_again_at_the_next_revision"

    def _check_change(self, state: MemoryState, change: TaskChange) -> None:
        super()._check_change(replace(state, last_revisions={}), change)


class SkipsGuards(_Wrong):
    killed_by = "test_guard_on_a_task_that_moved_on_conflicts"

    def _check_change(self, state: MemoryState, change: TaskChange) -> None:
        if not change.is_guard:
            super()._check_change(state, change)


class WritesHalfABatch(_Wrong):
    killed_by = "test_batch_with_a_conflict_writes_nothing"

    def _next_state(self, state: MemoryState, batch: Batch, changes: Iterable[TaskChange]) -> MemoryState:
        def written(changes: Iterable[TaskChange]) -> Iterable[TaskChange]:
            done: list[TaskChange] = []
            for change in changes:
                self._store.state = super(WritesHalfABatch, self)._next_state(state, batch, done)
                done.append(change)
                yield change

        return super()._next_state(state, batch, written(changes))


class WritesABatchTwice(_Wrong):
    killed_by = "test_known_batch_is_refused"

    def apply(self, batch: Batch, changes: Iterable[TaskChange], /) -> None:
        state = self._state()
        self._store.state = replace(state, batches=frozenset())
        super().apply(batch, changes)


class ChecksTheChangesFirst(_Wrong):
    killed_by = "test_repeated_write_is_told_from_a_conflict"

    def apply(self, batch: Batch, changes: Iterable[TaskChange], /) -> None:
        changes = list(changes)
        for change in changes:
            self._check_change(self._state(), change)
        super().apply(batch, changes)


class RemembersBatchesThatFailed(_Wrong):
    killed_by = "test_refused_batch_may_be_sent_again"

    def apply(self, batch: Batch, changes: Iterable[TaskChange], /) -> None:
        try:
            super().apply(batch, changes)
        except ConflictError:
            state = self._state()
            self._store.state = replace(state, batches=state.batches | {batch.id})
            raise


class RemembersBatchesThatWroteNothing(_Wrong):
    killed_by = "test_batch_that_writes_nothing_leaves_no_trace"

    def _next_state(self, state: MemoryState, batch: Batch, changes: Iterable[TaskChange]) -> MemoryState:
        after = super()._next_state(state, batch, changes)
        return replace(after, batches=after.batches | {batch.id})


class WrapsForeignExceptions(_Wrong):
    killed_by = "test_changes_that_raise_write_nothing"

    def apply(self, batch: Batch, changes: Iterable[TaskChange], /) -> None:
        try:
            super().apply(batch, changes)
        except LookupError as error:
            raise ConflictError("the changes broke off") from error


class ConsumesTwice(_Wrong):
    killed_by = "test_changes_are_consumed_once"

    def apply(self, batch: Batch, changes: Iterable[TaskChange], /) -> None:
        sum(1 for _ in changes)
        super().apply(batch, changes)


class _Storing(_Wrong):
    """Stores something else than it was given."""

    def _next_state(self, state: MemoryState, batch: Batch, changes: Iterable[TaskChange]) -> MemoryState:
        altered = (
            change
            if change.after is None or change.is_guard
            else TaskChange(change.before, self.kept(change.after))
            for change in changes
        )
        return super()._next_state(state, batch, altered)

    def kept(self, task: TaskModel) -> TaskModel:
        raise NotImplementedError


class KeepsMilliseconds(_Storing):
    killed_by = "test_task_comes_back_exactly"

    def kept(self, task: TaskModel) -> TaskModel:
        def cut(moment: datetime) -> datetime:
            return moment.replace(microsecond=moment.microsecond // 1000 * 1000)

        return replace(task, due_at=task.due_at and cut(task.due_at), created_at=cut(task.created_at))


class StoresLocalTime(_Storing):
    killed_by = "test_task_comes_back_exactly"

    def kept(self, task: TaskModel) -> TaskModel:
        return replace(task, due_at=task.due_at and task.due_at + timedelta(hours=1))


class StripsText(_Storing):
    killed_by = "test_task_comes_back_exactly"

    def kept(self, task: TaskModel) -> TaskModel:
        return replace(task, details=task.details.strip())


class RewritesNumbers(_Storing):
    killed_by = "test_task_comes_back_exactly"

    def kept(self, task: TaskModel) -> TaskModel:
        def number(text: str) -> int | float:
            return int(float(text)) if float(text).is_integer() else float(text)

        extra = json.loads(json.dumps(dict(task.extra)), parse_float=number)
        return replace(task, extra=extra)


class _Finding(_Wrong):
    """Finds with another meaning: overrides one of the four steps."""

    def find_tasks(
        self,
        filter: TaskFilter = ANY_TASK,
        /,
        *,
        order: TaskOrder = BY_CREATION,
        limit: int | None = None,
        after: TaskModel | None = None,
    ) -> ResultStream[TaskModel]:
        super().find_tasks(limit=limit)  # checks what is to be checked
        tasks = self._state().tasks
        pending = {each for each, task in tasks.items() if task.status is TaskStatus.PENDING}
        found = self.arranged(
            order,
            [
                task
                for task in tasks.values()
                if self.wanted(filter, task, not pending.isdisjoint(task.depends_on))
            ],
        )
        if after is not None:
            found = [task for task in found if self.behind(order, task, after)]
        return ResultStream(self.cut(found, limit))

    def wanted(self, filter: TaskFilter, task: TaskModel, blocked: bool) -> bool:
        return filter.matches(task, blocked=blocked)

    def arranged(self, order: TaskOrder, tasks: list[TaskModel]) -> list[TaskModel]:
        return order.sorted(tasks)

    def behind(self, order: TaskOrder, task: TaskModel, after: TaskModel) -> bool:
        return order.is_after(task, after)

    def cut(self, found: list[TaskModel], limit: int | None) -> list[TaskModel]:
        return found[:limit]


class KnowsOneIdForEachBeginning(_Wrong):
    killed_by = "test_short_ids_tell_tasks_apart"

    def find_ids_natively(self, prefixes: Collection[str], /) -> Collection[UUID]:
        known = {task.task_id.hex[:8]: task.task_id for task in self.find_tasks()}
        return {known[prefix] for prefix in prefixes if prefix in known}


class FoldsAsciiOnly(_Finding):
    killed_by = "test_text_is_compared_by_unicode_casefold"

    def wanted(self, filter: TaskFilter, task: TaskModel, blocked: bool) -> bool:
        text = (filter.text or "").lower()
        rest = replace(filter, text=None).matches(task, blocked=blocked)
        return rest and (text in task.name.lower() or text in task.details.lower())


class FindsWithWildcards(_Finding):
    killed_by = "test_text_has_no_wildcards"

    def wanted(self, filter: TaskFilter, task: TaskModel, blocked: bool) -> bool:
        pattern = re.escape(filter.text or "").replace("%", ".*").replace("_", ".")
        rest = replace(filter, text=None).matches(task, blocked=blocked)
        return rest and re.search(pattern, f"{task.name}", re.IGNORECASE) is not None


class JoinsNameAndDetails(_Finding):
    killed_by = "test_text_is_searched_in_each_by_itself"

    def wanted(self, filter: TaskFilter, task: TaskModel, blocked: bool) -> bool:
        rest = replace(filter, text=None).matches(task, blocked=blocked)
        return rest and (filter.text or "").casefold() in f"{task.name}{task.details}".casefold()


class NormalisesText(_Finding):
    killed_by = "test_text_is_not_compared_more_loosely"

    def wanted(self, filter: TaskFilter, task: TaskModel, blocked: bool) -> bool:
        if filter.text is not None:
            filter = replace(filter, text=normalize("NFKC", filter.text))
        return filter.matches(replace(task, name=normalize("NFKC", task.name)), blocked=blocked)


class FindsProjectsByTheirBeginning(_Finding):
    killed_by = "test_filter_by_project"

    def wanted(self, filter: TaskFilter, task: TaskModel, blocked: bool) -> bool:
        rest = replace(filter, project_id=None).matches(task, blocked=blocked)
        return rest and (task.project_id or "").startswith(filter.project_id or "")


class FindsAnyOfTheTags(_Finding):
    killed_by = "test_filter_by_tags"

    def wanted(self, filter: TaskFilter, task: TaskModel, blocked: bool) -> bool:
        rest = replace(filter, tags=()).matches(task, blocked=blocked)
        return rest and (not filter.tags or bool(set(filter.tags) & set(task.tags)))


class IncludesTheEnd(_Finding):
    killed_by = "test_filter_by_time"

    def wanted(self, filter: TaskFilter, task: TaskModel, blocked: bool) -> bool:
        if filter.due_before is not None:
            filter = replace(filter, due_before=filter.due_before + timedelta(microseconds=1))
        return filter.matches(task, blocked=blocked)


class TakesAnEmptySetForNone(_Finding):
    killed_by = "test_empty_set_finds_nothing"

    def wanted(self, filter: TaskFilter, task: TaskModel, blocked: bool) -> bool:
        return replace(filter, ids=filter.ids or None).matches(task, blocked=blocked)


class FindsNobodyNever(_Finding):
    killed_by = "test_filter_by_assignee"

    def wanted(self, filter: TaskFilter, task: TaskModel, blocked: bool) -> bool:
        if filter.assignees is not None:
            filter = replace(filter, assignees=filter.assignees - {None})
        return filter.matches(task, blocked=blocked)


class JoinsDependencies(_Finding):
    killed_by = "test_filter_by_ready"

    def wanted(self, filter: TaskFilter, task: TaskModel, blocked: bool) -> bool:
        dangling = not set(task.depends_on) <= set(self._state().tasks)
        return filter.matches(task, blocked=blocked or dangling)


class SortsMissingValuesFirst(_Finding):
    killed_by = "test_order_is_total"

    def arranged(self, order: TaskOrder, tasks: list[TaskModel]) -> list[TaskModel]:
        return sorted(order.sorted(tasks), key=lambda task: order.value(task) is not None)


class LeavesTiesToChance(_Finding):
    killed_by = "test_order_is_total"

    def arranged(self, order: TaskOrder, tasks: list[TaskModel]) -> list[TaskModel]:
        by_value = TaskOrder(order.by, order.descending).sorted
        return by_value(replace(task, created_at=task.updated_at) for task in tasks)


class ReversesOnlyTheValue(_Finding):
    killed_by = "test_order_is_total"

    def arranged(self, order: TaskOrder, tasks: list[TaskModel]) -> list[TaskModel]:
        plain = TaskOrder(order.by).sorted(tasks)
        values = sorted({order.value(task) for task in plain} - {None}, reverse=order.descending)
        return [task for value in [*values, None] for task in plain if order.value(task) == value]


class LooksUpTheAnchor(_Finding):
    killed_by = "test_page_after_a_task_that_is_gone"

    def behind(self, order: TaskOrder, task: TaskModel, after: TaskModel) -> bool:
        return order.is_after(task, self._state().tasks.get(after.task_id, after))


class PagesByOffset(_Finding):
    """A page is what comes behind as many tasks as were given out before."""

    killed_by = "test_page_after_a_task_that_is_gone"
    given = 0

    def find_tasks(self, *filter: Any, **arguments: Any) -> Any:
        if arguments.pop("after", None) is None:
            self.given = 0
        limit = arguments.pop("limit", None)
        found = list(super().find_tasks(*filter, **arguments))[self.given :][:limit]
        self.given += len(found)
        return ResultStream(found)


class PagesByTheValueAlone(_Finding):
    killed_by = "test_pages_make_up_the_whole"

    def behind(self, order: TaskOrder, task: TaskModel, after: TaskModel) -> bool:
        return order.is_after(task, after) and order.value(task) != order.value(after)


class TakesZeroForNoLimit(_Finding):
    killed_by = "test_limit_is_the_most_to_yield"

    def cut(self, found: list[TaskModel], limit: int | None) -> list[TaskModel]:
        return found[: limit or None]


class ReadsLate(_Wrong):
    killed_by = "test_snapshot_is_taken_at_the_call"

    def find_tasks(self, *filter: Any, **arguments: Any) -> Any:
        super().find_tasks(limit=arguments.get("limit"))

        def later() -> Iterator[TaskModel]:
            yield from super(ReadsLate, self).find_tasks(*filter, **arguments)

        return ResultStream(later())


class IsAGeneratorFunction(_Wrong):
    killed_by = "test_negative_limit_is_refused_at_the_call"

    def find_tasks(self, *filter: Any, **arguments: Any) -> Any:
        yield from super().find_tasks(*filter, **arguments)


class EndsStreamsWhenClosed(_Wrong):
    killed_by = "test_stream_of_a_closed_repository_is_not_cut_short"

    def find_tasks(self, *filter: Any, **arguments: Any) -> Any:
        found = super().find_tasks(*filter, **arguments)
        return ResultStream(itertools.takewhile(lambda _task: self._is_open, found))


class LeavesOutZeros(_Wrong):
    killed_by = "test_counts_hold_every_status"

    def count_tasks(self, filter: TaskFilter = ANY_TASK, /) -> dict[TaskStatus, int]:
        return {status: count for status, count in super().count_tasks(filter).items() if count}


class SortsHistoryByTime(_Wrong):
    killed_by = "test_entries_come_in_the_order_of_writing"

    def history(self, **arguments: Any) -> ResultStream[HistoryEntry]:
        return ResultStream(sorted(super().history(**arguments), key=lambda entry: entry.batch.at))


class LimitsHistoryBeforeItsFilter(_Wrong):
    killed_by = "test_history_filters_and_pages_together"

    def history(self, *, task_id: UUID | None = None, **arguments: Any) -> ResultStream[HistoryEntry]:
        found = super().history(**arguments)
        return ResultStream(entry for entry in found if task_id in (None, entry.task_id))


class PagesHistoryInOneDirection(_Wrong):
    killed_by = "test_history_in_pages"

    def history(self, *, after: int | None = None, **arguments: Any) -> ResultStream[HistoryEntry]:
        found = super().history(**arguments)
        return ResultStream(entry for entry in found if after is None or entry.sequence > after)


class DeletesTheHistoryToo(_Wrong):
    killed_by = "test_history_of_one_task"

    def history(self, **arguments: Any) -> ResultStream[HistoryEntry]:
        tasks = self._state().tasks
        return ResultStream(entry for entry in super().history(**arguments) if entry.task_id in tasks)


class RemembersTheTaskAfter(_Wrong):
    killed_by = "test_entry_holds_the_change"

    def history(self, **arguments: Any) -> ResultStream[HistoryEntry]:
        found = super().history(**arguments)
        tasks = self._state().tasks
        return ResultStream(replace(entry, before=tasks.get(entry.task_id)) for entry in found)


class RestoresOverWhatIsThere(_Wrong):
    killed_by = "test_restore_into_a_store_that_is_not_empty"

    def restore(self, tasks: Iterable[TaskModel], history: Iterable[HistoryEntry], /) -> None:
        self._state()
        self._store.state = MemoryState()
        super().restore(tasks, history)


class LooksOnlyAtTheHistory(_Wrong):
    killed_by = "test_restore_into_a_store_without_history"

    def restore(self, tasks: Iterable[TaskModel], history: Iterable[HistoryEntry], /) -> None:
        if not self._state().history:
            self._store.state = MemoryState()
        super().restore(tasks, history)


class RestoresWithoutTheBatches(_Wrong):
    killed_by = "test_restored_store_goes_on"

    def restore(self, tasks: Iterable[TaskModel], history: Iterable[HistoryEntry], /) -> None:
        super().restore(tasks, history)
        self._store.state = replace(self._state(), batches=frozenset())


class RestoresOutOfOrder(_Wrong):
    killed_by = "test_restore_is_exact"

    def restore(self, tasks: Iterable[TaskModel], history: Iterable[HistoryEntry], /) -> None:
        super().restore(tasks, sorted(history, key=lambda entry: entry.batch.at))


class ReadsHistoryFirst(_Wrong):
    killed_by = "test_restore_reads_tasks_first"

    def restore(self, tasks: Iterable[TaskModel], history: Iterable[HistoryEntry], /) -> None:
        entries = list(history)
        super().restore(tasks, entries)


class HasNoLock(_Wrong):
    """Two writers that both read before either writes."""

    killed_by = "test_one_of_many_wins"

    def apply(self, batch: Batch, changes: Iterable[TaskChange], /) -> None:
        state = self._next_state(self._state(), batch, changes)
        time.sleep(0.005)  # where another thread comes in
        self._store.state = state


class SeesItsOwnBatch(_Wrong):
    killed_by = "test_changes_may_read_and_see_the_state_before"

    def _next_state(self, state: MemoryState, batch: Batch, changes: Iterable[TaskChange]) -> MemoryState:
        def shown() -> Iterator[TaskChange]:
            done: list[TaskChange] = []
            for change in changes:
                yield change
                done.append(change)
                self._store.state = super(SeesItsOwnBatch, self)._next_state(state, batch, done)

        return super()._next_state(state, batch, shown())


MUTANTS = {
    mutant.__name__: mutant
    for mutant in list(vars().values())
    if isinstance(mutant, type) and issubclass(mutant, _Wrong) and hasattr(mutant, "killed_by")
}


class MemoryHarness(StoreHarness):
    """What can be seen of a store in memory."""

    def footprint(self, location: MemoryStore) -> object:
        return location.state


class _OnMutant(SingleProcessConformance):
    harness = MemoryHarness

    @pytest.fixture
    def location(self) -> MemoryStore:
        """A store that only the handles of one test share."""
        return MemoryStore()


for _name, _mutant in MUTANTS.items():
    globals()[f"Test{_name}"] = type(f"Test{_name}", (_OnMutant,), {"factory": _mutant})
