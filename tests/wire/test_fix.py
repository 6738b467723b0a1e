"""FIX from Python: messages read, built, shown, compared, converted; logs as streams; the commands on them."""

from __future__ import annotations

import datetime
import json
import random
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from meridian.venues import fix
from tests.conftest import Meridian

TIME = datetime.datetime(2026, 3, 2, 9, 15, 27, 508000, tzinfo=datetime.UTC)


def order(number: int = 7, **more: fix.message.Value) -> fix.Message:
    """An order of ours."""
    fields: dict[str, fix.message.Value] = {
        "ClOrdID": f"C{number}", "Symbol": "QXZT", "Side": "2", "TransactTime": TIME, "OrderQty": 700, "OrdType": "2",
        "Price": Decimal("402.75"), "TimeInForce": "0", **more,
    }  # fmt: skip
    return fix.build("D", fields, sender="HOUSE", target="VENUE", sequence=number, time=TIME)


def report(number: int, of: int, time: datetime.datetime = TIME) -> fix.Message:
    """A report on an order."""
    fields: dict[str, fix.message.Value] = {
        "OrderID": "V1", "ClOrdID": f"C{of}", "ExecID": f"E{number}", "ExecType": "0", "OrdStatus": "0", "Side": "2",
        "LeavesQty": 700, "CumQty": 0, "AvgPx": 0, "Symbol": "QXZT",
    }  # fmt: skip
    return fix.build("8", fields, sender="VENUE", target="HOUSE", sequence=number, time=time)


def test_a_message_is_built_read_and_sound() -> None:
    message = order(Account="D1", MinQty=Decimal("0.50"))
    assert message.validate() is None
    assert (message.type, message.name, message["Symbol"], message[55]) == ("D", "NewOrderSingle", "QXZT", "QXZT")
    assert (message.decimal("Price"), message.integer("OrderQty"), message.time(60)) == (Decimal("402.75"), 700, TIME)
    assert message.get("StopPx") is None and "StopPx" not in message and message.get(9999, "-") == "-"
    assert fix.parse(message.text()) == message
    assert fix.parse(message.text("^A")) == message
    assert [tag for tag, _ in message][:7] == [8, 9, 35, 34, 49, 52, 56]
    with pytest.raises(KeyError):
        message["NoSuchName"]
    with pytest.raises(ValueError, match="no number"):
        message.decimal("Symbol")


@pytest.mark.parametrize("version", fix.VERSIONS)
def test_every_version_builds_what_its_dictionary_accepts(version: str) -> None:
    message = fix.build("0", {"TestReqID": "x"}, sender="A", target="B", sequence=1, version=version, time=TIME)
    seconds = ("FIX.4.0", "FIX.4.1")
    known = fix.Dictionary.of(version)
    assert message[8] == known.begin_string
    assert message.validate() is None or version in seconds
    assert (known.name(11), known.tag("ClOrdID"), known.is_session("0"), known.is_session("D")) == (
        "ClOrdID",
        11,
        True,
        False,
    )


def test_values_that_cannot_stand_in_a_message_are_refused() -> None:
    values: list[tuple[Any, str]] = [
        ("a\x01b", "field's end"),
        (datetime.datetime(2026, 3, 2), "needs its zone"),
        (Decimal("NaN"), "no number"),
    ]
    for value, words in values:
        with pytest.raises(ValueError, match=words):
            order(Text=value)
    with pytest.raises(KeyError):
        order(NoSuchName="x")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("8=FIX.4.4|9=5|hello|", "has no ="),
        ("8=FIX.4.4|x=5|", "is no number"),
        ("8=FIX.4.4|0=5|", "is no tag number"),
        ("8=FIX.4.4|95=9|96=ab|", "the data does not end"),
        ("8=FIX.4.4|58=cut", "has no end"),
    ],
)
def test_bytes_that_are_no_fields_are_told(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        fix.parse(text)
    assert fix.parse(text, tolerant=True)[8] == "FIX.4.4"


def test_a_finding_has_the_standard_s_reason() -> None:
    found = order(Side="Z").validate()
    assert found == fix.Finding(reason=5, tag=54, text="Value is incorrect (out of range) for this tag")
    assert order(Side="Z").validate(off=["values"]) is None
    with pytest.raises(ValueError, match="allowed: order, have_values"):
        order().validate(off=["nothing"])


def test_groups_are_entries_and_stand_deeper() -> None:
    fields: list[tuple[int | str, fix.message.Value]] = [
        ("ClOrdID", "1"), ("NoPartyIDs", 2), ("PartyID", "A"), ("PartyIDSource", "D"), ("PartyRole", 3),
        ("NoPartySubIDs", 1), ("PartySubID", "x"), ("PartySubIDType", 1), ("PartyID", "B"), ("PartyIDSource", "D"),
        ("PartyRole", 4), ("Symbol", "Q"), ("Side", "1"), ("TransactTime", TIME), ("OrderQty", 1), ("OrdType", "1"),
    ]  # fmt: skip
    message = fix.build("D", fields, sender="A", target="B", sequence=1, time=TIME)
    assert message.validate() is None
    entries = message.groups("NoPartyIDs")
    assert [entry[0] for entry in entries] == [(448, "A"), (448, "B")]
    assert len(entries[0]) == 6 and len(entries[1]) == 3
    lines = message.pretty().splitlines()
    assert lines[0].startswith("NewOrderSingle (D), FIX.4.4")
    assert any(line.startswith("  - ") and "448 PartyID = A" in line for line in lines)
    assert any(line.startswith("    - ") and "523 PartySubID = x" in line for line in lines)
    assert any(line.startswith("     54 Side = 1 (Buy)") for line in lines)
    with pytest.raises(KeyError):
        message.groups("Symbol")


def test_a_message_is_explained_in_words() -> None:
    assert order().explain().startswith("HOUSE → VENUE #7 NewOrderSingle: sell 700 QXZT, limit 402.75, day; ClOrdID C7")
    text = fix.build("5", {"Text": "bye"}, sender="A", target="B", sequence=3, time=TIME).explain()
    assert text == "A → B #3 Logout: Text bye"


def test_differences_are_told_field_by_field() -> None:
    left, right = order(7), order(8, Price=Decimal("403"), Account="X")
    found = {(each.name, each.left, each.right) for each in fix.diff(left, right)}
    assert found == {("ClOrdID", "C7", "C8"), ("Price", "402.75", "403"), ("Account", None, "X")}
    assert str(fix.diff(left, right)[0]) == "11 ClOrdID: 'C7' → 'C8'"
    assert fix.diff(left, left, ignore=()) == []


def test_messages_survive_the_way_through_simplefix() -> None:
    simplefix = pytest.importorskip("simplefix")
    for seed in range(50):
        numbers = random.Random(seed)
        text = "".join(chr(numbers.randrange(32, 127)) for _ in range(numbers.randrange(1, 30)))
        message = order(seed + 1, Text=text)
        assert fix.from_simplefix(fix.to_simplefix(message)) == message
        parser = simplefix.FixParser()
        parser.append_buffer(message.raw)
        assert fix.from_simplefix(parser.get_message()) == message
    made = simplefix.FixMessage()
    made.append_pair(8, "FIX.4.4")
    made.append_pair(35, "0")
    assert fix.from_simplefix(made).text() == "8=FIX.4.4|9=5|35=0|10=163|"


def test_messages_survive_the_way_through_quickfix() -> None:
    pytest.importorskip("quickfix")
    message = order(Account="D1")
    back = fix.from_quickfix(fix.to_quickfix(message))
    assert back.validate() is None
    assert sorted(back) == sorted(message)


def written(path: Path, count: int, layout: str) -> list[fix.Message]:
    """A log of orders and reports, 250 µs apart."""
    messages = []
    lines = bytearray()
    for number in range(1, count + 1):
        moment = TIME + datetime.timedelta(milliseconds=number)
        for late, message in ((0, order(number)), (250, report(number, number))):
            messages.append(message)
            stamp = f"{moment + datetime.timedelta(microseconds=late):%Y%m%d-%H:%M:%S.%f} : ".encode()
            if layout == "stream":
                lines += message.raw
            elif layout == "lines":
                lines += stamp + message.raw + b"\n"
            else:
                lines += stamp + message.text(layout).encode() + b"\n"
    path.write_bytes(bytes(lines))
    return messages


@pytest.mark.parametrize("layout", ["stream", "lines", "|", "^A"])
def test_a_log_gives_every_message(layout: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("meridian.venues.fix.log.BLOCK_BYTES", 1_000)
    path = tmp_path / "messages.log"
    messages = written(path, 60, layout)
    log = fix.read_log(path)
    entries = list(log)
    assert [entry.message for entry in entries] == messages
    assert (log.messages, log.bytes_read, log.bad) == (120, path.stat().st_size, {})
    data = path.read_bytes()
    assert all(data[entry.offset :].startswith(b"8=FIX") for entry in entries)
    if layout != "stream":
        assert entries[1].time_ns is not None and entries[0].time_ns is not None
        assert entries[1].time_ns - entries[0].time_ns == 250_000


def test_what_is_no_message_is_counted(tmp_path: Path) -> None:
    path = tmp_path / "messages.log"
    good, bad = order(1).raw, order(2).raw.replace(b"402.75", b"402.76")
    path.write_bytes(good + bad + b"noise\n" + order(3).raw + order(4).raw[:50])
    log = fix.read_log(path)
    assert [entry.message.integer(34) for entry in log] == [1, 3]
    assert log.bad == {"checksum": 1, "cut": 1}


def test_a_hole_in_a_log_is_named(meridian: Meridian, tmp_path: Path) -> None:
    path = tmp_path / "messages.log"
    for zeros in (4096, 5 << 20):
        path.write_bytes(order(1).raw + bytes(zeros) + order(2).raw + bytes(zeros))
        log = fix.read_log(path)
        assert [entry.message.integer(34) for entry in log] == [1]
        assert log.bad == {"hole": 1}
    assert "hole" in meridian("fix", "log", str(path)).stderr
    # Reserved space at the end is none.
    path.write_bytes(order(1).raw + bytes(5 << 20))
    log = fix.read_log(path)
    assert len(list(log)) == 1 and log.bad == {}


@pytest.mark.parametrize("words", [("--where", "Symbol=€"), ("--where", "²=1"), ("--type", "€"), ("--last", "9" * 30)])
def test_letters_and_numbers_that_no_message_has_are_refused(
    meridian: Meridian, tmp_path: Path, words: tuple[str, str]
) -> None:
    path = tmp_path / "messages.log"
    written(path, 1, "lines")
    done = meridian("fix", "log", str(path), *words)
    assert done.returncode == 2 and words[1] in done.stderr and "Traceback" not in done.stderr, done.stderr


def test_the_command_shows_filters_and_explains(meridian: Meridian, tmp_path: Path) -> None:
    path = tmp_path / "messages.log"
    written(path, 5, "lines")
    done = meridian("fix", "log", str(path), "--type", "NewOrderSingle", "--where", "ClOrdID=C3")
    assert done.returncode == 0, done.stderr
    assert done.stdout == (
        "2026-03-02 09:15:27.511000 HOUSE → VENUE #3 NewOrderSingle: sell 700 QXZT, limit 402.75, day; ClOrdID C3, "
        "TransactTime 20260302-09:15:27.508\n"
    )
    assert "10 messages in" in done.stderr
    done = meridian("fix", "log", str(path), "--last", "2", "--json")
    documents = [json.loads(line) for line in done.stdout.splitlines()]
    assert [document["schema"] for document in documents] == ["meridian.fix.log.message/1"] * 2 + ["meridian.fix.log/1"]
    assert documents[1]["name"] == "ExecutionReport" and documents[2]["messages"] == 10


def test_the_command_pairs_requests_with_answers(meridian: Meridian, tmp_path: Path) -> None:
    path = tmp_path / "messages.log"
    written(path, 5, "lines")
    done = meridian("fix", "log", str(path), "--latency", "--json")
    document = json.loads(done.stdout)
    (row,) = document["pairs"]
    assert (row["request"], row["answer"], row["count"], row["p50_ns"], row["max_ns"]) == (
        "NewOrderSingle", "ExecutionReport", 5, 250_000, 250_000,
    )  # fmt: skip
    assert document["unanswered"] == 0


def test_the_command_refuses_bad_input_all_at_once(meridian: Meridian, tmp_path: Path) -> None:
    done = meridian(
        "fix", "log", str(tmp_path / "none"), "--where", "nothing", "--type", "NoSuchMessage", "--latency", "-f"
    )
    assert done.returncode == 2
    for words in ("there is no such file", "--where nothing", "--type NoSuchMessage", "--latency --follow"):
        assert words in done.stderr


def test_lint_tells_every_fault_of_a_dictionary(meridian: Meridian, tmp_path: Path) -> None:
    good = Path(fix.__file__).parent / "dictionaries" / "FIX44.xml"
    done = meridian("fix", "lint", str(good), "--json")
    document = json.loads(done.stdout)
    assert (done.returncode, document["version"], document["messages"], document["faults"]) == (0, "FIX.4.4", 93, [])
    path = tmp_path / "bad.xml"
    path.write_text(
        "<fix type='FIX' major='4' minor='4'><messages><message name='A' msgtype='A'><field name='X'/></message></messages>"
        "<fields><field number='1' name='Y' type='INT'/></fields></fix>"
    )
    done = meridian("fix", "lint", str(path))
    assert done.returncode == 1 and "field X is not defined" in done.stderr
    path.write_text(
        "<fix type='FIX' major='4' minor='4'><fields><field number='20000' name='Own' type='INT'/></fields></fix>"
    )
    assert meridian("fix", "lint", str(path), "--base", "FIX.4.4").returncode == 0
    assert meridian("fix", "lint", str(path), "--base", "FIX.9").returncode == 2
    assert meridian("fix", "lint", str(tmp_path / "none.xml")).returncode == 2
