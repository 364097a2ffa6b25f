"""Every error Tasky raises on purpose.

Each says what happened, why, and (``hint``) what to do next, and owns the exit code that the command
line ends with::

    TaskyError                      1   anything that went wrong
    ├── InvalidTaskError            2   a value breaks a rule of the model (also a ValueError)
    ├── InvalidFilterError          2   a filter, an order or a page that means nothing (also a ValueError)
    ├── InvalidDocumentError        1   a file from outside: names its line, field and rule
    ├── TaskNotFoundError           3   no task with that id
    ├── AmbiguousTaskError          3   several tasks with that id prefix
    ├── ConflictError               4   the store has moved on since the caller read it
    │   ├── BatchExistsError        4   the history already knows this batch: it was written before
    │   ├── InvalidTransitionError  4   the task's status does not allow that
    │   ├── DependencyCycleError    4   a task would wait for itself
    │   ├── NothingToClaimError     4   no ready task is free, or the task has an assignee
    │   └── UndoRefusedError        4   there is nothing to undo, or it was changed again since
    ├── ProjectError                5   the project as such
    │   ├── ProjectNotFoundError    5   there is none here
    │   ├── ProjectExistsError      5   there is one already
    │   ├── ConfigError             5   a config file that is malformed
    │   ├── InvalidLocationError    5   a storage URI that is malformed or doubtful
    │   └── UntrustedLocationError  5   a config names a place that the user has not approved
    ├── BackendError                6   a backend plugin
    │   ├── BackendNotFoundError    6   no installed distribution provides the scheme
    │   ├── BackendConflictError    6   several distributions provide the scheme
    │   ├── BackendBrokenError      6   its metadata or its import fails
    │   └── BackendIncompatibleError  6   it asks for another Tasky, or lacks a contract method
    └── StorageError                7   the store
        ├── StoreMissingError       7   there is no store at the location
        ├── StoreNotEmptyError      7   ``restore`` needs an empty one
        ├── StoreClosedError        7   the repository is not open
        ├── SchemaTooNewError       7   a newer Tasky wrote it
        ├── StorageBusyError        7   another process held it for longer than the wait
        ├── StorageCorruptError     7   it is damaged, or not a store at all
        ├── StorageFullError        7   no space is left
        ├── StorageReadOnlyError    7   it can be read but not written
        ├── StorageUnavailableError 7   it cannot be reached
        └── OutcomeUnknownError     7   a commit was sent and its answer lost
"""

from __future__ import annotations

from typing import ClassVar

__all__ = [
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
]


class TaskyError(Exception):
    """The root of the tree.

    ``message`` says what happened and why; ``hint`` says what to do next and may be empty.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint

    @property
    def message(self) -> str:
        """What happened and why, in one sentence or two, without the hint."""
        return str(self)


class InvalidTaskError(TaskyError, ValueError):
    """A value breaks a rule of the task model.

    ``field`` is the attribute's name, ``value`` what was given, ``rule`` the sentence it breaks.
    """

    exit_code = 2
    _SHOWN: ClassVar[int] = 80

    def __init__(self, field: str, value: object, rule: str, *, hint: str = "") -> None:
        super().__init__(rule, hint=hint)
        self.args = (field, value, rule)  # what pickle passes to __init__ again
        self.field = field
        self.value = value
        self.rule = rule

    def __str__(self) -> str:
        shown = ascii(self.value) if isinstance(self.value, str) else repr(self.value)
        if len(shown) > self._SHOWN:
            shown = f"{shown[: self._SHOWN]}..."
        return f"{self.field} {shown} is not valid: {self.rule}"


class InvalidFilterError(TaskyError, ValueError):
    """A filter, an order or a page that means nothing."""

    exit_code = 2


class InvalidDocumentError(TaskyError, ValueError):
    """Text from outside (an import file, a hand-edited store) that is not what it should be.

    ``source`` names the file, ``line`` counts from 1 (None where there is no line to name),
    ``field`` is the path of the value inside the document (``tags.0``; empty for the whole).
    """

    def __init__(
        self, rule: str, *, source: str, line: int | None = None, field: str = "", hint: str = ""
    ) -> None:
        where = source if line is None else f"{source}, line {line}"
        super().__init__(f"{where}: {field}: {rule}" if field else f"{where}: {rule}", hint=hint)
        self.rule = rule
        self.source = source
        self.line = line
        self.field = field

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild_document_error, (self.rule, self.source, self.line, self.field, self.hint))


def _rebuild_document_error(
    rule: str, source: str, line: int | None, field: str, hint: str
) -> InvalidDocumentError:
    """Pickle calls constructors with positional arguments only."""
    return InvalidDocumentError(rule, source=source, line=line, field=field, hint=hint)


class TaskNotFoundError(TaskyError, LookupError):
    """No task has that id or prefix."""

    exit_code = 3


class AmbiguousTaskError(TaskyError, LookupError):
    """Several tasks have that id prefix."""

    exit_code = 3


class ConflictError(TaskyError):
    """The store has moved on since the caller read it; nothing was written."""

    exit_code = 4


class BatchExistsError(ConflictError):
    """The history already knows this batch: it was written before, and nothing was written now."""


class InvalidTransitionError(ConflictError):
    """The task's status does not allow that change."""


class DependencyCycleError(ConflictError):
    """The dependency would make a task wait for itself."""


class NothingToClaimError(ConflictError):
    """No ready task is free, or the one that was named has an assignee."""


class UndoRefusedError(ConflictError):
    """There is nothing to undo, or what was written has been changed again since."""


class ProjectError(TaskyError):
    """Something about the project as such."""

    exit_code = 5


class ProjectNotFoundError(ProjectError):
    """No project holds this directory."""


class ProjectExistsError(ProjectError):
    """There is a project here already."""


class ConfigError(ProjectError):
    """A config file is malformed, or holds what it must not."""


class InvalidLocationError(ProjectError, ValueError):
    """A storage URI is malformed, or can be read in two ways."""


class UntrustedLocationError(ProjectError):
    """A project's config names a place that the user has not approved."""


class BackendError(TaskyError):
    """Something about a backend plugin."""

    exit_code = 6


class BackendNotFoundError(BackendError, LookupError):
    """No installed distribution provides the scheme."""


class BackendConflictError(BackendError):
    """Several distributions provide the scheme."""


class BackendBrokenError(BackendError):
    """A plugin's metadata, import or factory fails."""


class BackendIncompatibleError(BackendError):
    """A plugin asks for another Tasky, or its repository lacks a contract method."""


class StorageError(TaskyError):
    """Something about the store."""

    exit_code = 7


class StoreMissingError(StorageError):
    """There is no store at the location."""


class StoreNotEmptyError(StorageError):
    """``restore`` fills an empty store only; nothing was written."""


class StoreClosedError(StorageError):
    """The repository was not initialized, or is closed."""


class SchemaTooNewError(StorageError):
    """A newer Tasky wrote the store; it was left untouched."""


class StorageBusyError(StorageError):
    """Another process or thread held the store for longer than the configured wait."""


class StorageCorruptError(StorageError):
    """The store is damaged, or is not a store at all; it was left untouched."""


class StorageFullError(StorageError):
    """No space is left; nothing of the batch was written."""


class StorageReadOnlyError(StorageError):
    """The store can be read but not written; nothing was written."""


class StorageUnavailableError(StorageError):
    """The store cannot be reached or opened."""


class OutcomeUnknownError(StorageError):
    """A commit was sent and its answer lost: look its batch id up in the history before trying again."""
