"""The end of the day three ways: what we booked, what the drop copy told, and the file of trades that the venue gives out.

An execution is compared by its number, side and terms over all records of its venue; a venue without a drop copy has two. Each
difference says who has it, who has it otherwise, and who has it not. A position is carried from before the day, never inferred
from the day's trades: opening lots and what the venue's file trades must make the closing lots.

Invariant: a record that is missing is said, and nothing of it is taken for agreement; a row of another time than the day's
stands for no execution of the day; lots that differ are counted over all records, so that a kill is tripped by the one that
stands alone, whichever it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from meridian.analytics import breaks, venue_file
from meridian.analytics.breaks import Item
from meridian.analytics.reconciliation import ENGINE_KINDS, Key, Sum, Terms, Voice, booked, drop_copy, side_word
from meridian.analytics.run import Rows, Run
from meridian.analytics.text import price
from meridian.analytics.venue_file import Trade
from meridian.console import BadInput

OURS, COPY, FILE = "our journal", "the drop copy", "the venue file"
WORDS = {OURS: "JOURNAL", COPY: "DROP_COPY", FILE: "FILE"}
Window = tuple[int, int]
"""From the first to before the second, the venue's time, ns UTC."""
ALWAYS: Window = (0, 2**64)
EDGE_NS = 60_000_000_000
"""By so much records may tell one time otherwise: it is rounded, or ours is the engine's, where the venue told none."""
SENTENCES_MAX = 20
"""Of one venue; the rest is counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """An execution that the records of a venue do not tell alike."""

    venue: str
    key: Key
    instrument: str
    order_id: int
    told: dict[str, Terms | None]
    """Record → lots and price in nanos, None where it does not have it."""
    after: dict[str, Terms]
    """Record → what is left of the trade by it."""
    of: dict[str, str]
    """Record → the instrument that it names, of those that have it."""

    @property
    def is_of_several(self) -> bool:
        """Whether records have it as a trade in another instrument."""
        return len(set(self.of.values())) > 1

    @property
    def lots_by_instrument(self) -> dict[str, int]:
        """Instrument → lots between the record that has most there and the one that has least."""
        if not self.is_of_several:
            lots = [one[0] for one in self.after.values()]
            return {self.instrument: max(lots) - min(lots)}
        return {
            name: max(self.after[record][0] for record, own in self.of.items() if own == name)
            for name in dict.fromkeys(self.of.values())
        }

    @property
    def lots_apart(self) -> int:
        """The same of the instrument of which it is most."""
        return max(self.lots_by_instrument.values())

    @property
    def kind(self) -> str:
        """What sort of a break it is."""
        lacking = [WORDS[name] for name, terms in self.told.items() if terms is None]
        return f"{self.key[0].upper()}_NOT_IN_{'_AND_'.join(lacking)}" if lacking else f"{self.key[0].upper()}_DIFFERS"

    @property
    def sentence(self) -> str:
        """Who has it, with which lots and price, and who has it not."""
        kind, number, side = self.key
        by_terms: dict[tuple[Terms | None, str], list[str]] = {}
        for name, terms in self.told.items():
            by_terms.setdefault((terms, self.of.get(name, "") if self.is_of_several else ""), []).append(name)
        parts = []
        for (terms, of), names in sorted(by_terms.items(), key=lambda pair: pair[0][0] is None):
            verb = "have" if len(names) > 1 else "has"
            said = "it not" if terms is None else f"{terms[0]:,} {of}{' ' if of else ''}at {price(terms[1])}"
            parts.append(f"{' and '.join(names)} {verb} {said}")
        return f"{self.venue}: {kind} {number} ({side_word(side)} {self.instrument}): {', '.join(parts)}"


@dataclass(slots=True, kw_only=True)
class Checked:
    """The end of the day of one run."""

    window: Window
    records: dict[str, list[str]]
    """Venue → the records of it that were compared."""
    counts: dict[str, dict[str, int]]
    """Venue → record → executions."""
    differences: list[Difference]
    positions: list[dict[str, Any]]
    unequal: list[str]
    """Positions that do not follow, a sentence each."""
    outside: dict[str, int]
    """Venue → rows of its file that are of other times."""

    @property
    def sentences(self) -> list[str]:
        """Everything that differs, in words; of a venue the first ones."""
        found: list[str] = []
        for venue in self.records:
            told = [one.sentence for one in self.differences if one.venue == venue]
            rest = len(told) - SENTENCES_MAX
            found += told[:SENTENCES_MAX] + (
                [f"{venue}: and {rest:,} further executions that differ"] if rest > 0 else []
            )
        return found + self.unequal

    @property
    def lots_apart(self) -> dict[tuple[str, str], int]:
        """(venue, instrument) → lots by which its records differ, added up; where they do not, nothing."""
        lots: dict[tuple[str, str], int] = {}
        for one in self.differences:
            for instrument, apart in one.lots_by_instrument.items():
                key = (one.venue, instrument)
                lots[key] = lots.get(key, 0) + apart
        return {key: apart for key, apart in lots.items() if apart}

    def beyond(self, tolerance_lots: int) -> list[str]:
        """A sentence for each instrument of a venue whose records differ by more lots than that."""
        return [
            f"{instrument} at {venue}: the records differ by {lots:,} lots; tolerated are {tolerance_lots:,}"
            for (venue, instrument), lots in self.lots_apart.items()
            if lots > tolerance_lots
        ]

    @property
    def sentence(self) -> str:
        """The result in a line."""
        two = [f"{venue} has no drop copy" for venue, names in self.records.items() if COPY not in names]
        alone = f" ({'; '.join(two)}: two records of it)" if two else ""
        if found := len(self.differences) + len(self.unequal):
            return f"{found:,} differences at the end of the day{alone}"
        total = sum(counts[FILE] for counts in self.counts.values())
        return f"{total:,} executions at {len(self.records)} venues are the same in every record{alone}"

    def described(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "agrees": not self.sentences,
            "sentence": self.sentence,
            "since_ns": self.window[0] or None,
            "until_ns": None if self.window[1] == ALWAYS[1] else self.window[1],
            "records": self.records,
            "executions": self.counts,
            "outside": self.outside,
            "differences": [
                {
                    "venue": one.venue,
                    "kind": one.kind,
                    "execution_id": one.key[1],
                    "side": side_word(one.key[2]),
                    "instrument": one.instrument,
                    "order_id": one.order_id,
                    "lots_apart": one.lots_apart,
                    "told": {
                        name: {"lots": terms[0], "price_nanos": terms[1]} if terms else None
                        for name, terms in one.told.items()
                    },
                    "sentence": one.sentence,
                }
                for one in self.differences
            ],
            "positions": self.positions,
            "lots_apart": [
                {"venue": venue, "instrument": instrument, "lots": lots}
                for (venue, instrument), lots in self.lots_apart.items()
            ],
        }


@dataclass(slots=True)
class Told:
    """What one record has of a venue's executions."""

    executions: dict[Key, Terms] = field(default_factory=dict)
    """Those of the day."""
    near: dict[Key, Terms] = field(default_factory=dict)
    """Those of the day and of its edges, just before and just behind it."""
    instruments: dict[int, str] = field(default_factory=dict)
    orders: dict[int, int] = field(default_factory=dict)
    always: dict[Key, Terms] = field(default_factory=dict)
    """Those of all days that it knows."""


def check(run: Run, trades: Mapping[str, Sequence[Trade]], window: Window = ALWAYS) -> Checked:
    """Compares the records of each venue of a run. `trades`: venue → the rows of its file. Raises BadInput for a journal that is
    damaged, Unreachable for one that is not there."""
    found = Checked(window=window, records={}, counts={}, differences=[], positions=[], unequal=[], outside={})
    days: dict[int, set[Key]] = {}
    for venue in run.venues:
        name = str(venue["name"])
        inside = [one for one in trades[name] if window[0] <= one.time_ns < window[1]]
        found.outside[name] = len(trades[name]) - len(inside)
        ours = run.fills[run.fills["venue"] == venue["id"]]
        records = {OURS: _of_voices(run, window, partial(_booked_within, ours))}
        if "drop_copy_journal" in venue:
            journal = run.directory / str(venue["drop_copy_journal"])
            records[COPY] = _of_voices(run, window, partial(drop_copy, journal))
        records[FILE] = _of_file(trades[name], window)
        days[int(venue["id"])] = _agree_on_the_day(records)
        found.records[name] = list(records)
        found.counts[name] = {record: len(one.executions) for record, one in records.items()}
        found.differences += differences(name, records)
    _carry(run, trades, found, days)
    return found


def _agree_on_the_day(records: Mapping[str, Told]) -> set[Key]:
    """Makes the records speak of the same executions: those that any of them has in the day, but for those that the file has at
    its edge. What they tell of times is rounded differently, and a trade at the edge of the day is no difference; one that the
    file has at any other time is none of the day: its number may come every day, or the file is of another one."""
    file = records[FILE]
    day = {key for one in records.values() for key in one.executions}
    day -= file.near.keys() - file.executions.keys()
    for one in records.values():
        known = {key: one.executions.get(key, one.near.get(key)) for key in day}
        one.executions = {key: terms for key, terms in known.items() if terms is not None}
    return day


def read_files(files: Mapping[str, Path]) -> dict[str, list[Trade]]:
    """Venue → rows of its file. Raises BadInput with all that is wrong with all of them."""
    found, wrong = dict[str, list[Trade]](), list[str]()
    for name, path in files.items():
        try:
            found[name] = venue_file.read(path, name)
        except BadInput as error:
            wrong += error.errors
    if wrong:
        raise BadInput(wrong)
    return found


def _times(rows: Rows) -> Any:
    """The venue's times; where it gave none, the engine's."""
    return np.where(rows["venue_time_ns"] != 0, rows["venue_time_ns"], rows["time_ns"])


def _within(rows: Rows, window: Window) -> Any:
    times = _times(rows)
    return (times >= window[0]) & (times < min(window[1], 2**63 - 1))


def _wider(window: Window) -> tuple[Window, ...]:
    """The day, the day with its edges, and all days."""
    return (window, (max(window[0] - EDGE_NS, ALWAYS[0]), min(window[1] + EDGE_NS, ALWAYS[1])), ALWAYS)


def _booked_within(ours: Rows, times: Window) -> Voice:
    return booked(ours[_within(ours, times)])


def _of_voices(run: Run, window: Window, of: Callable[[Window], Voice]) -> Told:
    """What a record tells of the day, of the day with its edges, and of all days; `of`: what it tells of some times."""
    voices = {times: of(times) for times in dict.fromkeys(_wider(window))}
    day, near, always = (voices[times] for times in _wider(window))
    about = always.about | near.about | day.about
    return Told(
        day.executions,
        near.executions,
        {number: run.names.instrument(one[0]) for number, one in about.items() if one[0]},
        {number: one[1] for number, one in about.items()},
        always.executions,
    )


def _of_file(trades: Iterable[Trade], window: Window) -> Told:
    found = Told()
    rows = sorted(trades, key=lambda one: one.time_ns)
    for times, executions in zip(reversed(_wider(window)), (found.always, found.near, found.executions), strict=True):
        for one in rows:
            if times[0] <= one.time_ns < times[1]:
                executions[one.kind, one.number, one.side] = (one.lots, one.price_nanos)
                found.instruments[one.number] = one.instrument
    return found


def differences(venue: str, records: Mapping[str, Told]) -> list[Difference]:
    """The executions that not every record of a venue tells alike, by their numbers. Of busts the number alone is compared."""
    found = []
    for key in sorted(
        {key for one in records.values() for key in one.executions}, key=lambda key: (key[1], key[0], key[2])
    ):
        told = {name: one.executions.get(key) for name, one in records.items()}
        of = {
            name: one.instruments[key[1]] for name, one in records.items() if told[name] and key[1] in one.instruments
        }
        alike = len(set(of.values())) <= 1 and (key[0] == "bust" or len(set(told.values())) == 1)
        if None not in told.values() and alike:
            continue
        known = [one.instruments[key[1]] for one in records.values() if key[1] in one.instruments]
        orders = [one.orders[key[1]] for one in records.values() if one.orders.get(key[1])]
        found.append(
            Difference(
                venue=venue,
                key=key,
                instrument=known[0] if known else "",
                order_id=orders[0] if orders else 0,
                told=told,
                after={name: _left(key, one, told) for name, one in records.items()},
                of=of,
            )
        )
    return found


def _left(key: Key, record: Told, told: Mapping[str, Terms | None]) -> Terms:
    """What is left of a trade by a record: lots and price."""
    kind, number, side = key
    own = record.executions.get(key)
    if kind == "fill" or (kind == "correction" and own):
        return own or (0, 0)
    if kind == "bust" and own:
        return (0, 0)
    # It has not heard what became of the trade: that stands as it was, by itself or else by what the others say of it.
    former = record.always.get(("fill", number, side))
    return former or (next((terms for terms in told.values() if terms), (0, 0)) if kind == "bust" else (0, 0))


def _carry(run: Run, trades: Mapping[str, Sequence[Trade]], found: Checked, days: Mapping[int, set[Key]]) -> None:
    """Positions from before the day to its end, by the engine and by the venues' files. `days`: venue → executions of the day."""
    opening, closing = _net(run, found.window, days)
    if found.window[1] == ALWAYS[1]:
        # Nothing follows: then what the engine holds is the end of the day.
        closing = {}
        for cell in run.closing:
            instrument = run.names.instrument(cell["instrument"])
            closing[instrument] = closing.get(instrument, 0) + cell["lots"]
    traded: dict[str, int] = {}
    for venue in run.venues:
        ours = run.fills[run.fills["venue"] == venue["id"]]
        before = booked(ours[_times(ours) < found.window[0]]).executions
        for instrument, lots in _traded(trades[str(venue["name"])], before, found.window).items():
            traded[instrument] = traded.get(instrument, 0) + lots
    apart = {instrument for one in found.differences for instrument in one.lots_by_instrument}
    for instrument in sorted(opening.keys() | closing.keys() | traded.keys()):
        first, day, last = (lots.get(instrument, 0) for lots in (opening, traded, closing))
        found.positions.append(
            {"instrument": instrument, "opening_lots": first, "file_lots": day, "closing_lots": last}
        )
        if first + day != last and instrument not in apart:
            found.unequal.append(
                f"{instrument}: {first:+,} lots before the day and {day:+,} by the venues' files are not the engine's {last:+,}"
            )


def _traded(trades: Iterable[Trade], before: Mapping[Key, Terms], window: Window) -> dict[str, int]:
    """Instrument → lots by a venue's file in the window; `before`: what its busts and corrections may be about."""
    sums: dict[str, Sum] = {}
    for one in sorted(trades, key=lambda one: one.time_ns):
        if window[0] <= one.time_ns < window[1]:
            total = sums.setdefault(one.instrument, Sum())
            former = before.get(("correction", one.number, one.side), before.get(("fill", one.number, one.side)))
            if former:
                total.remember(one.number, one.side, former)
            total.add(one.kind, one.number, one.side, one.lots, one.price_nanos)
    return {instrument: total.net_lots for instrument, total in sums.items()}


def _net(run: Run, window: Window, days: Mapping[int, set[Key]]) -> tuple[dict[str, int], dict[str, int]]:
    """Instrument → lots by what the engine booked before the day, and with what it booked of the day."""
    sums: tuple[dict[tuple[int, int], Sum], ...] = ({}, {})
    first_ns, end_ns = _wider(window)[1]
    for row, at_ns in zip(run.fills, _times(run.fills), strict=True):
        kind = ENGINE_KINDS[int(row["kind"])]
        number, side, lots, price_nanos = (int(row[name]) for name in ("execution_id", "side", "lots", "price_nanos"))
        of_the_day = first_ns <= at_ns < end_ns and (kind, number, side) in days.get(int(row["venue"]), ())
        if kind == "correction" and at_ns < window[0]:
            # Of one trade there may be several: those of before are of before.
            of_the_day = False
        before = at_ns < window[0] and not of_the_day
        for counts, total in zip((before, before or of_the_day), sums, strict=True):
            if counts:
                one = total.setdefault((int(row["venue"]), int(row["instrument"])), Sum())
                one.add(kind, number, side, lots, price_nanos)
    lots_by_name: tuple[dict[str, int], dict[str, int]] = ({}, {})
    for total, named in zip(sums, lots_by_name, strict=True):
        for (_, instrument), one in total.items():
            name = run.names.instrument(instrument)
            named[name] = named.get(name, 0) + one.net_lots
    return lots_by_name


def scope(venue: str, window: Window) -> str:
    """By which the breaks of one end of day at one venue are known."""
    return f"end-of-day {venue}" + ("" if window == ALWAYS else f" {window[0]}-{window[1]}")


def items(run: Run, found: Checked, now_ns: int) -> list[Item]:
    """The breaks of what was found."""
    made = [_item(run, one, found.window, now_ns) for one in found.differences]
    return made + [
        breaks.of_sum(run, "POSITION", what, scope=scope("all", found.window), now_ns=now_ns) for what in found.unequal
    ]


def _item(run: Run, one: Difference, window: Window, now_ns: int) -> Item:
    kind, number, side = one.key
    theirs, ours = one.after[FILE], one.after[OURS]
    about = next((known for known in run.names.instruments.values() if known.name == one.instrument), None)
    content = [(name, terms) for name, terms in one.told.items()]
    return Item(
        id=f"{breaks.shard_of(run)}-{one.venue}-{kind}{number}{side_word(side)[0]}-{breaks.digest(*content, *one.key)}",
        scope=scope(one.venue, window),
        kind=one.kind,
        run=run.name,
        shard=breaks.shard_of(run),
        input=0,
        venue=one.venue,
        instrument=one.instrument,
        currency=about.currency if about else "",
        order_id=one.order_id,
        execution_id=number,
        venue_lots=theirs[0],
        our_lots=ours[0],
        price_nanos=theirs[1] or ours[1] or None,
        amount_nanos=about.amount_nanos(*theirs) - about.amount_nanos(*ours) if about else None,
        found_ns=now_ns,
        what=one.sentence,
    )


def scopes(found: Checked) -> list[str]:
    """What was looked at."""
    return [scope(venue, found.window) for venue in (*found.records, "all")]
