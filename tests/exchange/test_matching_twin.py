"""The matching core against its naive twin: the same random commands, the same events, the same resting orders."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from meridian import records
from meridian._native.exchange import Matching
from tests.oracle.house import House
from tests.oracle.orders import FIELDS

TICK = 10_000_000
INSTRUMENTS = (1, 2)
COMMANDS = 3_000


def setup_commands() -> Iterator[np.void]:
    """Two instruments, two sessions whose numbers rise and one whose numbers need only differ."""
    for instrument in INSTRUMENTS:
        yield records.new(
            "ExchangeListing",
            instrument=instrument,
            tick_nanos=TICK,
            small_tick_nanos=TICK // 100 if instrument == 2 else 0,
            small_below_nanos=1_000_000_000,
            price_max_nanos=10**15,
            increment_lots=instrument,
            lots_max=10_000,
            protection_ppm=20_000 if instrument == 1 else 0,
        )
    yield records.new("ExchangeSession", source=1, rising=1, cancel_on_disconnect=1, owner=7)
    yield records.new("ExchangeSession", source=2, rising=1, owner=7, self_trade=int(records.SelfTrade.CANCEL_NEWEST))
    yield records.new("ExchangeSession", source=3)


class Maker:
    """Random commands that meet each other often: few prices, few sizes, known and unknown numbers."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.time = 1_000
        self.numbers = dict.fromkeys((1, 2, 3), 0)
        self.trades = 0

    def number(self, session: int) -> int:
        """Mostly a fresh number."""
        if self.random.random() < 0.97:
            self.numbers[session] += 1
        return self.numbers[session]

    def old_number(self, session: int) -> int:
        """A number that may still be live."""
        return self.random.randint(max(1, self.numbers[session] - 40), self.numbers[session] + 1)

    def terms(self, instrument: int) -> dict[str, Any]:
        """What new orders and replacements share."""
        chance = self.random.random
        lots = self.random.choice([1, 2, 4, 10, 20, 50]) * instrument
        if chance() > 0.98:
            lots = self.random.choice([0, -5, 10_001, 7])
        time_in_force = self.random.choices([1, 2, 3, 4, 5, 6, 7, 9], [40, 10, 6, 15, 20, 5, 5, 0.5])[0]
        immediate = time_in_force in (2, 3)
        life = self.random.randint(0 if chance() < 0.05 else 1, 900)
        return {
            "lots": lots,
            "price_nanos": 10**11 + self.random.randint(-6, 6) * TICK + (1 if chance() < 0.01 else 0),
            "display_lots": lots // 2 // instrument * instrument if chance() < 0.2 and lots > 3 else 0,
            "minimum_lots": self.random.randint(0, max(lots, 1)) if chance() < (0.3 if immediate else 0.01) else 0,
            "expire_time_ns": self.time + life if time_in_force == 4 else 0,
            "time_in_force": time_in_force,
            "post_only": int(chance() < 0.08),
            "hidden": int(chance() < 0.07),
        }

    def enter(self) -> np.void:
        session, instrument = self.random.choice([1, 2, 3]), self.random.choice([1, 2])
        terms = self.terms(instrument)
        if market := self.random.random() < 0.05:
            time_in_force = self.random.choice([1, 6, 7])
            terms |= {"time_in_force": time_in_force, "expire_time_ns": 0, "post_only": 0, "display_lots": 0}
            terms["price_nanos"] = records.UNDEF_PRICE if self.random.random() < 0.7 else terms["price_nanos"]
        return records.new(
            "ExchangeEnter",
            source=session if self.random.random() < 0.99 else 9,
            instrument=instrument if self.random.random() < 0.99 else 33,
            user_ref=self.number(session),
            side=self.random.choice([1, 2]),
            order_type=2 if market else 1,
            owner=self.random.choice([0, 0, 0, 5, 7]),
            self_trade=self.random.choice([0, 0, 1, 2, 3, 4]),
            refused=15 if self.random.random() < 0.01 else 0,
            **terms,
        )

    def replace(self) -> np.void:
        session = self.random.choice([1, 2, 3])
        terms = self.terms(1)
        if self.random.random() < 0.6:
            terms |= {"time_in_force": 0, "expire_time_ns": 0, "minimum_lots": 0, "display_lots": 0, "hidden": 0}
        original = self.old_number(session)
        terms |= {"original_ref": original, "user_ref": self.number(session)}
        return records.new("ExchangeReplace", source=session, **terms)

    def cancel(self) -> np.void:
        session = self.random.choice([1, 2, 3])
        lots = 0 if self.random.random() < 0.6 else self.random.randint(-1, 40)
        relative = int(self.random.random() < 0.2)
        user_ref = self.old_number(session)
        return records.new("ExchangeCancel", source=session, user_ref=user_ref, lots=lots, relative=relative)

    def mass_cancel(self) -> np.void:
        choice = self.random.choice
        return records.new(
            "ExchangeMassCancel",
            source=choice([0, 1, 2]),
            instrument=choice([0, 1, 2]),
            side=choice([0, 1, 2]),
            owner=choice([0, 5, 7]),
            user_ref=choice([0, 17]),
        )

    def control(self) -> np.void:
        action = self.random.choices(range(1, 12), [8, 6, 3, 2, 1, 2, 1, 1, 1, 1, 4])[0]
        state = self.random.choice([1, 1, 1, 1, 2, 3, 4, 5, 6, 7])
        return records.new(
            "ExchangeControl",
            action=action,
            state=state,
            source=self.random.choice([1, 2, 3]) if action != 7 else 0,
            instrument=self.random.choice([0, 1, 2]),
            letter=ord(self.random.choice("QOCHI")),
            value=max(1, self.trades - self.random.randint(-1, 20)),
        )

    def correction(self) -> np.void:
        return records.new(
            "ExchangeCorrection",
            match_id=max(1, self.trades - self.random.randint(-1, 20)),
            price_nanos=self.random.choice([records.UNDEF_PRICE, 10**11, 10**11 + TICK, 10**11 + 1]),
            lots=self.random.choice([0, 0, 1, 2, 4, 500]),
            letter=ord("N"),
        )

    def auction(self) -> np.void:
        choice = self.random.choice
        return records.new(
            "ExchangeAuction",
            instrument=choice([0, 1, 2]),
            action=self.random.choices([1, 2, 3], [3, 5, 3])[0],
            kind=choice([0, 1, 2, 3, 4]),
            then=choice([0, 0, 1, 2, 5, 6]),
            reference_nanos=choice([records.UNDEF_PRICE, 10**11 + self.random.randint(-4, 4) * TICK]),
            cutoff_ns=choice([0, self.time + self.random.randint(0, 300)]),
            restricts=choice([0, 1, 2, 3]),
        )

    def command(self) -> np.void:
        """The next command, a little later than the last."""
        make = self.random.choices(
            [self.enter, self.replace, self.cancel, self.mass_cancel, self.control, self.correction, self.auction],
            [60, 18, 18, 0.7, 2, 1, 1.5],
        )[0]
        command = make()
        self.time += self.random.choice([0, 0, 1, 5, 20])
        command["header"]["receive_time_ns"] = self.time
        return command


SAID = ("kind", "side", "imbalance_lots", "paired_lots", "price_nanos", "far_nanos", "reference_nanos")


def calls_said(data: bytes) -> list[dict[str, int]]:
    """What calls say, as the twin writes it."""
    found = (record for name, record in records.split(data) if name == "ExchangeIndication")
    return [
        {"instrument": int(one["header"]["instrument"]), **{name: int(one[name]) for name in SAID}} for one in found
    ]


def told(data: bytes) -> list[dict[str, int]]:
    """The events of the core, as the twin writes them."""
    events = []
    for record in records.array(data, "ExchangeEvent"):
        header = record["header"]
        own = {"instrument": int(header["instrument"]), "source": int(header["source"])}
        events.append({name: own[name] if name in own else int(record[name]) for name in FIELDS})
    return events


def kept(twin: House) -> list[tuple[int, int, int, int, int, bool, int, int, int, int]]:
    """The twin's resting orders, as the core writes them."""
    return [
        (o.instrument, o.side, o.price, o.front, o.reserve, bool(o.hidden), o.ref, o.session, o.user_ref, o.executed)
        for o in twin.walk()
    ]


@pytest.mark.parametrize("seed", range(12))
def test_core_and_twin_say_the_same(seed: int) -> None:
    core, twin, maker = Matching(orders=4096), House(), Maker(seed)
    seen: set[int] = set()
    rare = [records.new("ExchangeControl", action=action, letter=ord("Q"), value=1) for action in (7, 8, 9, 2, 2, 3)]
    commands = [*setup_commands(), *[None] * COMMANDS, *rare]
    for at, ready in enumerate(commands):
        command = maker.command() if ready is None else ready
        name = records.name_of(command.tobytes())
        wanted = twin.apply(name, command)
        maker.trades = len(twin.trades)
        found = told(core.apply(command.tobytes()))
        assert found == wanted, f"command {at}: {name} {command}"
        assert calls_said(core.indications()) == twin.said, f"command {at}: {name} {command}"
        seen.update(event["event"] for event in found)
        if at % 50 == 0:
            assert core.orders() == kept(twin), f"after command {at}"
    assert core.orders() == kept(twin)
    assert seen == set(records.ExchangeEventKind), "every kind of event must have been seen"


def test_equal_commands_give_equal_hashes() -> None:
    maker = Maker(99)
    commands = b"".join(command.tobytes() for command in [*setup_commands(), *(maker.command() for _ in range(2_000))])
    one, other = Matching(orders=4096), Matching(orders=4096)
    one.apply(commands)
    for _, command in records.split(commands):
        other.apply(command.tobytes())
    assert (one.state_hash, one.events_hash) == (other.state_hash, other.events_hash)
    before = one.state_hash
    one.apply(records.new("ExchangeMassCancel", receive_time_ns=maker.time).tobytes())
    assert one.state_hash != before


@pytest.mark.parametrize("seed", range(4))
def test_lots_are_neither_made_nor_lost(seed: int) -> None:
    core, maker = Matching(orders=4096), Maker(1_000 + seed)
    core.apply(b"".join(command.tobytes() for command in setup_commands()))
    opened = traded = taken = 0
    open_before: dict[tuple[int, int], int] = {}
    kinds = records.ExchangeEventKind
    for _ in range(4_000):
        for event in told(core.apply(maker.command().tobytes())):
            if event["event"] == kinds.ACCEPTED:
                opened += event["lots"]
            elif event["event"] == kinds.EXECUTED:
                traded += 2 * event["lots"]
            elif event["event"] == kinds.CROSSED:
                traded += event["lots"]
            elif event["event"] == kinds.CANCELED:
                taken += event["lots"]
            elif event["event"] == kinds.REPLACED:
                # The open lots of the old order give way to those of the new one.
                opened += event["lots"] - open_before[(event["source"], event["other_user_ref"])]
        open_before = {(order[7], order[8]): order[3] + order[4] for order in core.orders()}
        assert opened == traded + taken + sum(open_before.values())
