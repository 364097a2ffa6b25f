"""Lines that count together: a batch is in the journal when its commit line is, and not before.

The commit line says how many lines stand before it and their CRC-32. A crash leaves the beginning of a
batch, cut off anywhere; it stands behind the last commit line, and does not count. A power cut may also leave
a later block of the file without an earlier one, which then reads as zeros.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple
from zlib import crc32

__all__ = ["Group", "groups", "sealed", "where"]

_COMMIT: Final = b'{"commit":'
_OTHERS: Final = (b'{"batch":', b'{"entry":', b'{"task":')


class Group(NamedTuple):
    """Lines, each with the byte of the file where it begins, and their commit line; both end at ``end``.

    ``commit`` is None for a batch that a crash cut off, or that is just being written.
    """

    lines: Sequence[tuple[int, bytes]]
    commit: bytes | None
    end: int

    @property
    def fault(self) -> str:
        """What is wrong, said of the last of the lines; empty when they are what was written."""
        if self.commit is None:
            known = all(line.startswith(_OTHERS) for _at, line in self.lines)
            return "" if known else "what follows the last commit line is no batch"
        fits = self.commit == _commit_line(line for _at, line in self.lines)
        return "" if fits else "the lines before this one are not those that it committed"


def sealed(lines: Sequence[bytes]) -> bytes:
    """The lines and their commit line, as they are appended."""
    return b"".join(line + b"\n" for line in (*lines, _commit_line(lines)))


def groups(data: bytes, at: int) -> Iterator[Group]:
    """What ``data``, which begins at byte ``at`` of the file and goes to its end, holds: sound or not.

    Left out is what a crash explains: a line without its end, and a last group that is not whole on the disk.
    """
    stop = at + len(data)
    lines: list[tuple[int, bytes]] = []
    for line in data.split(b"\n")[:-1]:
        begin, at = at, at + len(line) + 1
        if not line.startswith(_COMMIT):
            lines.append((begin, line))
            continue
        group = Group(lines, line, at)
        if at < stop or not (group.fault and _has_zeros(lines)):
            yield group
        lines = []
    if lines and not _has_zeros(lines):
        yield Group(lines, None, at)


def where(path: Path, before: bytes) -> str:
    """How a line is named; ``before`` is all that the file holds before it, or before some byte of it."""
    number = before.count(b"\n") + 1
    return f"{path}, line {number}"


def _commit_line(lines: Iterable[bytes]) -> bytes:
    count = checksum = 0
    for line in lines:
        count += 1
        checksum = crc32(line + b"\n", checksum)
    return b'%b{"lines":%d,"crc32":"%08x"}}' % (_COMMIT, count, checksum)


def _has_zeros(lines: Iterable[tuple[int, bytes]]) -> bool:
    return any(b"\0" in line for _at, line in lines)  # which are in no JSON
