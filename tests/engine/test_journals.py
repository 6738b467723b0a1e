"""Journals from Python: an engine's input is folded, journaled, read back, checked and replayed; damage is found."""

from __future__ import annotations

import json
import subprocess
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from meridian import records
from meridian._native import engine as native
from meridian.engine import journals
from tests.engine import keep_journal
from tests.engine.keep_journal import KEPT, PRICE, inputs

Meridian = Callable[..., "subprocess.CompletedProcess[str]"]


def _segment(journal: Path) -> Path:
    (segment,) = journal.glob("journal-*.segment")
    return segment


def test_records_come_back_as_they_went_in(journal: Path) -> None:
    back = [(time_ns, data) for _, time_ns, data in journals.records(journal)]
    assert back == inputs()
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
    changed = inputs()
    data = bytearray(changed[-1][1])
    records.array(data, "OrderEvent")["lots"] += 1
    changed[-1] = (changed[-1][0], bytes(data))
    assert native.run(tmp_path / "one", inputs()) != native.run(tmp_path / "two", changed)


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


def test_what_can_be_recovered_is_told(journal: Path, meridian: Meridian) -> None:
    segment = _segment(journal)
    data = segment.read_bytes()
    records_written = journals.verify(journal)["records"]
    changed = bytearray(data)
    changed[2000] ^= 16
    segment.write_bytes(changed)
    done = meridian("journal", "verify", str(journal), "--json")
    assert done.returncode == 1
    (found,) = json.loads(done.stdout)["journals"]
    (fault,) = found["faults"]
    assert fault["segment"] == 0 and 1880 <= fault["offset"] <= 2000 and fault["what"] == found["damage"]
    (rest,) = found["after"]
    before = found["before"]
    assert before["last_sequence"] == before["records"] and rest["first_sequence"] == before["records"] + 2
    assert before["records"] + 1 + rest["records"] == records_written == rest["last_sequence"]
    told = meridian("journal", "verify", str(journal)).stdout
    assert f"recoverable before the damage: {before['records']} records" in told and "behind it: segment 0" in told
    # Cut off within its records, and within its head.
    for length in (2000, 100):
        segment.write_bytes(data[:length])
        done = meridian("journal", "verify", str(journal), "--json")
        (found,) = json.loads(done.stdout)["journals"]
        assert done.returncode == 1 and "truncated" in found["damage"]
        assert [fault["offset"] for fault in found["faults"]] == [length]
        assert (found["before"]["records"] > 0) == (length > 320)


def test_a_torn_tail_is_told_and_is_no_damage(journal: Path, meridian: Meridian) -> None:
    segment = _segment(journal)
    data = bytearray(segment.read_bytes())
    end = int.from_bytes(data[296:304], "little")
    data[296:320] = bytes(24)  # Its writer died,
    data[end + 8 : end + 40] = b"x" * 32  # with a record half written.
    segment.write_bytes(data)
    done = meridian("journal", "verify", str(journal), "--json")
    assert done.returncode == 0, done.stderr
    (found,) = json.loads(done.stdout)["journals"]
    torn = found["torn_segment"], found["torn_offset"], found["torn_bytes"]
    assert torn == (0, end, 40) and not found["closed"]
    assert f"segment 0, byte {end}: 40 bytes" in meridian("journal", "verify", str(journal)).stdout


def _restamp(data: bytearray) -> None:
    """Makes the head's checksum right again."""
    data[288:292] = zlib.crc32(data[:288]).to_bytes(4, "little")


def test_a_newer_release_and_another_engine_are_refused(journal: Path, meridian: Meridian) -> None:
    segment = _segment(journal)
    data = segment.read_bytes()
    for offset, value, words in (
        (8, (3).to_bytes(4, "little"), "its format is version 3, this build reads up to 2"),
        (48, (10**6).to_bytes(4, "little"), "a newer release wrote it: records of schema 1000000"),
    ):
        newer = bytearray(data)
        newer[offset : offset + 4] = value
        _restamp(newer)
        segment.write_bytes(newer)
        for command in ("verify", "replay", "cat"):
            done = meridian("journal", command, str(journal), "--json")
            assert done.returncode == 1 and words in done.stderr, done.stderr
        assert [fault["offset"] for fault in journals.verify(journal)["faults"]] == [offset]
    segment.write_bytes(data)
    foreign = bytearray(data)
    foreign[14:16] = (7).to_bytes(2, "little")
    foreign[24:32] = (1).to_bytes(8, "little")
    _restamp(foreign)
    segment.with_name("journal-00000001.segment").write_bytes(foreign)
    done = meridian("journal", "verify", str(journal), "--json")
    (found,) = json.loads(done.stdout)["journals"]
    assert done.returncode == 1 and "segment 1 is another engine's: firm 0, shard 7" in found["damage"]
    assert found["after"][0]["segment"] == 1 and found["after"][0]["whole"]


@pytest.mark.parametrize("kept", sorted(KEPT.glob("*.json")), ids=lambda path: path.stem)
def test_journals_of_earlier_releases_are_read(kept: Path, tmp_path: Path) -> None:
    about = json.loads(kept.read_text(encoding="utf-8"))
    journal = keep_journal.unpack(about, tmp_path / "engine")
    found = journals.replay(journal)
    assert found["records"] == about["records"] and found["state_hash"] == about["state_hash"]
    verified = journals.verify(journal)
    assert verified["damage"] is None and verified["closed"]
    assert [data.hex() for _, _, data in journals.records(journal)][-1] == about["last_record"]


def test_a_journal_of_this_release_is_kept(tmp_path: Path) -> None:
    """Whoever changes the format or the schema keeps one more: `python -m tests.engine.keep_journal NAME`."""
    native.run(tmp_path, inputs())
    head = next(tmp_path.glob("journal-*.segment")).read_bytes()[:320]
    written = [json.loads(path.read_text(encoding="utf-8")) for path in KEPT.glob("*.json")]
    assert int.from_bytes(head[8:12], "little") in {about["format"] for about in written}


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
