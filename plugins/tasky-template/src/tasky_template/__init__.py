"""Storage for Tasky in a journal: one file to which every batch is appended, and nothing else is done.

``template://.tasky/tasks.journal`` is served by ``template_factory``; both names are loaded when they are
first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tasky_template.repository import (
        TemplateTaskRepository as TemplateTaskRepository,
        template_factory as template_factory,
    )

__all__ = ["TemplateTaskRepository", "template_factory"]


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from tasky_template import repository

    return getattr(repository, name)
