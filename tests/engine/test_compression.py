"""Closed segments are compressed beside an engine that writes and a shadow that follows; whatever ends it, nothing is lost."""

from __future__ import annotations

import json
import random
import resource
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from meridian import records
from meridian._native import engine as native
from meridian._native import journal as native_journal
from meridian.engine import journals
from meridian.engine.keeping import compression
from meridian.engine.keeping.keeper import Keeper
from tests.engine.keep_journal import inputs

Meridian = Callable[..., "subprocess.CompletedProcess[str]"]
SEGMENT_BYTES = 16_384
WRITE = (
    "import sys; from pathlib import Path; from tests.engine import test_compression as made; "
    "made.native.run(Path(sys.argv[1]), made.many(int(sys.argv[2])), None, made.SEGMENT_BYTES)"
)
KEEP = (
    "import sys; from pathlib import Path; from tests.engine import test_compression as made\n"
    "while True: made.Keeper(journal=Path(sys.argv[1])).once()"
)


def many(count: int) -> list[tuple[int, bytes]]:
    """What the small journal has, then so many quiet inputs."""
    first = inputs()
    begin_ns = first[-1][0] + 1
    timer = records.new("Timer").tobytes()
    return first + [(begin_ns + at, timer) for at in range(count)]


@pytest.fixture
def long_journal(tmp_path: Path) -> Path:
    """A run's folder with an engine's journal of many segments, closed."""
    directory = tmp_path / "run" / "engine"
    directory.mkdir(parents=True)
    native.run(directory, many(3_000), None, SEGMENT_BYTES)
    return directory


def settled(journal: Path) -> list[int]:
    """Segments that no restart changes."""
    return [one["segment"] for one in native_journal.segments(journal) if one["settled"]]


def plain(journal: Path) -> list[int]:
    """Segments of which the plain file is there."""
    return [one["segment"] for one in native_journal.segments(journal) if one["plain_bytes"] is not None]


def test_every_command_reads_a_compressed_journal_as_the_plain_one(
    long_journal: Path, tmp_path: Path, meridian: Meridian
) -> None:
    before = {
        command: meridian("journal", command, str(long_journal), "--json") for command in ("replay", "cat", "verify")
    }
    whole = tmp_path / "plain"
    shutil.copytree(long_journal, whole)
    last = max(plain(long_journal))
    done = meridian("journal", "keep", str(long_journal.parent), "--json")
    assert done.returncode == 0, done.stderr
    (kept,) = json.loads(done.stdout)["journals"]
    assert kept["compressed"]["segments"] == last - 1 and plain(long_journal) == [last - 1, last]
    assert kept["compressed"]["bytes_after"] * 3 < kept["compressed"]["bytes_before"]
    for command, earlier in before.items():
        now = meridian("journal", command, str(long_journal), "--json")
        assert (now.returncode, now.stdout) == (earlier.returncode, earlier.stdout), command
    for name in ("one", "two"):
        place = long_journal if name == "one" else whole
        exported = meridian(
            "journal", "export", str(place), "--out", str(tmp_path / name), "--kind", "OrderEvent", "--format", "csv"
        )
        assert exported.returncode == 0, exported.stderr
    tables = [(tmp_path / name / "OrderEvent.csv").read_text() for name in ("one", "two")]
    assert tables[0].replace(str(long_journal), str(whole)) == tables[1]
    snapshot = journals.snapshot(long_journal)
    assert snapshot.full_hash == journals.replay(whole)["full_hash"]
    again = meridian("journal", "keep", str(long_journal), "--json")
    assert json.loads(again.stdout)["journals"][0]["compressed"]["segments"] == 0


def test_zstd_itself_reads_what_was_compressed(long_journal: Path) -> None:
    segment = journals.plain_path(long_journal, 0).read_bytes()
    compression.compress(long_journal, 0)
    with journals.packed_path(long_journal, 0).open("rb") as file:
        read = zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True).read()
    assert read == segment


def test_a_segment_that_is_damaged_is_left_and_told_and_none_after_it_is_touched(
    long_journal: Path, meridian: Meridian
) -> None:
    damaged = journals.plain_path(long_journal, 2)
    data = bytearray(damaged.read_bytes())
    data[5_000] ^= 4
    damaged.write_bytes(data)
    done = meridian("journal", "keep", str(long_journal))
    assert done.returncode == 1 and "segment 2, byte " in done.stderr and "it is left as it is" in done.stderr
    assert damaged.read_bytes() == data and plain(long_journal)[:2] == [2, 3]


def test_what_a_killed_keeper_left_is_tidied(long_journal: Path) -> None:
    """Both files, one of them damaged; a part of a third; a plain file that was emptied."""
    for number in (0, 1, 2):
        segment = journals.plain_path(long_journal, number).read_bytes()
        compression.compress(long_journal, number)
        journals.plain_path(long_journal, number).write_bytes(segment)
    damaged = journals.packed_path(long_journal, 1)
    damaged.write_bytes(damaged.read_bytes()[:-7])
    journals.plain_path(long_journal, 2).write_bytes(bytes(SEGMENT_BYTES))
    (long_journal / ".journal-00000003.segment.zst.making").write_bytes(b"half")
    assert journals.verify(long_journal)["damage"] is None
    Keeper(journal=long_journal).once()
    assert not list(long_journal.glob(".*")) and plain(long_journal) == sorted(plain(long_journal))[-2:]
    assert journals.verify(long_journal)["damage"] is None and journals.replay(long_journal)["agrees"] is True


def test_a_disk_that_is_full_loses_nothing(long_journal: Path, child: Callable[..., subprocess.Popen[bytes]]) -> None:
    """The file system takes no byte beyond a size, as it does where it is full."""
    hashes = journals.replay(long_journal)["full_hash"]

    def no_room() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (700, 700))

    program = KEEP.replace("while True: ", "print(").replace(".once()", ".once().errors)")
    done = child(program, long_journal, stdout=subprocess.PIPE, preexec_fn=no_room)
    said, errors = done.communicate(timeout=60)
    assert done.returncode == 0, errors
    assert b"not compressed: " in said and b"journal-00000000.segment.zst" in said
    assert not list(long_journal.glob("*.zst")) and not list(long_journal.glob(".*"))
    assert journals.replay(long_journal)["full_hash"] == hashes


@pytest.mark.parametrize("seed", [1, 2])
def test_a_keeper_that_is_killed_again_and_again_beside_an_engine_and_a_follower_loses_nothing(
    seed: int, tmp_path: Path, child: Callable[..., subprocess.Popen[bytes]]
) -> None:
    directory, alone = tmp_path / "engine", tmp_path / "alone"
    for folder in (directory, alone):
        folder.mkdir()
    count, chance = 150_000, random.Random(seed)
    writer = child(WRITE, directory, count)
    shadow, kills = None, 0
    while writer.poll() is None or kills < 12:
        keeper = child(KEEP, directory)
        until = time.monotonic() + 0.3 + chance.random() * 0.7
        while time.monotonic() < until:
            # Slowly, so that it is segments behind and finds them compressed.
            shadow = shadow or native.Shadow.open(directory)
            if shadow is not None and chance.random() < 0.2:
                shadow.poll()
            time.sleep(0.005)
        keeper.send_signal(signal.SIGKILL)
        keeper.wait()
        assert keeper.returncode == -signal.SIGKILL, keeper.stderr and keeper.stderr.read()
        kills += 1
    assert writer.wait() == 0
    assert shadow is not None
    while shadow.poll() > 0:
        pass
    Keeper(journal=directory).once()
    assert plain(directory) == [max(plain(directory)) - 1, max(plain(directory))]
    assert shadow.input == len(many(count))
    native.run(alone, many(count), None, SEGMENT_BYTES)
    found, never_kept = journals.replay(directory), journals.replay(alone)
    assert found["agrees"] is True and found["full_hash"] == never_kept["full_hash"]
    assert shadow.state_hash == found["state_hash"]
