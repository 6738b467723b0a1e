"""What a kill run found: a table of harms by process on the terminal, facts for programs, a page to be kept."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from meridian.console import note, print_table
from tests.kill.invariants import COUNTED

if TYPE_CHECKING:
    from tests.kill.runner import Done, Runner

TIMES = (
    "Times are from a kill, or from the end of what lasts, until all was at work, and until the first order after that."
)
SHARES = (0.5, 0.9, 0.99)
COLUMNS = ["harm", "process", "count", "recovered", "failures"] + [
    f"{what} p{share * 100:g}, s" for what in ("at work", "first order") for share in SHARES
]


def facts(runner: Runner, *, commit: str, seconds: float, again: str) -> dict[str, Any]:
    """Everything that is known of a run that is over."""
    return {
        "schema": "meridian.kill/1",
        "seed": runner.seed,
        "commit": commit,
        "machine": f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}",
        "seconds": round(seconds, 1),
        "planned": len(runner.plan),
        "kills": len(runner.done),
        "recovered": sum(one.order_s is not None for one in runner.done),
        "systems": runner.systems,
        "checks": runner.checks,
        "counts": {key: runner.counts[key] for key in COUNTED},
        "means": runner.means.words,
        "rows": _rows(runner.done),
        "steps": [one.described() for one in runner.done],
        "failures": runner.failures,
        "kept": None if runner.kept is None else str(runner.kept),
        "again": again,
    }


def percentile(values: Sequence[float], share: float) -> float | None:
    """The value that at least this share of them does not exceed; None of none."""
    ordered = sorted(values)
    return ordered[max(-(-len(ordered) * round(share * 1000) // 1000) - 1, 0)] if ordered else None


def _rows(done: list[Done]) -> list[dict[str, Any]]:
    """By harm and process, then by harm, then all."""
    groups: dict[tuple[str, str], list[Done]] = {}
    for one in done:
        groups.setdefault((one.harm.kind.value, one.harm.place), []).append(one)
    kinds = {kind: [one for one in done if one.harm.kind.value == kind] for kind, _ in groups}
    rows = [_row(kind, place, those) for (kind, place), those in sorted(groups.items())]
    rows += [_row(kind, "all", those) for kind, those in sorted(kinds.items())]
    return [*rows, _row("all", "all", done)]


def _row(kind: str, place: str, done: list[Done]) -> dict[str, Any]:
    row: dict[str, Any] = {"harm": kind, "process": place, "count": len(done)}
    row |= {
        "recovered": sum(one.order_s is not None for one in done),
        "failures": sum(bool(one.failures) for one in done),
    }
    for what, values in (
        ("ready_s", [one.ready_s for one in done if one.ready_s is not None]),
        ("order_s", [one.order_s for one in done if one.order_s is not None]),
    ):
        row[what] = {f"p{share * 100:g}": percentile(values, share) for share in SHARES}
    return row


def _cells(found: dict[str, Any]) -> Iterable[list[Any]]:
    for row in found["rows"]:
        head = [row[key] for key in ("harm", "process", "count", "recovered", "failures")]
        seconds = [value for what in ("ready_s", "order_s") for value in row[what].values()]
        yield head + [None if value is None else round(value, 2) for value in seconds]


def print_report(found: dict[str, Any]) -> None:
    """For people."""
    print_table("Kills", COLUMNS, _cells(found))
    note(sentence(found))
    for failure in found["failures"]:
        note(failure)


def errors(found: dict[str, Any]) -> list[str]:
    """What ends the command with 1: what did not hold, where it lies, how it is done again."""
    if not found["failures"]:
        return []
    return [*found["failures"], f"kept: {found['kept']}", f"again: {found['again']}"]


def sentence(found: dict[str, Any]) -> str:
    """The result in a line."""
    held = "nothing lost or doubled" if not found["failures"] else f"{len(found['failures'])} things do not hold"
    counts = ", ".join(f"{count:,} {key}" for key, count in found["counts"].items())
    return (
        f"seed {found['seed']}, commit {found['commit']}: {found['kills']} harms of {found['systems']} systems in "
        f"{found['seconds']:.0f} s, {found['recovered']} recovered, journals compared {found['checks']} times, "
        f"{counts}: {held}"
    )


def markdown(found: dict[str, Any]) -> str:
    """A page to be kept."""
    lines = ["# Kills", "", sentence(found) + f". {found['machine']}. Again: `{found['again']}`.", ""]
    lines += [TIMES, ""]
    lines += [f"- {kind}: {words}" for kind, words in found["means"].items()] + [""]
    lines += ["| " + " | ".join(COLUMNS) + " |", "| " + " | ".join("---" for _ in COLUMNS) + " |"]
    lines += ["| " + " | ".join("" if cell is None else str(cell) for cell in row) + " |" for row in _cells(found)]
    if found["failures"]:
        lines += ["", "## What does not hold", "", *(f"- {failure}" for failure in found["failures"])]
    return "\n".join(lines) + "\n"
