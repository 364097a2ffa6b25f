"""One script of commands says the same, byte for byte, whichever backend keeps the tasks."""

from __future__ import annotations

import os
import shlex
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from io import BytesIO, TextIOWrapper
from itertools import count, zip_longest
from pathlib import Path
from uuid import UUID

import pytest

from tasky import StorageLocation
from tasky.cli import main
from tasky_postgres.harness import PostgresHarness

BEADS = Path(__file__).parents[1] / "data" / "beads-issues.jsonl"
FILES = {
    "sqlite": "sqlite://.tasky/tasks.db",
    "json": "json://.tasky/tasks.json",
    "template": "template://.tasky/tasks.journal",
}
SCHEMES = [*FILES, "postgresql"]

# One command a line; what follows << is typed into it. `x = add ...` names the id that it prints @x.
SCRIPT = r"""
list
next
log
undo
show ffffffff
milk = add Buy milk
manual = add 'Write the manual' -p docs.user -t b -t 'größe' --priority high --due friday -d 'Straße, ünïcode'
plan = add 'Plan the release' -p docs --due 2026-02-03 --assignee bob --extra 'n={"a": [1, 1.0, 1e3, null]}'
later = add 'Not yet' --wait +3d --priority low
add 'Blocked by milk' --depends-on @milk --assignee alice
add ''
add 'Bad date' --due someday
piped = add 'From a pipe' -d - << zwei Zeilen\nText mit \x1b[31m
list
list --all
list --json
list --jsonl --status pending --sort priority
list --sort due
list --sort due --reverse
list --sort name --limit 2
list -p docs
list -t b --no-tag x
list --overdue
list --mine
list --assignee none
list --ready
list --not-ready
list --waiting
list --text STRASSE
list --text MANUAL
list --due-before saturday --due-after yesterday
list --created-after -25min
list --depends-on @milk
list --id @later --id @milk
list --status open
next
next --limit 2 --json
show @manual
show @plan @piped --json
update @manual --tag new --remove-tag b --no-due --priority low
update @milk @plan --assignee carol --tag bulk
update @milk --depends-on @piped
update @piped --depends-on @milk
update @milk --depends-on @milk
update @milk
update 0000 --name x
update @plan --extra 'n={"a": [1.0, 1, 1000, null]}' --dry-run
update @plan --name 'Plan it'
done @milk --dry-run
done @milk
done @milk
list --ready
cancel @plan @later
reopen @milk @plan
claim @manual
claim @manual --for bob
claim -p nowhere
delete @piped
delete @piped --dry-run
delete @piped --yes
log
log --json
log @manual
log -n 3 --jsonl
undo --dry-run
undo
undo
undo --json
undo --batch ffffffff
check
import BEADS --from beads --dry-run
import BEADS --from beads
import BEADS --from beads --json
list
list --all --json
list --all --sort updated --reverse
list --all --sort priority --limit 300
list --all --sort name --limit 100
list --status completed --limit 20 --sort created
list --text plugin --all
list --text BÄRENSTARK --all
list --priority high --ready --sort due
list --closed-after 2026-02-20 --all
list --created-before 2026-02-20 --all --sort updated
list --no-tag gt:role --mine --all
next --limit 30
export out.jsonl
export out.jsonl
export --format json --status pending --tag gt:agent
import ../out.jsonl -C elsewhere
import ../out.jsonl -C elsewhere
import - -C elsewhere << {"task_id": "1"}
import - --update -C elsewhere << {"task_id": "TASK", "name": "Other", "created_at": "2026-01-01T00:00:00Z"}
export -C elsewhere
log -n 5 -C elsewhere
undo -C elsewhere
undo -C elsewhere
undo -C elsewhere
list --all -C elsewhere
log --limit 1500
log -n 1 --json
undo
undo
check --json
frobnicate
lst
""".strip().splitlines()


@dataclass(frozen=True)
class Said:
    """What one command of the script said."""

    command: str
    code: int
    out: str
    err: str


@pytest.fixture
def utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Local time is UTC, whatever it is on this machine."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "UTC")
        time.tzset()
        yield
    time.tzset()


def locations(scheme: str, root: Path) -> list[str]:
    """Where the tasks of the project are, and those of ``elsewhere``; the server is the harness's own."""
    if scheme in FILES:
        return [FILES[scheme]] * 2
    return [PostgresHarness().fresh_location(root).written.reveal() for _ in range(2)]


def run_script(
    scheme: str, root: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> list[Said]:
    """Run the script on a new store, with a clock that ticks by the minute and ids that count."""
    (root / "elsewhere").mkdir(parents=True)
    monkeypatch.chdir(root)
    environ = {"HOME": str(root), "PATH": os.environ["PATH"], "TASKY_ACTOR": "alice"}
    numbers = count(1)

    def new_id() -> UUID:
        return UUID(f"{next(numbers):08x}-0000-4000-8000-000000000000")

    said: list[Said] = []
    names: dict[str, str] = {}
    here, elsewhere = locations(scheme, root)
    places = {here, elsewhere, str(StorageLocation.parse(here))}
    setup = [f"init --storage '{here}'", f"init --storage '{elsewhere}' -C elsewhere"]
    for minute, line in enumerate([*setup, *SCRIPT]):
        line, _, typed = line.replace("TASK", names.get("milk", "")).partition(" << ")
        name, _, command = line.rpartition(" = ")
        for known, task_id in names.items():
            command = command.replace(f"@{known}", task_id[:8])
        now = datetime(2026, 2, 4, 9, 0, tzinfo=UTC) + timedelta(minutes=minute)
        argv = [str(BEADS) if word == "BEADS" else word for word in shlex.split(command)]
        stdin = typed.encode().decode("unicode_escape") if "\\" in typed else typed
        monkeypatch.setattr("sys.stdin", TextIOWrapper(BytesIO(stdin.encode()), encoding="utf-8"))
        code = main(argv, clock=lambda now=now: now, new_id=new_id, environ=environ)  # type: ignore[misc] # bound now
        captured = capfd.readouterr()
        if name:
            names[name] = f"{captured.out.strip()}-0000-4000-8000-000000000000"
        out, err = (without_place(text, places, root) for text in (captured.out, captured.err))
        said.append(Said(without_place(line, places, root), code, out, err))
    return said


def without_place(text: str, places: set[str], root: Path) -> str:
    """The text without the one thing that may differ: where the tasks are kept."""
    for place in sorted(places, key=len, reverse=True):
        text = text.replace(place, "LOCATION")
    return text.replace(str(root), "ROOT")


def test_every_command_says_the_same_on_every_backend(
    tmp_path: Path, utc: None, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """A hundred commands, on made-up and on 704 real tasks, differ in no byte of output and no exit code."""
    on_sqlite, *others = (run_script(scheme, tmp_path / scheme, monkeypatch, capfd) for scheme in SCHEMES)
    for on_other in others:
        for one, other in zip_longest(on_sqlite, on_other):
            assert one == other
    assert len(on_sqlite) >= 60
    codes = {said.code for said in on_sqlite}
    assert codes == {0, 1, 2, 3, 4}
    assert not [said for said in on_sqlite if "unexpected" in said.err]
    assert len({(tmp_path / scheme / "out.jsonl").read_bytes() for scheme in SCHEMES}) == 1
