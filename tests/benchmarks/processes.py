"""Whole processes: how long one takes, and the most memory that it held.

They get a small environment of their own, so that nothing set on this machine (a config, a colour, a ban on
writing bytecode) has a part in the figures.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

__all__ = ["Processes"]

# In a process of its own and a small one: a child's peak includes the memory of the one that forked it.
PEAK_MEMORY: Final = """
import os, sys
out = os.open(os.devnull, os.O_WRONLY)
pid = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, out, 1)])
_, status, usage = os.wait4(pid, 0)
print(usage.ru_maxrss / (1024 if sys.platform == "linux" else 1024 * 1024))
sys.exit(os.waitstatus_to_exitcode(status))
"""


@dataclass(frozen=True)
class Processes:
    """Runs commands below ``home``, with this interpreter and the ``tasky`` installed beside it."""

    home: Path
    environ: Mapping[str, str] = field(init=False)

    def __post_init__(self) -> None:
        scripts = Path(sys.executable).parent
        environ = {"HOME": str(self.home), "PATH": f"{scripts}:/usr/bin:/bin", "LANG": "C.UTF-8", "TZ": "UTC"}
        object.__setattr__(self, "environ", environ)

    @property
    def tasky(self) -> str:
        """The console script of the installed wheel."""
        return str(Path(sys.executable).with_name("tasky"))

    def python(self, code: str) -> list[str]:
        """The command that runs ``code``."""
        return [sys.executable, "-c", code]

    def run(
        self, command: Sequence[str], *, cwd: Path | None = None, environ: Mapping[str, str] | None = None
    ) -> bytes:
        """What the command prints; raises ``RuntimeError`` with its complaint when it fails."""
        result = subprocess.run(
            command,
            cwd=cwd or self.home,
            env={**self.environ, **(environ or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
        if result.returncode != 0:
            complaint = result.stderr.decode(errors="replace").strip()
            raise RuntimeError(f"{' '.join(command)} ended with {result.returncode}: {complaint}")
        return result.stdout

    def seconds(
        self, command: Sequence[str], *, cwd: Path | None = None, environ: Mapping[str, str] | None = None
    ) -> float:
        """The wall time of the command from its start to its end, its output piped."""
        start = time.perf_counter()
        self.run(command, cwd=cwd, environ=environ)
        return time.perf_counter() - start

    def peak_memory(self, command: Sequence[str], *, cwd: Path | None = None) -> float:
        """The most memory in MB that the command's process held at once, its output thrown away."""
        return float(self.run([sys.executable, "-S", "-c", PEAK_MEMORY, *command], cwd=cwd))
