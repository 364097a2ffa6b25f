"""Every error says what, why and what next, and owns its exit code."""

from __future__ import annotations

import inspect
import pickle
import re

import pytest

from tasky import errors
from tasky.errors import InvalidDocumentError, InvalidTaskError, TaskyError

ERRORS = [getattr(errors, name) for name in errors.__all__]


def example(kind: type[TaskyError]) -> TaskyError:
    """An error of that kind, with everything that it can hold."""
    if kind is InvalidTaskError:
        return InvalidTaskError("name", "\x00", "it is one line", hint="Take it out.")
    if kind is InvalidDocumentError:
        return InvalidDocumentError("no", source="a.jsonl", line=3, field="tags.0", hint="Look there.")
    return kind("it went wrong", hint="Try this.")


def test_tree_is_the_one_that_is_drawn() -> None:
    """The tree in the module's documentation is the real one, exit codes included."""
    drawn: dict[str, tuple[str | None, int]] = {}
    ancestors: list[str] = []
    for line in inspect.getdoc(errors).splitlines():  # type: ignore[union-attr] # the module has a docstring
        match = re.match(r"\s{4}([│├└─ ]*)(\w+Error) +(\d)", line)
        if match:
            depth = len(match[1]) // 4
            del ancestors[depth:]
            drawn[match[2]] = (ancestors[-1] if ancestors else None, int(match[3]))
            ancestors.append(match[2])
    real = {
        kind.__name__: (None if kind is TaskyError else kind.__bases__[0].__name__, kind.exit_code)
        for kind in ERRORS
    }
    assert drawn == real


def test_every_error_class_is_public() -> None:
    """No error class is missing in __all__."""
    defined = {
        name for name, value in vars(errors).items() if isinstance(value, type) and value is not TaskyError
    }
    assert defined | {"TaskyError"} == set(errors.__all__)
    assert all(issubclass(kind, TaskyError) for kind in ERRORS)


@pytest.mark.parametrize("kind", ERRORS)
def test_error_survives_pickling(kind: type[TaskyError]) -> None:
    """An error comes out of another process with its message, its hint and all it holds."""
    error = example(kind)
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    assert type(copy) is kind
    assert (str(copy), copy.message, copy.hint) == (str(error), error.message, error.hint)
    assert vars(copy) == vars(error)


@pytest.mark.parametrize("kind", ERRORS)
def test_error_keeps_message_and_hint_apart(kind: type[TaskyError]) -> None:
    """The message says what happened, the hint what to do; the one is not in the other."""
    error = example(kind)
    assert error.message == str(error)
    assert error.hint
    assert error.hint not in error.message


def test_hint_may_be_left_out() -> None:
    """An error without advice has an empty hint."""
    assert TaskyError("it went wrong").hint == ""


def test_invalid_task_names_field_value_and_rule() -> None:
    """Someone who gave a bad value reads which field it was, what they gave, and why not."""
    error = InvalidTaskError("revision", -1, "a revision is positive")
    assert str(error) == "revision -1 is not valid: a revision is positive"
    assert (error.field, error.value, error.rule) == ("revision", -1, "a revision is positive")


def test_invalid_task_shows_text_in_a_form_that_any_terminal_can_print() -> None:
    """Control characters and lone surrogates of a bad value are shown as escapes."""
    shown = str(InvalidTaskError("name", "\x1b\ud800\u05d0", "no"))
    assert shown == r"name '\x1b\ud800\u05d0' is not valid: no"


@pytest.mark.parametrize(("length", "cut"), [(78, False), (79, True)])
def test_invalid_task_cuts_a_long_value(length: int, cut: bool) -> None:
    """A long value is cut after 80 characters, quotes included."""
    shown = str(InvalidTaskError("name", "x" * length, "no"))
    assert ("..." in shown) is cut
    assert shown.startswith(f"name {repr('x' * length)[:80]}")


@pytest.mark.parametrize(
    ("line", "field", "expected"),
    [
        (None, "", "a.jsonl: no"),
        (None, "tags.0", "a.jsonl: tags.0: no"),
        (3, "", "a.jsonl, line 3: no"),
        (3, "tags.0", "a.jsonl, line 3: tags.0: no"),
    ],
)
def test_invalid_document_names_the_place(line: int | None, field: str, expected: str) -> None:
    """Someone with a bad file reads in which file, line and field it is wrong."""
    assert str(InvalidDocumentError("no", source="a.jsonl", line=line, field=field)) == expected


def test_python_programs_can_catch_the_usual_types() -> None:
    """What is wrong with a value is a ValueError too, what is not found a LookupError."""
    values = {kind.__name__ for kind in ERRORS if issubclass(kind, ValueError)}
    assert values == {
        "InvalidTaskError",
        "InvalidFilterError",
        "InvalidDocumentError",
        "InvalidLocationError",
    }
    lookups = {kind.__name__ for kind in ERRORS if issubclass(kind, LookupError)}
    assert lookups == {"TaskNotFoundError", "AmbiguousTaskError", "BackendNotFoundError"}
