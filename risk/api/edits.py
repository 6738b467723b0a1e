"""What was written into the store past the API: by hand, or by a program that is not ours.

Each audit entry holds the SHA-256 of every value that its transaction wrote. A value that its last audit entry does not tell of
was written by somebody else, whatever it says of its own version and of who confirmed it.

Invariant: nothing here has state or changes anything; it compares.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

from meridian.risk.api import amounts, keys
from meridian.risk.api.values import NEW_ORDERS, RESTING, Kill, Limit, Part, Permission, Restricted, Value

SEALED = frozenset({"tree", "limits", "parts", "kill", "permissions", "restricted", "approvals"})
"""Kinds of keys that the API alone writes, each time with an audit entry."""
NOT_USED = "it is not used: what it stopped stays stopped; re-arm it through the API"
IN_FORCE = (
    "regions may have it in force (what lets more through they take only with a second person's name); "
    "write it again through the API"
)
NO_PROPOSAL = "it cannot be confirmed; propose it again"


def digest(data: bytes) -> str:
    """What an audit entry says of a value."""
    return hashlib.sha256(data).hexdigest()


def written(writes: Mapping[str, bytes | None]) -> dict[str, str]:
    """What an audit entry says of the writes of its transaction: key below the root → digest."""
    return {
        key.removeprefix(keys.ROOT): digest(value)
        for key, value in writes.items()
        if value is not None and keys.words(key)[:1] and keys.words(key)[0] in SEALED
    }


def loosens_alone(before: Value | None, after: Value) -> bool:
    """Whether a value lets more through than the one before it, without anybody who confirmed it."""
    if not isinstance(after, Limit | Kill | Permission | Restricted) or after.confirmed_by not in (None, "", after.by):
        return False
    if isinstance(after, Kill):
        return _kill_loosens(before, after) if isinstance(before, Kill) else after.armed
    if isinstance(after, Limit):
        return isinstance(before, Limit) and _limit_loosens(before, after)
    if isinstance(after, Restricted):
        return isinstance(before, Restricted) and _stricter(NEW_ORDERS, before.new_orders, after.new_orders)
    return isinstance(before, Permission) and _permission_loosens(before, after)


def _stricter(words: Sequence[str], before: str, after: str) -> bool:
    return words.index(before) > words.index(after)


def _kill_loosens(before: Kill, after: Kill) -> bool:
    return (
        _stricter(NEW_ORDERS, before.new_orders, after.new_orders)
        or _stricter(RESTING, before.resting, after.resting)
        or (before.flatten and not after.flatten)
    )


def _limit_loosens(before: Limit, after: Limit) -> bool:
    if after.removed or before.removed:
        return after.removed and not before.removed
    try:
        values = amounts.parse(before.metric, before.value), amounts.parse(after.metric, after.value)
    except ValueError:
        return False
    more = [
        values,
        (before.burst or 0, after.burst or 0),
        (before.reference_age_ns or 0, after.reference_age_ns or 0),
        # No soft value warns latest of all; a longer window means fewer orders.
        (before.soft_percent or 101, after.soft_percent or 101),
        (after.window_ns or 0, before.window_ns or 0),
    ]
    return any(now > was for was, now in more)


def _permission_loosens(before: Permission, after: Permission) -> bool:
    denied_before, allowed_now = not before.allow and not before.removed, after.allow and not after.removed
    denied_now = not after.allow and not after.removed
    return (denied_before and not denied_now) or (before.removed and allowed_now)


def signs(before: Value | None, after: Value) -> list[str]:
    """What a value shows by itself of having been written past the API, given the one before it."""
    found = []
    versioned = (Limit, Kill, Permission, Restricted)
    if isinstance(before, versioned) and isinstance(after, versioned) and after != before:
        if after.version == before.version:
            found.append(f"it has another content and the version it had, {after.version}")
        elif after.version < before.version:
            found.append(f"its version went back from {before.version} to {after.version}")
    if loosens_alone(before, after):
        found.append("it lets more through and no second person confirmed it")
    return found


def sum_of_parts(limit: Limit, parts: Mapping[str, Part]) -> str | None:
    """What is wrong with the parts of a global limit as a whole; None when they add up to its bound."""
    if limit.enforcement != "global" or limit.removed:
        return None
    side = amounts.side_of(limit.metric)
    texts = {holder: str(getattr(part, side)) for holder, part in sorted(parts.items())}
    listed = ", ".join(f"{holder} {text}" for holder, text in texts.items())
    try:
        bound = amounts.parse(limit.metric, limit.value)
        given = {holder: amounts.parse(limit.metric, text) for holder, text in texts.items()}
    except ValueError:
        return (
            f"they do not add up to the bound of limit {limit.id}, {limit.value}: one of them is no amount ({listed})"
        )
    total = sum(given.values())
    if total == bound:
        return None
    told = f"they do not add up to the bound of limit {limit.id}, {limit.value}, but to {amounts.text_of(limit.metric, total)}"
    above = [holder for holder, part in given.items() if part > bound]
    if above:
        told += f", and that of {' and of '.join(above)} alone is more than it"
    meaning = "regions may use more than the bound together" if total > bound else "nobody may use what is missing"
    return f"{told} ({listed}): {meaning}; write the limit again through the API"
