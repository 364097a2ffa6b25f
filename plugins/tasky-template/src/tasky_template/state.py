"""What the journal says, and how it comes about: line by line, from where the last replay ended.

Nothing in a ``State`` is changed in place. So who holds one has a snapshot, threads need no lock to read,
and a fork cannot leave one held.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

from tasky import StorageCorruptError, TaskModel
from tasky_template import files
from tasky_template.history import Place
from tasky_template.journal import groups, where
from tasky_template.records import Record, UnreadableLineError, decode_line
from tasky_template.schema import check_header

__all__ = ["State", "replay"]


@dataclass(frozen=True, slots=True)
class State:
    """What the journal says up to byte ``end``.

    ``mark`` is the last line before that: where another stands there now, it is not the file that was read.
    ``revisions`` has the last revision that history knows of each task, of those that were deleted, too.
    ``entries`` says where each entry of the history stands; an entry's sequence is its number there, from 1.
    """

    end: int = 0
    mark: bytes = b""
    tasks: Mapping[UUID, TaskModel] = field(default_factory=dict)
    revisions: Mapping[UUID, int] = field(default_factory=dict)
    batches: Set[UUID] = frozenset()
    entries: Sequence[Place] = ()

    def last_revision(self, task_id: UUID) -> int:
        """The last revision that history knows of the task; 0 where it knows none."""
        return self.revisions.get(task_id, 0)


def replay(state: State, data: bytes, path: Path) -> State:
    """``state``, and what was committed since; ``data`` is what the file holds from the mark on.

    Raises ``StorageCorruptError`` naming the line, and what ``check_header`` does.
    """
    end, mark = state.end, state.mark
    if not mark:
        end = check_header(data, path)
        mark = data[:end]
    elif data == mark:
        return state
    tasks, revisions = dict(state.tasks), dict(state.revisions)
    batches, entries = set(state.batches), list(state.entries)
    for group in groups(data[len(mark) :], end):
        if group.fault:
            raise _damaged(path, group.end - 1, group.fault)
        if group.commit is None:
            break
        batch = None
        for at, line in group.lines:
            record = _decoded(line, at, path)
            if record.batch is not None:
                batch = record.batch
                batches.add(batch.id)
            if record.entry is not None:
                if batch is None:
                    raise _damaged(path, at, "there is no batch that this entry belongs to")
                task_id, before, revision = record.entry
                tasks.pop(task_id, None)
                revisions[task_id] = revision or (before.revision if before else 0)
                entries.append(Place(at, len(line), task_id, batch))
            if record.task is not None:
                tasks[record.task.task_id] = record.task
        end, mark = group.end, group.commit + b"\n"
    return State(end, mark, tasks, revisions, batches, entries)


def _decoded(line: bytes, at: int, path: Path) -> Record:
    try:
        return decode_line(line)
    except UnreadableLineError as error:
        raise _damaged(path, at, str(error)) from error


def _damaged(path: Path, at: int, what: str) -> StorageCorruptError:
    return StorageCorruptError(
        f"{where(path, files.read(path, 0, at))}: {what}; nothing was changed",
        hint="`tasky check` names all that is damaged. Bring back a good copy of the file.",
    )
