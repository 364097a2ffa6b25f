"""A store of any size is written and read in bounded memory."""

from __future__ import annotations

import os
from typing import Final

from tasky import TaskRepository
from tasky.testing.fixtures import Effort, StoreFixtures, WorkerStarter
from tasky.testing.jobs import fill_in_batches, read_through, write_in_one_batch
from tasky.testing.rules import rule
from tasky.testing.unproven import NotProvenError

__all__ = ["StreamingRules"]

_CEILING: Final = 48  # MiB by which a process that reads may grow
_MARGIN: Final = 1.3  # times the ceiling is what all the tasks together take at least
_MIB: Final = 1 << 20


class StreamingRules(StoreFixtures):
    """Streaming."""

    @rule
    def test_reading_takes_bounded_memory(
        self, repository: TaskRepository, start_worker: WorkerStarter, effort: Effort
    ) -> None:
        """``find_tasks`` uses bounded memory, however many tasks there are.

        Usual cause: the rows are put into a list. A store that has to hold all tasks in memory says in its
        harness how many it is made for, and holds as many.
        """
        repository.close()
        count, size = self._amount(effort, _CEILING)
        start_worker(fill_in_batches, count, size).start().finish()
        (line,) = start_worker(read_through).start().finish()
        self._judge(line, count, size, _CEILING)

    @rule
    def test_a_large_batch_takes_bounded_memory(
        self, repository: TaskRepository, start_worker: WorkerStarter, effort: Effort
    ) -> None:
        """``apply`` streams its changes where the store can: a batch of any size takes bounded memory.

        Usual cause: the changes are put into a list. A store that needs a fixed amount for a large batch says
        so in its harness (``batch_memory``).
        """
        repository.close()
        ceiling = self.harness.batch_memory
        count, size = self._amount(effort, ceiling)
        (line,) = start_worker(write_in_one_batch, count, size).start().finish()
        self._judge(line, count, size, ceiling)
        repository.initialize(create=False)
        assert sum(repository.count_tasks().values()) == count

    def _amount(self, effort: Effort, ceiling: int) -> tuple[int, int]:
        """How many tasks, and of how many characters each: together more than what may be taken."""
        if os.name == "nt":  # pragma: no cover - we have no Windows to try it on
            raise NotProvenError("Windows does not tell how much memory a process has had")
        most = self.harness.max_tasks
        if most is None:
            return effort.streamed, int(_MARGIN * ceiling * _MIB) // effort.streamed
        return (most if effort.fills else min(most, effort.streamed)), 100

    def _judge(self, line: str, count: int, size: int, ceiling: int) -> None:
        counted, before, after = line.split()
        assert int(counted) == count
        if self.harness.max_tasks is None:
            grown = float(after) - float(before)
            assert grown < ceiling, (
                f"for {count} tasks of about {size} bytes each it grew from {before} to {after} MiB,"
                f" by more than {ceiling}"
            )
