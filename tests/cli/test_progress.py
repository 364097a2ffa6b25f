"""Progress: on a terminal, after a second, and gone at the end."""

from __future__ import annotations

from collections.abc import Iterator
from io import StringIO

import pytest

from tasky.cli.progress import with_progress


class Terminal(StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def ticking(step: float) -> Iterator[float]:
    now = 0.0
    while True:
        yield now
        now += step


def test_a_long_command_says_how_far_it_is() -> None:
    """Nothing for a second, then a line that is written over, then nothing again."""
    stream, seconds = Terminal(), ticking(0.4)
    items = with_progress(
        "abcde", "Importing task", stream, fraction=lambda: 0.5, clock=lambda: next(seconds)
    )
    assert list(items) == list("abcde")
    assert stream.getvalue() == (
        "\rImporting task 3 (50%)\rImporting task 4 (50%)\rImporting task 5 (50%)\r" + " " * 22 + "\r"
    )


def test_a_number_alone_is_shown_where_the_end_is_unknown() -> None:
    """Without a fraction there is no percentage."""
    stream, seconds = Terminal(), ticking(2)
    assert list(with_progress("a", "Exporting task", stream, clock=lambda: next(seconds))) == ["a"]
    assert stream.getvalue().startswith("\rExporting task 1\r ")


def test_a_short_command_shows_nothing() -> None:
    """What takes less than a second writes nothing."""
    stream = Terminal()
    assert list(with_progress("abc", "Importing task", stream)) == list("abc")
    assert stream.getvalue() == ""


def test_only_a_terminal_shows_progress() -> None:
    """A log file gets none."""
    stream, seconds = StringIO(), ticking(2)
    assert list(with_progress("abc", "Importing task", stream, clock=lambda: next(seconds))) == list("abc")
    assert stream.getvalue() == ""


def test_the_line_is_wiped_after_an_error() -> None:
    """The message that follows starts on a clean line."""
    stream, seconds = Terminal(), ticking(2)

    def failing() -> Iterator[str]:
        yield "a"
        raise ValueError("no more")

    with pytest.raises(ValueError, match="no more"):
        list(with_progress(failing(), "Importing task", stream, clock=lambda: next(seconds)))
    assert stream.getvalue().endswith(" \r")
