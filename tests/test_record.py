"""A record is a frozen dataclass with slots, in everything that its users can see."""

from __future__ import annotations

import copy
import pickle
from dataclasses import FrozenInstanceError, asdict, dataclass, field, fields, is_dataclass, replace
from typing import Any

import pytest

from tasky.record import record


@record()
class Point:
    """A record that is made by place or by name, and checks itself."""

    x: int
    y: int = 0
    label: str = field(default="", compare=False)
    notes: list[str] = field(default_factory=list, hash=False)

    def __post_init__(self) -> None:
        if self.y < 0:
            raise ValueError("below the ground")


@dataclass(frozen=True, slots=True)
class Model:
    """What a dataclass makes of the same fields."""

    x: int
    y: int = 0
    label: str = field(default="", compare=False)
    notes: list[str] = field(default_factory=list, hash=False)


@record(kw_only=True)
class Named(Point):
    """A record that adds a field to another, and is made by name for that one alone."""

    name: str

    def __repr__(self) -> str:
        return f"<{self.name}>"


def test_record_is_a_dataclass() -> None:
    """What dataclasses offers works on records, with the same outcome."""
    point, model = Point(1, 2, "a"), Model(1, 2, "a")
    assert is_dataclass(point)
    assert [each.name for each in fields(point)] == [each.name for each in fields(model)]
    assert asdict(point) == asdict(model)
    assert replace(point, x=3) == Point(3, 2, "a")
    assert repr(point) == repr(model).replace("Model", "Point")
    match point:
        case Point(x, y, label):
            assert (x, y, label) == (1, 2, "a")
        case _:
            pytest.fail("a record matches by place")


def test_defaults_are_made_for_each_record() -> None:
    """A default factory is called anew each time."""
    Point(1).notes.append("a")
    assert Point(1).notes == []


@pytest.mark.parametrize(
    ("kind", "values", "named", "message"),
    [
        (Point, (), {}, "Point() needs 'x'"),
        (Point, (1, 2, "", [], 5), {}, "Point() takes 4 values by place at most"),
        (Point, (1,), {"x": 1}, "Point() was given 'x' twice"),
        (Point, (1,), {"z": 1}, "Point() has no 'z'"),
        (Named, (1, 2, "", [], "n"), {}, "Named() takes 4 values by place at most"),
    ],
)
def test_arguments_that_do_not_fit_are_refused(
    kind: type[Any], values: tuple[Any, ...], named: dict[str, Any], message: str
) -> None:
    """The error names the record and what is wrong."""
    with pytest.raises(TypeError) as caught:
        kind(*values, **named)
    assert str(caught.value) == message


def test_post_init_is_called() -> None:
    """A record that breaks its own rule is not made."""
    with pytest.raises(ValueError, match="below the ground"):
        Point(1, -1)


def test_record_cannot_be_changed() -> None:
    """No field can be set or deleted, and there is no place for another."""
    point: Any = Point(1)
    with pytest.raises(FrozenInstanceError):
        point.x = 2
    with pytest.raises(FrozenInstanceError):
        del point.x
    with pytest.raises(FrozenInstanceError):
        point.other = 2
    assert not hasattr(point, "__dict__")


def test_records_are_equal_in_what_counts() -> None:
    """Fields without ``compare`` count for nothing, those without ``hash`` not for the hash."""
    assert Point(1, label="a") == Point(1, label="b")
    assert len({Point(1, label="a"), Point(1, label="b")}) == 1
    assert hash(Point(1, notes=["a"])) == hash(Point(1))
    assert Point(1, notes=["a"]) != Point(1)
    assert Point(1) != object()
    assert Point(1) != Named(1, name="n")


@pytest.mark.parametrize("value", [Point(1, 2, "a", ["b"]), Named(1, name="n")])
def test_record_survives_copying(value: Point) -> None:
    """Pickles and copies hold every field, and share nothing that can change."""
    for copied in (pickle.loads(pickle.dumps(value)), copy.deepcopy(value), copy.copy(value)):  # noqa: S301 - our own
        assert asdict(copied) == asdict(value)
        assert type(copied) is type(value)
    assert copy.deepcopy(value).notes is not value.notes


def test_record_inherits() -> None:
    """A record's own ``__repr__`` is kept, and the checks of the record below it are made."""
    assert repr(Named(1, name="n")) == "<n>"
    with pytest.raises(ValueError, match="below the ground"):
        Named(1, -1, name="n")


def test_class_that_inherits_from_a_record_may_check_more() -> None:
    """What adds no field need not be a record: its own ``__post_init__`` is called, and its name is shown."""

    class Near(Point):
        def __post_init__(self) -> None:
            super().__post_init__()
            if self.x > 9:
                raise ValueError("too far")

    assert repr(Near(1)).endswith("Near(x=1, y=0, label='', notes=[])")
    with pytest.raises(ValueError, match="too far"):
        Near(10)
