"""The conformance kit: how the author of a backend knows that it is right (``tasky[testing]``).

Names are resolved lazily: the reference and a harness need neither pytest nor Hypothesis, and neither do the
processes that the kit starts.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from tasky.testing.conformance import BackendConformance as BackendConformance
    from tasky.testing.harness import StoreHarness as StoreHarness
    from tasky.testing.memory import (
        MemoryStore as MemoryStore,
        MemoryTaskRepository as MemoryTaskRepository,
    )
    from tasky.testing.unproven import NotProvenError as NotProvenError

_MODULE_OF: Final = {
    "BackendConformance": "conformance",
    "MemoryStore": "memory",
    "MemoryTaskRepository": "memory",
    "NotProvenError": "unproven",
    "StoreHarness": "harness",
}

__all__ = sorted(_MODULE_OF)

if "pytest" in sys.modules:  # before they are imported, or a rule that is broken shows a bare AssertionError
    from pkgutil import iter_modules

    sys.modules["pytest"].register_assert_rewrite(
        *(f"{__name__}.{module.name}" for module in iter_modules(__path__))
    )


def __getattr__(name: str) -> object:
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'tasky.testing' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"tasky.testing.{_MODULE_OF[name]}"), name)
