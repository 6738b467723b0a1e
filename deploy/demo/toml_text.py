"""Documents as TOML text, for files that the demo writes into its run.

Invariant: reading the text gives the document back, numbers as exact as they were.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import date, time
from decimal import Decimal
from typing import Any

BARE = re.compile(r"^[A-Za-z0-9_-]+$")


def dumps(document: Mapping[str, Any]) -> str:
    """The text: plain keys first, then tables; lists of tables in the short form, a table a line."""
    return "\n".join(_table(document, ())).strip() + "\n"


def _table(table: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[str]:
    plain = {key: value for key, value in table.items() if not isinstance(value, Mapping)}
    if path and (plain or not table):
        yield f"\n[{'.'.join(_key(part) for part in path)}]"
    for key, value in plain.items():
        yield f"{_key(key)} = {_value(value, lines=True)}"
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from _table(value, (*path, key))


def _key(key: str) -> str:
    return key if BARE.match(key) else json.dumps(key)


def _value(value: Any, *, lines: bool = False) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case int() | Decimal():
            return str(value)
        case float():
            return repr(value)
        case str():
            return json.dumps(value, ensure_ascii=False)
        case date() | time():
            return value.isoformat()
        case Mapping():
            return "{ " + ", ".join(f"{_key(key)} = {_value(part)}" for key, part in value.items()) + " }"
        case list() if lines and value and isinstance(value[0], Mapping):
            return "[\n" + "".join(f"  {_value(part)},\n" for part in value) + "]"
        case list():
            return "[" + ", ".join(_value(part) for part in value) + "]"
    raise TypeError(f"{type(value).__name__} has no place in a file of the demo")
