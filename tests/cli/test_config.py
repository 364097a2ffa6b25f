"""``tasky config``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.cli.conftest import CommandLine


def values(cli: CommandLine, *argv: str) -> dict[str, tuple[str, str]]:
    """Each setting's value and where it comes from."""
    items = cli("config", "show", "--json", *argv).items
    return {item["name"]: (item["value"], item["source"]) for item in items}


def test_each_value_is_shown_with_where_it_comes_from(cli: CommandLine) -> None:
    """The project's file, a variable, a flag: each wins over the one before, and is named."""
    file = f"{cli.cwd}/.tasky/config.toml"
    assert values(cli) == {"storage": ("memory://tasks", file), "actor": ("alice", "TASKY_ACTOR")}
    cli.environ["TASKY_STORAGE"] = "memory://variable"
    assert values(cli)["storage"] == ("memory://variable", "TASKY_STORAGE")
    assert values(cli, "--storage", "memory://flag")["storage"] == ("memory://flag", "--storage flag")


def test_a_pipe_gets_a_line_for_each_value(cli: CommandLine) -> None:
    """Name, value and source, with tabs between them."""
    assert cli("config", "show").lines == [
        f"storage\tmemory://tasks\t{cli.cwd}/.tasky/config.toml",
        "actor\talice\tTASKY_ACTOR",
    ]


def test_a_secret_is_never_shown(cli: CommandLine) -> None:
    """A location shows scheme, host, port and path, and neither password nor query."""
    location = "postgresql://me:hunter2@db.example:5432/tasks?sslkey=geheim"
    for argv in (["config", "show"], ["config", "show", "--json"]):
        out = cli(*argv, "--storage", location).out
        assert "postgresql://db.example:5432/tasks" in out
        assert "hunter2" not in out
        assert "geheim" not in out


def test_pinned_backends_are_shown(cli: CommandLine) -> None:
    """A backend that the config pins to a distribution is a value, too."""
    config = Path(cli.cwd, ".tasky/config.toml")
    config.write_text(config.read_text() + '\n[backends]\nmemory = "tasky-memory"\n')
    assert values(cli)["backends.memory"][0] == "tasky-memory"


def test_list_backends_is_the_same_list(bare_cli: CommandLine) -> None:
    """`tasky config list-backends` prints what `tasky backends` prints, also outside a project."""
    assert bare_cli("config", "list-backends").out == bare_cli("backends").out
    assert bare_cli("config", "list-backends", "--json").out == bare_cli("backends", "--json").out
