"""`meridian strategy check | available`: what a quant asks before a strategy trades.

The group is open: the running platform adds `new`, `list`, `start`, `stop` and `set` by a group of the same name in its room.

Invariant: exit code 0 means that every class can be loaded and no call of the check differed between the modes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from meridian.console import BadInput, CheckFailed, json_option, print_table, show

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

    Reports what is refused by file and line; else fuel, time and orders of each callback, on random views. A call that
    fails on such views is listed and is no error: real views may never look so.
    """
    from meridian.strategies import ParameterError, StrategyRefused, discover
    from meridian.strategies.check import check

    try:
        found = discover.classes(spec)
    except discover.NotFound as error:
        raise BadInput(str(error)) from None
    except ParameterError as error:
        raise CheckFailed(error.errors) from None
    except SyntaxError as error:
        raise CheckFailed(f"{error.filename}:{error.lineno}: {error.msg}.") from None
    except SystemExit:
        raise CheckFailed(f"{spec}: it ends the process while it is read; a strategy's file must not.") from None
    except Exception as error:  # Whatever the quant's own file raises while it is read.
        raise CheckFailed(_raised(spec, error)) from None
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
    if not errors or as_json:
        value = {"strategies": [_described(report) for report in reports], "errors": errors}
        show("strategy_check", value, as_json, lambda: _print(reports))
    if errors:
        raise CheckFailed(errors)


@strategy.command("available")
@json_option
def available_command(as_json: bool) -> None:
    """Lists the plugins that can be asked for by name."""
    from meridian.strategies import discover

    plugins = [{"name": each.name, "class": each.target, "from": each.origin} for each in discover.available()]
    rows = [list(each.values()) for each in plugins]
    show(
        "strategy_available",
        {"plugins": plugins},
        as_json,
        lambda: print_table("Plugins", ["name", "class", "from"], rows),
    )


def _raised(spec: str, error: Exception) -> str:
    place = spec
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename.endswith(spec.partition(":")[0]):
            place = f"{spec.partition(':')[0]}:{trace.tb_lineno}"
        trace = trace.tb_next
    return f"{place}: {type(error).__name__}: {error}."


def _described(report: Report) -> dict[str, Any]:
    artifact = report.artifact
    return {
        "name": report.name,
        "code_hash": artifact.code_hash,
        "record_bytes": artifact.record_bytes,
        "parameters": [dict(parameter) for parameter in artifact.parameters],
        "allocates": False,
        "callbacks": [
            {
                "callback": each.callback, "calls": each.calls, "call_ns": round(each.call_ns, 1),
                "fuel_max": each.fuel_max, "intents_max": each.intents_max, "failures": list(each.failures),
            }
            for each in report.callbacks
        ],
    }  # fmt: skip


def _print(reports: list[Report]) -> None:
    for report in reports:
        rows = [
            [each.callback, f"{each.call_ns:.0f}", each.fuel_max, each.intents_max, "; ".join(each.failures) or "none"]
            for each in report.callbacks
        ]
        hash_shown = report.artifact.code_hash[:16]
        title = f"{report.name}: loads, no allocation, {report.artifact.record_bytes} bytes a slot, code {hash_shown}"
        print_table(title, ["callback", "ns a call", "loop turns", "orders", "failed on random views"], rows)


COMMANDS = [strategy]
