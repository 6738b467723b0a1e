"""`meridian session list | reset`: the order sessions at venues, their breakers and throttles.

Invariant: a reset needs a reason, and is told as done only with the engine's input at which it is in force.
"""

from __future__ import annotations

import getpass
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import click

from meridian.console import BadInput, CheckFailed, Unreachable, json_option, note, print_table, show
from meridian.deploy.strategy_cli import run_option
from meridian.risk.cli import api_options

if TYPE_CHECKING:
    from meridian.deploy.strategies import RunningEngine
    from meridian.risk.api.client import Client

COLUMNS = ("region", "venue", "session", "breaker", "why", "throttle", "rejects", "round trip", "last message")


@click.group()
def session() -> None:
    """Order sessions at venues: how they do, and letting an open breaker try again."""


def _engines(name: str | None) -> list[tuple[str, RunningEngine]]:
    """Every run with an engine, or the one of this name."""
    from pathlib import Path

    from meridian.deploy import runs
    from meridian.deploy.strategies import RECORD, RunningEngine

    if name is not None:
        return [(name, RunningEngine.find(name))]
    places = [(run.name, Path(run.data_directory).parent) for run in runs.runs()]
    found = [(run, RunningEngine.of(place)) for run, place in places if (place / RECORD).is_file()]
    if not found:
        raise Unreachable("no run with an engine is up; choose with --run, or ask the limits API with --all-regions")
    return found


@session.command("list")
@run_option
@click.option("--all-regions", is_flag=True, help="As the limits API knows them, on whatever host.")
@json_option
@api_options
def list_command(run_name: str | None, all_regions: bool, as_json: bool, client: Callable[[], Client]) -> None:
    """Shows each venue's session: its state, its breaker and why it opened, throttle, rejects, round trip, last message."""
    from meridian.deploy import sessions

    if all_regions and run_name is not None:
        raise BadInput("--run and --all-regions: allowed is one of them")
    rows: list[dict[str, Any]] = []
    if all_regions:
        with client() as api:
            rows = api.get("/v1/sessions")["rows"]
    else:
        for name, engine in _engines(run_name):
            rows += [{"region": name, **row} for row in sessions.rows(engine)]
    show(
        "sessions",
        {"sessions": rows},
        as_json,
        lambda: print_table("Sessions", list(COLUMNS), [_told(row) for row in rows]),
    )


def _told(row: dict[str, Any]) -> list[str]:
    """A row for people."""
    most = row.get("throttle_messages") or 0
    throttle = f"{row['throttle_used']} of {most}, {row['throttle_reserved']} for cancels" if most else "none"
    rejects = f"{row.get('rejects_now', 0)} now, {row.get('rejects', 0)} of {row.get('answers', 0)}"
    round_trip = f"{row['round_trip_ns'] / 1e3:,.0f} µs" if row.get("round_trip_ns") else ""
    breaker = str(row.get("breaker") or "none").replace("_", " ")
    if breaker == "half open":
        breaker += f", {row['probes_left']} probes left"
    why = str(row.get("cause") or "").replace("_", " ")
    heard = f"{max(0, time.time_ns() - row['heard_ns']) / 1e9:,.1f} s ago" if row.get("heard_ns") else "none"
    return [row["region"], row["venue"], str(row.get("state")), breaker, why, throttle, rejects, round_trip, heard]


@session.command("reset")
@click.argument("venue")
@click.option("--reason", required=True, help="Why; kept in the engine's journal and, with --region, in the audit.")
@run_option
@click.option("--region", help="Ask this region through the limits API, with a token, wherever it runs.")
@json_option
@api_options
def reset_command(
    venue: str, reason: str, run_name: str | None, region: str | None, as_json: bool, client: Callable[[], Client]
) -> None:
    """Lets a few orders through the open breaker of VENUE's session: good answers close it, a bad one opens it again."""
    from meridian.deploy import sessions
    from meridian.deploy.strategies import RunningEngine

    if region is not None:
        if run_name is not None:
            raise BadInput("--run and --region: allowed is one of them")
        with client() as api:
            path = f"/v1/sessions/{quote(region, safe='')}/{quote(venue, safe='')}/reset"
            value = api.write("POST", path, {"reason": reason})
        if value["outcome"] != "in_force":
            raise CheckFailed(f"{region}, {venue}: {value['why'] or 'the region has not answered yet'}")
        sequence, why = value["input"], value["why"]
    else:
        engine = RunningEngine.find(run_name)
        sequence, why = sessions.reset(engine, venue, reason=reason, by=getpass.getuser()), None
    shown = {"venue": venue, "region": region, "in_force_at_input": sequence, "note": why}
    done = why or "probes pass"
    show("session-reset", shown, as_json, lambda: note(f"{venue}: {done}, in force at input {sequence:,}"))
