"""The figures of a backtest's page: equity, drawdown, exposure, position, markouts, queue, latency; and the price with fills.

Invariant: a figure has at most a stated number of points, whatever the run: of a curve the least and the greatest value of each
pixel stay, so that no peak is lost; what is left out is said.
"""

from __future__ import annotations

import itertools
import json
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from meridian import drawing, records
from meridian._native.backtest import HORIZONS_NS
from meridian.drawing import MUTED, SELL, SERIES
from meridian.markup import Plot
from meridian.strategies.backtest.measures import BUY as BUY_SIDE
from meridian.strategies.backtest.measures import MAKER, NANOS, answers_ns, rests_ns, untraded_ns
from meridian.strategies.backtest.result import Result
from meridian.strategies.backtest.words import in_time

__all__ = ["envelope", "plots", "price_data"]

PIXELS = 600
"""Of a curve; up to four points each."""
INSTRUMENTS_MAX, CHARTS_MAX, MARKS_MAX = 6, 4, 1_500
Floats = NDArray[np.float64]


def envelope(count: int, values: NDArray[Any], pixels: int = PIXELS) -> NDArray[np.int64]:
    """Places of at most four values a pixel: the first, the least, the greatest and the last."""
    if count <= 4 * pixels:
        return np.arange(count)
    edges = np.linspace(0, count, pixels + 1).astype(np.int64)
    kept = [edges[:-1], edges[1:] - 1]
    for low, high in itertools.pairwise(edges):
        part = values[low:high]
        kept.append(np.array([low + int(np.argmin(part)), low + int(np.argmax(part))]))
    return np.unique(np.concatenate(kept))


def plots(result: Result) -> dict[str, list[Plot]]:
    """Section → figures; a section without data has none."""
    with mpl.rc_context(drawing.STYLE):
        return {
            "profit": [*_profit(result), *_drawdown(result)],
            "exposure": [*_positions(result), *_exposure(result)],
            "markouts": _markouts(result),
            "times": _times(result),
        }


def _since(result: Result, times_ns: NDArray[Any]) -> Floats:
    return (times_ns.astype(np.int64) - result.summary["first_ns"]) / NANOS


def _curve(axes: Axes, result: Result, times_ns: NDArray[Any], values: Floats, **look: Any) -> None:
    kept = envelope(len(values), values)
    axes.step(_since(result, times_ns[kept]), values[kept], where="post", **look)


def _finish(axes: Axes, unit: str, named: bool = True) -> None:
    axes.axhline(0, color=MUTED, linewidth=0.6)
    axes.set_xlabel("seconds since the first record")
    axes.set_ylabel(unit)
    if named:
        drawing.legend(axes)


def _profit(result: Result) -> list[Plot]:
    equity = result.equity
    if len(equity) < 2:
        return []
    figure, axes = drawing.figure(3.0)
    net, fees = equity["equity_nanos"] / NANOS, equity["fees_nanos"] / NANOS
    for values, label, colour, width in (
        (net + fees, "before fees", SERIES[1], 1.1),
        (-fees, "fees, rebates above 0", SELL, 1.1),
        (net, "after fees", SERIES[0], 2.0),
    ):
        _curve(axes, result, equity["time_ns"], values, color=colour, label=label, linewidth=width)
    _finish(axes, "currency")
    about = "Profit with positions marked to the middle of the book."
    return [Plot(title="Equity", svg=drawing.svg(figure), about=about)]


def _drawdown(result: Result) -> list[Plot]:
    equity = result.equity
    if len(equity) < 2:
        return []
    figure, axes = drawing.figure(1.7)
    curve = equity["equity_nanos"] / NANOS
    below = curve - np.maximum.accumulate(np.maximum(curve, 0.0))
    kept = envelope(len(below), below)
    at = _since(result, equity["time_ns"][kept])
    axes.fill_between(at, below[kept], 0, step="post", color=SELL, alpha=0.35, linewidth=0)
    _finish(axes, "currency", named=False)
    return [Plot(title="Drawdown", svg=drawing.svg(figure), about="How far the equity is below its peak so far.")]


def _positions(result: Result) -> list[Plot]:
    rows, names = result.positions, result.summary["symbols"]
    numbers = np.unique(rows["instrument"])
    if not len(numbers):
        return []
    figure, axes = drawing.figure(2.4)
    most = {number: int(np.abs(rows["lots"][rows["instrument"] == number]).max()) for number in numbers}
    shown = sorted(most, key=lambda number: -most[number])[:INSTRUMENTS_MAX]
    ends = [result.summary["first_ns"]], [result.summary["last_ns"]]
    for place, number in enumerate(sorted(shown)):
        here = rows["instrument"] == number
        own = rows["lots"][here].astype(np.float64)
        times = np.concatenate((ends[0], rows["time_ns"][here].astype(np.int64), ends[1]))
        lots = np.concatenate(([0.0], own, own[-1:]))
        _curve(axes, result, times, lots, color=SERIES[place % len(SERIES)], label=names[number - 1])
    _finish(axes, "lots")
    left = len(numbers) - len(shown)
    about = f"The {len(shown)} largest positions of {len(numbers)} instruments." if left else ""
    return [Plot(title="Position", svg=drawing.svg(figure), about=about)]


def _exposure(result: Result) -> list[Plot]:
    equity = result.equity
    if len(equity) < 2 or not equity["gross_nanos"].any():
        return []
    figure, axes = drawing.figure(2.0)
    for column, label, colour in (("gross_nanos", "gross", SERIES[1]), ("net_nanos", "net", SERIES[0])):
        _curve(axes, result, equity["time_ns"], equity[column] / NANOS, color=colour, label=label)
    _finish(axes, "currency")
    about = "Value of all positions at the middle; gross: without their signs."
    return [Plot(title="Exposure", svg=drawing.svg(figure), about=about)]


def _markouts(result: Result) -> list[Plot]:
    rows = [row for row in result.summary["markouts"] if row["fills"]]
    if not rows:
        return []
    figure, axes = drawing.figure(2.4)
    places = {horizon_ns: place for place, horizon_ns in enumerate(HORIZONS_NS)}
    for kind, colour in (("maker", SERIES[0]), ("taker", SERIES[1])):
        mine = [row for row in rows if row["liquidity"] == kind]
        if mine:
            at = [places[row["horizon_ns"]] for row in mine]
            axes.plot(at, [row["mean"] for row in mine], color=colour, marker="o", markersize=4, label=kind)
    axes.axhline(0, color=MUTED, linewidth=0.6)
    axes.set_xticks(range(len(HORIZONS_NS)), [in_time(each) for each in HORIZONS_NS])
    axes.set_xlabel("after the fill")
    axes.set_ylabel("price went our way")
    drawing.legend(axes)
    return [Plot(title="Markouts", svg=drawing.svg(figure))]


def _times(result: Result) -> list[Plot]:
    kinds = (
        (
            "Time in the queue until the first fill",
            rests_ns(result.orders, result.fills),
            "Of orders that traded as maker.",
        ),
        (
            "Time in the book of orders that did not trade",
            untraded_ns(result.orders),
            "From acknowledgement to their end.",
        ),
        ("Latency: command to first answer", answers_ns(result.orders), "There and back, as modelled."),
    )
    return [
        Plot(title=title, svg=_histogram(values), about=f"{about} {len(values):,} orders.")
        for title, values, about in kinds
        if len(values)
    ]


def _histogram(values: Floats) -> str:
    """Shares on a logarithmic axis of time; a single value is a bar."""
    values = np.maximum(values, 1.0)
    low, high = float(values.min()), float(values.max())
    edges = np.geomspace(low / 1.3, high * 1.3, 60)
    figure, axes = drawing.figure(1.6)
    counts, _ = np.histogram(values, bins=edges)
    axes.stairs(counts / len(values), edges, fill=True, color=SERIES[0], alpha=0.75)
    axes.axvline(float(np.median(values)), color=SELL, linewidth=1.0)
    axes.set_xscale("log")
    axes.minorticks_off()
    powers = range(int(np.floor(np.log10(edges[0]))), int(np.ceil(np.log10(edges[-1]))) + 1)
    factors = (1,) if len(powers) > 4 else (1, 2, 5)
    ticks = [factor * 10.0**power for power in powers for factor in factors if low <= factor * 10.0**power <= high]
    axes.set_xticks(ticks if len(ticks) > 1 else [float(np.median(values))])
    axes.xaxis.set_major_formatter(lambda value, _: in_time(value))
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    axes.set_ylabel("share")
    return drawing.svg(figure)


def price_data(result: Result) -> tuple[list[dict[str, Any]], str]:
    """What the page's own chart draws: for the listings with most fills the middle where it is known, and our fills; and words
    about what is left out."""
    fills, names = result.fills, result.summary
    listings = sorted(
        {(int(one), int(other)) for one, other in zip(fills["instrument"], fills["venue"], strict=True)},
        key=lambda each: -int(((fills["instrument"] == each[0]) & (fills["venue"] == each[1])).sum()),
    )
    charts = []
    for instrument, venue in listings[:CHARTS_MAX]:
        here = (fills["instrument"] == instrument) & (fills["venue"] == venue)
        times, middles = _middles(result, here, instrument)
        kept = envelope(len(middles), middles)
        bought = fills["side"] == BUY_SIDE
        title = f"{names['symbols'][instrument - 1]} at {names['venues'][venue - 1]}"
        charts.append(
            {
                "title": title,
                "middle": _pairs(result, times[kept], middles[kept]),
                **{
                    name: _marks(result, np.flatnonzero(here & side))
                    for name, side in (("buys", bought), ("sells", ~bought))
                },
            }
        )
    left = len(listings) - len(charts)
    more = f" {left} listings with fewer fills are not drawn." if left > 0 else ""
    return charts, f"At most {MARKS_MAX:,} fills of a side are drawn, evenly chosen.{more}"


def _middles(result: Result, here: NDArray[np.bool_], instrument: int) -> tuple[NDArray[np.int64], Floats]:
    """The middle as the run knows it: at each fill, at each horizon after it, and where a position was marked."""
    fills, marks = result.fills, result.positions
    start = fills["time_ns"][here].astype(np.int64)
    own = marks["instrument"] == instrument
    times = [start, *(start + horizon_ns for horizon_ns in HORIZONS_NS), marks["time_ns"][own].astype(np.int64)]
    prices = [
        fills["middle_nanos"][here],
        *(fills[f"later_{each}"][here] for each in HORIZONS_NS),
        marks["mark_nanos"][own],
    ]
    all_times, all_prices = np.concatenate(times), np.concatenate(prices)
    known = (all_prices != records.UNDEF_PRICE) & (all_prices != 0)
    order = np.argsort(all_times[known], kind="stable")
    return all_times[known][order], all_prices[known][order] / NANOS


def _marks(result: Result, places: NDArray[np.int64]) -> list[list[float]]:
    fills = result.fills
    some = places[drawing.spread(len(places), MARKS_MAX)]
    pairs = _pairs(result, fills["time_ns"][some], fills["price_nanos"][some] / NANOS)
    return [
        [*pair, int(lots), int(liquidity == MAKER)]
        for pair, lots, liquidity in zip(pairs, fills["lots"][some], fills["liquidity"][some], strict=True)
    ]


def _pairs(result: Result, times_ns: NDArray[Any], prices: Floats) -> list[list[float]]:
    seconds = _since(result, times_ns)
    return [[round(float(at), 6), round(float(price), 9)] for at, price in zip(seconds, prices, strict=True)]


def as_json(charts: list[dict[str, Any]]) -> str:
    """For a script element: no text in it can end the element."""
    return json.dumps(charts, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
