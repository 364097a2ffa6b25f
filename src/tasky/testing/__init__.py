"""The conformance kit: how the author of a backend knows that it is right (``tasky[testing]``).

Names are resolved lazily: the reference needs neither pytest nor Hypothesis, and neither do the processes
that the kit starts.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tasky.testing.conformance import (
        BackendConformance as BackendConformance,
        SingleProcessConformance as SingleProcessConformance,
    )
    from tasky.testing.memory import (
        MemoryStore as MemoryStore,
        MemoryTaskRepository as MemoryTaskRepository,
    )

__all__ = ["BackendConformance", "MemoryStore", "MemoryTaskRepository", "SingleProcessConformance"]

if "pytest" in sys.modules:  # before they are imported, or a rule that is broken shows a bare AssertionError
    sys.modules["pytest"].register_assert_rewrite(
        "tasky.testing.contract_batches",
        "tasky.testing.contract_history",
        "tasky.testing.contract_lifecycle",
        "tasky.testing.contract_meaning",
        "tasky.testing.contract_order",
        "tasky.testing.contract_processes",
        "tasky.testing.contract_reading",
        "tasky.testing.contract_restore",
        "tasky.testing.contract_search",
        "tasky.testing.contract_threads",
        "tasky.testing.contract_writing",
        "tasky.testing.samples",
    )


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module 'tasky.testing' has no attribute {name!r}")
    from importlib import import_module

    module = "memory" if name.startswith("Memory") else "conformance"
    return getattr(import_module(f"tasky.testing.{module}"), name)
