"""Files of reference data and limits with every key spoilt in every way: refused in sentences, never a traceback.

Invariant: whatever stands in a file, reading it ends with the file loaded or with BadInput; all its errors come at once.
"""

from __future__ import annotations

import copy
import tomllib
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from meridian.console import BadInput
from meridian.risk import Limits
from meridian.venues.reference import ReferenceData
from tests.risk.support import LIMITS, REFERENCE, write
from tests.support import ROOT

FULL_INSTRUMENT = """
[instruments.GOLD]
id = 3
class = "future"
currency = "USD"
units_per_lot = 1
prior_close = -10
band_low = -20
band_high = 20
average_daily_lots = 5
isin = "US0378331005"
figi = "BBG000B9XRY4"
active = true
short_restricted = false
[[listings]]
instrument = "GOLD"
venue = "XNAS"
symbol = "GOLD"
tick_table = "cents"
locate = 7
increment_lots = 1
round_lot_lots = 10
price_min = -50
price_max = 50
active = true
"""
KILL = '\n[[kills]]\nnode = "desk"\nnew_orders = "none"\nresting = "cancel"\nflatten = false\ntrader = 4\n'
ABSURD: list[Any] = [
    None, "", "x", "\N{SNOWMAN}" * 40, 0, -1, 10**6, 2**63, 2**64, 10**40, -(10**40), 1.5, True, False, [], {}, [[]], [1, 1],
    Decimal("NaN"), Decimal("Infinity"), Decimal("-Infinity"), Decimal("1e999999999"), Decimal("1e-999999999"),
    "1e9s", "9" * 5000,
]  # fmt: skip
"""None: the key is taken away."""


def places(document: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where every key and every entry of a document stands."""
    parts = (
        document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else ()
    )
    return [place for key, part in parts for place in [(*path, key), *places(part, (*path, key))]]


def spoil(document: dict[str, Any], place: tuple[Any, ...], value: Any) -> None:
    """Changes one value of the document, or takes it away by None."""
    holder: Any = document
    for key in place[:-1]:
        holder = holder[key]
    if value is None:
        del holder[place[-1]]
    else:
        holder[place[-1]] = value


def spoilt(document: dict[str, Any], place: tuple[Any, ...], value: Any) -> dict[str, Any]:
    """The document with one value changed, or taken away by None."""
    made = copy.deepcopy(document)
    spoil(made, place, value)
    return made


def both(monkeypatch: pytest.MonkeyPatch, reference: dict[str, Any], limits: dict[str, Any]) -> list[str]:
    """All errors of two documents read as files."""
    documents = {"r": reference, "l": limits}
    for module in ("meridian.venues.reference", "meridian.risk.limits"):
        monkeypatch.setattr(f"{module}.read_toml", lambda path: (documents[str(path)], "00"))
    loaded, errors = ReferenceData.examine("r")
    assert loaded is not None
    more = Limits.examine("l", loaded)[1]
    if not errors and not more:
        assert loaded.records() and Limits.load("l", loaded).records()
    return errors + more


def good() -> tuple[dict[str, Any], dict[str, Any]]:
    reference = tomllib.loads(REFERENCE + FULL_INSTRUMENT, parse_float=Decimal)
    return reference, tomllib.loads(LIMITS + KILL, parse_float=Decimal)


def test_the_documents_to_spoil_are_good(monkeypatch: pytest.MonkeyPatch) -> None:
    assert both(monkeypatch, *good()) == []


def test_no_value_of_any_key_is_more_than_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    reference, limits = good()
    tried = refused = 0
    for which, document in enumerate((reference, limits)):
        for place in places(document):
            for value in ABSURD:
                made = spoilt(document, place, value)
                errors = both(monkeypatch, *((made, limits) if which == 0 else (reference, made)))
                tried += 1
                refused += bool(errors)
                assert all(len(error) < 1500 and "Traceback" not in error for error in errors)
    assert tried > 5_000 and refused > tried // 2


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_many_spoilt_values_at_once_are_refused_at_once(monkeypatch: pytest.MonkeyPatch, data: st.DataObject) -> None:
    reference, limits = good()
    for _ in range(data.draw(st.integers(2, 6))):
        document = data.draw(st.sampled_from([reference, limits]))
        place = data.draw(st.sampled_from(places(document)))
        # Of its own: a later value may be put into it, and must not be in what the next run draws.
        value = copy.deepcopy(data.draw(st.sampled_from(ABSURD)))
        spoil(document, place, value)
        if not places(reference) or not places(limits):
            return
    both(monkeypatch, reference, limits)


REFUSED = [
    ("limits", "percent = 5,", "percent = 500,", "limits[2].percent = 500: allowed is a percentage from 0"),
    ("limits", '"5s" }', '"99999999999h" }', "limits[2].reference_age = '99999999999h': allowed is a time such as 5s"),
    ("limits", 'window = "1s"', 'window = "25h"', "limits[3].window = '25h': allowed is a time such as 1s, at most 24h"),
    ("limits", "burst = 1_000_000", "burst = 0", "limits[3].burst = 0: allowed is a whole number from 1"),
    ("reference", '"US0378331005"', '"US0378331006"', "allowed is an ISIN; the last digit of US037833100 is 5"),
    ("reference", "prior_close = 100\nsector", "prior_close = -1\nsector", "AAPL.prior_close = -1: allowed is not below"),
    ("reference", "price_min = -50", "price_min = -50.005", "price_min = -50.005: allowed is a multiple of the tick 0.01"),
    ("reference", "band_low = -20", "band_low = -20.001", "band_low = -20.001: allowed is a multiple of the tick 0.01"),
    ("reference", "band_low = -20", "band_low = 20", "instruments.GOLD.band_low = 20: allowed is below band_high"),
    ("reference", "price_min = -50", "price_min = 60", "listings[3].price_min = 60: allowed is at most price_max"),
    ("reference", "units_per_lot = 1\n", "units_per_lot = 0.000000001\n", "= 1E-9: allowed is at most eight decimals"),
    ("reference", "early_closes = {", "weekdays = [8]\nearly_closes = {", "weekdays[0] = 8: allowed is numbers from 1"),
]  # fmt: skip


@pytest.mark.parametrize(("file", "old", "new", "sentence"), REFUSED, ids=[one[2].strip() for one in REFUSED])
def test_absurd_values_are_refused_as_they_were_written(
    tmp_path: Path, file: str, old: str, new: str, sentence: str
) -> None:
    texts = {"reference": REFERENCE + FULL_INSTRUMENT, "limits": LIMITS + KILL}
    assert old in texts[file]
    texts[file] = texts[file].replace(old, new, 1)
    loaded, errors = ReferenceData.examine(write(tmp_path, "reference.toml", texts["reference"]))
    assert loaded is not None
    errors += Limits.examine(write(tmp_path, "limits.toml", texts["limits"]), loaded)[1]
    assert len(errors) == 1 and sentence in errors[0], errors


def test_a_wrong_entry_hides_no_error_of_its_own_or_of_others(tmp_path: Path) -> None:
    text = REFERENCE.replace('class = "equity"', 'class = "stock"\nisin = "US0378331006"').replace(
        "id = 2\nclass", "id = 9\nclass"
    )
    loaded, errors = ReferenceData.examine(write(tmp_path, "reference.toml", text))
    assert loaded is not None
    limits = LIMITS.replace("lots = 40", 'lots = "forty", instrument = "AAPL", venue = "XLON"', 1)
    errors += Limits.examine(write(tmp_path, "limits.toml", limits), loaded)[1]
    for word in ("AAPL.class", "AAPL.isin", "ES.id = 9", "limits[0].lots", "limits[0].venue = 'XLON'"):
        assert any(word in error for error in errors), (word, errors)
    assert len(errors) == 5, errors


def test_the_house_files_keep_to_the_rules() -> None:
    ReferenceData.load(ROOT / "venues" / "reference" / "house.toml")


@pytest.mark.parametrize(
    "content",
    [b"\xff\xfe", b"a = " + b"[" * 100_000, b"a = 1" + b"0" * 5_000, b"a = 0x" + b"f" * 5_000, b"a = 1\na = 2", b""],
)
def test_what_is_no_toml_is_told_in_one_sentence(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "bad.toml"
    path.write_bytes(content)
    with pytest.raises(BadInput) as refused:
        ReferenceData.load(path)
    assert all(error.startswith(str(path)) for error in refused.value.errors)


def test_a_device_is_no_file() -> None:
    with pytest.raises(BadInput, match="it is no file"):
        ReferenceData.load("/dev/zero")
