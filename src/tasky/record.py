"""Frozen records: dataclasses whose methods are not compiled anew for each class.

A frozen dataclass writes and compiles six functions, one or two milliseconds a class at the start of every
command. Here they are closures. ``fields``, ``replace``, ``asdict`` and ``match`` take a record as any other
dataclass, and a type checker knows its fields from ``dataclass_transform`` (PEP 681).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, Field, FrozenInstanceError, dataclass, field, fields
from operator import attrgetter
from typing import Any, NoReturn, TypeVar, dataclass_transform

__all__ = ["record"]

Class = TypeVar("Class")
Fields = tuple[Field[Any], ...]


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def record(*, kw_only: bool = False) -> Callable[[type[Class]], type[Class]]:
    """What ``dataclass(frozen=True, slots=True, kw_only=kw_only)`` makes of a class with fields.

    ``__post_init__`` is called, and a ``__repr__`` of the class's own is kept; the other methods are the
    record's. A field is always one of the arguments: there is neither ``InitVar`` nor ``init=False``. What
    inherits from a record is a record again, or adds no field.
    """

    def make(cls: type[Class]) -> type[Class]:
        made: Any = dataclass(init=False, repr=False, eq=False, slots=True, kw_only=kw_only)(cls)
        every = fields(made)
        _add_construction(made, every)
        _add_comparison(made, every)
        _add_state(made, every)
        if "__repr__" not in cls.__dict__:
            _add_repr(made, every)
        return made  # type: ignore[no-any-return]  # dataclass returns the type that it was given

    return make


def _add_construction(cls: Any, every: Fields) -> None:
    """Set the fields once, each through its slot; afterwards nothing may."""
    setters = _setters(cls, every)
    plan = [(each.name, setters[each.name], each.default, each.default_factory) for each in every]
    positional = [each.name for each in every if not each.kw_only]
    checks_itself = hasattr(cls, "__post_init__")

    def __init__(self: Any, *values: Any, **named: Any) -> None:
        if values:
            if len(values) > len(positional):
                raise TypeError(f"{cls.__name__}() takes {len(positional)} values by place at most")
            for name, value in zip(positional, values, strict=False):
                if name in named:
                    raise TypeError(f"{cls.__name__}() was given {name!r} twice")
                named[name] = value
        for name, set_field, default, make in plan:
            if name in named:
                set_field(self, named.pop(name))
            elif default is not MISSING:
                set_field(self, default)
            elif make is not MISSING:
                set_field(self, make())
            else:
                raise TypeError(f"{cls.__name__}() needs {name!r}")
        if named:
            raise TypeError(f"{cls.__name__}() has no {', '.join(map(repr, named))}")
        if checks_itself:
            self.__post_init__()

    def __setattr__(self: Any, name: str, value: object) -> NoReturn:
        raise FrozenInstanceError(f"cannot assign to field {name!r}")

    def __delattr__(self: Any, name: str) -> NoReturn:
        raise FrozenInstanceError(f"cannot delete field {name!r}")

    cls.__init__, cls.__setattr__, cls.__delattr__ = __init__, __setattr__, __delattr__


def _add_comparison(cls: Any, every: Fields) -> None:
    """Two records of one class are equal when every field is that counts."""
    compared = attrgetter(*(each.name for each in every if each.compare))
    hashed = attrgetter(*(each.name for each in every if (each.compare if each.hash is None else each.hash)))

    def __eq__(self: Any, other: object) -> bool:
        return compared(self) == compared(other) if other.__class__ is self.__class__ else NotImplemented

    def __hash__(self: Any) -> int:
        return hash(hashed(self))

    cls.__eq__, cls.__hash__ = __eq__, __hash__


def _add_state(cls: Any, every: Fields) -> None:
    """Let ``copy`` and ``pickle`` set what nobody else may."""
    setters = _setters(cls, every)

    def __getstate__(self: Any) -> dict[str, Any]:
        return {name: getattr(self, name) for name in setters}

    def __setstate__(self: Any, state: dict[str, Any]) -> None:
        for name, value in state.items():
            setters[name](self, value)

    cls.__getstate__, cls.__setstate__ = __getstate__, __setstate__


def _add_repr(cls: Any, every: Fields) -> None:
    names = [each.name for each in every if each.repr]

    def __repr__(self: Any) -> str:
        return f"{type(self).__qualname__}({', '.join(f'{name}={getattr(self, name)!r}' for name in names)})"

    cls.__repr__ = __repr__


def _setters(cls: Any, every: Fields) -> dict[str, Callable[[Any, Any], None]]:
    """How each field's slot is set, past the ``__setattr__`` that forbids it."""
    return {each.name: getattr(cls, each.name).__set__ for each in every}
