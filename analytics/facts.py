"""What a report says, as plain values: the one source of the terminal's tables, the page and `--json`.

Invariant: amounts of money are whole nanos in the names that end in `_nanos`; a number that is not known is None.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from meridian._native import links
from meridian.analytics import breaks as life
from meridian.analytics import live
from meridian.analytics.reconciliation import reconcile
from meridian.analytics.run import Limit, Run
from meridian.console import Failure
from meridian.records import (
    UNDEF_PRICE,
    BreakKind,
    CallStatus,
    ConsolidatedState,
    Metric,
    OrderEventKind,
    OrderState,
    RejectCode,
    Side,
    SlotRun,
)

SHARES = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p99.9": 0.999, "p99.99": 0.9999}
HOPS = {
    "receive_to_book_ns": "packet → booked",
    "receive_to_decision_ns": "packet → decided",
    "receive_to_risk_ns": "packet → risk passed",
    "receive_to_sent_ns": "packet → command sent",
    "packet_to_wire_ns": "packet → wire",
    "round_trip_ns": "order round trip",
}
"""The ends of histograms' names, in the order of an order's way, and what they measure."""
MONEY_METRICS = (Metric.ORDER_NOTIONAL, Metric.GROSS_EXPOSURE)
FILLS_SHOWN = 10
FEED_LIVE, SESSION_UP = 1, 1
"""As the tiles count them: `feed.mode` and `gateway.state`."""
"""From each end."""


def summary(run: Run) -> dict[str, Any]:
    """Everything that a report says of a run."""
    histograms = latencies(run)
    return {
        "run": header(run),
        "reconciliation": reconciliation(run),
        "profit": profit(run),
        "totals": totals(run),
        "orders": orders(run),
        "fills": fills(run),
        "refusals": refusals(run),
        "breaks": breaks(run),
        "break_counts": break_counts(run),
        "warnings": warnings(run),
        "slots": slots(run),
        "limits": [_limit(one) for one in run.limits if one.bound > 0 and one.metric in _counting()],
        "latency_since_warm_up": (run.directory / live.WARM).is_dir(),
        "latency": [{key: value for key, value in one.items() if key != "histogram"} for one in histograms],
        "consolidated": consolidated(run),
        "feeds": feeds(run),
        "problems": problems(run),
        "flow": flow(run),
        "skipped_files": run.about.get("skipped_files", []),
        "processes": live.processes(run),
    }


def header(run: Run) -> dict[str, Any]:
    """What ran, and for how long."""
    folded = run.folded
    return {
        "name": run.name,
        "directory": str(run.directory),
        "started_ns": run.started_ns,
        "ended_ns": run.ended_ns,
        "seconds": round(max(run.ended_ns - run.started_ns, 0) / 1e9, 1),
        "over": run.is_over,
        "venues": [venue["name"] for venue in run.venues],
        "inputs": folded["records"],
        "market_records": sum(folded["market_records"].values()),
        "state_hash": folded["state_hash"],
        "replay_agrees": folded["agrees"],
        "journal_closed": folded["closed"],
    }


def reconciliation(run: Run) -> dict[str, Any]:
    """The independent check; what kept it from being made is said instead of hidden."""
    try:
        return reconcile(run).described()
    except Failure as failure:
        why = "; ".join(failure.errors)
        return {"agrees": None, "sentence": f"not checked: {why}", "lines": [], "positions": []} | {
            "differences": [],
            "exchange_trades": {},
            "orders": [],
            "drop_copies": {},
        }


def profit(run: Run) -> list[dict[str, Any]]:
    """Positions and PnL of each account and instrument at the end."""
    rows = []
    for cell in run.closing:
        held = run.fills[(run.fills["account"] == cell["account"]) & (run.fills["instrument"] == cell["instrument"])]
        rows.append(
            {
                "strategy": run.names.node(cell["strategy"]),
                "account": run.names.node(cell["account"]),
                "instrument": run.names.instrument(cell["instrument"]),
                "currency": run.names.currency(cell["instrument"]),
                "lots": cell["lots"],
                "bought_lots": cell["bought_lots"],
                "sold_lots": cell["sold_lots"],
                "fills": int((held["kind"] == OrderEventKind.FILLED).sum()),
                "mark_nanos": cell["mark_nanos"],
                "realised_nanos": cell["realised_nanos"],
                "unrealised_nanos": cell["unrealised_nanos"],
                "fees_nanos": cell["fees_nanos"],
                "total_nanos": cell["realised_nanos"] + cell["unrealised_nanos"],
            }
        )
    return sorted(rows, key=lambda row: (row["strategy"], row["account"], row["instrument"]))


def totals(run: Run) -> list[dict[str, Any]]:
    """PnL by currency."""
    sums: dict[str, dict[str, Any]] = {}
    for row in profit(run):
        names = ("realised_nanos", "unrealised_nanos", "fees_nanos", "total_nanos")
        total = sums.setdefault(row["currency"], {"currency": row["currency"]} | dict.fromkeys(names, 0))
        for name in names:
            total[name] += row[name]
    return [sums[currency] for currency in sorted(sums)]


def orders(run: Run) -> dict[str, Any]:
    """How many orders were sent and what became of them, each counted once with its replacements."""
    rows, events, statistics = run.orders, run.order_events, run.folded["statistics"]
    states = rows["state"]

    def in_state(*wanted: OrderState) -> int:
        return int(np.isin(states, [int(state) for state in wanted]).sum())

    accepted = np.unique(events["order_id"][events["event"] == OrderEventKind.ACCEPTED])
    partly = (rows["filled_lots"] > 0) & (states != OrderState.FILLED)
    return {
        "sent": statistics["orders"],
        "replaces_sent": statistics["replaces"],
        "cancels_sent": statistics["cancels"],
        "accepted": len(accepted),
        "filled": in_state(OrderState.FILLED),
        "partly_filled": int(partly.sum()),
        "cancelled": in_state(OrderState.CANCELED),
        "rejected": in_state(OrderState.REJECTED),
        "replaced": int((events["event"] == OrderEventKind.REPLACED).sum()),
        "not_sent": in_state(OrderState.NOT_SENT),
        "unanswered": in_state(OrderState.PENDING_NEW),
        "open": in_state(OrderState.LIVE, OrderState.PENDING_REPLACE, OrderState.PENDING_CANCEL),
        "unknown": in_state(OrderState.UNKNOWN),
        "refused_by_risk": statistics["refused"],
    }


def fills(run: Run) -> dict[str, Any]:
    """Counts, sums by venue and instrument, and the first and last fills."""
    rows = run.fills[run.fills["kind"] == OrderEventKind.FILLED]
    shown = rows if len(rows) <= 2 * FILLS_SHOWN else np.concatenate([rows[:FILLS_SHOWN], rows[-FILLS_SHOWN:]])
    by_listing = []
    for venue, instrument in sorted({(int(row["venue"]), int(row["instrument"])) for row in rows}):
        here = rows[(rows["venue"] == venue) & (rows["instrument"] == instrument)]
        buys = here["side"] == Side.BUY
        by_listing.append(
            {
                "venue": run.names.venue(venue),
                "instrument": run.names.instrument(instrument),
                "fills": len(here),
                "bought_lots": int(here["lots"][buys].sum()),
                "sold_lots": int(here["lots"][~buys].sum()),
                "added": int((here["liquidity"] == 1).sum()),
                "removed": int((here["liquidity"] == 2).sum()),
                "edge_per_lot_nanos": _edge(here),
            }
        )
    return {
        "count": len(rows),
        "lots": int(rows["lots"].sum()),
        "busts": int((run.fills["kind"] == OrderEventKind.BROKEN).sum()),
        "by_listing": by_listing,
        "shown": [_fill(run, row) for row in shown],
        "left_out": len(rows) - len(shown),
    }


def _edge(rows: Any) -> float | None:
    """How much better than the middle of that moment's touch a lot was traded, on average."""
    known = rows[(rows["bid_nanos"] != UNDEF_PRICE) & (rows["ask_nanos"] != UNDEF_PRICE)]
    if not len(known):
        return None
    middle = (known["bid_nanos"].astype(np.float64) + known["ask_nanos"]) / 2
    sign = np.where(known["side"] == Side.BUY, 1.0, -1.0)
    return float((sign * (middle - known["price_nanos"]) * known["lots"]).sum() / known["lots"].sum())


def _fill(run: Run, row: Any) -> dict[str, Any]:
    return {
        "time_ns": int(row["time_ns"]),
        "venue": run.names.venue(int(row["venue"])),
        "instrument": run.names.instrument(int(row["instrument"])),
        "strategy": run.names.node(int(row["strategy"])),
        "side": "buy" if int(row["side"]) == Side.BUY else "sell",
        "lots": int(row["lots"]),
        "price_nanos": int(row["price_nanos"]),
        "liquidity": {1: "added", 2: "removed", 3: "auction"}.get(int(row["liquidity"]), ""),
        "position_lots": int(row["position_lots"]),
        "execution_id": int(row["execution_id"]),
    }


def refusals(run: Run) -> list[dict[str, Any]]:
    """Refusals by code and limit, the last of each with bound and observed value."""
    rows = run.refusals
    by_limit = {one.id: one for one in run.limits}
    found = []
    for code, number in sorted({(int(row["code"]), int(row["limit"])) for row in rows}):
        same = rows[(rows["code"] == code) & (rows["limit"] == number)]
        last, limit = same[-1], by_limit.get(number)
        found.append(
            {
                "code": RejectCode(code).name,
                "count": len(same),
                "limit": number or None,
                "node": run.names.node(int(last["node"])) if last["node"] else None,
                "metric": limit.metric.name.lower() if limit else None,
                "is_money": limit is not None and limit.metric in MONEY_METRICS,
                "bound": int(last["bound"]) if number else None,
                "observed": int(last["observed"]) if number else None,
                "last_time_ns": int(last["time_ns"]),
            }
        )
    return sorted(found, key=lambda one: -int(one["count"]))


def breaks(run: Run) -> list[dict[str, Any]]:
    """Every difference between us and a venue that the engine saw, by the ids that `meridian breaks` has of them."""
    return [
        {
            "id": item.id,
            "time_ns": int(row["time_ns"]),
            "kind": BreakKind(int(row["kind"])).name,
            "event": OrderEventKind(int(row["event"])).name if int(row["event"]) else "",
            "venue": run.names.venue(int(row["venue"])),
            "instrument": run.names.instrument(int(row["instrument"])),
            "order_id": int(row["order_id"]),
            "execution_id": int(row["execution_id"]),
            "venue_lots": int(row["venue_lots"]),
            "our_lots": int(row["our_lots"]),
        }
        for row, item in zip(run.breaks, life.of_engine(run), strict=True)
    ]


def break_counts(run: Run) -> dict[str, Any]:
    """How many breaks are in each state and how many are open, and that as a sentence; where it cannot be known, why."""
    try:
        counts = life.counted(life.known(run).values())
    except Failure as failure:
        return {"open": None, "sentence": f"breaks: not known: {'; '.join(failure.errors)}"}
    return counts | {"sentence": life.sentence(counts)}


def warnings(run: Run) -> list[dict[str, Any]]:
    """Soft limits that were reached, by limit: how often, and the last time."""
    rows = run.warnings
    found = []
    for number in sorted({int(row["limit"]) for row in rows}):
        same = rows[rows["limit"] == number]
        last, metric = same[-1], Metric(int(same[-1]["metric"]))
        found.append(
            {
                "limit": number,
                "node": run.names.node(int(last["node"])),
                "metric": metric.name.lower(),
                "count": len(same),
                "is_money": metric in MONEY_METRICS,
                "bound": int(last["bound"]),
                "observed": int(last["observed"]),
                "first_time_ns": int(same[0]["time_ns"]),
                "last_time_ns": int(last["time_ns"]),
            }
        )
    return found


def slots(run: Run) -> list[dict[str, Any]]:
    """The slots and how each stood at the end."""
    classes = {int(slot["slot"]): str(slot.get("class", "")) for slot in run.about.get("slots", [])}
    last = {int(row["slot"]): row for row in run.slot_states}
    found = []
    for number, name in sorted(run.names.slots.items()):
        row = last.get(number)
        status = int(row["status"]) if row is not None else 0
        found.append(
            {
                "slot": number,
                "name": name,
                "class": classes.get(number, ""),
                "state": SlotRun(int(row["run"])).name.lower() if row is not None else "stopped",
                "failure": CallStatus(status).name if status else None,
                "line": int(row["line"]) or None if row is not None and status else None,
            }
        )
    return found


def consolidated(run: Run) -> list[dict[str, Any]]:
    """Instruments at several venues: how often and how long their best prices were locked and crossed."""
    return [
        {
            "instrument": run.names.instrument(one["instrument"]),
            "venues": [run.names.venue(venue) for venue in one["venues"]],
            "state": ConsolidatedState(one["state"]).name.lower(),
            "locked": one["locked"],
            "locked_ns": one["locked_ns"],
            "crossed": one["crossed"],
            "crossed_ns": one["crossed_ns"],
        }
        for one in run.folded["consolidated"]
    ]


def _counting() -> tuple[Metric, ...]:
    return (Metric.POSITION_LONG, Metric.POSITION_SHORT, Metric.OPEN_ORDERS, Metric.GROSS_EXPOSURE)


def _limit(one: Limit) -> dict[str, Any]:
    return {
        "limit": one.id,
        "node": one.node,
        "metric": one.metric.name.lower(),
        "instrument": one.instrument or None,
        "venue": one.venue or None,
        "is_money": one.metric in MONEY_METRICS,
        "bound": one.bound,
        "used": one.used,
        "most_used": one.most_used,
        "share": round(one.used / one.bound, 6),
        "most_share": round(one.most_used / one.bound, 6),
    }


def latencies(run: Run) -> list[dict[str, Any]]:
    """Percentiles of every hop in ns, with the histogram itself; and the way there and back by the journal's own times."""
    found = []
    for process, counters in live.readings(run).items():
        for name, value in counters.items():
            if isinstance(value, links.Histogram) and value.count:
                hop = next((place for place, end in enumerate(HOPS) if name.endswith(end)), len(HOPS))
                label = list(HOPS.values())[hop] if hop < len(HOPS) else name
                row: dict[str, Any] = {
                    "hop": label,
                    "process": process,
                    "name": name,
                    "count": value.count,
                    "rank": hop,
                }
                row |= {f"{share}_ns": value.percentile_ns(part) for share, part in SHARES.items()}
                found.append(row | {"max_ns": value.max_ns, "histogram": value})
    events = run.order_events
    taken = events[(events["event"] == OrderEventKind.ACCEPTED) & (events["sent_time_ns"] > 0)]
    took = np.sort(taken["time_ns"] - taken["sent_time_ns"])
    if len(took):
        row = {"hop": "order left → its answer in the engine", "process": "journal", "name": "", "count": len(took)}
        # The smallest value that at least this share is not above.
        ranks = {share: max(int(np.ceil(part * len(took))) - 1, 0) for share, part in SHARES.items()}
        row |= {f"{share}_ns": int(took[rank]) for share, rank in ranks.items()}
        found.append(row | {"max_ns": int(took[-1]), "rank": len(HOPS) + 1})
    return sorted(found, key=lambda one: (one["rank"], one["process"], one["name"]))


def problems(run: Run) -> list[str]:
    """What went wrong with the run as a whole, a sentence each: processes that died, venues that were lost, open orders."""
    found = [str(failure) for failure in run.about.get("failures", [])]
    if not run.is_over and live.live_run(run) is None:
        found.append("the run ended without its supervisor; this is what its journals hold")
    if not run.is_over:
        return found
    counters = {name: value for readings in live.readings(run).values() for name, value in readings.items()}
    for venue in run.venues:
        if counters.get(f"{venue.get('feed_tile')}.feed.mode", FEED_LIVE) != FEED_LIVE:
            found.append(f"the feed of {venue['name']} was not live at the end")
        if counters.get(f"{venue.get('gateway_tile')}.gateway.state", SESSION_UP) != SESSION_UP:
            found.append(f"the order session with {venue['name']} was not up at the end")
    counted = orders(run)
    for state in ("open", "unknown"):
        if counted[state]:
            found.append(f"{counted[state]} orders were {state} at the end")
    return found


def feeds(run: Run) -> list[dict[str, Any]]:
    """What each venue's feed and gateway counted."""
    counters = {name: value for readings in live.readings(run).values() for name, value in readings.items()}
    found = []
    for venue in run.venues:
        row: dict[str, Any] = {"venue": venue["name"], "orders_by": venue.get("orders_by")}
        feed, gateway = f"{venue.get('feed_tile')}.feed.", f"{venue.get('gateway_tile')}.gateway."
        keys = {"messages": (feed, "messages"), "packets": (feed, "packets"), "gaps": (feed, "gaps")}
        keys |= {"resends asked": (feed, "retransmission_requests"), "snapshots": (feed, "snapshots")}
        keys |= {"malformed": (feed, "messages_malformed"), "commands sent": (gateway, "sent")}
        keys |= {"commands not sent": (gateway, "not_sent"), "connects": (gateway, "connects")}
        for key, (scope, name) in keys.items():
            value = counters.get(scope + name)
            row[key.replace(" ", "_")] = value if isinstance(value, int) else None
        records = [count for (number, _), count in run.folded["market_records"].items() if number == venue["id"]]
        row["records_in_engine"] = sum(records)
        found.append(row)
    return found


def flow(run: Run) -> list[dict[str, Any]]:
    """What became of recorded flow, by venue and file: messages replayed, skipped and dropped; real and generated time."""
    found = []
    for venue in run.venues:
        for one in _flow_file(run.directory / str(venue.get("flow") or "absent")):
            real_ns = int(one.get("real_ns", 0))
            found.append(
                {
                    "venue": venue["name"],
                    "file": Path(str(one.get("file", ""))).name,
                    "symbol": one.get("symbol", ""),
                    "real_seconds": round(real_ns / 1e9, 3),
                    "setup": int(one.get("setup", 0)),
                    "replayed": int(one.get("replayed", 0)),
                    "skipped": dict(one.get("skipped", {})),
                    "dropped": dict(one.get("dropped", {})),
                    "dropped_lots": int(one.get("dropped_lots", 0)),
                    "left": int(one.get("left", 0)),
                    "generated": int(one.get("generated", 0)),
                }
            )
    return found


def _flow_file(path: Path) -> list[dict[str, Any]]:
    try:
        found = json.loads(path.read_bytes().rstrip(b"\0 "))
    except (OSError, ValueError):
        return []
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []
