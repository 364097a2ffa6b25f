"""The storage contract, sentence by sentence, on the JSON backend."""

from __future__ import annotations

from tasky.testing import BackendConformance
from tasky_json import json_factory
from tasky_json.harness import JsonHarness


class TestJson(BackendConformance):
    """tasky-json keeps the contract."""

    factory = json_factory
    harness = JsonHarness
