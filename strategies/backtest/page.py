"""The report of a backtest as one page: it opens anywhere, offline, light or dark, and its price chart can be zoomed.

Invariant: the page refers to nothing outside itself and its size is bounded, whatever the run: tables say how many rows they
leave to the Parquet files beside it; every text from a run is escaped.
"""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from meridian import files, markup, records
from meridian.codes import OrderEventKind, Reason, Side, TimeInForce
from meridian.markup import Section
from meridian.strategies.backtest import pictures
from meridian.strategies.backtest.chart import SCRIPT, STYLE
from meridian.strategies.backtest.measures import MAKER, NANOS
from meridian.strategies.backtest.result import Result
from meridian.strategies.backtest.words import in_time

__all__ = ["page", "write"]

FILLS_MAX, ORDERS_MAX, SENTENCES_MAX = 500, 200, 40
DEFINITIONS = {
    "Sharpe ratio": """mean of the changes of the equity over their standard deviation (n − 1). Within the day: of one sample of
        the curve, not annualised, no riskless rate; multiply by the root of the samples in a year where they are independent.
        Daily: of the changes of whole days (UTC), times √252; it takes two days at least. Sharpe 1994.""",
    "Sortino ratio": """mean of the changes over their downside deviation: the root of the mean of min(change, 0)², over all
        changes. As above, of a sample and of days. Sortino and Price 1994.""",
    "Drawdown": """the largest fall of the equity below its peak so far, the curve beginning at 0; and the longest time below a
        peak.""",
    "Fill rate": "share of orders that traded at all; and share of the lots sent that traded. A replaced order is a new one.",
    "Markout": """side × (middle later − price of the fill), weighted by lots: above zero the price went our way. Adverse: share
        of fills after which the middle moved against us from the middle at the fill. Fills too near the end of the data are
        left out.""",
    "Spreads": """from our side, below zero they cost us, weighted by lots. Effective: 2 × side × (middle − price of the fill).
        Realised: the same with the middle a second later. Impact: 2 × side × (middle a second later − middle at the fill);
        realised is effective and impact together.""",
    "Middle": "of best bid and best offer, as the engine knew it at that time.",
}
IMPACT = (
    ("taken_lots", "lots of recorded orders that ours took; the record cannot trade them again"),
    ("crossed_records", "recorded orders that met ours on their way in"),
    ("crossed_lots", "lots that traded so"),
    ("displaced_records", "recorded trades that met an order of ours first, by price and time"),
    ("displaced_lots", "lots that traded with us instead; the recorded order is withdrawn by as many"),
    ("skipped_records", "records about orders of which ours had taken everything"),
    ("reduced_records", "records of which a part was about such lots"),
    ("skipped_lots", "lots of both"),
    ("unknown", "records about orders that the data never began: a gap, or a start in the middle"),
)
"""What each count of `impact` means."""
MODELLED = """The engine, its risk checks and the strategy are those that trade live. Modelled are the delays, the fees, the
place in the queue of data by level, and the impact: where the record and a market with our orders in it part. Nobody else in the
record reacts to us."""


def write(result: Result, path: Path) -> Path:
    """Writes the page, whole or not at all; its path."""
    files.write_whole(path, page(result))
    return path


def page(result: Result) -> str:
    """The whole page."""
    told = result.summary
    drawn = pictures.plots(result)
    title = f"{told['strategy']} on {', '.join(told['symbols'])}"
    table = markup.table
    sections = [
        _head(title, told),
        _tiles(told),
        _sentences(result),
        markup.section("Profit and loss", [*markup.cards(drawn["profit"]), table(_profit(told))]),
        markup.section("Fills on the price", _prices(result)),
        markup.section("Position and exposure", [*markup.cards(drawn["exposure"]), table(_positions(told))]),
        markup.section("Markouts", [*markup.cards(drawn["markouts"]), table(_markouts(told)), table(_execution(told))]),
        markup.section("Queue and latency", [*markup.cards(drawn["times"]), table(_quantiles(told))]),
        markup.section("Blotter", _blotter(result)),
        markup.section("What was run, and what was modelled", _about(told)),
        markup.section("Definitions", [_definitions()]),
    ]
    return markup.document(title, [each for each in sections if each], style=STYLE, script=SCRIPT)


def _head(title: str, told: dict[str, Any]) -> str:
    span = in_time(told["last_ns"] - told["first_ns"])
    day = np.datetime64(told["first_ns"], "ns").astype("datetime64[s]")
    began, venues = str(day).replace("T", " "), ", ".join(told["venues"])
    sentence = f"{span} of recorded flow from {began} UTC at {venues}; {told['records']:,} records."
    return f'<h1>{escape(title)}</h1>\n<p class="muted">Backtest. {escape(sentence)}</p>'


def _tiles(told: dict[str, Any]) -> str:
    return markup.tiles(
        [
            (f"{told['net']:+,.2f}", "profit after fees", "good" if told["net"] >= 0 else "bad"),
            (f"{told['fees']:,.2f}", "fees", ""),
            (f"{told['max_drawdown']:,.2f}", "largest drawdown", ""),
            (_ratio(told["sharpe"]), f"Sharpe, of {in_time(told['sample_ns'])}", ""),
            (_ratio(told["sortino"]), f"Sortino, of {in_time(told['sample_ns'])}", ""),
            (f"{told['fills']:,}", f"fills, {told['filled_lots']:,} lots", ""),
            (f"{told['orders']:,}", "orders", ""),
            (_share(told["fill_rate"]), "of orders filled", ""),
            (_share(told["maker_share"]), "of lots as maker", ""),
        ]
    )


def _sentences(result: Result) -> str:
    found = [*result.errors, *result.warnings]
    lines = [markup.check(False, f"{one}.") for one in result.errors[:SENTENCES_MAX]]
    lines += [markup.check(None, f"{one}.") for one in result.warnings[: SENTENCES_MAX - len(lines)]]
    if len(found) > SENTENCES_MAX:
        lines.append(markup.check(None, f"{len(found) - SENTENCES_MAX:,} more stand in the output of the command."))
    if not found:
        lines = [markup.check(True, "The strategy ran to the end of the data, and every record fitted the books.")]
    return f'<div class="card">{"".join(lines)}</div>'


def _profit(told: dict[str, Any]) -> Section:
    days = f"{told['days']} day{'s' if told['days'] != 1 else ''}"
    rows = [
        ["profit before fees", _money(told["gross"])], ["fees", f"{told['fees']:,.2f}"],
        ["profit after fees", _money(told["net"])], ["largest drawdown", f"{told['max_drawdown']:,.2f}"],
        ["longest time below a peak", in_time(told["max_drawdown_ns"])],
        [f"Sharpe ratio within the day, of {in_time(told['sample_ns'])}", _ratio(told["sharpe"])],
        [f"Sortino ratio within the day, of {in_time(told['sample_ns'])}", _ratio(told["sortino"])],
        [f"Sharpe ratio of {days}, × √252", _ratio(told["sharpe_daily"])],
        [f"Sortino ratio of {days}, × √252", _ratio(told["sortino_daily"])],
        ["share of orders that traded", _share(told["fill_rate"])],
        ["share of lots sent that traded", _share(told["fill_rate_lots"])],
        ["orders that risk refused", f"{sum(told['refused'].values()):,}"],
        *([f"refused: {name.replace('_', ' ')}", f"{count:,}"] for name, count in told["refused"].items()),
    ]  # fmt: skip
    return "Figures", ["figure", "value"], rows


def _prices(result: Result) -> list[str]:
    charts, about = pictures.price_data(result)
    if not charts:
        return ['<div class="card"><p class="muted">There was no fill.</p></div>']
    parts = [
        f'<div class="card"><h3>{escape(each["title"])}</h3><div class="chart" data-chart="{number}" tabindex="0"></div></div>'
        for number, each in enumerate(charts)
    ]
    words = (
        "The middle as the run knows it: at each fill, at each horizon after one, and where positions were marked. Wheel: zoom; "
        f"drag: move; double click: everything. {about}"
    )
    data = f'<script type="application/json" id="charts">{pictures.as_json(charts)}</script>'
    return [
        *parts,
        f'<p class="muted">{escape(words)}</p>',
        "<noscript>The chart needs the page's script.</noscript>",
        data,
    ]


def _positions(told: dict[str, Any]) -> Section:
    columns = ["symbol", "lots", "mark", "realised", "unrealised", "fees"]
    rows = [
        [cell["symbol"], cell["lots"], f"{cell['mark']:,.9g}", *(_money(cell[name]) for name in columns[3:])]
        for cell in told["positions"]
    ]
    return "Positions at the end", columns, rows


def _markouts(told: dict[str, Any]) -> Section:
    rows = [
        [in_time(row["horizon_ns"]), row["liquidity"], row["fills"], f"{row['mean']:+.6g}", _share(row["adverse"])]
        for row in told["markouts"]
        if row["fills"]
    ]
    return "Markouts", ["after", "as", "fills", "mean", "adverse"], rows


def _execution(told: dict[str, Any]) -> Section:
    names = ("effective", "realised", "impact")
    rows = [
        [told["venues"][row["venue"] - 1], row["liquidity"], row["fills"], *(f"{row[name]:+.6g}" for name in names)]
        for row in told["execution"]
    ]
    return "Spreads", ["venue", "as", "fills", "effective spread", "realised spread", "impact"], rows


def _quantiles(told: dict[str, Any]) -> Section:
    kinds = [("queue until the first fill", told["rest_ns"]), ("command to first answer", told["answer_ns"])]
    rows = [[name, *(in_time(value) for value in held.values())] for name, held in kinds if held]
    return "Quantiles", ["time", "p50", "p95", "p99", "p99.9", "max"], rows


def _blotter(result: Result) -> list[str]:
    found = []
    for title, table, most, rows in (
        ("Fills", result.fills, FILLS_MAX, _fill_rows(result)),
        ("Orders", result.orders, ORDERS_MAX, _order_rows(result)),
    ):
        left = f"; {len(table):,} stand in {table.name}.parquet" if len(table) > most else ""
        columns, cells = rows
        made = markup.table((f"{title}: {len(cells):,}{left}", columns, cells))
        # The header row stands first; the search leaves it.
        found.append(f'<div class="search">{made}</div>')
    box = '<input class="find" type="search" placeholder="symbol, side, order …" aria-label="Search the blotter">'
    return [box, *found]


def _fill_rows(result: Result) -> tuple[list[str], list[list[Any]]]:
    told, fills = result.summary, result.fills
    columns = ["seconds", "order", "symbol", "venue", "side", "lots", "price", "fee", "as", "edge to mid"]
    rows = []
    for at in range(min(len(fills), FILLS_MAX)):
        side, price, middle = int(fills["side"][at]), int(fills["price_nanos"][at]), int(fills["middle_nanos"][at])
        edge = (middle - price) * (1 if side == Side.BUY else -1)
        rows.append(
            [
                _second(told, fills["time_ns"][at]), str(fills["order_id"][at]), told["symbols"][fills["instrument"][at] - 1],
                told["venues"][fills["venue"][at] - 1], Side(side).name.lower(), int(fills["lots"][at]),
                f"{price / NANOS:,.9g}", f"{fills['fee_nanos'][at] / NANOS:,.6g}",
                "maker" if fills["liquidity"][at] == MAKER else "taker",
                "" if middle == records.UNDEF_PRICE else f"{edge / NANOS:+.6g}",
            ]
        )  # fmt: skip
    return columns, rows


def _order_rows(result: Result) -> tuple[list[str], list[list[Any]]]:
    told, orders = result.summary, result.orders
    columns = ["seconds", "order", "symbol", "venue", "side", "lots", "price", "filled", "kind", "last word", "reason"]
    rows = []
    for at in range(min(len(orders), ORDERS_MAX)):
        event, reason = int(orders["last_event"][at]), int(orders["reason"][at])
        price = int(orders["price_nanos"][at])
        rows.append(
            [
                _second(told, orders["sent_ns"][at]), str(orders["order_id"][at]),
                told["symbols"][orders["instrument"][at] - 1], told["venues"][orders["venue"][at] - 1],
                Side(int(orders["side"][at])).name.lower(), int(orders["lots"][at]),
                "market" if price == records.UNDEF_PRICE else f"{price / NANOS:,.9g}", int(orders["filled_lots"][at]),
                _word(TimeInForce, int(orders["time_in_force"][at])), _word(OrderEventKind, event),
                _word(Reason, reason) if reason else "",
            ]
        )  # fmt: skip
    return columns, rows


def _word(kind: Any, code: int) -> str:
    return kind(code).name.lower().replace("_", " ") if code else "none yet"


def _about(told: dict[str, Any]) -> list[str]:
    modelled = told["modelled"]
    given = told["parameters"]
    parameters = [
        [name, str(given.get(name, default)), "set" if name in given else "default"]
        for name, default in told["defaults"].items()
    ]
    venues = [[name, ", ".join(held["data"]), *list(held.values())[1:]] for name, held in modelled["venues"].items()]
    columns = ["venue", "data", "queue", "feed, ns", "order, ns", "report, ns", "maker fee", "taker fee"]
    impact = [
        [venue, name.replace("_", " "), f"{counts[name]:,}", meaning]
        for venue, counts in told["impact"].items()
        for name, meaning in IMPACT
        if counts.get(name)
    ]
    limits = [[name.replace("_", " "), value] for name, value in modelled["limits"].items()]
    code = [["code", told["code_hash"]], ["mode", told["mode"]], ["seed", str(told["seed"])],
            ["timer", in_time(modelled["timer_ns"])], ["state hash", told["state_hash"]],
            *(["file", path] for path in told["files"])]  # fmt: skip
    return [
        markup.table(("Parameters", ["parameter", "value", ""], parameters)),
        markup.table(("Venues as modelled", columns, venues)),
        f'<p class="muted">{MODELLED}</p>',
        markup.table(("Impact, where it is not nothing", ["venue", "count", "", "meaning"], impact)),
        markup.table(("Risk limits", ["limit", "value"], limits)),
        markup.table(("Run", ["", " "], code)),
    ]


def _definitions() -> str:
    lines = "".join(f"<li><b>{escape(name)}</b>: {escape(words)}</li>" for name, words in DEFINITIONS.items())
    return f'<div class="card"><ul>{lines}</ul></div>'


def _second(told: dict[str, Any], time_ns: Any) -> str:
    return f"{(int(time_ns) - told['first_ns']) / NANOS:.6f}"


def _money(value: float) -> str:
    return f"{value:+,.2f}"


def _ratio(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.1%}"
