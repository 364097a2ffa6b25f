"""The template, copied out of the repository under another name, is a backend of its own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.system.conftest import Build, MakeEnvironment


def test_a_copy_of_the_template_is_a_backend(
    make_environment: MakeEnvironment, build: Build, distributions: Path, tmp_path: Path
) -> None:
    """With no edit it builds, installs beside Tasky, is listed, does the main job, and passes the kit."""
    environment = make_environment("tasky")
    environment.run("tasky", "backends", "new", "mine")
    copy = environment.project / "tasky-mine"
    build(copy, tmp_path / "dist")
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    links = ["--find-links", str(distributions)]
    environment.install(*links, str(wheel), "--group", f"{copy}/pyproject.toml:test")

    rows = environment.items("backends", "check")
    assert [(row["name"], row["distribution"], row["state"]) for row in rows] == [
        ("mine", "tasky-mine", "ok")
    ]
    environment.do_the_main_job("--storage", "mine://.tasky/tasks.journal")
    assert (environment.project / ".tasky/tasks.journal").is_file()

    tests = environment.run("python", "-m", "pytest", "-q", "-n", "2", cwd=copy).stdout
    assert "Tasky's contract: TestMine" in tests
    assert ": a pass" in tests
