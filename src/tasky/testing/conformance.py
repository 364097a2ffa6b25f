"""``BackendConformance``: every rule of the storage contract, for the tests of a backend.

A backend's author writes::

    from tasky.testing import BackendConformance

    from my_backend import my_factory
    from my_backend.harness import MyHarness


    class TestMyBackend(BackendConformance):
        factory = my_factory
        harness = MyHarness
"""

from __future__ import annotations

from tasky.testing.contract_batches import BatchRules
from tasky.testing.contract_crash import CrashRules
from tasky.testing.contract_faults import FaultRules
from tasky.testing.contract_history import HistoryRules
from tasky.testing.contract_ids import IdRules
from tasky.testing.contract_lifecycle import LifecycleRules
from tasky.testing.contract_meaning import MeaningRules
from tasky.testing.contract_order import OrderRules
from tasky.testing.contract_processes import ProcessRules
from tasky.testing.contract_reading import ReadingRules
from tasky.testing.contract_restore import RestoreRules
from tasky.testing.contract_search import SearchRules
from tasky.testing.contract_secrets import SecretRules
from tasky.testing.contract_server import ServerRules
from tasky.testing.contract_state import StateRules
from tasky.testing.contract_streaming import StreamingRules
from tasky.testing.contract_threads import ThreadRules
from tasky.testing.contract_writing import WritingRules

__all__ = ["BackendConformance", "SingleProcessConformance"]


class SingleProcessConformance(
    LifecycleRules,
    ReadingRules,
    IdRules,
    SearchRules,
    OrderRules,
    WritingRules,
    BatchRules,
    HistoryRules,
    RestoreRules,
    MeaningRules,
    ThreadRules,
):
    """The rules that need neither a second process nor a harness: for a store in memory."""


class BackendConformance(
    SingleProcessConformance,
    StateRules,
    ProcessRules,
    CrashRules,
    FaultRules,
    SecretRules,
    StreamingRules,
    ServerRules,
):
    """All the rules; a subclass names the factory and the harness."""
