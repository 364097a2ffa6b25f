"""What ``get_task``, ``find_tasks`` and ``count_tasks`` return, criterion by criterion."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import pytest

from tasky import TaskChange, TaskFilter, TaskModel, TaskPriority, TaskRepository, TaskStatus
from tasky.testing.fixtures import StoreFixtures
from tasky.testing.rules import rule
from tasky.testing.samples import at, create, exact, found, make_task, update, write

__all__ = ["ReadingRules"]

_LONGEST: Final = "\U0001f4dd" * 200
_EDGES: Final[dict[str, dict[str, Any]]] = {
    "plain": {},
    "longest texts": {"name": "n" * 500, "details": "d" * (1 << 20), "tags": ("t" * 100,)},
    "widest texts": {"name": "\U0001f4dd" * 500, "details": "\U0001f4dd" * (1 << 18), "assignee": _LONGEST},
    "emoji and combining marks": {"name": "e\u0301 \u00e9 \U0001f469\u200d\U0001f4bb \u0130\u0131\u00df"},
    "right to left": {"name": "\u05e9\u05dc\u05d5\u05dd \u0645\u0631\u062d\u0628\u0627 \u202eabc\u202c"},
    "spaces around": {"name": "  a name \u00a0", "details": " \n\ttext\r\n\r \n", "assignee": " ann "},
    "control characters": {"details": "\x01\x07\x1b[31m\x7f\x85\u2028\u2029\ufeff\uffff"},
    "quotes and wildcards": {"name": "'; --\"\\ %_*?[a] {b} $1 :x", "tags": ("%", "_", "'", '"', ",", "[]")},
    "looks like something else": {
        "name": "null",
        "details": "1e5",
        "tags": ("0", "true"),
        "assignee": "None",
    },
    "earliest times": {
        "created_at": datetime.min.replace(tzinfo=UTC),
        "due_at": datetime.min.replace(tzinfo=UTC),
        "wait_until": datetime(1, 1, 1, 0, 0, 0, 1, tzinfo=UTC),
    },
    "latest times": {
        "created_at": datetime.max.replace(tzinfo=UTC),
        "due_at": datetime.max.replace(tzinfo=UTC),
        "wait_until": datetime(9999, 12, 31, 23, 59, 59, 999_998, tzinfo=UTC),
    },
    "times around 1970": {
        "created_at": datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
        "due_at": datetime(1970, 1, 1, tzinfo=UTC),
        "wait_until": datetime(1582, 10, 10, 1, 2, 3, 4, tzinfo=UTC),
    },
    "ids of every kind": {
        "task_id": UUID(int=0),
        "depends_on": (UUID(int=1), UUID(int=(1 << 128) - 1), UUID(int=1 << 127)),
    },
    "everything set": {
        "details": "d",
        "status": TaskStatus.CANCELLED,
        "priority": TaskPriority.HIGH,
        "project_id": "web.log-in_2",
        "tags": ("a", "B", "\u00e4"),
        "assignee": "ann",
        "due_at": at(1),
        "wait_until": at(2),
        "closed_at": at(3),
    },
    "extra": {
        "extra": {
            "": None,
            "numbers": [1, 1.0, -0.0, 0.1, 1e300, 5e-324, 2**53 + 1, -(2**64), 2**4095],
            "truth": [True, False, None],
            "text": "\u0130\U0001f4dd\n\"'",
            "deep": [[[[{"a": {"b": []}}]]]],
            "empty": {"list": [], "object": {}},
        }
    },
}


class ReadingRules(StoreFixtures):
    """Reading, field by field and criterion by criterion."""

    @rule
    def test_absent_task_is_none(self, repository: TaskRepository) -> None:
        """``get_task`` returns None for a task that is not there.

        Usual cause: an exception of the driver, or of a dictionary.
        """
        create(repository, make_task("a"))
        assert repository.get_task(make_task("b").task_id) is None

    @pytest.mark.parametrize("edge", _EDGES)
    @rule
    def test_task_comes_back_exactly(self, repository: TaskRepository, edge: str) -> None:
        """A task comes back as it was written: every field, type, character and microsecond of it.

        Usual cause: times kept as floats or milliseconds, text that is stripped or normalised, an empty
        text that becomes None, 1.0 in extra that becomes 1.
        """
        values = {"name": "a name", **_EDGES[edge]}
        task = make_task(**values)
        create(repository, task)
        read = repository.get_task(task.task_id)
        assert isinstance(read, TaskModel)
        assert exact(read) == exact(task)
        assert read == task
        assert [exact(each) for each in repository.find_tasks()] == [exact(task)]
        assert exact(next(repository.history()).before) is None

    @rule
    def test_previous_task_comes_back_exactly(self, repository: TaskRepository) -> None:
        """The history keeps the whole task before a change, as exactly as the store keeps tasks.

        Usual cause: a second, poorer encoding for snapshots.
        """
        tasks = [make_task(**{"name": name, **values}) for name, values in _EDGES.items()]
        create(repository, *tasks)
        write(repository, *(TaskChange(task, None) for task in tasks))
        entries = list(repository.history())[len(tasks) :]
        assert [exact(entry.before) for entry in entries] == [exact(task) for task in tasks]

    @rule
    def test_empty_filter_finds_everything(self, repository: TaskRepository) -> None:
        """A filter without criteria matches every task, closed and waiting ones too.

        Usual cause: a default that hides closed tasks; that is the command line's choice.
        """
        create(repository, make_task("a", status=TaskStatus.COMPLETED), make_task("b", wait_until=at(9)))
        assert found(repository) == {"a", "b"}

    @rule
    def test_counts_hold_every_status(self, repository: TaskRepository) -> None:
        """``count_tasks`` is exact, and every status is present, also where it is 0.

        Usual cause: a GROUP BY, which has no row for what is not there.
        """
        assert repository.count_tasks() == dict.fromkeys(TaskStatus, 0)
        create(repository, make_task("a"), make_task("b"), make_task("c", status=TaskStatus.CANCELLED))
        counts = repository.count_tasks(TaskFilter(ids=None))
        expected = {TaskStatus.PENDING: 2, TaskStatus.COMPLETED: 0, TaskStatus.CANCELLED: 1}
        assert counts == expected

    @rule
    def test_counts_follow_every_change(self, repository: TaskRepository) -> None:
        """Counts are exact after creating, changing and deleting, also across a batch that failed.

        Usual cause: counters kept beside the tasks.
        """
        a, b = make_task("a"), make_task("b")
        create(repository, a, b)
        closed = update(repository, a, status=TaskStatus.COMPLETED, closed_at=at(1))
        assert repository.count_tasks()[TaskStatus.COMPLETED] == 1
        write(repository, TaskChange(closed, None), TaskChange(b, None))
        assert sum(repository.count_tasks().values()) == 0

    @rule
    def test_filter_by_ids(self, repository: TaskRepository) -> None:
        """``ids`` finds the tasks with one of these ids; unknown ids find nothing.

        Usual cause: ids bound as text where the column holds bytes.
        """
        a, b, c = make_task("a"), make_task("b"), make_task("c")
        create(repository, a, b)
        assert found(repository, ids={a.task_id, c.task_id}) == {"a"}
        assert found(repository, ids={a.task_id, b.task_id}) == {"a", "b"}

    @rule
    def test_filter_by_many_ids(self, repository: TaskRepository) -> None:
        """A set of ids may be large: 40,000 of them is a filter like any other.

        Usual cause: one placeholder an id, and the driver's limit on placeholders.
        """
        create(repository, make_task("a"), make_task("b"))
        many = {UUID(int=number) for number in range(40_000)}
        assert found(repository, ids=many | {make_task("a").task_id}) == {"a"}

    @pytest.mark.parametrize("criterion", ["ids", "statuses", "priorities", "assignees", "depends_on_any"])
    @rule
    def test_empty_set_finds_nothing(self, repository: TaskRepository, criterion: str) -> None:
        """An empty set is a criterion that nothing meets.

        Usual cause: `if filter.ids:` where `is not None` is meant.
        """
        create(repository, make_task("a"))
        assert found(repository, **{criterion: frozenset()}) == set()

    @rule
    def test_filter_by_status(self, repository: TaskRepository) -> None:
        """``statuses`` finds the tasks in one of these.

        Usual cause: only the first of several is used.
        """
        create(repository, *(make_task(status.value, status=status) for status in TaskStatus))
        assert found(repository, statuses={TaskStatus.PENDING}) == {"pending"}
        both = {TaskStatus.COMPLETED, TaskStatus.CANCELLED}
        assert found(repository, statuses=both) == {"completed", "cancelled"}
        assert found(repository, statuses=set(TaskStatus)) == {"pending", "completed", "cancelled"}

    @rule
    def test_filter_by_project(self, repository: TaskRepository) -> None:
        """``project_id`` finds the project and everything under it, and nothing that only starts alike.

        Usual cause: LIKE 'web%', which finds website too, or an underscore that is a wildcard.
        """
        projects = ["web", "web.login", "web.login.form", "website", "web-2", "web_x", "webax", "w", "x.web"]
        create(repository, make_task("none"), *(make_task(each, project_id=each) for each in projects))
        assert found(repository, project_id="web") == {"web", "web.login", "web.login.form"}
        assert found(repository, project_id="web.login") == {"web.login", "web.login.form"}
        assert found(repository, project_id="web_x") == {"web_x"}
        assert found(repository, project_id="we") == set()

    @rule
    def test_filter_by_priority(self, repository: TaskRepository) -> None:
        """``priorities`` finds one of these; a task without a priority is in no set of them.

        Usual cause: None kept as 0 or as the lowest priority.
        """
        create(
            repository, make_task("none"), *(make_task(each.label, priority=each) for each in TaskPriority)
        )
        assert found(repository, priorities={TaskPriority.LOW, TaskPriority.HIGH}) == {"low", "high"}
        assert found(repository, priorities=set(TaskPriority)) == {"low", "medium", "high"}

    @rule
    def test_filter_by_tags(self, repository: TaskRepository) -> None:
        """``tags`` asks for all of them, as whole tags, exactly as written.

        Usual cause: any of them instead of all, a substring of the joined tags, or a collation without case.
        """
        create(
            repository,
            make_task("none"),
            make_task("a", tags=("a",)),
            make_task("a b", tags=("a", "b")),
            make_task("A", tags=("A", "ab", "%", "_")),
        )
        assert found(repository, tags=("a",)) == {"a", "a b"}
        assert found(repository, tags=("b", "a")) == {"a b"}
        assert found(repository, tags=("a", "c")) == set()
        assert found(repository, tags=("%",)) == {"A"}
        assert found(repository, without_tags=("a", "c")) == {"none", "A"}
        assert found(repository, tags=("a",), without_tags=("b",)) == {"a"}

    @rule
    def test_filter_by_assignee(self, repository: TaskRepository) -> None:
        """``assignees`` finds one of these, where None stands for nobody.

        Usual cause: `IN (NULL)`, which is never true.
        """
        create(
            repository, make_task("nobody's"), *(make_task(each, assignee=each) for each in ("ann", "Ann"))
        )
        assert found(repository, assignees={"ann"}) == {"ann"}
        assert found(repository, assignees={None}) == {"nobody's"}
        assert found(repository, assignees={None, "Ann"}) == {"nobody's", "Ann"}

    @rule
    def test_filter_by_dependency(self, repository: TaskRepository) -> None:
        """``depends_on_any`` finds what depends on at least one of these, each task once.

        Usual cause: a JOIN that yields a task once for each dependency.
        """
        a, b, c = make_task("a"), make_task("b"), make_task("c")
        create(repository, a, b, make_task("d", depends_on=(a.task_id, b.task_id)))
        create(repository, make_task("e", depends_on=(c.task_id,)))
        assert found(repository, depends_on_any={a.task_id, b.task_id}) == {"d"}
        assert found(repository, depends_on_any={a.task_id, c.task_id}) == {"d", "e"}

    @pytest.mark.parametrize("kind", ["created", "updated", "due", "closed"])
    @rule
    def test_filter_by_time(self, repository: TaskRepository, kind: str) -> None:
        """``*_after`` is inclusive, ``*_before`` exclusive, to the microsecond; no time is in no range.

        Usual cause: <= and < exchanged, times cut to seconds, or NULL that compares as smallest.
        """
        tick = timedelta(microseconds=1)
        moments = {"before": at(1) - tick, "exact": at(1), "after": at(1) + tick}
        closed = TaskStatus.COMPLETED if kind == "closed" else TaskStatus.PENDING
        create(
            repository,
            *(
                make_task(name, status=closed, **{"updated_at": at(1), f"{kind}_at": moment})
                for name, moment in moments.items()
            ),
        )
        missing = {"missing"} if kind in ("due", "closed") else set()
        if missing:
            create(repository, make_task("missing"))
        assert found(repository, **{f"{kind}_after": at(1)}) == {"exact", "after"}
        assert found(repository, **{f"{kind}_before": at(1)}) == {"before"}
        assert found(repository, **{f"{kind}_after": at(1), f"{kind}_before": at(1) + tick}) == {"exact"}
        assert found(repository, **{f"{kind}_after": at(1), f"{kind}_before": at(1)}) == set()
        assert found(repository) == {*moments, *missing}

    @rule
    def test_criteria_are_combined(self, repository: TaskRepository) -> None:
        """A task must meet all of the criteria.

        Usual cause: OR without brackets beside AND.
        """
        create(
            repository,
            make_task("match", project_id="p", tags=("t",), assignee="ann", priority=TaskPriority.LOW),
            make_task("no tag", project_id="p", assignee="ann", priority=TaskPriority.LOW),
            make_task("no project", tags=("t",), assignee="ann", priority=TaskPriority.LOW),
            make_task("nobody's match", project_id="p", tags=("t",), priority=TaskPriority.LOW),
        )
        criteria: dict[str, Any] = {
            "project_id": "p",
            "tags": ("t",),
            "assignees": {"ann", None},
            "priorities": {TaskPriority.LOW},
            "text": "MATCH",
            "created_after": at(0),
        }
        assert found(repository, **criteria) == {"match", "nobody's match"}
