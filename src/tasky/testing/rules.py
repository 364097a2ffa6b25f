"""What makes a test a rule: one sentence of the contract, and the version that it came with."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, Final, NamedTuple, TypeVar

import pytest

from tasky.testing.unproven import NotProvenError

__all__ = ["CONTRACT_VERSION", "WARNING", "Rule", "rule", "rule_since", "rules_of"]

CONTRACT_VERSION: Final = "1.0"  # of the contract, and so of the kit that tests it
WARNING: Final = "from the next version of the contract on a failure: "
_FIRST_VERSION: Final = "1.0"

F = TypeVar("F", bound=Callable[..., None])


class Rule(NamedTuple):
    """A sentence of the contract. ``name`` is its test's, ``section`` the heading that it stands under."""

    name: str
    section: str
    sentence: str
    cause: str
    is_new: bool = False  # in this version of the contract, so that it warns before it fails


def rule(test: F) -> F:
    """Mark ``test`` as one sentence of the contract; its docstring is shown when it fails.

    The docstring's first paragraph is the sentence; a second one says what usually breaks it. What the
    harness leaves out skips the test, which the report card calls *not proven*.
    """
    return _marked(test, _FIRST_VERSION)


def rule_since(version: str) -> Callable[[F], F]:
    """As ``rule``, for one that came with that version of the contract; it only warns until the next."""
    return lambda test: _marked(test, version)


def rules_of(kit: type) -> dict[str, Rule]:
    """The rules of a class of the kit, by the names of their tests, in the order of its sections."""
    found: dict[str, Rule] = {}
    for section in kit.__mro__:
        for name, test in vars(section).items():
            if hasattr(test, "tasky_rule"):
                sentence, _, cause = inspect.cleandoc(test.__doc__ or "").partition("\n\n")
                heading = (section.__doc__ or "").partition("\n")[0].rstrip(".")
                usual = " ".join(cause.split()).removeprefix("Usual cause: ")
                found[name] = Rule(name, heading, " ".join(sentence.split()), usual, _is_new(test.tasky_rule))
    return found


def _marked(test: F, since: str) -> F:
    @functools.wraps(test)
    def wrapper(*args: Any, **kwargs: Any) -> None:
        try:
            test(*args, **kwargs)
        except NotProvenError as reason:
            pytest.skip(f"not proven: {reason}")
        except (Exception, pytest.fail.Exception) as error:
            error.add_note(f"\nThe contract: {inspect.cleandoc(test.__doc__ or '')}")
            if _is_new(since):
                pytest.xfail(f"{WARNING}{error}")
            raise

    wrapper.__dict__["tasky_rule"] = since
    return wrapper  # type: ignore[return-value] # wraps keeps the signature that F stands for


def _is_new(since: str) -> bool:
    return since == CONTRACT_VERSION != _FIRST_VERSION
