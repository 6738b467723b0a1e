"""Journals from Python: an engine's input is folded, journaled, read back, checked and replayed; damage is found."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from meridian import records
from meridian._native import engine as native
from meridian.engine import journals

Meridian = Callable[..., "subprocess.CompletedProcess[str]"]

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


def _inputs() -> list[tuple[int, bytes]]:
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


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    directory = tmp_path / "run" / "engine"
    directory.mkdir(parents=True)
    native.run(directory, _inputs())
    return directory


def _segment(journal: Path) -> Path:
    (segment,) = journal.glob("journal-*.segment")
    return segment


def test_records_come_back_as_they_went_in(journal: Path) -> None:
    back = [(time_ns, data) for _, time_ns, data in journals.records(journal)]
    assert back == _inputs()
    found = journals.verify(journal)
    assert found["closed"] and found["damage"] is None and found["records"] == len(back)


def test_a_replay_has_the_live_hash_and_its_positions(journal: Path) -> None:
    found = journals.replay(journal, collect=True)
    assert found["agrees"] is True and found["replayed_hash"] == found["recorded_hash"] == found["state_hash"]
    assert [(fill["side"], fill["lots"]) for fill in found["fills"]] == [(1, 10), (2, 4), (1, 5)]
    (position,) = found["positions"]
    assert (position["lots"], position["bought_lots"], position["sold_lots"]) == (11, 15, 4)
    assert position["cash_nanos"] == -11 * PRICE
    assert found["statistics"]["breaks"] == 3


def test_a_changed_input_is_another_hash(tmp_path: Path) -> None:
    changed = _inputs()
    data = bytearray(changed[-1][1])
    records.array(data, "OrderEvent")["lots"] += 1
    changed[-1] = (changed[-1][0], bytes(data))
    assert native.run(tmp_path / "one", _inputs()) != native.run(tmp_path / "two", changed)


def test_the_commands_agree_with_the_journal(journal: Path, meridian: Meridian) -> None:
    replayed = meridian("journal", "replay", str(journal.parent), "--json")
    assert replayed.returncode == 0, replayed.stderr
    document = json.loads(replayed.stdout)
    assert document["schema"] == "meridian.journal.replay/1" and document["agree"] is True
    positions = json.loads(meridian("positions", str(journal), "--json").stdout)
    assert positions["positions"][0]["lots"] == 11
    listed = meridian("journal", "cat", str(journal), "--kind", "OrderEvent", "--json").stdout.splitlines()
    assert [json.loads(line)["lots"] for line in listed] == [10, 4, 5]
    for command in (["fills"], ["orders"], ["journal", "verify"], ["journal", "cat", "--limit", "3"]):
        done = meridian(*command, str(journal))
        assert done.returncode == 0, done.stderr


def test_a_flipped_bit_is_found_and_placed(journal: Path, meridian: Meridian) -> None:
    segment = _segment(journal)
    data = bytearray(segment.read_bytes())
    data[2000] ^= 16
    segment.write_bytes(data)
    damage = journals.verify(journal)["damage"]
    assert damage is not None and "damaged" in damage and "segment 0, byte" in damage
    for command in ("verify", "replay"):
        done = meridian("journal", command, str(journal))
        assert done.returncode == 1 and "damaged" in done.stderr


def test_a_state_that_differs_is_said(journal: Path, meridian: Meridian) -> None:
    state = journal / "state.json"
    recorded = json.loads(state.read_text())
    wrong = "0" * 16
    state.write_text(state.read_text().replace(recorded["state_hash"], wrong))
    done = meridian("journal", "replay", str(journal))
    assert done.returncode == 1 and "DIFFERENT" in done.stdout and wrong in done.stdout


def test_a_directory_without_a_journal_is_bad_input(tmp_path: Path, meridian: Meridian) -> None:
    for path in (tmp_path, tmp_path / "nowhere"):
        for command in (["journal", "verify"], ["journal", "replay"], ["positions"]):
            done = meridian(*command, str(path))
            assert done.returncode == 2 and str(path) in done.stderr, done.stderr
    done = meridian("journal", "cat", str(tmp_path), "--kind", "Nonsense")
    assert done.returncode == 2 and "OrderEvent" in done.stderr
