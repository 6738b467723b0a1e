"""The quants' room: the class to derive from, its fields, views and orders, and the functions of floats.

Invariant: importing this package imports neither numba nor numpy; `build` does when it is called.
"""

from typing import TYPE_CHECKING, Any

from meridian.codes import (
    AuctionKind,
    BreakerState,
    CallStatus,
    ConsolidatedState,
    KillNew,
    LegState,
    MultiLegCause,
    MultiLegState,
    OrderState,
    OrderType,
    RegionQuoteState,
    RejectCode,
    Side,
    TimeInForce,
    TradingState,
)
from meridian.strategies import math
from meridian.strategies.channels import channel, region_number
from meridian.strategies.fields import Field, ParameterError, param, state
from meridian.strategies.orders import Orders
from meridian.strategies.plain import Plain
from meridian.strategies.strategy import Strategy
from meridian.strategies.transform import StrategyRefused
from meridian.strategies.views import (
    UNDEF_PRICE,
    Auction,
    Book,
    Consolidated,
    Fill,
    Leg,
    Level,
    MultiLeg,
    Order,
    Region,
    Risk,
    Signal,
    Status,
    Timer,
    Trade,
    VenueTop,
    WorkingOrder,
)

if TYPE_CHECKING:
    from meridian.strategies.artifact import Artifact

__all__ = [
    "UNDEF_PRICE",
    "Auction",
    "AuctionKind",
    "Book",
    "BreakerState",
    "CallStatus",
    "Consolidated",
    "ConsolidatedState",
    "Field",
    "Fill",
    "KillNew",
    "Leg",
    "LegState",
    "Level",
    "MultiLeg",
    "MultiLegCause",
    "MultiLegState",
    "Order",
    "OrderState",
    "OrderType",
    "Orders",
    "ParameterError",
    "Plain",
    "Region",
    "RegionQuoteState",
    "RejectCode",
    "Risk",
    "Side",
    "Signal",
    "Status",
    "Strategy",
    "StrategyRefused",
    "TimeInForce",
    "Timer",
    "Trade",
    "TradingState",
    "VenueTop",
    "WorkingOrder",
    "build",
    "channel",
    "math",
    "param",
    "region_number",
    "state",
]


def build(cls: type[Strategy], **options: Any) -> "Artifact":
    """Builds a class's object code, or finds it in the cache. See `meridian.strategies.artifact.build`."""
    from meridian.strategies import artifact

    return artifact.build(cls, **options)
