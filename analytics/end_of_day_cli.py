"""`meridian end-of-day check | file`: the day by our journals, the drop copies and the venues' files.

Invariant: exit code 0 means that every record of every venue tells the same; 1 that some do not, that what differs or the report
could not be kept, or that a kill which was asked for is not in force; 2 bad input, before anything is compared; 3 that a journal
is not there.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from meridian.analytics.keeping import Kept, keep
from meridian.console import BadInput, Failure, json_option, note, print_table, show
from meridian.risk.cli import api_options, stop, unfinished, wait_option

if TYPE_CHECKING:
    from meridian.analytics.end_of_day import Checked, Window
    from meridian.analytics.run import Run
    from meridian.analytics.venue_file import Trade
    from meridian.risk.api.client import Client

TRIPPED = "the records of the end of the day differ"
COLUMNS = ["venue", "execution", "kind", "side", "instrument", "our journal", "drop copy", "venue file"]


@click.group("end-of-day")
def end_of_day() -> None:
    """The day three ways: our journals, drop copies, and the venues' files of trades."""


run_argument = click.argument("run", required=False, type=click.Path(file_okay=False))
since_option = click.option("--since", help="From here on, by the venue's time: ns since 1970 or ISO 8601, UTC.")
until_option = click.option("--until", help="Before this.")


def _window(since: str | None, until: str | None, wrong: list[str]) -> Window:
    from meridian.analytics.end_of_day import ALWAYS
    from meridian.engine.cli import time_ns_of

    window = (time_ns_of("--since", since, ALWAYS[0], wrong), time_ns_of("--until", until, ALWAYS[1], wrong))
    if window[0] >= window[1]:
        wrong.append(f"--since {since}: must be before --until {until}")
    return window


def _regions(path: str | None) -> tuple[dict[str, Run], list[str]]:
    """The runs by region (one of no region under an empty name), and what of them cannot be read."""
    from meridian.analytics.platform import Platform, opened

    found = opened(path)
    return (found.regions, found.problems) if isinstance(found, Platform) else ({"": found}, [])


@end_of_day.command("file")
@run_argument
@click.option("--venue", required=True, help="Of this venue.")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="A new file: trades.csv or trades.parquet.")
@since_option
@until_option
@json_option
def file_command(run: str | None, venue: str, out: Path, since: str | None, until: str | None, as_json: bool) -> None:
    """Write the file of our trades that a house exchange would give out, by its own journal."""
    from meridian.analytics import venue_file

    wrong: list[str] = []
    if out.suffix not in venue_file.SUFFIXES:
        wrong.append(f"--out = {out}: allowed is a name that ends in {' or '.join(venue_file.SUFFIXES)}")
    elif out.exists() or not out.absolute().parent.is_dir():
        wrong.append(f"--out = {out}: allowed is a file that is not there yet, in a folder that is")
    window = _window(since, until, wrong)
    if wrong:
        raise BadInput(wrong)
    regions, _ = _regions(run)
    venues = [(one, about) for one in regions.values() for about in one.venues if about["name"] == venue]
    if not venues:
        names = ", ".join(str(about["name"]) for one in regions.values() for about in one.venues)
        raise BadInput(f"--venue = {venue}: allowed are {names or 'none: no venue is known of this run'}")
    trades = [
        trade
        for one, about in venues
        for trade in venue_file.of_exchange(one, about)
        if window[0] <= trade.time_ns < window[1]
    ]
    venue_file.write(out, trades)
    value = {"venue": venue, "rows": len(trades), "file": str(out)}
    show("end_of_day.file", value, as_json, lambda: print(f"{out}: {len(trades):,} rows of {venue}"))


@end_of_day.command("check")
@run_argument
@click.option(
    "--venue-file", "files", multiple=True, metavar="VENUE=FILE", help="Of each venue its file of our trades."
)
@since_option
@until_option
@click.option("--tolerance-lots", type=click.IntRange(0), default=0, show_default=True, help="Lots that may differ.")
@click.option("--trip-kill", metavar="NODE", help="Stop this node and all below it where more lots than that differ.")
@wait_option
@json_option
@api_options
def check_command(
    run: str | None,
    files: tuple[str, ...],
    since: str | None,
    until: str | None,
    tolerance_lots: int,
    trip_kill: str | None,
    wait: float,
    as_json: bool,
    client: Callable[[], Client],
) -> None:
    """Compare our journals, the drop copies and the venues' files; what differs becomes a break. Exit code 1 on a difference."""
    from meridian.analytics import end_of_day as room

    wrong: list[str] = []
    window = _window(since, until, wrong)
    named = _named(files, wrong)
    if trip_kill is not None and not trip_kill.strip():
        wrong.append("--trip-kill is empty: allowed is a node of the limit tree, firm say")
    if wrong:
        raise BadInput(wrong)
    if trip_kill is not None and (unknown := _unknown_node(client, trip_kill)):
        raise BadInput(unknown)
    regions, errors = _regions(run)
    errors = [*errors]
    trades = _by_region(regions, named)
    found = {name: room.check(one, trades[name], window) for name, one in regions.items()}
    value: dict[str, Any] = {"regions": {}, "kill": None}
    kept = {}
    for name, checked in found.items():
        head = f"{name}: " if name else ""
        kept[name] = _keep(regions[name], checked)
        told = checked.described() | {"breaks": kept[name].counts}
        value["regions"][name or regions[name].name] = told
        unkept = _report(regions[name], told, [path.name for path in named.values()])
        errors += [f"{head}{one}" for one in [*checked.sentences, *kept[name].errors, *unkept]]
    beyond = [sentence for checked in found.values() for sentence in checked.beyond(tolerance_lots)]
    if trip_kill and beyond:
        value["kill"], failed = _kill(client, trip_kill, beyond, wait)
        errors += failed

    def for_people() -> None:
        for name, checked in found.items():
            if name:
                print(f"{name}:")
            _print(checked)
            print(kept[name].sentence or "what differs is not kept as breaks")

    show("end_of_day", value | {"agrees": not errors}, as_json, for_people, errors=errors)


def _keep(run: Run, checked: Checked) -> Kept:
    """Writes what differs into the run's book of breaks, once nothing can be added to the window any more."""
    from meridian.analytics import end_of_day as room

    certain = run.is_over or checked.window[1] <= time.time_ns()
    return keep(run, lambda now_ns: (room.items(run, checked, now_ns), room.scopes(checked)), certain=certain)


def _report(run: Run, told: dict[str, Any], names: list[str]) -> list[str]:
    """Keeps the report beside the run; what went wrong, a sentence each. `names`: of the venues' files."""
    from meridian.analytics import end_of_day_reports

    try:
        end_of_day_reports.keep(run, told | {"files": names}, time.time_ns())
    except Failure as failure:
        return failure.errors
    return []


def _named(files: tuple[str, ...], wrong: list[str]) -> dict[str, Path]:
    named: dict[str, Path] = {}
    for word in files:
        venue, sign, path = word.partition("=")
        if not sign or not venue or not path:
            wrong.append(f"--venue-file = {word}: allowed is VENUE=FILE")
        elif venue in named:
            wrong.append(f"--venue-file = {word}: {venue} has a file already; allowed is one for each venue")
        else:
            named[venue] = Path(path)
    return named


def _by_region(regions: dict[str, Run], named: dict[str, Path]) -> dict[str, dict[str, list[Trade]]]:
    """Each region's files, read. A venue that several regions trade at has one for each, as REGION/VENUE. Raises BadInput."""
    from meridian.analytics.end_of_day import read_files

    places: dict[str, list[str]] = {}
    for region, one in regions.items():
        for about in one.venues:
            places.setdefault(str(about["name"]), []).append(region)
    keys = {
        (f"{region}/{venue}" if len(where) > 1 else venue): (region, venue)
        for venue, where in places.items()
        for region in where
    }
    allowed = f"allowed is NAME=FILE, once for each of {', '.join(keys)}"
    wrong = [f"--venue-file = {name}=…: is no venue of this run; {allowed}" for name in named if name not in keys]
    if missing := [name for name in keys if name not in named]:
        wrong.append(f"--venue-file: {', '.join(missing)} {'has' if len(missing) == 1 else 'have'} none; {allowed}")
    if wrong:
        raise BadInput(wrong)
    trades = read_files(named)
    found: dict[str, dict[str, list[Trade]]] = {region: {} for region in regions}
    for name, (region, venue) in keys.items():
        found[region][venue] = trades[name]
    return found


def _unknown_node(client: Callable[[], Client], node: str) -> str | None:
    """That the tree has no such node, where the limits API can say so now: not only once the node should be stopped."""
    try:
        with client() as api:
            names = [str(one["name"]) for one in api.get("/v1/tree")["nodes"]]
    except Failure:
        return None  # Told where the kill cannot be sent.
    return None if not names or node in names else f"--trip-kill = {node}: allowed is one of {', '.join(names)}"


def _kill(
    client: Callable[[], Client], node: str, beyond: list[str], wait: float
) -> tuple[dict[str, Any] | None, list[str]]:
    """Stops a node at level K3 through the limits API; what it said, and what kept it from being in force."""
    note(f"{node}: is to be stopped, since {'; '.join(beyond)}")
    body = {"level": "K3", "selector": {}, "reason": f"{TRIPPED}: {'; '.join(beyond)}"[:500]}
    try:
        with client() as api:
            written, found = stop(api, node, body, wait)
    except Failure as failure:
        told = [f"--trip-kill = {node}: not sent: {one}" for one in failure.errors]
        return None, [*told, f"{node} may still trade: `meridian kill {node} --local` on each region's host stops it"]
    return {"node": node, "written": written, "propagation": found}, unfinished(written, found, wait)


def _print(checked: Checked) -> None:
    from meridian.analytics.end_of_day import COPY, FILE, OURS
    from meridian.analytics.reconciliation import side_word
    from meridian.analytics.text import price

    def cell(venue: str, told: dict[str, Any], record: str) -> str:
        if record not in checked.records[venue]:
            return "no record"
        terms = told[record]
        return f"{terms[0]:,} at {price(terms[1])}" if terms else "not there"

    rows = [
        [one.venue, str(one.key[1]), one.key[0], side_word(one.key[2]), one.instrument]
        + [cell(one.venue, one.told, record) for record in (OURS, COPY, FILE)]
        for one in checked.differences
    ]
    print_table("Executions that differ", COLUMNS, rows)
    for venue, rows_outside in checked.outside.items():
        if rows_outside:
            print(f"{venue}: {rows_outside:,} rows of its file are of other times than the day's")
    columns = ["instrument", "before the day", "by the venues' files", "the engine's"]
    print_table("Positions, lots", columns, [list(row.values()) for row in checked.positions])
    print(checked.sentence)
