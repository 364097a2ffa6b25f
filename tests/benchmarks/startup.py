"""Start-up: what is paid before any work, and with many distributions installed."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from importlib.metadata import distributions
from pathlib import Path
from typing import Final

from tests.benchmarks.measure import Result, alternate
from tests.benchmarks.processes import Processes
from tests.benchmarks.stores import Stores

__all__ = ["crowded", "startup"]

CLICK: Final = "import click"
TARGETS: Final = {("--help",): 1.2, ("--version",): 1.2, ("backends",): 1.7}
CROWD: Final = 220
CROWD_TARGETS: Final = {("list",): 1.1, ("add", "Measured"): 1.1, ("backends",): 1.3}


def startup(processes: Processes, rounds: int) -> Iterator[Result]:
    """The commands that need no project, against the import of click."""
    for arguments, target in TARGETS.items():
        ours, baseline = alternate(
            partial(processes.seconds, [processes.tasky, *arguments]),
            partial(processes.seconds, processes.python(CLICK)),
            rounds=rounds,
        )
        yield Result(
            what=f"tasky {' '.join(arguments)}",
            against=f'python -c "{CLICK}"',
            ours=ours,
            baseline=baseline,
            target=target,
        )


def crowded(stores: Stores, size: int, rounds: int) -> Iterator[Result]:
    """The same commands among many installed distributions, against those that are really there."""
    processes, project = stores.processes, stores.project(size)
    installed = len(list(distributions()))
    crowd, nobody = processes.home / "crowd", processes.home / "nobody"
    nobody.mkdir()
    _make_distributions(crowd, CROWD - installed)
    for arguments, target in CROWD_TARGETS.items():
        command = [processes.tasky, *arguments]
        ours, baseline = alternate(
            partial(processes.seconds, command, cwd=project, environ={"PYTHONPATH": str(crowd)}),
            partial(processes.seconds, command, cwd=project, environ={"PYTHONPATH": str(nobody)}),
            rounds=rounds,
        )
        yield Result(
            what=f"tasky {arguments[0]}, {CROWD} distributions",
            against=f"the same with {installed}",
            ours=ours,
            baseline=baseline,
            target=target,
            size=size,
        )


def _make_distributions(folder: Path, count: int) -> None:
    for number in range(count):
        metadata = folder / f"crowd_{number}-1.0.dist-info"
        metadata.mkdir(parents=True)
        (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: crowd-{number}\nVersion: 1.0\n")
        (metadata / "RECORD").write_text("")
        if number % 3 == 0:
            text = f"[console_scripts]\ncrowd-{number} = crowd_{number}:main\n"
            (metadata / "entry_points.txt").write_text(text)
