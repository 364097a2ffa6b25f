"""The version of Tasky: the one place that says it.

The build reads it from here, and so does everything that must know it without reading metadata.
"""

from __future__ import annotations

from typing import Final

__all__ = ["VERSION"]

VERSION: Final = "1.0.0"
