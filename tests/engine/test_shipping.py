"""Journals are shipped to an S3 server (moto's), lose their begin, come back; the storage fails in every way it has."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import obstore
import pytest

from meridian._native import engine as native
from meridian._native import journal as native_journal
from meridian.console import BadInput
from meridian.engine import journals
from meridian.engine.keeping import storage
from meridian.engine.keeping.fetching import Unfit, fetch
from meridian.engine.keeping.keeper import Keeper, Pass
from meridian.engine.keeping.retention import Bounds
from meridian.engine.keeping.service import Settings, Ship, shipper
from tests.engine.object_storage import BUCKET, KEYS, Line, server
from tests.engine.test_compression import SEGMENT_BYTES, many

Meridian = Callable[..., "subprocess.CompletedProcess[str]"]
KEEP = (
    "import sys; from pathlib import Path; from tests.engine import test_shipping as made\n"
    "journal, to, endpoint = Path(sys.argv[1]), *sys.argv[2:]\n"
    "while True: made.keeper(journal, to, endpoint, made.Bounds(keep_bytes=50_000)).once()"
)


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    """A storage for all tests of this file."""
    with server() as address:
        yield address


@pytest.fixture
def line(s3: str) -> Iterator[Line]:
    """A line to it that fails when it is told."""
    one = Line(s3)
    yield one
    one.shutdown()
    one.server_close()


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """The storage's keys, and less patience than by day."""
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(storage, "SECONDS_MAX", 1.0)


@pytest.fixture
def long_journal(tmp_path: Path) -> Path:
    """An engine's journal of many segments, closed."""
    directory = tmp_path / "run" / "engine"
    directory.mkdir(parents=True)
    native.run(directory, many(1_500), None, SEGMENT_BYTES)
    return directory


@pytest.fixture
def where(request: pytest.FixtureRequest) -> str:
    """A place of each test's own."""
    return f"s3://{BUCKET}/{request.node.originalname}"


def keeper(journal: Path, to: str, endpoint: str, bounds: Bounds | None = None, run: str = "one") -> Keeper:
    """A keeper that ships."""
    return Keeper(
        journal=journal, bounds=bounds or Bounds(), shipper=shipper(journal, Ship(to=to, run=run, endpoint=endpoint))
    )


def connected(to: str, endpoint: str, run: str = "one") -> storage.Storage:
    """The storage at the place of the journal of firm 0, shard 0, as `native.run` writes it."""
    return storage.connect(f"{to}/firm-0/shard-0/{run}", endpoint=endpoint)


def numbers(journal: Path) -> list[int]:
    """The segments that are here."""
    return [one["segment"] for one in native_journal.segments(journal) if one["first_sequence"] is not None]


def sound(done: Pass) -> Pass:
    """A pass that did all."""
    assert done.errors == [] and done.alarm is None
    return done


def test_a_shipped_journal_comes_back_and_replays_to_the_same_hash(
    long_journal: Path, s3: str, where: str, tmp_path: Path, meridian: Meridian
) -> None:
    whole = journals.replay(long_journal)
    made = journals.snapshot(long_journal)
    reference = tmp_path / "reference.toml"
    reference.write_text("name = 'the engine began with this'\n")
    key_file = tmp_path / "keys.ini"
    key_file.write_text("[default]\naws_access_key_id = somebody\naws_secret_access_key = a-secret-word\n")
    key_file.chmod(0o600)
    options = ["--endpoint", s3, "--credentials", str(key_file), "--json"]
    kept = meridian(
        "journal",
        "keep",
        str(long_journal),
        "--ship-to",
        where,
        "--run",
        "one",
        "--reference",
        str(reference),
        *options,
    )
    assert kept.returncode == 0, kept.stderr
    (done,) = json.loads(kept.stdout)["journals"]
    count = len(numbers(long_journal))
    assert count > 6 and (done["shipped"]["segments"], done["shipped"]["waiting"]) == (count, 0)
    assert done["shipped"]["snapshots"] == 1 and "a-secret-word" not in kept.stdout + kept.stderr
    again = meridian("journal", "keep", str(long_journal), "--ship-to", where, "--run", "one", *options)
    assert json.loads(again.stdout)["journals"][0]["shipped"]["segments"] == 0
    back = tmp_path / "back"
    brought = meridian("journal", "fetch", f"{where}/firm-0/shard-0/one", str(back), *options)
    assert brought.returncode == 0, brought.stderr
    told = json.loads(brought.stdout)
    assert told["segments"] == count and told["verified"]["records"] == whole["records"]
    found = journals.replay(back)
    assert (found["state_hash"], found["full_hash"]) == (whole["state_hash"], whole["full_hash"])
    assert journals.replay(back, from_input=made.input)["full_hash"] == whole["full_hash"]
    assert (back / "reference.toml").read_text() == reference.read_text()
    # What is there is not fetched again; what is gone is.
    journals.packed_path(back, 3).unlink()
    brought = meridian("journal", "fetch", f"{where}/firm-0/shard-0/one", str(back), *options)
    assert json.loads(brought.stdout)["segments"] == 1 and journals.replay(back)["full_hash"] == whole["full_hash"]


def test_the_begin_goes_when_the_storage_and_a_snapshot_have_it_and_is_told_by_who_needs_it(
    long_journal: Path, s3: str, line: Line, where: str, tmp_path: Path, meridian: Meridian
) -> None:
    whole = journals.replay(long_journal)
    bounds = Bounds(keep_bytes=1)
    before = numbers(long_journal)
    done = sound(keeper(long_journal, where, s3, bounds).once())
    assert done.retained is not None and done.retained.segments == 0 and numbers(long_journal) == before
    assert "no snapshot" in str(done.retained.held_why)
    made = journals.snapshot(long_journal)
    line.always = "500"
    held = keeper(long_journal, where, line.address, bounds, run="elsewhere").once().retained
    assert held is not None and held.segments == 0 and held.held_why == "they are not shipped"
    done = sound(keeper(long_journal, where, s3, bounds).once())
    # The two begun last are plain, and stay; the snapshot is of the very end.
    assert done.retained is not None and done.retained.segments == len(before) - 2
    assert numbers(long_journal) == before[-2:]
    told = meridian("journal", "verify", str(long_journal), "--json")
    (found,) = json.loads(told.stdout)["journals"]
    place = f"{where}/firm-0/shard-0/one"
    assert told.returncode == 0 and found["damage"] is None and found["shipped_to"] == place and found["begins_at"] > 1
    replayed = meridian("journal", "replay", str(long_journal))
    assert replayed.returncode == 1 and f"`meridian journal fetch` brings them from {place}" in replayed.stderr
    assert journals.replay(long_journal, from_input=made.input)["full_hash"] == whole["full_hash"]
    assert journals.snapshot(long_journal).full_hash == whole["full_hash"]
    with pytest.raises(ValueError, match="it begins at record"):
        native.Shadow.open(
            shutil.copytree(long_journal, tmp_path / "bare", ignore=shutil.ignore_patterns("snapshot-*"))
        )
    fetch(connected(where, s3), long_journal)
    assert (
        journals.replay(long_journal)["full_hash"] == whole["full_hash"]
        and not (long_journal / "retained.json").exists()
    )


def test_a_damaged_newest_snapshot_keeps_more(long_journal: Path, s3: str, where: str) -> None:
    total = len(many(1_500))
    early = long_journal.parent / "early"
    native.run(early, many(1_500)[: total // 2], None, SEGMENT_BYTES)
    older = journals.snapshot(early)
    shutil.copy(early / older.name, long_journal / older.name)
    newest = journals.snapshot(long_journal)
    path = long_journal / newest.name
    data = bytearray(path.read_bytes())
    data[400] ^= 1
    path.write_bytes(data)
    first = {one["segment"]: one["first_sequence"] or 0 for one in native_journal.segments(long_journal)}
    done = sound(keeper(long_journal, where, s3, Bounds(keep_bytes=1)).once())
    assert done.retained is not None and done.retained.held > 0
    kept = numbers(long_journal)
    assert first[kept[0]] <= older.input < first[kept[1]] and kept[0] > 0
    assert [wrong is None for _, _, wrong in journals.snapshots(long_journal)] == [False, True]
    assert journals.replay(long_journal, from_input=older.input)["last_sequence"] == total


def test_what_the_storage_lost_stays_here_and_is_shipped_again(long_journal: Path, s3: str, where: str) -> None:
    journals.snapshot(long_journal)
    sound(keeper(long_journal, where, s3).once())
    there, name = connected(where, s3), "segments/00000001.segment.zst"
    obstore.delete(there._store, name)
    done = sound(keeper(long_journal, where, s3, Bounds(keep_bytes=1)).once())
    assert done.retained is not None and (done.retained.segments, done.retained.held_why) == (1, "they are not shipped")
    done = sound(keeper(long_journal, where, s3, Bounds(keep_bytes=1)).once())
    assert done.shipped is not None and done.shipped.segments == 1 and there.size(name) is not None
    assert done.retained is not None and done.retained.held == 0


def test_by_age_the_oldest_go(long_journal: Path) -> None:
    journals.snapshot(long_journal)
    Keeper(journal=long_journal).once()
    old_ns = time.time_ns() - 3 * 86_400_000_000_000
    for number in (0, 1):
        os.utime(journals.packed_path(long_journal, number), ns=(old_ns, old_ns))
    done = sound(Keeper(journal=long_journal, bounds=Bounds(keep_days=2)).once())
    assert done.retained is not None and done.retained.segments == 2 and numbers(long_journal)[0] == 2


def test_a_second_writer_of_the_same_journal_is_refused_and_told_as_an_alarm(
    long_journal: Path, s3: str, where: str, tmp_path: Path
) -> None:
    sound(keeper(long_journal, where, s3).once())
    other = tmp_path / "other"
    native.run(other, many(700)[:-1], None, SEGMENT_BYTES)
    copy = shutil.copytree(long_journal, tmp_path / "copy")
    (copy / "shipped.json").unlink()
    assert sound(keeper(copy, where, s3).once()).shipped is not None, "the same journal is no conflict"
    done = keeper(other, where, s3).once()
    assert done.alarm is not None and "two writers have this journal's name" in done.alarm and done.alarm in done.errors
    assert done.shipped is not None and done.shipped.waiting > 0
    back = tmp_path / "back"
    fetch(connected(where, s3), back)
    assert journals.replay(back)["full_hash"] == journals.replay(long_journal)["full_hash"], "nothing was replaced"
    with pytest.raises(Unfit, match="is not the one that was shipped"):
        fetch(connected(where, s3), other)


FAULTS = ["500", "slow-down", "silence", "cut", "lost"]


@pytest.mark.parametrize("fault", FAULTS)
def test_a_storage_that_fails_delays_and_loses_nothing(
    long_journal: Path, line: Line, where: str, tmp_path: Path, fault: str
) -> None:
    to = f"{where}/{fault}"
    line.always = fault
    done = keeper(long_journal, to, line.address).once()
    (error,) = done.errors
    assert "not shipped: s3://" in error and KEYS["AWS_SECRET_ACCESS_KEY"] not in error and "\n" not in error
    assert done.shipped is not None and done.shipped.waiting == len(numbers(long_journal)) and done.alarm is None
    assert done.shipped.waiting_since_ns is not None and done.compressed.segments > 0, "compression goes on"
    line.always = None
    # It fails in between, again and again: each pass goes on behind the last.
    for round_ in range(12):
        line.faults = ["", "", "", "", "", fault, fault, fault, "", fault][round_ % 4 :]
        done = keeper(long_journal, to, line.address, Bounds(keep_bytes=1)).once()
        assert done.alarm is None, done.alarm
        if not done.errors:
            break
    line.faults = []
    sound(keeper(long_journal, to, line.address).once())
    back = tmp_path / "back"
    line.faults = [""] * 5 + [fault]
    try:
        fetch(connected(to, line.address), back)
    except (storage.Away, Unfit):
        fetch(connected(to, line.address), back)
    assert journals.verify(back)["damage"] is None
    assert journals.replay(back)["full_hash"] == journals.replay(long_journal)["full_hash"]
    puts = [headers for verb, _, headers in line.requests if verb == "PUT"]
    assert puts and all({name.lower(): value for name, value in one.items()}["if-none-match"] == "*" for one in puts)


def test_what_was_changed_in_the_storage_is_refused(long_journal: Path, s3: str, where: str, tmp_path: Path) -> None:
    sound(keeper(long_journal, where, s3).once())
    there, name = connected(where, s3), "segments/00000002.segment.zst"
    data = bytearray(there.read(name) or b"")
    data[len(data) // 2] ^= 1
    obstore.put(there._store, name, bytes(data))
    with pytest.raises(Unfit, match=r"00000002\.segment\.zst: was changed after it was shipped"):
        fetch(there, tmp_path / "back")


def test_bad_words_are_told_all_at_once_and_keys_stay_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in KEYS:
        monkeypatch.delenv(name)
    with pytest.raises(BadInput) as told:
        storage.connect("books", endpoint="http://10.0.0.1:9000")
    assert len(told.value.errors) == 3 and "allowed beyond this host is https" in told.value.errors[1]
    keys = tmp_path / "keys"
    keys.write_text("[default]\naws_access_key_id = one\nsecret-word\n")
    keys.chmod(0o644)
    with pytest.raises(BadInput, match="mode 644; allowed is mode 600"):
        storage.credentials(keys)
    keys.chmod(0o600)
    with pytest.raises(BadInput) as told:
        storage.credentials(keys)
    assert "secret-word" not in str(told.value.errors)
    with pytest.raises(ValueError, match="must be s3://"):
        Settings.model_validate({"ship": {"to": "books", "run": "one"}})


def test_a_keeper_that_is_killed_while_it_ships_and_takes_away_loses_nothing(
    s3: str, where: str, tmp_path: Path, child: Callable[..., subprocess.Popen[bytes]]
) -> None:
    directory, alone = tmp_path / "engine", tmp_path / "alone"
    for folder in (directory, alone):
        folder.mkdir()
    native.run(alone, many(6_000), None, SEGMENT_BYTES)
    native.run(directory, many(6_000), None, SEGMENT_BYTES)
    every = len(numbers(directory))
    journals.snapshot(directory)
    kills = 0
    while kills < 40 and (kills < 6 or len(numbers(directory)) == every):
        one = child(KEEP, directory, where, s3)
        time.sleep(0.8 + 0.37 * (kills % 5))
        one.send_signal(signal.SIGKILL)
        one.wait()
        assert one.returncode == -signal.SIGKILL, one.stderr and one.stderr.read()
        found = journals.verify(directory)
        assert found["damage"] is None, found["damage"]
        kills += 1
    sound(keeper(directory, where, s3, Bounds(keep_bytes=50_000)).once())
    assert len(numbers(directory)) < every
    back = tmp_path / "back"
    assert fetch(connected(where, s3), back).segments == every
    assert journals.replay(back)["full_hash"] == journals.replay(alone)["full_hash"]


def test_one_keeper_at_a_time(long_journal: Path, meridian: Meridian) -> None:
    with Keeper(journal=long_journal)._alone():
        done = meridian("journal", "keep", str(long_journal))
    assert done.returncode == 1 and "another process is keeping this journal" in done.stderr
