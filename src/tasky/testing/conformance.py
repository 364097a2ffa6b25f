"""``BackendConformance``: every rule of the storage contract, for the tests of a backend.

A backend's author writes::

    from tasky.testing import BackendConformance

    from my_backend import my_factory


    class TestMyBackend(BackendConformance):
        factory = my_factory

and, unless the factory takes the path of a file, overrides the fixture ``location`` as well.
"""

from __future__ import annotations

from tasky.testing.contract_batches import BatchRules
from tasky.testing.contract_history import HistoryRules
from tasky.testing.contract_lifecycle import LifecycleRules
from tasky.testing.contract_meaning import MeaningRules
from tasky.testing.contract_order import OrderRules
from tasky.testing.contract_processes import ProcessRules
from tasky.testing.contract_reading import ReadingRules
from tasky.testing.contract_restore import RestoreRules
from tasky.testing.contract_search import SearchRules
from tasky.testing.contract_threads import ThreadRules
from tasky.testing.contract_writing import WritingRules

__all__ = ["BackendConformance", "SingleProcessConformance"]


class SingleProcessConformance(
    LifecycleRules,
    ReadingRules,
    SearchRules,
    OrderRules,
    WritingRules,
    BatchRules,
    HistoryRules,
    RestoreRules,
    MeaningRules,
    ThreadRules,
):
    """The rules that need no second process: for the reference, whose store lives in memory."""


class BackendConformance(SingleProcessConformance, ProcessRules):
    """All the rules; a subclass names the factory and, where it is no file backend, the location."""
