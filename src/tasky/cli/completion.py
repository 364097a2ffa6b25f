"""``tasky completion``: the script that lets a shell complete commands and options."""

from __future__ import annotations

from typing import Final

import click

from tasky.cli.command import Command
from tasky.cli.context import App, pass_app

__all__ = ["COMPLETE_VARIABLE", "answer_shell", "command"]

COMPLETE_VARIABLE: Final = "_TASKY_COMPLETE"
SHELLS: Final = ("bash", "zsh", "fish")


@click.command("completion", cls=Command)
@click.argument("shell", type=click.Choice(SHELLS))
@pass_app
def command(app: App, shell: str) -> None:
    """Print the completion script of a shell.

    \b
    bash: echo 'eval "$(tasky completion bash)"' >> ~/.bashrc
    zsh:  echo 'eval "$(tasky completion zsh)"' >> ~/.zshrc
    fish: tasky completion fish > ~/.config/fish/completions/tasky.fish
    """
    from click.shell_completion import get_completion_class

    from tasky.cli.group import root

    kind = get_completion_class(shell)
    assert kind is not None  # click has one for each of SHELLS
    completer = kind(root, {}, "tasky", COMPLETE_VARIABLE)
    script = completer.source_template % completer.source_vars()  # source() would start bash for its version
    app.output.write(script.rstrip("\n"))


def answer_shell(instruction: str) -> int:
    """Print what can stand at the cursor, for the script above; returns the exit code.

    ``instruction`` is the value of ``_TASKY_COMPLETE``; the words come in ``COMP_WORDS`` and ``COMP_CWORD``.
    """
    from click.shell_completion import shell_complete

    from tasky.cli.group import root

    return shell_complete(root, {}, "tasky", COMPLETE_VARIABLE, instruction)
