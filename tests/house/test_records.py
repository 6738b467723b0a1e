"""What Python knows of the records is what Rust lays out."""

from __future__ import annotations

import subprocess
import sys
from enum import IntEnum
from typing import Any

import numpy as np
import pytest

from meridian import _native, codes, records
from tests.support import ROOT


@pytest.mark.parametrize("name", sorted(records.LAYOUTS))
def test_sizes_and_offsets_are_those_of_rust(name: str) -> None:
    layout, kind = records.LAYOUTS[name], records.dtype(name)
    assert kind.itemsize == layout.size
    assert kind.isalignedstruct
    assert kind.fields is not None
    assert {field: kind.fields[field][1] for field in kind.fields} == {entry[0]: entry[1] for entry in layout.fields}
    ends = [offset + kind.fields[field][0].itemsize for field, offset, _, _ in layout.fields]
    starts = [entry[1] for entry in layout.fields]
    assert [0, *ends] == [*starts, layout.size], "fields lie without gaps"


@pytest.mark.parametrize("name", [name for name, layout in records.LAYOUTS.items() if layout.kind])
def test_an_empty_record_is_read_back_by_rust(name: str) -> None:
    record = records.new(name, sequence=7)
    assert records.name_of(record.tobytes()) == name
    assert records.parse(record.tobytes())["header"]["sequence"] == 7
    assert records.Kind[_constant(name)] == records.LAYOUTS[name].kind


def _constant(name: str) -> str:
    return "".join(f"_{letter}" if letter.isupper() else letter for letter in name).lstrip("_").upper()


def test_fields_by_name_and_text() -> None:
    order = records.new("MarketOrder", side=records.Side.SELL, price_nanos=records.UNDEF_PRICE, lots=3, instrument=9)
    assert (order["side"], order["price_nanos"], order["lots"], order["header"]["instrument"]) == (2, 2**63 - 1, 3, 9)
    listing = records.new("Listing", symbol="AAPL")
    assert records.text(listing["symbol"]) == "AAPL"
    with pytest.raises(ValueError, match="has no field colour"):
        records.new("MarketOrder", colour=1)
    with pytest.raises(ValueError, match="16 fit"):
        records.new("Listing", symbol="A" * 17)


def test_records_one_after_another() -> None:
    data = (
        records.new("Trade", lots=1).tobytes()
        + records.new("Status").tobytes()
        + records.new("Trade", lots=2).tobytes()
    )
    assert [name for name, _ in records.split(data)] == ["Trade", "Status", "Trade"]
    assert [int(record["lots"]) for name, record in records.split(data) if name == "Trade"] == [1, 2]
    with pytest.raises(ValueError, match=f"no record at byte {len(data)}: the bytes end"):
        list(records.split(data + b"\1"))


@pytest.mark.parametrize(
    ("at", "value", "why"),
    [(0, 0xFF, "kind 255 is unknown"), (2, 99, "this build reads version 1"), (6, 8, "does not have 8 bytes")],
)
def test_foreign_bytes_are_refused_in_words(at: int, value: int, why: str) -> None:
    data = bytearray(records.new("MarketOrder").tobytes())
    data[at] = value
    with pytest.raises(ValueError, match=why):
        records.parse(data)


def test_an_array_is_a_view() -> None:
    data = bytearray(records.empty("Trade", 3).tobytes())
    view = records.array(data, "Trade")
    np.frombuffer(data, records.dtype("Trade"))["lots"][0] = 5
    assert view["lots"].tolist() == [5, 0, 0]
    with pytest.raises(ValueError, match="not a whole number"):
        records.array(b"123", "Trade")


@pytest.mark.parametrize("name", sorted(_native.records.CODES))
def test_enumerations_are_those_of_rust(name: str) -> None:
    enumeration: type[IntEnum] = getattr(codes, name)
    _, _, variants = _native.records.CODES[name]
    assert [int(member) for member in enumeration] == [code for code, _ in variants.values()]
    assert [member.name for member in enumeration] == [_constant(variant) for variant in variants]


def test_codes_are_fresh() -> None:
    done = subprocess.run(
        [sys.executable, "tools/gen_codes.py", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


def test_numba_reads_the_same_fields() -> None:
    import numba

    @numba.njit
    def best_bid_lots(views: Any) -> int:
        total = 0
        for index in range(views.shape[0]):
            total += views[index].bids[0].lots + views[index].flags
        return total

    views = np.zeros(2, dtype=records.dtype("BookView"))
    views["bids"]["lots"][:, 0] = [300, 200]
    views["flags"] = [1, 2]
    assert best_bid_lots(views) == 503
    for name, layout in records.LAYOUTS.items():
        assert records.numba_type(name).size == layout.size


def test_importing_records_does_not_import_numba() -> None:
    code = "import sys; import meridian.records; sys.exit('numba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_submodules_of_the_extension_can_be_imported_by_name() -> None:
    from meridian._native.records import split

    assert split(b"") == []
