"""The page for teams works: its commands, typed one after the other, end in a project that a member uses."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from tasky_postgres.server import SUPERUSER, TemporaryServer, installed_servers

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs/how-to/share-a-project-on-postgresql.md"
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
PROGRAMS = installed_servers()[0]


@pytest.fixture
def fresh() -> Iterator[TemporaryServer]:
    """A server that nobody has touched: the page makes its roles and its database."""
    with TemporaryServer(PROGRAMS) as server:
        yield server


def test_a_team_gets_there_by_the_page(fresh: TemporaryServer, tmp_path: Path) -> None:
    """Whoever types the commands gets a store with the 704 issues, and a member who may read and write it."""
    text = PAGE.read_text(encoding="utf-8")
    # The page's server is on a machine of its own, with a certificate; this one is on a socket.
    for there, here in (
        ("db.example/tracker", f"{quote(str(fresh.folder), safe='')}/tracker"),
        ("?schema=web&sslmode=verify-full", "?schema=web"),
        ("-h db.example", f"-h {fresh.folder}"),
    ):
        assert there in text
        text = text.replace(there, here)
    (tmp_path / ".beads").mkdir()
    issues = ROOT / "tests/data/beads-issues.jsonl"
    (tmp_path / ".beads/issues.jsonl").write_bytes(issues.read_bytes())
    said = []
    for language, code in FENCE.findall(text):
        if language == "toml":
            (tmp_path / ".tasky/config.toml").write_text(code, encoding="utf-8")
        elif language == "sh":
            user = SUPERUSER if "create" in code else "ann"
            said.append(_shell(code, tmp_path, PGHOST=str(fresh.folder), PGUSER=user))
    assert len(said) == 8
    assert "Water the plants" in _shell("tasky list --project office", tmp_path, PGUSER="ann")
    assert (tmp_path / "web.dump").stat().st_size > 100_000
    assert "Water the plants" in _shell("tasky log --storage sqlite://copy.db", tmp_path)
    dropping = _shell(
        f"psql -h {fresh.folder} -U ann tracker -c 'DROP TABLE web.tasks' 2>&1 || true", tmp_path
    )
    assert "must be owner" in dropping


def _shell(code: str, folder: Path, **environ: str) -> str:
    path = os.pathsep.join([str(Path(sys.executable).parent), str(PROGRAMS), os.environ["PATH"]])
    kept = {key: value for key, value in os.environ.items() if key.startswith("COVERAGE")}
    done = subprocess.run(
        ["sh", "-e", "-c", code],
        cwd=folder,
        env={**kept, "HOME": str(folder), "PATH": path, **environ},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
