"""The first line of a journal: whose file it is, and of which version.

It is read before anything else. Version 1 is the first, so there is nothing older to upgrade.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from tasky import SchemaTooNewError, StorageCorruptError

__all__ = ["FORMAT", "HEADER", "VERSION", "check_header"]

FORMAT: Final = "tasky-template"
VERSION: Final = 1
HEADER: Final = json.dumps({"format": FORMAT, "version": VERSION}).encode() + b"\n"


def check_header(data: bytes, path: Path) -> int:
    """Where the lines behind the header begin, in bytes; ``data`` is the beginning of the file at ``path``.

    Raises ``SchemaTooNewError`` for a newer version, ``StorageCorruptError`` for what is no journal.
    """
    line, end, _rest = data.partition(b"\n")
    try:
        head = json.loads(line)
        is_ours = head["format"] == FORMAT and type(head["version"]) is int and head["version"] >= 1
    except (KeyError, TypeError, ValueError, RecursionError):
        is_ours = False
    if not is_ours or not end:
        raise StorageCorruptError(
            f"{path} is not a journal of {FORMAT}: its first line does not say so; nothing was changed",
            hint="Check the location, or bring back a good copy of the file.",
        )
    if head["version"] > VERSION:
        raise SchemaTooNewError(
            f"{path} has version {head['version']}, and this {FORMAT} knows versions up to {VERSION};"
            " nothing was changed",
            hint=f"Upgrade {FORMAT} to the version that wrote it.",
        )
    return len(line) + 1
