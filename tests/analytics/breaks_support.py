"""Breaks and people for tests of their book: many of them, and a run whose engine told of one."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from meridian.analytics import break_book, breaks
from meridian.analytics.breaks import RECONCILE, Item, Step
from tests.analytics.support import START_NS

NOW_NS = START_NS + 3_600 * 10**9
ITEM = Item(
    id="1-XNAS-fill5b-00000000", scope=RECONCILE, kind="FILL_ONLY_IN_EXCHANGE", run="story", shard=1, input=0, venue="XNAS",
    instrument="BTC/USD", currency="USD", order_id=2**63 + 1, execution_id=5, venue_lots=5, our_lots=0, price_nanos=99 * 10**9,
    amount_nanos=495_500_000_000, found_ns=NOW_NS, what="XNAS: fill 5 (buy 5 at 99) is not in the engine",
)  # fmt: skip


def many(count: int) -> list[Item]:
    """Breaks that a comparison found, a second apart."""
    return [replace(ITEM, id=f"1-XNAS-BTC/USD-{at:08}", found_ns=NOW_NS + at * 10**9) for at in range(count)]


def write_found(path: Path, items: list[Item]) -> None:
    """A book in which these were found."""
    entries = [
        {"id": item.id, "step": "found", "by": "", "reason": "", "at_ns": item.found_ns}
        | {"item": {name: getattr(item, name) for name in breaks.TYPES}}
        for item in items
    ]
    break_book.append(path, lambda _: entries)


def bare_run(directory: Path, items: list[Item]) -> Path:
    """A run of which there is a description, no journal, and a book in which these were found."""
    directory.mkdir(parents=True, exist_ok=True)
    venues = [{"name": "XNAS", "id": 1, "exchange_journal": "data/exchange", "session": 1}]
    about = {"schema": "meridian.run/1", "name": directory.name, "engine": {"tile": "engine", "journal": "data/engine"}}
    (directory / "record.json").write_text(json.dumps(about | {"ended_ns": NOW_NS, "venues": venues}))
    write_found(directory / break_book.NAME, items)
    return directory


def signed(number: str, verb: str, by: str, *, version: int | None = None, key: str = "", reason: str = "why") -> Step:
    """A step of somebody who is signed in."""
    again = (key, f"{number} {verb} {reason}") if key else None
    return Step(number=number, verb=verb, by=by, reason=reason, token=f"mark of {by}", version=version, again=again)
