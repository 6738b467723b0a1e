"""`meridian strategy new | check | signal | available`: what a quant asks before a strategy trades.

The group is open: the running platform adds `list`, `start`, `stop` and `set` by a group of the same name in its room.

Invariant: exit code 0 means that every class can be loaded and no call of the check differed between the modes.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from meridian.console import json_option, note, print_table, show
from meridian.strategies.backtest.cli import backtest
from meridian.strategies.sweep.cli import sweep

if TYPE_CHECKING:
    from meridian.strategies.check import Report


@click.group()
def strategy() -> None:
    """Strategies: check, find, and run them."""


@strategy.command("check")
@click.argument("spec", metavar="FILE[:CLASS]")
@json_option
def check_command(spec: str, as_json: bool) -> None:
    """Checks strategies as an engine would take them: by file, by module:Class, or by a plugin's name.

    Reports what is refused by file and line; else memory taken (none: what would take any is refused with its line), fuel,
    time and orders of each callback, on random views. A call that
    fails on such views is listed and is no error, since real views may never look so; a callback that always fails is one.
    """
    from meridian.strategies import StrategyRefused
    from meridian.strategies.check import check
    from meridian.strategies.guard import classes_guarded

    found = classes_guarded(spec)
    reports: list[Report] = []
    errors: list[str] = []
    for cls in found:
        try:
            reports.append(check(cls))
        except StrategyRefused as refused:
            errors += refused.errors
    errors += [
        f"{report.name}: {report.differences} calls differ between plain and compiled; please report it."
        for report in reports
        if report.differences
    ]
    errors += [
        f"{report.name}.{each.callback}: each of {each.calls} calls failed: {'; '.join(each.failures)}."
        for report in reports
        for each in report.callbacks
        if each.calls and each.failed == each.calls
    ]
    value = {"strategies": [_described(report) for report in reports], "errors": errors}
    show("strategy_check", value, as_json, lambda: None if errors else _print(reports), errors=errors)


@strategy.command("new")
@click.argument("name")
@click.option(
    "--directory", type=click.Path(path_type=Path, file_okay=True), default=Path(), help="Where; here by default."
)
@click.option("--from", "example", default="", metavar="EXAMPLE", help="Start from an example, such as pairs.")
@json_option
def new_command(name: str, directory: Path, example: str, as_json: bool) -> None:
    """Makes a plugin and a test for it, which passes as it stands. NAME: small letters, digits, dashes.

    Examples: inventory-maker, cross-taker, pairs, order-flow, futures-basis, opening-auction.
    """
    from meridian.strategies.new import make

    made = make(name, directory, example)
    test = f"python -m pytest {made.test}"
    value = {"name": made.name, "class": made.cls, "plugin": str(made.plugin), "test": str(made.test), "run": test}
    show("strategy_new", value, as_json, lambda: note(f"{made.plugin} and {made.test} are made; run: {test}"))


@strategy.command("signal")
@click.argument("name")
@click.argument("model", type=click.Path(path_type=Path))
@click.option("--directory", type=click.Path(path_type=Path), default=Path(), help="Where; here by default.")
@json_option
def signal_command(name: str, model: Path, directory: Path, as_json: bool) -> None:
    """Makes a plugin that publishes a model's score on the channel NAME. MODEL: a JSON file, linear or trees."""
    from meridian.strategies.signals import generate
    from meridian.strategies.signals.model import load

    loaded = load(model)
    made = generate.write(loaded, name, model, directory)
    value = {"name": name, "plugin": str(made), "kind": loaded.kind, "features": list(loaded.features)}
    show("strategy_signal", value, as_json, lambda: note(f"{made} is made; run: meridian strategy check {made}"))


@strategy.command("available")
@json_option
def available_command(as_json: bool) -> None:
    """Lists the plugins that can be asked for by name, with the version of the plugin API that each declares."""
    from meridian.strategies import discover
    from meridian.strategies.api import API_FIRST, API_LAST

    plugins = [
        {"name": each.name, "class": each.target, "from": each.origin, "api": each.api} for each in discover.available()
    ]
    rows = [list(each.values()) for each in plugins]
    show(
        "strategy_available",
        {"plugins": plugins, "api": {"first": API_FIRST, "last": API_LAST}},
        as_json,
        lambda: print_table("Plugins", ["name", "class", "from", "api"], rows),
    )


def _described(report: Report) -> dict[str, Any]:
    artifact = report.artifact
    return {
        "name": report.name,
        "api": artifact.api,
        "code_hash": artifact.code_hash,
        "record_bytes": artifact.record_bytes,
        "parameters": [dict(parameter) for parameter in artifact.parameters],
        "allocates": False,
        "callbacks": [
            {
                "callback": each.callback, "allocates": "none", "calls": each.calls, "call_ns": round(each.call_ns, 1),
                "fuel_max": each.fuel_max, "intents_max": each.intents_max, "failures": list(each.failures),
            }
            for each in report.callbacks
        ],
    }  # fmt: skip


def _print(reports: list[Report]) -> None:
    for report in reports:
        rows = [
            [
                each.callback,
                "none",
                f"{each.call_ns:.0f}",
                each.fuel_max,
                each.intents_max,
                "; ".join(each.failures) or "none",
            ]
            for each in report.callbacks
        ]
        hash_shown = report.artifact.code_hash[:16]
        title = f"{report.name}: loads, no allocation, {report.artifact.record_bytes} bytes a slot, code {hash_shown}"
        print_table(
            title, ["callback", "allocates", "ns a call", "loop turns", "orders", "failed on random views"], rows
        )


COMMANDS = [strategy, backtest, sweep]
