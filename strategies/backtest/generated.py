"""Generated order flow as data of a backtest, for whoever has no file yet: `generated:seed=1,seconds=60,symbols=2`.

A value wanders (noise, jumps, and a drift that takers know of before makers); makers quote around it, takers trade towards it.
All symbols share one value and each strays from it and comes back, so that pairs revert; a future is its symbol's price and a
basis that reverts; further venues hear of the value later, so that their books lag and sometimes cross the first one's.
With `calls=1` the day begins with an opening call and ends with a closing one (`calls.py`): books begin with what the opening
left, and who found too little there goes on and moves the value.

Invariant: the same words make the same bytes, whole ITCH 5.0 files in which no trade breaks price and time priority and every
book has two sides. It is made to be learned from: what earns here need not earn anywhere.
"""

from __future__ import annotations

import datetime
import math
import os
import random
from collections import deque
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, fields
from pathlib import Path

from meridian._native.wire import encode
from meridian.strategies.artifact import default_directory
from meridian.strategies.backtest.calls import CALL_NS, Call, Collected, leaning, pressed

__all__ = ["PREFIX", "Flow", "files", "flow"]

PREFIX = "generated"
VERSION = 1
"""In the names of kept files: another flow from the same words is another number."""
FIRST_DAY, DAYS = datetime.date(2025, 1, 1), 3_650
"""Each seed has a day of its own, so that several are several days: 2 January 2025 is seed 1."""
OPEN_NS = 34_200 * 10**9
BOUNDS = {
    "seed": (0, 2**32 - 1), "seconds": (1, 3_600), "symbols": (1, 8), "venues": (1, 4), "futures": (0, 8),
    "rate": (10, 5_000), "calls": (0, 1),
}  # fmt: skip
EVENTS_MAX, TELL_EVERY = 5_000_000, 10_000
VENUES = ("first", "second", "third", "fourth")
GRID_NS = 10**7
FIRST_TICKS, LEVELS, LIVE_MAX = 10_000, 8, 240
"""The first symbol begins at 100.00, with eight levels a side; a side keeps at most so many orders."""
DIRECTORY: dict[str, int | str] = {
    "market_category": "Q", "financial_status_indicator": "N", "round_lot_size": 10, "round_lots_only": "N",
    "issue_classification": "C", "issue_sub_type": "Z ", "authenticity": "P", "short_sale_threshold_indicator": "N",
    "ipo_flag": "N", "luld_reference_price_tier": "1", "etp_flag": "N", "etp_leverage_factor": 0, "inverse_indicator": "N",
}  # fmt: skip
LAG_NS = 2 * 10**8
"""So much later each further venue's makers hear of the value."""
AHEAD_NS = 5 * 10**8
"""So far takers look ahead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """What to generate. `rate`: events a second of one symbol at one venue; `futures`: of the first so many symbols;
    `calls`: 1 for an opening and a closing auction, each after a minute's call before and after `seconds`."""

    seed: int = 1
    seconds: int = 60
    symbols: int = 1
    venues: int = 1
    futures: int = 0
    rate: int = 200
    calls: int = 0

    @property
    def name(self) -> str:
        """Its words, as they stand in names of files."""
        return "-".join(f"{each.name}{getattr(self, each.name)}" for each in fields(self))


def flow(words: str) -> tuple[Flow | None, list[str]]:
    """What stands behind `generated:`, and what is wrong with it."""
    errors: list[str] = []
    values: dict[str, int] = {}
    for part in filter(None, words.split(",")):
        name, _, text = part.partition("=")
        low, high = BOUNDS.get(name, (0, -1))
        if high < low:
            errors.append(f"--data {PREFIX}:{part}: {', '.join(BOUNDS)} are allowed")
        elif not text.isascii() or not text.isdigit() or not low <= int(text[:18]) <= high:
            errors.append(f"--data {PREFIX}:{part}: a whole number from {low} to {high} is allowed")
        else:
            values[name] = int(text)
    if errors:
        return None, errors
    made = Flow(**values)
    listings = (made.symbols + made.futures) * made.venues
    if made.futures > made.symbols:
        errors.append(f"--data {PREFIX}:{words}: at most a future of each symbol is allowed, futures={made.symbols}")
    elif listings * made.rate * made.seconds > EVENTS_MAX:
        errors.append(
            f"--data {PREFIX}:{words}: {listings * made.rate * made.seconds:,} events; at most {EVENTS_MAX:,} are allowed"
        )
    return (None, errors) if errors else (made, [])


def files(
    made: Flow, folder: Path | None = None, tell: Callable[[Path, int], None] = lambda *_: None
) -> list[tuple[str, Path]]:
    """Venue and file of each venue; made below `folder` (where object code is kept), where they are not there yet.

    `tell` hears of a file's messages so far. Raises OSError where they cannot be written.
    """
    place = (folder or default_directory()) / PREFIX
    place.mkdir(parents=True, exist_ok=True)
    found = []
    for number in range(made.venues):
        day = FIRST_DAY + datetime.timedelta(made.seed % DAYS)
        path = place / f"{day:%m%d%Y}.{made.name}-v{VERSION}-{VENUES[number]}_ITCH50"
        if not path.is_file():
            making = path.with_name(f".{os.getpid()}-{path.name}")
            with making.open("wb") as file:
                for count, message in enumerate(_messages(made, number)):
                    file.write(len(message).to_bytes(2, "big") + message)
                    if count % TELL_EVERY == 0:
                        tell(path, count)
            making.replace(path)
        found.append((VENUES[number], path))
    return found


def _messages(made: Flow, venue: int) -> Iterator[bytes]:
    """One venue's messages by time: all its books, event by event."""
    values = _values(made)
    books = [_Book(made, at, name, venue) for at, name in enumerate(values)]
    end_ns = made.seconds * 10**9
    if made.calls:
        yield from _auction("O", -CALL_NS, {book: leaning(made.seed, book.symbol) for book in books}, values, 0)
    for book in books:
        yield from book.opening(values[book.symbol][0])
        if made.calls:
            yield book.state(0, "T")
    yield from _continuous(made, venue, books, values)
    if made.calls:
        leans = {book: book.chance.choice((-1, 1)) for book in books}
        yield from _auction("C", end_ns, leans, values, -1)


def _continuous(made: Flow, venue: int, books: list[_Book], values: dict[str, list[float]]) -> Iterator[bytes]:
    """What happens between the auctions."""
    chance = random.Random(f"{made.seed}/{venue}/times")
    now_ns, end_ns = 0, made.seconds * 10**9
    while True:
        now_ns += 1 + int(chance.expovariate(made.rate * len(books)) * 1e9)
        if now_ns >= end_ns:
            return
        number = chance.randrange(len(books))
        heard_ns = max(now_ns - venue * LAG_NS, 0)
        line = values[books[number].symbol]
        soon_ns = min(heard_ns + AHEAD_NS, end_ns)
        yield from books[number].event(now_ns, line[heard_ns // GRID_NS], line[soon_ns // GRID_NS])


def _auction(
    letter: str, begins_ns: int, leans: dict[_Book, int], values: dict[str, list[float]], at: int
) -> Iterator[bytes]:
    """All books' calls, second by second, and their crosses. `at`: where on the line of values they are."""
    calls: dict[_Book, Call] = {}
    for book, lean in leans.items():
        calls[book] = yield from book.call(letter, begins_ns, round(values[book.symbol][at]), lean)
    for now_ns in next(iter(calls.values())).indications():
        for book, call in calls.items():
            yield book.encoded(now_ns, "NetOrderImbalance", stock=book.symbol, **call.said(now_ns))
    for book, call in calls.items():
        yield from book.cross(begins_ns + CALL_NS, call)


def _values(made: Flow) -> dict[str, list[float]]:
    """Symbol → its value in ticks, every 10 ms."""
    chance = random.Random(f"{made.seed}/values")
    count = made.seconds * 10**9 // GRID_NS + 1
    shared, drift, place = [], 0.0, 0.0
    for _ in range(count):
        drift += -0.01 * drift + 0.006 * chance.gauss(0, 1)
        place += drift + 0.12 * chance.gauss(0, 1)
        if chance.random() < 0.004:
            place += chance.choice((-1, 1)) * chance.uniform(3, 7)
        shared.append(place)
    found = {}
    for number in range(made.symbols):
        scale = 1 / (1 + number / 2)
        strayed = _reverting(chance, count, 0.005, 0.8 if number else 0.0)
        line = [scale * (FIRST_TICKS + both) + own for both, own in zip(shared, strayed, strict=True)]
        if made.calls:
            lean = leaning(made.seed, _symbol(number))
            line = [ticks + pressed(step * GRID_NS, lean) for step, ticks in enumerate(line)]
        found[_symbol(number)] = line
    for number in range(made.futures):
        basis = _reverting(chance, count, 0.006, 0.3)
        found[_symbol(number) + "F"] = [
            spot + 40 + own for spot, own in zip(found[_symbol(number)], basis, strict=True)
        ]
    return found


def _symbol(number: int) -> str:
    return "GEN" + "ABCDEFGH"[number]


def _reverting(chance: random.Random, count: int, pull: float, noise: float) -> list[float]:
    found, place = [], 0.0
    for _ in range(count):
        place += -pull * place + noise * chance.gauss(0, 1)
        found.append(place)
    return found


class _Book:
    """One symbol at one venue: levels of orders in the order in which they came."""

    def __init__(self, made: Flow, number: int, symbol: str, venue: int) -> None:
        self.symbol, self.locate = symbol, number + 1
        self.chance = random.Random(f"{made.seed}/{venue}/{symbol}")
        self.reference = (number + 1) << 40
        self.match = (number + 1) << 40
        self.levels: dict[str, dict[int, deque[list[int]]]] = {"B": {}, "S": {}}
        self.flow = 0.0

    def opening(self, value: float) -> Iterator[bytes]:
        """Eight levels a side."""
        middle = round(value)
        for away in range(1, LEVELS + 1):
            for side, ticks in (("B", middle - away), ("S", middle + away)):
                yield self._add(0, side, ticks, 10 * self.chance.randint(2, 12))

    def event(self, now_ns: int, value: float, soon: float) -> Iterator[bytes]:
        """A taker, a cancel or a new order; makers know `value`, takers look a little ahead."""
        best = {"B": max(self.levels["B"]), "S": min(self.levels["S"])}
        stale = "S" if best["S"] < value else "B" if best["B"] > value else ""
        what = self.chance.random()
        if stale and what < 0.7:
            yield from self._take(now_ns, stale, best[stale], 40)
        elif what < 0.12:
            pull = math.tanh((soon - (best["B"] + best["S"]) / 2) / 3)
            self.flow += 0.2 * (pull - self.flow)
            side = "S" if self.chance.random() < 0.5 + 0.35 * self.flow + 0.1 * pull else "B"
            yield from self._take(now_ns, side, best[side], 10 * self.chance.choice((1, 1, 1, 2, 2, 3, 5)))
        elif what < 0.45:
            yield from self._cancel(now_ns, self.chance.choice("BS"), value)
        else:
            yield from self._join(now_ns, self.chance.choice("BS"), best, value)

    def _join(self, now_ns: int, side: str, best: dict[str, int], value: float) -> Iterator[bytes]:
        away = 0.5 + min(self.chance.expovariate(0.5), LEVELS)
        ticks = math.floor(value - away) if side == "B" else math.ceil(value + away)
        # Nobody rests through the other side: whoever would trade comes as a taker.
        ticks = min(ticks, best["S"] - 1) if side == "B" else max(ticks, best["B"] + 1)
        yield self._add(now_ns, side, ticks, 10 * self.chance.randint(1, 10))
        if sum(map(len, self.levels[side].values())) > LIVE_MAX:
            yield from self._cancel(now_ns, side, value)

    def _take(self, now_ns: int, side: str, ticks: int, lots: int) -> Iterator[bytes]:
        """The oldest orders of the best level trade; the last level stays."""
        queue = self.levels[side][ticks]
        while lots > 0 and queue and not (len(self.levels[side]) == 1 and len(queue) == 1):
            first = queue[0]
            traded = min(lots, first[1])
            first[1] -= traded
            lots -= traded
            self.match += 1
            yield self.encoded(now_ns, "OrderExecuted", order_reference_number=first[0], executed_shares=traded,
                                match_number=self.match)  # fmt: skip
            if first[1] == 0:
                queue.popleft()
        if not queue:
            del self.levels[side][ticks]

    def _cancel(self, now_ns: int, side: str, value: float) -> Iterator[bytes]:
        """Any order of the level that is farthest from the value, or of any level."""
        levels = self.levels[side]
        far = max(levels, key=lambda ticks: abs(ticks - value))
        ticks = far if abs(far - value) > LEVELS + 2 else self.chance.choice(sorted(levels))
        queue = levels[ticks]
        if len(levels) == 1 and len(queue) == 1:
            return
        place = self.chance.randrange(len(queue))
        gone = queue[place]
        del queue[place]
        if not queue:
            del levels[ticks]
        yield self.encoded(now_ns, "OrderDelete", order_reference_number=gone[0])

    def _add(self, now_ns: int, side: str, ticks: int, lots: int) -> bytes:
        self.reference += 1
        self.levels[side].setdefault(ticks, deque()).append([self.reference, lots])
        return self.encoded(now_ns, "AddOrder", order_reference_number=self.reference, buy_sell_indicator=side,
                             shares=lots, stock=self.symbol, price=ticks * 100)  # fmt: skip

    def state(self, now_ns: int, letter: str, reason: str = "") -> bytes:
        """The book's trading state from now on."""
        return self.encoded(now_ns, "StockTradingAction", stock=self.symbol, trading_state=letter, reserved=" ",
                            reason=reason)  # fmt: skip

    def call(self, letter: str, begins_ns: int, price: int, lean: int) -> Generator[bytes, None, Call]:
        """A call begins: an opening's with an empty book, a closing's with the book as it stands."""
        if letter == "O":
            yield self.encoded(begins_ns, "StockDirectory", stock=self.symbol, **DIRECTORY)
            yield self.state(begins_ns, "H", "PREO")
        else:
            # It is at the best price of the side that the large order meets, and takes all of it: another level stays.
            other = "S" if lean > 0 else "B"
            levels = sorted(self.levels[other], reverse=other == "B")
            if len(levels) == 1:
                yield self._add(begins_ns, other, levels[0] + lean, 50)
            price = levels[0]
        yield self.state(begins_ns, "Q", f"AUC{letter}")
        resting = [
            Collected(side, ticks, lots, begins_ns, reference, shown=True)
            for side, levels in self.levels.items() for ticks, queue in levels.items() for reference, lots in queue
        ]  # fmt: skip
        call = Call(letter, begins_ns, price, resting)
        call.fill(self.chance, lean)
        return call

    def cross(self, now_ns: int, call: Call) -> Iterator[bytes]:
        """The auction, and what is left of it: an opening's book, or no trading until another day."""
        found, told = call.cross()
        price = found.ticks * 100 if found else 0
        for reference, lots in told:
            self.match += 1
            yield self.encoded(now_ns, "OrderExecutedWithPrice", order_reference_number=reference, executed_shares=lots,
                               match_number=self.match, printable="N", execution_price=price)  # fmt: skip
        self.match += 1
        yield self.encoded(now_ns, "CrossTrade", shares=found.paired if found else 0, stock=self.symbol, cross_price=price,
                           match_number=self.match, cross_type=call.letter)  # fmt: skip
        for order in call.orders:
            if order.lots and not order.alone and not order.shown:
                yield self._add(now_ns, order.side, order.ticks, order.lots)
        if call.letter == "C":
            yield self.state(now_ns, "H", "CLSD")

    def encoded(self, now_ns: int, name: str, **content: int | str) -> bytes:
        head = {"stock_locate": self.locate, "tracking_number": 0, "timestamp": OPEN_NS + now_ns}
        return encode("itch50", {"type": name, **head, **content})
