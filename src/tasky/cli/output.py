"""The one renderer: plain lines for a pipe, a table for a terminal, JSON for whoever asks for it.

A pipe gets one record a line, its fields separated by tabs, ``-`` where a field is not set, no heading and
nothing cut off. Every text that came from a store passes ``printable`` on its way to people; JSON is pure
ASCII. What is not data (notes, questions, errors) goes to the messages' stream.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import Any, Final, TextIO

from tasky.cli.table import Cell, Column, text_cell
from tasky.cli.text import printable

__all__ = ["SCHEMA", "Output", "to_json"]

SCHEMA: Final = "tasky/1"
UNSET: Final = "-"


class Output:
    """Where a command's data and messages go.

    ``stream`` takes data, ``messages`` everything else. The layout for people is chosen when ``stream`` is a
    terminal or ``color`` is ``always``; colours follow ``color``, ``NO_COLOR`` and ``TERM=dumb``.
    """

    def __init__(
        self,
        stream: TextIO,
        messages: TextIO,
        *,
        environ: Mapping[str, str],
        now: datetime,
        as_json: bool = False,
        as_jsonl: bool = False,
        color: str = "auto",
    ) -> None:
        self.now = now
        self._as_jsonl = as_jsonl
        self._for_programs = as_json or as_jsonl
        self._stream = stream
        self._messages = messages
        self._environ = environ
        self._color = color

    @property
    def for_programs(self) -> bool:
        """Whether data is printed as JSON."""
        return self._for_programs

    @cached_property
    def for_people(self) -> bool:
        """Whether data is laid out for a person: a terminal reads it, or colours are always wanted."""
        return not self._for_programs and (self._color == "always" or self._stream.isatty())

    def rows(
        self, kind: str, columns: Mapping[str, Column], items: Iterable[Mapping[str, Any]], **extra: Any
    ) -> None:
        """Print records that are JSON values: ``columns`` names the keys to show people and pipes.

        JSON has every key. ``extra`` goes beside ``items`` in the envelope.
        """
        if self._for_programs:
            self.documents(kind, items, **extra)
        else:
            self.table(list(columns.values()), ([text_cell(item[key]) for key in columns] for item in items))

    def facts(self, kind: str, facts: Mapping[str, Any]) -> None:
        """Print one record that is not a task: a ``name: value`` line for each fact, or a document."""
        if self._for_programs:
            self.documents(kind, [facts])
            return
        for name, value in facts.items():
            shown = UNSET if value in (None, "") else printable(str(value))
            self.write(f"{self.label(name)}: {shown}")

    def documents(self, kind: str, documents: Iterable[Mapping[str, Any]], **extra: Any) -> None:
        """Print JSON: an envelope with one document a line in it, or JSON Lines without one."""
        if self._as_jsonl:
            for document in documents:
                self.write(to_json(document))
            return
        head = to_json({"schema": SCHEMA, "kind": kind, **extra})
        self._stream.write(f'{head[:-1]}, "items": [')
        separator = "\n"
        for document in documents:
            self._stream.write(separator + to_json(document))
            separator = ",\n"
        self.write("]}" if separator == "\n" else "\n]}")

    def table(self, columns: Sequence[Column], rows: Iterable[Sequence[Cell]]) -> None:
        """Print records of which there are cells: a table for people, lines with tabs for a pipe."""
        if self.for_people:
            from tasky.cli.terminal import print_table  # imports rich, which takes as long as all the rest

            colours = self._has_colours(self._stream)
            print_table(columns, rows, stream=self._stream, colours=colours, environ=self._environ)
            return
        write = self._stream.write
        for row in rows:
            write("\t".join([cell.plain or UNSET for cell in row]) + "\n")

    def write(self, line: str) -> None:
        """Print one line of data that is already safe."""
        self._stream.write(line + "\n")

    def label(self, text: str) -> str:
        """The name of a field, for a line of data; stands out where there are colours."""
        return _painted(text, "1") if self._has_colours(self._stream) else text

    def note(self, text: str) -> None:
        """Tell the person something that is not data."""
        self._say(printable(text, lines=True))

    def error(self, name: str, message: str, hint: str, exit_code: int) -> None:
        """Report an error, as JSON where JSON is asked for."""
        if self._for_programs:
            item = {"error": name, "message": message, "hint": hint, "exit_code": exit_code}
            self._say(to_json({"schema": SCHEMA, "kind": "error", "items": [item]}))
            return
        paint = _painted if self._has_colours(self._messages) else _plain
        self._say(f"{paint('error:', '1;31')} {printable(message, lines=True)}")
        if hint:
            self._say(f"{paint('hint:', '1;36')} {printable(hint, lines=True)}")

    def ask(self, question: str) -> str:
        """The line that the person answers; empty at the end of input."""
        self._messages.write(printable(question))
        self._messages.flush()
        return sys.stdin.readline()

    def _say(self, line: str) -> None:
        self._stream.flush()  # what was printed before stays before it
        self._messages.write(line + "\n")
        self._messages.flush()

    def _has_colours(self, stream: TextIO) -> bool:
        if self._color != "auto":
            return self._color == "always"
        unwanted = self._environ.get("TERM") == "dumb" or bool(self._environ.get("NO_COLOR"))
        return stream.isatty() and not unwanted


def to_json(document: Any) -> str:
    """One line of JSON in printable ASCII, so that there is nothing in it for a terminal to obey."""
    import json  # a plain list needs none

    return json.dumps(document)


def _painted(text: str, style: str) -> str:
    return f"\x1b[{style}m{text}\x1b[0m"


def _plain(text: str, style: str) -> str:
    return text
