"""Tables for a person at a terminal. Only here is rich imported, which takes longer than a whole command."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from shutil import get_terminal_size
from typing import TYPE_CHECKING, Final, TextIO

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from tasky.cli.table import Cell, Column

__all__ = ["STYLES", "print_table"]

GAP: Final = 2  # columns between two columns
NARROWEST: Final = 24  # columns for text that wraps, before others are given up

STYLES: Final = {
    "": "",
    "id": "cyan",
    "closed": "dim",
    "high": "bold red",
    "medium": "yellow",
    "low": "",
    "overdue": "bold red",
    "project": "blue",
    "tag": "green",
}


def print_table(
    columns: Sequence[Column],
    rows: Iterable[Sequence[Cell]],
    *,
    stream: TextIO,
    colours: bool,
    environ: Mapping[str, str],
) -> None:
    """Print the rows under their headings, fitted to the terminal's width; empty columns are left out."""
    cells = list(rows)
    width = get_terminal_size().columns
    shown = _fitting(columns, cells, width)
    if not shown:
        return
    table = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0), header_style="bold")
    for number in shown:
        wraps = columns[number].wraps
        table.add_column(columns[number].title, no_wrap=not wraps, overflow="fold" if wraps else "ellipsis")
    for row in cells:
        table.add_row(*(Text(row[number].shown, STYLES[row[number].style]) for number in shown))
    Console(
        file=stream,
        width=width,
        force_terminal=colours,
        no_color=not colours,
        highlight=False,
        _environ=environ,
    ).print(table)


def _fitting(columns: Sequence[Column], rows: Sequence[Sequence[Cell]], width: int) -> list[int]:
    """The numbers of the columns that have text and find room, those of the highest rank given up first."""
    needs: dict[int, int] = {}
    for number, column in enumerate(columns):
        widest = max((cell_len(row[number].shown) for row in rows), default=0)
        if widest:
            widest = max(widest, len(column.title))
            needs[number] = GAP + (min(widest, NARROWEST) if column.wraps else widest)
    for number in sorted(needs, key=lambda number: -columns[number].rank):
        if sum(needs.values()) <= width + GAP or not columns[number].rank:
            break
        del needs[number]
    return list(needs)
