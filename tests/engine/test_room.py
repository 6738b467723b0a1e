"""What is said of an engine whose disk refused what its journal wrote."""

from __future__ import annotations

from pathlib import Path

from meridian.engine import room


def test_an_engine_that_sends_no_new_orders_says_so_and_what_to_do() -> None:
    counters = {"engine.journal_flush_failed": 1, "engine_far.journal_flush_failed": 0, "engine.orders": 7}
    (sentence,) = room.sentences(counters, Path("/data/new-york"))
    assert sentence.startswith("engine: sends no new orders: the disk of /data/new-york refused")
    assert "cancels go on" in sentence and "meridian journal verify" in sentence
    assert list(room.sentences(counters | {"engine.journal_flush_failed": 0}, Path("/data"))) == []
