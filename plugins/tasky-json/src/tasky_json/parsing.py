"""JSON text with its positions: which line a value stands on, and strictness where JSON is ambiguous.

The standard library's scanner reads each value; this module walks the members and the items around them, so
that a fault can be named by its line and the values beside it can still be read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from json import JSONDecodeError, JSONDecoder
from typing import Any, Final, NoReturn

__all__ = ["Value", "decode", "line_of", "members", "syntax_rule"]

_SPACE: Final = re.compile(r"[ \t\n\r]*")
_MARKER: Final = re.compile(r"^(?:<{7}|={7}|>{7}|\|{7})(?: .*)?$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Value:
    """A value and where it stands; with a ``fault``, the rule that it breaks, ``value`` is not to be used."""

    value: Any
    start: int
    end: int
    fault: str = ""


def members(text: str, *, array: str = "") -> Iterator[tuple[str, int, Value]]:
    """The members of the one object that ``text`` holds: name, position of the name, value.

    The list named ``array`` is read item by item: its value is a list of ``Value``. Raises
    ``JSONDecodeError`` where the text is no JSON object, as late as the walk comes there.
    """
    at = _expect(text, _skip(text, 0), "{")
    while not text.startswith("}", at):
        if not text.startswith('"', at):
            raise JSONDecodeError("Expecting property name enclosed in double quotes", text, at)
        name, end = _LENIENT.raw_decode(text, at)
        value_at = _expect(text, _skip(text, end), ":")
        is_array = name == array and text.startswith("[", value_at)
        value = _items(text, value_at) if is_array else _value(text, value_at)
        yield name, at, value
        at = _skip(text, value.end)
        if text.startswith("}", at):
            break
        at = _expect(text, at, ",")
        if text.startswith("}", at):
            raise JSONDecodeError("Expecting another member after ','", text, at)
    end = _skip(text, at + 1)
    if end != len(text):
        raise JSONDecodeError("Extra data", text, end)


def decode(text: str) -> Any:
    """The one value that ``text`` holds. Raises ``ValueError``, as strict as ``members``."""
    return _STRICT.decode(text)


def line_of(text: str, position: int) -> int:
    """The line, counted from 1, on which ``position`` lies."""
    return text.count("\n", 0, position) + 1


def syntax_rule(text: str, error: JSONDecodeError) -> tuple[int, str, str]:
    """The line of the fault, the rule and what to do: a merge conflict is named as what it is."""
    marker = _MARKER.search(text)
    if marker is not None:
        return (
            line_of(text, marker.start()),
            "git has left a merge conflict here",
            "Take this file and the history beside it both from one side of the merge, then make the other"
            " side's changes again: export its tasks there and import them here with --update.",
        )
    return (
        error.lineno,
        f"it is not valid JSON at column {error.colno}: {error.msg}",
        "Correct it in an editor, or bring back the last good state of this file and its history.",
    )


class _RefusedValueError(ValueError):
    """What Python's JSON reader takes, and what two readers could understand differently."""


def _items(text: str, start: int) -> Value:
    values: list[Value] = []
    at = _expect(text, start, "[")
    if text.startswith("]", at):
        return Value(values, start, at + 1)
    while True:
        values.append(_value(text, at))
        at = _skip(text, values[-1].end)
        if text.startswith("]", at):
            return Value(values, start, at + 1)
        at = _expect(text, at, ",")


def _value(text: str, at: int) -> Value:
    try:
        value, end = _STRICT.raw_decode(text, at)
    except JSONDecodeError:
        raise
    except RecursionError:
        raise JSONDecodeError("Values nest too deeply", text, at) from None
    except ValueError as error:
        rule = str(error) if isinstance(error, _RefusedValueError) else "an integer has too many digits"
        return Value(None, at, _LENIENT.raw_decode(text, at)[1], rule)
    return Value(value, at, end)


def _skip(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    assert match is not None  # the pattern matches everywhere
    return match.end()


def _expect(text: str, at: int, character: str) -> int:
    """The position of what follows ``character``, which has to stand at ``at``."""
    if not text.startswith(character, at):
        raise JSONDecodeError(f"Expecting {character!r}", text, at)
    return _skip(text, at + 1)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise _RefusedValueError(f"the key {twice!a} occurs twice in one object")
    return found


def _constant(name: str) -> NoReturn:
    raise _RefusedValueError(f"{name} is not a JSON number")


def _nothing(_: str) -> None:
    """Stands for a number whose value is not wanted."""


_STRICT: Final = JSONDecoder(object_pairs_hook=_object, parse_constant=_constant)
_LENIENT: Final = JSONDecoder(parse_int=_nothing, parse_constant=_nothing)  # only to find where a value ends
