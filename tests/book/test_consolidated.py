"""The consolidated book over recorded arrays: against a computation anew, by the guide's own lines, and what is refused."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from meridian import records
from meridian.book import Book, consolidated
from meridian.codes import BookAction
from meridian.venues import flow
from tests.support import ROOT

UNDEF = records.UNDEF_PRICE
FILE = "AAPL_2012-06-21_34200000_57600000"


def arrays(seed: int) -> dict[str, Any]:
    """Random orders of three venues around one price."""
    chance = random.Random(seed)
    made: dict[str, Any] = {}
    for venue in ("XNAS", "XBOS", "XCHI"):
        time_ns, resting, rows = 0, list[int](), list[bytes]()
        for reference in range(1, 250):
            time_ns += chance.randrange(50)
            fields: dict[str, Any] = {"flags": records.FLAG_LAST, "venue_time_ns": time_ns}
            if resting and chance.random() < 0.5:
                fields |= {"action": BookAction.DELETE, "order_ref": resting.pop(chance.randrange(len(resting)))}
            else:
                resting.append(reference)
                side = chance.choice((1, 2))
                fields |= {
                    "action": BookAction.ADD,
                    "order_ref": reference,
                    "side": side,
                    "lots": chance.randrange(1, 9),
                }
                fields["price_nanos"] = 100 + chance.randrange(4) + (0 if side == 1 else 2)
            rows.append(records.new("MarketOrder", **fields).tobytes())
        made[venue] = records.array(b"".join(rows), "MarketOrder")
    return made


def best(books: dict[str, Book], side: str) -> tuple[int, int, str, int]:
    """Price, lots, the venue with most, and venues as bits."""
    tops = {name: levels[0] for name, book in books.items() if (levels := book.levels(side, 1))}
    if not tops:
        return UNDEF, 0, "", 0
    price = (max if side == "buy" else min)(top[0] for top in tops.values())
    shown = {name: top[1] for name, top in tops.items() if top[0] == price}
    bits = sum(1 << place for place, name in enumerate(books) if name in shown)
    return price, sum(shown.values()), max(shown, key=lambda name: shown[name]), bits


def state_of(bid: int, ask: int) -> str:
    if UNDEF in (bid, ask):
        return "empty" if bid == ask else "one_sided"
    return "normal" if bid < ask else "locked" if bid == ask else "crossed"


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_rows_agree_with_the_venues_own_books_seed(seed: int) -> None:
    venues = arrays(seed)
    found = consolidated(venues)
    books = {name: Book() for name in venues}
    events = [
        (int(record["header"]["venue_time_ns"]), place, at, name)
        for place, (name, array) in enumerate(venues.items())
        for at, record in enumerate(array)
    ]
    expected: list[Any] = []
    before: Any = ((UNDEF, 0, "", 0), (UNDEF, 0, "", 0))
    since_ns, state = 0, "empty"
    for time_ns, _, at, name in sorted(events):
        books[name].apply(venues[name][at : at + 1].tobytes())
        after = best(books, "buy"), best(books, "sell")
        if after == before:
            continue
        before = after
        now = state_of(after[0][0], after[1][0])
        since_ns, state = (time_ns, now) if now != state else (since_ns, state)
        (bid, bid_lots, bid_venue, bids), (ask, ask_lots, ask_venue, asks) = after
        expected.append((time_ns, since_ns, state, bid, bid_lots, ask, ask_lots, bid_venue, ask_venue, bids, asks))
    assert [tuple(row.tolist()) for row in found] == expected
    assert {"normal", "locked", "crossed", "one_sided"} <= set(found["state"].tolist())


def test_the_lines_of_the_guide_run() -> None:
    blocks = (ROOT / "docs" / "quants.md").read_text().split("```python\n")[1:]
    (source,) = [block.split("```", 1)[0] for block in blocks if "meridian.book" in block]
    names: dict[str, Any] = {}
    exec(compile(source, "quants.md", "exec"), names)
    assert names["rows"]["state"].tolist() == ["one_sided", "crossed"]
    assert (names["rows"]["bid_venue"][1], names["rows"]["ask_venue"][1]) == ("XBOS", "XNAS")


def test_recorded_files_of_two_venues(tmp_path: Path) -> None:
    for name, price in (("xnas", 1_000_000), ("xbos", 1_020_000)):
        lines = f"34200.5,1,1,3,{price},1\n34200.6,1,2,4,{price + 10_000},-1\n"
        (tmp_path / name).mkdir()
        (tmp_path / name / f"{FILE}_message_1.csv").write_text(lines)
        (tmp_path / name / f"{FILE}_orderbook_1.csv").write_text(
            f"9999999999,0,{price},3\n{price + 10_000},4,{price},3\n"
        )
    found = [flow.open_files([tmp_path / name / f"{FILE}_message_1.csv"]).files[0] for name in ("xnas", "xbos")]
    rows = consolidated({"XNAS": flow.orders(found[0]), "XBOS": flow.orders(found[1])})
    crossed = rows[rows["state"] == "crossed"]
    assert crossed["bid_venue"].tolist() == ["XBOS"] * len(crossed)
    assert (int(crossed["bid_nanos"][0]), int(crossed["ask_nanos"][0])) == (102_000_000_000, 101_000_000_000)


def test_what_is_no_book_is_refused_with_every_error() -> None:
    array = arrays(1)["XNAS"]
    with pytest.raises(ValueError, match="XNAS: int64 is no MarketOrder"):
        consolidated({"XNAS": np.zeros(3, dtype=np.int64)})
    with pytest.raises(ValueError, match="0 venues; 1 to 16 are allowed"):
        consolidated({})
    with pytest.raises(ValueError, match="venue 2: record 1: its time lies before"):
        consolidated({"XNAS": array, "XBOS": array[[100, 0]]})
