"""The plots of a run's report, drawn as `meridian.drawing` has it.

Invariant: a plot shows at most a stated number of points, and says what it leaves out.
"""

from __future__ import annotations

from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from meridian import drawing
from meridian.analytics.run import Rows, Run
from meridian.drawing import BUY, CARD, INK, MUTED, SELL, SERIES, STYLE, WIDTH
from meridian.markup import Plot
from meridian.records import UNDEF_PRICE, OrderEventKind, Side

POINTS_MAX = 1600
MARKERS_MAX = 500
"""Of one side in one plot."""
LINES_MAX = 6


def all_plots(run: Run, latencies: list[dict[str, Any]]) -> dict[str, list[Plot]]:
    """Section → plots; a section without data has none."""
    with mpl.rc_context(STYLE):
        return {
            "profit": [*profit(run), *positions(run)],
            "fills": [*prices(run), *fills_per_venue(run)],
            "latency": latency(latencies),
        }


def seconds(run: Run, times_ns: NDArray[Any]) -> NDArray[np.float64]:
    """Seconds since the run started."""
    return (times_ns.astype(np.int64) - run.started_ns) / 1e9


def prices(run: Run) -> list[Plot]:
    """Middle of the touch with our fills on it, for each listing that we traded or that has a touch."""
    found = []
    listings = sorted({(int(row["instrument"]), int(row["venue"])) for row in run.marks[["instrument", "venue"]]})
    for instrument, venue in listings:
        here = (run.marks["instrument"] == instrument) & (run.marks["venue"] == venue)
        two_sided = here & (run.marks["bid_nanos"] != UNDEF_PRICE) & (run.marks["ask_nanos"] != UNDEF_PRICE)
        marks = run.marks[two_sided]
        if not len(marks):
            continue
        fills = run.fills[(run.fills["instrument"] == instrument) & (run.fills["venue"] == venue)]
        fills = fills[fills["kind"] == OrderEventKind.FILLED]
        found.append(_price_plot(run, marks, fills, instrument, venue))
    return found


def _price_plot(run: Run, marks: Rows, fills: Rows, instrument: int, venue: int) -> Plot:
    figure, axes = drawing.figure(2.9)
    thin = marks[drawing.spread(len(marks), POINTS_MAX)]
    at = seconds(run, thin["time_ns"])
    bid, ask = thin["bid_nanos"] / 1e9, thin["ask_nanos"] / 1e9
    axes.fill_between(at, bid, ask, step="post", color=SERIES[0], alpha=0.18, linewidth=0)
    axes.step(at, (bid + ask) / 2, where="post", color=SERIES[0], linewidth=1.1, label="middle, bid to ask")
    shown = 0
    for side, colour, marker, name in ((Side.BUY, BUY, "^", "bought"), (Side.SELL, SELL, "v", "sold")):
        ours = fills[fills["side"] == side]
        some = ours[drawing.spread(len(ours), MARKERS_MAX)]
        shown += len(some)
        axes.scatter(
            seconds(run, some["time_ns"]),
            some["price_nanos"] / 1e9,
            s=26,
            marker=marker,
            color=colour,
            edgecolors=CARD,
            linewidths=0.5,
            zorder=3,
            label=f"{name} ({len(ours):,})",
        )
    _fit_prices(axes, np.concatenate([bid, ask, fills["price_nanos"] / 1e9]))
    axes.set_xlabel("seconds")
    axes.set_ylabel(f"price, {run.names.currency(instrument)}")
    axes.yaxis.set_major_formatter("{x:,.2f}")
    drawing.legend(axes)
    about = "" if shown == len(fills) else f"{shown:,} of {len(fills):,} fills are drawn."
    return Plot(
        title=f"{run.names.instrument(instrument)} at {run.names.venue(venue)}", svg=drawing.svg(figure), about=about
    )


def _fit_prices(axes: Axes, values: NDArray[np.float64]) -> None:
    """An empty book's wide quotes at the start must not flatten the rest."""
    low, high = np.percentile(values, [0.5, 99.5])
    room = max((high - low) * 0.15, abs(high) * 1e-6)
    axes.set_ylim(low - room, high + room)


def positions(run: Run) -> list[Plot]:
    """Positions over time, an axis an instrument, a line an account."""
    rows = run.positions
    instruments = sorted({int(number) for number in rows["instrument"]})
    if not instruments:
        return []
    figure = Figure(figsize=(WIDTH, 0.5 + 1.9 * len(instruments)), layout="constrained")
    panels = figure.subplots(len(instruments), 1, sharex=True, squeeze=False)[:, 0]
    looks = _looks(run)
    for axes, instrument in zip(panels, instruments, strict=True):
        here = rows[rows["instrument"] == instrument]
        accounts = sorted({int(number) for number in here["account"]})
        for account in accounts:
            mine = here[here["account"] == account]
            at, lots = _extended(run, mine["time_ns"], mine["lots"])
            label, colour = looks[account]
            axes.step(at, lots, where="post", color=colour, label=label)
        axes.axhline(0, color=MUTED, linewidth=0.6)
        axes.set_title(run.names.instrument(instrument))
        axes.set_ylabel("lots")
        axes.yaxis.set_major_formatter("{x:,.0f}")
        drawing.legend(axes)
    panels[-1].set_xlabel("seconds")
    return [Plot(title="Position over time", svg=drawing.svg(figure))]


def profit(run: Run) -> list[Plot]:
    """PnL over time, realised and unrealised together: all accounts of a currency, and each."""
    found = []
    looks = _looks(run)
    for currency in sorted({run.names.currency(int(number)) for number in run.positions["instrument"]}):
        grid, series = _profit_series(run, currency)
        if not series:
            continue
        figure, axes = drawing.figure(3.1)
        total = np.sum(list(series.values()), axis=0)
        largest = sorted(series, key=lambda account: -abs(series[account][-1]))[:LINES_MAX]
        for account in sorted(largest):
            label, colour = looks[account]
            axes.plot(grid, series[account], color=colour, linewidth=1.2, label=label)
        axes.fill_between(grid, total, 0, color=INK, alpha=0.06, linewidth=0)
        if len(series) > 1:
            axes.plot(grid, total, color=INK, linewidth=2.0, label="all")
        axes.axhline(0, color=MUTED, linewidth=0.6)
        axes.set_xlabel("seconds")
        axes.set_ylabel(currency)
        axes.yaxis.set_major_formatter("{x:,.0f}" if np.ptp(total) > 20 else "{x:,.2f}")
        drawing.legend(axes)
        left_out = len(series) - len(largest)
        about = f"{left_out} accounts with smaller results are in the sum only." if left_out else ""
        found.append(Plot(title="PnL over time", svg=drawing.svg(figure), about=about))
    return found


def _profit_series(run: Run, currency: str) -> tuple[NDArray[np.float64], dict[int, NDArray[np.float64]]]:
    """Account → PnL on a grid of seconds, the last known value carried forward."""
    rows = run.positions
    end = max((run.ended_ns - run.started_ns) / 1e9, 1e-3)
    grid = np.linspace(0.0, end, 600)
    series: dict[int, NDArray[np.float64]] = {}
    for account, instrument in sorted({(int(row["account"]), int(row["instrument"])) for row in rows}):
        if run.names.currency(instrument) != currency:
            continue
        mine = rows[(rows["account"] == account) & (rows["instrument"] == instrument)]
        values = np.concatenate([[0.0], mine["realised"] + mine["unrealised"]])
        held = values[np.searchsorted(seconds(run, mine["time_ns"]), grid, side="right")]
        series[account] = series.get(account, np.zeros(len(grid))) + held
    return grid, series


def fills_per_venue(run: Run) -> list[Plot]:
    """Lots bought and sold by listing."""
    rows = run.fills[run.fills["kind"] == OrderEventKind.FILLED]
    listings = sorted({(int(row["instrument"]), int(row["venue"])) for row in rows})
    if not listings:
        return []
    figure, axes = drawing.figure(0.9 + 0.42 * len(listings))
    names = [f"{run.names.instrument(instrument)} at {run.names.venue(venue)}" for instrument, venue in listings]
    widest = 1
    for place, (instrument, venue) in enumerate(listings):
        here = rows[(rows["instrument"] == instrument) & (rows["venue"] == venue)]
        bought = int(here["lots"][here["side"] == Side.BUY].sum())
        sold = int(here["lots"][here["side"] == Side.SELL].sum())
        axes.barh(place, bought, color=BUY, height=0.6, label="bought" if place == 0 else None)
        axes.barh(place, -sold, color=SELL, height=0.6, label="sold" if place == 0 else None)
        widest = max(widest, bought, sold)
        for lots, sign in ((bought, 1), (sold, -1)):
            alignment = "left" if sign > 0 else "right"
            axes.annotate(
                f" {lots:,} ", (sign * lots, place), ha=alignment, va="center", fontsize=9, color=MUTED, clip_on=False
            )
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.set_xlim(-1.18 * widest, 1.18 * widest)
    axes.axvline(0, color=MUTED, linewidth=0.6)
    axes.grid(visible=False, axis="y")
    axes.xaxis.set_major_formatter(lambda value, _: f"{abs(value):,.0f}")
    axes.set_xlabel("lots sold ← → bought")
    return [Plot(title="Lots by venue", svg=drawing.svg(figure))]


def latency(latencies: list[dict[str, Any]]) -> list[Plot]:
    """One panel a hop: how many passes took how long, on one logarithmic axis of µs."""
    drawn = [row for row in latencies if "histogram" in row and row["rank"] < LINES_MAX + 1]
    if not drawn:
        return []
    low = max(min(row["histogram"].percentile_ns(0.001) for row in drawn) / 2, 50)
    high = max(row["max_ns"] for row in drawn) * 1.5
    edges = np.unique(np.geomspace(low, high, 90).astype(np.int64))
    figure = Figure(figsize=(WIDTH, 0.5 + 0.95 * len(drawn)), layout="constrained")
    panels = figure.subplots(len(drawn), 1, sharex=True, squeeze=False)[:, 0]
    for axes, row in zip(panels, drawn, strict=True):
        up_to = np.array([row["histogram"].count_up_to_ns(int(edge)) for edge in edges], dtype=np.float64)
        shares = np.diff(up_to) / row["count"]
        axes.stairs(shares, edges / 1e3, fill=True, color=SERIES[0], alpha=0.75)
        for share, style in (("p50", "-"), ("p99", "--"), ("p99.99", ":")):
            axes.axvline(row[f"{share}_ns"] / 1e3, color=SELL, linewidth=1.0, linestyle=style)
        axes.set_xscale("log")
        axes.set_yticks([])
        axes.grid(visible=False, axis="y")
        axes.spines["left"].set_visible(False)
        axes.set_title(f"{row['hop']} · {row['process']}", fontsize=9.5)
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}" if value >= 1 else f"{value:g}")
    panels[-1].set_xlabel("µs")
    about = "Lines: p50 (solid), p99 (dashed), p99.99 (dotted). Height: share of passes."
    return [Plot(title="Latency per hop", svg=drawing.svg(figure), about=about)]


def _looks(run: Run) -> dict[int, tuple[str, str]]:
    """Account → the name and colour that it has in every plot: its strategy's name where that has one account only."""
    rows = run.positions
    pairs = sorted({(int(row["account"]), int(row["strategy"])) for row in rows})
    strategies = [strategy for _, strategy in pairs]
    looks = {}
    for place, (account, strategy) in enumerate(pairs):
        alone = strategies.count(strategy) == 1
        label = run.names.node(strategy if alone else account)
        looks[account] = (label, SERIES[place % len(SERIES)])
    return looks


def _extended(run: Run, times_ns: NDArray[Any], values: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """From nothing at the start to the end of the run, thinned."""
    kept = np.unique(np.concatenate([np.flatnonzero(np.diff(values, prepend=0)), [len(values) - 1]]))
    kept = kept[drawing.spread(len(kept), POINTS_MAX)]
    at = np.concatenate([[0.0], seconds(run, times_ns[kept]), [(run.ended_ns - run.started_ns) / 1e9]])
    return at, np.concatenate([[0], values[kept], [values[-1]]])
