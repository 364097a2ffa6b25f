"""What was written and not synced, as the system calls tell."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tasky.testing import NotProvenError
from tasky.testing.tracing import trace_a_batch, unsynced

STORE = Path("/data/store")
BEGIN, ANSWER = '7 write(1<pipe:[1]>, "begin\\n", 6) = 6', '7 write(1<pipe:[1]>, "answer\\n", 7) = 7'
OPENED = '7 openat(AT_FDCWD</x>, "/data/store/a", O_WRONLY|O_DSYNC) = 8</data/store/a>'

TRACES = {
    "nothing written": ([], set()),
    "synced": (["7 write(3</data/store/a>, 'x', 1) = 1", "7 fsync(3</data/store/a>) = 0"], set()),
    "data synced": (
        ["7 pwrite64(3</data/store/a>, 'x', 1, 0) = 1", "7 fdatasync(3</data/store/a>) = 0"],
        set(),
    ),
    "not synced": (["7 pwrite64(3</data/store/a>, 'x', 1, 0) = 1"], {"/data/store/a"}),
    "synced too early": (
        ["7 fsync(3</data/store/a>) = 0", "7 write(3</data/store/a>, 'x', 1) = 1"],
        {"/data/store/a"},
    ),
    "a sync that failed": (
        ["7 write(3</data/store/a>, 'x', 1) = 1", "7 fsync(3</data/store/a>) = -1 EIO (Input/output error)"],
        {"/data/store/a"},
    ),
    "another file synced": (
        ["7 write(3</data/store/a>, 'x', 1) = 1", "7 fsync(4</data/store/b>) = 0"],
        {"/data/store/a"},
    ),
    "a new file whose name is not synced": (
        ["7 write(3</data/store/new>, 'x', 1) = 1", "7 fsync(3</data/store/new>) = 0"],
        {"/data/store"},
    ),
    "renamed and synced": (
        [
            "7 write(3</data/store/a>, 'x', 1) = 1",
            "7 fsync(3</data/store/a>) = 0",
            '7 rename("/data/store/a", "/data/store/b") = 0',
            "7 fsync(5</data/store>) = 0",
        ],
        set(),
    ),
    "renamed and not synced": (
        ['7 renameat2(AT_FDCWD</x>, "/data/store/a", AT_FDCWD</x>, "/data/store/b", 0) = 0'],
        {"/data/store"},
    ),
    "renamed before its content is synced": (
        [
            "7 write(3</data/store/a>, 'x', 1) = 1",
            '7 rename("/data/store/a", "/data/store/b") = 0',
            "7 fsync(5</data/store>) = 0",
        ],
        {"/data/store/b"},
    ),
    "each write synced": (["7 pwrite64(8</data/store/a>, 'x', 1, 0) = 1"], set()),
    "opened anew without syncing each write": (
        [
            '7 openat(AT_FDCWD</x>, "/data/store/a", O_WRONLY) = 8</data/store/a>',
            "7 pwrite64(8</data/store/a>, 'x', 1, 0) = 1",
        ],
        {"/data/store/a"},
    ),
    "a journal taken away, and its name not synced": (
        ["7 write(3</data/store/a>, 'x', 1) = 1", '7 unlink("/data/store/a") = 0'],
        {"/data/store"},
    ),
    "another file taken away": (['7 unlink("/data/store/b") = 0'], set()),
    "copied from a file": (
        ["7 copy_file_range(4</data/x>, NULL, 3</data/store/a>, NULL, 9, 0) = 9"],
        {"/data/store/a"},
    ),
    "cut off by its name": (['7 truncate("/data/store/a", 0) = 0'], {"/data/store/a"}),
    "interrupted": (
        [
            "7 write(3</data/store/a>, 'x', 1 <unfinished ...>",
            "8 fsync(4</data/store/b> <unfinished ...>",
            "7 <... write resumed>) = 1",
            "8 <... fsync resumed>) = 0",
        ],
        {"/data/store/a"},
    ),
    "a lock": (["7 write(3</data/store/a.lock>, 'x', 1) = 1"], set()),
    "elsewhere": (["7 write(3</data/storekeeper>, 'x', 1) = 1", "7 write(9<socket:[3]>, 1) = 1"], set()),
    "a line of another kind": (
        ["7 +++ exited with 0 +++", "7 fsync(3</data/store/a> <unfinished ...>"],
        set(),
    ),
}


@pytest.mark.parametrize("trace", TRACES)
def test_what_is_not_synced_before_the_answer_is_found(trace: str) -> None:
    """A file counts as durable after a sync behind its last write, a name after one of its directory."""
    calls, left = TRACES[trace]
    before = "7 write(3</data/store/b>, 'x', 1) = 1"  # not this batch's
    after = "7 write(3</data/store/b>, 'x', 1) = 1"
    first = ["7 write(3</data/store/c>, 'x', 1) = 1", "7 fsync(3</data/store/c>) = 0"]
    lines = [OPENED, before, BEGIN, *first, *calls, ANSWER, after]
    assert unsynced(lines, STORE, [STORE / "a", STORE / "b", STORE / "c"], (".lock",)) == left


def test_a_trace_that_breaks_off_is_read_to_its_end() -> None:
    """What was written before a process was killed counts as far as it is seen."""
    calls = [BEGIN, "7 sendfile() = 0", "7 write(3</data/store/a>, 'x', 1) = 1"]
    assert unsynced(calls, STORE, [STORE / "a"]) == {"/data/store/a"}


def test_where_no_write_is_seen_nothing_is_proven() -> None:
    """A store that is written through mapped memory shows no system call, so the rule passes nobody."""
    elsewhere = "7 write(9<socket:[3]>, 'x', 1) = 1"
    with pytest.raises(NotProvenError, match="no write to the store was seen"):
        unsynced([BEGIN, elsewhere, ANSWER], STORE, [])


def test_without_strace_nothing_is_proven(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where system calls cannot be shown, the rule says so and passes nobody."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NotProvenError, match="strace"):
        trace_a_batch(lambda path: path, tmp_path)


def test_a_tracer_that_may_not_trace_proves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where processes cannot be watched, the rule says so and passes nobody."""
    false = shutil.which("false")
    assert false is not None
    (tmp_path / "strace").symlink_to(false)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NotProvenError, match="does not let"):
        trace_a_batch(Path, tmp_path)  # type: ignore[arg-type] # it never gets as far as making a repository
