"""The dependencies that one batch writes, in little memory, and what of them has to be walked."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from itertools import chain
from typing import Final
from uuid import UUID

from tasky.model import TaskModel

__all__ = ["Edges"]

_ID: Final = 16  # bytes
_LEAST_DROPPED: Final = 1 / 8  # of the pairs in a round, for there to be another
_REMEMBERED: Final = 10_000  # ids of which it is known whether they are stored


class Edges:
    """While the batch is read: 32 bytes for each dependency, and 16 for each task that is updated."""

    def __init__(self) -> None:
        self._pairs = bytearray()  # task and dependency
        self._updated = bytearray()

    def add_created(self, task: TaskModel) -> None:
        """A task that was not stored before."""
        for needed in task.depends_on:
            self._pairs += task.task_id.bytes + needed.bytes

    def add_updated(self, task: TaskModel) -> None:
        """A task that is stored, and whose stored dependencies count no more."""
        self.add_created(task)
        self._updated += task.task_id.bytes

    def to_walk(self, read: Callable[[UUID], TaskModel | None]) -> dict[UUID, list[UUID]]:
        """The dependencies that have to be walked to find each cycle and each stored task on the way.

        One on a task that is not stored and has none itself is on no cycle and leads nowhere. Without it
        there may be more of the kind, so they are taken out round by round, while it is worth it. Little is
        left, unless many lead to stored tasks or form long chains. ``read`` gives a task as it is stored.
        """

        @lru_cache(_REMEMBERED)
        def is_stored(task: bytes) -> bool:
            return read(UUID(bytes=task)) is not None

        pairs, to_stored = self._pairs, bytearray()
        dropped = 1.0
        while pairs and dropped >= _LEAST_DROPPED:
            beginnings = _Ids(task for task, _ in chain(_split_pairs(pairs), _split_pairs(to_stored)))
            kept = bytearray()
            for task, needed in _split_pairs(pairs):
                if needed in beginnings:
                    kept += task + needed
                elif is_stored(needed):
                    to_stored += task + needed
            dropped, pairs = 1 - len(kept) / len(pairs), kept
        return self._walkable(pairs + to_stored)

    def _walkable(self, pairs: bytearray) -> dict[UUID, list[UUID]]:
        """With every updated task: a stored one may lead there, and what it had stored is out of date."""
        found: dict[UUID, list[UUID]] = {}
        if pairs:
            found.update((UUID(bytes=task), []) for task in _split(self._updated))
        for task, needed in _split_pairs(pairs):
            found.setdefault(UUID(bytes=task), []).append(UUID(bytes=needed))
        return found


class _Ids:
    """A Bloom filter of 2**23 bits with one hash: it never lacks an id, and may seem to hold another."""

    _BITS: Final = 1 << 23

    def __init__(self, ids: Iterable[bytes]) -> None:
        self._bits = bytearray(self._BITS >> 3)
        for each in ids:
            place = hash(each) % self._BITS
            self._bits[place >> 3] |= 1 << (place & 7)

    def __contains__(self, each: bytes) -> bool:
        place = hash(each) % self._BITS
        return bool(self._bits[place >> 3] & 1 << (place & 7))


def _split(ids: bytearray) -> Iterator[bytes]:
    return (bytes(ids[start : start + _ID]) for start in range(0, len(ids), _ID))


def _split_pairs(pairs: bytearray) -> Iterator[tuple[bytes, bytes]]:
    ids = _split(pairs)
    return zip(ids, ids, strict=True)
