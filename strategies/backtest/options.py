"""What a person says of a backtest's venues: latency, fees, queue model, limits; read from words, all errors at once.

    feed=10us,order=50us,report=50us        constant delays
    order=@round_trips.csv                  one of the file's delays at random: measured ones, ns, a number a line
    maker=-0.0020,taker=0.0030              currency a lot; below zero a rebate
    maker=-0.2bp,taker=0.5bp                basis points of the notional
    power:3, pessimistic                    queue models of data by level

Invariant: what these give is in range; a word that is not understood is told with what is allowed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation, Overflow
from pathlib import Path

from meridian.console import cut

__all__ = ["Fee", "Latency", "OptionsError", "QueueModel", "VenueModel", "duration_ns", "samples", "venue_models"]

NANOS = 10**9
UNITS_NS = {"ns": 1, "us": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9}
LATENCY_NS_MAX = 3600 * 10**9
WAYS = ("feed", "order", "report")
SIDES = ("maker", "taker")
EXPONENT_MAX = 8
SAMPLES_MAX = 1_000_000
DIGITS_MAX = 20
SAMPLES_BYTES_MAX = SAMPLES_MAX * (DIGITS_MAX + 1)
DURATION_WORDS = "a time such as 50us, 10ms or 1s"


class OptionsError(ValueError):
    """Options that cannot be taken: one sentence each."""

    def __init__(self, errors: list[str]) -> None:
        self.errors = errors
        super().__init__("\n".join(errors))


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """The delay of one way: constant, or one of the samples at random."""

    constant_ns: int = 0
    samples_ns: tuple[int, ...] = ()

    @property
    def words(self) -> str:
        """As a person reads it, in ns."""
        return f"one of {len(self.samples_ns):,} measured" if self.samples_ns else f"{self.constant_ns:,}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fee:
    """What one fill costs: nanos of the currency a lot, and parts per billion of the notional. Below zero: a rebate."""

    nanos_per_lot: int = 0
    notional_ppb: int = 0

    @property
    def words(self) -> str:
        """As `--fees` takes it."""
        return f"{self.notional_ppb / 10**5:g}bp" if self.notional_ppb else f"{self.nanos_per_lot / NANOS:g}"


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueModel:
    """How our place in a level's queue is estimated from data by level."""

    name: str = "power"
    exponent: int = 3

    @property
    def words(self) -> str:
        """As `--queue` takes it."""
        return f"{self.name}:{self.exponent}" if self.name == "power" else self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueModel:
    """What is assumed of one venue."""

    feed: Latency = field(default_factory=Latency)
    order: Latency = field(default_factory=Latency)
    report: Latency = field(default_factory=Latency)
    maker: Fee = field(default_factory=Fee)
    taker: Fee = field(default_factory=Fee)


DEFAULT = VenueModel(
    feed=Latency(constant_ns=10_000), order=Latency(constant_ns=20_000), report=Latency(constant_ns=20_000)
)
"""A neighbour in the venue's own hall: 10 µs of market data, 20 µs there and back."""


def duration_ns(text: str) -> int | None:
    """A time with its unit in ns; None for what is none."""
    found = re.fullmatch(r"([0-9]{1,12}(?:\.[0-9]{1,9})?)(ns|us|ms|s|m|h)", text.strip())
    if found is None:
        return None
    value = Decimal(found[1]) * UNITS_NS[found[2]]
    return int(value) if value == value.to_integral_value() else None


def venue_models(
    latency: list[str], fees: list[str], venues: list[str] | None
) -> tuple[dict[str, VenueModel], list[str]]:
    """Each venue's model from the words given, `VENUE:` before them for one venue alone; and what is wrong.

    `venues`: None where the data do not say which there are; then the words are looked at, and no name of a venue is wrong.
    """
    errors: list[str] = []
    held: dict[str, dict[str, Latency | Fee]] = {venue: {} for venue in venues or ()}
    for option, texts in (("latency", latency), ("fees", fees)):
        for text in texts:
            meant, parts = _meant(option, text, venues, errors)
            for part in parts:
                value = _latency(part, errors) if option == "latency" else _fee(part, errors)
                for venue in meant if value is not None else ():
                    assert value is not None
                    held[venue][value[0]] = value[1]
    default = {name: getattr(DEFAULT, name) for name in (*WAYS, *SIDES)}
    return {venue: VenueModel(**(default | own)) for venue, own in held.items()}, errors


def _meant(option: str, text: str, venues: list[str] | None, errors: list[str]) -> tuple[list[str], list[str]]:
    """The venues that a text is about, and its parts."""
    venue, colon, rest = text.partition(":")
    if not colon or "=" in venue:
        return venues or [], [part for part in text.split(",") if part.strip()]
    if venues is None:
        return [], [part for part in rest.split(",") if part.strip()]
    if venue not in venues:
        errors.append(f"--{option} {text}: {venue} is no venue of the data; allowed are {', '.join(venues)}")
        return [], []
    return [venue], [part for part in rest.split(",") if part.strip()]


def _latency(part: str, errors: list[str]) -> tuple[str, Latency] | None:
    name, _, value = (each.strip() for each in part.partition("="))
    if name not in WAYS:
        errors.append(f"--latency {part}: {', '.join(f'{way}=…' for way in WAYS)} are allowed")
        return None
    if value.startswith("@"):
        found = samples(f"--latency {part}", Path(value[1:]), errors)
        return None if found is None else (name, Latency(samples_ns=found))
    delay_ns = duration_ns(value)
    if delay_ns is None or delay_ns > LATENCY_NS_MAX:
        errors.append(f"--latency {part}: {DURATION_WORDS}, at most an hour, or @FILE of delays in ns is allowed")
        return None
    return name, Latency(constant_ns=delay_ns)


def samples(key: str, path: Path, errors: list[str]) -> tuple[int, ...] | None:
    """The delays of a file, ns; None with a sentence, which begins with the key, among the errors."""
    try:
        if path.exists() and (not path.is_file() or path.stat().st_size > SAMPLES_BYTES_MAX):
            errors.append(f"{key}: {path}: a file of at most {SAMPLES_BYTES_MAX:,} bytes is allowed")
            return None
        lines = path.read_text(encoding="utf-8").split()
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "is no text"
        errors.append(f"{key}: {path}: {why}; a text file of delays in ns, a number a line, is allowed")
        return None
    wrong = [at for at, line in enumerate(lines, 1) if not _is_delay(line)]
    if wrong or not 0 < len(lines) <= SAMPLES_MAX:
        where = f"line {wrong[0]} is {cut(lines[wrong[0] - 1])!r}" if wrong else f"it has {len(lines)} lines"
        errors.append(f"{key}: {path}: {where}; 1 to {SAMPLES_MAX:,} whole numbers of ns are allowed")
        return None
    return tuple(int(line) for line in lines)


def _is_delay(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= DIGITS_MAX and int(text) <= LATENCY_NS_MAX


def _fee(part: str, errors: list[str]) -> tuple[str, Fee] | None:
    name, _, value = (each.strip() for each in part.partition("="))
    basis = value.endswith("bp")
    try:
        amount = Decimal(value.removesuffix("bp"))
        # A basis point is 1e5 parts per billion.
        scaled = amount * (10**5 if basis else NANOS)
    except (InvalidOperation, Overflow):
        scaled = Decimal("nan")
    sound = scaled.is_finite() and scaled == scaled.to_integral_value() and abs(scaled) < 10**15
    if name not in SIDES or not sound:
        allowed = "maker=AMOUNT and taker=AMOUNT are allowed, currency a lot (0.0030) or basis points (0.5bp)"
        errors.append(f"--fees {part}: {allowed}")
        return None
    return name, Fee(notional_ppb=int(scaled)) if basis else Fee(nanos_per_lot=int(scaled))


def queue_model(text: str) -> QueueModel | None:
    """A queue model from its words; None for what is none."""
    if text == "pessimistic":
        return QueueModel(name="pessimistic")
    found = re.fullmatch(r"power:([0-9])", text)
    if found is None or not 1 <= int(found[1]) <= EXPONENT_MAX:
        return None
    return QueueModel(name="power", exponent=int(found[1]))
