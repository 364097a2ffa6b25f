"""Human-readable storage for Tasky: one JSON document that a person and git can read.

``json://.tasky/tasks.json`` is served by ``json_factory``; both names are loaded when they are first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tasky_json.repository import JsonTaskRepository as JsonTaskRepository, json_factory as json_factory

__all__ = ["JsonTaskRepository", "json_factory"]


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module 'tasky_json' has no attribute {name!r}")
    from tasky_json import repository

    return getattr(repository, name)
