"""Which places a project's config may send Tasky to without being asked, and what the user approved.

A config comes with a checkout, from whoever wrote it. So it may name a file inside its own project; what
lies outside, is a server, or takes part of its name from the environment needs the user's own approval,
once. And as a project is found by looking upwards, where others may have put one (``/tmp/.tasky``), a
project that belongs to somebody else needs it too, unless the user named its directory.

Approvals are kept in the user's config directory, for a project's real path and the exact text of the
location, as its SHA-256: a config that changes has to be approved again. A file that is not understood is
an error, never taken for an approval.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from tasky.atomic import write_atomically
from tasky.config import user_config_dir
from tasky.errors import ConfigError
from tasky.location import StorageLocation

__all__ = ["doubt", "is_approved", "is_own", "record_approval"]

_VERSION: Final = 1
_LOCK_AGE: Final = 5.0  # seconds after which a lock is a dead process's: it is held for one small write
_PAUSE: Final = 0.01  # seconds between two looks at another process's lock


def doubt(location: StorageLocation, root: Path, *, is_file: bool) -> str:
    """Why a project at ``root`` may not send Tasky there unasked; empty when it may.

    Raises ``InvalidLocationError`` for a file's location that is malformed.
    """
    if location.uses_variables:
        return "takes a part of it from your environment"
    if not is_file:
        return "is not a file in the project"
    path = location.file_path(root).resolve()
    if not path.is_relative_to(root.resolve()):
        return f"is {path}, outside the project"
    return ""


def is_own(path: Path) -> bool:
    """Whether the file belongs to this user or to the system; always true where files have no owner ids."""
    user = getattr(os, "geteuid", None)
    return user is None or path.stat().st_uid in (0, user())


def is_approved(location: StorageLocation, root: Path, environ: Mapping[str, str]) -> bool:
    """Whether the user approved this location for the project at ``root``; raises ``ConfigError``."""
    approved = _read(user_config_dir(environ) / "approved.json")
    return _digest(location) in approved.get(str(root.resolve()), ())


def record_approval(location: StorageLocation, root: Path, environ: Mapping[str, str]) -> None:
    """Remember that the user approved this location for the project at ``root``, for good.

    The file is readable by its owner alone. Raises ``ConfigError`` when it cannot be written.
    """
    directory = user_config_dir(environ)
    path = directory / "approved.json"
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _lock(path.with_name("approved.json.lock")):
            approved = _read(path)
            digests = {*approved.get(str(root.resolve()), ()), _digest(location)}
            approved[str(root.resolve())] = sorted(digests)
            write_atomically(path, _encode(approved), mode=0o600, replace=True)
    except OSError as error:
        raise ConfigError(
            f"the approval cannot be recorded in {path}: {error.strerror}",
            hint="Make that directory writable for you, and approve again.",
        ) from error


def _digest(location: StorageLocation) -> str:
    from hashlib import sha256  # loads OpenSSL, and few projects need an approval

    return sha256(location.written.reveal().encode("utf-8", "surrogatepass")).hexdigest()


def _read(path: Path) -> dict[str, list[str]]:
    """The digests that are approved, by the project's path."""
    from json import loads  # as above

    try:
        document = loads(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError):
        document = None
    approved = document.get("approved") if isinstance(document, dict) else None
    if (
        not isinstance(approved, dict)
        or document.get("version") != _VERSION
        or any(not isinstance(digests, list) for digests in approved.values())
    ):
        raise ConfigError(
            f"{path} is not a list of approvals that this Tasky understands",
            hint="Move it away and approve the locations of your projects again.",
        )
    return approved


def _encode(approved: Mapping[str, list[str]]) -> bytes:
    from json import dumps

    return dumps({"version": _VERSION, "approved": approved}, indent=2, sort_keys=True).encode() + b"\n"


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    """Keep other processes from losing this one's approval; one that died is not waited for."""
    while True:
        try:
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
            break
        except FileExistsError:
            with suppress(FileNotFoundError):
                if abs(time.time() - path.stat().st_mtime) > _LOCK_AGE:
                    path.unlink()
            time.sleep(_PAUSE)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
