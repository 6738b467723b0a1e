"""`meridian limits permissions | restricted | epochs | health`: who may trade what, the restricted list, every engine's epoch,
what the limits API has found.

Invariant: as with `meridian limits`: nothing is decided here; without a change asked for, each command only shows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import click

from meridian.console import BadInput, json_option, print_table, show
from meridian.risk.cli import (
    api_options,
    finish,
    propagation_path,
    reason_option,
    say_age,
    selector,
    tell_written,
    wait_for,
    wait_option,
)

if TYPE_CHECKING:
    from meridian.risk.api.client import Client


def _words(chosen: dict[str, Any]) -> str:
    return ",".join(f"{name}={value}" for name, value in chosen.items() if value is not None) or "all"


def _write(
    api: Client, what: str, path: str, body: dict[str, Any], propagation: str, wait: float, as_json: bool
) -> None:
    written = api.write("PUT", path, body)
    tell_written(written, what)
    found = wait_for(api, propagation, wait) if written["applied"] else None
    finish("rule-set", written, found, wait, as_json)


@click.command()
@click.argument("node", required=False)
@click.option("--state", type=click.Choice(["allow", "deny", "removed"]), help="What NODE may; without it: only show.")
@click.option(
    "--select", "selected", multiple=True, metavar="NAME=VALUE", help="instrument, underlying, sector, venue, trader."
)
@reason_option
@wait_option
@json_option
@api_options
def permissions(
    node: str | None,
    state: str | None,
    selected: Sequence[str],
    reason: str,
    wait: float,
    as_json: bool,
    client: Callable[[], Client],
) -> None:
    """Who may trade what. With NODE and --state: change it; a denial is done at once, the rest waits for a second person."""
    if state is not None and node is None:
        raise BadInput("node is missing: allowed is the name of a node with --state.")
    with client() as api:
        if state is not None and node is not None:
            chosen = selector(selected)
            body = {"state": state, "selector": chosen, "reason": reason}
            path = f"/v1/permissions/{quote(node, safe='')}"
            where = propagation_path("permissions", node, chosen)
            _write(api, f"permission at {node}", path, body, where, wait, as_json)
            return
        answer = api.get("/v1/permissions", node=node)
    say_age(answer)
    rows = [[one["node"], _words(one["selector"]), one["state"], one["version"], one["by"], one["reason"]]
            for one in answer["permissions"]]  # fmt: skip
    columns = ["node", "selector", "state", "version", "by", "reason"]
    show("permissions", answer, as_json, lambda: print_table("Permissions", columns, rows))


@click.command()
@click.argument("instrument", required=False)
@click.option(
    "--new-orders",
    type=click.Choice(["allow", "reduce_only", "none"]),
    help="What new orders may do; allow: off the list.",
)
@reason_option
@wait_option
@json_option
@api_options
def restricted(
    instrument: str | None,
    new_orders: str | None,
    reason: str,
    wait: float,
    as_json: bool,
    client: Callable[[], Client],
) -> None:
    """The firm's restricted list. With INSTRUMENT and --new-orders: change it; stricter is done at once."""
    if (instrument is None) != (new_orders is None):
        raise BadInput("instrument and --new-orders: allowed is both, or neither to see the list.")
    with client() as api:
        if instrument is not None and new_orders is not None:
            name = quote(instrument, safe="")
            body = {"new_orders": new_orders, "reason": reason}
            where = f"/v1/propagation/restricted/{name}"
            _write(api, instrument, f"/v1/restricted/{name}", body, where, wait, as_json)
            return
        answer = api.get("/v1/restricted")
    say_age(answer)
    rows = [
        [one["instrument"], one["new_orders"], one["version"], one["by"], one["reason"]] for one in answer["restricted"]
    ]
    columns = ["instrument", "new orders", "version", "by", "reason"]
    show("restricted", answer, as_json, lambda: print_table("Restricted list", columns, rows))


@click.command()
@json_option
@api_options
def epochs(as_json: bool, client: Callable[[], Client]) -> None:
    """The epoch of every engine: the store's, the engine's own, and what keeps the engine from opening positions."""
    with client() as api:
        answer = api.get("/v1/epochs")
    say_age(answer)
    rows = [[one["holder"], one["epoch"], one["engine_epoch"], one["engine"], ", ".join(one["standing"])]
            for one in answer["rows"]]  # fmt: skip
    columns = ["holder", "epoch", "engine's", "engine", "standing"]
    show("epochs", answer, as_json, lambda: print_table("Epochs", columns, rows))


@click.command()
@json_option
@api_options
def health(as_json: bool, client: Callable[[], Client]) -> None:
    """What the limits API has found: written past it, waiting, not in the store yet. Exit code 1 when it found something."""
    with client() as api:
        answer = api.get("/v1/health")
    say_age(answer)
    rows = [[answer["status"].replace("_", " "), answer["view"]["revision"],
             ", ".join(map(str, answer["pending"])), answer["unwritten_kills"]]]  # fmt: skip
    columns = ["limits API", "revision", "limits that wait", "kills to write"]
    wrong = [*answer["findings"]]
    if not answer["view"]["live"]:
        wrong.insert(0, f"the store is away ({answer['view']['why']}).")
    show("health", answer, as_json, lambda: print_table("Health", columns, rows), errors=wrong)


RULES: list[click.Command] = [permissions, restricted, epochs, health]
