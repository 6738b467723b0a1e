"""The rows, in the order in which they print, and the groups of them that have a name of their own."""

from __future__ import annotations

from collections.abc import Sequence

from meridian.bench import (
    backtest,
    coordination,
    cores,
    decode,
    durability,
    fix,
    fix_wire,
    kill,
    loop,
    signals,
    takeover,
)
from meridian.bench.row import Row

ROWS: list[Row] = [
    *decode.ROWS,
    *fix.ROWS,
    *fix_wire.ROWS,
    *cores.ROWS,
    *loop.ROWS,
    *durability.ROWS,
    *takeover.ROWS,
    *coordination.ROWS,
    *kill.ROWS,
    *backtest.ROWS,
    *signals.ROWS,
]
GROUPS: dict[str, list[Row]] = {
    "fix": [*fix.ROWS, *fix_wire.ROWS],
    "coordination": [*coordination.ROWS, *kill.ROWS],
    "backtest": backtest.ROWS,
    "signals": signals.ROWS,
    "durability": [*durability.ROWS, *takeover.ROWS],
}


def find(names: Sequence[str]) -> tuple[list[Row], list[str]]:
    """The rows of these names and groups in the order of printing, all of them for none; and a sentence for each unknown name."""
    known = {row.name: [row] for row in ROWS} | GROUPS
    unknown = [f"row {name}: allowed are {', '.join(known)}" for name in names if name not in known]
    chosen = {row.name for name in names for row in known.get(name, [])}
    return [row for row in ROWS if not names or row.name in chosen], unknown
