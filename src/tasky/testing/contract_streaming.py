"""A store of any size is written and read in bounded memory."""

from __future__ import annotations

import os
from typing import Final

from tasky import TaskRepository
from tasky.testing.fixtures import Effort, StoreFixtures, WorkerStarter
from tasky.testing.harness import NotProvenError
from tasky.testing.jobs import stream
from tasky.testing.rules import rule

__all__ = ["StreamingRules"]

_CEILING: Final = 96  # MiB by which the process may grow; the tasks take at least twice as much
_PAYLOAD: Final = 200_000_000  # characters in the details of all the tasks together


class StreamingRules(StoreFixtures):
    """Streaming."""

    @rule
    def test_memory_does_not_grow_with_the_store(
        self, repository: TaskRepository, start_worker: WorkerStarter, effort: Effort
    ) -> None:
        """``find_tasks`` and ``apply`` use bounded memory, however many tasks there are.

        Usual cause: the changes or the rows are put into a list. A store that has to hold all tasks in memory
        says in its harness how many it is made for, and holds as many.
        """
        repository.close()
        if os.name == "nt":
            raise NotProvenError("Windows does not tell how much memory a process has had")
        most = self.harness.max_tasks
        count = effort.streamed if most is None else min(effort.streamed, most)
        size = _PAYLOAD // effort.streamed if most is None else 100
        with start_worker(stream, count, size).start() as worker:
            (few, before), (all_of_them, after) = (line.split() for line in worker.finish())
        assert (int(few), int(all_of_them)) == (500, 500 + count)
        if most is None:
            assert float(after) - float(before) < _CEILING, "MiB more than with a few tasks"
