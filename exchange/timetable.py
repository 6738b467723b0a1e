"""What begins when at a house exchange that runs alone, by the clock: `opening_call=09:28,late=100s`.

Invariant: what comes out is what the tile's `timetable` takes; every word that is wrong gets one sentence.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

__all__ = ["PHASES", "TOO_LATE", "phases"]

CALLS = ("opening_call", "closing_call", "intraday_call", "halt_call")
PHASES = (*CALLS, "pre_open", "trading", "halt", "closed", "day_end")
TOO_LATE = ("cancels", "increases", "both")
PHASES_MAX = 256
DAY_MS = 86_400_000
_CLOCK = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])(?::([0-5][0-9])(?:\.([0-9]{1,3}))?)?")
_DURATION = re.compile(r"([0-9]{1,8}(?:\.[0-9]{1,3})?)(ms|s|m|h)")
_UNITS_MS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000}
NEEDED = "PHASE=WHEN[,late=TIME[,too_late=WHAT]] is needed, as opening_call=09:28,late=100s or closed=+30s"


def phases(words: Sequence[str], errors: list[str]) -> list[dict[str, Any]]:
    """The tile's table of each word, in order; what is wrong goes to `errors`."""
    found = [_phase(word, errors) for word in words]
    if len(words) > PHASES_MAX:
        errors.append(f"--phase: {len(words)} phases; at most {PHASES_MAX} are allowed")
    return [phase for phase in found if phase is not None]


def _phase(word: str, errors: list[str]) -> dict[str, Any] | None:
    """One phase; None for what is none."""
    wrong = len(errors)
    first, *more = word.split(",")
    phase, equals, when = first.partition("=")
    made: dict[str, Any] = {"phase": phase}
    if not equals or phase not in PHASES:
        errors.append(f"--phase {word}: {NEEDED}; phases are {', '.join(PHASES)}")
        return None
    since = "start" if when.startswith("+") else "midnight"
    at_ms = _duration_ms(when[1:]) if since == "start" else _clock_ms(when)
    if at_ms is None or at_ms >= DAY_MS:
        errors.append(
            f"--phase {word}: {when or 'nothing'} is no time; 00:00 to 23:59:59.999 UTC, or +30s since the start, is allowed"
        )
    made |= {"at_ms": at_ms, "since": since}
    for part in more:
        key, _, value = part.partition("=")
        late_ms = _duration_ms(value) if key == "late" else None
        if key == "late" and phase in CALLS and late_ms is not None and 0 < late_ms < DAY_MS:
            made["late_ms"] = late_ms
        elif key == "too_late" and phase in CALLS and value in TOO_LATE:
            made["too_late"] = value
        else:
            errors.append(
                f"--phase {word}: {part or 'nothing'} after the time of {phase}; for a call late=TIME (1ms to less than 24h) and "
                f"too_late={'|'.join(TOO_LATE)} are allowed, for another phase nothing"
            )
    if "too_late" in made and "late_ms" not in made:
        errors.append(f"--phase {word}: too_late needs late=TIME, from when on it is too late")
    return made if len(errors) == wrong else None


def _clock_ms(text: str) -> int | None:
    """A time of the day in ms since midnight; None for what is none."""
    found = _CLOCK.fullmatch(text)
    if found is None:
        return None
    hours, minutes, seconds = (int(found[place] or 0) for place in (1, 2, 3))
    return (hours * 3_600 + minutes * 60 + seconds) * 1_000 + int((found[4] or "0").ljust(3, "0"))


def _duration_ms(text: str) -> int | None:
    """A time with its unit in ms; None for what is none, or has a part of a millisecond."""
    found = _DURATION.fullmatch(text)
    if found is None:
        return None
    value = Decimal(found[1]) * _UNITS_MS[found[2]]
    return int(value) if value == value.to_integral_value() else None
