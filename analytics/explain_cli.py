"""`meridian explain`: one order from the packet that led to it to its end."""

from __future__ import annotations

from typing import Any

import click

from meridian.console import json_option, print_table, show

BYTES_SHOWN = 32
SHOWN = {
    "input": ("kind", "venue", "channel", "sequence", "bytes"),
    "book": ("instrument", "venue", "bid", "ask"),
    "decision": ("slot", "callback"),
    "command": ("kind", "order_id", "side", "price_nanos", "lots"),
    "wire": ("kind", "order_id", "text", "bytes"),
    "report": ("event", "order_id", "price_nanos", "lots", "leaves_lots", "reason"),
}
"""What a person is shown of each step."""


@click.command("explain")
@click.argument("order")
@click.option("--run", "path", type=click.Path(file_okay=False), help="The run's directory; the latest run without it.")
@json_option
def explain(order: str, path: str | None, as_json: bool) -> None:
    """One ORDER's way: packet, book, decision, checks, bytes, answers, fills, and the nanoseconds between.

    ORDER is our id, the id that the venue was told, the venue's own reference, or the order's number in its engine.
    """
    from meridian.analytics import explain as room

    told = room.explain(room.find(order, path))
    show("explain", told, as_json, lambda: _print(told))


def _print(told: dict[str, Any]) -> None:
    rows = []
    for step in told["steps"]:
        if step["step"] == "checks":
            rows += [
                [step["after_ns"] if at == 0 else 0, "check",
                 f"{one['check']} of {one['node']}: {one['observed']} of {one['bound']} (limit {one['limit']})"]
                for at, one in enumerate(step["checks"])
            ]  # fmt: skip
            continue
        rows.append([step["after_ns"], step["step"], ", ".join(_words(step))])
        rows += [[0, "intent", ", ".join(_pairs(one, tuple(one)))] for one in step.get("intents", ())]
    chain = " → ".join(str(one) for one in told["chain"])
    print_table(f"Order {told['order_id']} ({told['client_id']}) of {told['run']}: {chain}", ["+ns", "step", ""], rows)


def _words(step: dict[str, Any]) -> list[str]:
    best = {side: _level(step[f"{side}s"]) for side in ("bid", "ask")} if step["step"] == "book" else {}
    return _pairs(step | best, SHOWN.get(step["step"], ()))


def _level(levels: list[list[int]]) -> str:
    return f"{levels[0][1]} at {levels[0][0]}" if levels else "none"


def _pairs(one: dict[str, Any], keys: tuple[str, ...]) -> list[str]:
    # The message in letters says the bytes.
    shown = [key for key in keys if key in one and not (key == "bytes" and "text" in one)]
    return [f"{key} {_short(key, one[key])}" for key in shown if one[key] not in ("", None)]


def _short(key: str, value: Any) -> str:
    text = str(value)
    return f"{text[:BYTES_SHOWN]}…" if key == "bytes" and len(text) > BYTES_SHOWN else text
