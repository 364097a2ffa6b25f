"""``python -m tests.benchmarks``: measure, and print the table. A missed target is shown, not failed."""

from __future__ import annotations

import argparse
import gc
import sys
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from tests.benchmarks import commands, concurrency, plots, reading, startup, taskwarrior, transfer, writing
from tests.benchmarks.measure import Result
from tests.benchmarks.postgres import group as postgres
from tests.benchmarks.processes import Processes
from tests.benchmarks.report import as_json, as_markdown, as_table
from tests.benchmarks.stores import Stores

STARTS: Final = 101  # of a command, by the clock: fewer are moved by a slow minute
SIZES: Final = {"1k": 1_000, "10k": 10_000, "100k": 100_000, "1M": 1_000_000}
GROUPS: Final = (
    "startup",
    "commands",
    "crowd",
    "read",
    "write",
    "transfer",
    "memory",
    "concurrency",
    "rivals",
    "postgres",
)


def main() -> None:
    """Print what was measured as it comes on stderr, and the whole table on stdout."""
    options = _parse(sys.argv[1:])
    results: list[Result] = []
    with TemporaryDirectory(prefix="tasky-bench-") as folder:
        stores = Stores(Processes(Path(folder)))
        for result in _measure(stores, options, results):
            results.append(result)
            print(as_table([result]).splitlines()[1], file=sys.stderr, flush=True)
    print(as_table(results))
    if options.output is not None:
        write = as_json if options.output.suffix == ".json" else as_markdown
        options.output.write_text(write(results), encoding="utf-8")
    if options.plots is not None:
        plots.draw(results, options.plots)
    verdicts = [result.verdict for result in results if result.verdict]
    print(f"\n{verdicts.count('ok')} of {len(verdicts)} targets met")


def _measure(stores: Stores, options: argparse.Namespace, measured: list[Result]) -> Iterator[Result]:
    groups, sizes = set(options.only), [SIZES[name] for name in options.sizes]
    if "startup" in groups:
        yield from startup.startup(stores.processes, STARTS)
    if "crowd" in groups:
        yield from startup.crowded(stores, sizes[0], STARTS)
    for size in sizes:
        yield from _measure_size(stores, size, groups, options.rounds)
    if "memory" in groups and len(sizes) > 1:
        yield from transfer.memory_growth(measured, sizes[-2], sizes[-1])
    if "concurrency" in groups:
        yield from concurrency.concurrency(stores, options.rounds or 3)
    if "postgres" in groups:
        few = {size: _few(size, options.rounds) for size in sizes}
        yield from postgres.postgres(stores.processes, few, options.rounds or 3)


def _measure_size(stores: Stores, size: int, groups: set[str], rounds: int | None) -> Iterator[Result]:
    few = _few(size, rounds)
    todo: list[tuple[str, Callable[[], Iterable[Result]]]] = [
        ("commands", lambda: commands.everyday(stores, size, STARTS)),
        ("read", lambda: reading.reading(stores, size, few)),
        ("read", lambda: reading.paging(stores, size, few) if size > reading.SMALL else ()),
        ("write", lambda: writing.durable_apply(stores, size)),
        ("write", lambda: writing.bulk(stores, size, few)),
        ("transfer", lambda: transfer.transfer(stores, size, few)),
        ("memory", lambda: transfer.memory(stores, size)),
        ("rivals", lambda: _rivals(stores, size, few)),
    ]
    asked = [measure for group, measure in todo if group in groups]
    if not asked:
        return
    stores.store(size)
    gc.collect()
    gc.freeze()  # the tasks in memory are the measurement's, and no side should pay for walking over them
    yield from chain.from_iterable(measure() for measure in asked)
    gc.unfreeze()
    stores.forget(size)


def _few(size: int, rounds: int | None) -> int:
    return rounds or (9 if size <= SIZES["1k"] else 5 if size < SIZES["1M"] else 3)


def _rivals(stores: Stores, size: int, rounds: int) -> Iterable[Result]:
    if taskwarrior.program() is None:
        print("Taskwarrior is not installed (its command is 'task'): not compared with it.", file=sys.stderr)
        return ()
    return taskwarrior.taskwarrior(stores, size, rounds)


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="nox -s bench --", description=__doc__)
    parser.add_argument(
        "--sizes",
        nargs="+",
        choices=SIZES,
        default=tuple(SIZES),
        help="how many tasks: 1k 10k 100k 1M unless told",
    )
    parser.add_argument("--quick", dest="sizes", action="store_const", const=("1k",), help="1k tasks only")
    parser.add_argument(
        "--only", nargs="+", choices=GROUPS, default=GROUPS, help="these groups and no others"
    )
    parser.add_argument("--rounds", type=int, help="measure so often what else takes 3 to 9 rounds")
    parser.add_argument("--output", type=Path, help="write the table here too: .json, or Markdown")
    parser.add_argument("--plots", type=Path, help="draw each measurement into this folder, as SVG")
    options = parser.parse_args(arguments)
    options.sizes = sorted(options.sizes, key=SIZES.__getitem__)
    return options


if __name__ == "__main__":
    main()
