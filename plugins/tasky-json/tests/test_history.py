"""The history file: what counts of it, what a crash leaves, and what does not belong together."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from tasky import (
    Batch,
    BatchExistsError,
    HistoryEntry,
    StorageCorruptError,
    TaskChange,
    TaskModel,
)
from tasky_json import JsonTaskRepository, json_factory

Write = Callable[..., UUID]


def _opened(path: Path) -> JsonTaskRepository:
    repository = json_factory(path)
    repository.initialize(create=False)
    return repository


def _messages(repository: JsonTaskRepository) -> list[str]:
    return [problem.message for problem in repository.check()]


def _rename(task: TaskModel, name: str) -> tuple[TaskModel, TaskModel]:
    return task, replace(task, name=name, revision=task.revision + 1)


def test_history_has_one_line_an_entry(
    repository: JsonTaskRepository, history: Path, three: list[TaskModel], write: Write
) -> None:
    """Each line is one JSON object that a person can read: sequence, task, revision, batch, task before."""
    batch = write(repository, _rename(three[0], "uno"), (three[1], None))
    lines = [json.loads(line) for line in history.read_text(encoding="utf-8").splitlines()]
    assert [line["sequence"] for line in lines] == [1, 2, 3, 4, 5]
    assert [line["revision"] for line in lines] == [1, 1, 1, 2, None]
    assert [line["batch"]["id"] for line in lines[3:]] == [str(batch)] * 2
    assert [line["before"] and line["before"]["name"] for line in lines[3:]] == ["one", "two"]


@pytest.mark.parametrize("leftover", ["whole", "torn"])
def test_lines_that_no_document_names_do_not_count(
    repository: JsonTaskRepository,
    path: Path,
    history: Path,
    three: list[TaskModel],
    write: Write,
    leftover: str,
) -> None:
    """What a crash left of a batch that no document names is not read, and the next write cuts it off."""
    before = path.read_bytes(), history.read_bytes()
    lost = write(repository, _rename(three[0], "lost"), _rename(three[1], "lost"))
    path.write_bytes(before[0])
    if leftover == "torn":
        history.write_bytes(history.read_bytes()[:-40])
    second = _opened(path)
    assert _messages(second) == []
    assert second.get_all_tasks() == three
    assert [entry.sequence for entry in second.history()] == [1, 2, 3]
    assert list(second.history(batch=lost)) == []
    kept = write(second, _rename(three[2], "kept"))
    assert history.read_bytes().startswith(before[1])
    assert [entry.batch.id for entry in second.history()][3:] == [kept]
    assert _messages(second) == []


def test_batch_that_a_crash_cut_off_can_be_written_again(
    repository: JsonTaskRepository, path: Path, three: list[TaskModel]
) -> None:
    """The id of a batch that never counted is free, and that of one that did is not."""
    before = path.read_bytes()
    batch = Batch(uuid4(), three[0].created_at, "ann", "test")
    changed = _rename(three[0], "again")
    repository.apply(batch, [TaskChange(*changed)])
    path.write_bytes(before)
    repository.apply(batch, [TaskChange(*changed)])
    with pytest.raises(BatchExistsError):
        repository.apply(batch, [TaskChange(*changed)])
    assert _messages(repository) == []


def test_document_that_is_older_than_its_history_is_not_written(
    repository: JsonTaskRepository, path: Path, history: Path, three: list[TaskModel], write: Write
) -> None:
    """An old document beside a newer history can be read; a write would cut the history, and is refused."""
    before = path.read_bytes()
    write(repository, _rename(three[0], "uno"))
    write(repository, _rename(three[1], "due"))
    newer = history.read_bytes()
    path.write_bytes(before)
    second = _opened(path)
    assert second.get_all_tasks() == three
    with pytest.raises(StorageCorruptError, match="older than its history, which goes on for 2 batches"):
        write(second, _rename(three[2], "tre"))
    assert (path.read_bytes(), history.read_bytes()) == (before, newer)
    assert _messages(second) == [f"{history} goes on for 2 batches behind the last one that {path} names"]


@pytest.mark.parametrize("damage", ["gone", "short", "other", "crlf", "shifted"])
def test_history_that_does_not_belong_to_the_document_is_refused(
    repository: JsonTaskRepository,
    path: Path,
    history: Path,
    three: list[TaskModel],
    write: Write,
    damage: str,
) -> None:
    """A history that is gone, cut, from elsewhere or converted is refused, in opening and in writing."""
    good = history.read_bytes()
    lines = good.splitlines(keepends=True)
    broken = {
        "short": good[:-1],
        "other": b"".join([*lines[:2], lines[2].replace(b'"batch":{"id":"', b'"batch":{"id":"0')]),
        "crlf": good.replace(b"\n", b"\r\n"),
        "shifted": b"<<<<<<< HEAD\n" + good,
    }
    if damage == "gone":
        history.unlink()
    else:
        history.write_bytes(broken[damage])
    document = path.read_bytes()
    for use in (
        lambda: _opened(path),
        lambda: write(repository, _rename(three[0], "uno")),
        repository.history,
    ):
        said = "is missing" if damage == "gone" else "is not the history that belongs to the document"
        with pytest.raises(StorageCorruptError, match=said) as caught:
            use()
        assert "both from one commit or one backup" in caught.value.hint
    assert repository.get_all_tasks() == three
    assert any(str(history) in message for message in _messages(repository))
    assert path.read_bytes() == document
    assert damage == "gone" or history.read_bytes() == broken[damage]


def test_store_goes_on_without_its_history_when_a_person_says_so(
    repository: JsonTaskRepository, path: Path, history: Path, three: list[TaskModel], write: Write
) -> None:
    """What the message proposes works: history moved away, ``last_batch`` null, and a new one begins."""
    document = json.loads(path.read_text())
    document["last_batch"] = None
    path.write_text(json.dumps(document))
    history.rename(history.with_name("old"))
    second = _opened(path)
    assert second.get_all_tasks() == three
    write(second, _rename(three[0], "uno"))
    assert [entry.sequence for entry in second.history()] == [1]
    assert _messages(second) == []


def test_history_without_its_document_is_not_begun_anew(
    repository: JsonTaskRepository, path: Path, history: Path, three: list[TaskModel]
) -> None:
    """When only the document was lost, creating a new one would throw the history away: it is refused."""
    path.unlink()
    kept = history.read_bytes()
    with pytest.raises(StorageCorruptError, match=r"is not there, but its history .* is"):
        json_factory(path).initialize()
    assert not path.exists()
    assert history.read_bytes() == kept


BROKEN_LINES = {
    "no JSON": (b'{"sequence":2,', b'{"sequence":2 ', "it is no history entry"),
    "no task": (b'"task_id":"', b'"task_id":"x', "it is no history entry"),
    "no sequence": (b'"sequence":2', b'"sequence":0', "0 is not an integer from 1"),
    "nothing": (b'"revision":1', b'"revision":null', "neither a task before nor a revision after"),
    "marker": (b'{"sequence":2', b'=======  {"se', "git has left a merge conflict here"),
    "missing key": (b'"before":', b'"befor3":', "it is no history entry"),
}


@pytest.mark.parametrize("kind", BROKEN_LINES)
def test_broken_line_of_the_history_is_named(
    repository: JsonTaskRepository, path: Path, history: Path, three: list[TaskModel], kind: str
) -> None:
    """A damaged entry is refused with its line when it is read, and ``check`` goes on to the others."""
    old, new, rule = BROKEN_LINES[kind]
    lines = history.read_bytes().splitlines(keepends=True)
    assert old in lines[1]
    lines[1] = lines[1].replace(old, new, 1)
    history.write_bytes(b"".join([lines[0], lines[1].rstrip(b"\n"), b"\n", lines[2]]))
    document = json.loads(path.read_text())
    document["last_batch"]["history_bytes"] = history.stat().st_size
    path.write_text(json.dumps(document))
    second = _opened(path)
    for newest_first in (True, False):
        with pytest.raises(StorageCorruptError) as caught:
            list(second.history(newest_first=newest_first))
        assert f"{history}, line 2: " in caught.value.message
        assert rule in caught.value.message
    found = [message for message in _messages(second) if f"{history}, line 2: " in message]
    assert len(found) == 1


def test_entry_whose_task_before_is_another_is_refused(
    repository: JsonTaskRepository, history: Path, three: list[TaskModel], write: Write
) -> None:
    """An entry that holds another task than it names is damage."""
    write(repository, _rename(three[0], "uno"))
    data = history.read_bytes()
    at = data.rindex(str(three[0].task_id).encode())
    history.write_bytes(data[:at] + str(three[1].task_id).encode() + data[at + 36 :])
    assert any("the task before has another id" in message for message in _messages(repository))


WRITE_DURING_THE_CHECK = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4
from tasky import Batch, TaskChange, TaskModel
from tasky_json import json_factory

path, history = Path(sys.argv[1]), sys.argv[2]
now = datetime.now(UTC)
written = []

def hook(event, details):  # an open is reported before it is done
    if event == "open" and details[0] == history and not written:
        for name in ("four", "five"):
            written.append(name)
            task = TaskModel(task_id=uuid4(), name=name, created_at=now, updated_at=now)
            writer.apply(Batch(uuid4(), now, "child", "test"), [TaskChange(None, task)])

writer = json_factory(path)
writer.initialize()
sys.addaudithook(hook)
print([problem.message for problem in json_factory(path).check()], written)
"""


def test_check_is_not_misled_by_what_is_written_meanwhile(
    path: Path, history: Path, three: list[TaskModel]
) -> None:
    """Batches that are written between the look at the document and that at its history are no problem."""
    command = [sys.executable, "-c", WRITE_DURING_THE_CHECK, str(path), str(history)]
    checked = subprocess.run(command, capture_output=True, encoding="utf-8", check=False)
    assert (checked.stdout, checked.stderr) == ("[] ['four', 'five']\n", "")
    assert len(_opened(path).get_all_tasks()) == 5


def test_check_follows_the_revisions_of_each_task(
    repository: JsonTaskRepository, path: Path, history: Path, three: list[TaskModel], write: Write
) -> None:
    """An entry that is missing from the middle leaves a gap that ``check`` names."""
    task = three[0]
    for name in ("a", "b"):
        before, task = _rename(task, name)
        write(repository, (before, task))
    lines = history.read_bytes().splitlines(keepends=True)
    history.write_bytes(b"".join([*lines[:3], lines[4]]))
    document = json.loads(path.read_text())
    document["last_batch"]["history_bytes"] = history.stat().st_size
    path.write_text(json.dumps(document))
    assert f"task {task.task_id.hex[:8]} was at revision 2, and the entry before left it at 1" in str(
        _messages(_opened(path))
    )


def test_check_reports_entries_out_of_order(
    repository: JsonTaskRepository,
    path: Path,
    history: Path,
    make_task: Callable[..., TaskModel],
    write: Write,
) -> None:
    """Entries that were sorted anew, and a batch that another one interrupts, are named."""
    write(repository, (None, make_task("a")), (None, make_task("b")))
    write(repository, (None, make_task("c")))
    write(repository, (None, make_task("d")))
    lines = history.read_bytes().splitlines(keepends=True)
    history.write_bytes(b"".join([lines[0], lines[2], lines[1], lines[3]]))
    messages = str(_messages(_opened(path)))
    assert "entry 2: it does not follow entry 3" in messages
    assert "is torn apart" in messages


def test_check_reports_a_revision_that_was_jumped_over(
    repository: JsonTaskRepository, path: Path, history: Path, three: list[TaskModel], write: Write
) -> None:
    """A task's revisions follow one another."""
    write(repository, _rename(three[2], "drei"))
    data = history.read_bytes()
    at = data.rindex(b'"revision":2')
    history.write_bytes(data[:at] + b'"revision":9' + data[at + len(b'"revision":2') :])
    messages = str(_messages(_opened(path)))
    assert "jumps from revision 1 to 9" in messages
    assert "is at revision 2, and by its history it is at revision 9" in messages


def test_check_reports_a_task_that_a_person_took_out(
    repository: JsonTaskRepository, path: Path, three: list[TaskModel]
) -> None:
    """A task that is gone without an entry in the history contradicts it."""
    document = json.loads(path.read_text())
    del document["tasks"][1]
    path.write_text(json.dumps(document))
    assert _messages(repository) == [
        f"task {three[1].task_id.hex[:8]} is not there, and by its history it is at revision 1"
    ]


def test_another_history_under_an_open_repository_is_noticed(
    repository: JsonTaskRepository, path: Path, three: list[TaskModel], write: Write, tmp_path: Path
) -> None:
    """After both files were brought back from a backup, a writer forgets what it knew of the newer ones."""
    shutil.copytree(path.parent, tmp_path / "backup")
    batch = write(repository, _rename(three[0], "uno"), _rename(three[1], "due"))
    with pytest.raises(BatchExistsError):
        repository.apply(Batch(batch, three[0].created_at, "ann", "again"), [])
    shutil.copytree(tmp_path / "backup", path.parent, dirs_exist_ok=True)
    assert list(repository.history(batch=batch)) == []
    for name in ("x", "y", "z"):
        write(repository, _rename(three[2], name))
        three[2] = replace(three[2], name=name, revision=three[2].revision + 1)
    assert len(list(repository.history())) == 6
    repository.apply(Batch(batch, three[0].created_at, "ann", "again"), [])
    assert _messages(repository) == []


def test_long_history_reads_the_same_in_both_directions(
    repository: JsonTaskRepository, make_task: Callable[..., TaskModel], write: Write
) -> None:
    """Lines longer than what is read at once come out whole, forwards, backwards and in pages."""
    tasks = [make_task(f"task {number}", number, details="é" * (number * 9000)) for number in range(40)]
    for task in tasks:
        write(repository, (None, task))
    write(repository, *(_rename(task, "new") for task in tasks))
    forwards = list(repository.history())
    assert [entry.sequence for entry in forwards] == list(range(1, 81))
    assert list(repository.history(newest_first=True)) == forwards[::-1]
    assert list(repository.history(after=70)) == forwards[70:]
    assert list(repository.history(after=5, newest_first=True, limit=2)) == [forwards[3], forwards[2]]
    assert [entry.before for entry in forwards[40:]] == tasks
    assert list(repository.history(task_id=tasks[7].task_id)) == [forwards[7], forwards[47]]


def test_history_is_a_snapshot_that_holds_no_file(
    repository: JsonTaskRepository, path: Path, three: list[TaskModel], write: Write
) -> None:
    """A stream that is read late shows what was there at the call, and keeps nobody out meanwhile."""
    stream = repository.history()
    write(repository, _rename(three[0], "uno"))
    assert [entry.sequence for entry in stream] == [1, 2, 3]


def test_entry_that_was_formatted_by_hand_is_still_read(
    repository: JsonTaskRepository, path: Path, history: Path, three: list[TaskModel], write: Write
) -> None:
    """A line with spaces in it is slower to find and means the same."""
    lines = history.read_bytes().splitlines(keepends=True)
    lines[0] = json.dumps(json.loads(lines[0])).encode() + b"\n"
    history.write_bytes(b"".join(lines))
    document = json.loads(path.read_text())
    document["last_batch"]["history_bytes"] = history.stat().st_size
    path.write_text(json.dumps(document))
    second = _opened(path)
    assert [entry.sequence for entry in second.history(task_id=three[0].task_id)] == [1]
    assert list(second.history(task_id=three[0].task_id, after=1)) == []
    write(second, _rename(three[0], "uno"))
    assert _messages(second) == []


def test_restored_history_is_checked_like_a_written_one(
    repository: JsonTaskRepository, tmp_path: Path, three: list[TaskModel], write: Write
) -> None:
    """A restored copy passes ``check``, and says so when a task in it is edited later."""
    write(repository, _rename(three[0], "uno"), (three[1], None))
    copy = json_factory(tmp_path / "copy.json")
    copy.initialize()
    copy.restore(repository.get_all_tasks(), repository.history())
    assert list(copy.history()) == list(repository.history())
    assert _messages(copy) == []
    text = (tmp_path / "copy.json").read_text()
    (tmp_path / "copy.json").write_text(text.replace('"uno"', '"edited"'))
    assert "edited by hand" in str(_messages(copy))


def test_restore_after_one_that_crashed(
    repository: JsonTaskRepository, path: Path, history: Path, three: list[TaskModel]
) -> None:
    """What a killed restore left of a long history is cut off by the next one, with or without a history."""
    entries: list[HistoryEntry] = list(repository.history())
    for given in (entries, []):
        target = path.with_name(f"target{len(given)}.json")
        copy = json_factory(target)
        copy.initialize()
        shutil.copy(history, target.with_name(f"target{len(given)}.history.jsonl"))
        assert _messages(copy) == []
        copy.restore(three, given)
        assert list(copy.history()) == given
        assert copy.get_all_tasks() == three
        assert _messages(copy) == []


@pytest.mark.skipif(shutil.which("git") is None, reason="git is what makes the conflict")
def test_git_merge_of_two_branches_is_refused_until_one_side_is_taken(
    path: Path, history: Path, make_task: Callable[..., TaskModel], write: Write
) -> None:
    """Two branches that both wrote conflict; the store says so, and is whole again with one side's files."""

    def git(*arguments: str) -> int:
        settings = ("-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")
        return subprocess.run(
            ["git", *settings, *arguments], cwd=path.parent, capture_output=True, check=False
        ).returncode

    repository = json_factory(path)
    repository.initialize()
    write(repository, (None, make_task("base", 0)))
    assert git("init", "-q", "-b", "main") == 0
    (path.parent / ".gitignore").write_text("*.lock\n")
    assert git("add", ".") == git("commit", "-qm", "base") == git("switch", "-qc", "other") == 0
    write(repository, (None, make_task("theirs", 1)))
    assert git("commit", "-qam", "theirs") == git("switch", "-q", "main") == 0
    assert [task.name for task in repository.find_tasks()] == ["base"]
    write(repository, (None, make_task("ours", 2)))
    assert git("commit", "-qam", "ours") == 0
    assert git("merge", "other") == 1
    with pytest.raises(StorageCorruptError, match=r"line 5: git has left a merge conflict here") as caught:
        repository.count_tasks()
    assert "from one side of the merge" in caught.value.hint
    assert git("checkout", "--theirs", ".") == 0
    assert [task.name for task in repository.find_tasks()] == ["base", "theirs"]
    write(repository, (None, make_task("ours", 2)))
    assert _messages(repository) == []


def test_documents_without_the_usual_ending_have_histories_of_their_own(
    tmp_path: Path, write: Write, make_task: Callable[..., TaskModel]
) -> None:
    """Two stores in one directory never share a history, whatever they are called."""
    stores = [json_factory(tmp_path / name) for name in ("tasks.json", "tasks", "tasks.1", "tasks.2")]
    for store in stores:
        store.initialize()
        write(store, (None, make_task("a")))
    assert [len(list(store.history())) for store in stores] == [1, 1, 1, 1]
