"""Snapshots from Python: made beside a journal, checked, gone on from; what is damaged or another journal's is said."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from meridian._native import engine as native
from meridian.engine import journals
from tests.engine.keep_journal import inputs

Meridian = Callable[..., "subprocess.CompletedProcess[str]"]


def test_a_snapshot_holds_what_a_whole_replay_ends_with(journal: Path) -> None:
    whole = journals.replay(journal)
    made = journals.snapshot(journal)
    assert (made.state_hash, made.full_hash) == (whole["state_hash"], whole["full_hash"])
    assert made.input == whole["last_sequence"] and made.compared > 0
    assert (journal / made.name).stat().st_size == made.bytes
    assert journals.snapshots(journal) == [(made.name, made.input, None)]
    again = journals.replay(journal, from_input=made.input)
    assert again["full_hash"] == whole["full_hash"] and again["agrees"] is True
    data = (journal / made.name).read_bytes()
    assert journals.snapshot(journal).name == made.name
    assert (journal / made.name).read_bytes() == data, "made from itself, it is the same"


def test_a_replay_from_the_middle_ends_as_one_from_the_begin(tmp_path: Path, journal: Path) -> None:
    """The shorter journal is the longer one's begin, so its snapshot is a place of both."""
    shorter = tmp_path / "shorter"
    shorter.mkdir()
    native.run(shorter, inputs()[:-2])
    made = journals.snapshot(shorter)
    shutil.copy(shorter / made.name, journal / made.name)
    whole, rest = journals.replay(journal), journals.replay(journal, from_input=made.input)
    assert (rest["state_hash"], rest["full_hash"]) == (whole["state_hash"], whole["full_hash"])
    assert rest["agrees"] is True and rest["statistics"] == whole["statistics"]
    later = journals.snapshot(journal)
    assert later.full_hash == whole["full_hash"] and later.input > made.input


def test_the_newest_are_kept(tmp_path: Path) -> None:
    for count in range(len(inputs()) - 3, len(inputs()) + 1):
        directory = tmp_path / str(count)
        directory.mkdir()
        native.run(directory, inputs()[:count])
        if (before := tmp_path / str(count - 1)).is_dir():
            for file in before.glob("snapshot-*.state"):
                shutil.copy(file, directory / file.name)
        journals.snapshot(directory, keep=2)
    kept = [last for _, last, _ in journals.snapshots(directory)]
    assert kept == [len(inputs()), len(inputs()) - 1]


def test_a_journal_with_another_hash_gets_no_snapshot(journal: Path, meridian: Meridian) -> None:
    state = journal / "state.json"
    recorded = json.loads(state.read_text())
    state.write_text(state.read_text().replace(recorded["state_hash"], "0" * 16))
    done = meridian("journal", "snapshot", str(journal))
    assert done.returncode == 1 and "no snapshot is made" in done.stderr and recorded["state_hash"] in done.stderr
    assert not list(journal.glob("snapshot-*"))


def test_verify_tells_of_each_snapshot(tmp_path: Path, journal: Path, meridian: Meridian) -> None:
    done = meridian("journal", "snapshot", str(journal), "--json")
    assert done.returncode == 0, done.stderr
    (made,) = json.loads(done.stdout)["snapshots"]
    file = journal / made["name"]
    told = meridian("journal", "verify", str(journal))
    assert told.returncode == 0 and f"{file.name}: the state behind record {made['input']}, whole" in told.stdout
    data = file.read_bytes()
    file.write_bytes(data[:700] + bytes([data[700] ^ 4]) + data[701:])
    told = meridian("journal", "verify", str(journal))
    assert told.returncode == 1 and f"{file.name}: the block at byte 320 is damaged" in told.stderr
    file.write_bytes(data[:-1])
    told = meridian("journal", "verify", str(journal))
    assert told.returncode == 1 and f"it ends at byte {len(data) - 1}; {len(data)} are due" in told.stderr
    other = tmp_path / "other"
    other.mkdir()
    moved = [(time_ns + 1, record) for time_ns, record in inputs()]
    native.run(other, moved)
    (other / file.name).write_bytes(data)
    told = meridian("journal", "verify", str(other))
    assert told.returncode == 1 and "the journal has no such place" in told.stderr
    refused = meridian("journal", "replay", str(other), "--from", str(made["input"]))
    assert refused.returncode == 1 and f"{file.name}: the journal has no such place" in refused.stderr
