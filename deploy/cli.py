"""`meridian up | down | status | top`: runs of topologies on this host."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from meridian.console import (
    EXIT_BAD_INPUT,
    EXIT_UNREACHABLE,
    BadInput,
    CheckFailed,
    Unreachable,
    json_option,
    note,
    print_json,
    print_table,
    show,
)
from meridian.deploy.demo.cli import demo
from meridian.deploy.strategy_cli import strategy

if TYPE_CHECKING:
    from meridian.deploy.region import Loaded
    from meridian.deploy.runs import Run

WAIT_SECONDS_MAX = 40.0


def _load(path: str) -> Loaded:
    from meridian.deploy.region import load

    return load(path)


def _run(name: str | None) -> Run:
    from meridian.deploy import runs

    found = list(runs.runs())
    if name is not None:
        for run in found:
            if run.name == name:
                return run
        raise Unreachable(f'run "{name}": is not up; up are {", ".join(run.name for run in found) or "none"}')
    if not found:
        raise Unreachable("no run is up; start one with `meridian up TOPOLOGY`")
    if len(found) > 1:
        raise BadInput(f"several runs are up; name one of {', '.join(run.name for run in found)}")
    return found[0]


def _described(run: Run) -> dict[str, Any]:
    return {
        "name": run.name,
        "topology": run.topology,
        "state": run.state,
        "supervisor_pid": run.supervisor_pid,
        "run_directory": run.run_directory,
        "data_directory": run.data_directory,
        "metrics_port": run.metrics_port,
        "ports": run.ports,
    }


@click.command()
@click.argument("topology", type=click.Path(dir_okay=False))
@click.option("--detach", is_flag=True, help="Return once everything runs; `meridian down` stops it.")
@click.option("--check", "check_only", is_flag=True, help="Validate the topology and start nothing.")
@json_option
def up(topology: str, detach: bool, check_only: bool, as_json: bool) -> None:
    """Start a topology and watch over it until Ctrl-C."""
    loaded = _load(topology)
    about = loaded.topology
    if check_only:
        strategies = [slot.name for slot in loaded.region.slots] if loaded.region else []
        facts = {"name": about.name, "processes": about.process_names(), "tiles": list(about.tiles)}
        facts["strategies"] = strategies
        count = f"{len(about.tiles)} tiles, {len(strategies)} strategies, no errors"
        show("topology", facts, as_json, lambda: note(f"{topology}: {count}"))
        return
    if detach:
        _detach(topology, as_json)
        return
    _foreground(loaded, as_json)


def _foreground(loaded: Loaded, as_json: bool) -> None:
    from meridian.deploy.supervisor import CannotStart, Interrupted, Supervisor

    supervisor = Supervisor(loaded.topology, loaded.region)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: supervisor.ask())
    started_ns = time.time_ns()
    try:
        supervisor.start()
    except Interrupted:
        raise KeyboardInterrupt from None
    except CannotStart as error:
        raise CheckFailed(error.errors) from None
    place = supervisor.places.data_directory.parent
    try:
        if loaded.region is not None:
            loaded.region.write_record(place, started_ns=started_ns)
        run = supervisor.run
        metrics = f"; metrics at http://127.0.0.1:{run.metrics_port}/metrics" if run.metrics_port else ""
        show("run", _described(run), as_json, lambda: note(f"{run.name} is up{metrics}; Ctrl-C stops it"))
        supervisor.watch()
    finally:
        supervisor.stop()
        if loaded.region is not None:
            failures = supervisor.failures
            loaded.region.write_record(place, started_ns=started_ns, ended_ns=time.time_ns(), failures=failures)
    if supervisor.failures:
        raise CheckFailed(supervisor.failures)


def _detach(topology: str, as_json: bool) -> None:
    from meridian.deploy import runs

    command = [sys.executable, "-m", "meridian", "up", topology, "--json"]
    before = {run.name for run in runs.runs()}
    child = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
        text=True,
    )
    try:
        _wait_for(child, topology, before, as_json)
    except KeyboardInterrupt:
        child.terminate()
        child.wait(WAIT_SECONDS_MAX)
        raise


def _wait_for(child: subprocess.Popen[str], topology: str, before: set[str], as_json: bool) -> None:
    """Waits until the run of this supervisor is up, and shows it."""
    from meridian.deploy import runs

    deadline = time.monotonic() + WAIT_SECONDS_MAX
    while time.monotonic() < deadline:
        if child.poll() is not None:
            _, errors = child.communicate()
            kind = {EXIT_BAD_INPUT: BadInput, EXIT_UNREACHABLE: Unreachable}.get(child.returncode, CheckFailed)
            raise kind([line.removeprefix("error: ") for line in errors.splitlines()] or "it ended at once")
        for run in runs.runs():
            if run.name not in before and run.supervisor_pid == child.pid and run.state == "running":
                show("run", _described(run), as_json, lambda run=run: note(f"{run.name} is up"))  # type: ignore[misc]
                return
        time.sleep(0.1)
    child.terminate()
    raise CheckFailed(f"{topology}: was not up after {WAIT_SECONDS_MAX:.0f} s")


@click.command()
@click.argument("name", required=False)
@json_option
def down(name: str | None, as_json: bool) -> None:
    """Stop a run and wait until nothing of it is left; clear what a killed one left."""
    from meridian.deploy import runs

    left = [one.name for one in runs.leftovers() if name in (None, one.name)]
    up_now = [run.name for run in runs.runs()]
    if left and (name is not None or not up_now):
        cleared = [one for one in left if runs.clear(one)]
        told = f"{', '.join(cleared)}: its supervisor was gone already; what it left is cleared"
        show("down", {"name": name or cleared[0], "cleared": cleared}, as_json, lambda: note(told))
        return
    run = _run(name)
    os.kill(run.supervisor_pid, signal.SIGTERM)
    deadline = time.monotonic() + WAIT_SECONDS_MAX
    while runs.alive(Path(run.run_directory)):
        if time.monotonic() > deadline:
            raise CheckFailed(f"run {run.name}: its supervisor (pid {run.supervisor_pid}) does not stop")
        time.sleep(0.05)
    show("down", {"name": run.name, "cleared": []}, as_json, lambda: note(f"{run.name} is down"))


@click.command()
@click.argument("name", required=False)
@json_option
def status(name: str | None, as_json: bool) -> None:
    """Runs of this user, their processes and tiles."""
    from meridian.deploy import runs, view

    left = [one for one in runs.leftovers() if name in (None, one.name)]
    found = [_run(name)] if name and not left else list(runs.runs()) if not name else []
    value = {
        "runs": [_described(run) | {"processes": view.processes(run), "agents": view.agents(run)} for run in found],
        "left": [asdict(one) for one in left],
    }

    def for_people() -> None:
        rows = [
            [run["name"], run["state"], *(process[key] for key in ("name", "pid", "alive", "ready", "restarts"))]
            for run in value["runs"]
            for process in run["processes"]
        ]
        print_table("Runs", ["run", "state", "process", "pid", "alive", "ready", "restarts"], rows)
        for one in left:
            size = f"{one.shared_bytes:,} bytes in {one.shared_directory}"
            note(f"left by {one.name}, whose supervisor was killed: {size}; `meridian down {one.name}` clears it")
        for run in value["runs"]:
            for agent in run["agents"]:
                note(f"{run['name']}: agent {agent['name']} of region {agent['region']}: store {agent['store']}")
                for sentence in agent["sentences"]:
                    note(f"  {sentence}")

    show("status", value, as_json, for_people)


@click.command()
@click.argument("name", required=False)
@click.option(
    "--interval", type=click.FloatRange(0.1, 60), default=1.0, show_default=True, help="Seconds between looks."
)
@click.option("--once", is_flag=True, help="Look for one interval, print, and end.")
@json_option
def top(name: str | None, interval: float, once: bool, as_json: bool) -> None:
    """Live table of a run: what every tile does, its counters and latencies."""
    from meridian.deploy import runs, view

    run = _run(name)
    look = view.Look(run)
    if once or as_json:
        time.sleep(interval)
        value = look.take()
        if as_json:
            print_json("top", value)
        else:
            view.print_look(value)
        return
    try:
        view.live(look, interval, lambda: runs.alive(Path(run.run_directory)))
    except KeyboardInterrupt:
        return


COMMANDS: list[click.Command] = [up, down, status, top, demo, strategy]
