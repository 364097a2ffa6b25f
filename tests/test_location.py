"""Storage URIs: how they are read, and what they never show."""

from __future__ import annotations

import copy
import dataclasses
import traceback
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import assume, given, strategies as st

from tasky import InvalidLocationError, Secret, StorageLocation
from tasky.location import is_scheme

ROOT = Path("/project")
CANARY = "c4n4ry"


def parts(text: str) -> tuple[object, ...]:
    """What the location is made of."""
    location = StorageLocation.parse(text)
    password = None if location.password is None else location.password.reveal()
    return (location.host, location.port, location.username, password, location.path, location.query)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("sqlite://.tasky/tasks.db", (".tasky", None, None, None, "/tasks.db", ())),
        ("sqlite:///tmp/tasks.db", (None, None, None, None, "/tmp/tasks.db", ())),  # noqa: S108 - only parsed
        ("sqlite://tasks.db", ("tasks.db", None, None, None, "", ())),
        ("pg://db/name", ("db", None, None, None, "/name", ())),
        ("pg://db:5432/name", ("db", 5432, None, None, "/name", ())),
        ("pg://ann@db/name", ("db", None, "ann", None, "/name", ())),
        ("pg://ann:@db/name", ("db", None, "ann", "", "/name", ())),
        ("pg://ann:pw@db:1/name", ("db", 1, "ann", "pw", "/name", ())),
        ("pg://:pw@db", ("db", None, "", "pw", "", ())),
        ("pg://a%40b:p%2Fw%3F@db/n%20m", ("db", None, "a@b", "p/w?", "/n m", ())),
        ("pg://ann:p@w@db/name", ("db", None, "ann", "p@w", "/name", ())),
        ("pg://[::1]:5432/name", ("[::1]", 5432, None, None, "/name", ())),
        ("pg://a:1,b:2/name", ("a:1,b:2", None, None, None, "/name", ())),
        ("pg://db:65535/x", ("db", 65535, None, None, "/x", ())),
        ("pg://db/x?a=1&b=&a=%26", ("db", None, None, None, "/x", (("a", "1"), ("b", ""), ("a", "&")))),
        ("pg://db/x?", ("db", None, None, None, "/x", ())),
        ("pg://db/x?e=a%40b", ("db", None, None, None, "/x", (("e", "a@b"),))),
        ("pg://db/a@b", ("db", None, None, None, "/a@b", ())),
        ("s3+x.y-z://b/k", ("b", None, None, None, "/k", ())),
        ("x://", (None, None, None, None, "", ())),
    ],
)
def test_location_is_split_into_its_parts(text: str, expected: tuple[object, ...]) -> None:
    """Each part is found, and decoded."""
    assert parts(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "tasks.db",
        "/tmp/tasks.db",  # noqa: S108 - only parsed
        "sqlite:tasks.db",
        "sqlite:/tasks.db",
        "SQLite://tasks.db",
        "1x://a",
        "_x://a",
        "://a",
        "sqlite ://a",
        "x://a#b",
        "x://a/b#",
        "x://a%",
        "x://a%2",
        "x://a%zz",
        "x://a\nb",
        "x://a%00b",
        "x://a%1Fb",
        "x://a\x7f",
        "x://a:b/c",
        "x://a:65536/c",
        "x://a:99999999999999999999/c",
        "x://a:-1/c",
        "x://[::1/c",
        "x://a:b:1/c",
        "x://u:p/w@h/db",
        "x://u:1/w@h/db",
        "x://u:1?w@h/db",
        "x://u:p@h/db?e=a@b",
        "x://u@h/a@b",
    ],
    ids=ascii,
)
def test_doubtful_location_is_refused(text: str) -> None:
    """What is malformed, or could be read in two ways, is an error that says how to write it."""
    with pytest.raises(InvalidLocationError) as caught:
        StorageLocation.parse(text)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("text", "example"),
    [
        ("tasks.db", "sqlite://tasks.db"),
        ("sqlite:data/tasks.db", "sqlite://data/tasks.db"),
        ("/srv/tasks.db", "sqlite://srv/tasks.db"),
        ("ann:pw@db", "sqlite://.tasky/tasks.db"),
        ("", "sqlite://.tasky/tasks.db"),
    ],
)
def test_path_alone_is_answered_with_an_example(text: str, example: str) -> None:
    """Someone who gives a path is shown how it looks as a location; what may be a secret is not repeated."""
    with pytest.raises(InvalidLocationError, match=f"such as {example}$"):
        StorageLocation.parse(text)


@pytest.mark.parametrize(
    ("text", "valid"), [("a", True), ("a1+.-", True), ("", False), ("A", False), ("1", False)]
)
def test_scheme_is_a_lower_case_word(text: str, valid: bool) -> None:
    """A scheme begins with a lower-case letter, and goes on with letters, digits, + . -"""
    assert is_scheme(text) is valid
    assert not is_scheme(f"{text}\n")


@pytest.mark.parametrize("text", ["SQLite://a.db", " sqlite://a.db", "SQLITE ://a.db"])
def test_scheme_in_capitals_is_told_how_it_is_written(text: str) -> None:
    """Somebody who has written the scheme in another way is not told to write one."""
    with pytest.raises(InvalidLocationError, match=r"sqlite:// location .* lower case") as caught:
        StorageLocation.parse(text)
    assert "a.db" not in f"{caught.value} {caught.value.hint}"


_words = st.text(
    st.characters(exclude_categories=["Cs"])
    | st.sampled_from("ab12@:/?#&=%$ {}[],;\\'\"\u00e4\u05d0\U0001f4dd")
    | st.characters(exclude_categories=["Cs"]),
    max_size=8,
)


def shown_by(location: StorageLocation) -> str:
    """Everything that a location shows without being asked for a secret."""
    values = [location, location.password, location.written, [location], dataclasses.replace(location)]
    shown = [f"{value} {value!r} {value!s}" + " %s %r" % (value, value) for value in values]  # noqa: UP031 - the old way too
    try:
        location.expanded({})
    except InvalidLocationError as error:
        shown += [str(error), repr(error), error.hint, "".join(traceback.format_exception(error))]
    try:
        location.file_path(ROOT)
    except InvalidLocationError as error:
        shown += [str(error), repr(error), error.hint, "".join(traceback.format_exception(error))]
    return "\n".join(shown)


@given(before=_words, after=_words, key=_words, host=st.sampled_from(["db", "db:5432", "a:1,b:2", ""]))
def test_location_never_shows_password_or_query(before: str, after: str, key: str, host: str) -> None:
    """However odd the password and the query are, nothing that a location prints holds any of them."""
    secret = quote(before, safe="") + CANARY + quote(after, safe="")
    text = f"pg://ann:{secret}@{host}/name?{quote(key, safe='')}={secret}&password={secret}"
    try:
        location = StorageLocation.parse(text)
    except InvalidLocationError as error:
        shown = "\n".join([str(error), repr(error), error.hint, *traceback.format_exception(error)])
    else:
        shown = shown_by(location)
        assert location.password is not None
        assert CANARY in location.password.reveal()
        assert CANARY in dict(location.query)["password"]
    assert CANARY not in shown


@given(password=_words, host=st.sampled_from(["db", "db:5432", "db,eb", "[::1]"]), tail=_words)
def test_password_that_was_not_encoded_is_not_shown(password: str, host: str, tail: str) -> None:
    """A password written without encoding, with any of / ? @ : in it, is refused or hidden, never shown."""
    assume("#" not in password)
    secret = f"{CANARY}{password}{CANARY}"
    try:
        shown = shown_by(StorageLocation.parse(f"pg://ann:{secret}@{host}/name{tail}"))
    except InvalidLocationError as error:
        shown = f"{error} {error!r} {error.hint}"
    assert CANARY not in shown


@pytest.mark.parametrize("text", ["pg://ann:12/34@db/x", "pg://ann:12?34@db/x", "pg://ann:12#34@db/x"])
def test_password_that_begins_like_a_port_is_not_shown(text: str) -> None:
    """The head of a cut password is not taken for a port."""
    with pytest.raises(InvalidLocationError) as caught:
        StorageLocation.parse(text)
    assert "12" not in f"{caught.value} {caught.value.hint}"


def test_location_shows_what_helps() -> None:
    """Scheme, host, port and path are shown, so that people know which store is meant."""
    location = StorageLocation.parse("pg://ann:pw@db:5432/name?sslmode=require")
    assert str(location) == "pg://db:5432/name"
    assert repr(location) == "<StorageLocation pg://db:5432/name>"
    assert str(StorageLocation.parse("sqlite:///srv/t\u00e4sk.db")) == "sqlite:///srv/t\u00e4sk.db"
    assert str(StorageLocation.parse("pg://%2Frun%2Fpg/name")) == "pg://%2Frun%2Fpg/name"


def test_location_shows_no_odd_characters() -> None:
    """A path cannot turn the direction of a terminal's text."""
    assert str(StorageLocation.parse("x://a/%E2%80%AEb")) == "x://a/\\u202eb"


def test_secret_shows_only_stars() -> None:
    """A secret shows its text in no form but the one that is asked for."""
    secret = Secret(CANARY)
    shown = f"{secret} {secret!r} {secret!s} {[secret]} {secret:}" + str({"password": secret})
    assert CANARY not in shown
    assert "***" in shown
    assert secret.reveal() == CANARY
    assert not hasattr(secret, "__dict__")


def test_secret_does_not_show_in_a_traceback() -> None:
    """An error about a secret, and the values of the frame it was raised in, do not hold it."""

    def fail(secret: Secret) -> None:
        raise LookupError(secret)

    with pytest.raises(LookupError) as caught:
        fail(Secret("c4n" + "4ry"))
    report = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    assert "***" in str(caught.value)
    assert not any(CANARY in line for line in report.stack[-1].locals.values())  # type: ignore[union-attr] # captured


def test_secrets_compare_by_their_text() -> None:
    """Equal secrets are equal and hash alike; a secret is not its text."""
    assert Secret("a") == Secret("a") == copy.copy(Secret("a"))
    assert len({Secret("a"), Secret("a"), Secret("b")}) == 2
    assert Secret("a") != "a"


def test_locations_compare_by_their_parts() -> None:
    """Two ways to write one location are equal."""
    one, other = map(StorageLocation.parse, ["x://a/b%20c", "x://a/b c"])
    assert one == other
    assert one != StorageLocation.parse("x://a/b")
    assert one.written.reveal() == "x://a/b%20c"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x://a/b", False),
        ("x://${A}/b", True),
        ("x://u:${A}@a/b", True),
        ("x://a/b?k=${A}", True),
        ("x://a/%24%7BA%7D", True),
        ("x://a/$A", False),
        ("x://a/${1}", False),
    ],
)
def test_location_knows_whether_it_uses_variables(text: str, expected: bool) -> None:
    """``${VAR}`` is found in every part."""
    assert StorageLocation.parse(text).uses_variables is expected


def test_variables_expand_after_the_split() -> None:
    """A value cannot change which host is meant, whatever is in it."""
    environ = {"U": "u@evil", "P": "p@evil/x?y#z", "N": "../n", "Q": "a&b=c", "H": "db"}
    location = StorageLocation.parse("pg://${U}:${P}@${H}:5432/${N}?q=${Q}").expanded(environ)
    assert location.host == "db"
    assert location.port == 5432
    assert location.username == "u@evil"
    assert location.password == Secret("p@evil/x?y#z")
    assert location.path == "/../n"
    assert location.query == (("q", "a&b=c"),)
    assert "evil" not in f"{location} {location!r}"


def test_location_without_variables_stays_the_same() -> None:
    """Nothing to expand, nothing changes."""
    for text in ("x:///a", "x://a/b", "x://u:p@h:1/b?c=d"):
        assert StorageLocation.parse(text).expanded({}) == StorageLocation.parse(text)


def test_value_of_a_variable_is_not_expanded_again() -> None:
    """A value that looks like a variable stays as it is."""
    location = StorageLocation.parse("x://a/${A}").expanded({"A": "${B}", "B": "b"})
    assert location.path == "/${B}"


def test_unset_variable_is_an_error_that_names_it() -> None:
    """A variable that is not set is named, and never taken for empty."""
    with pytest.raises(InvalidLocationError, match=r"uses \$\{DB_PASSWORD\}, which is not set") as caught:
        StorageLocation.parse("pg://u:${DB_PASSWORD}@h/n").expanded({})
    assert caught.value.hint == "Set DB_PASSWORD in the environment."  # a config may not hold a password


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x://u:pw@h/n", True),
        ("x://u:${A}@h/n", False),
        ("x://u:a${A}@h/n", True),
        ("x://u:@h/n", False),
        ("x://u@h/n", False),
        ("x://h/n?password=pw", True),
        ("x://h/n?PGPASS=pw", True),
        ("x://h/n?password=", False),
        ("x://h/n?password=${A}", False),
        ("x://h/n?sslmode=require", False),
    ],
)
def test_literal_password_is_found(text: str, expected: bool) -> None:
    """A password that is written out is told from one that a variable names."""
    assert StorageLocation.parse(text).has_literal_password is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x://.tasky/tasks.db", "/project/.tasky/tasks.db"),
        ("x://tasks.db", "/project/tasks.db"),
        ("x://./~/tasks.db", "/project/~/tasks.db"),
        ("x://../tasks.db", "/project/../tasks.db"),
        ("x:///srv/tasks.db", "/srv/tasks.db"),
        ("x:///srv/a%3Fb%23c%25d", "/srv/a?b#c%d"),
        ("x://a%3Ab/c", "/project/a:b/c"),
        ("x://a/b@c", "/project/a/b@c"),
    ],
)
def test_file_path_is_absolute_or_taken_from_the_root(text: str, expected: str) -> None:
    """Two slashes mean a path in the project, three one from the root of the disk."""
    assert StorageLocation.parse(text).file_path(ROOT) == Path(expected)


def test_file_path_from_a_variable() -> None:
    """``${HOME}`` brings its own slash."""
    location = StorageLocation.parse("x:///${HOME}/tasks.db").expanded({"HOME": "/home/ann"})
    assert location.file_path(ROOT) == Path("/home/ann/tasks.db")


def test_file_path_on_another_drive() -> None:
    """A drive's letter is the beginning of the path, not a directory."""
    path = StorageLocation.parse("x:///C:/tasks.db").file_path(ROOT)
    assert str(path).endswith("C:/tasks.db")
    assert not str(path).startswith("/C:")


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("x://ann@h/a.db", "names a user or a port", "x:///a.db"),
        ("x://h:1/a.db", "names a user or a port", "x://a.db"),
        ("x://h:1", "names a user or a port", "x://tasks"),
        ("x://a.db?mode=ro", "has a query", "%3F"),
        ("x:////srv/a.db", "has four slashes", "x:///srv/a.db"),
        ("x:////srv/a.db", "has four slashes", "x://srv/a.db"),
        ("x://~/a.db", "starts with '~'", "x:///${HOME}/a.db"),
        ("x://~ann/a.db", "starts with '~'", "x://./~ann/a.db"),
        ("x://", "names no file", "relative/path"),
        ("x:///", "names no file", "relative/path"),
        ("x://.", "names no file", "relative/path"),
        ("x://./", "names no file", "relative/path"),
    ],
)
def test_doubtful_file_is_refused(text: str, message: str, hint: str) -> None:
    """A file location with a user, a port, a query or a doubtful form is refused, showing what to write."""
    with pytest.raises(InvalidLocationError, match=message) as caught:
        StorageLocation.parse(text).file_path(ROOT)
    assert hint in caught.value.hint
