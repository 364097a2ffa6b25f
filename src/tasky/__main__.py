"""``python -m tasky`` is the ``tasky`` command."""

from __future__ import annotations

from tasky.cli import run

if __name__ == "__main__":
    run()
