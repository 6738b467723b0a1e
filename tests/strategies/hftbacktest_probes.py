"""The orders of `Prober` in hftbacktest, over the same levels at the same beats: every fill as the exchange made it.

    python hftbacktest_probes.py QUEUE=DATA.npz...

DATA: rows of time_ns, side, trade, ticks, lots; beats_ns, when the strategy looks; the delays and the size of an order. QUEUE as
`meridian backtest --queue` takes it. Beside DATA, as DATA.npz.out.npz: sent orders (number, beat, side, ticks), fills (number,
the exchange's time, lots of the order filled by then, whether it rested) and how the run ended.
"""

import sys
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

ORDER_RESPONSE, ENDED = 3, 1


def probe(hbt: Any, beats_ns: Any, lots: int, sent: Any, fills: Any) -> tuple[int, int, int]:
    """Sends, cancels and listens to the end of the data; orders, fills, and how it ended (1: the data did)."""
    orders = filled = 0
    filled_lots = np.zeros(len(sent) + 1, dtype=np.int64)
    code = hbt.elapse(0)
    for at in range(len(beats_ns)):
        while hbt.current_timestamp < beats_ns[at]:
            code = hbt.wait_next_feed(True, beats_ns[at] - hbt.current_timestamp)
            if code == ORDER_RESPONSE:
                values = hbt.orders(0).values()
                while values.has_next():
                    order = values.get()
                    now = round(order.qty - order.leaves_qty)
                    if now > filled_lots[order.order_id]:
                        fills[filled, 0], fills[filled, 1] = order.order_id, order.exch_timestamp
                        fills[filled, 2], fills[filled, 3] = now, order.arr[0].maker
                        filled_lots[order.order_id] = now
                        filled += 1
            elif code != 0 and code != 2:
                return orders, filled, code
        hbt.clear_inactive_orders(0)
        if at % 2 == 1:
            values = hbt.orders(0).values()
            while values.has_next():
                order = values.get()
                if order.cancellable:
                    hbt.cancel(0, order.order_id, False)
            continue
        depth = hbt.depth(0)
        if depth.best_bid < depth.best_ask:
            for side in (1, 2):
                orders += 1
                price = depth.best_bid if side == BUY else depth.best_ask
                if side == BUY:
                    hbt.submit_buy_order(0, orders, price, lots, GTC, LIMIT, False)
                else:
                    hbt.submit_sell_order(0, orders, price, lots, GTC, LIMIT, False)
                sent[orders - 1, 0], sent[orders - 1, 1] = orders, at
                sent[orders - 1, 2], sent[orders - 1, 3] = side, round(price)
    return orders, filled, code


PROBE: Any = njit(probe)
"""The same, compiled."""


def run(queue: str, path: str) -> None:
    """One run."""
    raw = np.load(path)
    feed_ns, order_ns, report_ns = (int(each) for each in raw["delays_ns"])
    data = np.zeros(len(raw["time_ns"]), dtype=event_dtype)
    # A trade is told by its taker's side, and ours by the side that rested.
    buys = (raw["side"] == 1) != (raw["trade"] == 1)
    side = np.where(buys, BUY_EVENT, SELL_EVENT).astype(np.uint64)
    kind = np.where(raw["trade"] == 1, TRADE_EVENT, DEPTH_EVENT).astype(np.uint64)
    data["ev"] = side | kind | np.uint64(EXCH_EVENT | LOCAL_EVENT)
    data["exch_ts"], data["local_ts"] = raw["time_ns"], raw["time_ns"] + feed_ns
    data["px"], data["qty"] = raw["ticks"], raw["lots"]
    asset = (
        BacktestAsset()
        .data([data])
        .linear_asset(1.0)
        .constant_order_latency(order_ns, report_ns)
        .partial_fill_exchange()
        .trading_value_fee_model(0.0, 0.0)
        .tick_size(1.0)
        .lot_size(1.0)
    )
    name, _, exponent = queue.partition(":")
    asset = asset.risk_adverse_queue_model() if name == "pessimistic" else asset.power_prob_queue_model(float(exponent))
    beats_ns = raw["beats_ns"]
    sent, fills = np.zeros((2 * len(beats_ns), 4), dtype=np.int64), np.zeros((1 << 16, 4), dtype=np.int64)
    hbt = HashMapMarketDepthBacktest([asset])
    orders, filled, code = PROBE(hbt, beats_ns, int(raw["lots_each"]), sent, fills)
    hbt.close()
    np.savez(f"{path}.out.npz", sent=sent[:orders], fills=fills[:filled], code=code)


if __name__ == "__main__":
    for word in sys.argv[1:]:
        run(*word.split("=", 1))
