"""What a rule raises where it can be neither kept nor broken."""

from __future__ import annotations

__all__ = ["NotProvenError"]


class NotProvenError(Exception):
    """A rule cannot be proven here; the text says why."""
