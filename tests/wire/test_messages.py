"""Messages as dicts: there and back, refusals, and arrays from files."""

from __future__ import annotations

import random
import struct

import numpy as np
import pytest

from meridian import records
from meridian.venues import wire
from tests.support import need_data
from tests.wire.messages import group_of, random_message

NAMES = [(protocol, each["name"]) for protocol in wire.protocols() for each in wire.describe(protocol)["messages"]]


@pytest.mark.parametrize(("protocol", "name"), NAMES)
def test_a_random_message_survives_its_bytes_seed_11(protocol: str, name: str) -> None:
    numbers = random.Random(11)
    for _ in range(20):
        message = random_message(protocol, name, numbers)
        data = wire.encode(protocol, message)
        decoded = wire.decode(protocol, data, group_of(protocol, name))
        assert decoded == {**{key: "" if value == " " else value for key, value in message.items()}, **blanks(decoded)}
        assert wire.encode(protocol, decoded) == data


def blanks(decoded: dict[str, object]) -> dict[str, object]:
    """Single letters keep their blank."""
    return {key: value for key, value in decoded.items() if value == " "}


def test_what_is_no_message_is_refused_with_the_reason() -> None:
    with pytest.raises(ValueError, match="unknown type"):
        wire.decode("itch50", b"?123")
    with pytest.raises(ValueError, match="needs 36 bytes, 3 are there"):
        wire.decode("itch50", b"A12")
    with pytest.raises(ValueError, match="allowed: itch50"):
        wire.decode("itch51", b"A12")


def test_values_that_do_not_fit_are_refused_by_field() -> None:
    for field, value in [("shares", 1 << 32), ("shares", -1), ("stock", "TOOLONGNAME"), ("price", "x")]:
        with pytest.raises(ValueError, match=field):
            wire.encode("itch50", {"type": "AddOrder", field: value})
    with pytest.raises(ValueError, match="no field"):
        wire.encode("itch50", {"type": "AddOrder", "symbol": "AAPL"})
    with pytest.raises(ValueError, match="no message"):
        wire.encode("itch50", {"type": "AddOrders"})
    with pytest.raises(ValueError, match="appendage"):
        wire.encode("ouch50", {"type": "EnterOrder", "appendage": {"min_quantity": 1}})


def framed(*messages: dict[str, object]) -> bytes:
    parts = [wire.encode("itch50", message) for message in messages]
    return b"".join(struct.pack(">H", len(part)) + part for part in parts)


def test_an_itch_file_is_an_array_in_one_line() -> None:
    data = framed(
        {"type": "StockDirectory", "stock_locate": 7, "stock": "AAPL"},
        {"type": "AddOrder", "stock_locate": 7, "timestamp": 5, "order_reference_number": 1, "buy_sell_indicator": "B",
         "shares": 300, "stock": "AAPL", "price": 1_912_500},
        {"type": "AddOrder", "stock_locate": 8, "order_reference_number": 2, "buy_sell_indicator": "S"},
        {"type": "Trade", "stock_locate": 7, "buy_sell_indicator": "B", "shares": 100, "price": 1_912_600},
    ) + struct.pack(">H", 2) + b"??"  # fmt: skip
    file = wire.read_itch(data, midnight_ns=1_000, instruments={"AAPL": 42})
    orders = file.orders
    assert orders.dtype == records.dtype("MarketOrder")
    assert orders["price_nanos"].tolist() == [191_250_000_000]
    assert (orders["header"]["instrument"][0], orders["header"]["venue_time_ns"][0]) == (42, 1_005)
    assert file.trades["lots"].tolist() == [100]
    assert (file.messages, file.unmapped, file.silent) == (4, 1, 1)
    assert file.bad["unknown_type"] == 1
    assert file.samples == "0 5 unknown_type 2 3f3f\n"
    assert next(wire.itch_messages(data))["type"] == "StockDirectory"


def test_the_synthetic_file_decodes_whole() -> None:
    path = need_data("itch_synthetic/ex20101224.TEST_ITCH_50", "ITCH: the synthetic file")
    file = wire.read_itch(path)
    assert file.messages == 12_012
    assert not any(file.bad.values())
    assert len(file.orders) + len(file.trades) + len(file.statuses) + len(file.imbalances) + file.silent == 12_012
    assert set(np.unique(file.orders["action"])) <= {1, 2, 3, 4, 5}


def test_the_benchmark_counts_every_message_and_its_hash_depends_on_order() -> None:
    first: dict[str, object] = {"type": "OrderDelete", "stock_locate": 1, "order_reference_number": 1}
    second: dict[str, object] = {"type": "OrderDelete", "stock_locate": 1, "order_reference_number": 2}
    messages, nanoseconds, one = wire.bench_decode(framed(first, second))
    assert (messages, nanoseconds > 0) == (2, True)
    assert wire.bench_decode(framed(first, second))[2] == one
    assert wire.bench_decode(framed(second, first))[2] != one
