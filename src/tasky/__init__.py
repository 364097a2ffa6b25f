"""Tasky: a task tracker for your project whose storage is a plugin.

Everything public is importable from here. Each name is loaded when it is first used (PEP 562), so that
``import tasky`` costs next to nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from tasky.changes import (
        Batch as Batch,
        HistoryEntry as HistoryEntry,
        TaskChange as TaskChange,
        checked_changes as checked_changes,
    )
    from tasky.codec import (
        decode_batch as decode_batch,
        decode_task as decode_task,
        encode_batch as encode_batch,
        encode_task as encode_task,
        format_timestamp as format_timestamp,
        parse_timestamp as parse_timestamp,
    )
    from tasky.copying import copy_store as copy_store
    from tasky.edits import TaskEdit as TaskEdit
    from tasky.errors import (
        AmbiguousTaskError as AmbiguousTaskError,
        BackendBrokenError as BackendBrokenError,
        BackendConflictError as BackendConflictError,
        BackendError as BackendError,
        BackendIncompatibleError as BackendIncompatibleError,
        BackendNotFoundError as BackendNotFoundError,
        BatchExistsError as BatchExistsError,
        ConfigError as ConfigError,
        ConflictError as ConflictError,
        DependencyCycleError as DependencyCycleError,
        InvalidDocumentError as InvalidDocumentError,
        InvalidFilterError as InvalidFilterError,
        InvalidLocationError as InvalidLocationError,
        InvalidTaskError as InvalidTaskError,
        InvalidTransitionError as InvalidTransitionError,
        NothingToClaimError as NothingToClaimError,
        OutcomeUnknownError as OutcomeUnknownError,
        ProjectError as ProjectError,
        ProjectExistsError as ProjectExistsError,
        ProjectNotFoundError as ProjectNotFoundError,
        SchemaTooNewError as SchemaTooNewError,
        StorageBusyError as StorageBusyError,
        StorageCorruptError as StorageCorruptError,
        StorageError as StorageError,
        StorageFullError as StorageFullError,
        StorageReadOnlyError as StorageReadOnlyError,
        StorageUnavailableError as StorageUnavailableError,
        StoreClosedError as StoreClosedError,
        StoreMissingError as StoreMissingError,
        StoreNotEmptyError as StoreNotEmptyError,
        TaskNotFoundError as TaskNotFoundError,
        TaskyError as TaskyError,
        UndoRefusedError as UndoRefusedError,
        UntrustedLocationError as UntrustedLocationError,
    )
    from tasky.filter import (
        TaskFilter as TaskFilter,
        TaskOrder as TaskOrder,
        check_limit as check_limit,
        check_sequence as check_sequence,
    )
    from tasky.importing import Imported as Imported
    from tasky.location import (
        Secret as Secret,
        StorageLocation as StorageLocation,
    )
    from tasky.model import (
        JSONValue as JSONValue,
        TaskModel as TaskModel,
        TaskPriority as TaskPriority,
        TaskStatus as TaskStatus,
    )
    from tasky.registry import (
        BackendInfo as BackendInfo,
        BackendRegistry as BackendRegistry,
        default_registry as default_registry,
        is_uri_factory as is_uri_factory,
        uri_factory as uri_factory,
    )
    from tasky.repository import (
        BaseTaskRepository as BaseTaskRepository,
        Problem as Problem,
        ResultStream as ResultStream,
        TaskRepository as TaskRepository,
    )
    from tasky.selection import (
        count_by_status as count_by_status,
        select_tasks as select_tasks,
    )
    from tasky.service import TaskService as TaskService
    from tasky.writing import Written as Written

_MODULES: Final = {
    "changes": (
        "Batch",
        "HistoryEntry",
        "TaskChange",
        "checked_changes",
    ),
    "codec": (
        "decode_batch",
        "decode_task",
        "encode_batch",
        "encode_task",
        "format_timestamp",
        "parse_timestamp",
    ),
    "copying": ("copy_store",),
    "edits": ("TaskEdit",),
    "errors": (
        "AmbiguousTaskError",
        "BackendBrokenError",
        "BackendConflictError",
        "BackendError",
        "BackendIncompatibleError",
        "BackendNotFoundError",
        "BatchExistsError",
        "ConfigError",
        "ConflictError",
        "DependencyCycleError",
        "InvalidDocumentError",
        "InvalidFilterError",
        "InvalidLocationError",
        "InvalidTaskError",
        "InvalidTransitionError",
        "NothingToClaimError",
        "OutcomeUnknownError",
        "ProjectError",
        "ProjectExistsError",
        "ProjectNotFoundError",
        "SchemaTooNewError",
        "StorageBusyError",
        "StorageCorruptError",
        "StorageError",
        "StorageFullError",
        "StorageReadOnlyError",
        "StorageUnavailableError",
        "StoreClosedError",
        "StoreMissingError",
        "StoreNotEmptyError",
        "TaskNotFoundError",
        "TaskyError",
        "UndoRefusedError",
        "UntrustedLocationError",
    ),
    "filter": (
        "TaskFilter",
        "TaskOrder",
        "check_limit",
        "check_sequence",
    ),
    "importing": ("Imported",),
    "location": (
        "Secret",
        "StorageLocation",
    ),
    "model": (
        "JSONValue",
        "TaskModel",
        "TaskPriority",
        "TaskStatus",
    ),
    "registry": (
        "BackendInfo",
        "BackendRegistry",
        "default_registry",
        "is_uri_factory",
        "uri_factory",
    ),
    "repository": (
        "BaseTaskRepository",
        "Problem",
        "ResultStream",
        "TaskRepository",
    ),
    "selection": (
        "count_by_status",
        "select_tasks",
    ),
    "service": ("TaskService",),
    "writing": ("Written",),
}
_MODULE_OF: Final = {name: module for module, names in _MODULES.items() for name in names}

__all__ = sorted(_MODULE_OF)


def __getattr__(name: str) -> object:
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'tasky' has no attribute {name!r}")
    from importlib import import_module

    value: object = getattr(import_module(f"tasky.{_MODULE_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_MODULE_OF})
