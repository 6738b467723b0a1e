"""Reference data: the same file gives the same records and hash; every error is named at once."""

from __future__ import annotations

from datetime import date, time
from pathlib import Path

import pytest

from meridian import records
from meridian._native import risk as native
from meridian.console import BadInput
from meridian.venues.reference import ReferenceData
from tests.risk.support import REFERENCE, write
from tests.support import ROOT


def errors(tmp_path: Path, text: str) -> list[str]:
    with pytest.raises(BadInput) as refused:
        ReferenceData.load(write(tmp_path, "reference.toml", text))
    return [sentence.split(": ", 1)[1] for sentence in refused.value.errors]


def test_names_lead_to_entries_and_records_follow_ids(tmp_path: Path) -> None:
    reference = ReferenceData.load(write(tmp_path, "reference.toml", REFERENCE))
    assert reference.instrument("ES").units_per_lot_e8 == 50 * 10**8
    assert reference.listing("AAPL", "XBOS").symbol == "AAPL"
    with pytest.raises(KeyError, match="ES is not listed at XBOS"):
        reference.listing("ES", "XBOS")
    found = list(records.split(reference.records()))
    assert [name for name, _ in found] == ["TickBand"] * 2 + ["Definition"] * 2 + ["Listing"] * 3
    definition = found[2][1]
    assert records.text(definition["key"]) == "AAPL" and int(definition["prior_close_nanos"]) == 100 * 10**9
    assert [int(record["replace_quantity"]) for _, record in found[4:]] == [1, 2, 1]
    assert int(found[4][1]["price_min_nanos"]) == records.UNDEF_PRICE


def test_the_hash_names_the_bytes(tmp_path: Path) -> None:
    one = ReferenceData.load(write(tmp_path, "one.toml", REFERENCE))
    other = ReferenceData.load(write(tmp_path, "other.toml", REFERENCE + "# a remark\n"))
    assert len(one.hash) == 64 and one.hash != other.hash
    assert one.records() == other.records()


def test_the_house_file_loads_and_a_tree_takes_it() -> None:
    reference = ReferenceData.load(ROOT / "venues" / "reference" / "house.toml")
    assert set(native.LimitTree().apply(reference.records())) == {"applied"}


def test_a_calendar_knows_its_days(tmp_path: Path) -> None:
    calendar = ReferenceData.load(write(tmp_path, "reference.toml", REFERENCE)).calendar("XNAS")
    assert calendar.session(date(2026, 12, 23)) == (time(9, 30), time(16))
    assert calendar.session(date(2026, 12, 24)) == (time(9, 30), time(13))
    assert calendar.session(date(2026, 12, 25)) is None
    assert calendar.session(date(2026, 12, 26)) is None


CHANGES = [
    (
        "units_per_lot = 50",
        "units_per_lot = 0",
        "instruments.ES.units_per_lot = 0: allowed is a decimal number above zero",
    ),
    (
        "prior_close = 100\nsector",
        'prior_close = "dear"\nsector',
        "instruments.AAPL.prior_close = 'dear': allowed is a decimal",
    ),
    (
        "prior_close = 100\nsector",
        "prior_close = 1.0000000001\nsector",
        "instruments.AAPL.prior_close = 1.0000000001: allowed",
    ),
    ('sector = "technology"', 'sector = "shoes"', "instruments.AAPL.sector = 'shoes': allowed is one of technology."),
    (
        'class = "future"',
        'class = "swap"',
        "instruments.ES.class = 'swap': allowed is equity or future or crypto or option.",
    ),
    (
        'class = "future"',
        'class = "future"\ncurrency = "EUR"',
        "currency = 'USD': allowed is EUR: limits add up one currency.",
    ),
    (
        'symbol = "ES"',
        'symbol = "MUCH TOO LONG A SYMBOL"',
        "listings[2].symbol = 'MUCH TOO LONG A SYMBOL': allowed is one to",
    ),
    (
        'tick_table = "cents"\n[[listings]]\ninstrument = "ES"',
        'tick_table = "x"\n[[listings]]\ninstrument = "ES"',
        "one of cents.",
    ),
    (
        'instrument = "ES"\nvenue = "XNAS"',
        'instrument = "AAPL"\nvenue = "XNAS"',
        "listings[2] = 'AAPL at XNAS': allowed is one",
    ),
    ('"remaining"', '"both"', "venues.XBOS.replace_quantity = 'both': allowed is total or remaining."),
    ("id = 2\ncalendar", "id = 1\ncalendar", "venues.XBOS.id = 1: allowed is a number of its own (XNAS has this one)."),
    ("id = 2\nclass", "id = 7\nclass", "instruments.ES.id = 7: allowed is from 1 to 2 without gaps."),
    (
        "{ from = 1, tick = 0.01 }",
        "{ from = 0, tick = 0.01 }",
        "tick_tables.cents.rows = ['0', '0']: allowed is a first row",
    ),
    ("tick = 0.0001", "tick = 0", "tick_tables.cents.rows[0].tick = 0: allowed is a decimal number with at most nine"),
    (
        '"America/New_York"',
        '"America/Nowhere"',
        "calendars.daily.time_zone = 'America/Nowhere': allowed is a time zone such",
    ),
    (
        "close = 16:00:00",
        "close = 08:00:00",
        "calendars.daily.close = 08:00:00: allowed is a time after the open at 09:30",
    ),
    (
        "version = 1",
        "version = 1\nvenue = 3",
        "venue = 3: allowed is one of the keys calendars, instruments, listings, sectors",
    ),
    (
        'calendar = "daily"\nreplace_quantity = "total"',
        'replace_quantity = "total"',
        "venues.XNAS.calendar is missing: allowed is",
    ),
]


@pytest.mark.parametrize(("old", "new", "sentence"), CHANGES, ids=[change[2][:40] for change in CHANGES])
def test_an_error_names_key_value_and_what_is_allowed(tmp_path: Path, old: str, new: str, sentence: str) -> None:
    assert REFERENCE.count(old) >= 1
    found = errors(tmp_path, REFERENCE.replace(old, new, 1))
    assert any(sentence in one for one in found), found


def test_errors_come_together(tmp_path: Path) -> None:
    text = REFERENCE.replace('"remaining"', '"both"').replace("units_per_lot = 50", "units_per_lot = 0")
    text = text.replace('symbol = "ES"', 'symbol = ""').replace('underlying = "ES"', 'underlying = "NQ"', 1)
    found = errors(tmp_path, text)
    starts = ("venues.XBOS.replace_quantity", "instruments.ES.units_per_lot", "listings[2].symbol")
    assert all(any(one.startswith(start) for one in found) for start in starts), found
