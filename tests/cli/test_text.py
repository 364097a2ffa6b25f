"""Text on its way to people: nothing in it for a terminal to obey, and times in local time."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tasky.cli.text import plain_time, plural, printable, short_day, short_time


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Buy milk", "Buy milk"),
        ("Käse, 牛乳 and 👩‍🚀", "Käse, 牛乳 and 👩‍🚀"),
        ("\x1b[31mred\x1b[0m", r"\x1b[31mred\x1b[0m"),
        ("two\nlines\tand\rmore", r"two\nlines\tand\rmore"),
        ("bell\x07 delete\x7f", r"bell\x07 delete\x7f"),
        ("\x9b31m", r"\x9b31m"),
        ("abc\u202etxt.exe", r"abc\u202etxt.exe"),
        ("a\u2066b\u2069c\u200f", r"a\u2066b\u2069c\u200f"),
        ("zero\u200bwidth\ufeff", r"zero\u200bwidth\ufeff"),
        ("line\u2028paragraph\u2029", r"line\u2028paragraph\u2029"),
        ("half \ud800", r"half \ud800"),
    ],
)
def test_what_a_terminal_could_obey_is_escaped(text: str, shown: str) -> None:
    """Control characters, escape sequences and direction overrides show as escapes."""
    assert printable(text) == shown


def test_text_with_lines_of_its_own_keeps_them() -> None:
    """Details keep their lines and tabs, and nothing else of the kind."""
    assert printable("a\n\tb\r\x1b[2J", lines=True) == "a\n\tb\\r\\x1b[2J"


def test_times_are_shown_in_local_time(local_time: None) -> None:
    """A moment in UTC shows as the local clock has it; a program also gets the offset."""
    moment = datetime(2026, 1, 31, 9, 0, 5, 999, tzinfo=UTC)
    assert plain_time(moment) == "2026-01-31T10:00:05+01:00"
    assert short_time(moment) == "2026-01-31 10:00"


def test_a_whole_day_is_shown_without_a_time(local_time: None) -> None:
    """The first and the last second of a day stand for the day; any other second has its time."""
    assert short_day(datetime(2026, 1, 30, 23, 0, tzinfo=UTC)) == "2026-01-31"
    assert short_day(datetime(2026, 1, 31, 22, 59, 59, tzinfo=UTC)) == "2026-01-31"
    assert short_day(datetime(2026, 1, 31, 22, 59, tzinfo=UTC)) == "2026-01-31 23:59"


def test_counts_have_the_right_noun() -> None:
    """One task, but no or several tasks."""
    assert [plural(count, "task") for count in (0, 1, 2)] == ["0 tasks", "1 task", "2 tasks"]
