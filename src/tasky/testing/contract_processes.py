"""Several processes on one store behave as one."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from tasky import TaskRepository
from tasky.testing.fixtures import Effort, RepositoryMaker, StoreFixtures, WorkerStarter
from tasky.testing.jobs import add_tasks, increment, write_slowly
from tasky.testing.rules import rule
from tasky.testing.samples import create, make_task, remaining
from tasky.testing.worker import Worker, serve

__all__ = ["ProcessRules", "run"]

_PROCESSES = 4
_TURNS = 4


class ProcessRules(StoreFixtures):
    """Processes."""

    @rule
    def test_processes_initialize_at_once(
        self, start_worker: WorkerStarter, make_repository: RepositoryMaker
    ) -> None:
        """Several processes may create one store at the same time; each finds it and writes to it.

        Usual cause: 'locked' or 'exists already' while the schema is made. Make it under a lock of its own.
        """
        names = [[f"{number} {part}" for part in range(3)] for number in range(_PROCESSES)]
        run([start_worker(add_tasks, each, create=True) for each in names])
        repository = make_repository()
        repository.initialize(create=False)
        assert remaining(repository) == sorted(name for each in names for name in each)
        assert list(repository.check()) == []

    @rule
    def test_processes_lose_no_update(
        self, start_worker: WorkerStarter, repository: TaskRepository, effort: Effort
    ) -> None:
        """However many processes read, change and write a task, no update is lost and none fails.

        Usual cause: no lock between processes, a lock that is taken after the read, or too short a wait.
        """
        tasks = [make_task(name, extra={"number": 0}) for name in "ab"]
        create(repository, *tasks)
        ids = [task.task_id for task in tasks]
        run([start_worker(increment, ids, effort.rounds) for _ in range(_PROCESSES)])
        for task in repository.find_tasks():
            assert task.extra == {"number": effort.rounds * _PROCESSES}
            revisions = [entry.revision for entry in repository.history(task_id=task.task_id)]
            assert revisions == list(range(1, effort.rounds * _PROCESSES + 2))
        assert list(repository.check()) == []

    @rule
    def test_process_sees_what_another_has_written(
        self, start_worker: WorkerStarter, repository: TaskRepository
    ) -> None:
        """What one process was told is written, another that is open already sees.

        Usual cause: what was read is kept in memory without looking whether the store has changed.
        """
        assert remaining(repository) == []
        assert repository.count_tasks(), "the counts may be kept, too"
        run([start_worker(add_tasks, ["theirs"])])
        assert remaining(repository) == ["theirs"]
        assert sum(repository.count_tasks().values()) == 1
        assert len(list(repository.history())) == 1

    @rule
    def test_history_grows_at_its_end(
        self, start_worker: WorkerStarter, repository: TaskRepository, effort: Effort
    ) -> None:
        """No entry appears before one that was seen: who reads on with ``after`` misses nothing.

        Usual cause: numbers given before the commit, or reserved by each process in blocks.
        """
        seen: list[int] = []

        def read_on() -> None:
            with repository.history(after=seen[-1] if seen else None) as entries:
                seen.extend(entry.sequence for entry in entries)

        taking_turns = [start_worker(serve, self.plain_factory()).start() for _ in range(2)]
        for turn in range(_TURNS):
            taking_turns[turn % 2].ask(None, add_tasks, [f"turn {turn}"])
            read_on()
        names = [[f"{number} {part}" for part in range(effort.rounds)] for number in range(_PROCESSES)]
        with ThreadPoolExecutor(1) as threads:
            writing = threads.submit(run, [start_worker(add_tasks, each) for each in names])
            while not writing.done():
                read_on()
            writing.result()
        read_on()
        assert seen == [entry.sequence for entry in repository.history()]
        assert len(seen) == _TURNS + _PROCESSES * effort.rounds

    @rule
    def test_readers_go_on_while_a_process_writes(
        self, start_worker: WorkerStarter, repository: TaskRepository
    ) -> None:
        """Readers go on while another process writes a batch, and see the state before it.

        Usual cause: readers take the writers' lock, or see what is not committed.
        """
        create(repository, make_task("before"))
        with start_worker(write_slowly, "slow").start() as worker:
            assert worker.read() == "inside"
            assert remaining(repository) == ["before"]
            assert len(list(repository.history())) == 1
            worker.say("go on")
            worker.finish()
        assert remaining(repository) == ["before", "slow"]


def run(workers: list[Worker]) -> None:
    """Start them together and wait for all."""
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.finish()
