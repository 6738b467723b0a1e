"""Features of books and trades: what one event adds to what was known.

Each is written once, in the numbers that a callback may use: the engine's pass, research over recorded flow and the batch path
run these very functions.

Sources: order flow: R. Cont, A. Kukanov and S. Stoikov, "The Price Impact of Order Book Events", Journal of Financial
Econometrics 12 (2014), equation 4. Microprice: S. Stoikov, "The Micro-Price", Quantitative Finance 18
(2018), the weighted middle.

Invariant: none calls another of them, so that each compiles by itself; every result is finite for finite input, and sides
without lots give 0.
"""

__all__ = ["FEATURES", "decayed", "depth_weight", "imbalance", "lean", "order_flow", "ratio", "squared_return"]

FEATURES = ("queue", "depth", "flow", "lean", "trades", "variance")
"""The fields of `alpha.Alpha`, in the order in which models and batches take them."""
BASIS_POINTS = 1e4


def ratio(part: float, whole: float) -> float:
    """The one over the other; 0 where there is nothing."""
    return part / whole if whole > 0.0 else 0.0


def imbalance(bid_lots: float, ask_lots: float) -> float:
    """From -1, all lots to sell, to 1, all lots to buy."""
    lots = bid_lots + ask_lots
    return (bid_lots - ask_lots) / lots if lots > 0.0 else 0.0


def depth_weight(level: int) -> float:
    """What a level counts beside the best one."""
    return 1.0 / float(level + 1)


def decayed(value: float, age_ns: float, half_ns: float) -> float:
    """What is left of a sum after a time: half of it after `half_ns`, a third after twice that."""
    return value * (half_ns / (half_ns + age_ns)) if age_ns > 0.0 else value


def order_flow(
    bid_was: float, bid_lots_were: float, ask_was: float, ask_lots_were: float, bid: float, bid_lots: float, ask: float,
    ask_lots: float,
) -> float:  # fmt: skip
    """Lots by which buying pressure grew from one best bid and offer to the next."""
    flow = 0.0
    if bid >= bid_was:
        flow += bid_lots
    if bid <= bid_was:
        flow -= bid_lots_were
    if ask <= ask_was:
        flow -= ask_lots
    if ask >= ask_was:
        flow += ask_lots_were
    return flow


def lean(bid: float, bid_lots: float, ask: float, ask_lots: float, usual: float) -> float:
    """How far the weighted middle lies above a usual price, in spreads."""
    lots = bid_lots + ask_lots
    spread = ask - bid
    if lots <= 0.0 or spread <= 0.0:
        return 0.0
    return ((bid * ask_lots + ask * bid_lots) / lots - usual) / spread


def squared_return(middle_was: float, middle: float) -> float:
    """The squared change of the middle, in basis points."""
    if middle_was <= 0.0:
        return 0.0
    change = (middle - middle_was) / middle_was * BASIS_POINTS
    return change * change
