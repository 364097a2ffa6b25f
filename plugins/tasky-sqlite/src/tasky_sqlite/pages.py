"""A database file as numbered pages, read past SQLite: with what its write-ahead log holds laid over it.

SQLite refuses a whole file for the damage of one page. This reads what is there, as the description of the
file format has it, and writes nothing, locks nothing and makes no file.
"""

from __future__ import annotations

import errno
import os
from array import array
from io import FileIO
from pathlib import Path
from stat import S_ISREG
from sys import byteorder
from typing import Final, NamedTuple, Self

from tasky import StorageUnavailableError
from tasky_sqlite.opening import missing_error

__all__ = ["BeyondEndError", "DamagedError", "Header", "Log", "PageFile"]

_MAGIC: Final = b"SQLite format 3\x00"
_USUAL_SIZE: Final = 4096  # bytes of a page, where nothing says another number
_SIZES: Final = frozenset(2**power for power in range(9, 17))
_LOG_HEADER: Final = 32  # bytes
_FRAME_HEADER: Final = 24
_LOG_MAGIC: Final = 0x377F0682  # its last bit says in which byte order the checksums are made


class DamagedError(Exception):
    """A page, or a cell in it, is not what it has to be; the text says which one and why."""


class BeyondEndError(DamagedError):
    """The page, which ``number`` is, lies beyond the end of the file."""

    def __init__(self, number: int) -> None:
        super().__init__(f"page {number} lies beyond the end of the file")
        self.number = number


class Header(NamedTuple):
    """What the first hundred bytes of a database say. ``pages`` is how many there are."""

    page_size: int
    reserved: int
    pages: int
    first_free: int
    application: int
    version: int

    @classmethod
    def read(cls, data: bytes) -> Self | None:
        """The header that ``data`` begins with; None when that is not one."""
        if len(data) < 100 or data[:16] != _MAGIC:
            return None
        size = _number(data, 16, 2)
        size = 65536 if size == 1 else size
        if size not in _SIZES or data[20] > size - 480:
            return None
        return cls(
            size,
            data[20],
            _number(data, 28),
            _number(data, 32),
            _number(data, 68),
            _number(data, 60),
        )


class Log:
    """The write-ahead log: where in it the newest committed content of a page is.

    ``frames`` has the offset for each page that it holds, ``pages`` how many pages the database has after the
    last commit in it says that the database has (0: no commit). ``fault`` says what stands in the way of
    reading it, or nothing; ``is_loss`` is whether that cost batches that had been committed for certain. A
    loss of power may leave the last batch in pieces, before it was acknowledged.
    """

    def __init__(self, path: str) -> None:
        self.frames: dict[int, int] = {}
        self.pages = 0
        self.page_size = 0
        self.fault = ""
        self.is_loss = False
        self.head = b""
        self._file: FileIO | None = None
        try:
            if not S_ISREG(os.lstat(path).st_mode):
                self.fault = "it is not a regular file, and was not read"
                return
            self._file = _open(path)
            self.head = self._file.read(_LOG_HEADER)
            if self.head:
                self._read(self._file, self.head)
        except FileNotFoundError:
            return
        except OSError as error:
            self.fault = f"it cannot be read, or not to its end: {error.strerror}"

    def page(self, number: int) -> bytes | None:
        """The page as the last commit left it; None when the log does not hold it."""
        offset = self.frames.get(number)
        if offset is None or self._file is None:
            return None
        self._file.seek(offset)
        return self._file.read(self.page_size)

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()

    def _read(self, file: FileIO, head: bytes) -> None:
        """Follow the frames for as long as they belong together, as SQLite does."""
        size, sums, salt = _number(head, 8), (0, 0), head[16:24]
        swapped = (_number(head, 0) & 1 == 1) != (byteorder == "big")
        if len(head) == _LOG_HEADER:
            sums = _checksum(head[:24], sums, swapped)
        if _number(head, 0) & ~1 != _LOG_MAGIC or size not in _SIZES or _pair(head, 24) != sums:
            self.fault = "its header is damaged, so that nothing in it can be used"
            self.is_loss = self._has_frames_of(file, head)
            return
        self.page_size = size
        pending: dict[int, int] = {}
        number = torn = 0
        commits = 0  # behind the damage, one after the other
        while len(frame := file.read(_FRAME_HEADER + size)) == _FRAME_HEADER + size:
            number += 1
            is_ours, commit = frame[8:16] == salt, _number(frame, 4)
            following = _checksum(frame[_FRAME_HEADER:], _checksum(frame[:8], sums, swapped), swapped)
            sums = _pair(frame, 16)
            is_next = is_ours and sums == following
            if torn:  # only frames of before the log was begun again may follow, and no commit of ours
                if is_ours and commit:
                    self.fault = f"frame {torn} is damaged, and nothing that comes after it can be used"
                # Whoever wrote a second batch had seen the first one reach the disk.
                commits = commits + bool(commit) if is_next else 0
                self.is_loss = self.is_loss or commits > 1
            elif not is_next:
                torn = number
            else:
                pending[_number(frame, 0)] = file.tell() - size
                if commit:
                    self.pages = commit
                    self.frames.update(pending)
                    pending.clear()

    def _has_frames_of(self, file: FileIO, head: bytes) -> bool:
        """Whether the frames belong to the damaged header: one that is half-written has the old ones."""
        for size in _SIZES:
            file.seek(_LOG_HEADER)
            first = file.read(_FRAME_HEADER)
            second = file.read(size + _FRAME_HEADER)[size:]
            # The log is begun again with both halves of the salt changed.
            if (
                len(second) == _FRAME_HEADER
                and any(first[8:16])
                and first[8:16] == second[8:16]
                and (first[8:12] == head[16:20] or first[12:16] == head[20:24])
            ):
                return True
        return False


class PageFile:
    """The pages of the database at ``path``, counted from 1; ``count`` of them.

    ``header`` is None when it cannot be read; then the usual sizes are assumed. ``faults`` says, in
    sentences, what is wrong with the file as a whole. Raises ``StoreMissingError`` and
    ``StorageUnavailableError``.
    """

    def __init__(self, path: str) -> None:
        self._path = os.path.realpath(path)
        try:
            self._file = _open(self._path)
        except FileNotFoundError as error:
            raise missing_error(path) from error
        except OSError as error:
            raise StorageUnavailableError(
                f"{path} cannot be read: {error.strerror}", hint="Check the location and its permissions."
            ) from error
        self._before = self._states()
        self._log = Log(f"{self._path}-wal")
        self.size = self._file.seek(0, os.SEEK_END)
        self.page_size = self._page_size()
        in_file = -(-self.size // self.page_size)
        # The log may claim any number. One page more, as there is one that SQLite never writes.
        self.count = min(self._log.pages, in_file + len(self._log.frames) + 1) or in_file
        try:
            self.header = Header.read(self.page(1))
        except DamagedError:
            self.header = None
        self.usable = self.page_size - (0 if self.header is None else self.header.reserved)
        self.faults = list(self._faults(path))

    def page(self, number: int) -> bytes:
        """Raises ``DamagedError`` for a page that is not there, or only in part, or that the disk refuses."""
        data = None
        if 1 <= number <= self.count:
            try:
                data = self._log.page(number) or self._read((number - 1) * self.page_size, self.page_size)
            except OSError as error:
                raise DamagedError(f"page {number} cannot be read: {error.strerror}") from error
        if data is None or len(data) < self.page_size:
            raise BeyondEndError(number)
        return data

    def was_written(self) -> bool:
        """Whether somebody has written to the file or to its log since it was opened here."""
        return self._states() != self._before

    def close(self) -> None:
        """Close both files."""
        self._file.close()
        self._log.close()

    def _states(self) -> list[tuple[int, int] | None]:
        states: list[tuple[int, int] | None] = []
        for path in (self._path, f"{self._path}-wal"):
            try:
                found = Path(path).stat()
                states.append((found.st_size, found.st_mtime_ns))
            except FileNotFoundError:
                states.append(None)
        return states

    def _page_size(self) -> int:
        try:
            header = Header.read(self._read(0, 100))
        except OSError:
            header = None
        return self._log.page_size or (_USUAL_SIZE if header is None else header.page_size)

    def _read(self, offset: int, size: int) -> bytes:
        self._file.seek(offset)
        return self._file.read(size)

    def _faults(self, path: str) -> list[str]:
        faults = []
        if self._log.fault:
            faults.append(f"{path}-wal: {self._log.fault}")
        if self._log.pages > self.count:
            faults.append(f"{path}-wal counts {self._log.pages} pages, and there are at most {self.count}")
        if self.size and self.header is None:
            faults.append(f"{path}: the header in page 1 is damaged")
        elif self.header is not None and self.header.pages > self.count:
            faults.append(f"{path} was cut: it has {self.count} of {self.header.pages} pages")
        return faults


def _open(path: str) -> FileIO:
    """Raises ``OSError`` for anything but a regular file, without waiting for what is at the other end."""
    file = FileIO(path, opener=lambda name, flags: os.open(name, flags | getattr(os, "O_NONBLOCK", 0)))
    if not S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise OSError(errno.EINVAL, "it is not a regular file")
    return file


def _checksum(data: bytes, sums: tuple[int, int], swapped: bool) -> tuple[int, int]:
    words = array("I", data)
    if swapped:
        words.byteswap()
    first, second = sums
    for at in range(0, len(words), 2):
        first = (first + words[at] + second) & 0xFFFFFFFF
        second = (second + words[at + 1] + first) & 0xFFFFFFFF
    return first, second


def _pair(data: bytes, at: int) -> tuple[int, int]:
    return _number(data, at), _number(data, at + 4)


def _number(data: bytes, at: int, length: int = 4) -> int:
    return int.from_bytes(data[at : at + length], "big")
