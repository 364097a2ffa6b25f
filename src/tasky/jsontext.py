"""JSON objects from outside, read strictly: what two readers could understand differently is refused.

That is a key that occurs twice, ``NaN`` and ``Infinity``, text that is not UTF-8, and a document that is
not an object. A byte order mark is tolerated, as editors put it there unasked.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator
from json import JSONDecodeError, JSONDecoder
from typing import Any, Final, NoReturn

from tasky.errors import InvalidDocumentError

__all__ = ["parse_json", "read_json_lines"]


def parse_json(text: str | bytes, *, source: str, line: int | None = None) -> dict[str, Any]:
    """The JSON object that ``text`` (bytes: UTF-8) holds.

    Raises ``InvalidDocumentError`` naming ``source`` and ``line``; without a ``line``, one of a text of
    several lines names the line of the fault itself.
    """
    try:
        if isinstance(text, bytes):
            text = text.decode()
        document = _DECODER.decode(text.removeprefix("\ufeff"))
    except UnicodeDecodeError as error:
        rule = f"it is not UTF-8 text (byte {error.start + 1})"
        hint = "Save the file as UTF-8." if error.object[:2] in _UTF_16_MARKS else ""
        raise InvalidDocumentError(rule, source=source, line=line, hint=hint) from None
    except JSONDecodeError as error:
        rule = f"it is not valid JSON at column {error.colno}: {error.msg}"
        raise InvalidDocumentError(rule, source=source, line=line or error.lineno) from None
    except _RefusedError as error:
        raise InvalidDocumentError(str(error), source=source, line=line) from None
    except ValueError:  # of int(), whose limit on digits is a setting of the interpreter
        rule = "it holds an integer of too many digits"
        raise InvalidDocumentError(rule, source=source, line=line) from None
    except RecursionError:
        raise InvalidDocumentError("its values nest too deeply", source=source, line=line) from None
    if type(document) is not dict:
        raise InvalidDocumentError("it has to be a JSON object", source=source, line=line)
    return document


def read_json_lines(lines: Iterable[bytes], *, source: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """The line number (from 1) and the object of each line that is not blank, read as they are asked for."""
    for number, line in enumerate(lines, start=1):
        if line.strip():
            yield number, parse_json(line, source=source, line=number)


class _RefusedError(Exception):
    """Valid JSON, in the letter of the grammar or of Python's reading of it, that is refused here."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise _RefusedError(f"the key {twice!a} occurs twice in one object")
    return members


def _constant(name: str) -> NoReturn:
    raise _RefusedError(f"{name} is not a JSON number")


_DECODER: Final = JSONDecoder(object_pairs_hook=_object, parse_constant=_constant)
_UTF_16_MARKS: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
