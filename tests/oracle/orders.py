"""Orders as the naive twin keeps them, and what events say.

Invariant: an order's rank is price, then displayed before hidden, then time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from meridian.records import Side, TimeInForce
from tests.oracle.auction import AT_AUCTION

Event = dict[str, Any]

IMMEDIATE = (TimeInForce.IMMEDIATE_OR_CANCEL, TimeInForce.FILL_OR_KILL)
FIELDS = (
    "instrument",
    "source",
    "event",
    "reason",
    "side",
    "resting",
    "hidden",
    "effect",
    "state",
    "letter",
    "order_ref",
    "other_ref",
    "user_ref",
    "other_user_ref",
    "match_id",
    "price_nanos",
    "lots",
    "leaves_lots",
    "other_leaves_lots",
    "shown_change_lots",
    "shown_lots",
    "other_source",
    "former_price_nanos",
)
"""What an event says, as far as the twin checks it (times, texts and letters are only carried through)."""


@dataclass(eq=False)
class Order:
    """One order, resting or on its way in."""

    instrument: int
    session: int
    user_ref: int
    ref: int
    side: int
    price: int
    front: int
    reserve: int = 0
    executed: int = 0
    display: int = 0
    hidden: int = 0
    owner: int = 0
    self_trade: int = 0
    time_in_force: int = 0
    expire: int = 0
    arrival: int = 0
    timer: int = 0
    waits: bool = False
    veiled: bool = False

    @property
    def leaves(self) -> int:
        """Lots still open."""
        return self.front + self.reserve

    @property
    def shown(self) -> int:
        """Lots on the feed."""
        return 0 if self.hidden else self.front

    @property
    def hides(self) -> int:
        """Whether it asked not to be seen."""
        return int(self.hidden and not (self.waits or self.veiled))

    def rank(self) -> tuple[int, int, int]:
        """Price, then displayed before hidden, then time."""
        return (-self.price if self.side == Side.BUY else self.price, self.hidden, self.arrival)


@dataclass
class Wish:
    """Terms of a new order or a replacement."""

    price: int
    lots: int
    minimum: int
    display: int
    expire: int
    time_in_force: int
    post_only: int
    hidden: int
    market: bool = False

    @property
    def immediate(self) -> bool:
        """Never rests."""
        return (self.market and self.time_in_force not in AT_AUCTION) or self.time_in_force in IMMEDIATE
