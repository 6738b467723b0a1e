"""The keys that the API writes and reads, by what it calls them; the layout itself is `meridian.coordination.keys`.

Invariant: no key is put together here.
"""

from __future__ import annotations

from meridian.coordination import keys as layout
from meridian.coordination.keys import ROOT, words
from meridian.risk.api.values import Selector

__all__ = [
    "GENERATION",
    "ROOT",
    "TREE",
    "acked",
    "approval",
    "audit",
    "idempotency",
    "kill",
    "limit",
    "part",
    "parts",
    "permission",
    "region",
    "request",
    "restricted",
    "selector_name",
    "words",
]

TREE = layout.TREE.key()
GENERATION = layout.GENERATION.key()
PUBLISHED = {
    kind.name: kind for kind in (layout.REGIONS, layout.POSITIONS, layout.USAGE, layout.SLOTS, layout.SESSIONS)
}


def limit(number: int) -> str:
    """A limit's definition."""
    return layout.LIMITS.key(str(number))


def part(number: int, holder: str) -> str:
    """A holder's part of a global limit."""
    return layout.PARTS.key(str(number), holder)


def parts(number: int) -> str:
    """What the keys of all parts of a global limit begin with."""
    return layout.PARTS.prefix(str(number))


def selector_name(selector: Selector) -> str:
    """A selector as the last word of a key."""
    return layout.selector(dict(selector))


def kill(node: str, selector: Selector) -> str:
    """The kill fields of a node for a selector."""
    return layout.KILL.key(node, selector_name(selector))


def permission(node: str, selector: Selector) -> str:
    """Who may trade what at a node."""
    return layout.PERMISSIONS.key(node, selector_name(selector))


def restricted(instrument: str) -> str:
    """An instrument of the restricted list."""
    return layout.RESTRICTED.key(instrument)


def acked(region: str, key: str) -> str:
    """Where a region's agent says what it made of a key."""
    return layout.ACKS.key(region, layout.subject(key))


def region(what: str, name: str) -> str:
    """What a region publishes about itself: regions, positions, usage, slots, sessions."""
    return PUBLISHED[what].key(name)


def request(region: str, number: int) -> str:
    """What somebody asks of a region."""
    return layout.REQUESTS.key(region, f"{number:016x}")


def approval(number: str) -> str:
    """A proposal."""
    return layout.APPROVALS.key(number)


def audit(sequence: int) -> str:
    """An audit entry; keys sort as their numbers do."""
    return layout.AUDIT.key(f"{sequence:0{layout.AUDIT_DIGITS}}")


def idempotency(digest: str) -> str:
    """What a write with an idempotency key was answered."""
    return layout.IDEMPOTENCY.key(digest)
