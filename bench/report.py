"""Results as JSON for programs and as lines for people.

Invariant: every row of the JSON has every key; the schema is `meridian.bench/1`, and a changed one is a new version.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from meridian.bench.method import Estimate
from meridian.bench.row import Result, Run


def document(results: Sequence[Result], run: Run, machine: dict[str, Any], build: dict[str, Any]) -> dict[str, Any]:
    """The whole run as one object."""
    return {
        "machine": machine,
        "build": build,
        "quick": run.quick,
        "blocks": run.blocks,
        "seed": run.seed,
        "figures_count": counts(run, build),
        "rows": [row(result, machine, build) for result in results],
    }


def counts(run: Run, build: dict[str, Any]) -> bool:
    """Whether the figures may be quoted: an optimised build and enough blocks."""
    return build["profile"] == "release" and not run.quick


def row(result: Result, machine: dict[str, Any], build: dict[str, Any]) -> dict[str, Any]:
    """One row, complete in itself."""
    goals = [result.judged(goal) for goal in result.goals]
    met = [goal["met"] for goal in goals]
    return {
        "name": result.name,
        "title": result.title,
        "unit": result.unit,
        "value": result.value and result.value.median,
        "interval": _interval(result.value),
        "percentiles": dict(result.percentiles),
        "peers": [
            {
                "name": peer.name,
                "value": peer.value and peer.value.median,
                "interval": _interval(peer.value),
                "ratio": peer.ratio and peer.ratio.median,
                "ratio_interval": _interval(peer.ratio),
                "table_value": peer.table_value,
                "why_missing": peer.why_missing,
            }
            for peer in result.peers
        ],
        "goals": goals,
        "goals_met": None if not met or None in met else all(met),
        "input": result.input,
        "details": dict(result.details),
        "blocks": result.blocks,
        "missing": result.missing,
        "machine": {key: machine[key] for key in ("cores", "model")},
        "commit": build["commit"],
    }


def lines(result: Result) -> list[str]:
    """`name value unit | peer value | ratio [interval]`, then percentiles and goals, each on a line of its own."""
    if result.value is None:
        return [f"{result.name} missing: {result.missing}"]
    parts = [f"{result.name} {number(result.value.median)} {result.unit}"]
    measured = [peer for peer in result.peers if peer.value is not None]
    for peer in measured:
        assert peer.value is not None
        parts.append(f"{peer.name} {number(peer.value.median)}")
        if peer.ratio is not None:
            parts.append(f"{number(peer.ratio.median)} [{number(peer.ratio.low)}, {number(peer.ratio.high)}]")
    if not measured:
        low, high = number(result.value.low), number(result.value.high)
        parts.append("no peer here")
        parts.append(f"itself [{low}, {high}]")
    told = [" | ".join(parts)]
    if result.percentiles:
        told.append("    " + "  ".join(f"{name} {number(value)}" for name, value in result.percentiles.items()))
    told += ["    " + sentence(result.judged(goal)) for goal in result.goals]
    return told


def sentence(goal: dict[str, Any]) -> str:
    """A goal and whether it is met."""
    sign = "≤" if goal["at_most"] else "≥"
    of = "" if goal["of"] == "value" else f"{goal['of']} "
    verdict = {True: "met", False: "missed", None: "not measured"}
    text = f"goal {of}{sign} {number(goal['bound'])}: {verdict[goal['met']]}"
    if goal["met"] is False:
        text += f" by {abs(goal['figure'] / goal['bound'] - 1):.0%}"
    if goal["scaled_bound"] is not None:
        text += f"; scaled to this machine {sign} {number(goal['scaled_bound'])}: {verdict[goal['scaled_met']]}"
    return text


def number(value: float) -> str:
    """Three significant digits and a half, without exponents."""
    if abs(value) >= 1_000:
        return f"{value:,.0f}"
    return f"{value:.4g}"


def _interval(value: Estimate | None) -> list[float] | None:
    return None if value is None else [value.low, value.high]
