"""What a person is told of a store that does not answer.

Invariant: the client's own sentences pass; what they quote of libraries and of the store's program is said in our words, or
left out where our words say it already.
"""

from __future__ import annotations

import re

RAW = re.compile(
    r"transport error|tcp connect|dns error|os error|etcdserver|grpc|h2 |hyper|broken pipe|status:|rustls", re.I
)
"""Words of others."""
MEANINGS = [
    (re.compile(r"connection refused", re.I), "nothing listens there"),
    (re.compile(r"dns|lookup|name or service", re.I), "this host does not know its name"),
    (re.compile(r"unreachable|no route", re.I), "no network leads there"),
    (re.compile(r"deadline|timed out|timeout|time out", re.I), "no answer in time"),
    (re.compile(r"no leader", re.I), "too few members meet"),
    (re.compile(r"permission denied|not permitted", re.I), "this user may not do this"),
    (re.compile(r"no space|database space exceeded", re.I), "the store's room is used up"),
]
BROKE_OFF = "the connection broke off"
ENDPOINT = re.compile(r"^((?:.*?: )?https?://\S+?): ")


def plain(text: str) -> str:
    """A sentence of the store's client without words of others."""
    return "; ".join(_plain(part) for part in _without_quotes(text).split("; "))


def _without_quotes(text: str) -> str:
    """Without what stands in brackets, where that is of others."""
    kept, opened = "", list[int]()
    for at, letter in enumerate(text):
        if letter == "(":
            opened.append(at)
        elif letter == ")" and opened:
            begun = opened.pop()
            if not opened and not RAW.search(quoted := text[begun : at + 1]):
                kept += quoted
        elif not opened:
            kept += letter
    return " ".join((kept + (text[opened[0] :] if opened else "")).split())


def _plain(part: str) -> str:
    if not RAW.search(part):
        return part
    at = ENDPOINT.match(part)
    meaning = next((words for pattern, words in MEANINGS if pattern.search(part)), BROKE_OFF)
    return f"{at[1]}: {meaning}" if at else meaning
