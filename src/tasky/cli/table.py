"""What a table is made of: columns, and cells that say the same to programs and to people."""

from __future__ import annotations

from typing import NamedTuple

from tasky.cli.text import printable

__all__ = ["Cell", "Column", "text_cell"]


class Column(NamedTuple):
    """A column of a table on a terminal: its heading, and what becomes of it where space is short.

    Text that ``wraps`` goes on in the next line. A column with a ``rank`` is left out where the others do not
    fit, the highest rank first.
    """

    title: str
    wraps: bool = False
    rank: int = 0


class Cell(NamedTuple):
    """A field of a record: what a program reads, what a person reads, and how it is coloured.

    Both texts are safe to print; empty ones stand for a field that is not set. ``style`` is one of
    ``terminal.STYLES``.
    """

    plain: str
    shown: str
    style: str = ""


def text_cell(value: object, style: str = "") -> Cell:
    """A field that is the same for everybody; None is not set."""
    text = "" if value is None else printable(str(value))
    return Cell(text, text, style)
