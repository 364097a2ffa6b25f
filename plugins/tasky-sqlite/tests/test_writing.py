"""Batches against other processes, kill -9 and full disks; conflicts that say what is stored."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tasky import (
    BatchExistsError,
    ConflictError,
    HistoryEntry,
    StorageError,
    StorageFullError,
    StoreNotEmptyError,
    TaskChange,
    TaskPriority,
    TaskStatus,
)
from tasky.testing.samples import changed, create, make_batch, make_task, remaining, update, write
from tasky_sqlite import SqliteTaskRepository, inserting


def test_twelve_processes_lose_nothing(run: Any, repository: SqliteTaskRepository) -> None:
    """Twelve processes that read, change and write one set of tasks lose no change and see no error."""
    tasks = [make_task(f"counter {number}") for number in range(4)]
    create(repository, *tasks)
    program = """
import random
with SqliteTaskRepository(path) as repository:
    repository.initialize(create=False)
    ids = [task.task_id for task in repository.find_tasks()]
    done = 0
    while done < 25:
        task = repository.get_task(random.choice(ids))
        try:
            repository.save_task(task)
        except ConflictError:
            continue
        done += 1
"""
    processes = [run(program) for _ in range(12)]
    for process in processes:
        assert process.communicate(timeout=120) == ("", "")
    revisions = [task.revision for task in repository.find_tasks()]
    assert sum(revisions) == len(tasks) + 12 * 25
    assert sum(1 for _ in repository.history()) == sum(revisions)
    assert list(repository.check()) == []


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this platform cannot kill -9")
def test_kill_9_leaves_whole_batches(run: Any, repository: SqliteTaskRepository) -> None:
    """Processes killed in the middle of large batches leave each batch whole or not at all."""
    program = """
with SqliteTaskRepository(path) as repository:
    repository.initialize(create=False)
    while True:
        name = str(uuid4())
        changes = [TaskChange(None, make_task(f"{name} {n}", project_id="p" + name)) for n in range(1500)]
        print("begin", flush=True)
        repository.apply(batch(), changes)
        print(name, flush=True)
"""
    acknowledged = []
    for lines in (1, 2, 3, 5):
        process = run(program)
        for _ in range(lines):
            line = process.stdout.readline().strip()
            assert line, process.stderr.read()
            if line != "begin":
                acknowledged.append(line)
        process.kill()
        rest = process.communicate()[0].split()
        acknowledged += [line for line in rest if line != "begin"]
    sizes: dict[str | None, int] = {}
    for task in repository.find_tasks():
        sizes[task.project_id] = sizes.get(task.project_id, 0) + 1
    assert set(sizes.values()) == {1500}
    assert {"p" + name for name in acknowledged} <= set(sizes)
    assert list(repository.check()) == []


@pytest.mark.skipif(os.name == "nt", reason="Windows has no limit on the size of files")
def test_a_full_disk_keeps_what_was_written(run: Any, repository: SqliteTaskRepository) -> None:
    """When no space is left a batch is refused whole, and what was there stays readable and writable."""
    create(repository, make_task("before"))
    process = run(
        """
import resource
with SqliteTaskRepository(path) as repository:
    repository.initialize()
    resource.setrlimit(resource.RLIMIT_FSIZE, (600_000, resource.RLIM_INFINITY))
    try:
        tasks = (make_task(f"n{n}", details="x" * 1000) for n in range(3000))
        repository.apply(batch(), (TaskChange(None, task) for task in tasks))
    except StorageError as error:
        print(type(error).__name__)
    print(len(repository.get_all_tasks()))
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    repository.save_task(make_task("after"))
"""
    )
    out, err = process.communicate(timeout=60)
    assert (out.split(), err) == ([StorageFullError.__name__, "1"], "")
    assert remaining(repository) == ["after", "before"]
    assert list(repository.check()) == []


def test_a_database_at_its_largest_is_full(repository: SqliteTaskRepository) -> None:
    """SQLite's own limit is reported as a full store too, and the batch that met it leaves nothing."""
    create(repository, make_task("before"))
    assert repository._pool is not None
    connection = repository._pool.take()
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count = {pages + 4}")
    repository._pool.give(connection)
    with pytest.raises(StorageFullError, match="no space left") as caught:
        create(repository, *(make_task(str(number), details="x" * 5000) for number in range(50)))
    assert caught.value.hint
    assert remaining(repository) == ["before"]


def test_an_edit_writes_only_what_it_changes(path: Path, repository: SqliteTaskRepository) -> None:
    """Editing the details leaves the indexes of everything else alone, so the log grows by less."""
    task = make_task("one", project_id="web", assignee="ada")
    create(repository, task)
    log = Path(f"{path}-wal")

    def growth(**values: Any) -> int:
        nonlocal task
        before = log.stat().st_size
        task = update(repository, task, **values)
        return log.stat().st_size - before

    growth(details="the first page of the log and of each table")
    everything = {"name": "two", "project_id": "api", "assignee": "alan", "priority": TaskPriority.LOW}
    three_pages = 3 * 4096
    assert growth(details="new") + three_pages < growth(details="newer", **everything)


def test_a_conflict_names_the_task_and_both_revisions(repository: SqliteTaskRepository) -> None:
    """A stale write says which task, what was expected, what is stored, and to read again."""
    task = make_task("one")
    create(repository, task)
    update(repository, task, name="two")
    with pytest.raises(ConflictError) as caught:
        update(repository, task, name="three")
    message = str(caught.value)
    assert task.task_id.hex[:8] in message
    assert "expected at revision 1" in message
    assert "stored at revision 2" in message
    assert "Read the task again" in caught.value.hint
    with pytest.raises(ConflictError, match=f"{task.task_id.hex[:8]}.*expected to be absent.*revision 2"):
        create(repository, task)
    other = make_task("other")
    with pytest.raises(ConflictError, match=f"{other.task_id.hex[:8]}.*not in the store"):
        update(repository, other, name="x")
    with pytest.raises(ConflictError, match=r"to be created at revision 2.*asks for 1"):
        create(repository, changed(other))
    assert remaining(repository) == ["two"]


def test_a_task_without_a_history_is_not_created_again(repository: SqliteTaskRepository) -> None:
    """A task that was restored without its history is stored all the same, and a conflict says so."""
    task, other = make_task("one"), make_task("other")
    repository.restore([task], [])
    with pytest.raises(ConflictError, match=f"{task.task_id.hex[:8]}.*expected to be absent.*revision 1"):
        create(repository, other, task)
    assert remaining(repository) == ["one"]


def test_what_the_table_refuses_leaves_nothing(repository: SqliteTaskRepository) -> None:
    """A task that got around the model's rules is refused by the table, and the batch leaves nothing."""
    task = make_task("one")
    object.__setattr__(task, "name", " ")
    with pytest.raises(StorageError, match="CHECK"):
        create(repository, make_task("two"), task)
    assert remaining(repository) == []


def test_a_task_comes_back_at_its_next_revision(repository: SqliteTaskRepository) -> None:
    """A deleted task is created again at the revision after its last, and at no other."""
    task = make_task("one")
    create(repository, task)
    task = update(repository, task, name="two")
    write(repository, TaskChange(task, None))
    with pytest.raises(ConflictError, match="asks for 3"):
        create(repository, make_task("one"))
    create(repository, changed(task))
    assert [entry.revision for entry in repository.history(task_id=task.task_id)] == [1, 2, None, 3]


@pytest.mark.parametrize("apart", [0, 1_200], ids=["together", "apart"])
def test_a_task_is_named_once(repository: SqliteTaskRepository, apart: int) -> None:
    """A batch that names a task twice is refused whole, however far apart."""
    task, stored = make_task("twice"), make_task("stored")
    between = [TaskChange(None, make_task(str(number))) for number in range(apart)]
    once = TaskChange(None, task)
    for again in (once, TaskChange(task, changed(task)), TaskChange(task, None), TaskChange(task, task)):
        with pytest.raises(ConflictError, match="twice"):
            write(repository, once, *between, again)
    create(repository, stored)
    after = changed(stored)
    for first, again in (
        (TaskChange(stored, None), TaskChange(stored, None)),
        (TaskChange(stored, None), TaskChange(None, after)),
        (TaskChange(stored, after), TaskChange(after, changed(after))),
        (once, once),
    ):
        with pytest.raises(ConflictError, match="twice"):
            write(repository, first, *between, again)
    assert remaining(repository) == ["stored"]
    assert sum(1 for _ in repository.history()) == 1


def test_a_batch_is_written_once(repository: SqliteTaskRepository) -> None:
    """A batch that was acknowledged is refused the second time, without asking its iterator."""
    batch = make_batch()
    repository.apply(batch, [TaskChange(None, make_task("one"))])

    def never() -> Iterator[TaskChange]:
        raise AssertionError("the iterator was asked")
        yield

    with pytest.raises(BatchExistsError, match=str(batch.id)):
        repository.apply(batch, never())


def test_what_writes_nothing_leaves_no_trace(repository: SqliteTaskRepository) -> None:
    """A batch of guards, or of nothing, is checked and forgotten: its id can be used again."""
    task = make_task("one")
    create(repository, task)
    batch = make_batch()
    repository.apply(batch, [])
    repository.apply(batch, [TaskChange(task, task)])
    repository.apply(batch, [TaskChange(task, changed(task))])
    assert [entry.batch.id for entry in repository.history(batch=batch.id)] == [batch.id]


def test_tags_and_dependencies_follow_the_task(repository: SqliteTaskRepository, sql: Any) -> None:
    """What is searched for by tag and dependency is what the task says, through every kind of change."""
    one, two = make_task("one"), make_task("two")
    task = make_task("task", tags=["a", "b"], depends_on=[one.task_id])
    create(repository, task)
    task = update(repository, task, tags=("b", "c"), depends_on=(one.task_id, two.task_id))
    assert sql("SELECT tag FROM task_tags ORDER BY tag") == [("b",), ("c",)]
    assert sql("SELECT count(*) FROM task_dependencies") == [(2,)]
    task = update(repository, task, tags=(), depends_on=())
    assert sql("SELECT count(*) FROM task_tags") == [(0,)]
    task = update(repository, task, tags=("d",), depends_on=(two.task_id,))
    assert list(repository.check()) == []
    write(repository, TaskChange(task, None))
    assert sql("SELECT (SELECT count(*) FROM task_tags) + (SELECT count(*) FROM task_dependencies)") == [(0,)]
    assert list(repository.check()) == []


def test_the_table_keeps_the_rules_by_itself(repository: SqliteTaskRepository, sql: Any) -> None:
    """Another program cannot store what breaks a rule: neither a value nor a type."""
    import sqlite3

    create(repository, make_task("one", project_id="web"))
    for assignment in (
        "status = 'done'",
        "status = 'completed'",
        "closed_at = 5",
        "priority = 4",
        "revision = 0",
        "name = ''",
        "name = '   '",
        "name = printf('%.501c', 'x')",
        "project_id = 'Web'",
        "project_id = '.web'",
        "project_id = 'web.'",
        "project_id = 'a..b'",
        "assignee = ''",
        "task_id = x'00'",
        "depends_on = x'00'",
        "created_at = 'now'",
        "due_at = 253402300800000000",
        "extra = '[]'",
        "extra = '{'",
    ):
        with pytest.raises(sqlite3.IntegrityError):
            sql(f"UPDATE tasks SET {assignment}")
    assert list(repository.check()) == []


def test_a_large_batch_needs_little_memory(run: Any, repository: SqliteTaskRepository) -> None:
    """Ten times the changes take hardly more memory than one time: they are written in chunks."""
    process = run(
        """
import resource
def peak():
    unit = 1 << 20 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // unit
def changes(prefix, count):
    return (TaskChange(None, make_task(f"{prefix} {n}", details="x" * 2000)) for n in range(count))
with SqliteTaskRepository(path) as repository:
    repository.initialize()
    repository.apply(batch(), changes("warm", 1000))
    before = peak()
    repository.apply(batch(), changes("large", 60000))
    count = sum(1 for _ in repository.find_tasks())
    print(count, peak() - before < 100)
"""
    )
    assert process.communicate(timeout=120) == ("61000 True\n", "")


def test_restore_is_exact(tmp_path: Path, repository: SqliteTaskRepository) -> None:
    """A store filled from another holds the same tasks and the same history."""
    tasks = [make_task(f"{n}", tags=["a"], status=TaskStatus.COMPLETED) for n in range(1_200)]
    create(repository, *tasks)
    write(repository, *[TaskChange(task, changed(task, name=f"new {task.name}")) for task in tasks])
    write(repository, *[TaskChange(task, None) for task in list(repository.find_tasks(limit=7))])
    with SqliteTaskRepository(tmp_path / "other.db") as other:
        other.initialize()
        other.restore(repository.find_tasks(), repository.history())
        assert list(other.find_tasks()) == list(repository.find_tasks())
        assert list(other.history()) == list(repository.history())
        assert list(other.check()) == []
        with pytest.raises(StoreNotEmptyError, match="not empty"):
            other.restore([], [])


def test_restore_of_a_task_twice_writes_nothing(repository: SqliteTaskRepository) -> None:
    """Input that contradicts itself is refused as Tasky's own error, and the store stays empty."""
    task = make_task("one")
    with pytest.raises(ConflictError, match="comes twice"):
        repository.restore([task, task], [])
    batch, other = make_batch(), make_batch()
    entries = [HistoryEntry(n, b, task.task_id, None, 1) for n, b in enumerate((batch, other, batch))]
    with pytest.raises(StorageError, match="UNIQUE"):
        repository.restore([], entries)
    assert remaining(repository) == []
    assert list(repository.history()) == []


def test_restore_of_what_the_table_refuses_writes_nothing(repository: SqliteTaskRepository) -> None:
    """A task that got around the model's rules is not restored, and neither are the others."""
    task = make_task("one")
    object.__setattr__(task, "name", " ")
    with pytest.raises(StorageError, match="CHECK"):
        repository.restore([make_task("two"), task], [])
    assert remaining(repository) == []


def test_a_bulk_write_gives_its_memory_back(
    tmp_path: Path, repository: SqliteTaskRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The larger cache of a large batch, or of a restore, goes with the connection that had it."""
    monkeypatch.setattr(inserting, "BULK", 0)
    create(repository, make_task("one"))
    with SqliteTaskRepository(tmp_path / "other.db") as other:
        other.initialize()
        other.restore(repository.find_tasks(), repository.history())
        for store in (repository, other):
            assert store._pool is not None
            connection = store._pool.take()
            assert connection.execute("PRAGMA cache_size").fetchone() == (-2000,)
            store._pool.give(connection)
        assert remaining(other) == ["one"]
