"""`meridian strategy list | start | stop | disable | set`: the strategies and executors of a running engine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from meridian.console import BadInput, json_option, note, print_table, show

if TYPE_CHECKING:
    from meridian.deploy.strategies import RunningEngine

run_option = click.option("--run", "run_name", help="Which run, where several are up.")


@click.group()
def strategy() -> None:
    """Strategies: check, find, and run them."""


def _engine(name: str | None) -> RunningEngine:
    from meridian.deploy.strategies import RunningEngine

    return RunningEngine.find(name)


@strategy.command("list")
@run_option
@json_option
def list_command(run_name: str | None, as_json: bool) -> None:
    """Shows the strategies of a running engine and their states."""
    from meridian import records
    from meridian.deploy.executors import EXECUTOR

    engine = _engine(run_name)
    states, parameters = engine.states(), engine.parameters()
    rows: list[dict[str, Any]] = []
    for slot in engine.slots():
        state = states.get(slot.number)
        # A slot stands still until it is started, and says nothing of it.
        run = records.SlotRun(int(state["run"])).name.lower() if state is not None else "stopped"
        reason = (
            records.CallStatus(int(state["status"])).name.lower() if state is not None and int(state["status"]) else ""
        )
        listings = ", ".join(f"{one['instrument']} {one['venue']}" for one in slot.listings)
        of, api = (EXECUTOR, None) if slot.artifact is None else (slot.artifact.name, slot.artifact.api)
        rows.append(
            {"name": slot.name, "slot": slot.number, "class": of, "state": run, "reason": reason}
            | {"listings": listings, "parameters": parameters[slot.number], "api": api}
        )
    columns = ["name", "slot", "class", "api", "state", "reason", "listings"]
    show(
        "strategies",
        {"strategies": rows},
        as_json,
        lambda: print_table("Strategies", columns, [[str(row[column]) for column in columns] for row in rows]),
    )


@strategy.command("start")
@click.argument("name")
@click.option("--quarantined", is_flag=True, help="Also where its code has ended the engine's process.")
@run_option
@json_option
def start_command(name: str, quarantined: bool, run_name: str | None, as_json: bool) -> None:
    """Starts a stopped or disabled strategy: its state is fresh but for what it keeps, which is as it was saved.

    One in quarantine has ended its engine's process: as it is, it is started with --quarantined alone, and may do so again.
    An executor takes legs of the engine that it serves again.
    """
    _control(name, run_name, as_json, start=True, quarantined=quarantined)


@strategy.command("stop")
@click.argument("name")
@run_option
@json_option
def stop_command(name: str, run_name: str | None, as_json: bool) -> None:
    """Stops a strategy and takes its orders back."""
    _control(name, run_name, as_json, start=False)


def _control(name: str, run_name: str | None, as_json: bool, *, start: bool, quarantined: bool = False) -> None:
    from meridian.deploy.strategies import new_request, start_stop

    engine = _engine(run_name)
    slot, done = engine.slot(name), "started" if start else "stopped"
    if start and not quarantined and engine.quarantined(slot):
        raise BadInput(
            f"NAME = {name}: is in quarantine, its code ended the engine's process; allowed once it has other code, or with "
            "--quarantined, which calls it again as it is"
        )
    if engine.runs(slot) == start:
        value = {"strategy": name, "done": f"already {done}", "in_force_at_input": None}
        show("strategy-command", value, as_json, lambda: note(f"{name} is {done} already; nothing was sent"))
        return
    request = new_request()
    sequence = engine.command(start_stop(slot, request, start=start, quarantined=quarantined), request)
    show(
        "strategy-command",
        {"strategy": name, "done": done, "in_force_at_input": sequence},
        as_json,
        lambda: note(f"{name} {done}, in force at input {sequence:,}"),
    )


@strategy.command("disable")
@click.argument("name")
@run_option
@json_option
def disable_command(name: str, run_name: str | None, as_json: bool) -> None:
    """Disables a strategy or an executor until it is started: its orders are taken back, nothing is sent for it any more.

    For legs whose other engine is gone for good: an executor that is stopped still unwinds what they filled, and holds the
    reserve for it; one that is disabled lets go of that reserve. What filled stays in its position.
    """
    from meridian.deploy.strategies import disable, new_request

    engine = _engine(run_name)
    slot = engine.slot(name)
    if engine.runs(slot) is None:
        value = {"strategy": name, "done": "already disabled", "in_force_at_input": None}
        show("strategy-command", value, as_json, lambda: note(f"{name} is disabled already; nothing was sent"))
        return
    request = new_request()
    sequence = engine.command(disable(slot, request), request)
    show(
        "strategy-command",
        {"strategy": name, "done": "disabled", "in_force_at_input": sequence},
        as_json,
        lambda: note(f"{name} disabled, in force at input {sequence:,}; meridian strategy start {name} enables it"),
    )


@strategy.command("set")
@click.argument("name")
@click.argument("assignments", metavar="PARAMETER=VALUE...", nargs=-1, required=True)
@run_option
@json_option
def set_command(name: str, assignments: tuple[str, ...], run_name: str | None, as_json: bool) -> None:
    """Sets parameters of a strategy: while it runs, those that its class declares live; while it is stopped, any."""
    from meridian.deploy.strategies import new_request, settings

    if wrong := [f"{text}: must be PARAMETER=VALUE" for text in assignments if "=" not in text]:
        raise BadInput(wrong)
    engine = _engine(run_name)
    values = dict(text.split("=", 1) for text in assignments)
    request = new_request()
    slot = engine.slot(name)
    sequence = engine.command(settings(slot, values, request, runs=engine.runs(slot) is True), request)
    show(
        "strategy-command",
        {"strategy": name, "done": "set", "in_force_at_input": sequence, "parameters": values},
        as_json,
        lambda: note(f"{name}: {', '.join(assignments)}, in force at input {sequence:,}"),
    )
