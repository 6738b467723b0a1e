"""nautilus_trader over data order by order, a run a line: reads a line, runs once, prints seconds, orders and fills as JSON.

    python nautilus_orders.py DATA.npz BEAT_NS

DATA holds a row for each change of a resting order (what it leaves, its action) and the lots that traded with it. Each becomes
an OrderBookDelta of an L3 book and, where lots traded, a TradeTick at the same time, before anything is timed. The strategy is
that of `meridian.bench.backtest`: at each beat one order a side at the touch, moved when the touch moved, none beyond a position.
Risk engine, cache and portfolio are the peer's own, as it comes; its log is off. Nothing takes time on its way, as in ours.
Runs in any Python that has nautilus_trader; it is no dependency of the platform.
"""

import json
import sys
import time
from typing import Any

import numpy as np
from nautilus_trader.backtest.engine import BacktestEngine, BacktestEngineConfig
from nautilus_trader.config import LoggingConfig, RiskEngineConfig
from nautilus_trader.model.currencies import USD
from nautilus_trader.model.data import BookOrder, OrderBookDelta, TradeTick
from nautilus_trader.model.enums import AccountType, AggressorSide, BookAction, BookType, OmsType, OrderSide
from nautilus_trader.model.identifiers import InstrumentId, Symbol, TradeId, TraderId, Venue
from nautilus_trader.model.instruments import Equity
from nautilus_trader.model.objects import Money, Price, Quantity
from nautilus_trader.trading.strategy import Strategy

LOTS, LIMIT_LOTS = 10, 1_000
TICK_NANOS = 10_000_000
PER_TICK = 100
VENUE = Venue("FLOW")
INSTRUMENT = InstrumentId(Symbol("S0001"), VENUE)
LAST = 128
"""Flag of a delta that ends its event."""


class TouchQuoter(Strategy):
    """Quotes the touch on its timer, within a position."""

    def __init__(self, beat_ns: int) -> None:
        super().__init__()
        self.beat_ns = beat_ns
        self.sent = 0
        self.fills = 0

    def on_start(self) -> None:
        """Begins to listen and to beat."""
        self.instrument = self.cache.instrument(INSTRUMENT)
        self.lots = self.instrument.make_qty(LOTS)
        self.subscribe_order_book_deltas(INSTRUMENT, BookType.L3_MBO)
        self.clock.set_timer_ns("beat", self.beat_ns, 0, 0, self.on_beat)

    def on_beat(self, event: Any) -> None:
        """Quotes anew."""
        book = self.cache.order_book(INSTRUMENT)
        bid, ask = book.best_bid_price(), book.best_ask_price()
        crossed = bid is None or ask is None or bid >= ask
        if crossed or abs(self.portfolio.net_position(INSTRUMENT)) > LIMIT_LOTS:
            self.cancel_all_orders(INSTRUMENT)
            return
        for side, price in ((OrderSide.BUY, bid), (OrderSide.SELL, ask)):
            ours = [
                *self.cache.orders_open(instrument_id=INSTRUMENT, side=side),
                *self.cache.orders_inflight(instrument_id=INSTRUMENT, side=side),
            ]
            if not ours:
                self.sent += 1
                self.submit_order(self.order_factory.limit(INSTRUMENT, side, self.lots, price))
            for order in ours:
                if order.price != price:
                    self.sent += 1
                    self.modify_order(order, price=price)

    def on_order_filled(self, event: Any) -> None:
        """Counts."""
        self.fills += 1


def instrument() -> Equity:
    """The symbol of the flow."""
    return Equity(
        instrument_id=INSTRUMENT,
        raw_symbol=INSTRUMENT.symbol,
        currency=USD,
        price_precision=2,
        price_increment=Price.from_str("0.01"),
        lot_size=Quantity.from_int(1),
        ts_event=0,
        ts_init=0,
    )


def events(rows: Any) -> list[Any]:
    """The deltas and trades of the data."""
    actions = {1: BookAction.ADD, 2: BookAction.UPDATE, 3: BookAction.DELETE}
    names = ("time_ns", "action", "side", "price_nanos", "lots", "order_ref", "traded_lots")
    made: list[Any] = []
    for at, row in enumerate(zip(*(rows[name].tolist() for name in names), strict=True)):
        time_ns, action, side, price_nanos, lots, reference, traded = row
        price = Price(price_nanos // TICK_NANOS / PER_TICK, 2)
        if traded:
            aggressor = AggressorSide.SELLER if side == 1 else AggressorSide.BUYER
            trade = TradeTick(INSTRUMENT, price, Quantity(traded, 0), aggressor, TradeId(str(at)), time_ns, time_ns)
            made.append(trade)
        order = BookOrder(OrderSide.BUY if side == 1 else OrderSide.SELL, price, Quantity(lots, 0), reference)
        made.append(OrderBookDelta(INSTRUMENT, actions[action], order, LAST, at, time_ns, time_ns))
    return made


def run(data: list[Any], beat_ns: int) -> dict[str, float]:
    """One run on an engine of its own."""
    quiet = LoggingConfig(bypass_logging=True)
    config = BacktestEngineConfig(
        trader_id=TraderId("BENCH-001"), logging=quiet, run_analysis=False,
        risk_engine=RiskEngineConfig(max_order_submit_rate="1000000/00:00:01", max_order_modify_rate="1000000/00:00:01"),
    )  # fmt: skip
    engine = BacktestEngine(config)
    engine.add_venue(
        venue=VENUE, oms_type=OmsType.NETTING, account_type=AccountType.MARGIN, base_currency=USD,
        starting_balances=[Money(1_000_000_000, USD)], book_type=BookType.L3_MBO, trade_execution=True,
    )  # fmt: skip
    engine.add_instrument(instrument())
    engine.add_data(data)
    quoter = TouchQuoter(beat_ns)
    engine.add_strategy(quoter)
    begun = time.perf_counter()
    engine.run()
    seconds = time.perf_counter() - begun
    engine.dispose()
    return {"seconds": seconds, "orders": quoter.sent, "fills": quoter.fills}


def main() -> None:
    """Runs once for each line of standard input."""
    data = events(np.load(sys.argv[1]))
    for _ in sys.stdin:
        print(json.dumps(run(data, int(sys.argv[2]))), flush=True)


if __name__ == "__main__":
    main()
