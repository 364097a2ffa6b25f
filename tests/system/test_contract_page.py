"""The page about the contract is made from the protocol and from the kit, so that it cannot differ from them.

``python -m tests.system.test_contract_page`` writes it anew.
"""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from itertools import groupby
from pathlib import Path

from tasky import TaskRepository
from tasky.repository import CONTRACT_METHODS
from tasky.testing import BackendConformance
from tasky.testing.rules import CONTRACT_VERSION, rules_of

PAGE = Path(__file__).parents[2] / "docs/reference/contract.md"
HEAD = f"""# The storage contract

Version {CONTRACT_VERSION}. This page is made from the docstrings of `tasky.TaskRepository` and from the
rules of the conformance kit, and a test compares it with both. How to write a backend that keeps the
contract, and how to prove that it does: [write a backend](../how-to/write-a-backend.md).

There are nine methods, all required, and no capability flags: a backend keeps the contract or it does not.

"""
RULES = """
## The rules

Each sentence of the contract is a test of the kit; `tasky backends verify NAME` runs them all on a backend
and prints a report card. The names are those of the tests, for `pytest -k`.
"""


def page() -> str:
    """The whole page."""
    parts, signatures = [HEAD, _prose(TaskRepository.__doc__)], _signatures()
    for name in CONTRACT_METHODS:
        method = getattr(TaskRepository, name)
        parts.append(f"\n## {name}\n\n```python\n{signatures[name]}\n```\n\n{_prose(method.__doc__)}")
    parts.append(RULES)
    rules = rules_of(BackendConformance).values()
    for section, members in groupby(rules, key=lambda rule: rule.section):
        parts.append(f"\n### {section}\n\n| rule | its test |\n| --- | --- |\n")
        parts += (f"| {_ticks(rule.sentence)} | `{rule.name}` |\n" for rule in members)
    return "".join(parts)


def test_the_page_says_what_the_protocol_says() -> None:
    """Whoever reads the contract in the documentation reads the docstrings and the rules of today."""
    expected = "`python -m tests.system.test_contract_page` writes the page anew"
    assert PAGE.read_text(encoding="utf-8").splitlines() == page().splitlines(), expected


def test_every_method_is_described() -> None:
    """The page has a section for each of the nine methods, and a row for each rule."""
    text = PAGE.read_text(encoding="utf-8")
    assert re.findall(r"^## (\w+)$", text, re.MULTILINE) == list(CONTRACT_METHODS)
    assert text.count("| `test_") == len(rules_of(BackendConformance))


def _signatures() -> dict[str, str]:
    """The head of each method as it is written, without its ``self``."""
    source = textwrap.dedent(inspect.getsource(TaskRepository))
    (protocol,) = ast.parse(source).body
    assert isinstance(protocol, ast.ClassDef)
    found = {}
    for method in protocol.body:
        if isinstance(method, ast.FunctionDef):
            lines = source.splitlines()[method.lineno - 1 : method.body[0].lineno - 1]
            head = textwrap.dedent("\n".join(lines))
            found[method.name] = re.sub(r"self(, /)?(, |,\n    |(?=\)))", "", f"{head} ...", count=1)
    return found


def _prose(docstring: str | None) -> str:
    return _ticks(inspect.cleandoc(docstring or "")) + "\n"


def _ticks(text: str) -> str:
    return text.replace("``", "`").replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
