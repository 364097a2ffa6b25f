"""The guide for backend authors, followed to the letter in an environment of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sysconfig
import tomllib
import venv
from pathlib import Path

import pytest

GUIDE = Path(__file__).parents[2] / "docs/how-to/write-a-backend.md"
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """A virtual environment that sees what this one has, and into which more can be installed."""
    home = tmp_path / "environment"
    venv.create(home, with_pip=False)
    site = Path(sysconfig.get_path("purelib", vars={"base": str(home), "platbase": str(home)}))
    here = sysconfig.get_path("purelib")
    (site / "outer.pth").write_text(f"import site; site.addsitedir({here!r})\n", encoding="utf-8")
    scripts = home / "bin"
    command = scripts / "tasky"
    command.write_text(f"#!{scripts / 'python'}\nimport tasky.cli\ntasky.cli.run()\n", encoding="utf-8")
    command.chmod(0o755)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("COVERAGE", "PYTEST"))}
    return {
        **kept,
        "PATH": f"{scripts}{os.pathsep}{kept['PATH']}",
        "HOME": str(tmp_path),
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_NO_BUILD_ISOLATION": "0",  # pip reads it as what it says: no isolation, the tools are there
    }


def test_the_commands_of_the_guide_lead_to_a_pass(tmp_path: Path, environment: dict[str, str]) -> None:
    """Whoever types the commands of the guide has a backend under their name that keeps the contract."""
    steps = [code for language, code in FENCE.findall(GUIDE.read_text(encoding="utf-8")) if language == "sh"]
    assert len(steps) >= 4
    work = tmp_path / "work"
    work.mkdir()
    done = subprocess.run(
        ["sh", "-e", "-c", "".join(steps)],
        cwd=work,
        env=environment,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr.count("shelf keeps contract 1.0") == 2, done.stderr
    assert "shelf\ttasky-shelf\t" in done.stdout
    project = tomllib.loads((work / "tasky-shelf/pyproject.toml").read_text(encoding="utf-8"))["project"]
    (example,) = (code for language, code in FENCE.findall(GUIDE.read_text("utf-8")) if language == "toml")
    assert tomllib.loads(example)["project"]["entry-points"] == project["entry-points"]
