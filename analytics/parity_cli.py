"""`meridian parity`: a live run beside the backtest of what it captured.

Invariant: exit code 0 says that no difference is unexplained and every replay is equal, 1 that one is not, 2 that a journal or
its strategies cannot be read.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from meridian.console import BadInput, json_option, note, print_table, show

if TYPE_CHECKING:
    from meridian.analytics.parity import Parity

SHOWN_MAX = 40


@click.command("parity")
@click.argument("journal", type=click.Path(file_okay=False))
@click.option("--libraries", type=click.Path(file_okay=False), help="Directory of the strategies' object code.")
@click.option("--set", "settings", multiple=True, metavar="SLOT:NAME=VALUE", help="Another parameter in the backtest.")
@click.option("--latency", metavar="order=…,report=…", help="Delays in place of the measured ones.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Directory for every step as Parquet.")
@json_option
def parity(
    journal: str, libraries: str | None, settings: tuple[str, ...], latency: str | None, out: Path | None, as_json: bool
) -> None:
    """Runs what the engines at or below JOURNAL heard through the backtest and compares, order by order.

    The replay of each journal comes first. Then the captured feed, without our orders, goes through the house's matching with
    the backtest's orders in it, at the live run's own delays; every command, answer and fill is compared, and what differs is
    explained by a fact of the journal or counted as unexplained.
    """
    from meridian.analytics import parity as room
    from meridian.engine.journals import JournalNotFound, engines

    try:
        places = engines(journal)
    except JournalNotFound as error:
        raise BadInput(str(error).splitlines()) from None
    found = [
        room.run(place, libraries=libraries, departures=room.departures(place, latency, settings)) for place in places
    ]
    written = [str(path) for at, one in enumerate(found) for path in _save(one, out, at if len(found) > 1 else None)]
    errors = [f"{one.journal}: its replay is not the live run: decisions differ before any backtest" for one in found
              if not one.replay_agrees]  # fmt: skip
    errors += [f"{one.journal}: {one.unexplained} differences are unexplained" for one in found if one.unexplained]
    value = {
        "journals": [one.described() for one in found],
        "unexplained": sum(one.unexplained for one in found),
        "written": written,
    }
    show("parity", value, as_json, lambda: _print_all(found), errors=errors)


def _save(found: Parity, out: Path | None, number: int | None) -> list[Path]:
    if out is None:
        return []
    out.mkdir(parents=True, exist_ok=True)
    path = out / ("parity.parquet" if number is None else f"parity-{number}.parquet")
    found.steps.save(path)
    return [path]


def _print_all(found: list[Parity]) -> None:
    for one in found:
        _print(one)


def _print(found: Parity) -> None:
    told = found.described()
    replay = {True: "equal", False: "DIFFERENT", None: "nothing to compare with"}[told["replay"]["agrees"]]
    same = told["replay"]["state_hash"] == told["backtest_state_hash"]
    rows = [
        ["replay", replay], ["end of the backtest", "the live state" if same else "another state"],
        ["commands", told["commands"]], ["reports", told["reports"]], ["equal", told["equal"]],
        *([reason, count] for reason, count in told["explained"].items()),
        ["unexplained", told["unexplained"]],
        ["order → venue, median ns", told["median_ns"]["order"]], ["venue → engine, median ns", told["median_ns"]["report"]],
    ]  # fmt: skip
    print_table(str(found.journal), ["figure", "value"], rows)
    differ = told["differences"]
    if differ:
        columns = ["input", "order_id", "step", "side", "field", "live", "backtest", "because"]
        shown = [[str(one[name]) for name in columns] for one in differ[:SHOWN_MAX]]
        print_table("Differences", [name.replace("_id", "") for name in columns], shown)
    if len(differ) > SHOWN_MAX:
        note(f"and {len(differ) - SHOWN_MAX} more; --json or --out has them all")
