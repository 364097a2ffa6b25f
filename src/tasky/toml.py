"""TOML: what is as plain as Tasky writes it by the few lines below, everything else by tomllib.

tomllib compiles its patterns when it is imported, which is a twentieth of a whole command.
"""

from __future__ import annotations

from typing import Any

__all__ = ["parse_plain", "parse_toml"]


def parse_toml(text: str) -> dict[str, Any]:
    """The document; raises ``ValueError`` and ``RecursionError`` as ``tomllib.loads`` does."""
    document = parse_plain(text)
    if document is None:
        import tomllib  # most configs are plain

        return tomllib.loads(text)
    return document


def parse_plain(text: str) -> dict[str, Any] | None:
    """What ``tomllib.loads`` gives for tables of simple keys, whole numbers and simple strings.

    None when in doubt: tomllib must then be asked.
    """
    document: dict[str, Any] = {}
    table = document
    for line in text.replace("\r\n", "\n").split("\n"):
        line = line.strip(" \t")
        if not line.isprintable():
            return None
        if not line or line.startswith("#"):
            continue
        if line.startswith("["):
            name = line[1:-1]
            if not line.endswith("]") or not _is_key(name) or name in document:
                return None
            table = document[name] = {}
            continue
        key, _, written = line.partition("=")
        key, value = key.rstrip(" \t"), _value(written.lstrip(" \t"))
        if value is None or not _is_key(key) or key in table:
            return None
        table[key] = value
    return document


def _is_key(text: str) -> bool:
    return text.isascii() and text.replace("-", "_").isidentifier()


def _value(text: str) -> str | int | None:
    if len(text) > 1 and text[0] == text[-1] == '"' and not {'"', "\\"}.intersection(text[1:-1]):
        return text[1:-1]
    if text.isascii() and text.isdecimal() and (text == "0" or text[0] != "0") and len(text) < 19:
        return int(text)
    return None
