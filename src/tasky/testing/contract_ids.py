"""How tasks are found by the beginning of their ids, which is what people see and type."""

from __future__ import annotations

from uuid import UUID

import pytest

from tasky import BaseTaskRepository, TaskRepository, TaskService
from tasky.testing.fixtures import StoreFixtures
from tasky.testing.rules import rule
from tasky.testing.samples import create, found, make_task

__all__ = ["IdRules"]

_MANY = 600  # more ids than a statement of most stores takes


class IdRules(StoreFixtures):
    """Ids by their beginning."""

    @pytest.mark.parametrize("length", [1, 2, 3, 7, 8, 9, 31, 32])
    @rule
    def test_filter_by_id_prefix(self, repository: TaskRepository, length: int) -> None:
        """``id_prefix`` finds the ids whose hex digits start with it, of odd length too.

        Usual cause: a range over bytes that rounds half a byte, or a dash that counts as a digit.
        """
        digits = "a1b2c3d4" * 4
        other = digits[: length - 1] + "f" + digits[length:]
        create(
            repository,
            make_task("wanted", task_id=UUID(digits)),
            make_task("other", task_id=UUID(other)),
            make_task("last", task_id=UUID(int=(1 << 128) - 1)),
        )
        assert found(repository, id_prefix=digits[:length]) == {"wanted"}
        assert found(repository, id_prefix="f" * length) == ({"other", "last"} if length == 1 else {"last"})

    @rule
    def test_short_ids_tell_tasks_apart(self, repository: TaskRepository) -> None:
        """The short ids of few tasks and of many are as long as it takes to tell them from every stored one.

        Usual cause: a ``find_ids_natively`` that has one id for each beginning, or reads part of a long list.
        """
        first, second, gone = (_begins("abcd1234", end) for end in ("a1", "a2", "b"))
        many = [_begins(f"{number:08x}") for number in range(_MANY)]
        create(repository, *(make_task("stored", task_id=task_id) for task_id in (first, second, *many)))
        service = TaskService(repository, actor="kit")
        few = {first: "abcd1234a1", second: "abcd1234a2", gone: "abcd1234b"}
        assert service.short_ids(few) == few
        assert service.short_ids([*many, *few]) == {task_id: task_id.hex[:8] for task_id in many} | few
        for prefixes, ids in ((["abcd", "abcd1234"], [first, second]), (["abcd1234b"], []), ([], [])):
            looked_up = (
                repository.find_ids_natively(prefixes) if isinstance(repository, BaseTaskRepository) else None
            )
            assert looked_up is None or sorted(looked_up) == ids, "each that begins so, once"


def _begins(*digits: str) -> UUID:
    return UUID("".join(digits).ljust(32, "0"))
