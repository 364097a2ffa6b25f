"""Plain TOML is read as tomllib reads it, and what is not plain is left to tomllib."""

from __future__ import annotations

import tomllib

import pytest
from hypothesis import given, strategies as st

from tasky.toml import parse_plain, parse_toml

PLAIN = """\
# Where this project keeps its tasks.
version = 1

[storage]
uri = "sqlite://.tasky/tasks.db?a=b#c"
[backends]
my-scheme_2 = "tasky-\u00e9"\t
"""
WORDS = r"""version a a-b _ - 1 0 01 = " "" "x" 'x' \ # [ ] [a] [[a]] [a.b] {} true 1.0"""
PIECES = st.sampled_from([*WORDS.split(), " = ", " ", "\t", "\n", "\r\n", "\r", "\x00", "\u2028", "\u00e9"])


def test_what_tasky_writes_is_plain() -> None:
    """Tables, comments, numbers and strings are read without tomllib, with either kind of line ends."""
    assert parse_plain(PLAIN) == tomllib.loads(PLAIN)
    assert parse_plain(PLAIN.replace("\n", "\r\n")) == tomllib.loads(PLAIN)


@given(text=st.lists(PIECES, max_size=12).map("".join))
def test_plain_is_what_tomllib_reads_the_same(text: str) -> None:
    """Whatever is taken for plain is valid, and means the same."""
    document = parse_plain(text)
    assert document is None or document == tomllib.loads(text)


@pytest.mark.parametrize(
    "line",
    [
        r'a = "b\n"',
        "a = 'b'",
        "a.b = 1",
        "a = 1 # one",
        "a = 1_000",
        "[a.b]",
        "[[a]]",
        'a = """b"""',
        "a = true",
        "a = 1\nb = [1,\n2]",
    ],
)
def test_what_is_not_plain_is_left_to_tomllib(line: str) -> None:
    """Each other form of TOML is read all the same."""
    assert parse_plain(line) is None
    assert parse_toml(line) == tomllib.loads(line)


@pytest.mark.parametrize(
    "text", ["a", "a =", "a = 01", "a = 1\na = 1", "[a]\n[a]", "[a", "= 1", "\u00e9 = 1", "a = 1\x00"]
)
def test_what_is_no_toml_is_refused(text: str) -> None:
    """The error is tomllib's."""
    with pytest.raises(tomllib.TOMLDecodeError):
        parse_toml(text)
