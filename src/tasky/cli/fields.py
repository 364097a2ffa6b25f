"""The options that give a task its values, the same for ``add`` and ``update``.

An option that names one value sets it; ``--tag``, ``--depends-on`` and ``--extra`` add, on both commands.
``update`` also has ``--remove-...`` for members of these three and ``--no-...`` to clear a field: clearing
comes before adding, so ``--no-tags --tag x`` replaces them all.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import fields
from datetime import datetime
from functools import wraps
from typing import TYPE_CHECKING, Any, Final, TypeVar
from uuid import UUID

import click

from tasky.cli.dates import DEADLINE, MOMENT, describe_moment
from tasky.cli.filters import NOBODY
from tasky.model import TaskPriority
from tasky.record import record

if TYPE_CHECKING:
    from tasky.cli.context import App
    from tasky.edits import TaskEdit
    from tasky.service import TaskService

__all__ = ["FieldValues", "edit_options", "field_options", "make_edit", "new_task_values"]

Function = TypeVar("Function", bound=Callable[..., Any])

STDIN: Final = "-"


@record(kw_only=True)
class FieldValues:
    """What the field options were given; None and an empty tuple where an option was not used.

    ``cleared`` pairs the name of an option with the field that it clears. The last four and ``name`` come
    from ``edit_options`` alone.
    """

    name: str | None = None
    details: str | None = None
    priority: str | None = None
    project: str | None = None
    tag: tuple[str, ...] = ()
    assignee: str | None = None
    due: datetime | None = None
    wait: datetime | None = None
    depends_on: tuple[str, ...] = ()
    extra: tuple[tuple[str, Any], ...] = ()
    remove_tag: tuple[str, ...] = ()
    remove_depends_on: tuple[str, ...] = ()
    remove_extra: tuple[str, ...] = ()
    cleared: tuple[tuple[str, str], ...] = ()


def field_options(function: Function) -> Function:
    """Add the options of a new task to a command's function, which gets them as ``fields``."""
    return _with_options(function, _OPTIONS)


def edit_options(function: Function) -> Function:
    """Add the options that change a task to a command's function, which gets them as ``fields``."""
    return _with_options(function, [_NAME, *_OPTIONS, *_REMOVALS, *_CLEARINGS])


def new_task_values(app: App, service: TaskService, chosen: FieldValues) -> dict[str, Any]:
    """The arguments of ``TaskService.create``, but for the name; tells what the dates came to."""
    values = {name: value for name, value in _single_values(app, chosen).items() if value is not None}
    return {
        **values,
        "tags": chosen.tag,
        "depends_on": app.resolve(service, chosen.depends_on),
        "extra": dict(chosen.extra),
    }


def make_edit(app: App, service: TaskService, chosen: FieldValues, task_ids: Sequence[UUID] = ()) -> TaskEdit:
    """What the options ask for; tells what the dates came to.

    A dependency to remove may be named by its digits among the dependencies of ``task_ids``, even when the
    task it names is gone. Raises a usage error when a field is both set and cleared, or nothing is asked for.
    """
    from tasky.edits import TaskEdit  # `add` does without

    if chosen == FieldValues():
        raise click.UsageError("say what to change: --name, --due, --tag, ...")
    values = {name: value for name, value in _single_values(app, chosen).items() if value is not None}
    if chosen.name is not None:
        values["name"] = chosen.name
    for option, field in chosen.cleared:
        if field in values:
            raise click.UsageError(f"--{option} and --no-{option} exclude one another")
        values[field] = _CLEARED.get(field)
    return TaskEdit(
        values=values,
        add_tags=chosen.tag,
        remove_tags=chosen.remove_tag,
        add_depends_on=tuple(app.resolve(service, chosen.depends_on)),
        remove_depends_on=_resolve_dependencies(service, chosen.remove_depends_on, task_ids),
        set_extra=dict(chosen.extra),
        remove_extra=chosen.remove_extra,
    )


def _with_options(function: Function, options: Sequence[tuple[list[str], dict[str, Any]]]) -> Function:
    names = [each.name for each in fields(FieldValues)]

    @wraps(function)
    def with_fields(*args: Any, **values: Any) -> Any:
        cleared = tuple(
            (option[3:].replace("_", "-"), field)
            for option, (field, _) in _CLEARABLE.items()
            if values.pop(option, False)
        )
        chosen = {name: values.pop(name) for name in names if name in values}
        return function(*args, fields=FieldValues(**chosen, cleared=cleared), **values)

    for declarations, attributes in reversed(options):
        click.option(*declarations, **attributes)(with_fields)
    return with_fields  # type: ignore[return-value] # it is called by click alone, with what click parsed


def _single_values(app: App, chosen: FieldValues) -> dict[str, Any]:
    for name, moment in (("due", chosen.due), ("wait", chosen.wait)):
        if moment is not None and not app.output.for_programs:
            app.output.note(f"{name}: {describe_moment(moment)}")
    if chosen.assignee == NOBODY:
        raise click.UsageError(
            f"{NOBODY!r} stands for nobody where tasks are chosen, so nobody can be called it"
        )
    details = chosen.details
    if details == STDIN:
        if sys.stdin is None:
            raise click.UsageError("stdin is closed, and the details were to come from there")
        details = sys.stdin.read()
    return {
        "details": details,
        "priority": None if chosen.priority is None else TaskPriority[chosen.priority.upper()],
        "project_id": chosen.project,
        "assignee": chosen.assignee,
        "due_at": chosen.due,
        "wait_until": chosen.wait,
    }


def _resolve_dependencies(
    service: TaskService, references: Sequence[str], task_ids: Sequence[UUID]
) -> tuple[UUID, ...]:
    if not references:
        return ()
    known = {dependency for task_id in task_ids for dependency in service.get(task_id).depends_on}
    found = []
    for reference in references:
        digits = reference.strip().lower().replace("-", "")
        matching = [one for one in known if digits and one.hex.startswith(digits)]
        found.append(matching[0] if len(matching) == 1 else service.resolve(reference))
    return tuple(found)


def _parse_extra(
    ctx: click.Context, param: click.Parameter, values: Sequence[str]
) -> tuple[tuple[str, Any], ...]:
    if not values:
        return ()
    from tasky.jsontext import parse_json

    parsed: list[tuple[str, Any]] = []
    for text in values:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise click.BadParameter(f"{text!a} is not KEY=JSON", ctx, param)
        try:
            document = parse_json(f'{{"value": {value}\n}}', source=text)
            (item,) = document.values()  # more than one where the text goes on with another key
        except ValueError:
            message = f"{value!a} is not JSON: text needs its quotes, as in {key}='\"some text\"'"
            raise click.BadParameter(message, ctx, param) from None
        parsed.append((key, item))
    return tuple(parsed)


_PRIORITIES: Final = click.Choice([priority.label for priority in TaskPriority], case_sensitive=False)
_CLEARED: Final[dict[str, Any]] = {"details": "", "tags": (), "depends_on": (), "extra": {}}
_CLEARABLE: Final = {  # option: the field, and what people call it
    "no_details": ("details", "details"),
    "no_priority": ("priority", "priority"),
    "no_project": ("project_id", "project"),
    "no_tags": ("tags", "tags"),
    "no_assignee": ("assignee", "assignee"),
    "no_due": ("due_at", "due date"),
    "no_wait": ("wait_until", "waiting time"),
    "no_depends_on": ("depends_on", "dependencies"),
    "no_extra": ("extra", "attributes"),
}
_NAME: Final = (["--name"], {"metavar": "NAME", "help": "Its new name."})


def _option(*declarations: str, **attributes: Any) -> tuple[list[str], dict[str, Any]]:
    return list(declarations), attributes


_OPTIONS: Final = [
    _option("-d", "--details", metavar="TEXT", help="Free text; '-' reads it from stdin."),
    _option("--priority", type=_PRIORITIES, help="How urgent it is."),
    _option("-p", "--project", metavar="PROJECT", help="The project; dots make levels (web.login)."),
    _option("-t", "--tag", metavar="TAG", multiple=True, help="Add a tag (repeatable)."),
    _option("--assignee", metavar="NAME", help="Who has it."),
    _option("--due", type=DEADLINE, help="When it has to be done; a day alone is its end."),
    _option("--wait", type=MOMENT, help="Hide it until then; a day alone is its beginning."),
    _option("--depends-on", metavar="ID", multiple=True, help="Add a task to be done first (repeatable)."),
    _option(
        "--extra",
        metavar="KEY=JSON",
        multiple=True,
        callback=_parse_extra,
        help="Set an attribute of your own (repeatable).",
    ),
]
_REMOVALS: Final = [
    _option("--remove-tag", metavar="TAG", multiple=True, help="Take a tag away (repeatable)."),
    _option("--remove-depends-on", metavar="ID", multiple=True, help="Take a dependency away (repeatable)."),
    _option("--remove-extra", metavar="KEY", multiple=True, help="Take an attribute away (repeatable)."),
]
_CLEARINGS: Final = [
    _option(f"--{option.replace('_', '-')}", option, is_flag=True, help=f"Clear its {what}.")
    for option, (_, what) in _CLEARABLE.items()
]
