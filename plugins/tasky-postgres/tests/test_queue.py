"""Many workers on one queue: each task is given out, once, and nobody sees an error."""

from __future__ import annotations

from collections import Counter
from typing import Any

from tasky.testing.samples import create, make_task
from tasky_postgres import PostgresTaskRepository

WORKERS = 8
TASKS = [make_task(f"task {number}") for number in range(240)]

# Claims until there is nothing left, and prints what it got.
CLAIM = """
from tasky import NothingToClaimError, TaskService
repository.initialize(create=False)
service = TaskService(repository, actor=sys.argv[2])
print("ready", flush=True)
sys.stdin.readline()
try:
    while True:
        (task,) = service.claim().tasks
        print(task.task_id, flush=True)
except NothingToClaimError:
    pass
"""


def test_each_task_of_a_queue_is_claimed_once(repository: PostgresTaskRepository, run: Any) -> None:
    """Eight processes that begin together empty a queue of equals, and what they got is all of it, once."""
    create(repository, *TASKS)
    workers = [run(CLAIM, f"worker {number}") for number in range(WORKERS)]
    for worker in workers:
        assert worker.stdout.readline() == "ready\n"
    for worker in workers:
        worker.stdin.write("go\n")
        worker.stdin.flush()
    answers = [worker.communicate() for worker in workers]
    assert [(worker.returncode, said) for worker, (_, said) in zip(workers, answers, strict=True)] == [
        (0, "")
    ] * WORKERS
    claims = Counter(task_id for got, _ in answers for task_id in got.split())
    assert claims == Counter(str(task.task_id) for task in TASKS)
    stored = {str(task.task_id): task for task in repository.find_tasks()}
    for number, (got, _) in enumerate(answers):
        assert {stored[task_id].assignee for task_id in got.split()} <= {f"worker {number}"}
    assert {task.revision for task in stored.values()} == {2}
    assert len(list(repository.history())) == 2 * len(TASKS)
