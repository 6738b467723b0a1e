"""Independent decoders over what we encode: itchfeed for ITCH, the published layout for OUCH, tshark for the framing."""

from __future__ import annotations

import json
import random
import struct
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from itch.messages import messages as itchfeed

from meridian.venues import wire
from tests.oracle.ouch import Published
from tests.support import ROOT, need_program, skip_unchecked
from tests.wire.messages import random_message

ITCH = [each for each in wire.describe("itch50")["messages"] if each["name"] != "EndOfSnapshot"]
OUCH = wire.describe("ouch50")["messages"]
LATER = {"MassCancel", "DisableOrderEntry", "EnableOrderEntry", "AccountQuery"} | {
    "MassCancelResponse", "DisableOrderEntryResponse", "EnableOrderEntryResponse",
}  # fmt: skip
"""Messages without fields in the published layout of 2023, or that came after it."""
ALIASES = {
    "luld_reference_price_tier": "luld_ref",
    "auction_collar_extension": "auction_collar_extention",
    "canceled_shares": "cancelled_shares",
    "original_order_reference_number": "order_reference_number",
    "ipo_quotation_release_time": "ipo_release_time",
    "ipo_quotation_release_qualifier": "ipo_release_qualifier",
    "price_variation_indicator": "variation_indicator",
    "level_1": "level1_price",
    "level_2": "level2_price",
    "level_3": "level3_price",
}
"""itchfeed's names where they are not ours."""


def itchfeed_value(theirs: Any, name: str) -> int | str:
    """A field of itchfeed's message, letters without padding."""
    value = getattr(theirs, name if hasattr(theirs, name) else ALIASES.get(name, name))
    return value.decode("latin-1").rstrip(" ") if isinstance(value, bytes) else int(value)


@pytest.mark.parametrize("name", [each["name"] for each in ITCH])
def test_itchfeed_reads_what_we_wrote_seed_21(name: str) -> None:
    entry = next(each for each in ITCH if each["name"] == name)
    numbers = random.Random(21)
    for _ in range(20):
        message = random_message("itch50", name, numbers)
        data = wire.encode("itch50", message)
        theirs = itchfeed[data[:1]](data)
        for field in entry["fields"]:
            ours = message[field["name"]]
            expected = ours.rstrip(" ") if isinstance(ours, str) else ours
            assert itchfeed_value(theirs, field["name"]) == expected, field["name"]
        assert theirs.to_bytes() == data


def published() -> Published:
    path = ROOT.parent / "shared" / "protocols" / "Nasdaq_NsmEquities_Orders_Ouch_v5_0.csv"
    if not path.exists():
        skip_unchecked("OUCH against its published layout", "the layout is not beside the tree")
    return Published(path)


@pytest.mark.parametrize("name", [each["name"] for each in OUCH if each["name"] not in LATER])
def test_the_published_layout_reads_what_we_wrote_seed_22(name: str) -> None:
    layout = published()
    entry = next(each for each in OUCH if each["name"] == name)
    tags = {each["name"]: each for each in wire.describe("ouch50")["elements"]}
    numbers = random.Random(22)
    for _ in range(20):
        message = random_message("ouch50", name, numbers)
        if entry["tail"] == "optional appendage":
            message.pop("appendage", None)
        theirs = layout.decode(entry["group"], wire.encode("ouch50", message))
        assert sorted(theirs.values) == [field["offset"] for field in entry["fields"]]
        for field in entry["fields"]:
            assert theirs.values[field["offset"]] == plain(message[field["name"]], field["size"]), field["name"]
        if theirs.elements is None:
            continue
        ours = message["appendage"]
        assert [tag for tag, _ in theirs.elements] == [tags[each]["tag"] for each in ours]
        for (tag, value), (key, given) in zip(theirs.elements, ours.items(), strict=True):
            assert len(value) == layout.element_sizes.get(tag, len(value)), key
            expected = plain(given, len(value))
            assert value == (expected if isinstance(expected, bytes) else expected.to_bytes(len(value), "big"))


def plain(value: Any, size: int) -> int | bytes:
    """Our value as the layout has it: letters padded, numbers without sign."""
    if isinstance(value, str):
        return value.encode("latin-1").ljust(size)
    return int(value) % (1 << 8 * size)


def test_the_published_layout_has_no_message_that_we_have_not() -> None:
    ours = {(each["group"], each["code"]) for each in OUCH}
    assert set(published().messages) <= ours


# tshark over MoldUDP64 and SoupBinTCP.


def ipv4(protocol: int, payload: bytes) -> bytes:
    header = struct.pack(
        ">BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), 1, 0, 64, protocol, 0, b"\x7f\0\0\1", b"\x7f\0\0\1"
    )
    return header + payload


def udp(payload: bytes) -> bytes:
    return ipv4(17, struct.pack(">HHHH", 40_000, 26_400, 8 + len(payload), 0) + payload)


def tcp(sequence: int, payload: bytes) -> bytes:
    return ipv4(6, struct.pack(">HHIIBBHHH", 40_001, 26_401, sequence, 1, 0x50, 0x18, 65_535, 0, 0) + payload)


def capture(path: Path, packets: Iterable[bytes]) -> Path:
    """A pcap of bare IPv4 packets (link type 101), nanosecond times."""
    data = struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 65_535, 101)
    for number, packet in enumerate(packets):
        data += struct.pack("<IIII", 1_700_000_000, number, len(packet), len(packet)) + packet
    path.write_bytes(data)
    return path


def tshark(path: Path, decode_as: str, layer: str) -> list[Any]:
    """The layer's fields of every packet, as tshark's JSON has them."""
    program = need_program("tshark", f"{layer} framing by tshark")
    command = [str(program), "-r", str(path), "-d", decode_as, "-T", "json", "-J", layer, "--no-duplicate-keys"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    return [packet["_source"]["layers"].get(layer) for packet in json.loads(done.stdout)]


def every(tree: Any, name: str) -> list[str]:
    """Every value of a field, wherever it stands in the tree."""
    found: list[str] = []
    if isinstance(tree, dict):
        for key, value in tree.items():
            found += [value] if key == name and isinstance(value, str) else every(value, name)
            if key == name and isinstance(value, list):
                found += [each for each in value if isinstance(each, str)]
    elif isinstance(tree, list):
        for value in tree:
            found += every(value, name)
    return found


def mold_packets(numbers: random.Random) -> list[tuple[int, list[bytes]]]:
    """Sequence and messages of some packets; the last but one is a heartbeat."""
    packets, sequence = [], 1
    for count in (1, 3, 17, 0):
        names = numbers.choices([each["name"] for each in ITCH], k=count)
        packets.append((sequence, [wire.encode("itch50", random_message("itch50", name, numbers)) for name in names]))
        sequence += count
    return packets


def mold(sequence: int, messages: list[bytes]) -> bytes:
    blocks = b"".join(struct.pack(">H", len(message)) + message for message in messages)
    header = {"session": "MERIDIAN01", "sequence_number": sequence, "message_count": len(messages), "blocks": blocks}
    return wire.encode("moldudp64", {"type": "Downstream", **header})


def test_tshark_and_we_read_the_same_mold_packets_seed_23(tmp_path: Path) -> None:
    packets = mold_packets(random.Random(23))
    path = capture(tmp_path / "mold.pcap", [udp(mold(*packet)) for packet in packets])
    totals = wire.capture_totals(path)
    assert totals["messages"] == sum(len(messages) for _, messages in packets) + 1, "the heartbeat counts as one"
    assert (totals["uncovered_bytes"], totals["unknown"]) == (0, 0)
    for (sequence, messages), layer in zip(
        packets, tshark(path, "udp.port==26400,moldudp64", "moldudp64"), strict=True
    ):
        assert every(layer, "moldudp64.session") == ["MERIDIAN01"]
        assert [int(value) for value in every(layer, "moldudp64.sequence")] == [sequence]
        assert [int(value) for value in every(layer, "moldudp64.count")] == [len(messages)]
        lengths = [int(value) for value in every(layer, "moldudp64.msglen")]
        assert lengths == [len(message) for message in messages]


def soup_stream(numbers: random.Random) -> list[dict[str, Any]]:
    """One of every packet, in random order, with OUCH inside the data packets."""
    messages = [random_message("soupbin", each["name"], numbers) for each in wire.describe("soupbin")["messages"]]
    for message in messages:
        if message["type"] == "SequencedData":
            message["message"] = wire.encode("ouch50", random_message("ouch50", "Executed", numbers))
        if message["type"] == "UnsequencedData":
            message["message"] = wire.encode("ouch50", random_message("ouch50", "EnterOrder", numbers))
    numbers.shuffle(messages)
    return messages


def test_tshark_and_we_read_the_same_soup_packets_seed_24(tmp_path: Path) -> None:
    messages = soup_stream(random.Random(24))
    packets, sequence = [], 1
    for message in messages:
        data = wire.encode("soupbin", message)
        packets.append(tcp(sequence, data))
        sequence += len(data)
    path = capture(tmp_path / "soup.pcap", packets)
    totals = wire.capture_totals(path)
    assert (totals["messages"], totals["uncovered_bytes"], totals["unknown"]) == (len(messages), 0, 0)
    layers = tshark(path, "tcp.port==26401,soupbintcp", "soupbintcp")
    codes = {each["name"]: each["code"] for each in wire.describe("soupbin")["messages"]}
    for message, layer in zip(messages, layers, strict=True):
        length = len(wire.encode("soupbin", message)) - 2
        assert [int(value) for value in every(layer, "soupbintcp.packet_length")] == [length]
        assert [each.strip("'") for each in every(layer, "soupbintcp.packet_type")] == [codes[message["type"]]]


def test_a_stream_cut_anywhere_and_out_of_order_gives_the_same_messages_seed_25(tmp_path: Path) -> None:
    numbers = random.Random(25)
    stream = b"".join(wire.encode("soupbin", message) for message in soup_stream(numbers))
    pieces, at = [], 0
    while at < len(stream):
        size = numbers.randint(1, 60)
        pieces.append((at, stream[at : at + size]))
        at += size
    first, rest = pieces[0], pieces[1:]
    numbers.shuffle(rest)
    repeated = [first, *rest, *rest[:3]]
    path = capture(tmp_path / "cut.pcap", [tcp(1 + offset, piece) for offset, piece in repeated])
    totals = wire.capture_totals(path)
    assert (totals["messages"], totals["uncovered_bytes"]) == (len(wire.describe("soupbin")["messages"]), 0)
