"""Hypothesis strategies for everything that the model allows: tasks, filters and orders.

The alphabets are small and nasty, so that what is looked for is often there: letters that fold to one
another or nearly do, marks, wildcards, and the edges of every range of code points and of time.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from hypothesis import strategies as st

from tasky import JSONValue, TaskFilter, TaskModel, TaskOrder, TaskPriority, TaskStatus

__all__ = ["extras", "filters", "moments", "orders", "populations", "small_tasks", "task_ids", "tasks"]

_ALPHABET: Final = (
    "aAbBsSiIkK ssz_%\\*?[]'\"-.,0"  # ASCII, with the wildcards and quotes of every dialect
    "\u00df\u1e9e\u0130\u0131\u017f\u212a\u03c3\u03c2\u03a3\u00e4\u00c4\u00e9\ufb00\u0149"  # folds
    "\u0301\u0307\u0308\u200d\u200f\u202e\u00a0\u3000\ufeff\uffff\ufffd"  # marks, joiners, directions, spaces
    "\u05d0\u0645\u4e2d\uac00\u13a0\uab70\U0001f4dd\U0001f469\U00010400\U00010428\U0010ffff"  # scripts
)
_EDGES: Final = (
    datetime.min,
    datetime(1, 1, 1, 0, 0, 0, 1),
    datetime(1582, 10, 10),
    datetime(1969, 12, 31, 23, 59, 59, 999_999),
    datetime(1970, 1, 1),
    datetime(1970, 1, 1, 0, 0, 0, 1),
    datetime(2000, 2, 29, 12, 0, 0, 999_999),
    datetime(2026, 3, 29, 1, 30),
    datetime(2038, 1, 19, 3, 14, 8),
    datetime(9999, 12, 31, 23, 59, 59, 999_998),
    datetime.max,
)
_TIMES: Final = tuple(moment.replace(tzinfo=UTC) for moment in _EDGES[::2])
_SLUGS: Final = ("web", "web.login", "web.login.form", "website", "web-2", "web_2", "we", "0", "x.web")

_letters = st.sampled_from(_ALPHABET) | st.characters(exclude_categories=["Cs"], exclude_characters="\0")
_short = st.text(_letters, max_size=12)


def _is_line(text: str) -> bool:
    return not text.isspace() and not any(
        ord(each) < 0x20 or 0x7F <= ord(each) < 0xA0 or each in "\u2028\u2029" for each in text
    )


_lines = st.text(_letters, min_size=1, max_size=12).filter(_is_line)
_tags = st.sampled_from(["a", "A", "ab", "%", "_", "\u00df", "ss", ","]) | _lines.map(
    lambda text: "".join(text.split()) or "t"
)
_people = st.sampled_from(["ann", "Ann", "a%", "nobody"]) | _lines


def moments() -> st.SearchStrategy[datetime]:
    """Any aware moment, often at an edge or a microsecond beside one."""
    beside = st.sampled_from([-1, 0, 1]).map(lambda count: timedelta(microseconds=count))

    def shifted(moment: datetime, by: timedelta) -> datetime:
        try:
            return (moment + by).replace(tzinfo=UTC)
        except OverflowError:
            return moment.replace(tzinfo=UTC)

    return st.builds(shifted, st.sampled_from(_EDGES), beside) | st.datetimes(timezones=st.just(UTC))


def task_ids() -> st.SearchStrategy[UUID]:
    """A few ids that share prefixes, the lowest and the highest among them, or any."""
    few = [0, 1, 0xA << 124, 0xAB << 120, (0xAB << 120) + 1, 1 << 127, (1 << 127) - 1, (1 << 128) - 1]
    known = st.sampled_from([UUID(int=number) for number in few])
    return known | known | known | st.uuids()


def extras() -> st.SearchStrategy[dict[str, JSONValue]]:
    """Any mapping of names to JSON values, with numbers that a careless encoding would change."""
    numbers = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    odd = st.sampled_from([-0.0, 1.0, 1e22, 5e-324, 2**53 + 1, -(2**63) - 1, 2**4095, True])
    values: st.SearchStrategy[Any] = st.recursive(
        st.none() | st.booleans() | numbers | odd | _short,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_short, inner, max_size=3),
        max_leaves=6,
    )
    return st.dictionaries(_short, values, max_size=3)


@st.composite
def tasks(draw: st.DrawFn) -> TaskModel:
    """Any task at revision 1: a few of its fields anything at all, the others from a few values.

    Hypothesis gives up what draws too much, so tasks that were odd in every field would hardly ever be many.
    """
    task_id = draw(task_ids())
    values: dict[str, Any] = {name: draw(few) for name, few in _FEW.items()}
    for name in draw(st.lists(st.sampled_from(sorted(_ANY)), max_size=3, unique=True)):
        values[name] = draw(_ANY[name])
    values["depends_on"] = tuple(each for each in values["depends_on"] if each != task_id)
    if values["status"] is TaskStatus.PENDING:
        del values["closed_at"]
    return TaskModel(task_id=task_id, **values)


def small_tasks(task_id: UUID) -> st.SearchStrategy[TaskModel]:
    """Tasks of which Hypothesis can draw hundreds in one example: what counts is how often they change."""
    begun = datetime(2026, 3, 1, tzinfo=UTC)
    return st.builds(
        TaskModel,
        task_id=st.just(task_id),
        name=st.sampled_from(["a", "A", "\u00df", "b%"]),
        priority=st.sampled_from([None, *TaskPriority]),
        tags=st.sampled_from([(), ("x",), ("x", "y")]),
        extra=st.sampled_from([{}, {"n": 1}, {"n": 1.0}]),
        created_at=st.just(begun),
        updated_at=st.just(begun),
    )


def populations(min_size: int = 0, max_size: int = 8) -> st.SearchStrategy[list[TaskModel]]:
    """Tasks with different ids, to be stored together."""
    return st.lists(tasks(), min_size=min_size, max_size=max_size, unique_by=lambda task: task.task_id)


@st.composite
def filters(draw: st.DrawFn, stored: list[TaskModel]) -> TaskFilter:
    """A filter of a few criteria, most of which some of the ``stored`` tasks meet."""
    chosen = draw(st.lists(st.sampled_from(sorted(_CRITERIA)), max_size=3, unique=True))
    values: dict[str, Any] = {name: draw(_CRITERIA[name]) for name in chosen}
    near = [criterion for task in stored for criterion in _near(task)]
    values |= draw(st.just({}) | st.sampled_from(near or [{}]))
    if "ready" in values or "waiting" in values:
        values["now"] = draw(moments())
    return TaskFilter(**values)


def orders() -> st.SearchStrategy[TaskOrder]:
    """Any order, in both directions."""
    return st.builds(
        TaskOrder, st.sampled_from(["created", "updated", "due", "priority", "name"]), st.booleans()
    )


def _near(task: TaskModel) -> list[dict[str, Any]]:
    """Criteria that ``task`` meets, or misses by a hair."""
    half = len(task.name) // 2
    return [
        {"text": task.name[half:].swapcase()},
        {"text": task.name[: half + 1].casefold()},
        {"text": task.details[-2:].upper()},
        {"text": task.name + task.details},
        {"id_prefix": task.task_id.hex[:9]},
        {"ids": {task.task_id}},
        {"assignees": {task.assignee}},
        {"tags": task.tags[:2]},
        {"without_tags": task.tags[:1]},
        {"project_id": task.project_id and task.project_id.partition(".")[0]},
        {"depends_on_any": set(task.depends_on)},
        {"created_after": task.created_at},
        {"created_before": task.created_at},
        {"updated_after": task.updated_at, "updated_before": task.updated_at},
        {"due_after": task.due_at},
        {"due_before": task.due_at},
        {"closed_after": task.closed_at},
        {"waiting": True},
        {"waiting": False},
        {"ready": True},
    ]


_FEW: Final[dict[str, st.SearchStrategy[Any]]] = {
    "name": st.sampled_from(
        ["a", "A", "ab", "stra\u00dfe", "STRASSE", "\u0130", "i\u0307", "50%", "5_0", "z" * 500]
    ),
    "details": st.sampled_from(["", "A", "line\r\n\tline\n", "\u0131\u017f\u212a"]),
    "status": st.sampled_from(TaskStatus),
    "priority": st.sampled_from([None, *TaskPriority]),
    "project_id": st.sampled_from([None, *_SLUGS]),
    "tags": st.sampled_from([(), ("a",), ("A", "a"), ("%", "ab")]),
    "assignee": st.sampled_from([None, "ann", "Ann"]),
    "due_at": st.sampled_from([None, *_TIMES]),
    "wait_until": st.sampled_from([None, *_TIMES]),
    "depends_on": st.lists(task_ids(), max_size=2).map(tuple),
    "created_at": st.sampled_from(_TIMES),
    "updated_at": st.sampled_from(_TIMES),
    "closed_at": st.sampled_from(_TIMES),
}

_ANY: Final[dict[str, st.SearchStrategy[Any]]] = {
    "name": _lines,
    "details": _short,
    "tags": st.lists(_tags, max_size=3).map(tuple),
    "assignee": st.none() | _people,
    "due_at": st.none() | moments(),
    "wait_until": st.none() | moments(),
    "depends_on": st.lists(task_ids(), max_size=3).map(tuple),
    "extra": extras(),
    "created_at": moments(),
    "updated_at": moments(),
    "closed_at": moments(),
}

_CRITERIA: Final[dict[str, st.SearchStrategy[Any]]] = {
    "ids": st.frozensets(task_ids(), max_size=4),
    "id_prefix": st.text("0123456789abcdefA", min_size=1, max_size=3),
    "statuses": st.frozensets(st.sampled_from(TaskStatus)),
    "project_id": st.sampled_from(_SLUGS),
    "priorities": st.frozensets(st.sampled_from(TaskPriority)),
    "tags": st.lists(_tags, max_size=2).map(tuple),
    "without_tags": st.lists(_tags, max_size=2).map(tuple),
    "assignees": st.frozensets(st.none() | _people, max_size=3),
    "depends_on_any": st.frozensets(task_ids(), max_size=3),
    "text": st.text(_letters, max_size=3),
    "created_after": moments(),
    "created_before": moments(),
    "updated_after": moments(),
    "updated_before": moments(),
    "due_after": moments(),
    "due_before": moments(),
    "closed_after": moments(),
    "closed_before": moments(),
    "ready": st.booleans(),
    "waiting": st.booleans(),
}
