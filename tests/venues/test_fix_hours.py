"""Hours of FIX sessions: the zone's offsets, and what the acceptor's check says of wrong ones."""

from __future__ import annotations

import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from meridian.venues import fix_acceptor, fix_hours
from tests.support import ROOT


@pytest.mark.parametrize("zone", ["America/New_York", "Europe/London", "Asia/Tokyo", "Australia/Lord_Howe", "UTC"])
def test_offsets_are_the_zones_own_at_every_hour(zone: str) -> None:
    pairs = fix_hours.offsets(zone, 2025, 2026)
    place, at = ZoneInfo(zone), 0
    for second in range(pairs[0][0], pairs[0][0] + 700 * fix_hours.DAY_S, 1_800):
        while at + 1 < len(pairs) and pairs[at + 1][0] <= second:
            at += 1
        offset = datetime.datetime.fromtimestamp(second, place).utcoffset()
        assert offset is not None and pairs[at][1] == offset.total_seconds(), second


def test_a_week_and_a_day_are_seconds_from_their_midnight() -> None:
    week = fix_hours.weekly("Sunday 17:00", "Friday 17:00", "America/Chicago")
    assert (week["start_s"], week["end_s"], week["weekly"]) == (6 * 86_400 + 61_200, 4 * 86_400 + 61_200, True)
    day = fix_hours.daily("09:30", "16:00:30", "America/New_York", holidays=[datetime.date(1970, 1, 11)])
    assert (day["start_s"], day["end_s"], day["weekdays"], day["holidays"]) == (34_200, 57_630, [0, 1, 2, 3, 4], [10])


def test_everything_wrong_is_told_at_once() -> None:
    with pytest.raises(ValueError) as refused:
        fix_hours.daily("9:30", "25:00", "Mars/Olympus", weekdays=["Someday"])
    assert len(str(refused.value).splitlines()) == 4


def test_the_acceptor_checks_hours_with_the_rest(tmp_path: Path) -> None:
    def errors(hours: dict[str, object]) -> list[str]:
        session = fix_acceptor.AcceptedSession(begin_string="FIX.4.4", target_comp_id="X", hours=hours)
        where = ROOT / "venues" / "fix" / "dictionaries"
        return fix_acceptor.errors(
            fix_acceptor.acceptance(port=1, dictionaries=where, directory=tmp_path, sessions=[session])
        )

    good = fix_hours.daily("09:30", "16:00", "America/New_York")
    assert errors(good) == []
    assert len(errors({**good, "start_s": 90_000, "weekdays": []})) == 2
    assert len(errors({**good, "zone": []})) == 1
