"""`meridian report | reconcile`: what a run traded, and whether the exchanges' own journals say the same.

Invariant: exit code 0 is for the whole: where a region's records are gone, what is there is told, and exit code 1.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from meridian.analytics.breaks_cli import breaks
from meridian.analytics.end_of_day_cli import end_of_day
from meridian.analytics.explain_cli import explain
from meridian.analytics.keeping import Kept, keep
from meridian.analytics.parity_cli import parity
from meridian.console import BadInput, json_option, note, print_table, show

if TYPE_CHECKING:
    from meridian.analytics.reconciliation import Reconciliation
    from meridian.analytics.run import Run


@click.command()
@click.argument("run", required=False, type=click.Path(file_okay=False))
@click.option("--html", type=click.Path(dir_okay=False), help="Write the report as one page with plots, too.")
@json_option
def report(run: str | None, html: str | None, as_json: bool) -> None:
    """Positions, PnL, orders, fills, refusals, latency and flow of a run or of several regions (default: the latest)."""
    from meridian.analytics.platform import Platform, opened
    from meridian.analytics.report import print_summary, summary, write_html

    found = opened(run)
    if html and not Path(html).absolute().parent.is_dir():
        raise BadInput(f"--html = {html}: its directory does not exist")
    if html:
        write_html(found, Path(html))
        note(f"report: {html}")
    schema = "platform_report" if isinstance(found, Platform) else "report"
    unread = found.problems if isinstance(found, Platform) else []
    show(schema, summary(found), as_json, lambda: print_summary(found), errors=unread)


@click.command()
@click.argument("run", required=False, type=click.Path(file_okay=False))
@json_option
def reconcile(run: str | None, as_json: bool) -> None:
    """Compare positions, fills and orders with the exchanges' own journals; exit code 1 on a difference.

    What differs after the end of a run becomes a break: `meridian breaks`.
    """
    from meridian.analytics import reconcile as compare
    from meridian.analytics.platform import Platform, opened

    run_or_platform = opened(run)
    if not run_or_platform.is_over:
        note("this run has not ended: what one side has and the other not yet shows as a difference")
    if isinstance(run_or_platform, Platform):
        found = {name: compare(one) for name, one in run_or_platform.regions.items()}
        kept = {name: _keep(one, found[name]) for name, one in run_or_platform.regions.items()}
        differences = [*run_or_platform.problems]
        differences += [f"{name}: {sentence}" for name, one in found.items() for sentence in one.differences]
        unkept = [f"{name}: {sentence}" for name, one in kept.items() for sentence in one.errors]
        described = {name: one.described() | {"breaks": kept[name].counts} for name, one in found.items()}
        value = {"agrees": not differences, "differences": differences, "regions": described}
        people = partial(_print_regions, found, kept)
        show("platform_reconcile", value, as_json, people, errors=[*differences, *unkept])
    else:
        single = compare(run_or_platform)
        one_kept = _keep(run_or_platform, single)
        value = single.described() | {"breaks": one_kept.counts}
        people = partial(_print_regions, {"": single}, {"": one_kept})
        show("reconcile", value, as_json, people, errors=[*single.differences, *one_kept.errors])


def _keep(run: Run, found: Reconciliation) -> Kept:
    """Writes what differs into the run's book of breaks; of a run that goes on nothing."""
    from meridian.analytics import breaks as room

    return keep(run, lambda now_ns: (room.of_reconciliation(run, found, now_ns), [room.RECONCILE]), certain=run.is_over)


def _print_regions(found: dict[str, Reconciliation], kept: dict[str, Kept]) -> None:
    for name, one in found.items():
        if name:
            print(f"{name}:")
        _print_reconciliation(one)
        if kept[name].counts:
            print(kept[name].sentence)


def _print_reconciliation(found: Reconciliation) -> None:
    columns = ["venue", "instrument", "side of", "fills", "bought", "sold", "net", "notional", "busts", "corrections"]
    rows = [
        [
            line.venue,
            line.instrument,
            who,
            said.fills,
            said.bought_lots,
            said.sold_lots,
            said.net_lots,
            f"{said.notional_nanos / 1e9:,.2f}",
            said.busts,
            said.corrections,
        ]
        for line in found.lines
        for who, said in (("engine", line.engine), ("exchange", line.exchange))
    ]
    print_table("Fills by the engine's journal and by each exchange's own", columns, rows)
    rows = [[one["instrument"], one["engine_lots"], one["exchange_lots"]] for one in found.positions]
    print_table("Positions, lots", ["instrument", "engine", "exchanges"], rows)
    states = [*found.orders[0].states] if found.orders else []
    rows = [[one.venue, one.sent, *one.states.values(), *one.exchange.values()] for one in found.orders]
    theirs = [f"exchange: {key}" for key in (found.orders[0].exchange if found.orders else ())]
    print_table("Orders by what became of them", ["venue", "sent", *states, *theirs], rows)
    print(found.sentence)


COMMANDS: list[click.Command] = [report, reconcile, end_of_day, breaks, parity, explain]
