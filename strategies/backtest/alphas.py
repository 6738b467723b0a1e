"""The alpha tile of a backtest: its settings, its model, and how long it takes.

Invariant: what `examine` returns can run; the stage is the live tile's own.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from meridian.console import BadInput, Failure
from meridian.strategies.backtest import data, options

if TYPE_CHECKING:
    from meridian.strategies.signals.settings import Settings
    from meridian.strategies.signals.stage import Stage

__all__ = ["Alpha", "examine"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Alpha:
    """A sound one."""

    settings: Settings
    model: Path
    listings: tuple[tuple[int, int], ...]
    """Venue and instrument of each, by number."""
    latency: options.Latency

    def stage(self) -> Stage:
        """A stage that has heard nothing."""
        from meridian.strategies.signals.tile import stage_of

        return stage_of(self.settings, self.model)

    @property
    def words(self) -> dict[str, Any]:
        """What was assumed, for the result."""
        return {
            "model": str(self.model),
            "listings": [one.name for one in self.settings.listings],
            "channel": self.settings.channel,
            "latency_ns": self.latency.words,
        }


def examine(path: Path, market: data.Market) -> tuple[Alpha | None, list[str]]:
    """The alpha tile of a file of settings over these data, or everything that is wrong."""
    from meridian.strategies.signals import settings as stages

    try:
        settings = stages.read(path)
    except BadInput as error:
        return None, [f"--alpha {sentence}" for sentence in error.errors]
    ids = {
        f"{one.instrument.symbol}@{one.venue}": (market.venue_id(one.venue), one.instrument.id)
        for one in market.listings
    }
    model, errors = stages.examine(settings, path.parent, ids)
    latency, more = _latency(settings.latency, path.parent)
    errors += more
    if errors or model is None or latency is None:
        return None, [f"--alpha {path}: {sentence}" for sentence in errors]
    listings = tuple(ids[one.name] for one in settings.listings)
    return Alpha(settings=settings, model=path.parent / settings.model, listings=listings, latency=latency), []


def _latency(text: str, folder: Path) -> tuple[options.Latency | None, list[str]]:
    """A constant, one of a file's delays, or one of those that a live run took."""
    if text.startswith("@"):
        path = folder / text[1:]
        if path.is_dir():
            return _measured(text, path)
        errors: list[str] = []
        samples = options.samples(f"latency = {text}", path, errors)
        return (None if samples is None else options.Latency(samples_ns=samples)), errors
    delay_ns = options.duration_ns(text)
    if delay_ns is None or delay_ns > options.LATENCY_NS_MAX:
        return None, [f"latency = {text}: {options.DURATION_WORDS}, @FILE or @RUN is allowed"]
    return options.Latency(constant_ns=delay_ns), []


def _measured(text: str, path: Path) -> tuple[options.Latency | None, list[str]]:
    from meridian.strategies.signals.tile import measured_ns

    try:
        found = measured_ns(path)
    except (Failure, ValueError) as error:
        return None, [f"latency = {text}: {error}"]
    if not found:
        return None, [f"latency = {text}: no score of an alpha tile was taken in that run; a run with one is allowed"]
    return options.Latency(samples_ns=tuple(found[: options.SAMPLES_MAX])), []
