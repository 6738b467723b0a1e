"""Breaks: every difference between us and a venue, followed by people from the moment it was found to its close.

A break comes from the engine, which tells one in the pass in which it sees the difference (`Break` outputs of its journal), or
from a comparison after the fact (`reconciliation`, `end_of_day`). What people do with it stands in the run's book (`break_book`):

    found → explained → adopted → closed
                      ↘ disputed → adopted, or closed once the difference is gone

Invariant: no break ends but by a person with a reason, and what accepts a difference is done by a second person; where that one
is signed in, so was the first. A break's id follows from what differs and where, so the same difference has the same id whenever
it is looked for. A step changes the book alone: no engine's position, hold or order changes by it.
"""

from __future__ import annotations

import getpass
import hashlib
import json
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, fields
from functools import partial
from pathlib import Path
from typing import Any

from meridian import records
from meridian._native import journal as native
from meridian.analytics import break_book
from meridian.analytics.break_book import Book, Entry
from meridian.analytics.reconciliation import Apart, Reconciliation, side_word
from meridian.analytics.run import Run
from meridian.console import BadInput, CheckFailed, Unreachable
from meridian.records import UNDEF_PRICE, BreakKind, OrderEventKind, Side

FOUND, EXPLAINED, ADOPTED, DISPUTED, CLOSED = STATES = ("found", "explained", "adopted", "disputed", "closed")
STEPS = {"explain": EXPLAINED, "adopt": ADOPTED, "dispute": DISPUTED, "close": CLOSED}
"""What a person does → the state after it."""
BEFORE = {"explain": (FOUND,), "adopt": (EXPLAINED, DISPUTED), "dispute": (EXPLAINED,), "close": (ADOPTED, DISPUTED)}
"""What a person does → the states in which it is allowed. A break whose difference is gone may be closed in any."""
SECOND = {("adopt", EXPLAINED), ("adopt", DISPUTED), ("close", DISPUTED)}
"""What is done by somebody else than did the step before: it accepts a difference, or gives up on one."""
GONE = "gone"
"""Step of a comparison: it does not find the difference any more."""
ENGINE, RECONCILE = "engine", "reconcile"
"""Scopes: who looks, and so who can say that a difference is gone. The engine never takes a break back."""
BY_MAX, REASON_MAX = 64, 500
TAKEN_OVER = {"explain": EXPLAINED, "dispute": DISPUTED}
"""What a person who is signed in may do again where the step before was done by a bare name → the state: it is theirs then."""
INNER = ("item", "previous", "token", "again", "request")
"""Of an entry, what no history shows."""


class Refusal(CheckFailed):
    """A step that is not allowed. `one`: the break as it is."""

    def __init__(self, sentence: str, one: Known) -> None:
        super().__init__(sentence)
        self.one = one


class NotNow(Refusal):
    """The state does not allow it."""


class NotThisPerson(Refusal):
    """A second person has to do it."""


class Changed(Refusal):
    """It is another version than the one that the step was made for."""


class KeyUsed(CheckFailed):
    """The key was used for another request."""


class NoSuchBreak(BadInput):
    """There is no break of this id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What somebody asks for."""

    number: str
    """The break's id."""
    verb: str
    by: str
    reason: str
    token: str = ""
    """Marks the token of a person who is signed in; nothing for a bare name."""
    version: int | None = None
    """Of the break for which it was made; None: whatever it is."""
    again: tuple[str, str] | None = None
    """Digests of the key of an idempotent request and of the request itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What became of a step."""

    one: Known
    replayed: bool = False
    """Whether it had been done before, under the same key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """What differs, as it was found."""

    id: str
    scope: str
    """Who looks for it: `engine`, `reconcile`, or an end of day (`end_of_day.scope`)."""
    kind: str
    run: str
    shard: int
    input: int
    """Sequence of the engine's input that showed it; 0: found by a comparison."""
    venue: str
    instrument: str
    currency: str
    order_id: int
    execution_id: int
    venue_lots: int
    our_lots: int
    price_nanos: int | None
    amount_nanos: int | None
    """What the venue says less what we have, in nanos of `currency`; None where a price or the contract is not known."""
    found_ns: int
    """Engine time, or the clock's when it was compared; ns UTC."""
    what: str
    """In a sentence."""


TYPES: dict[str, tuple[type, ...]] = {
    one.name: (int, type(None)) if "None" in str(one.type) else (int,) if str(one.type) == "int" else (str,)
    for one in fields(Item)
}


@dataclass(slots=True, kw_only=True)
class Known:
    """A break and what became of it."""

    item: Item
    state: str = FOUND
    gone: bool = False
    history: list[Entry] = field(default_factory=list)
    """The steps so far, as they stand in the book."""

    @property
    def is_open(self) -> bool:
        """Whether somebody still has to do something."""
        return self.state != CLOSED

    @property
    def version(self) -> int:
        """Grows with each entry of the book about it."""
        return len(self.history)

    @property
    def last(self) -> Entry | None:
        """The last step that a person did."""
        return next((entry for entry in reversed(self.history) if entry["step"] in STEPS.values()), None)

    @property
    def last_by(self) -> str:
        """Who did that."""
        return str(self.last["by"]) if self.last else ""

    @property
    def last_signed_in(self) -> bool:
        """Whether that was somebody who was signed in, not a bare name."""
        return bool(self.last and self.last.get("signed_in"))

    @property
    def until_ns(self) -> int | None:
        """When it was closed."""
        return int(self.history[-1]["at_ns"]) if not self.is_open else None

    def age_ns(self, now_ns: int) -> int:
        """How long it has been open, or was."""
        return max((self.until_ns or now_ns) - self.item.found_ns, 0)

    @property
    def allowed(self) -> list[str]:
        """What may be done with it now."""
        if not self.is_open:
            return []
        return [verb for verb, states in BEFORE.items() if self.state in states or (verb == "close" and self.gone)]

    @property
    def next_step(self) -> str:
        """Who has to do what; nothing once it is closed."""
        another = f"somebody else than {self.last_by}"
        if self.state == FOUND:
            told = "somebody explains it"
        elif self.state == EXPLAINED:
            told = f"{another} adopts it, or it is disputed"
        elif self.state == ADOPTED:
            told = "it is closed"
        elif self.item.scope == ENGINE:
            told = f"{another} adopts or closes it"
        else:
            told = f"the venue puts it right, or {another} adopts it"
        if not self.is_open:
            return ""
        return f"it is gone: it is closed, or {told}" if self.gone and self.state != ADOPTED else told

    def described(self, now_ns: int) -> dict[str, Any]:
        """For JSON."""
        about = {"state": self.state, "open": self.is_open, "gone": self.gone, "age_ns": self.age_ns(now_ns)}
        return asdict(self.item) | about | {"allowed": self.allowed, "history": self.history}


def known(run: Run) -> dict[str, Known]:
    """Every break of a run by its id, the oldest first: what its engine's journal tells, and what its book has.

    Raises CheckFailed for a damaged book, Unreachable or BadInput for a journal that is not there or damaged.
    """
    return merged(of_engine(run), break_book.read(book_of(run)), book_of(run))


def book_of(run: Run) -> Path:
    """Where the book of a run is."""
    return run.directory / break_book.NAME


def counted(found: Iterable[Known]) -> dict[str, int]:
    """How many there are in each state, and how many are open."""
    states = dict.fromkeys(STATES, 0)
    for one in found:
        states[one.state] += 1
    return states | {"open": sum(states.values()) - states[CLOSED]}


def sentence(counts: dict[str, int]) -> str:
    """The same in words."""
    told = ", ".join(f"{counts[state]:,} {state}" for state in STATES if counts[state])
    if not told:
        return "no breaks"
    if not counts["open"]:
        return f"no break is open ({told})"
    return (
        f"{counts['open']:,} {'break is' if counts['open'] == 1 else 'breaks are'} open ({told}): see `meridian breaks`"
    )


def merged(engine: Iterable[Item], book: Book, path: Path, only: str | None = None) -> dict[str, Known]:
    """What an engine told and what the book at `path` has, the oldest first; `only`: the break of that id alone. Raises
    CheckFailed for a damaged book."""
    found = {item.id: Known(item=item) for item in engine if only in (None, item.id)}
    for entry in book.entries:
        if only in (None, entry["id"]):
            _apply(found, entry, path)
    return dict(sorted(found.items(), key=lambda pair: (pair[1].item.found_ns, pair[0])))


def _apply(found: dict[str, Known], entry: Entry, path: Path) -> None:
    step, number = str(entry["step"]), str(entry["id"])
    if step == FOUND:
        one = found.setdefault(number, Known(item=_item(entry, path)))
        # Found again: what was thought to be over is not, unless a person accepted it.
        if one.gone and not one.is_open:
            one.state = FOUND
        one.gone = False
    elif number not in found or step not in (GONE, *STEPS.values()):
        raise CheckFailed(
            f"{path}: line {entry['sequence']} is of a break or a step that nobody knows: {number} {step}"
        )
    elif step == GONE:
        found[number].gone = True
    else:
        found[number].state = step
    shown = {key: value for key, value in entry.items() if key not in INNER}
    found[number].history.append(shown | ({"signed_in": bool(entry.get("token"))} if step in STEPS.values() else {}))


def _item(entry: Entry, path: Path) -> Item:
    about = entry.get("item")
    if not isinstance(about, dict) or about.keys() != TYPES.keys():
        about = dict.fromkeys(TYPES, ...)
    if any(type(about[name]) not in kinds for name, kinds in TYPES.items()):
        raise CheckFailed(f"{path}: line {entry['sequence']} tells of no break; it was edited or damaged")
    return Item(**about)


# What is found.


def of_engine(run: Run) -> list[Item]:
    """The breaks that the engine told."""
    if not len(run.breaks):
        return []
    shard, seen, found = shard_of(run), dict[tuple[Any, ...], int](), []
    for row in run.breaks:
        content = tuple(int(row[name]) for name in row.dtype.names)
        seen[content] = seen.get(content, 0) + 1
        kind, event = BreakKind(int(row["kind"])).name, int(row["event"])
        lots, price = int(row["venue_lots"]) - int(row["our_lots"]), int(row["price_nanos"])
        told = OrderEventKind(event).name.lower() if event else "nothing"
        what = f"the venue told {told}: {int(row['venue_lots']):,} lots there, {int(row['our_lots']):,} here"
        found.append(
            Item(
                id=f"{shard}-{int(row['input'])}-{digest(kind, *content, seen[content])}",
                scope=ENGINE,
                kind=kind,
                run=run.name,
                shard=shard,
                input=int(row["input"]),
                venue=run.names.venue(int(row["venue"])),
                instrument=_instrument(run, int(row["instrument"])),
                currency=run.names.currency(int(row["instrument"])),
                order_id=int(row["order_id"]),
                execution_id=int(row["execution_id"]),
                venue_lots=int(row["venue_lots"]),
                our_lots=int(row["our_lots"]),
                price_nanos=None if price == UNDEF_PRICE else price,
                amount_nanos=_amount(run, int(row["instrument"]), lots, price),
                found_ns=int(row["time_ns"]),
                what=what,
            )
        )
    return found


def of_reconciliation(run: Run, compared: Reconciliation, now_ns: int) -> list[Item]:
    """What the comparison with the exchanges' journals found, each cause once: sums that follow from an execution that differs
    are no breaks of their own."""
    found = [of_execution(run, one, RECONCILE, now_ns) for one in compared.apart]
    make = partial(of_sum, run, scope=RECONCILE, now_ns=now_ns)
    found += [make("JOURNAL_DAMAGED", sentence) for sentence in compared.lost]
    at = {(one.venue, one.instrument) for one in found}
    for line in compared.lines:
        ours, theirs = line.engine.described(), line.exchange.described()
        if ours != theirs and (line.venue, line.instrument) not in at:
            differ = ", ".join(
                f"{key} {ours[key]:,} here and {theirs[key]:,} there" for key in ours if ours[key] != theirs[key]
            )
            lots = (theirs["net_lots"], ours["net_lots"])
            found.append(make("SUM", differ, venue=line.venue, instrument=line.instrument, lots=lots))
    moved = _moved(compared.apart, run)
    for one in compared.positions:
        ours, theirs = one["engine_lots"], one["exchange_lots"]
        if theirs - ours != moved.get(one["instrument"], 0):
            what = f"the engine's positions are {ours:+,} lots, the exchanges' trades add up to {theirs:+,}"
            found.append(make("POSITION", what, instrument=one["instrument"], lots=(theirs, ours)))
    venues = {one.venue for one in compared.apart}
    for orders in compared.orders:
        for told in orders.differences if orders.venue not in venues else ():
            found.append(make("ORDERS", told, venue=orders.venue))
    return found


def _moved(apart: Sequence[Apart], run: Run) -> dict[str, int]:
    """Lots by which the executions that differ between engine and exchange move each position."""
    moved: dict[str, int] = {}
    for one in apart:
        if one.words[0] == "the exchange":
            theirs, ours, _ = _terms(one)
            name = run.names.instrument(one.instrument)
            sign = 1 if one.key[2] == Side.BUY else -1
            moved[name] = moved.get(name, 0) + sign * (theirs[0] - ours[0])
    return moved


def _terms(one: Apart) -> tuple[tuple[int, int], tuple[int, int], int]:
    """What the venue and what we have of a trade after it: lots and price; and the price that is shown."""
    kind = one.key[0]
    if kind == "fill":
        theirs, ours = one.said or (0, 0), one.booked or (0, 0)
    elif kind == "bust":
        # Who has the bust has nothing left of the trade.
        theirs = (0, 0) if one.said else (one.said_before or one.booked or (0, 0))
        ours = (0, 0) if one.booked else (one.booked_before or one.said or (0, 0))
    else:
        theirs = one.said or one.said_before or (0, 0)
        ours = one.booked or one.booked_before or (0, 0)
    return theirs, ours, theirs[1] or ours[1]


def of_execution(run: Run, one: Apart, scope: str, now_ns: int) -> Item:
    """The break of an execution that two records tell otherwise."""
    theirs, ours, price = _terms(one)
    kind, number, side = one.key
    instrument = run.names.instruments.get(one.instrument)
    where = one.words[0].removeprefix("the ").replace(" ", "_").upper()
    word = "DIFFERS_FROM" if one.said and one.booked else "NOT_IN" if one.booked else "ONLY_IN"
    amount = instrument.amount_nanos(*theirs) - instrument.amount_nanos(*ours) if instrument else None
    # Where an order of ours is not named, it is not part of what differs.
    mark = digest(scope, one.venue, *one.key, one.booked, one.said, where)
    return Item(
        id=f"{shard_of(run)}-{one.venue}-{kind}{number}{side_word(side)[0]}-{mark}",
        scope=scope,
        kind=f"{kind.upper()}_{word}_{where}",
        run=run.name,
        shard=shard_of(run),
        input=0,
        venue=one.venue,
        instrument=_instrument(run, one.instrument),
        currency=run.names.currency(one.instrument),
        order_id=one.order_id,
        execution_id=number,
        venue_lots=theirs[0],
        our_lots=ours[0],
        price_nanos=price or None,
        amount_nanos=amount,
        found_ns=now_ns,
        what=one.sentence,
    )


def of_sum(
    run: Run,
    kind: str,
    what: str,
    *,
    scope: str,
    now_ns: int,
    venue: str = "",
    instrument: str = "",
    lots: tuple[int, int] = (0, 0),
) -> Item:
    """The break of a sum that is another one at the venue than here. `lots`: the venue's and ours."""
    about = next((one for one in run.names.instruments.values() if one.name == instrument), None)
    shard = shard_of(run)
    place = "-".join(word for word in (venue, instrument) if word) or "engine"
    return Item(
        id=f"{shard}-{place}-{kind.lower()}-{digest(scope, kind, venue, instrument, what)}",
        scope=scope,
        kind=kind,
        run=run.name,
        shard=shard,
        input=0,
        venue=venue,
        instrument=instrument,
        currency=about.currency if about else "",
        order_id=0,
        execution_id=0,
        venue_lots=lots[0],
        our_lots=lots[1],
        price_nanos=None,
        amount_nanos=None,
        found_ns=now_ns,
        what=what,
    )


def shard_of(run: Run) -> int:
    """The shard of a run's engine, by the first record of its journal. Raises Unreachable or BadInput."""
    try:
        for _, _, data in native.Reader(run.engine_journal):
            return int(records.parse(data)["shard"]) if records.name_of(data) == "EngineStart" else 0
    except FileNotFoundError as error:
        raise Unreachable(f"{run.engine_journal}: {error}") from None
    except ValueError as error:
        raise BadInput(f"{run.engine_journal}: {error}") from None
    return 0


def _instrument(run: Run, number: int) -> str:
    return run.names.instrument(number) if number else ""


def _amount(run: Run, number: int, lots: int, price_nanos: int) -> int | None:
    instrument = run.names.instruments.get(number)
    if instrument is None or price_nanos == UNDEF_PRICE:
        return None
    amount = instrument.amount_nanos(abs(lots), price_nanos)
    return amount if lots >= 0 else -amount


def digest(*content: Any) -> str:
    """Eight letters of an id, which follow from what differs."""
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:8]


# What is done.


def record(run: Run, items: Sequence[Item], scopes: Iterable[str], now_ns: int) -> dict[str, Known]:
    """Writes what a comparison found into the run's book, and what it finds no more; `scopes`: what it has looked at. A second
    time nothing is written. Returns every break. Raises CheckFailed, Unreachable or BadInput."""
    path, engine, looked = book_of(run), of_engine(run), set(scopes)

    def plan(book: Book) -> list[Entry]:
        there = merged(engine, book, path)
        found = {item.id: item for item in items}
        new = [item for item in found.values() if item.id not in there or there[item.id].gone]
        gone = [
            one.item.id
            for one in there.values()
            if one.item.scope in looked and not one.gone and one.item.id not in found
        ]
        entries: list[Entry] = [_entry(item.id, FOUND, "", "", now_ns) | {"item": asdict(item)} for item in new]
        return entries + [_entry(number, GONE, "", "", now_ns) for number in gone]

    # Most comparisons have nothing to say: then no file is made.
    book = break_book.append(path, plan) if plan(break_book.read(path)) else break_book.read(path)
    return merged(engine, book, path)


def step(run: Run, number: str, verb: str, *, by: str, reason: str, now_ns: int | None = None) -> Known:
    """A step of a person who gives a bare name: `verb` is one of STEPS, `number` the break's id. Raises BadInput with all that is
    wrong with the words, CheckFailed for a step that is not allowed, and what `known` raises."""
    at_ns = time.time_ns() if now_ns is None else now_ns
    wrong = wrong_words(by, reason)
    if wrong:
        raise BadInput(wrong)
    asked = Step(number=number, verb=verb, by=by, reason=reason)
    return take(book_of(run), of_engine(run), asked, at_ns).one


def take(
    path: Path, engine: Sequence[Item], asked: Step, at_ns: int, *, wait_s: float = break_book.WAIT_SECONDS
) -> Done:
    """Does a step, and does it once under one key. `path`: the run's book; `engine`: the breaks that its engine told.

    Raises NoSuchBreak, KeyUsed, Changed, NotNow or NotThisPerson where it is refused, and what `break_book.append` raises.
    """
    answered: list[Done] = []

    def plan(book: Book) -> list[Entry]:
        answered[:] = _answered(engine, book, path, asked)
        if answered:
            return []
        one = merged(engine, book, path, asked.number).get(asked.number)
        if one is None:
            raise NoSuchBreak(unknown(asked.number, merged(engine, book, path)))
        _allow(one, asked)
        number, item = asked.number, one.item
        first = [] if one.history else [_entry(number, FOUND, "", "", item.found_ns) | {"item": asdict(item)}]
        return [*first, _entry(number, STEPS[asked.verb], asked.by, asked.reason, at_ns) | _signature(asked)]

    # Refused here, nothing is opened for writing; refused there, somebody was quicker.
    if plan(break_book.read(path)):
        book = break_book.append(path, plan, wait_s=wait_s)
        answered = answered or [Done(one=merged(engine, book, path, asked.number)[asked.number])]
    assert answered, "a step that is not refused and writes nothing was done before"
    return answered[0]


def _answered(engine: Sequence[Item], book: Book, path: Path, asked: Step) -> list[Done]:
    """What the same request was answered when it came first; nothing where it did not. Raises KeyUsed."""
    for place, entry in enumerate(book.entries if asked.again else ()):
        assert asked.again is not None
        if entry.get("again") == asked.again[0]:
            if (entry.get("request"), entry["id"]) != (asked.again[1], asked.number):
                raise KeyUsed("the key was used for another request: allowed is a key that is new for every change")
            until = Book(entries=book.entries[: place + 1])
            return [Done(one=merged(engine, until, path, asked.number)[asked.number], replayed=True)]
    return []


def _signature(asked: Step) -> Entry:
    """Under whose account and, of a person who is signed in, with which token and key."""
    signed: Entry = {"user": getpass.getuser()}
    if asked.token:
        signed |= {"token": asked.token}
    if asked.again:
        signed |= {"again": asked.again[0], "request": asked.again[1]}
    return signed


def _entry(number: str, step: str, by: str, reason: str, at_ns: int) -> Entry:
    return {"id": number, "step": step, "by": by, "reason": reason, "at_ns": at_ns}


def wrong_words(by: str, reason: str) -> list[str]:
    """What is wrong with words that say nothing or cannot be kept, a sentence each."""
    wrong = []
    for option, said, most, what in (
        ("--by", by, BY_MAX, "the name of who does it"),
        ("--reason", reason, REASON_MAX, "why"),
    ):
        if not said.strip() or len(said) > most or not said.isprintable():
            wrong.append(f"{option} = {said[:REASON_MAX]!r}: allowed is {what}, 1 to {most} readable letters")
    return wrong


def unknown(number: str, there: Iterable[str]) -> str:
    """That there is no such break."""
    some = list(there)
    told = f"one of {', '.join(some[:3])}{', …' if len(some) > 3 else ''}" if some else "none: there are no breaks"
    return f"ID = {number[:120]}: allowed is {told}"


def refusals(one: Known, by: str, token: str) -> dict[str, Refusal | None]:
    """Of each step, why this person may not do it now; None where they may."""
    found: dict[str, Refusal | None] = {}
    for verb in STEPS:
        try:
            _allow(one, Step(number=one.item.id, verb=verb, by=by, reason="", token=token))
            found[verb] = None
        except Refusal as refused:
            found[verb] = refused
    return found


def _allow(one: Known, asked: Step) -> None:
    """Refuses a step that is not allowed now, or not to this person."""
    verb, number = asked.verb, one.item.id
    if asked.version not in (None, one.version):
        told = f"{one.state}{f', by {one.last_by}' if one.last_by else ''}"
        raise Changed(f"{verb} {number}: it is {told}, in version {one.version}; allowed is that version", one)
    taken_over = bool(asked.token) and TAKEN_OVER.get(verb) == one.state and not one.last_signed_in
    if verb not in one.allowed and not taken_over:
        allowed = " or ".join(one.allowed) or "nothing: it stays closed"
        raise NotNow(f"{verb} {number}: it is {one.state}; allowed is {allowed}", one)
    if verb == "close" and one.state == DISPUTED and not one.gone and one.item.scope != ENGINE:
        told = "it is disputed and the records still differ"
        raise NotNow(f"close {number}: {told}; allowed is adopt, or close once the difference is gone", one)
    if (verb, one.state) in SECOND and not (verb == "close" and one.gone):
        _second(one, asked)


def _second(one: Known, asked: Step) -> None:
    """Refuses who did the step before; and, where a person is signed in, to follow somebody who was not."""
    before = f"{asked.verb} {one.item.id}: {one.last_by} did the step before ({one.state})"
    if asked.by.strip().casefold() == one.last_by.strip().casefold():
        raise NotThisPerson(f"{before}; allowed is somebody else than that", one)
    if asked.token and not one.last_signed_in:
        again = next(verb for verb, state in TAKEN_OVER.items() if state == one.state)
        allowed = f"allowed is to {again} it signed in; then somebody else, signed in, does this"
        raise NotThisPerson(f"{before} without being signed in; {allowed}", one)
