"""An alpha tile over the journals of an engine and its standby: it goes on in the other one where it was, or says so."""

from __future__ import annotations

from pathlib import Path
from threading import Event

import pytest

from meridian._native import alpha, engine
from meridian.engine import journals, terms
from meridian.engine.keeping.keeper import Keeper
from meridian.engine.keeping.retention import Bounds
from meridian.strategies.signals.tile import Followed
from tests.engine.test_compression import SEGMENT_BYTES, many
from tests.engine.test_pair_keeping import FOLLOWS_BYTES, LEADS_BYTES, TAKEN_OVER_AT, history

LISTINGS, BEAT_NS = [(1, 1)], 1_000_000
TAKEN = 14
"""Inputs of the journal that ends first: in the middle of a book."""


def rows(tap: alpha.JournalTap) -> bytes:
    """What there is to read."""
    found = b""
    while (polled := tap.poll())[0]:
        found += polled[1]
    return found


def opened(journal: Path) -> alpha.JournalTap:
    tap = alpha.JournalTap.open(journal, LISTINGS, BEAT_NS)
    assert tap is not None
    return tap


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """An engine that led up to an input, and its standby, which has more."""
    for tile, made, size in (("engine", many(500)[:TAKEN], LEADS_BYTES), ("engine-standby", many(500), FOLLOWS_BYTES)):
        (tmp_path / tile).mkdir()
        engine.run(tmp_path / tile, made, None, size)
    return tmp_path


def test_it_goes_on_in_the_other_journal_behind_what_it_took_and_gives_each_row_once(data: Path) -> None:
    whole = rows(opened(data / "engine-standby"))
    tap = opened(data / "engine")
    first = rows(tap)
    assert first and len(first) < len(whole) and tap.last == TAKEN
    assert not tap.go_on(data / "nowhere") and rows(tap) == b""
    assert tap.go_on(data / "engine-standby")
    assert first + rows(tap) == whole and tap.last == len(many(500))
    assert tap.go_on(data / "engine-standby") and rows(tap) == b"", "again, at the end"


def test_where_the_other_journal_has_another_input_it_says_so(data: Path) -> None:
    tap = opened(data / "engine")
    rows(tap)
    other = data / "other"
    other.mkdir()
    engine.run(other, [(time_ns + 1, record) for time_ns, record in many(500)], None, SEGMENT_BYTES)
    assert tap.go_on(other)
    with pytest.raises(RuntimeError, match="another input where this tap goes on"):
        rows(tap)


def test_of_a_journal_without_its_begin_it_takes_what_a_later_life_begins(tmp_path: Path) -> None:
    journal = tmp_path / "engine"
    journal.mkdir()
    engine.run(journal, history(), None, SEGMENT_BYTES)
    journals.snapshot(journal)
    done = Keeper(journal=journal, bounds=Bounds(keep_bytes=55_000)).once()
    assert done.retained and done.retained.segments > 0 and done.errors == []
    begins = journals.verify(journal)["begins_at"]
    assert begins is not None and 1 < begins <= TAKEN_OVER_AT
    assert opened(journal).waits_for_start
    tap = opened(journal)
    rows(tap)
    assert not tap.waits_for_start and tap.last == len(history())


def test_the_tile_follows_whoever_leads_and_folds_anew_what_nobody_took_over(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("meridian.strategies.signals.tile.SILENT_SECONDS", 0.0)

    def drained(followed: Followed) -> bytes | None:
        found, quiet = b"", 0
        while quiet < 3:
            if (polled := followed.poll()) is None:
                return None
            quiet = 0 if polled[0] else quiet + 1
            found += polled[1]
        return found

    terms.begin(data, "engine", "engine", 1)
    whole = rows(opened(data / "engine-standby"))
    followed = Followed(data, "engine", LISTINGS, BEAT_NS)
    assert followed.opened(Event())
    first = drained(followed)
    terms.begin(data, "engine", "engine-standby", 2)
    rest = drained(followed)
    assert first and rest and first + rest == whole
    # The next one that leads had other inputs there.
    (data / "engine").rename(data / "engine.epoch-1")
    (data / "engine").mkdir()
    engine.run(
        data / "engine",
        [(time_ns + 1, record) for time_ns, record in many(600)],
        None,
        SEGMENT_BYTES,
    )
    terms.begin(data, "engine", "engine", 3)
    assert drained(followed) is None
