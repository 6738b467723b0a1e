"""`meridian limits | kill | rearm`, and `positions --all-regions`: clients of the limits API.

Invariant: nothing is decided here: what a command prints is what the API, or a region's own socket, said. Exit code 1 when a
change is refused or not in force everywhere in time, 2 for bad input, 3 when nothing answers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import click

from meridian.console import (
    BadInput,
    FiniteRange,
    Unreachable,
    json_option,
    note,
    print_table,
    show,
)

if TYPE_CHECKING:
    from meridian.risk.api.client import Client

WAIT_SECONDS = 5.0
API_PORT = "limits-api"
API_FILE = "api.json"
"""What `meridian up --regions` leaves in its run's directory."""
Command = Callable[..., Any]


def api_options(command: Command) -> Command:
    """Adds how to reach the API; the command gets `client`, a way to make one."""

    @click.option("--api", envvar="MERIDIAN_API", help="The API's address; default: that of the run that is up.")
    @click.option(
        "--token-file", type=click.Path(dir_okay=False), help="Default: MERIDIAN_TOKEN, else your token file."
    )
    @click.option(
        "--ca", type=click.Path(dir_okay=False), help="Certificate of the authority that the API is known by."
    )
    @wraps(command)
    def run(*arguments: Any, api: str | None, token_file: str | None, ca: str | None, **more: Any) -> Any:
        def client() -> Client:
            from meridian.risk.api.client import Client, read_token

            token = read_token(Path(token_file) if token_file else None)
            known = _known() if api is None else {"address": api, "ca": None}
            authority = ca or known["ca"]
            return Client(str(known["address"]), token, ca=Path(authority) if authority else None)

        return command(*arguments, client=client, **more)

    return run


def _known() -> dict[str, str | None]:
    """The address of the API of the run that is up, and the authority that it is known by."""
    import json

    from meridian.deploy import runs
    from meridian.risk.api.client import DEFAULT

    found = [run for run in runs.runs() if API_PORT in run.ports]
    if len(found) > 1:
        raise BadInput("api is missing: several runs have one; allowed is the address of one of them.")
    if not found:
        return {"address": DEFAULT, "ca": None}
    try:
        told: dict[str, str | None] = json.loads((Path(found[0].run_directory) / API_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {"address": f"http://127.0.0.1:{found[0].ports[API_PORT]}", "ca": None}
    return told


wait_option = click.option(
    "--wait",
    type=FiniteRange(0, 600),
    default=WAIT_SECONDS,
    show_default=True,
    help="Seconds to wait until it is in force in every region.",
)
reason_option = click.option("--reason", default="", help="Why; needed for what loosens.")


def _pairs(what: str, values: Sequence[str]) -> dict[str, str]:
    wrong = [text for text in values if "=" not in text]
    if wrong:
        raise BadInput([f"{what} = {text}: allowed is NAME=VALUE." for text in wrong])
    return dict(text.split("=", 1) for text in values)


def selector(values: Sequence[str]) -> dict[str, Any]:
    """A selector given as NAME=VALUE."""
    chosen: dict[str, Any] = _pairs("select", values)
    trader = chosen.get("trader")
    return chosen | ({"trader": int(trader)} if trader is not None and trader.isdigit() else {})


def say_age(answer: dict[str, Any]) -> None:
    """A line where an answer is from before the store went away."""
    view = answer.get("view")
    if view and not view["live"]:
        note(f"the store is away ({view['why']}); this is what was known {view['age_ms'] / 1000:.1f} s ago")


# Waiting.


def _progress_line(found: dict[str, Any]) -> str:
    words = []
    for one in found["regions"]:
        at = f" at input {one['input']}" if one["state"] == "in_force" else ""
        # A global limit's lowering lasts until no engine uses more than its smaller part.
        at += ", where more is in use than it allows" if at and one.get("inside") is False else ""
        words.append(f"{one['region']} {one['state'].replace('_', ' ')}{at}")
    return "; ".join(words) or "no region is known"


def wait_for(client: Client, path: str, seconds: float) -> dict[str, Any] | None:
    """Follows a change until it is in force everywhere, with a line on standard error for each step of it."""
    if seconds <= 0:
        return None
    last, found = "", None
    for found in client.propagation(path, seconds):
        line = _progress_line(found)
        if line != last:
            note(line)
            last = line
    return found


def finish(schema: str, written: dict[str, Any], found: dict[str, Any] | None, seconds: float, as_json: bool) -> None:
    """Ends a change, with exit code 1 where a region has not taken it, or was waited for and has it not in force."""
    errors = unfinished(written, found, seconds)
    show(schema, {"written": written, "propagation": found}, as_json, lambda: None, errors=errors)


def unfinished(written: dict[str, Any], found: dict[str, Any] | None, seconds: float) -> list[str]:
    """What a change lacks, a sentence each: regions that have not taken it, or have it not in force."""
    errors = list(_not_taken(written))
    if found is not None and not found["in_force"]:
        errors.append(f"it is written, and not in force in every region after {seconds:g} s: {_progress_line(found)}.")
    return errors


def _not_taken(written: dict[str, Any]) -> Iterator[str]:
    """A sentence for each region that a kill went to itself, and that has not confirmed it."""
    if written["applied"] or not written.get("handed_over"):
        return
    yield "not every region has taken it."
    for region, said in written["handed_over"].items():
        if not said.startswith("in force"):
            yield f"{region}: {said}"


def tell_written(written: dict[str, Any], what: str) -> None:
    """What became of a write, in a line."""
    proposal = written.get("proposal")
    if written["applied"]:
        note(f"{what}: written at revision {written['revision']}")
    elif proposal and proposal["state"] == "open":
        why = "; ".join(written["why"])
        note(f"{what}: waits for a second person ({why}): meridian limits confirm {proposal['id']}")
    elif proposal:
        note(f"{what}: proposal {proposal['id']} is {proposal['state']}")


# Limits.


@click.group()
def limits() -> None:
    """Limits: see, change, confirm, follow into every region."""


LIMIT_COLUMNS = ["id", "node", "metric", "selector", "value", "unit", "pending", "enforcement", "version"]


def _limit_row(one: dict[str, Any]) -> list[Any]:
    selector = ",".join(f"{name}={value}" for name, value in one["selector"].items() if value is not None) or "all"
    pending = one["pending"]["value"] if one["pending"] else ""
    fields = (one["id"], one["node"], one["metric"], selector, one["value"], one["unit"], pending)
    return [*fields, one["enforcement"], one["version"]]


@limits.command("list")
@click.option("--node", help="Only at this node.")
@click.option("--metric", help="Only of this metric.")
@json_option
@api_options
def list_limits(node: str | None, metric: str | None, as_json: bool, client: Callable[[], Client]) -> None:
    """Limits in force."""
    with client() as api:
        answer = api.get("/v1/limits", node=node, metric=metric)
    say_age(answer)
    rows = [_limit_row(one) for one in answer["limits"]]
    show("limits", answer, as_json, lambda: print_table("Limits", LIMIT_COLUMNS, rows))


@limits.command("show")
@click.argument("limit", type=click.IntRange(1))
@json_option
@api_options
def show_limit(limit: int, as_json: bool, client: Callable[[], Client]) -> None:
    """One limit, its parts, and where it stands in every region."""
    with client() as api:
        answer = api.get(f"/v1/limits/{limit}")
        answer["propagation"] = api.get(f"/v1/propagation/limits/{limit}")["regions"]
    say_age(answer)

    def for_people() -> None:
        one = answer["limit"]
        print_table(f"Limit {limit}", LIMIT_COLUMNS, [_limit_row(one)])
        if one["parts"]:
            rows = [[holder, part["upper"], part["lower"]] for holder, part in one["parts"].items()]
            print_table("Parts", ["holder", "upper", "lower"], rows)
        _print_regions(answer["propagation"])

    show("limit", answer, as_json, for_people)


def _print_regions(regions: Sequence[dict[str, Any]]) -> None:
    rows = [[one["region"], one["state"], one["wanted_revision"], one["revision"], one["input"], one["why"]]
            for one in regions]  # fmt: skip
    print_table("Regions", ["region", "state", "wanted", "revision", "input", "why"], rows)


@limits.command("set")
@click.argument("limit", type=click.IntRange(1))
@click.argument("value", required=False)
@click.option("--part", "parts", multiple=True, metavar="HOLDER=VALUE", help="A holder's part; all of them or none.")
@click.option("--soft-percent", type=click.IntRange(0, 100), help="Where it begins to warn; 0: nowhere.")
@click.option("--version", type=click.IntRange(1), help="The version that was read; default: the one that is there.")
@reason_option
@wait_option
@json_option
@api_options
def set_limit(
    limit: int,
    value: str | None,
    parts: Sequence[str],
    soft_percent: int | None,
    version: int | None,
    reason: str,
    wait: float,
    as_json: bool,
    client: Callable[[], Client],
) -> None:
    """Change a limit. Tightening is done at once; loosening waits for a second person."""
    body = {"value": value, "soft_percent": soft_percent, "parts": _pairs("part", parts) or None, "reason": reason}
    body = {name: one for name, one in body.items() if one is not None}
    with client() as api:
        version = version or api.get(f"/v1/limits/{limit}")["limit"]["version"]
        written = api.write("PUT", f"/v1/limits/{limit}", body, version=version)
        tell_written(written, f"limit {limit}")
        path = f"/v1/propagation/limits/{limit}"
        found = wait_for(api, path, wait) if written["applied"] else None
    finish("limit-set", written, found, wait, as_json)


@limits.command()
@click.argument("proposal", required=False)
@click.option("--refuse", is_flag=True, help="Refuse or withdraw it instead.")
@reason_option
@wait_option
@json_option
@api_options
def confirm(
    proposal: str | None, refuse: bool, reason: str, wait: float, as_json: bool, client: Callable[[], Client]
) -> None:
    """Confirm somebody else's PROPOSAL; without one: list those that wait."""
    with client() as api:
        if proposal is None:
            _list_proposals(api, as_json)
            return
        if refuse:
            written = api.write("POST", f"/v1/proposals/{quote(proposal, safe='')}/refuse", {"reason": reason})
        else:
            written = api.write("POST", f"/v1/proposals/{quote(proposal, safe='')}/confirm")
        tell_written(written, f"proposal {proposal}")
        path = _path_of(written["proposal"]["change"])
        found = wait_for(api, path, wait) if written["applied"] else None
    finish("confirmed", written, found, wait, as_json)


def _path_of(change: dict[str, Any]) -> str:
    if change["kind"] == "limit":
        return f"/v1/propagation/limits/{change['id']}"
    if change["kind"] == "restricted":
        return f"/v1/propagation/restricted/{quote(change['instrument'], safe='')}"
    kind = "permissions" if change["kind"] == "permission" else "kill"
    return propagation_path(kind, change["node"], change["selector"])


def propagation_path(kind: str, node: str, chosen: dict[str, Any]) -> str:
    """Where a kill or a permission stands in every region."""
    query = "&".join(f"{name}={quote(str(value), safe='')}" for name, value in chosen.items() if value is not None)
    return f"/v1/propagation/{kind}/{quote(node, safe='')}" + (f"?{query}" if query else "")


def _list_proposals(api: Client, as_json: bool) -> None:
    answer = api.get("/v1/proposals", state="open")
    rows = []
    for one in answer["proposals"]:
        change = one["change"]
        what = change.get("node") or change.get("instrument")
        if change["kind"] == "limit":
            what = f"limit {change['id']} {change['action']} {change['value']}"
        rows.append([one["id"], change["kind"], what, one["by"], one["reason"]])
    columns = ["proposal", "kind", "what", "by", "reason"]
    show("proposals", answer, as_json, lambda: print_table("Proposals", columns, rows))


@limits.command()
@click.argument("limit", type=click.IntRange(1))
@wait_option
@json_option
@api_options
def propagation(limit: int, wait: float, as_json: bool, client: Callable[[], Client]) -> None:
    """Where a limit stands in every region: revision, outcome, engine input. Exit code 1 when not in force everywhere."""
    path = f"/v1/propagation/limits/{limit}"
    with client() as api:
        found = wait_for(api, path, wait) or api.get(path)
    wrong = [] if found["in_force"] else [f"limit {limit} is not in force in every region: {_progress_line(found)}."]
    show("propagation", found, as_json, lambda: _print_regions(found["regions"]), errors=wrong)


@limits.command()
@click.option("--limit", type=click.IntRange(1), help="Only this limit.")
@click.option("--region", help="Only this region.")
@json_option
@api_options
def usage(limit: int | None, region: str | None, as_json: bool, client: Callable[[], Client]) -> None:
    """Use of every limit, region by region, with the age of what each region said."""
    with client() as api:
        answer = api.get("/v1/utilisation", limit=limit, region=region)
    say_age(answer)
    columns = [
        "limit",
        "region",
        "node",
        "metric",
        "instrument",
        "bound",
        "filled",
        "open",
        "free",
        "worst_case",
        "age_ms",
    ]
    rows = [[row[name] for name in columns] for row in answer["rows"]]
    show("usage", answer, as_json, lambda: print_table("Use", columns, rows))


@limits.command()
@click.argument("file", type=click.Path(dir_okay=False))
@click.option("--check", is_flag=True, help="Check the file and start nothing.")
@json_option
def serve(file: str, check: bool, as_json: bool) -> None:
    """Run the limits API as FILE says, until Ctrl-C."""
    from meridian.risk.api import server

    settings = server.load(Path(file))
    if check:
        if wrong := server.examine(settings):
            raise BadInput(wrong)
        show("limits-api", {"listen": settings.listen}, as_json, lambda: note(f"{file}: no errors"))
        return
    server.serve_until_signal(
        settings,
        lambda: show("limits-api", {"listen": settings.listen}, as_json, lambda: note(f"listens on {settings.listen}")),
    )


# Tokens.


@limits.group()
def token() -> None:
    """Tokens of the API: who may do what."""


tokens_option = click.option(
    "--tokens",
    type=click.Path(dir_okay=False),
    default="tokens.json",
    show_default=True,
    help="The API's file of tokens; only hashes are in it.",
)


@token.command("create")
@click.argument("name")
@click.option("--role", type=click.Choice(["viewer", "trader", "risk"]), required=True, help="What it may do.")
@click.option("--strategy", "strategies", multiple=True, help="A node that a trader may stop.")
@tokens_option
@json_option
def create_token(name: str, role: Any, strategies: Sequence[str], tokens: str, as_json: bool) -> None:
    """Make a token for NAME and print it, this once."""
    from meridian.risk.api import tokens as kept

    secret = kept.create(Path(tokens), name, role, list(strategies))
    show("token", {"name": name, "role": role, "token": secret}, as_json, lambda: print(secret))


@token.command("list")
@tokens_option
@json_option
def list_tokens(tokens: str, as_json: bool) -> None:
    """Who holds a token."""
    from meridian.risk.api import tokens as kept

    found = [one.model_dump(include={"name", "role", "strategies"}) for one in kept.existing(Path(tokens)).tokens]
    rows = [[one["name"], one["role"], ", ".join(one["strategies"])] for one in found]
    columns = ["name", "role", "strategies"]
    show("tokens", {"tokens": found}, as_json, lambda: print_table("Tokens", columns, rows))


@token.command("remove")
@click.argument("name")
@tokens_option
@json_option
def remove_token(name: str, tokens: str, as_json: bool) -> None:
    """Take NAME's token away, at once."""
    from meridian.risk.api import tokens as kept

    kept.remove(Path(tokens), name)
    show("token-removed", {"name": name}, as_json, lambda: note(f"{name} has no token any more"))


# Kill and re-arm.


@click.command()
@click.argument("node")
@click.option("--level", type=click.Choice(["K1", "K2", "K3", "K4"]), help="A preset of the three fields.")
@click.option("--new", "new_orders", type=click.Choice(["reduce_only", "none"]), help="What becomes of new orders.")
@click.option("--resting", type=click.Choice(["cancel_increasing", "cancel"]), help="What becomes of resting ones.")
@click.option("--flatten", is_flag=True, help="Close positions.")
@click.option(
    "--select", "selected", multiple=True, metavar="NAME=VALUE", help="instrument, venue, trader, ...: only these."
)
@click.option("--local", is_flag=True, help="Past the API: to this host's agents, else to the engines themselves.")
@click.option("--socket", "sockets", multiple=True, type=click.Path(), help="With --local: this socket.")
@reason_option
@wait_option
@json_option
@api_options
def kill(
    node: str,
    level: str | None,
    new_orders: str | None,
    resting: str | None,
    flatten: bool,
    selected: Sequence[str],
    local: bool,
    sockets: Sequence[str],
    reason: str,
    wait: float,
    as_json: bool,
    client: Callable[[], Client],
) -> None:
    """Stop NODE and all below it: at once, by one person. Default: level K3, no new orders and all resting ones cancelled."""
    own = {"new_orders": new_orders, "resting": resting, "flatten": flatten or None}
    body: dict[str, Any] = {name: value for name, value in own.items() if value is not None}
    if level or not body:
        body["level"] = level or "K3"
    body |= {"selector": selector(selected), "reason": reason}
    if local:
        _kill_locally(node, body, sockets, as_json)
        return
    with client() as api:
        written, found = stop(api, node, body, wait)
    finish("kill", written, found, wait, as_json)


def stop(api: Client, node: str, body: dict[str, Any], wait: float) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """Kills a node as `body` says and waits so many seconds for it; what the API said, and where it stands then."""
    written = api.write("POST", f"/v1/kill/{quote(node, safe='')}", body)
    for region, said in written["handed_over"].items():
        note(f"{region}: {said}")
    if written["handed_over"]:
        note("; ".join(written["why"]))
        return written, None
    note(f"{node}: stopped at revision {written['revision']}")
    return written, wait_for(api, propagation_path("kill", node, body["selector"]), wait)


def _kill_locally(node: str, body: dict[str, Any], sockets: Sequence[str], as_json: bool) -> None:
    import asyncio
    import getpass
    import time

    from pydantic import ValidationError

    from meridian.risk import local_kill
    from meridian.risk.api import kills
    from meridian.risk.api.errors import Refused, problems_of
    from meridian.risk.api.models import KillRequest
    from meridian.risk.api.values import Kill

    try:
        request = KillRequest.model_validate(body)
        new, resting, flatten = kills.wanted(request)
    except ValidationError as error:
        raise BadInput(one.sentence for one in problems_of(KillRequest, error)) from None
    except Refused as error:
        raise BadInput(one.sentence for one in error.body.errors) from None
    named = [local_kill.Place(name=path, socket=Path(path), engine=None) for path in sockets]
    where = named or list(local_kill.places())
    if not where:
        raise Unreachable("no region runs on this host; name its socket with --socket.")
    asked = Kill(
        node=node,
        selector=request.selector,
        new_orders=new,
        resting=resting,
        flatten=flatten,
        version=0,
        reason=request.reason,
        by=getpass.getuser(),
        at_ns=time.time_ns(),
    )
    said = asyncio.run(local_kill.stop_all(where, asked))
    answers = {name: {"taken": taken, "said": sentence} for name, (taken, sentence) in said.items()}
    rows = [[name, one["taken"], one["said"]] for name, one in answers.items()]
    columns = ["region", "taken", "said"]
    wrong = [f"{name}: {sentence}" for name, (taken, sentence) in said.items() if not taken]
    wrong = ["not every region has taken it.", *wrong] if wrong else []
    show("kill-local", {"regions": answers}, as_json, lambda: print_table("Regions", columns, rows), errors=wrong)


@click.command()
@click.argument("node")
@click.option("--select", "selected", multiple=True, metavar="NAME=VALUE", help="As it was stopped.")
@click.option("--reason", required=True, help="Why.")
@json_option
@api_options
def rearm(node: str, selected: Sequence[str], reason: str, as_json: bool, client: Callable[[], Client]) -> None:
    """Propose to let NODE go on; a second person confirms with `meridian limits confirm`."""
    body = {"selector": selector(selected), "reason": reason}
    with client() as api:
        written = api.write("POST", f"/v1/rearm/{quote(node, safe='')}", body)
    tell_written(written, node)
    show("rearm", {"written": written}, as_json, lambda: None)


def show_positions(client: Callable[[], Client], as_json: bool) -> None:
    """`meridian positions --all-regions`."""
    with client() as api:
        answer = api.get("/v1/positions")
    say_age(answer)

    def for_people() -> None:
        rows = [
            [row["account"], row["instrument"], row["lots"], row["open_buy"], row["open_sell"],
             ", ".join(f"{region} {lots}" for region, lots in row["by_region"].items())]
            for row in answer["rows"]
        ]  # fmt: skip
        print_table("Positions", ["account", "instrument", "lots", "open buy", "open sell", "regions"], rows)
        parts = [[one["region"], one["watermark"], one["age_ms"], one["stale"]] for one in answer["regions"]]
        print_table("Regions", ["region", "watermark", "age ms", "stale"], parts)

    show("positions-all-regions", answer, as_json, for_people)
    if any(one["stale"] for one in answer["regions"]):
        note("a region's part is old or missing; the sums are as old as the oldest part")


COMMANDS: list[click.Command] = [limits, kill, rearm]


def _add_rules() -> None:
    from meridian.risk.rules_cli import RULES

    for command in RULES:
        limits.add_command(command)


_add_rules()
