"""An engine begins to follow one whose journal has lost its begin: with its leader's snapshot, and whatever cuts that."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from meridian import files
from meridian._native import engine as native
from meridian._native import journal as native_journal
from meridian.deploy import joining
from meridian.engine import journals
from meridian.engine.keeping.keeper import Keeper
from meridian.engine.keeping.retention import Bounds
from tests.engine.test_compression import SEGMENT_BYTES, many


@pytest.fixture
def leader(tmp_path: Path) -> Path:
    """A journal without its begin, with a snapshot, and what came behind it."""
    directory = tmp_path / "data" / "engine-standby"
    directory.mkdir(parents=True)
    native.run(directory, many(1_500), None, SEGMENT_BYTES)
    journals.snapshot(directory)
    done = Keeper(journal=directory, bounds=Bounds(keep_bytes=1)).once()
    assert done.errors == [] and done.retained and done.retained.segments > 0
    return directory


def test_it_begins_with_the_snapshot_and_its_segment_and_is_a_journal_like_any(leader: Path, tmp_path: Path) -> None:
    own = tmp_path / "data" / "engine"
    assert joining.lacks(own, leader)
    at = joining.begin_from(leader, own)
    found = native_journal.verify(own)
    assert (
        found["damage"] is None and found["last_sequence"] == at and found["begins_at"] == found["first_sequence"] > 1
    )
    ((_, last, wrong),) = journals.snapshots(own)
    assert (last, wrong) == (at, None) and not joining.lacks(own, leader)
    theirs = journals.replay(leader, from_input=at)
    assert journals.replay(own, from_input=at)["state_hash"] == theirs["state_hash"]


def test_one_that_has_what_comes_before_is_left_as_it_is(leader: Path, tmp_path: Path) -> None:
    own = tmp_path / "data" / "engine"
    first = joining.begins_at(leader)
    assert first is not None and joining.taken_away_before(leader) == first
    for count, lacks in ((first - 2, True), (first - 1, False), (first + 40, False)):
        shutil.rmtree(own, ignore_errors=True)
        own.mkdir()
        native.run(own, many(1_500)[:count], None, SEGMENT_BYTES)
        assert joining.lacks(own, leader) is lacks, count
    whole = tmp_path / "data" / "whole"
    whole.mkdir()
    native.run(whole, many(100), None, SEGMENT_BYTES)
    assert not joining.lacks(tmp_path / "nowhere", whole), "it has its begin"
    assert not joining.lacks(tmp_path / "nowhere", tmp_path / "neither")


@pytest.mark.parametrize("cut", range(3))
def test_whatever_ends_it_no_journal_stands_that_could_not_be_started_from(
    leader: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cut: int
) -> None:
    own, whole, written = tmp_path / "data" / "engine", files.write_whole, [0]

    def writes(path: Path, content: str | bytes, mode: int = 0o666) -> None:
        if written[0] == cut:
            path.with_name(f".{path.name}.making").write_bytes(b"half")
            raise OSError(28, "No space left on device", str(path))
        written[0] += 1
        whole(path, content, mode)

    with monkeypatch.context() as patch:
        patch.setattr(files, "write_whole", writes)
        with pytest.raises(OSError, match="No space"):
            joining.begin_from(leader, own)
    assert not journals.holds(own) and joining.lacks(own, leader)
    at = joining.begin_from(leader, own)
    assert native_journal.verify(own)["damage"] is None and not joining.lacks(own, leader)
    assert journals.replay(own, from_input=at)["last_sequence"] == at


def test_without_a_sound_snapshot_it_says_so_and_what_to_do(leader: Path, tmp_path: Path) -> None:
    (path,) = leader.glob("snapshot-*.state")
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(bytes(data))
    with pytest.raises(joining.CannotJoin) as refused:
        joining.begin_from(leader, tmp_path / "data" / "engine")
    assert path.name in str(refused.value) and "meridian journal snapshot" in str(refused.value)
    assert not journals.holds(tmp_path / "data" / "engine")
    path.unlink()
    with pytest.raises(joining.CannotJoin, match="there is none"):
        joining.begin_from(leader, tmp_path / "data" / "engine")
