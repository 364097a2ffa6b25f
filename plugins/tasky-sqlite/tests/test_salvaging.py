"""What is salvaged of a damaged database: every task that is not on a damaged page, as it was."""

from __future__ import annotations

import errno
import io
import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any, Literal, TypeAlias

import pytest

from tasky import (
    Problem,
    StorageBusyError,
    StorageFullError,
    StorageUnavailableError,
    StoreMissingError,
    TaskChange,
    TaskModel,
)
from tasky.testing.samples import at, create, exact, make_task, update, write
from tasky_sqlite import SqliteTaskRepository, sqlite_factory

PAGE = 4096
TASKS = 2_000

Salvage: TypeAlias = tuple[list[TaskModel], list[Problem]]
Sql: TypeAlias = Callable[..., list[tuple[Any, ...]]]


def _task(number: int) -> TaskModel:
    details = "long " * 3_000 if number % 100 == 7 else "ä" * (number % 60)
    return make_task(f"task {number}", details=details, tags=("t",), created_at=at(number))


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of 2,000 tasks, some of them with text on pages of its own, some changed once."""
    path = tmp_path_factory.mktemp("sound") / "tasks.db"
    with sqlite_factory(path) as repository:
        repository.initialize()
        tasks = [_task(number) for number in range(TASKS)]
        create(repository, *tasks)
        for task in tasks[::500]:
            update(repository, task, priority=None, name=f"{task.name} again")
    return path


@pytest.fixture(scope="module")
def originals(sound: Path) -> dict[Any, str | None]:
    """The tasks of the sound store, by id."""
    with sqlite_factory(sound) as repository:
        repository.initialize()
        return {task.task_id: exact(task) for task in repository.find_tasks()}


@pytest.fixture(scope="module")
def owners(sound: Path) -> dict[int, tuple[str, str, int]]:
    """Whose each page is, of which kind, and how many cells it has."""
    with closing(sqlite3.connect(sound)) as connection:
        try:
            rows = connection.execute("SELECT pageno, name, pagetype, ncell FROM dbstat").fetchall()
        except sqlite3.OperationalError:
            pytest.skip("this SQLite was built without dbstat, which tells whose a page is")
        return {number: (name, kind, cells) for number, name, kind, cells in rows}


@pytest.fixture
def damaged(sound: Path, path: Path) -> Callable[[dict[int, bytes]], None]:
    """Make the store at ``path`` a copy of the sound one with other bytes from some offsets on."""

    def damage(patches: dict[int, bytes]) -> None:
        path.parent.mkdir(exist_ok=True)
        data = bytearray(sound.read_bytes())
        for offset, patch in patches.items():
            data[offset : offset + len(patch)] = patch
        path.write_bytes(data)

    return damage


def test_a_sound_store_is_saved_as_it_is_exported(sound: Path, originals: dict[Any, str]) -> None:
    """Everything is saved, oldest first, and nothing is named."""
    tasks, problems = _salvage(sound)
    assert {task.task_id: exact(task) for task in tasks} == originals
    assert [task.created_at for task in tasks] == sorted(task.created_at for task in tasks)
    assert problems == []


@pytest.mark.parametrize("part", range(5))
def test_one_damaged_page_costs_at_most_its_tasks(
    path: Path,
    damaged: Callable[[dict[int, bytes]], None],
    originals: dict[Any, str],
    owners: dict[int, tuple[str, str, int]],
    part: int,
) -> None:
    """Whichever page is destroyed, and however: every other task is saved as it was, each lost one named."""
    chance = Random(part)  # noqa: S311 - the same damage each time
    kinds = {kind: number for number, (name, kind, _) in owners.items() if name == "tasks"}
    for number in [{1, *kinds.values()}, chance.sample(sorted(owners), 3)][part > 0]:
        name, kind, cells = owners[number]
        patch = chance.choice([bytes(PAGE), b"\xff" * PAGE, chance.randbytes(PAGE)])
        damaged({(number - 1) * PAGE: patch})
        content = path.read_bytes()
        tasks, problems = _salvage(path)
        assert {task.task_id: exact(task) for task in tasks}.items() <= originals.items()
        lost = originals.keys() - {task.task_id for task in tasks}
        most = {"leaf": cells, "overflow": 1}.get(kind, 0) if name == "tasks" else 0
        assert len(lost) <= most, f"page {number} of {name} ({kind})"
        assert {problem.task_id for problem in problems if problem.task_id} == lost
        assert problems, f"page {number} of {name} ({kind})"
        assert path.read_bytes() == content
        assert [file.name for file in path.parent.iterdir()] == ["tasks.db"]


@pytest.mark.parametrize("seed", range(8))
def test_random_damage_never_raises(
    path: Path, damaged: Callable[[dict[int, bytes]], None], originals: dict[Any, str], seed: int
) -> None:
    """Bytes that are other ones, anywhere: the salvage comes to its end with most tasks, each id once."""
    chance = Random(seed)  # noqa: S311 - the same damage each time
    size = PAGE * 200
    damaged({chance.randrange(size): chance.randbytes(chance.choice([1, 2, 400])) for _ in range(60)})
    tasks, _ = _salvage(path)
    ids = [task.task_id for task in tasks]
    assert len(ids) == len(set(ids))
    assert len(originals.keys() & set(ids)) > TASKS // 3


@pytest.mark.parametrize("share", [0.2, 0.6, 0.99])
def test_a_file_that_was_cut_gives_what_is_left(sound: Path, path: Path, share: float) -> None:
    """Of a file that ends too soon every task before the cut is saved, and the cut is named."""
    data = sound.read_bytes()
    path.parent.mkdir()
    path.write_bytes(data[: int(len(data) * share)])
    tasks, problems = _salvage(path)
    assert "was cut" in problems[0].message
    beyond = [problem.message for problem in problems if problem.message.endswith("the end of the file")]
    assert len([message for message in beyond if "is lost" not in message]) <= 12  # one for each tree
    named = {problem.task_id for problem in problems} - {None}
    assert not named & {task.task_id for task in tasks}
    assert 0 < len(tasks) < TASKS or share == 0.99


def test_a_wrong_header_costs_nothing(
    path: Path, damaged: Callable[[dict[int, bytes]], None], originals: dict[Any, str]
) -> None:
    """Without the header SQLite opens nothing; here every task is saved."""
    damaged({0: b"\0" * 100})
    tasks, problems = _salvage(path)
    assert {task.task_id: exact(task) for task in tasks} == originals
    assert "header" in problems[0].message


def test_the_damage_of_one_page_is_named(
    path: Path, damaged: Callable[[dict[int, bytes]], None], owners: dict[int, tuple[str, str, int]]
) -> None:
    """An index or the history that is damaged is named by its name and page."""
    for name in ("tasks_created", "history"):
        number = next(page for page, owner in owners.items() if owner[:2] == (name, "leaf"))
        damaged({(number - 1) * PAGE: bytes(PAGE)})
        (problem,) = _salvage(path)[1]
        assert f"{name}: page {number} is not a page" in problem.message


@pytest.mark.parametrize("written", ["history", "tasks_id", "tasks"])
def test_a_page_that_was_written_to_a_wrong_place_costs_what_stood_there(
    path: Path,
    damaged: Callable[[dict[int, bytes]], None],
    originals: dict[Any, str],
    owners: dict[int, tuple[str, str, int]],
    sound: Path,
    written: str,
) -> None:
    """A sound page of the history, of an index or of other tasks is not taken for the lost one."""
    leaves = {name: page for page, (name, kind, _) in owners.items() if kind == "leaf"}
    first = next(page for page, owner in owners.items() if owner[:2] == ("tasks", "leaf"))
    source = (leaves[written] - 1) * PAGE
    damaged({(first - 1) * PAGE: sound.read_bytes()[source : source + PAGE]})
    tasks, problems = _salvage(path)
    assert {task.task_id: exact(task) for task in tasks}.items() <= originals.items()
    lost = originals.keys() - {task.task_id for task in tasks}
    assert len(lost) == owners[first][2]
    assert {problem.task_id for problem in problems} - {None} == lost


def test_a_pointer_to_a_wrong_page_costs_nothing(
    path: Path,
    damaged: Callable[[dict[int, bytes]], None],
    originals: dict[Any, str],
    owners: dict[int, tuple[str, str, int]],
) -> None:
    """Where an inner page leads twice to one page, the one that it led to is found all the same."""
    root = next(page for page, owner in owners.items() if owner[:2] == ("tasks", "internal"))
    leaf = next(page for page, owner in owners.items() if owner[:2] == ("tasks", "leaf"))
    last = (root - 1) * PAGE + 8  # where the number of the last page is
    damaged({last: leaf.to_bytes(4, "big")})
    tasks, problems = _salvage(path)
    assert {task.task_id: exact(task) for task in tasks} == originals
    assert any(f"page {leaf} is there twice" in problem.message for problem in problems)


@pytest.mark.parametrize("pointer", [None, PAGE - 1])
def test_a_row_without_a_beginning_costs_itself(
    path: Path, repository: SqliteTaskRepository, pointer: int | None
) -> None:
    """A row that is longer than any can be, or begins where its page ends, is the only one lost."""
    a, b = make_task("a"), make_task("b", created_at=at(1))
    create(repository, a, b)
    repository.close()
    data = bytearray(path.read_bytes())
    place = PAGE + 8 + 2  # on page 2, where it says where the second row of the table begins
    if pointer is None:
        data[PAGE + int.from_bytes(data[place : place + 2], "big")] = 0xFF
    else:
        data[place : place + 2] = pointer.to_bytes(2, "big")
    path.write_bytes(data)
    tasks, problems = _salvage(path)
    assert tasks == [a]
    assert [problem.task_id for problem in problems] == [None, b.task_id]
    assert "cell 2 of page 2" in problems[0].message


@pytest.mark.parametrize("is_list_damaged", [False, True])
def test_a_deleted_task_does_not_come_back(
    path: Path,
    damaged: Callable[[dict[int, bytes]], None],
    owners: dict[int, tuple[str, str, int]],
    sound: Path,
    is_list_damaged: bool,
) -> None:
    """Pages that were given up still hold their rows, and a damaged root makes them look like any other."""
    damaged({})
    with sqlite_factory(path) as repository:
        repository.initialize()
        gone = [task for task in repository.find_tasks() if task.created_at < at(900)]
        write(repository, *(TaskChange(task, None) for task in gone))
        left = {task.task_id for task in repository.find_tasks()}
    root = next(page for page, owner in owners.items() if owner[:2] == ("tasks", "internal"))
    data = bytearray(path.read_bytes())
    old = sound.read_bytes()
    for place in range(0, len(old), PAGE):
        if data[place : place + PAGE] == bytes(PAGE):  # some builds of SQLite wipe what they give up
            data[place : place + PAGE] = old[place : place + PAGE]
    data[(root - 1) * PAGE : root * PAGE] = bytes(PAGE)
    if is_list_damaged:
        data[32:36] = b"\xff" * 4  # where the list of such pages begins
    path.write_bytes(data)
    tasks, _ = _salvage(path)
    assert {task.task_id for task in tasks} == left


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("UPDATE tasks SET extra = 'unreadable' WHERE name = 'b'", "not a JSON object"),
        ("UPDATE tasks SET name = CAST(x'ff' AS TEXT) WHERE name = 'b'", "its text is not UTF-8"),
        ("UPDATE tasks SET due_at = 9223372036854775807 WHERE name = 'b'", "lost"),
        ("UPDATE tasks SET priority = 9 WHERE name = 'b'", "lost"),
        ("UPDATE tasks SET tags = 'z y' WHERE name = 'b'", "not in order"),
    ],
)
def test_a_row_that_is_no_task_is_named(
    path: Path, repository: SqliteTaskRepository, sql: Sql, statement: str, said: str
) -> None:
    """A value that got around every rule costs its task, which is named, and no other."""
    a, b, c = (make_task(name, created_at=at(number)) for number, name in enumerate("abc"))
    create(repository, a, b, c)
    repository.close()
    _force(path, statement)
    tasks, (problem,) = _salvage(path)
    assert [task.name for task in tasks] == ["a", "c"]
    assert (problem.task_id, said in problem.message.replace("Expecting value", "not a JSON object")) == (
        b.task_id,
        True,
    )


def test_a_row_without_an_id_is_named_by_its_place(path: Path, repository: SqliteTaskRepository) -> None:
    """Where the id itself is damaged, page and row are named, and the index still knows the id."""
    a, b = make_task("a"), make_task("b", created_at=at(1))
    create(repository, a, b)
    repository.close()
    data = path.read_bytes()
    column = data.index(b.task_id.bytes + b"pending")
    path.write_bytes(data[:column] + a.task_id.bytes + data[column + 16 :])
    tasks, problems = _salvage(path)
    assert [task.task_id for task in tasks] == [a.task_id]
    assert [problem.task_id for problem in problems] == [b.task_id]


def test_an_id_that_is_none_is_named_by_its_row(path: Path, repository: SqliteTaskRepository) -> None:
    """A row whose id is not one at all is named by its page, and costs no other."""
    a, b = make_task("a"), make_task("b", created_at=at(1))
    create(repository, a, b)
    repository.close()
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA ignore_check_constraints = ON")
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute(
            "UPDATE sqlite_schema SET sql = replace(sql, 'task_id BLOB NOT NULL', 'task_id BLOB')"
        )
        connection.execute("PRAGMA writable_schema = RESET")
        connection.execute("UPDATE tasks SET task_id = NULL WHERE name = 'b'")
    tasks, (problem, *_) = _salvage(path)
    assert tasks == [a]
    assert "row 2 of page 2 is not a task: its id is None" in problem.message


def test_an_id_that_the_index_lacks_is_named(path: Path, repository: SqliteTaskRepository) -> None:
    """An id that is another one by damage cannot be told from a right one, but for the index of ids."""
    task = make_task("a")
    create(repository, task)
    repository.close()
    data = path.read_bytes()
    path.write_bytes(data.replace(task.task_id.bytes + b"pending", bytes(16) + b"pending"))
    tasks, problems = _salvage(path)
    assert [found.task_id.int for found in tasks] == [0]
    assert [problem.task_id for problem in problems] == [task.task_id, None]
    assert "which the index of ids lacks" in problems[1].message


def test_text_that_does_not_fit_its_search_text_is_saved_and_named(
    path: Path, repository: SqliteTaskRepository
) -> None:
    """Only the search text tells that a letter of a name is another one: the task is saved, and named."""
    create(repository, make_task("Milk"))
    repository.close()
    _force(path, "UPDATE tasks SET name = 'Silk'")
    (task,), (problem,) = _salvage(path)
    assert task.name == "Silk"
    assert (problem.task_id, str(task.task_id) in problem.message) == (None, True)


def test_what_is_in_the_log_is_saved(path: Path, repository: SqliteTaskRepository, tmp_path: Path) -> None:
    """What a killed writer committed is saved from the log, and both files stay as they are."""
    first = make_task("a")
    create(repository, first)
    update(repository, first, name="a2")
    create(repository, *(make_task(f"more {number}") for number in range(200)))
    copy = _copy(path, tmp_path / "copy")
    before = _contents(copy)
    tasks, problems = _salvage(copy)
    assert sorted(task.name for task in tasks) == sorted(["a2", *(f"more {number}" for number in range(200))])
    assert problems == []
    assert _contents(copy) == before


@pytest.mark.parametrize(
    ("offset", "said"), [(8, "header is damaged"), (32 + 3 * (24 + PAGE) + 90, "frame 4 is damaged")]
)
def test_a_damaged_log_is_named(
    path: Path, repository: SqliteTaskRepository, tmp_path: Path, offset: int, said: str
) -> None:
    """What cannot be used of the log is named: SQLite itself would pass over it in silence."""
    for number in range(9):
        create(repository, make_task(f"task {number}"))
    copy = _copy(path, tmp_path / "copy")
    log = copy.with_name("tasks.db-wal")
    data = bytearray(log.read_bytes())
    data[offset] ^= 0xFF
    log.write_bytes(data)
    tasks, problems = _salvage(copy)
    assert len(tasks) < 9
    assert said in problems[0].message


def test_the_end_of_a_log_that_was_begun_again_is_no_damage(
    path: Path, repository: SqliteTaskRepository, sql: Sql, tmp_path: Path
) -> None:
    """What lies in the log from before it was begun again is old, and neither saved nor named."""
    task = make_task("a")
    create(repository, task, *(make_task(f"more {number}") for number in range(300)))
    sql("PRAGMA wal_checkpoint(FULL)")
    update(repository, task, name="a2")
    copy = _copy(path, tmp_path / "copy")
    tasks, problems = _salvage(copy)
    assert problems == []
    assert {exact(task) for task in tasks} == {exact(task) for task in repository.find_tasks()}


class FailingDisk(io.FileIO):
    """A file of which some pages cannot be read."""

    pages: frozenset[int] = frozenset()

    def read(self, size: int | None = -1, /) -> bytes:
        """Fails where the disk does."""
        if self.tell() // PAGE + 1 in self.pages:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return super().read(size)


def test_a_log_of_a_machine_of_another_kind_is_read(
    path: Path, repository: SqliteTaskRepository, tmp_path: Path
) -> None:
    """Checksums are in the byte order of the machine that began the log; either is understood."""
    create(repository, make_task("a"))
    copy = _copy(path, tmp_path / "copy")
    log = copy.with_name("tasks.db-wal")
    log.write_bytes(_with_other_checksums(log.read_bytes()))
    (task,), problems = _salvage(copy)
    assert (task.name, problems) == ("a", [])
    with sqlite_factory(copy) as other:
        other.initialize(create=False)
        assert other.get_all_tasks() == [task]


def test_what_the_disk_refuses_to_read_is_damage(
    sound: Path, originals: dict[Any, str], owners: dict[int, tuple[str, str, int]], monkeypatch: Any
) -> None:
    """Pages that give an error of the disk are gone around like any other damage, the first one too."""
    leaf = next(page for page, owner in owners.items() if owner[:2] == ("tasks", "leaf"))
    monkeypatch.setattr(FailingDisk, "pages", frozenset({1, leaf}))
    monkeypatch.setattr("tasky_sqlite.pages.FileIO", FailingDisk)
    tasks, problems = _salvage(sound)
    assert {task.task_id: exact(task) for task in tasks}.items() <= originals.items()
    assert len(tasks) == TASKS - owners[leaf][2]
    assert any(f"tasks: page {leaf} cannot be read: Input/output" in problem.message for problem in problems)


def test_a_log_that_cannot_be_read_is_named(sound: Path, path: Path, monkeypatch: Any) -> None:
    """What the database itself holds is saved, whatever lies in the place of the log."""
    path.parent.mkdir()
    shutil.copy(sound, path)
    log = path.with_name("tasks.db-wal")
    log.mkdir()
    tasks, (problem,) = _salvage(path)
    assert (len(tasks), "not a regular file" in problem.message) == (TASKS, True)
    log.rmdir()
    log.write_bytes(b"x" * 100)
    monkeypatch.setattr(FailingDisk, "pages", frozenset({1}))
    monkeypatch.setattr(
        "tasky_sqlite.pages.FileIO",
        lambda name, **how: (FailingDisk if name == str(log) else io.FileIO)(name, **how),
    )
    tasks, (problem,) = _salvage(path)
    assert (len(tasks), "not to its end" in problem.message) == (TASKS, True)


def test_a_log_that_claims_more_pages_than_there_are_is_named(
    path: Path, repository: SqliteTaskRepository, tmp_path: Path
) -> None:
    """However many pages the last commit counts, the salvage looks at those that there can be."""
    create(repository, make_task("a"))
    copy = _copy(path, tmp_path / "copy")
    log = copy.with_name("tasks.db-wal")
    data = log.read_bytes()
    last = len(data) - PAGE - 24
    claimed = data[:last] + data[last : last + 4] + b"\xff\xff\xff\xfe" + data[last + 8 :]
    log.write_bytes(_with_other_checksums(claimed))
    file = bytearray(copy.read_bytes())
    file[PAGE : 2 * PAGE] = bytes(PAGE)
    copy.write_bytes(file)
    _, problems = _salvage(copy)
    assert "counts 4294967294 pages" in problems[0].message


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_in_the_place_of_the_store_is_an_error(path: Path) -> None:
    """Nobody may be at the other end: it is not waited for."""
    path.parent.mkdir()
    os.mkfifo(path)
    with pytest.raises(StorageUnavailableError, match="not a regular file"):
        sqlite_factory(path).salvage()


def test_no_space_for_the_notes_is_an_error(sound: Path, monkeypatch: Any) -> None:
    """What was found is noted in a temporary file; that it is full is no damage."""
    connect: Any = sqlite3.connect

    def small(place: str, **options: Any) -> Any:
        connection = connect(place, **options)
        if not place:
            connection.execute("PRAGMA max_page_count = 9")
        return connection

    monkeypatch.setattr(sqlite3, "connect", small)
    with pytest.raises(StorageFullError, match="temporary file of the salvage"):
        _salvage(sound)


def test_what_is_no_store_gives_nothing(path: Path) -> None:
    """Empty, scrap, and another program's database: problems that say so, and no task."""
    path.parent.mkdir()
    path.touch()
    assert _messages(path) == [f"{path} is empty: it is no store yet"]
    path.write_bytes(b"scrap" * 9_999)
    assert "header in page 1 is damaged" in _messages(path)[0]
    path.unlink()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE theirs (x)")
    assert _messages(path) == [f"{path} does not say that it is a Tasky store"]


def test_a_newer_store_is_read_as_far_as_it_is_the_same(sound: Path, path: Path) -> None:
    """The version may be what is damaged, so it is named, and what looks like tasks is saved."""
    path.parent.mkdir()
    shutil.copy(sound, path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")
    tasks, (problem,) = _salvage(path)
    assert (len(tasks), "version 99" in problem.message) == (TASKS, True)


def test_a_place_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    """A missing file and a directory are errors, and nothing is made."""
    with pytest.raises(StoreMissingError):
        sqlite_factory(tmp_path / "none.db").salvage()
    with pytest.raises(StorageUnavailableError):
        sqlite_factory(tmp_path).salvage()
    assert list(tmp_path.iterdir()) == []


def test_a_store_that_is_open_here_is_not_salvaged(path: Path, repository: SqliteTaskRepository) -> None:
    """Reading the file past SQLite would lose this process its locks: the repository is closed first."""
    create(repository, make_task("a"))
    with pytest.raises(StorageBusyError, match="open"):
        sqlite_factory(path).salvage()
    repository.close()
    assert len(_salvage(path)[0]) == 1


def test_a_store_that_is_salvaged_is_not_opened_here(path: Path, repository: SqliteTaskRepository) -> None:
    """The end of the salvage would lose this process the locks of what it has opened in between."""
    create(repository, make_task("a"))
    repository.close()
    with sqlite_factory(path).salvage() as first, sqlite_factory(path).salvage() as second:
        for stream in (first, second):
            with pytest.raises(StorageBusyError, match="salvages"):
                repository.initialize(create=False)
            with pytest.raises(StorageBusyError, match="salvages"):
                sqlite_factory(path).check()
            stream.close()
    with closing(sqlite_factory(path).check()), pytest.raises(StorageBusyError, match="open"):
        sqlite_factory(path).salvage()
    repository.initialize(create=False)
    assert len(repository.get_all_tasks()) == 1


def test_a_writer_meanwhile_is_noticed(path: Path, repository: SqliteTaskRepository, run: Any) -> None:
    """Salvage takes no lock: when somebody writes at the same time, that is said at the end."""
    create(repository, make_task("a"))
    repository.close()
    with sqlite_factory(path).salvage() as results:
        next(results)
        process = run("with SqliteTaskRepository(path) as r: r.initialize(); r.save_task(make_task('b'))")
        assert process.communicate(timeout=60) == ("", "")
        (problem,) = results
    assert isinstance(problem, Problem)
    assert "written to meanwhile" in problem.message


def test_a_salvage_is_imported_elsewhere(
    path: Path,
    damaged: Callable[[dict[int, bytes]], None],
    owners: dict[int, tuple[str, str, int]],
    tmp_path: Path,
) -> None:
    """What was saved fills a new store, which is sound."""
    leaf = next(page for page, owner in owners.items() if owner[:2] == ("tasks", "leaf"))
    damaged({(leaf - 1) * PAGE: bytes(PAGE)})
    tasks, _ = _salvage(path)
    with sqlite_factory(tmp_path / "new" / "tasks.db") as repository:
        repository.initialize()
        repository.restore(tasks, [])
        assert repository.get_all_tasks() == tasks
        assert list(repository.check()) == []


def _salvage(path: Path) -> Salvage:
    results = list(sqlite_factory(path).salvage())
    tasks = [result for result in results if isinstance(result, TaskModel)]
    return tasks, [result for result in results if isinstance(result, Problem)]


def _messages(path: Path) -> list[str]:
    tasks, problems = _salvage(path)
    assert tasks == []
    return [problem.message for problem in problems]


def _force(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA ignore_check_constraints = ON")
        connection.execute(statement)


def _copy(path: Path, directory: Path) -> Path:
    """The file and its log as a killed process leaves them, without the index of the log."""
    directory.mkdir()
    for name in ("tasks.db", "tasks.db-wal"):
        shutil.copy(path.with_name(name), directory)
    return directory / "tasks.db"


def _contents(path: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in path.parent.iterdir()}


def _with_other_checksums(log: bytes) -> bytes:
    """The log as a machine of the other byte order writes it."""
    magic = int.from_bytes(log[:4], "big") ^ 1
    order: Literal["big", "little"] = "big" if magic & 1 else "little"
    first = second = 0

    def add(data: bytes) -> bytes:
        nonlocal first, second
        for place in range(0, len(data), 8):
            first = (first + int.from_bytes(data[place : place + 4], order) + second) % 2**32
            second = (second + int.from_bytes(data[place + 4 : place + 8], order) + first) % 2**32
        return first.to_bytes(4, "big") + second.to_bytes(4, "big")

    head = magic.to_bytes(4, "big") + log[4:24]
    frames = head + add(head)
    for place in range(32, len(log), 24 + PAGE):
        frame, page = log[place : place + 16], log[place + 24 : place + 24 + PAGE]
        frames += frame + add(frame[:8] + page) + page
    return frames
