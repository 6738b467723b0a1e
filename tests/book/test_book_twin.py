"""The book against its naive twin on random records, through the extension: equal levels, queues and state hash."""

from __future__ import annotations

import random

import pytest

from meridian import records
from meridian.venues.flow import Book
from tests.oracle.book import Twin

STEPS = 1_500


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_book_and_twin_hold_the_same_state_seed(seed: int) -> None:
    chance = random.Random(seed)
    book, twin = Book(orders_max=256), Twin()
    misfits = 0
    for step in range(STEPS):
        action = chance.choices([1, 2, 3, 4, 5, 6, 7], weights=[40, 15, 8, 12, 12, 0.3, 12])[0]
        record = records.new(
            "MarketOrder",
            action=action,
            side=chance.choice([1, 2]) if action == 1 else 0,
            order_ref=chance.randrange(60),
            new_order_ref=chance.randrange(60),
            price_nanos=chance.randrange(-5, 25),
            lots=chance.randrange(1, 12),
        )
        anomalies = book.apply(record.tobytes())
        assert anomalies == (0 if twin.apply(record) else 1), f"step {step}: {record}"
        misfits += anomalies
        assert book.state_hash == twin.state_hash(), f"step {step}: {record}"
    assert book.levels("buy") == twin.levels(1)[:10]
    assert book.levels("sell", 3) == twin.levels(2)[:3]
    assert sum(book.anomalies.values()) == misfits > 50


def test_records_of_the_wrong_length_are_refused_with_the_length() -> None:
    with pytest.raises(ValueError, match="95 bytes; a multiple of 96"):
        Book().apply(bytes(95))
