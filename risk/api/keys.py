"""Keys under `/meridian/v1/`, built and taken apart.

Invariant: every name in a key is quoted, so that no name reaches into another's keys.
"""

from __future__ import annotations

from urllib.parse import quote, unquote

from meridian.risk.api.values import Selector

ROOT = "/meridian/v1/"
TREE = ROOT + "tree"
GENERATION = ROOT + "generation"


def _quoted(name: str) -> str:
    return quote(name, safe="")


def limit(number: int) -> str:
    """A limit's definition."""
    return f"{ROOT}limits/{number}"


def part(number: int, holder: str) -> str:
    """A holder's part of a global limit."""
    return f"{ROOT}parts/{number}/{_quoted(holder)}"


def selector_name(selector: Selector) -> str:
    """A selector as the last word of a key: `all`, or what it names in a fixed order."""
    chosen = [f"{name}={_quoted(str(value))}" for name, value in selector if value is not None]
    return ",".join(chosen) or "all"


def kill(node: str, selector: Selector) -> str:
    """The kill fields of a node for a selector."""
    return f"{ROOT}kill/{_quoted(node)}/{selector_name(selector)}"


def acked(region: str, key: str) -> str:
    """Where a region's agent says what it made of a key."""
    return f"{ROOT}acks/{_quoted(region)}/{key.removeprefix(ROOT)}"


def region(what: str, name: str) -> str:
    """What a region publishes about itself: regions, positions, usage, slots, sessions."""
    return f"{ROOT}{what}/{_quoted(name)}"


def approval(number: str) -> str:
    """A proposal."""
    return f"{ROOT}approvals/{_quoted(number)}"


def audit(sequence: int) -> str:
    """An audit entry; keys sort as their numbers do."""
    return f"{ROOT}audit/{sequence:020}"


def idempotency(digest: str) -> str:
    """What a write with an idempotency key was answered."""
    return f"{ROOT}idempotency/{digest}"


def words(key: str) -> list[str]:
    """The words of a key below the root, unquoted; nothing for a key of somebody else."""
    return [unquote(word) for word in key.removeprefix(ROOT).split("/")] if key.startswith(ROOT) else []
