"""`meridian report | reconcile`: what a run traded, and whether the exchanges' own journals say the same."""

from __future__ import annotations

from pathlib import Path

import click

from meridian.console import BadInput, CheckFailed, json_option, note, print_json, print_table, show


@click.command()
@click.argument("run", required=False, type=click.Path(file_okay=False))
@click.option("--html", type=click.Path(dir_okay=False), help="Write the report as one page with plots, too.")
@json_option
def report(run: str | None, html: str | None, as_json: bool) -> None:
    """Positions, PnL, orders, fills, refusals, latency and flow of a run (default: the latest)."""
    from meridian.analytics import Run
    from meridian.analytics.report import print_summary, summary, write_html

    opened = Run.open(run)
    if html and not Path(html).absolute().parent.is_dir():
        raise BadInput(f"--html = {html}: its directory does not exist")
    if as_json:
        print_json("report", summary(opened))
    else:
        print_summary(opened)
    if html:
        write_html(opened, Path(html))
        note(f"report: {html}")


@click.command()
@click.argument("run", required=False, type=click.Path(file_okay=False))
@json_option
def reconcile(run: str | None, as_json: bool) -> None:
    """Compare positions and fills with the exchanges' own journals; exit code 1 on a difference."""
    from meridian.analytics import Run
    from meridian.analytics import reconcile as compare

    opened = Run.open(run)
    if not opened.is_over:
        note("this run has not ended: what one side has and the other not yet shows as a difference")
    found = compare(opened)

    def for_people() -> None:
        columns = ["venue", "instrument", "side of", "fills", "bought", "sold", "net", "notional", "busts"]
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
            ]
            for line in found.lines
            for who, said in (("engine", line.engine), ("exchange", line.exchange))
        ]
        print_table("Fills by the engine's journal and by each exchange's own", columns, rows)
        rows = [[one["instrument"], one["engine_lots"], one["exchange_lots"]] for one in found.positions]
        print_table("Positions, lots", ["instrument", "engine", "exchanges"], rows)
        print(found.sentence)

    show("reconcile", found.described(), as_json, for_people)
    if not found.agrees:
        raise CheckFailed(found.differences)


COMMANDS = [report, reconcile]
