"""The rows, in the order in which they print."""

from __future__ import annotations

from collections.abc import Sequence

from meridian.bench import cores, decode, loop
from meridian.bench.row import Row

ROWS: list[Row] = [*decode.ROWS, *cores.ROWS, *loop.ROWS]


def find(names: Sequence[str]) -> tuple[list[Row], list[str]]:
    """The rows of these names in the order of printing, all of them for none; and a sentence for each unknown name."""
    known = {row.name: row for row in ROWS}
    unknown = [f"row {name}: allowed are {', '.join(known)}" for name in names if name not in known]
    return [row for row in ROWS if not names or row.name in names], unknown
