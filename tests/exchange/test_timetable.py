"""The timetable of a house exchange that runs alone: its words, what is wrong with them, and a day by it over FIX."""

from __future__ import annotations

from pathlib import Path

import pytest

from meridian.exchange import timetable
from meridian.exchange.alone import Alone
from meridian.venues import fix_profile
from meridian.venues.fix_session import Initiator
from tests.exchange.test_fix_ports import cancel, log_on, order, reports, wait
from tests.venues.fix_support import free_port, running, typed

HOUR_MS = 3_600_000


def test_words_are_the_tiles_phases() -> None:
    errors: list[str] = []
    words = [
        "pre_open=00:00",
        "opening_call=09:28:30.5,late=90.5s,too_late=cancels",
        "trading=+1500ms",
        "halt_call=+2m,late=1h",
    ]
    assert timetable.phases(words, errors) == [
        {"phase": "pre_open", "at_ms": 0, "since": "midnight"},
        {"phase": "opening_call", "at_ms": 9 * HOUR_MS + 28 * 60_000 + 30_500, "since": "midnight", "late_ms": 90_500,
         "too_late": "cancels"},
        {"phase": "trading", "at_ms": 1_500, "since": "start"},
        {"phase": "halt_call", "at_ms": 120_000, "since": "start", "late_ms": HOUR_MS},
    ]  # fmt: skip
    assert errors == []


@pytest.mark.parametrize("phase", timetable.PHASES)
def test_the_tile_takes_each_phase(phase: str, tmp_path: Path) -> None:
    late = ",late=1s,too_late=both" if phase in timetable.CALLS else ""
    alone = Alone(directory=tmp_path, listings={}, timetable=timetable.phases([f"{phase}=23:59:59.999{late}"], []))
    assert [one for one in alone.errors() if "timetable" in one] == []


@pytest.mark.parametrize(
    ("word", "sentence"),
    [
        ("lunch=12:00", "--phase lunch=12:00: PHASE=WHEN"),
        ("trading", "--phase trading: PHASE=WHEN"),
        (
            "trading=",
            "--phase trading=: nothing is no time; 00:00 to 23:59:59.999 UTC, or +30s since the start, is allowed",
        ),
        ("trading=24:00", "24:00 is no time"),
        ("trading=9:30", "9:30 is no time"),
        ("trading=+30", "+30 is no time"),
        ("trading=+24h", "+24h is no time"),
        ("trading=+0.5ms", "+0.5ms is no time"),
        ("trading=09:30,late=5s", "late=5s after the time of trading"),
        ("closing_call=09:30,late=0s", "late=0s after the time of closing_call; for a call late=TIME"),
        ("closing_call=09:30,late=5s,too_late=dinner", "too_late=dinner after the time of closing_call"),
        ("closing_call=09:30,", "nothing after the time of closing_call"),
        ("closing_call=09:30,too_late=both", "too_late needs late=TIME"),
    ],
)
def test_words_that_are_none_get_a_sentence_each(word: str, sentence: str) -> None:
    errors: list[str] = []
    assert timetable.phases([word, "closed=16:00"], errors) == [
        {"phase": "closed", "at_ms": 16 * HOUR_MS, "since": "midnight"}
    ]
    assert len(errors) == 1 and sentence in errors[0] and errors[0].startswith(f"--phase {word}: ")


def test_all_that_is_wrong_is_told_at_once() -> None:
    code, _, said = typed("exchange", "run", "--phase", "lunch=12:00", "--listing", "AAPL", "--phase", "closed=25:00")
    assert code == 2
    for part in ("--phase lunch=12:00: ", "--phase closed=25:00: ", "--listing AAPL: "):
        assert said.count(part) == 1, said
    assert "at most 256 are allowed" in typed("exchange", "run", *["--phase", "closed=16:00"] * 257)[2]


def test_a_day_by_the_clock_collects_refuses_what_is_late_and_crosses(tmp_path: Path) -> None:
    port = free_port(3)
    words = ("exchange", "run", "--fix-port", str(port), "--data", str(tmp_path), "--indicate-ms", "20",
             "--phase", "opening_call=+0s,late=1ms,too_late=cancels", "--phase", "trading=+10s")  # fmt: skip
    with running(*words, port=port):
        firm, other = (
            log_on(Initiator.of(fix_profile.load(str(tmp_path / "profiles" / f"{name}.toml"))))
            for name in ("profile", "counterparty")
        )
        firm.send("D", [*order("F1", 2, 30, "9.9"), (59, 2)])
        other.send("D", order("O1", 1, 20, "10.1"))
        wait("both are taken", lambda: len(reports(firm)) == 1 and len(reports(other)) == 1, firm, other)
        assert {reports(each)[0].get(150) for each in (firm, other)} == {"0"}, "they cross and wait"
        other.send("F", cancel("O2", "O1"))
        wait("it is too late", lambda: any(one.kind == "9" for one in other.messages), other)
        assert [one.get(102) for one in other.messages if one.kind == "9"] == ["0"]
        wait("they trade when it opens", lambda: len(reports(firm)) == 3 and len(reports(other)) == 2, firm, other)
        told = [tuple(one.get(tag) for tag in (150, 32, 151)) for one in (*reports(firm)[1:], reports(other)[1])]
        assert told == [("F", "20", "10"), ("C", None, "0"), ("F", "20", "0")]
        firm.send("D", [*order("F2", 2, 30, "9.9"), (59, 2)])
        wait("the opening is over", lambda: len(reports(firm)) == 4, firm)
        assert reports(firm)[3].get(150) == "8"
