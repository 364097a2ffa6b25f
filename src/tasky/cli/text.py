"""Text that is safe to print, and times as people read them."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Final

__all__ = ["plain_time", "plural", "printable", "short_day", "short_time"]

# What moves the cursor, colours, deletes, or makes text read in another order than it is stored.
_UNSAFE: Final = "[\x00-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]"


def printable(text: str, *, lines: bool = False) -> str:
    """``text`` with each character that a terminal could obey written as an escape (``\\x1b``).

    ``lines`` keeps line feeds and tabs, for text that has its own lines.
    """
    if text.isprintable():  # nearly always, and then nothing has to be compiled
        return text
    return re.sub(_UNSAFE, _escape_in_lines if lines else _escape, text)


def plain_time(moment: datetime) -> str:
    """Local time for programs: ``2026-01-31T10:00:00+01:00``."""
    return moment.astimezone().isoformat(timespec="seconds")


def short_time(moment: datetime) -> str:
    """Local time for people: ``2026-01-31 10:00``."""
    return f"{moment.astimezone():%Y-%m-%d %H:%M}"


def short_day(moment: datetime) -> str:
    """As ``short_time``, but the day alone for its first and its last second, which stand for the day."""
    local = moment.astimezone()
    if f"{local:%H:%M:%S}" in ("00:00:00", "23:59:59"):
        return f"{local:%Y-%m-%d}"
    return short_time(moment)


def plural(count: int, noun: str) -> str:
    """``1 task``, ``2 tasks``."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _escape(match: re.Match[str]) -> str:
    return (
        match[0].encode("ascii", "backslashreplace").decode()
        if ord(match[0]) > 0x7F
        else repr(match[0])[1:-1]
    )


def _escape_in_lines(match: re.Match[str]) -> str:
    return match[0] if match[0] in "\n\t" else _escape(match)
