"""Load one backend in a process of its own, so that nothing it does (hang, exit, crash) harms this one.

``python -m tasky.cli.probe SCHEME DISTRIBUTION`` is that process: it prints one line that says ``OK``, or
what is wrong.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from tasky.registry import BackendInfo

__all__ = ["probe_backend"]

LOADED: Final = "tasky-backend-is-ok"


def probe_backend(info: BackendInfo, *, timeout: float, environ: Mapping[str, str]) -> BackendInfo:
    """``info`` with what loading it came to; one that metadata already rules out is not loaded.

    ``timeout`` is in seconds; ``state`` becomes ``broken`` when it is over, or when loading fails.
    """
    import subprocess

    if info.state in ("broken", "incompatible"):
        return info
    program = [sys.executable, "-P", "-m", "tasky.cli.probe", info.name, info.distribution]
    try:
        done = subprocess.run(  # noqa: S603 - our own module, in this interpreter
            program,
            capture_output=True,
            check=False,
            encoding="utf-8",
            env=dict(environ),
            errors="backslashreplace",
            stdin=subprocess.DEVNULL,
            timeout=timeout,
        )
    except subprocess.TimeoutExpired:
        return info._replace(state="broken", problem=f"loading it was not over after {timeout:g} seconds")
    said = done.stdout.split()
    if said[-1:] == [LOADED]:
        return info
    words = " ".join((done.stdout.splitlines() or done.stderr.splitlines())[-1:])
    problem = words or f"the process that loaded it ended with exit code {done.returncode}"
    return info._replace(state="broken", problem=problem)


def _probe(scheme: str, distribution: str) -> str:
    """``LOADED``, or what is wrong; a file backend is also made, which touches nothing."""
    import os
    import tempfile
    from pathlib import Path

    from tasky.errors import TaskyError
    from tasky.location import StorageLocation
    from tasky.registry import default_registry, is_uri_factory

    pins = {scheme: distribution} if distribution else {}
    try:
        factory = default_registry.load(scheme, pins=pins)
        if not is_uri_factory(factory):
            location = StorageLocation.parse(f"{scheme}://tasks")
            root = Path(tempfile.gettempdir(), f"tasky-probe-{os.getpid()}")
            default_registry.open(location, root=root, environ=os.environ, pins=pins).close()
    except TaskyError as error:
        return error.message
    return LOADED


if __name__ == "__main__":
    sys.stdout.write(f"\n{_probe(*sys.argv[1:])}\n")
