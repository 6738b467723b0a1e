"""A global limit divided into fixed parts, one a holder: how a bound is shared out, and how a change of it proceeds.

Invariant: the bound in force is the sum of the parts, always; a part grows only by what others have given back or what the
bound itself has grown, and shrinks only when its holder has said that it is inside the smaller part.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

Parts = dict[str, int]


def share(value: int, shares: Mapping[str, int]) -> Parts:
    """`value` divided in proportion to the shares, whole numbers that add up: largest remainders first, then by name.

    Raises ValueError when nobody has a share.
    """
    total = sum(shares.values())
    if not shares or total <= 0 or min(shares.values()) < 0:
        raise ValueError("no holder has a share")
    parts = {holder: value * share // total for holder, share in shares.items()}
    by_remainder = sorted(shares, key=lambda holder: (-(value * shares[holder] % total), holder))
    for holder in by_remainder[: value - sum(parts.values())]:
        parts[holder] += 1
    return parts


def lowered(value: int, now: Mapping[str, int]) -> Parts:
    """The parts when their sum goes down to `value`: each gives in proportion to what it has, and none grows by rounding."""
    given = share(sum(now.values()) - value, now)
    return {holder: part - given[holder] for holder, part in now.items()}


def advance(now: Parts, target: Parts, gave_back: Collection[str]) -> Parts:
    """One step from the parts in force towards the target, given who is inside its smaller part.

    The sum of the result is the bound in force. It never goes below the target's sum before everything is given back, and
    rises at once as far as the target's sum is higher.
    """
    holders = sorted(now.keys() | target.keys())
    bound, aim = sum(now.values()), sum(target.values())
    stepped = {holder: now.get(holder, 0) for holder in holders}
    for holder in holders:
        if holder in gave_back and target.get(holder, 0) < stepped[holder]:
            stepped[holder] = target.get(holder, 0)
    freed = bound - sum(stepped.values())
    spare = max(aim, bound - freed) - sum(stepped.values())
    for holder in holders:
        grown = min(spare, max(0, target.get(holder, 0) - stepped[holder]))
        stepped[holder] += grown
        spare -= grown
    assert spare == 0, "what was given back and what the bound grew by found its holders"
    return stepped


def givers(now: Parts, target: Parts) -> list[str]:
    """Holders whose part has to shrink."""
    return sorted(holder for holder, part in now.items() if target.get(holder, 0) < part)


def region_of(holder: str) -> str:
    """The region of a holder, which is named `<region>-<shard>`."""
    return holder.rpartition("-")[0]
