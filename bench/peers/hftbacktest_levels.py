"""hftbacktest over level data, a run a line: reads a line, runs once, prints seconds and orders as JSON.

    python hftbacktest_levels.py DATA.npz BEAT_NS

The strategy is that of `meridian.bench.backtest`: at each beat one order a side at the touch, moved when the touch moved.
Runs in any Python that has hftbacktest; it is no dependency of the platform.
"""

import json
import sys
import time
from typing import Any

import numpy as np
from hftbacktest import (
    BUY,
    BUY_EVENT,
    DEPTH_EVENT,
    EXCH_EVENT,
    GTC,
    LIMIT,
    LOCAL_EVENT,
    SELL_EVENT,
    TRADE_EVENT,
    BacktestAsset,
    HashMapMarketDepthBacktest,
)
from hftbacktest.types import event_dtype
from numba import njit

LOTS, LIMIT_LOTS = 0.01, 1.0
FEED_NS, ORDER_NS = 10_000, 20_000


def quote(hbt: Any, beat_ns: int, lots: float, limit: float) -> int:
    """Quotes to the end of the data; how many orders were sent."""
    number = 0
    while hbt.elapse(beat_ns) == 0:
        hbt.clear_inactive_orders(0)
        depth = hbt.depth(0)
        bid, ask = depth.best_bid, depth.best_ask
        within = abs(hbt.position(0)) <= limit
        has_bid, has_ask = False, False
        values = hbt.orders(0).values()
        while values.has_next():
            order = values.get()
            wanted = bid if order.side == BUY else ask
            if order.cancellable and (order.price != wanted or not within):
                hbt.cancel(0, order.order_id, False)
            if order.side == BUY:
                has_bid = True
            else:
                has_ask = True
        if within and not has_bid:
            number += 1
            hbt.submit_buy_order(0, number, bid, lots, GTC, LIMIT, False)
        if within and not has_ask:
            number += 1
            hbt.submit_sell_order(0, number, ask, lots, GTC, LIMIT, False)
    return number


QUOTE: Any = njit(quote)
"""The same, compiled."""


def main() -> None:
    """Runs once for each line of standard input."""
    raw = np.load(sys.argv[1])
    data = np.zeros(len(raw["time_ns"]), dtype=event_dtype)
    side = np.where(raw["side"] == 1, BUY_EVENT, SELL_EVENT).astype(np.uint64)
    kind = np.where(raw["trade"] == 1, TRADE_EVENT, DEPTH_EVENT).astype(np.uint64)
    data["ev"] = side | kind | np.uint64(EXCH_EVENT | LOCAL_EVENT)
    data["exch_ts"], data["local_ts"] = raw["time_ns"], raw["time_ns"] + FEED_NS
    data["px"], data["qty"] = raw["price"], raw["amount"]
    for _ in sys.stdin:
        asset = (
            BacktestAsset()
            .data([data])
            .linear_asset(1.0)
            .constant_order_latency(ORDER_NS, ORDER_NS)
            .power_prob_queue_model(3.0)
            .no_partial_fill_exchange()
            .trading_value_fee_model(0.0, 0.0)
            .tick_size(1.0)
            .lot_size(0.0001)
        )
        hbt = HashMapMarketDepthBacktest([asset])
        begun = time.perf_counter()
        orders = QUOTE(hbt, int(sys.argv[2]), LOTS, LIMIT_LOTS)
        seconds = time.perf_counter() - begun
        hbt.close()
        print(json.dumps({"seconds": seconds, "orders": int(orders)}), flush=True)


if __name__ == "__main__":
    main()
