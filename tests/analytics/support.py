"""A run's directory made by code: the engine's journal and those of two exchanges, written record by record.

The story, to be summed by hand (AAPL: one share a lot; ES: 50 units a lot; fees 0.01 on the first fill):

    XNAS  AAPL  buy 10 at 100.00 (rests, traded as 6 and 4)
    XBOS  AAPL  sell 4 at 100.50
    XBOS  AAPL  sell 3 at 100.50, broken afterwards
    XNAS  ES    buy 2 at 50.00
    a buy of 5000 AAPL is refused (one order may have 40 lots), a further buy of 5 at 99.00 stays open
    marks at the end: AAPL 100.20 to 100.40, ES 50.75 to 51.25

AAPL: cash -1000 + 402 - 0.01 = -598.01, position +6 worth 601.80: PnL 3.79. The bust is booked as the opposite trade: 7 sold
realise 7 * 0.50 - 0.01 = 3.49, then 3 bought at 100.50 make the 6 that are held cost 601.50: unrealised 0.30.
ES: position +2 at 50.00; unrealised 2 * 50 * 1.00 = 100.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from meridian import records
from meridian._native import analytics as native
from meridian.analytics.run import table
from meridian.records import (
    BookAction,
    ExchangeAction,
    IntentKind,
    OrderEventKind,
    OrderType,
    SessionState,
    Side,
    SlotRun,
    TimeInForce,
    TradingState,
)
from meridian.risk.limits import Limits
from meridian.strategies import build
from meridian.venues.reference import ReferenceData
from tests.analytics.idle import Idle
from tests.risk.support import LIMITS, REFERENCE, write

START_NS = 1_700_000_000_000_000_000
STEP_NS = 1_000_000
XNAS, XBOS = 1, 2
AAPL, ES = 1, 2
OURS, FLOW = 1, 101
ACCOUNT, STRATEGY, DESK = 5, 4, 3
DAY = (START_NS - records.CONSTANTS["ORDER_DAY_ZERO_NS"]) // records.CONSTANTS["DAY_NS"]


def nanos(price: float) -> int:
    """A price in nanos."""
    return round(price * 1_000_000_000)


@dataclass
class Journal:
    """Entries of a journal, a millisecond apart."""

    entries: list[tuple[int, bytes]] = field(default_factory=list)

    def add(self, layout: str, /, **fields: Any) -> None:
        """One record."""
        time_ns = START_NS + STEP_NS * len(self.entries)
        record = records.new(layout, receive_time_ns=time_ns, venue_time_ns=time_ns, **fields)
        self.entries.append((time_ns, record.tobytes()))

    def add_all(self, data: bytes) -> None:
        """Records one after another."""
        for _, record in records.split(data):
            self.entries.append((START_NS + STEP_NS * len(self.entries), record.tobytes()))


def exchange(venue: int, *, further_fill: bool = False, corrected: bool = False, lost: bool = False) -> Journal:
    """An exchange's sequenced input: our orders of the story, without the last one where it was `lost`, and the flow that trades
    with them."""
    journal = Journal()
    for instrument, symbol in ((AAPL, "AAPL"), (ES, "ES")):
        journal.add(
            "ExchangeListing",
            venue=venue,
            instrument=instrument,
            symbol=symbol,
            tick_nanos=nanos(0.01),
            price_min_nanos=nanos(0.01),
            price_max_nanos=nanos(100_000),
            increment_lots=1,
            lots_max=1_000_000,
            round_lot=100,
            locate=instrument,
            state=TradingState.TRADING,
        )
    for session in (OURS, FLOW):
        journal.add("ExchangeSession", venue=venue, source=session, rising=1)
    reference = iter(range(1, 100))

    def enter(session: int, instrument: int, side: Side, lots: int, price: float, *, now: bool = False) -> None:
        journal.add(
            "ExchangeEnter",
            venue=venue,
            source=session,
            instrument=instrument,
            user_ref=next(reference),
            side=side,
            lots=lots,
            price_nanos=nanos(price),
            order_type=OrderType.LIMIT,
            time_in_force=TimeInForce.IMMEDIATE_OR_CANCEL if now else TimeInForce.DAY,
        )

    if venue == XNAS:
        enter(OURS, AAPL, Side.BUY, 10, 100.00)
        enter(FLOW, AAPL, Side.SELL, 6, 100.00, now=True)
        enter(FLOW, AAPL, Side.SELL, 4, 99.99, now=True)
        enter(FLOW, AAPL, Side.SELL, 7, 101.00)
        enter(FLOW, AAPL, Side.BUY, 7, 101.00, now=True)  # Not ours.
        enter(FLOW, ES, Side.SELL, 2, 50.00)
        enter(OURS, ES, Side.BUY, 2, 50.00, now=True)
        if not lost:
            enter(OURS, AAPL, Side.BUY, 5, 99.00)
        if further_fill:
            enter(FLOW, AAPL, Side.SELL, 5, 99.00, now=True)
        if corrected:
            journal.add("ExchangeCorrection", venue=venue, match_id=1, price_nanos=nanos(99.50), lots=6)
            journal.add("ExchangeCorrection", venue=venue, match_id=1, price_nanos=nanos(99.50), lots=5)
            journal.add("ExchangeCorrection", venue=venue, match_id=77, price_nanos=nanos(99.50))
    else:
        enter(OURS, AAPL, Side.SELL, 7, 100.50)
        enter(FLOW, AAPL, Side.BUY, 4, 100.50, now=True)
        enter(FLOW, AAPL, Side.BUY, 3, 100.50, now=True)
        journal.add("ExchangeControl", venue=venue, action=ExchangeAction.BUST, value=2)
    return journal


def engine(
    reference: ReferenceData,
    limits: Limits,
    code_hash: bytes,
    order_ids: list[int],
    *,
    corrected: bool = False,
    lost: bool = False,
    cut: bool = False,
) -> Journal:
    """The engine's input. `order_ids`: what the engine gave its orders; without them the reports are left out."""
    journal = Journal()
    journal.add("EngineStart", day_start_ns=START_NS, day=DAY, region=2, shard=1, epoch=1, firm=1)
    journal.add_all(reference.records() + limits.records())
    hashed = np.frombuffer(code_hash, dtype=np.uint8)
    who = {"account": ACCOUNT, "strategy": STRATEGY, "desk": DESK, "trader": 9}
    journal.add("Slot", code_hash=hashed, name="maker-one", fuel=1000, slot=1, slot_version=1, **who)
    for index, (venue, instrument) in enumerate(((XNAS, AAPL), (XBOS, AAPL), (XNAS, ES))):
        journal.add("SlotBind", venue=venue, instrument=instrument, slot=1, index=index)
    journal.add("StrategyControl", slot=1, run=SlotRun.RUNNING)
    for venue in (XNAS, XBOS):
        journal.add("Session", venue=venue, source=OURS, state=SessionState.UP)
        for instrument in (AAPL, ES):
            journal.add("Status", venue=venue, instrument=instrument, trading=TradingState.TRADING)
    touch(journal, 1000, XNAS, AAPL, 99.90, 100.10)
    touch(journal, 2000, XBOS, AAPL, 100.40, 100.60)
    touch(journal, 3000, XNAS, ES, 50.00, 50.50)
    intents = [
        (XNAS, AAPL, Side.BUY, 10, 100.00),
        (XBOS, AAPL, Side.SELL, 7, 100.50),
        (XNAS, ES, Side.BUY, 2, 50.00),
        (XNAS, AAPL, Side.BUY, 5000, 100.00),
        (XNAS, AAPL, Side.BUY, 5, 99.00),
    ]
    for venue, instrument, side, lots, price in intents:
        journal.add(
            "Intent",
            venue=venue,
            instrument=instrument,
            intent=IntentKind.NEW,
            side=side,
            lots=lots,
            price_nanos=nanos(price),
            order_type=OrderType.LIMIT,
            time_in_force=TimeInForce.DAY,
            slot=1,
        )
    if order_ids:
        reports(journal, order_ids, corrected=corrected, lost=lost, cut=cut)
    for order_ref in (1000, 1001):
        journal.add("MarketOrder", venue=XNAS, instrument=AAPL, flags=1, order_ref=order_ref, action=BookAction.DELETE)
    touch(journal, 4000, XNAS, AAPL, 100.20, 100.40)
    for order_ref in (3000, 3001):
        journal.add("MarketOrder", venue=XNAS, instrument=ES, flags=1, order_ref=order_ref, action=BookAction.DELETE)
    touch(journal, 5000, XNAS, ES, 50.75, 51.25)
    journal.entries.append((START_NS + 10_000_000_000, records.new("Timer").tobytes()))
    return journal


def touch(journal: Journal, order_ref: int, venue: int, instrument: int, bid: float, ask: float) -> None:
    """Others' orders that make a touch."""
    for place, (side, price) in enumerate(((Side.BUY, bid), (Side.SELL, ask))):
        journal.add(
            "MarketOrder",
            venue=venue,
            instrument=instrument,
            flags=1,
            order_ref=order_ref + place,
            action=BookAction.ADD,
            side=side,
            price_nanos=nanos(price),
            lots=100,
        )


def reports(journal: Journal, order_ids: list[int], *, corrected: bool, lost: bool, cut: bool) -> None:
    """What the gateways say of the story's orders."""
    first, sold, future, resting = order_ids

    def say(order_id: int, venue: int, instrument: int, event: OrderEventKind, **fields: Any) -> None:
        record = records.new("OrderEvent", venue=venue, instrument=instrument, source=OURS, event=event, **fields)
        record["owner"]["order_id"] = order_id
        record["header"]["receive_time_ns"] = START_NS + STEP_NS * len(journal.entries)
        journal.entries.append((START_NS + STEP_NS * len(journal.entries), record.tobytes()))

    def accept(order_id: int, venue: int, instrument: int, side: Side, lots: int, price: float) -> None:
        sent_time_ns = START_NS + STEP_NS * len(journal.entries) - 250_000
        terms = {"side": side, "lots": lots, "leaves_lots": lots, "price_nanos": nanos(price)}
        say(order_id, venue, instrument, OrderEventKind.ACCEPTED, sent_time_ns=sent_time_ns, **terms)

    def fill(
        order_id: int, venue: int, instrument: int, side: Side, terms: tuple[int, float, int, int], **more: Any
    ) -> None:
        lots, price, leaves, match = terms
        known = {"lots": lots, "leaves_lots": leaves, "price_nanos": nanos(price), "execution_id": match, "side": side}
        say(order_id, venue, instrument, OrderEventKind.FILLED, cumulative_lots=-1, **known, **more)

    accept(first, XNAS, AAPL, Side.BUY, 10, 100.00)
    accept(sold, XBOS, AAPL, Side.SELL, 7, 100.50)
    accept(future, XNAS, ES, Side.BUY, 2, 50.00)
    if lost:
        say(resting, XNAS, AAPL, OrderEventKind.NOT_FOUND, side=Side.BUY)
    else:
        accept(resting, XNAS, AAPL, Side.BUY, 5, 99.00)
    fill(first, XNAS, AAPL, Side.BUY, (6, 100.00, 4, 1), liquidity=1, fee_nanos=nanos(0.01))
    fill(first, XNAS, AAPL, Side.BUY, (4, 100.00, 0, 2), liquidity=1)
    fill(sold, XBOS, AAPL, Side.SELL, (4, 100.50, 3, 1), liquidity=1)
    fill(sold, XBOS, AAPL, Side.SELL, (3, 100.50, 0, 2), liquidity=1)
    fill(future, XNAS, ES, Side.BUY, (2, 50.00, 0, 4), liquidity=2)
    terms = {"lots": 3, "price_nanos": nanos(100.50), "execution_id": 2, "side": Side.SELL, "leaves_lots": -1}
    say(sold, XBOS, AAPL, OrderEventKind.BROKEN, cumulative_lots=-1, **terms)
    if cut:
        journal.add("Session", venue=XNAS, source=OURS, state=SessionState.DOWN)
        terms = {"side": Side.BUY, "lots": 5, "leaves_lots": 5, "price_nanos": nanos(99.00), "possible_duplicate": 1}
        say(resting, XNAS, AAPL, OrderEventKind.ACCEPTED, **terms)
        journal.add("Session", venue=XNAS, source=OURS, state=SessionState.UP)
    for lots in (6, 5) if corrected else ():
        terms = {"lots": lots, "price_nanos": nanos(99.50), "execution_id": 1, "side": Side.BUY, "leaves_lots": -1}
        say(first, XNAS, AAPL, OrderEventKind.CORRECTED, cumulative_lots=-1, **terms)


def make_run(
    directory: Path, *, further_fill: bool = False, corrected: bool = False, lost: bool = False, cut: bool = False
) -> Path:
    """Writes the whole of it; returns the run's directory. `corrected`: the first fill gets a price, then fewer lots; `lost`: the
    last order never reached its venue, which says so when it is asked; `cut`: its session is, and all is said again."""
    directory.mkdir(parents=True, exist_ok=True)
    reference = ReferenceData.load(write(directory, "reference.toml", REFERENCE))
    limits = Limits.load(write(directory, "limits.toml", LIMITS), reference)
    artifact = build(Idle, directory=directory / "strategies")
    trial = directory / "trial"
    native.write_journal(trial, engine(reference, limits, artifact.code_hash_bytes, []).entries, engine_sizes={})
    orders = table(native.fold(trial, libraries=artifact.path.parent)["orders"])
    order_ids = [int(number) for number in sorted(orders["first_id"])]
    whole = engine(reference, limits, artifact.code_hash_bytes, order_ids, corrected=corrected, lost=lost, cut=cut)
    native.write_journal(directory / "data" / "engine", whole.entries, engine_sizes={})
    venues = []
    for number, name in ((XNAS, "XNAS"), (XBOS, "XBOS")):
        data = f"data/exchange_{name.lower()}"
        journal = exchange(number, further_fill=further_fill and number == XNAS, corrected=corrected, lost=lost)
        native.write_journal(directory / data, journal.entries)
        venues.append(
            {"name": name, "id": number, "exchange_journal": data, "flow": f"{data}/flow.json", "session": OURS}
            | {"feed_tile": f"feed_{name.lower()}", "gateway_tile": f"gateway_{name.lower()}"}
        )
    flow = {"file": "/somewhere/AAPL_messages.csv", "symbol": "AAPL", "instrument": AAPL, "real_ns": 2_500_000_000}
    flow |= {"setup": 30, "replayed": 470, "left": 0, "generated": 12, "dropped_lots": 5}
    flow |= {"skipped": {"hidden <trade>": 25}, "dropped": {"taken before": 5}}
    (directory / "data" / "exchange_xnas" / "flow.json").write_text(json.dumps([flow]) + " " * 100, encoding="utf-8")
    about = {
        "schema": "meridian.run/1",
        "name": "story",
        "started_ns": START_NS,
        "ended_ns": START_NS + 10_000_000_000,
        "strategies": str(artifact.path.parent),
        "engine": {"tile": "engine", "journal": "data/engine"},
        "venues": venues,
        "slots": [{"slot": 1, "name": "maker-one", "class": "Idle", "account": ACCOUNT, "strategy": STRATEGY}],
        "skipped_files": [{"path": "notes.txt", "reason": "no flow & no book"}],
    }
    (directory / "run.json").write_text(json.dumps(about), encoding="utf-8")
    return directory
