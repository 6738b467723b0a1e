"""A FIX session's hours in a place's time, as the tile reads them: the zone's offsets go along, so the tile needs no zone files.

    from meridian.venues.fix_hours import daily, weekly

    AcceptedSession(..., hours=daily("09:30", "16:00", "America/New_York"))
    AcceptedSession(..., hours=weekly("Sunday 17:00", "Friday 17:00", "America/Chicago"))

Invariant: the offsets are those of the zone's own data for every moment of the years asked for.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable
from typing import Any
from zoneinfo import ZoneInfo

DAY_S = 86_400
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_TIME = re.compile(r"([01]\d|2[0-3]):([0-5]\d)(?::([0-5]\d))?")
_EPOCH = datetime.date(1970, 1, 1)


def offsets(zone: str, first_year: int, last_year: int) -> list[list[int]]:
    """Pairs of seconds since 1970 and the offset from UTC in seconds that holds from then on, over these years.

    Raises ValueError for a zone that is not known.
    """
    try:
        place = ZoneInfo(zone)
    except (OSError, ValueError, KeyError) as error:
        raise ValueError(f"zone = {zone!r}: is not known; a name such as America/New_York is needed") from error

    def at(second: int) -> int:
        moment = datetime.datetime.fromtimestamp(second, datetime.UTC).astimezone(place)
        offset = moment.utcoffset()
        return round(offset.total_seconds()) if offset is not None else 0

    start = round(datetime.datetime(first_year, 1, 1, tzinfo=datetime.UTC).timestamp())
    end = round(datetime.datetime(last_year + 1, 1, 1, tzinfo=datetime.UTC).timestamp())
    found = [[start, at(start)]]
    for day in range(start, end, DAY_S):
        if at(day + DAY_S) == found[-1][1]:
            continue
        low, high = day, day + DAY_S
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if at(middle) == found[-1][1] else (low, middle)
        found.append([high, at(high)])
    return found


def daily(
    start: str,
    end: str,
    zone: str,
    *,
    weekdays: Iterable[str] = DAYS[:5],
    holidays: Iterable[datetime.date] = (),
    years: tuple[int, int] | None = None,
) -> dict[str, Any]:
    """From `start` to `end` on each of the weekdays; an end that is not after the start is on the next day. `holidays`: days on
    which no session begins. Raises ValueError with everything that is wrong, a sentence a line."""
    errors: list[str] = []
    held = [_day(day, errors) for day in weekdays]
    table = {
        "start_s": _time("start", start, errors),
        "end_s": _time("end", end, errors),
        "weekdays": held,
        "holidays": [(day - _EPOCH).days for day in holidays],
    }
    return _with_zone(table, zone, years, errors)


def weekly(start: str, end: str, zone: str, *, years: tuple[int, int] | None = None) -> dict[str, Any]:
    """From a weekday's time (`Sunday 17:00`) to another's. Raises ValueError as `daily` does."""
    errors: list[str] = []
    seconds = {}
    for name, value in (("start", start), ("end", end)):
        day, _, clock = value.partition(" ")
        seconds[f"{name}_s"] = _day(day, errors) * DAY_S + _time(name, clock, errors)
    return _with_zone({"weekly": True, **seconds}, zone, years, errors)


def _with_zone(table: dict[str, Any], zone: str, years: tuple[int, int] | None, errors: list[str]) -> dict[str, Any]:
    this = datetime.datetime.now(datetime.UTC).year
    first, last = years or (this - 1, this + 5)
    try:
        table["zone"] = offsets(zone, first, last)
    except ValueError as error:
        errors.append(str(error))
    if errors:
        raise ValueError("\n".join(errors))
    return table


def _day(name: str, errors: list[str]) -> int:
    if name not in DAYS:
        errors.append(f"weekday {name!r}: must be one of {', '.join(DAYS)}")
        return 0
    return DAYS.index(name)


def _time(name: str, text: str, errors: list[str]) -> int:
    match = _TIME.fullmatch(text)
    if match is None:
        errors.append(f"{name} = {text!r}: must be a time such as 09:30 or 17:00:00")
        return 0
    hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return hours * 3_600 + minutes * 60 + seconds
