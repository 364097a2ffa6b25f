"""The storage contract, sentence by sentence, on the journal."""

from __future__ import annotations

from tasky.testing import BackendConformance
from tasky_template import template_factory
from tasky_template.harness import TemplateHarness


class TestTemplate(BackendConformance):
    """tasky-template keeps the contract."""

    factory = template_factory
    harness = TemplateHarness
