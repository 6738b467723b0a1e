"""Small journals of releases, kept for later ones to read: `python -m tests.engine.keep_journal NAME` writes `kept/NAME.json`.

Invariant: a journal that is kept never changes; its records are read, and its replay has its hash, for good.
"""

from __future__ import annotations

import base64
import json
import sys
import tempfile
import zlib
from pathlib import Path
from typing import Any

from meridian import records
from meridian._native import engine as native
from meridian.engine import journals

KEPT = Path(__file__).parent / "kept"
DAY_NS = 86_400_000_000_000
START_NS = 1_577_836_800_000_000_000 + 2000 * DAY_NS
PRICE = 100_000_000_000
ORDER_ID = 1 << 40


def _record(name: str, *, venue: int = 0, instrument: int = 0, flags: int = 0, **fields: object) -> bytes:
    record = records.new(name, **fields)
    record["header"]["venue"] = venue
    record["header"]["instrument"] = instrument
    record["header"]["flags"] = flags
    return record.tobytes()


def inputs() -> list[tuple[int, bytes]]:
    """Reference data, an account, a book, and fills of orders that only the venue knows."""
    made = [
        _record("EngineStart", day=2000, shard=1, epoch=1, firm=1),
        _record("TickBand", table=1, tick_nanos=10_000_000),
        _record(
            "Definition",
            instrument=1,
            units_per_lot_e8=100_000_000,
            prior_close_nanos=PRICE,
            band_low_nanos=records.UNDEF_PRICE,
            band_high_nanos=records.UNDEF_PRICE,
            active=1,
        ),
        _record(
            "Listing",
            venue=1,
            instrument=1,
            tick_table=1,
            increment_lots=1,
            round_lot_lots=100,
            price_min_nanos=10_000_000,
            price_max_nanos=10**15,
            active=1,
            replace_quantity=1,
        ),
    ]
    levels = [(1, 0, 1), (2, 1, 3), (3, 2, 4), (4, 3, 5)]
    made += [_record("Node", node=node, parent=parent, level=level) for node, parent, level in levels]
    for index in range(40):
        side = 1 + index % 2
        price = PRICE + (10_000_000 if side == 2 else -10_000_000) * (1 + index // 2)
        book = {"order_ref": index + 1, "action": 1, "side": side, "price_nanos": price, "lots": 10 + index}
        made.append(_record("MarketOrder", venue=1, instrument=1, flags=records.FLAG_LAST, **book))
    for execution, (side, lots) in enumerate([(1, 10), (2, 4), (1, 5)], start=1):
        event = records.new("OrderEvent", event=3, side=side, lots=lots, price_nanos=PRICE, execution_id=execution)
        event["header"]["venue"], event["header"]["instrument"] = 1, 1
        event["owner"]["order_id"], event["owner"]["account"] = ORDER_ID + execution, 4
        event["leaves_lots"], event["cumulative_lots"] = -1, -1
        made.append(event.tobytes())
    return [(START_NS + 1000 * index, data) for index, data in enumerate(made)]


def unpack(about: dict[str, Any], directory: Path) -> Path:
    """A kept journal's segment as it was: what was not written is zeros."""
    directory.mkdir(parents=True)
    used = zlib.decompress(base64.b64decode("".join(about["segment"])))
    whole = used + bytes(about["segment_bytes"] - len(used))
    (directory / "journal-00000000.segment").write_bytes(whole)
    return directory


def keep(name: str) -> Path:
    """Writes the journal of `inputs` as this release writes it."""
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder)
        state_hash = native.run(directory, inputs())
        (segment,) = directory.glob("journal-*.segment")
        data = segment.read_bytes()
        read = list(journals.records(directory))
    text = base64.b64encode(zlib.compress(data.rstrip(b"\0"), 9)).decode()
    about = {
        "format": int.from_bytes(data[8:12], "little"),
        "schema": int.from_bytes(data[48:52], "little"),
        "records": len(read),
        "state_hash": state_hash,
        "last_record": read[-1][2].hex(),
        "segment_bytes": len(data),
        "segment": [text[at : at + 120] for at in range(0, len(text), 120)],
    }
    path = KEPT / f"{name}.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
    return path


if __name__ == "__main__":
    print(keep(sys.argv[1]))
