"""The trees that SQLite keeps tables and indexes in: pages, the cells in them, the records in these."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any, Final

from tasky_sqlite.pages import DamagedError, PageFile

__all__ = ["Node", "decode", "free_pages", "walk"]

_INDEX_INNER, _TABLE_INNER, _INDEX_LEAF, _TABLE_LEAF = 2, 5, 10, 13
_KINDS: Final = frozenset((_INDEX_INNER, _TABLE_INNER, _INDEX_LEAF, _TABLE_LEAF))
_FILE_HEADER: Final = 100  # bytes, at the beginning of page 1
# Bytes, by serial type; no column of a store holds a real number, whose type is 7.
_LENGTHS: Final = {0: 0, 1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8, 8: 0, 9: 0}
_NULL, _ZERO, _FIRST_BLOB = 0, 8, 12


class Node:
    """One page of a tree. Raises ``DamagedError`` when it is none.

    ``children`` are the pages below it, ``len`` is the number of its cells. The cells of a table's inner
    pages hold no records.
    """

    def __init__(self, pages: PageFile, number: int) -> None:
        self._pages = pages
        self.number = number
        self._data = data = pages.page(number)
        start = _FILE_HEADER if number == 1 else 0
        kind, cells = data[start], int.from_bytes(data[start + 3 : start + 5], "big")
        self.is_leaf = kind in (_TABLE_LEAF, _INDEX_LEAF)
        self.is_table = kind in (_TABLE_LEAF, _TABLE_INNER)
        first = start + (8 if self.is_leaf else 12)
        last = first + 2 * cells
        self._cells = struct.unpack_from(f">{cells}H", data, first) if last <= len(data) else (0,)
        if kind not in _KINDS or any(not last <= cell < pages.usable for cell in self._cells):
            raise DamagedError(f"page {number} is not a page of a table or an index")
        self.children: tuple[int, ...] = ()
        if not self.is_leaf:
            places = (*self._cells, first - 4)
            self.children = tuple([int.from_bytes(data[at : at + 4], "big") for at in places])

    def __len__(self) -> int:
        return len(self._cells)

    def record(self, cell: int, *, whole: bool = True) -> tuple[int, bytes]:
        """The row id (of an index: 0) and the record of a cell, or the part of the record on this page.

        Raises ``DamagedError``.
        """
        data, at = self._data, self._cells[cell] + (0 if self.is_leaf else 4)
        try:
            size, at = _varint(data, at)
            row_id, at = _varint(data, at) if self.is_table else (0, at)
        except IndexError:
            raise self._damaged(cell, "has no beginning") from None
        local = self._local_size(size)
        if size > self._pages.count * self._pages.page_size or at + local > self._pages.usable:
            raise self._damaged(cell, "is longer than its page")
        payload = data[at : at + local]
        if whole and local < size:
            payload += self._overflow(cell, at + local, size - local)
        return row_id - (row_id >> 63 << 64), payload

    def _local_size(self, size: int) -> int:
        usable = self._pages.usable
        most = usable - 35 if self.is_table else (usable - 12) * 64 // 255 - 23
        if size <= most:
            return size
        least = (usable - 12) * 32 // 255 - 23
        local = least + (size - least) % (usable - 4)
        return local if local <= most else least

    def _overflow(self, cell: int, at: int, size: int) -> bytes:
        rest = bytearray()
        following, seen = int.from_bytes(self._data[at : at + 4], "big"), set()
        while len(rest) < size:
            if following in seen:
                raise self._damaged(cell, "goes on in a circle")
            seen.add(following)
            try:
                page = self._pages.page(following)
            except DamagedError as error:
                raise self._damaged(cell, f"goes on where nothing is: {error}") from None
            rest += page[4 : self._pages.usable]
            following = int.from_bytes(page[:4], "big")
        return bytes(rest[:size])

    def _damaged(self, cell: int, what: str) -> DamagedError:
        return DamagedError(f"cell {cell + 1} of page {self.number} {what}")


def walk(pages: PageFile, root: int, visited: set[int]) -> Iterator[Node | DamagedError]:
    """The pages of a tree in the order of its keys, and an error for each that cannot be read.

    The numbers of those that can be are added to ``visited``.
    """
    is_table = None
    todo = [root]
    while todo:
        number = todo.pop()
        try:
            if number in visited:
                raise DamagedError(f"page {number} is there twice")
            node = Node(pages, number)
            if is_table not in (None, node.is_table):
                raise DamagedError(f"page {number} belongs to another tree")
        except DamagedError as error:
            yield error
            continue
        visited.add(number)
        is_table = node.is_table
        todo += reversed(node.children)
        yield node


def free_pages(pages: PageFile) -> set[int]:
    """The pages that hold nothing any more, as far as the list of them can be followed."""
    free: set[int] = set()
    trunk = 0 if pages.header is None else pages.header.first_free
    while trunk and trunk not in free:
        try:
            data = pages.page(trunk)
        except DamagedError:
            break
        free.add(trunk)
        count = min(int.from_bytes(data[4:8], "big"), len(data) // 4 - 2)
        free.update(struct.unpack_from(f">{count}I", data, 8))
        trunk = int.from_bytes(data[:4], "big")
    return free


def decode(record: bytes, count: int | None = None) -> tuple[int, list[Any]]:
    """How many columns a record has, and the values of the first ``count`` of them (None: all).

    Raises ``ValueError`` for what is no record, and for text that is not UTF-8.
    """
    try:
        end, at = _varint(record, 0)
        kinds = []
        while at < end:
            kind = record[at]
            if kind < 0x80:  # nearly every one, and a million tasks have forty million
                at += 1
            else:
                kind, at = _varint(record, at)
            kinds.append(kind)
        values: list[Any] = []
        for kind in kinds[:count]:
            begin, at = at, at + (_LENGTHS[kind] if kind < _FIRST_BLOB else (kind - _FIRST_BLOB) // 2)
            if at > len(record):
                raise IndexError
            values.append(_value(record[begin:at], kind))
    except (IndexError, KeyError):
        raise ValueError("it is not a record of a store") from None
    return len(kinds), values


def _value(data: bytes, kind: int) -> Any:
    if kind >= _FIRST_BLOB:
        return data.decode() if kind % 2 else data
    if data:
        return int.from_bytes(data, "big", signed=True)
    return None if kind == _NULL else kind - _ZERO


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """A number of one to nine bytes, and where it ends; raises ``IndexError`` at the end of the data."""
    number = 0
    for place in range(at, at + 8):
        byte = data[place]
        number = number << 7 | byte & 0x7F
        if byte < 0x80:
            return number, place + 1
    return number << 8 | data[at + 8], at + 9
