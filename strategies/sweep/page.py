"""The page of a sweep: what the best points are, what they are worth after so many tries, and how profit lies over parameters.

Invariant: one file that refers to nothing outside itself and opens anywhere; its size does not grow with the sweep: figures and
tables have at most a stated number of points and rows, and say what is left out.
"""

from __future__ import annotations

from html import escape
from typing import Any

import matplotlib as mpl
import numpy as np

from meridian import drawing, markup
from meridian.drawing import MUTED, SERIES
from meridian.markup import Plot
from meridian.strategies.sweep.result import Result

__all__ = ["page"]

CELLS_MAX, LINES_MAX, CURVES_MAX, ROWS_MAX = 2_500, 200, 5, 50
SURE = 0.95
HALF = 0.5


def page(result: Result) -> str:
    """The whole page."""
    told = result.summary
    title = f"Sweep of {told['strategy']}"
    days = told["days"]
    span = f"{len(days):,} days from {days[0]} to {days[-1]}" if len(days) > 1 else days[0]
    about = f"{told['points']:,} points on {span}, seed {told['seed']}."
    with mpl.rc_context(drawing.STYLE):
        figures = [*_map(result), *_parallel(result), *_curves(result)]
    sections = [
        f'<h1>{escape(title)}</h1>\n<p class="muted">{escape(about)}</p>',
        markup.tiles(_tiles(told)),
        f'<div class="card">{"".join(_checks(told))}</div>',
        markup.section("Best points", [markup.table(_best(told))]),
        markup.section("Over parameters", markup.cards(figures)),
        markup.section("What the best is worth", [markup.table(_worth(told)), *_walk(told)]),
        markup.section("What failed", [markup.table(_failures(told))]),
    ]
    return markup.document(title, sections)


def _tiles(told: dict[str, Any]) -> list[tuple[str, str, str]]:
    best = told["best"][0] if told["best"] else None
    deflated, over = told["deflated"], told["overfitting"]
    tiles = []
    if best is not None:
        tiles.append((f"{best['net']:,.4g}", "net of the best point", "good" if best["net"] >= 0 else "bad"))
        tiles.append((_shown(best["sharpe"]), "its Sharpe ratio, of one period", ""))
    if deflated is not None:
        tiles.append((_shown(deflated["deflated"]), "probability that it beats luck", ""))
    if over is not None:
        tiles.append((_shown(over["probability"]), "probability of overfitting", ""))
    return [*tiles, (f"{len(told['failures']):,}", "points that failed on a day", "bad" if told["failures"] else "")]


def _shown(value: float | None) -> str:
    return "none" if value is None else f"{value:.3g}"


def _checks(told: dict[str, Any]) -> list[str]:
    found = []
    deflated, over = told["deflated"], told["overfitting"]
    if deflated is not None and deflated["deflated"] is not None:
        sure = deflated["deflated"] > SURE
        words = "is" if sure else "is not"
        found.append(markup.check(sure, f"The best point {words} better than the best of {deflated['trials']:,} tries by luck "
                                        f"({deflated['deflated']:.1%} sure; {SURE:.0%} are wanted)."))  # fmt: skip
    if over is not None:
        good = over["probability"] < HALF
        found.append(markup.check(good, f"What is best in one half of the time is below the middle in the other in "
                                        f"{over['probability']:.1%} of {over['splits']:,} ways to halve it."))  # fmt: skip
    return found + [markup.check(None, f"{one[:1].upper()}{one[1:]}.") for one in told["warnings"]]


def _best(told: dict[str, Any]) -> markup.Section:
    names = list(told["parameters"])
    rows = [
        [at, *(row["parameters"][name] for name in names), round(row["net"], 6), _shown(row["sharpe"]),
         _shown(row["sortino"]), round(row["max_drawdown"], 6), row["orders"], row["fills"]]
        for at, row in enumerate(told["best"], 1)
    ]  # fmt: skip
    return ("By Sharpe ratio", ["rank", *names, "net", "Sharpe", "Sortino", "drawdown", "orders", "fills"], rows)


def _worth(told: dict[str, Any]) -> markup.Section:
    rows: list[list[Any]] = []
    for name in ("deflated", "overfitting"):
        for key, value in (told[name] or {}).items():
            rows.append([f"{name}: {key.replace('_', ' ')}", _shown(value) if isinstance(value, float) else value])
    return ("Deflated Sharpe ratio and overfitting", ["figure", "value"], rows)


def _walk(told: dict[str, Any]) -> list[str]:
    walk = told["walk_forward"]
    if walk is None:
        return []
    names = list(told["parameters"])
    rows = [
        [" to ".join(row["train"]), " to ".join(row["test"]), *(row["parameters"][name] for name in names),
         round(row["train_net"], 6), round(row["test_net"], 6), _shown(row["train_sharpe"]), _shown(row["test_sharpe"])]
        for row in walk["splits"][:ROWS_MAX]
    ]  # fmt: skip
    columns = ["chosen on", "judged on", *names, "net then", "net after", "Sharpe then", "Sharpe after"]
    return [markup.table((f"Walk forward: {walk['test_net']:,.6g} in all", columns, rows))]


def _failures(told: dict[str, Any]) -> markup.Section:
    rows = [["all", each["day"], each["reason"]] for each in told["unsound"]]
    for each in told["failures"][:ROWS_MAX]:
        rows.append(
            [", ".join(f"{name}={value}" for name, value in each["parameters"].items()), each["day"], each["reason"]]
        )
    more = len(told["failures"]) - ROWS_MAX
    return (f"Failures ({more:,} more in the results)" if more > 0 else "Failures", ["point", "day", "because"], rows)


def _varied(told: dict[str, Any]) -> list[str]:
    return [name for name, values in told["parameters"].items() if len(values) > 1]


def _map(result: Result) -> list[Plot]:
    """Sharpe ratio over the two parameters with most values, the mean over all others; over one, a line."""
    told = result.summary
    names = sorted(_varied(told), key=lambda name: -len(told["parameters"][name]))[:2]
    if not names or not result.ranked:
        return []
    axes_of = [sorted(told["parameters"][name]) for name in names]
    shape = tuple(len(values) for values in axes_of)
    if int(np.prod(shape)) > CELLS_MAX:
        return []
    sums, counts = np.zeros(shape), np.zeros(shape)
    for row in result.ranked:
        at = tuple(values.index(row["parameters"][name]) for name, values in zip(names, axes_of, strict=True))
        sums[at] += row["sharpe"] or 0.0
        counts[at] += 1
    mean = np.divide(sums, counts, out=np.full(shape, np.nan), where=counts > 0)
    figure, axes = drawing.figure(3.4)
    labels = [[f"{value}" for value in values] for values in axes_of]
    axes.set_xticks(range(shape[0]), labels[0])
    axes.set_xlabel(names[0])
    if len(names) == 1:
        axes.plot(mean, color=SERIES[0], marker="o")
        axes.set_ylabel("Sharpe ratio of one period")
        return [Plot(title="Sharpe ratio over the parameter", svg=drawing.svg(figure))]
    most = float(np.nanmax(np.abs(mean))) or 1.0
    colours = axes.pcolormesh(mean.T, cmap="RdBu", vmin=-most, vmax=most)
    axes.set_xticks(np.arange(shape[0]) + HALF, labels[0])
    axes.set_yticks(np.arange(shape[1]) + HALF, labels[1])
    axes.set_ylabel(names[1])
    axes.grid(visible=False)
    figure.colorbar(colours, ax=axes).set_label("Sharpe ratio", color=MUTED)
    others = [name for name in _varied(told) if name not in names]
    mean_of = f" The mean over {', '.join(others)}." if others else ""
    about = f"A broad field of one colour is worth more than a single best cell.{mean_of}"
    return [Plot(title="Sharpe ratio over parameters", svg=drawing.svg(figure), about=about)]


def _parallel(result: Result) -> list[Plot]:
    """Every parameter side by side, a line a point."""
    names = _varied(result.summary)
    if len(names) < 3 or not result.ranked:
        return []
    axes_of = [sorted(result.summary["parameters"][name]) for name in names]
    chosen = [result.ranked[at] for at in drawing.spread(len(result.ranked), LINES_MAX)]
    figure, axes = drawing.figure(3.4)
    for at, row in reversed(list(enumerate(chosen))):
        heights = [
            values.index(row["parameters"][name]) / (len(values) - 1)
            for name, values in zip(names, axes_of, strict=True)
        ]
        best = at < CURVES_MAX
        axes.plot(heights, color=SERIES[at] if best else MUTED, alpha=1.0 if best else 0.15, linewidth=2 if best else 1)
    ends = [f"{name}\n{values[0]} to {values[-1]}" for name, values in zip(names, axes_of, strict=True)]
    axes.set_xticks(range(len(names)), ends)
    axes.set_yticks([])
    left = len(result.ranked) - len(chosen)
    about = f"The best {min(CURVES_MAX, len(chosen))} in colour" + (f"; {left:,} points are left out." if left else ".")
    return [Plot(title="Points by parameter", svg=drawing.svg(figure), about=about)]


def _curves(result: Result) -> list[Plot]:
    """Profit of the best points, period after period."""
    if not result.ranked:
        return []
    flat = result.profits.reshape(-1, result.profits.shape[2])
    places = drawing.spread(len(flat), 4 * CELLS_MAX)
    figure, axes = drawing.figure(2.9)
    for at, row in enumerate(result.ranked[:CURVES_MAX]):
        words = ", ".join(f"{name} {row['parameters'][name]}" for name in _varied(result.summary)) or "the point"
        axes.plot(places, np.cumsum(flat[:, row["column"]])[places], color=SERIES[at], label=words)
    axes.set_xlabel("period")
    drawing.legend(axes)
    return [Plot(title="Profit of the best points", svg=drawing.svg(figure))]
