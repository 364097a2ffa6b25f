"""A backend of one's own to begin with: a copy of the project's template under another name.

The template is a whole, working plugin. It comes with the wheel as data, and lies beside the sources in a
checkout. In the copy each form of its name, in the files and of the files, is that of the new one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from tasky.errors import BackendConflictError, TaskyError
from tasky.installing import OWN_BACKENDS
from tasky.location import is_scheme

if TYPE_CHECKING:
    from tasky.cli.context import App

__all__ = ["find_template", "write_backend"]

TEMPLATE: Final = "template"
_PACKAGE: Final = Path(__file__).parents[1]
_PLACES: Final = (_PACKAGE / "testing" / TEMPLATE, _PACKAGE.parents[1] / "plugins" / f"tasky-{TEMPLATE}")
_CONTENTS: Final = ("CHANGELOG.md", "LICENSE", "README.md", "pyproject.toml", "src", "tests")


def write_backend(app: App, scheme: str, folder: str | None) -> None:
    """Write the copy for ``scheme`` into ``folder`` (None: one of its distribution's name), and say so.

    Raises a usage error for what cannot name a backend, ``BackendConflictError`` for a name that is taken,
    ``TaskyError`` when the folder holds anything or this Tasky came without the template.
    """
    _check_name(app, scheme)
    names = _names(scheme)
    distribution = names[f"tasky-{TEMPLATE}"]
    target = app.cwd / (folder or distribution)
    if target.exists() and not (target.is_dir() and not any(target.iterdir())):
        raise TaskyError(
            f"{target} is there and not an empty directory; nothing was written",
            hint="Name another directory as the second argument.",
        )
    source = find_template()
    for path in _files(source):
        copied = target / _renamed(path.relative_to(source).as_posix(), names)
        copied.parent.mkdir(parents=True, exist_ok=True)
        copied.write_text(_renamed(path.read_text(encoding="utf-8"), names), encoding="utf-8", newline="\n")
    made = {"name": scheme, "distribution": distribution, "directory": str(target)}
    app.output.facts("backend", made)
    if not app.output.for_programs:
        app.output.note(
            "It works as it is. Its README says how to install it, to test it, and to go on from there."
        )


def find_template(places: Sequence[Path] = _PLACES) -> Path:
    """The first of the places where the template is; raises ``TaskyError`` where it is in none."""
    for place in places:
        if (place / "pyproject.toml").is_file():
            return place
    raise TaskyError(
        "this Tasky came without the template that a new backend is a copy of",
        hint="Install Tasky from its wheel, or from a checkout.",
    )


def _check_name(app: App, scheme: str) -> None:
    if not is_scheme(scheme):
        raise click.UsageError(
            f"{scheme!a} cannot name a backend: use a lower-case letter, then lower-case letters, digits,"
            " '+', '.' or '-'."
        )
    installed = {row.name: row.distribution for row in app.registry.backends()}
    owners = {TEMPLATE: f"tasky-{TEMPLATE}", **OWN_BACKENDS, **installed}
    made = _names(scheme)[f"tasky-{TEMPLATE}"]
    owner = owners.get(scheme) or (made if made in owners.values() else None)
    if owner is not None:
        raise BackendConflictError(
            f"{scheme} would be taken for the backend of {owner}; of two, neither could be used",
            hint="Choose another name. `tasky backends` shows what is installed.",
        )


def _names(scheme: str) -> dict[str, str]:
    """What stands in the copy for each form of the template's name; where two could stand, the first does."""
    words = re.findall("[a-z0-9]+", scheme)
    key = f'"{scheme}"' if re.search("[+.]", scheme) else scheme
    return {
        f"tasky-{TEMPLATE}": "-".join(["tasky", *words]),
        f"tasky_{TEMPLATE}": "_".join(["tasky", *words]),
        f"{TEMPLATE}_factory": "_".join([*words, "factory"]),
        f"{TEMPLATE} = ": f"{key} = ",  # in pyproject.toml, where a key with a dot would be two
        TEMPLATE: scheme,
        TEMPLATE.capitalize(): "".join(map(str.capitalize, words)),
    }


def _renamed(text: str, names: dict[str, str]) -> str:
    return re.sub("|".join(map(re.escape, names)), lambda match: names[match[0]], text)


def _files(source: Path) -> Iterator[Path]:
    """The template's own files: no caches, nor what a build or a test run leaves."""
    for name in _CONTENTS:
        place = source / name
        for path in [place, *sorted(place.rglob("*"))]:
            hidden = any(part.startswith((".", "__pycache__")) for part in path.relative_to(source).parts)
            if path.is_file() and not hidden:
                yield path
