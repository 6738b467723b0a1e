"""What a sweep leaves: a table of a row a point and day, and a summary of the best points and what they are worth.

Invariant: equal outcomes give equal tables and summaries, whoever ran them and in which order; a point that failed on a day is
listed with its reason and takes no part in the ranking.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meridian import files
from meridian.strategies.backtest import measures
from meridian.strategies.backtest.result import Table
from meridian.strategies.sweep import splits, statistics
from meridian.strategies.sweep.job import DONE, FIGURES

__all__ = ["Result", "SweepTable", "made_of"]

BEST_MAX = 20
FEW_FILLS = 30


class SweepTable(Table):
    """The rows of a sweep."""

    @property
    def schema(self) -> str:
        """Its name and number."""
        return "meridian.sweep.results/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """A sweep that has ended. `summary` is what `meridian sweep --json` prints."""

    summary: dict[str, Any]
    results: SweepTable
    profits: NDArray[np.float64]  # (days, periods, points that were done on every day)
    ranked: list[dict[str, Any]]  # Every point that was done on every day, best first.
    ran: int = 0  # Points and days that ran now, and those found finished.
    found: int = 0

    @property
    def best(self) -> list[dict[str, Any]]:
        """The best points."""
        found: list[dict[str, Any]] = self.summary["best"]
        return found

    @property
    def failures(self) -> list[dict[str, Any]]:
        """Points that failed: parameters, day, reason."""
        found: list[dict[str, Any]] = self.summary["failures"]
        return found

    def save(self, directory: Path) -> list[Path]:
        """Writes table, summary and page; the files written."""
        from meridian.strategies.sweep import page

        written = [directory / name for name in ("results.parquet", "summary.json", "report.html")]
        self.results.save(written[0])
        files.write_whole(written[1], json.dumps(self.summary, indent=2, allow_nan=False) + "\n")
        files.write_whole(written[2], page.page(self))
        return written


def made_of(
    outcomes: Sequence[dict[str, Any]], days: Sequence[str], head: dict[str, Any], walk: splits.Walk | None, blocks: int
) -> Result:
    """The result of outcomes: one a point and day."""
    rows = sorted(outcomes, key=lambda outcome: (outcome["point"], outcome["day"]))
    points: dict[int, list[dict[str, Any]]] = {}
    for row in rows:
        points.setdefault(row["point"], []).append(row)
    whole = {at: found for at, found in points.items() if all(row["status"] == DONE for row in found)}
    columns = [np.array([row["profits"] for row in found]) for found in whole.values()]
    profits = np.stack(columns, axis=2) if columns else np.zeros((len(days), 0, 0))
    ranked = _ranked(whole, profits)
    failures = [{name: row[name] for name in ("parameters", "day", "reason")} for row in rows if row["status"] != DONE]
    summary = {
        **head, "points": len(points), "days": list(days), "ranked": len(ranked), "failures": failures,
        "best": ranked[:BEST_MAX], **_worth(profits, ranked, blocks),
        "walk_forward": _walked(profits, list(whole.values()), days, walk),
    }  # fmt: skip
    return Result(summary=summary, results=_table(rows), profits=profits, ranked=ranked)


def _ranked(whole: dict[int, list[dict[str, Any]]], profits: NDArray[np.float64]) -> list[dict[str, Any]]:
    found = []
    for column, (point, rows) in enumerate(whole.items()):
        series = profits[:, :, column].reshape(-1)
        counts = {
            name: sum(row["figures"][name] for row in rows) for name in ("fees", "orders", "fills", "filled_lots")
        }
        found.append({
            "point": point, "column": column, "parameters": rows[0]["parameters"], "net": float(series.sum()),
            "sharpe": measures.sharpe(series), "sortino": measures.sortino(series),
            "max_drawdown": measures.drawdown(np.cumsum(series)), **counts,
        })  # fmt: skip
    return sorted(found, key=lambda row: (row["sharpe"] is None, -(row["sharpe"] or 0.0), row["point"]))


def _worth(profits: NDArray[np.float64], ranked: list[dict[str, Any]], blocks: int) -> dict[str, Any]:
    """The best point's deflated ratio and the probability of overfitting, with sentences where they say nothing."""
    told: dict[str, Any] = {"deflated": None, "overfitting": None, "warnings": []}
    if not ranked:
        told["warnings"].append("no point was done on every day: there is nothing to rank")
        return told
    flat = profits.reshape(-1, profits.shape[2])
    if ranked[0]["sharpe"] is None:
        told["warnings"].append("no point's profit varies: there is nothing to rank")
    else:
        told["deflated"] = statistics.deflated_sharpe(flat, ranked[0]["column"])
    found = statistics.overfitting(flat, blocks)
    if found is None:
        told["warnings"].append(f"{flat.shape[1]} points over {len(flat)} periods are too few for {blocks} blocks")
    else:
        told["overfitting"] = {
            name: getattr(found, name) for name in ("probability", "loss", "slope", "splits", "blocks")
        }
    fills = ranked[0]["fills"]
    if fills < FEW_FILLS:
        told["warnings"].append(f"the best point has {fills} fills, fewer than {FEW_FILLS}: its ratios say little")
    return told


def _walked(
    profits: NDArray[np.float64], whole: list[list[dict[str, Any]]], days: Sequence[str], walk: splits.Walk | None
) -> dict[str, Any] | None:
    if walk is None:
        return None
    found = splits.walk_forward(profits, walk) if profits.shape[2] else []
    for row in found:
        row["parameters"] = whole[row.pop("column")][0]["parameters"]
        for span in ("train", "test"):
            row[span] = [days[row[span][0]], days[row[span][1]]]
    return {
        "train": walk.train, "test": walk.test, "embargo": walk.embargo, "anchored": walk.anchored, "splits": found,
        "test_net": sum(row["test_net"] for row in found),
    }  # fmt: skip


def _table(rows: list[dict[str, Any]]) -> SweepTable:
    """A row a point and day; figures that there are not (a failed point) are NaN."""
    names = list(dict.fromkeys(name for row in rows for name in row["parameters"]))
    columns: dict[str, NDArray[Any]] = {
        "point": np.array([row["point"] for row in rows], dtype=np.int64),
        **{name: np.array([str(row[name]) for row in rows], dtype=object) for name in ("day", "status", "reason")},
    }
    for name in names:
        columns[f"parameter.{name}"] = np.array([row["parameters"][name] for row in rows])
    for name in FIGURES:
        columns[name] = np.array([row["figures"][name] for row in rows], dtype=np.float64)
    columns["state_hash"] = np.array([row["state_hash"] for row in rows], dtype=object)
    return SweepTable("results", columns)
