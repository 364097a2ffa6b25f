"""The dependencies that one batch writes, in little memory: what of them can be part of a cycle."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from operator import itemgetter
from typing import Final
from uuid import UUID

from tasky.model import TaskModel

__all__ = ["Edges"]

SHRINKING: Final = 7 / 8  # of the dependencies are left at most, or there is no use in going on
_ID: Final = 16  # bytes


class Edges:
    """Ids of tasks that are written, and of those that they depend on: 32 bytes for each dependency."""

    def __init__(self) -> None:
        self._pairs = bytearray()  # (task, dependency)
        self._updated = bytearray()

    def add_created(self, task: TaskModel) -> None:
        """A task that was not stored before."""
        for needed in task.depends_on:
            self._pairs += task.task_id.bytes + needed.bytes

    def add_updated(self, task: TaskModel) -> None:
        """A task that is stored, and whose stored dependencies count no more."""
        self.add_created(task)
        self._updated += task.task_id.bytes

    def to_walk(self, read: Callable[[UUID], TaskModel | None]) -> dict[UUID, tuple[UUID, ...]]:
        """The dependencies that have to be walked to find each cycle and each stored task on the way.

        One that ends at a task with no dependency of its own is on no cycle, and need not be walked when that
        task is not stored. When it is gone, others end there, so this is repeated while enough of them go;
        little is left, unless tasks form long chains. ``read`` gives a task as it is stored.
        """
        pairs = self._pairs
        while True:
            beginnings = _Ids(task for task, _ in _split_pairs(pairs))
            kept = bytearray()
            for task, needed in _split_pairs(pairs):
                if needed in beginnings or read(UUID(bytes=needed)) is not None:
                    kept += task + needed
            done, pairs = len(kept) > SHRINKING * len(pairs), kept
            if done or not pairs:
                return self._walkable(pairs)

    def _walkable(self, pairs: bytearray) -> dict[UUID, tuple[UUID, ...]]:
        ends = _Ids(needed for _, needed in _split_pairs(pairs))
        reached = (task for task in _split(self._updated) if task in ends)
        found: dict[UUID, tuple[UUID, ...]] = {UUID(bytes=task): () for task in reached}
        for task, ending in groupby(_split_pairs(pairs), key=itemgetter(0)):
            found[UUID(bytes=task)] = tuple(UUID(bytes=needed) for _, needed in ending)
        return found


class _Ids:
    """A set of ids that takes others for its own at times, in a megabyte (Bloom, 1970, with one hash)."""

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
