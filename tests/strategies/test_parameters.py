"""Fields are checked when the class is made, and values when they are set: every error at once, each a sentence."""

import math
import struct
from pathlib import Path

import pytest

from meridian.strategies import Book, Orders, ParameterError, Strategy, build, param, state


class Fields(Strategy):
    size_lots: int = param(10, ge=1, le=100)
    live: bool = state(False)
    share: float = param(0.5, gt=0, lt=1)
    history: list[float] = state([0.0] * 3)
    quick: bool = param(True)
    count: int = state(7)

    def on_book(self, book: Book, orders: Orders) -> None:
        self.count += 1


def test_the_record_has_parameters_first_then_state() -> None:
    names = list(Fields.table.fields)
    assert names == ["size_lots", "share", "quick", "live", "history", "count"]
    dtype = Fields.table.dtype()
    assert dtype.itemsize == Fields.table.record_bytes == len(Fields.table.initial())
    assert Fields.table.record_bytes % 8 == 0
    for name, field in Fields.table.fields.items():
        assert dtype.fields[name][1] == field.offset
    import numpy

    record = numpy.frombuffer(Fields.table.initial({"size_lots": 3}), dtype=dtype)[0]
    assert (record["size_lots"], record["share"], record["quick"], record["live"], record["count"]) == (
        3,
        0.5,
        True,
        False,
        7,
    )


def test_every_wrong_value_is_named_at_once() -> None:
    wrong = {"size_lots": 0, "share": math.nan, "quick": 1, "sise": 3}
    with pytest.raises(ParameterError) as raised:
        Fields.table.validate(wrong)
    assert raised.value.errors == (
        "size_lots = 0: a whole number of 64 bits at least 1 and at most 100 is allowed.",
        "share = nan: a finite number above 0 and below 1 is allowed.",
        "quick = 1: true or false is allowed.",
        "sise = 3: Fields has no such parameter; these are known: size_lots, share, quick.",
    )


@pytest.mark.parametrize("value", [1.5, True, "3", 2**63, None])
def test_an_int_takes_whole_numbers_alone(value: object) -> None:
    with pytest.raises(ParameterError):
        Fields.table.validate({"size_lots": value})


def test_state_is_no_parameter() -> None:
    with pytest.raises(ParameterError, match="no such parameter"):
        Fields.table.validate({"count": 3})


def test_a_class_with_wrong_fields_is_not_made() -> None:
    with pytest.raises(ParameterError) as raised:

        class Wrong(Strategy):
            untyped = param(1)
            text: str = param(1)
            low: int = param(0, ge=1)
            bare: int
            flag: bool = param(3)
            empty: list[float] = state([])

    words = "\n".join(raised.value.errors)
    for expected in (
        "Wrong.untyped has no type", "Wrong.text has the type", "Wrong.low = 0", "Wrong.bare has no value",
        "Wrong.flag = 3", "Wrong.empty is a list of 0",
    ):  # fmt: skip
        assert expected in words
    assert len(raised.value.errors) == 6


def test_unknown_bounds_are_named() -> None:
    with pytest.raises(ParameterError, match=r"param.minimum=…. is not known"):
        param(1, minimum=3)  # type: ignore[call-overload]  # what the type checker refuses too


def test_an_instance_reads_and_checks_its_fields() -> None:
    instance = Fields(size_lots=20)
    assert (instance.size_lots, instance.count, instance.share) == (20, 7, 0.5)
    with pytest.raises(ParameterError):
        instance.size_lots = 1000
    with pytest.raises(ParameterError):
        Fields(share=2.0)


def test_a_subclass_inherits_fields() -> None:
    class More(Fields):
        extra: int = param(1)
        size_lots: int = param(50, ge=1)

    assert list(More.table.parameters) == ["share", "quick", "extra", "size_lots"]
    assert More.table.parameters["size_lots"].le is None


def test_an_artifact_gives_the_bits_of_values(code_directory: Path) -> None:
    artifact = build(Fields, directory=code_directory)
    bits = {
        name: (offset, scalar, value)
        for name, offset, scalar, value in artifact.bits({"size_lots": 5, "share": 0.25, "quick": False})
    }
    table = Fields.table.fields
    assert bits["size_lots"] == (table["size_lots"].offset, 1, 5)
    assert bits["share"] == (table["share"].offset, 2, struct.unpack("<Q", struct.pack("<d", 0.25))[0])
    assert bits["quick"] == (table["quick"].offset, 3, 0)
    with pytest.raises(ParameterError, match="at most 100"):
        artifact.bits({"size_lots": 101})
