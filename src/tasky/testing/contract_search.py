"""What ``text``, ``waiting`` and ``ready`` mean in a filter."""

from __future__ import annotations

from datetime import timedelta
from typing import Final
from uuid import uuid4

import pytest

from tasky import TaskChange, TaskRepository, TaskStatus
from tasky.testing.fixtures import StoreFixtures
from tasky.testing.rules import rule
from tasky.testing.samples import at, create, found, make_task, update, write

__all__ = ["SearchRules"]

_FOLDING: Final = {
    "sharp s": ("Stra\u00dfe", "STRASSE"),
    "sharp s, half of it": ("Ma\u00df", "as"),
    "capital sharp s": ("GRO\u1e9e", "gross"),
    "dotted capital i": ("\u0130stanbul", "i\u0307STANBUL"),
    "final sigma": ("\u1f48\u03b4\u03c5\u03c3\u03c3\u03b5\u03cd\u03c2", "\u03c3\u03b5\u03cd\u03c3"),
    "umlaut": ("\u00c4pfel", "\u00e4PFEL"),
    "ligature": ("e\ufb03cient", "EFFI"),
    "cyrillic": ("\u041f\u0420\u0418\u0412\u0415\u0422", "\u043f\u0440\u0438\u0432\u0435\u0442"),
    "cherokee": ("\u13a0", "\uab70"),
    "beyond 16 bits": ("\U00010400", "\U00010428"),
}
_DIFFERENT: Final = {
    "dotless i": ("\u0131stanbul", "istanbul"),
    "composed and decomposed": ("caf\u00e9", "cafe\u0301"),
    "accent": ("caf\u00e9", "cafe"),
    "full width": ("\uff21", "a"),
}


class SearchRules(StoreFixtures):
    """Text search, and what is ready."""

    @rule
    def test_text_is_found_in_name_and_details(self, repository: TaskRepository) -> None:
        """``text`` is searched in the name and in the details, anywhere in them.

        Usual cause: only the name, only the beginning, or only whole words.
        """
        create(repository, make_task("buy milk"), make_task("x", details="the\nMILKman"), make_task("mil k"))
        assert found(repository, text="milk") == {"buy milk", "x"}
        assert found(repository, text="y m") == {"buy milk"}
        assert found(repository, text="\nmilk") == {"x"}

    @rule
    def test_text_is_searched_in_each_by_itself(self, repository: TaskRepository) -> None:
        """``text`` does not match across the border between name and details.

        Usual cause: both are joined into one searched text.
        """
        create(repository, make_task("ab", details="cd"))
        assert found(repository, text="bc") == found(repository, text="b cd") == set()
        assert found(repository, text="ab\ncd") == found(repository, text="ab cd") == set()

    @rule
    def test_empty_text_finds_everything(self, repository: TaskRepository) -> None:
        """The empty text is a substring of every text.

        Usual cause: a full-text index asked for nothing.
        """
        create(repository, make_task("a"), make_task("b", details="c"))
        assert found(repository, text="") == {"a", "b"}

    @pytest.mark.parametrize(
        "text", ["%", "_", "\\", "*", "?", "[a]", "'", '"', "a%c", "a_c", "--", ".", "a|b"]
    )
    @rule
    def test_text_has_no_wildcards(self, repository: TaskRepository, text: str) -> None:
        """Every character of ``text`` stands for itself.

        Usual cause: LIKE, GLOB or a regular expression without escaping.
        """
        create(repository, make_task("abc a b"), make_task(f"x{text}x"))
        assert found(repository, text=text) == {f"x{text}x"}

    @pytest.mark.parametrize("kind", _FOLDING)
    @rule
    def test_text_is_compared_by_unicode_casefold(self, repository: TaskRepository, kind: str) -> None:
        """``text`` matches where its Unicode casefold is in the casefold of the name or the details.

        Usual cause: lower() of the database, which knows ASCII only or another Unicode. Fold with Python's
        str.casefold(), store the folded text, and search in that.
        """
        stored, wanted = _FOLDING[kind]
        create(repository, make_task(stored), make_task("details", details=f"in {stored}."))
        assert found(repository, text=wanted) == found(repository, text=stored) == {stored, "details"}

    @pytest.mark.parametrize("kind", _DIFFERENT)
    @rule
    def test_text_is_not_compared_more_loosely(self, repository: TaskRepository, kind: str) -> None:
        """The casefold is all: no accent, form or alphabet is taken for another.

        Usual cause: a collation, or texts that are normalised.
        """
        stored, wanted = _DIFFERENT[kind]
        create(repository, make_task(stored))
        assert found(repository, text=wanted) == set()
        assert found(repository, text=stored) == {stored}

    @pytest.mark.parametrize("text", ["\0", "a\0", "\ud800", "a\udfff"], ids=ascii)
    @rule
    def test_text_that_no_task_can_hold_finds_nothing(self, repository: TaskRepository, text: str) -> None:
        """NUL and lone surrogates can be looked for; no task holds them.

        Usual cause: the driver cannot bind such a text and its error escapes, or NUL ends the text.
        """
        create(repository, make_task("a"), make_task("b", assignee="a"))
        assert found(repository, text=text) == set()
        assert found(repository, assignees={text}) == set()
        assert found(repository, assignees={text, "a"}) == {"b"}

    @rule
    def test_text_follows_a_change(self, repository: TaskRepository) -> None:
        """The search sees the present name and details, not those of before.

        Usual cause: the searched text is not updated with the task.
        """
        task = make_task("old", details="older")
        create(repository, task)
        update(repository, task, name="NEW", details="")
        assert found(repository, text="old") == set()
        assert found(repository, text="new") == {"NEW"}

    @rule
    def test_filter_by_waiting(self, repository: TaskRepository) -> None:
        """A task waits while its ``wait_until`` lies after ``now``; at that moment it waits no more.

        Usual cause: >= for >, the clock of the machine instead of the filter's ``now``, or NULL.
        """
        tick = timedelta(microseconds=1)
        create(
            repository,
            make_task("never"),
            make_task("until now", wait_until=at(1)),
            make_task("longer", wait_until=at(1) + tick),
            make_task("longer but closed", wait_until=at(2), status=TaskStatus.COMPLETED),
        )
        assert found(repository, waiting=True, now=at(1)) == {"longer", "longer but closed"}
        assert found(repository, waiting=False, now=at(1)) == {"never", "until now"}
        assert found(repository, waiting=True, now=at(1) - tick) == {
            "until now",
            "longer",
            "longer but closed",
        }

    @rule
    def test_filter_by_ready(self, repository: TaskRepository) -> None:
        """Ready is: pending, not waiting, and no dependency is pending; one that is not there blocks nothing.

        Usual cause: an inner join, which drops tasks whose dependency was deleted, or NOT of an unknown.
        """
        pending, closed = make_task("pending"), make_task("closed", status=TaskStatus.COMPLETED)
        waiting = make_task("waiting", wait_until=at(2))
        cancelled = make_task("cancelled", status=TaskStatus.CANCELLED)
        create(repository, pending, closed, waiting, cancelled)
        create(
            repository,
            make_task("on closed", depends_on=(closed.task_id, cancelled.task_id)),
            make_task("on nothing that exists", depends_on=(uuid4(),)),
            make_task("on pending", depends_on=(pending.task_id,)),
            make_task("on waiting", depends_on=(waiting.task_id,)),
            make_task("on both", depends_on=(closed.task_id, pending.task_id)),
        )
        ready = {"pending", "on closed", "on nothing that exists"}
        others = {"closed", "cancelled", "waiting", "on pending", "on waiting", "on both"}
        assert found(repository, ready=True, now=at(1)) == ready
        assert found(repository, ready=False, now=at(1)) == others
        assert found(repository, ready=True, waiting=True, now=at(1)) == set()

    @rule
    def test_ready_follows_the_dependency(self, repository: TaskRepository) -> None:
        """Closing, reopening or deleting a dependency changes at once what is ready.

        Usual cause: readiness that is stored with the task.
        """
        first = make_task("first")
        create(repository, first, make_task("second", depends_on=(first.task_id,)))
        assert found(repository, ready=True, now=at(1)) == {"first"}
        closed = update(repository, first, status=TaskStatus.COMPLETED, closed_at=at(1))
        assert found(repository, ready=True, now=at(1)) == {"second"}
        again = update(repository, closed, status=TaskStatus.PENDING, closed_at=None)
        assert found(repository, ready=True, now=at(1)) == {"first"}
        write(repository, TaskChange(again, None))
        assert found(repository, ready=True, now=at(1)) == {"second"}
