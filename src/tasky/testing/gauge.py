"""How much memory of its own this process has at most, while something is done."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from threading import Event, Thread
from typing import Final

__all__ = ["MemoryGauge"]

_STATUS: Final = Path("/proc/self/status")
_OWN: Final = re.compile(r"^RssAnon:\s+(\d+) kB", re.MULTILINE)
_PAUSE: Final = 0.005  # seconds between two looks


class MemoryGauge:
    """``before`` and ``most``, in MiB: memory at the beginning of the block, and the most until its end.

    On Linux what the process has to itself (``RssAnon``), as pages of a mapped file can be taken away at any
    time; elsewhere the most that it ever had resident.
    """

    def __init__(self) -> None:
        self.before = 0.0
        self.most = 0.0
        self._over = Event()
        self._watcher = Thread(target=self._watch, daemon=True)

    def __enter__(self) -> MemoryGauge:
        self.before = self.most = _memory()
        self._watcher.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._over.set()
        self._watcher.join()

    def _watch(self) -> None:
        while not self._over.wait(_PAUSE):
            self.most = max(self.most, _memory())
        self.most = max(self.most, _memory())


def _memory() -> float:
    if _STATUS.exists():
        found = _OWN.search(_STATUS.read_text(encoding="utf-8"))
        if found is not None:
            return int(found[1]) / 1024
    import resource  # not on Windows, where the rules that need it are not proven

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / (1 << 20 if sys.platform == "darwin" else 1 << 10)
