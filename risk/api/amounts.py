"""Values of limits as people and etcd write them (decimals in the metric's unit) and as whole numbers to reckon with.

Invariant: nothing here is a float. A text that was read and written again is the same text: no exponent, no zeros at the end.
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

from meridian.records import Metric
from meridian.risk.limits import DIVISIBLE, METRICS, VALUES

DECIMALS = {"money": 9, "percent": 4}
"""Decimals of a unit; the others are whole numbers."""
ALLOWED = {
    "lots": "a whole number of lots, not below zero",
    "orders": "a whole number of orders, not below zero",
    "count": "a whole number, not below zero",
    "money": "an amount with at most nine decimals, not below zero",
    "percent": "a percentage with at most four decimals, from 0 to 100",
}
MOST = {"money": 2**127 - 1, "percent": 100 * 10**4}
"""The greatest value that a record, or sense, takes; that of the others has 63 bits."""
DIGITS_MAX = 60
GLOBAL_METRICS = {one.name.lower() for one in DIVISIBLE}
"""Metrics that can be divided among engines: what one holder has not used, another may not use either."""


def unit_of(metric: str) -> str:
    """The unit of a metric's value: lots, orders, count, money or percent."""
    return VALUES[METRICS[metric]]


def allowed(metric: str) -> str:
    """What a metric's value may be, in words."""
    unit = unit_of(metric)
    return ALLOWED.get(unit, f"a value in {unit}")


def parse(metric: str, text: str) -> int:
    """A value as a whole number of the smallest part of its unit. Raises ValueError when it is none or out of range."""
    unit = unit_of(metric)
    if not text or len(text) > DIGITS_MAX or not text.isascii() or text.strip("0123456789.-"):
        raise ValueError("it is no number")
    try:
        scaled = Decimal(text).scaleb(DECIMALS.get(unit, 0))
    except InvalidOperation:
        raise ValueError("it is no number") from None
    whole = int(scaled)
    if whole != scaled:
        raise ValueError("it has too many decimals")
    if not 0 <= whole <= MOST.get(unit, 2**63 - 1):
        raise ValueError("it is out of range")
    return whole


def text_of(metric: str, whole: int) -> str:
    """The value as people write it."""
    places = DECIMALS.get(unit_of(metric), 0)
    sign, digits = ("-" if whole < 0 else ""), str(abs(whole)).rjust(places + 1, "0")
    if not places:
        return sign + digits
    return (sign + digits[:-places] + "." + digits[-places:]).rstrip("0").rstrip(".")


def side_of(metric: str) -> str:
    """The field of a part that binds: `lower` for short positions, `upper` for everything else."""
    return "lower" if METRICS[metric] is Metric.POSITION_SHORT else "upper"
