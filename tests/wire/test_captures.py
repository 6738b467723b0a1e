"""Real captures through Python and the command line; the README's table of message types that have one."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from meridian.venues import wire
from tests.support import ROOT, need_data
from tests.wire.messages import group_of

Meridian = Callable[..., CompletedProcess[str]]


def captures() -> list[Path]:
    """The real captures of Nasdaq's protocols."""
    return sorted(need_data("pcap/Nasdaq", "wire: real captures of Nasdaq").rglob("*.pcap"))


def test_every_capture_decodes_whole_and_re_encodes_to_the_same_bytes() -> None:
    for path in captures():
        for found in wire.read_capture(path):
            name = found["message"]["type"]
            assert wire.encode(found["protocol"], found["message"]) == found["bytes"], path
            group = group_of(found["protocol"], name)
            assert wire.decode(found["protocol"], found["bytes"], group) == found["message"], path
        totals = wire.capture_totals(path)
        assert (totals["uncovered_bytes"], totals["unknown"]) == (0, 0), path


def counted() -> dict[tuple[str, str], int]:
    """How many of each message the real captures hold."""
    seen: dict[tuple[str, str], int] = {}
    for path in captures():
        for found in wire.read_capture(path):
            key = (found["protocol"], found["message"]["type"])
            seen[key] = seen.get(key, 0) + 1
    return seen


def table(seen: dict[tuple[str, str], int]) -> list[str]:
    """The README's table: every message of every protocol, and how many real ones were read."""
    rows = ["| protocol | message | real messages read |", "| --- | --- | ---: |"]
    for protocol in wire.protocols():
        for message in wire.describe(protocol)["messages"]:
            count = seen.get((protocol, message["name"]), 0)
            rows.append(f"| {protocol} | {message['name']} | {count or 'none'} |")
    return rows


def test_the_readme_tells_which_messages_have_a_real_capture() -> None:
    text = (ROOT / "venues" / "nasdaq" / "README.md").read_text()
    found = [line for line in text.splitlines() if line.startswith(("| protocol | message", "| --- | --- | ---:"))]
    found += [line for line in text.splitlines() if line.split(" | ")[0].removeprefix("| ") in wire.protocols()]
    assert found == table(counted()), "\n".join(table(counted()))


@pytest.fixture
def first() -> Path:
    """One real capture."""
    return next(path for path in captures() if path.name == "EnterOrderMessage.pcap")


def test_the_command_prints_messages_and_ends_with_totals(meridian: Meridian, first: Path) -> None:
    done = meridian("wire", "decode", str(first))
    assert done.returncode == 0, done.stderr
    frame, message, totals = done.stdout.splitlines()
    assert "soupbin UnsequencedData message=53 bytes" in frame
    for part in ["ouch50 EnterOrder", "side=T(sell short)", "symbol=CVLT", "price=63.0200", "firm=LIME"]:
        assert part in message
    assert totals == "1 packets, 1 messages, 56 bytes, 0 uncovered bytes, 0 unknown"


def test_json_is_an_object_a_line_and_the_last_holds_the_totals(meridian: Meridian, first: Path) -> None:
    done = meridian("wire", "decode", "--json", str(first))
    _, message, totals = (json.loads(line) for line in done.stdout.splitlines())
    assert message["message"]["quantity"] == 225
    assert totals == {
        "schema": "meridian.wire.decode/1",
        "packets": 1,
        "messages": 1,
        "bytes": 56,
        "uncovered_bytes": 0,
        "unknown": 0,
    }


def test_forcing_another_protocol_shows_what_it_cannot_read(meridian: Meridian, first: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.txt"
    done = meridian("wire", "decode", "--protocol", "itch50", "--json", "--bad", str(bad), str(first))
    totals: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    assert (totals["unknown"], totals["uncovered_bytes"]) == (1, 53)
    assert bad.read_text().startswith("1 itch50 type 'O' needs 48 bytes, 53 are there 4f")
    soup = meridian("wire", "decode", "--protocol", "soupbin", str(first))
    assert "soupbin UnsequencedData" in soup.stdout


def test_what_is_no_capture_is_refused_in_one_sentence(meridian: Meridian, tmp_path: Path) -> None:
    text = tmp_path / "text.pcap"
    text.write_text("this is no capture, whatever its name says")
    for path, sentence in [(text, "no packet capture"), (tmp_path / "absent.pcap", "No such file")]:
        done = meridian("wire", "decode", str(path))
        assert done.returncode == 2
        assert sentence in done.stderr
        assert len(done.stderr.splitlines()) == 1
