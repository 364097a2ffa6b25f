"""Whatever a loss of power leaves: what was acknowledged is there, in order, and of a batch all or nothing.

What the disk may do, in this model. A write goes to a cache. When ``fsync`` of a file returns, all that was
written to it before is on the disk and stays; for a file that is new, SQLite syncs its directory, too. Until
then any sector (512 bytes) written since may be there or not, whatever the order of the writes; the sector
that is being written at that moment may be zeros or garbage from the first new byte in it on (SQLite takes
that for granted, as "powersafe overwrite"); the file may have its old length, its new one, or one in between;
and what was deleted may be back. A sector that nobody writes to keeps its content. The index of the log
(``-shm``) is never synced, and may be anything.

What happens between two syncs is taken from the real thing: a repository writes batches, and the file and its
log are copied after each answer. The difference of two copies is what was on its way. SQLite writes and syncs
the log before a commit returns, and the header of a log that begins again before the frames in it. The file
is written to by checkpoints alone, and synced before the log begins again. (That a batch is synced before its
answer is a rule of the kit, which reads it off the system calls.)
"""

from __future__ import annotations

import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import NamedTuple
from uuid import UUID

import pytest

from tasky import StorageError
from tasky.testing.samples import at, create, exact, make_task, update
from tasky_sqlite import SqliteTaskRepository, sqlite_factory

SECTOR = 512
HEADER = 32  # bytes, of the log
FRAME = 24 + 4096

Content = dict[UUID, str | None]


class Moment(NamedTuple):
    """The file and its log (None: there is none) when ``batches`` of the record had been acknowledged."""

    file: bytes
    log: bytes | None
    shm: bytes | None
    batches: int


class Record(NamedTuple):
    """What a writer did: the moments, its batches in order, and what was stored after so many of them."""

    moments: list[Moment]
    batches: list[UUID]
    contents: list[Content]


class State(NamedTuple):
    """What a loss of power left, and how many batches have to be there at least and at most."""

    file: bytes
    log: bytes | None
    least: int
    most: int


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> Record:
    """Twelve batches of one page and of many, three checkpoints, and the last one to close."""
    path = tmp_path_factory.mktemp("record") / "tasks.db"
    record = Record([], [], [{}])
    chance = Random(1)  # noqa: S311 - the same record each time
    with sqlite_factory(path) as repository:
        repository.initialize()
        record.moments.append(_moment(path, 0))
        for number in range(12):
            _write_batch(repository, record, number, chance)
            record.moments.append(_moment(path, number + 1))
            if number in (2, 3, 8):
                _checkpoint(path)
                record.moments.append(_moment(path, number + 1))
    record.moments.append(_moment(path, 12))
    return record


def test_the_record_is_of_the_kind_that_the_model_describes(record: Record) -> None:
    """A batch changes the log alone, a checkpoint the file alone; after that the log begins again."""
    restarts = 0
    for before, after in pairwise(record.moments):
        if after.batches > before.batches:
            assert after.file == before.file
            old, new = before.log or b"", after.log or b""
            restarts += bool(old) and new[:HEADER] != old[:HEADER]
        else:
            assert after.log in (before.log, None)
            assert after.file != before.file
    assert restarts == 3
    assert (record.moments[0].log, record.moments[-1].log) == (None, None)


@pytest.mark.parametrize("part", range(4))
def test_a_log_that_ends_anywhere_holds_whole_batches(record: Record, tmp_path: Path, part: int) -> None:
    """The log was written up to some place: the batches that end before it are there, and no other."""
    for number, state in enumerate(_torn_logs(record)):
        if number % 4 == part:
            _assert_survived(record, state, tmp_path / str(number), Random(number))  # noqa: S311 - repeatable


@pytest.mark.parametrize("seed", range(4))
def test_sectors_in_any_order_leave_whole_batches(record: Record, tmp_path: Path, seed: int) -> None:
    """Of what was written to the log since the last sync, any sectors are there, gone, or garbage."""
    chance = Random(seed)  # noqa: S311 - repeatable
    for number, (before, after) in enumerate(pairwise(record.moments)):
        if after.batches == before.batches:
            continue
        old, new = before.log or b"", after.log or b""
        begun = new[:HEADER] + old[HEADER:]
        if begun != old:
            log = _mixed(old, begun, Random(seed))  # noqa: S311 - repeatable
            state = State(before.file, log, before.batches, before.batches)
            _assert_survived(record, state, tmp_path / f"{number}-begun", Random(seed))  # noqa: S311 - repeatable
        for round_ in range(3):
            state = State(before.file, _mixed(begun, new, chance), before.batches, after.batches)
            _assert_survived(record, state, tmp_path / f"{number}-{round_}", chance)


@pytest.mark.parametrize("seed", range(4))
def test_a_checkpoint_that_ends_half_way_loses_nothing(record: Record, tmp_path: Path, seed: int) -> None:
    """Of what a checkpoint wrote to the file, anything is old, new or garbage: the log has it all."""
    chance = Random(seed)  # noqa: S311 - repeatable
    for number, (before, after) in enumerate(pairwise(record.moments)):
        for round_ in range(5 if after.batches == before.batches else 0):
            size = chance.choice([SECTOR, 4096])
            file = _mixed(before.file, after.file, chance, size=size)
            state = State(file, before.log, before.batches, before.batches)
            _assert_survived(record, state, tmp_path / f"{number}-{round_}", chance)


def test_a_log_that_was_deleted_and_is_back_changes_nothing(record: Record, tmp_path: Path) -> None:
    """The last one to close moves the log into the file, and deletes it in vain."""
    before, after = record.moments[-2:]
    _assert_survived(record, State(after.file, before.log, 12, 12), tmp_path / "back", Random(0))  # noqa: S311 - repeatable
    _assert_survived(record, State(after.file, None, 12, 12), tmp_path / "gone", Random(0))  # noqa: S311 - repeatable


def test_a_log_whose_name_was_lost_takes_no_acknowledged_batch(record: Record, tmp_path: Path) -> None:
    """Before the first sync of the log, its name may be lost, or there may be nothing in it."""
    first = record.moments[0]
    for number, log in enumerate((None, b"")):
        _assert_survived(record, State(first.file, log, 0, 0), tmp_path / str(number), Random(number))  # noqa: S311 - repeatable


def test_what_no_disk_may_do_would_be_noticed(record: Record, tmp_path: Path) -> None:
    """A checkpoint that wrote half of the file, with the log gone too early, is seen as damage."""
    number = next(at for at, moment in enumerate(record.moments) if moment.batches == 9 and at) + 1
    before, after = record.moments[number - 1 : number + 1]
    half = len(after.file) // 2
    state = State(after.file[:half] + before.file[half:], None, 9, 9)
    with pytest.raises((AssertionError, StorageError)):
        _assert_survived(record, state, tmp_path / "half", Random(0))  # noqa: S311 - repeatable


CHECKPOINTS = """
with SqliteTaskRepository(path) as repository:
    repository.initialize()
    for number in range(4):
        changes = [TaskChange(None, make_task(f"{number} {n}", details="x" * 20_000)) for n in range(250)]
        repository.apply(batch(), changes)
"""


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace shows the system calls, and is missing")
def test_the_file_is_written_after_the_log_was_synced_and_synced_before_the_log_begins_again(
    path: Path, tmp_path: Path, prelude: str
) -> None:
    """SQLite keeps the order that the model takes for granted, with the settings of this plugin."""
    trace = tmp_path / "trace"
    command = [
        "strace",
        "-f",
        "-y",
        "-qq",
        "-s",
        "8",
        "-o",
        str(trace),
        "-e",
        "trace=pwrite64,fsync,fdatasync",
    ]
    program = [sys.executable, "-c", prelude + CHECKPOINTS, str(path)]
    if subprocess.run([*command, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this machine does not let processes be watched")
    subprocess.run([*command, *program], check=True, capture_output=True)
    is_dirty = {"tasks.db": False, "tasks.db-wal": False}
    begins = False
    seen = set()
    for line in trace.read_text().splitlines():
        match = re.search(r"(\w+)\(\d+<[^>]*/(tasks\.db(?:-wal)?)>(?:, .*, (\d+)\))?", line)
        if match is None:
            continue
        call, name, offset = match.groups()
        if call == "pwrite64" and is_dirty["tasks.db-wal"] and name == "tasks.db":
            raise AssertionError("the file is written to before the log is synced")
        if call == "pwrite64" and is_dirty["tasks.db"] and name == "tasks.db-wal":
            raise AssertionError("the log begins again before the file is synced")
        if call == "pwrite64" and begins and name == "tasks.db-wal":
            raise AssertionError("frames are written before the header of a new log is synced")
        begins = begins and (call == "pwrite64" or name == "tasks.db")
        begins = begins or (call == "pwrite64" and name == "tasks.db-wal" and offset == "0")
        is_dirty[name] = call == "pwrite64"
        seen.add((call, name, offset == "0"))
    assert ("pwrite64", "tasks.db-wal", True) in seen
    assert {("pwrite64", "tasks.db", False), ("fdatasync", "tasks.db", False)} <= seen


def _write_batch(repository: SqliteTaskRepository, record: Record, number: int, chance: Random) -> None:
    """One batch: a change of one task, or some new ones, small and large."""
    if number % 3 == 2:
        repository_tasks = repository.get_all_tasks()
        task = chance.choice(repository_tasks)
        update(repository, task, name=f"{task.name}, again")
    else:
        create(
            repository,
            *(
                make_task(
                    f"{number}.{nth}", details="x" * chance.choice([0, 300, 9_000]), created_at=at(number)
                )
                for nth in range(1 + number * 2)
            ),
        )
    with repository.history(newest_first=True, limit=1) as entries:
        record.batches.append(next(entries).batch.id)
    record.contents.append({task.task_id: exact(task) for task in repository.find_tasks()})


def _checkpoint(path: Path) -> None:
    """Write the log into the file, as SQLite does by itself when the log is a thousand pages long."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        ((is_busy, in_log, written),) = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
        assert (is_busy, in_log) == (0, written)


def _moment(path: Path, batches: int) -> Moment:
    log, index = path.with_name("tasks.db-wal"), path.with_name("tasks.db-shm")
    return Moment(
        path.read_bytes(),
        (log.read_bytes() if log.exists() else b"") or None,
        index.read_bytes() if index.exists() else None,
        batches,
    )


def _torn_logs(record: Record) -> Iterator[State]:
    """Each batch's log, written in order up to the borders of its frames, and to places inside of them."""
    for before, after in pairwise(record.moments):
        if after.batches == before.batches:
            continue
        old, new = before.log or b"", after.log or b""
        changed = [at for at in range(0, len(new), SECTOR) if old[at : at + SECTOR] != new[at : at + SECTOR]]
        frames = [HEADER + FRAME * number for number in range((len(new) - HEADER) // FRAME + 1)]
        # Of a frame over an older one of the same page, perhaps only the head is new.
        sector = range(changed[-1], min(changed[-1] + SECTOR, len(new)))
        last = next(at for at in reversed(sector) if old[at : at + 1] != new[at : at + 1])
        end = next(at for at in frames if at > last)
        borders = [at for at in frames if changed[0] - FRAME < at <= end]
        inside = [at + more for at in borders[-3:-1] for more in (3, 20, 24, 1_000)]
        for cut in {0, 5, *borders, *inside}:
            batches = after.batches if cut > last else before.batches
            yield State(before.file, new[:cut] + old[cut:], batches, batches)


def _mixed(old: bytes, new: bytes, chance: Random, *, size: int = SECTOR) -> bytes:
    """``old`` with some of the sectors that ``new`` changes; some of them are being written."""
    share = chance.random()
    mixed = bytearray(old.ljust(len(new), b"\0"))
    for place in range(0, len(new), size):
        wanted = new[place : place + size]
        if wanted != old[place : place + size] and chance.random() < share:
            mixed[place : place + len(wanted)] = wanted
    changed = [place for place in range(0, len(new), SECTOR) if old[place:][:SECTOR] != new[place:][:SECTOR]]
    place = chance.choice(changed)
    end = place + SECTOR
    first = next(at for at in range(place, end) if old[at : at + 1] != new[at : at + 1])
    mixed[first:end] = chance.choice([bytes(SECTOR), chance.randbytes(SECTOR), mixed[first:end]])[
        : end - first
    ]
    length = chance.choice([len(new), max(len(old), place)])
    return bytes(mixed[:length])


def _assert_survived(record: Record, state: State, place: Path, chance: Random) -> None:
    """The store opens and is sound, holds just the first batches, enough of them, and can be written to."""
    place.mkdir()
    path = place / "tasks.db"
    path.write_bytes(state.file)
    if state.log is not None:
        path.with_name("tasks.db-wal").write_bytes(state.log)
    stale = chance.choice(record.moments).shm
    index = chance.choice([None, b"", bytes(32768), chance.randbytes(32768), stale])
    if index is not None:
        path.with_name("tasks.db-shm").write_bytes(index)
    with sqlite_factory(path) as repository:
        repository.initialize(create=False)
        assert list(repository.check()) == []
        found = list(dict.fromkeys(entry.batch.id for entry in repository.history()))
        assert found == record.batches[: len(found)]
        assert state.least <= len(found) <= state.most
        stored = {task.task_id: exact(task) for task in repository.find_tasks()}
        assert stored == record.contents[len(found)]
        create(repository, make_task("later"))
