"""`meridian up | down | status | top`: runs of topologies on this host."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from meridian.console import (
    BadInput,
    CheckFailed,
    FiniteRange,
    Unreachable,
    json_option,
    note,
    print_json,
    print_table,
    show,
)
from meridian.deploy import platform_cli
from meridian.deploy.demo.cli import demo
from meridian.deploy.handover_cli import hand_over
from meridian.deploy.release_cli import release, roll
from meridian.deploy.session_cli import session
from meridian.deploy.spare.cli import spare
from meridian.deploy.strategy_cli import strategy

if TYPE_CHECKING:
    from meridian.deploy.region import Loaded
    from meridian.deploy.runs import Run

WAIT_SECONDS_MAX = 40.0
PAUSED_SECONDS_MAX = 3.0
"""A supervisor that is still paused so long after it was told to go on is held by somebody."""


def _load(path: str) -> Loaded:
    from meridian.deploy.region import load

    return load(path)


def _run(name: str | None) -> Run:
    from meridian.deploy import endings, runs

    found = list(runs.runs())
    ended = [one.sentence() for one in endings.endings() if name in (None, one.name)]
    if name is not None:
        for run in found:
            if run.name == name:
                return run
        up_now = ", ".join(run.name for run in found) or "none"
        raise Unreachable([f'run "{name}": is not up; up are {up_now}', *ended])
    if not found:
        raise Unreachable(["no run is up; start one with `meridian up TOPOLOGY`", *ended])
    if len(found) > 1:
        raise BadInput(f"several runs are up; name one of {', '.join(run.name for run in found)}")
    return found[0]


@click.command()
@click.argument("topology", type=click.Path(dir_okay=False), required=False)
@click.option("--regions", help="Several regions under one hand: topologies by name or path, separated by commas.")
@click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    help="With --regions: where store, tokens and journals last; default: ~/.local/share/meridian.",
)
@platform_cli.site_options
@click.option("--detach", is_flag=True, help="Return once everything runs; `meridian down` stops it.")
@click.option("--check", "check_only", is_flag=True, help="Validate the topology and start nothing.")
@json_option
def up(
    topology: str | None,
    regions: str | None,
    data: Path | None,
    detach: bool,
    check_only: bool,
    as_json: bool,
    **at: Any,
) -> None:
    """Start a topology, or regions with the store, the limits API and the line between them; watch until Ctrl-C."""
    if (topology is None) == (regions is None):
        raise BadInput("TOPOLOGY or --regions: needed is one of them")
    if regions is not None:
        named = platform_cli.Sited(**at)
        platform_cli.up_regions(regions, data, named, detach=detach, check_only=check_only, as_json=as_json)
        return
    if any(at.values()):
        raise BadInput("--site, --store, --store-certificates, --take-over: go with --regions")
    if data is not None:
        raise BadInput("--data: goes with --regions; a topology names its own data_directory")
    assert topology is not None, "one of both is given"
    loaded = _load(topology)
    about = loaded.topology
    if check_only:
        strategies = [slot.name for slot in loaded.region.slots] if loaded.region else []
        facts = {"name": about.name, "processes": about.process_names(), "tiles": list(about.tiles)}
        facts["strategies"] = strategies
        count = f"{len(about.tiles)} tiles, {len(strategies)} strategies, no errors"
        show("topology", facts, as_json, lambda: note(f"{topology}: {count}"))
        return
    if pairs := [name for name, tile in about.tiles.items() if tile.standby is not None]:
        raise BadInput(
            f"tiles.{pairs[0]}.standby: nobody is promoted without a store; start it with `meridian up --regions {topology}`, or "
            "leave the standby out"
        )
    if detach:
        _detach([topology], topology, as_json)
        return
    _foreground(loaded, as_json)


def _foreground(loaded: Loaded, as_json: bool) -> None:
    from meridian.deploy.rolling import Roller
    from meridian.deploy.specs import exchanges_of
    from meridian.deploy.supervisor import CannotStart, Interrupted, Supervisor

    supervisor = Supervisor(loaded.topology, loaded.region)
    roller = Roller(supervisor, None) if exchanges_of(supervisor.topology) else None
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
        show("run", run.facts(), as_json, lambda: note(f"{run.name} is up{metrics}; Ctrl-C stops it"))
        if roller is not None:
            roller.start()
        supervisor.watch()
    finally:
        if roller is not None:
            roller.stop()
        supervisor.stop()
        if loaded.region is not None:
            failures = supervisor.failures
            loaded.region.write_record(place, started_ns=started_ns, ended_ns=time.time_ns(), failures=failures)
    if supervisor.failures:
        raise CheckFailed(supervisor.failures)


def _detach(arguments: list[str], what: str, as_json: bool) -> None:
    from meridian.deploy.detached import start

    (run,) = start(arguments, what, 1)
    show("run", run.facts(), as_json, lambda: note(f"{run.name} is up"))


@click.command()
@click.argument("name", required=False)
@click.option("--run", "run_name", metavar="RUN", help="Which run, by its name or its directory; as NAME does.")
@json_option
def down(name: str | None, run_name: str | None, as_json: bool) -> None:
    """Stop a run and wait until nothing of it is left; clear what a killed one left."""
    from meridian.deploy import runs

    name = _named(name, run_name)
    if _cleared(name, as_json):
        return
    # Regions under one hand are one to stop: whichever is named, all of them go down.
    first = next(runs.runs(), None) if name is None else None
    one_hand = first is not None and len({run.supervisor_pid for run in runs.runs()}) == 1
    run = first if one_hand and first is not None else _run(name)
    together = [one for one in runs.runs() if one.supervisor_pid == run.supervisor_pid]
    _end(run, together)
    names = ", ".join(one.name for one in together)
    value = {"name": run.name, "cleared": [], "runs": [one.name for one in together]}
    show("down", value, as_json, lambda: note(f"{names} {'are' if len(together) > 1 else 'is'} down"))


def _named(name: str | None, run_name: str | None) -> str | None:
    """The run that NAME or --run means; a directory means the run that has it. Raises BadInput."""
    from meridian.deploy import runs

    if name is not None and run_name is not None:
        raise BadInput(f"NAME = {name} and --run {run_name}: allowed is one of them")
    given = name if run_name is None else run_name
    if given is None or os.sep not in given:
        return given
    directory, root = Path(given).resolve(), runs.root().resolve()
    if directory.parent != root or not directory.is_dir():
        raise BadInput(f"--run {given}: is not the directory of a run; those of this user lie in {root}")
    return directory.name


def _cleared(name: str | None, as_json: bool) -> bool:
    """Takes away what a killed run left, or the word of one that ended by itself; False where a run is to be stopped."""
    from meridian.deploy import endings, runs

    if name is None and any(runs.runs()):
        return False
    left = [one.name for one in runs.leftovers() if name in (None, one.name)]
    cleared = [one for one in left if runs.clear(one)]
    ended = [one for one in endings.endings() if name in (None, one.name)]
    forgotten = [one.name for one in ended if endings.forget(Path(one.run_directory))]
    if not cleared and not forgotten:
        return False

    def for_people() -> None:
        if cleared:
            note(f"{', '.join(cleared)}: its supervisor was gone already; what it left is cleared")
        for one in ended:
            note(one.sentence())

    names = list(dict.fromkeys([*cleared, *forgotten]))
    show("down", {"name": name or names[0], "cleared": names}, as_json, for_people)
    return True


def _end(run: Run, together: list[Run]) -> None:
    """Asks the supervisor of these runs to stop and waits until it has. Raises CheckFailed when it does not."""
    from meridian.deploy import runs
    from meridian.deploy.condition import state_of

    pid = run.supervisor_pid
    os.kill(pid, signal.SIGTERM)
    if state_of(pid) == "paused":
        note(f"its supervisor (process {pid}) is paused: it goes on, to stop")
        os.kill(pid, signal.SIGCONT)
    started = time.monotonic()
    while any(runs.alive(Path(one.run_directory)) for one in together):
        waited = time.monotonic() - started
        held = waited > PAUSED_SECONDS_MAX and state_of(pid) == "paused"
        if held or waited > WAIT_SECONDS_MAX:
            why = "is held by a debugger or paused again" if held else f"does not stop within {WAIT_SECONDS_MAX:.0f} s"
            raise CheckFailed(
                f"run {run.name}: its supervisor (process {pid}) {why}; `kill -9 {pid}` ends it and all that it runs, then "
                "`meridian down` clears what is left"
            )
        time.sleep(0.05)


@click.command()
@click.argument("name", required=False)
@json_option
def status(name: str | None, as_json: bool) -> None:
    """Runs of this user: processes, store, agents, kills in force, what is wrong with any of them; which ended by themselves."""
    from meridian.deploy import condition, endings, runs, view
    from meridian.release import shown

    left = [one for one in runs.leftovers() if name in (None, one.name)]
    ended = [one for one in endings.endings() if name in (None, one.name)]
    found = [_run(name)] if name and not left and not ended else list(runs.runs()) if not name else []
    of_platforms = {about["run"] for run in found for about in run.failed.values()}
    value = {
        "runs": [run.facts() | {"processes": view.processes(run)} | condition.described(run) for run in found],
        "supervisors": condition.supervisors(found),
        "left": [asdict(one) for one in left],
        # A region's of a platform that is up stands there, with what it means for the others.
        "ended": [asdict(one) | {"sentence": one.sentence()} for one in ended if one.name not in of_platforms],
    }

    def for_people() -> None:
        rows = [
            [
                run["name"],
                run["state"],
                *(process[key] for key in ("name", "pid", "alive", "ready", "restarts")),
                "" if process["release"] is None else shown(process["release"]),
                process["reserve"] or "",
            ]
            for run in value["runs"]
            for process in run["processes"]
        ]
        columns = ["run", "state", "process", "pid", "alive", "ready", "restarts", "release", "reserve"]
        if not any(row[-1] for row in rows):
            columns, rows = columns[:-1], [row[:-1] for row in rows]
        print_table("Runs", columns, rows)
        for one in left:
            size = f"{one.shared_bytes:,} bytes in {one.shared_directory}"
            note(f"left by {one.name}, whose supervisor was killed: {size}; `meridian down {one.name}` clears it")
        for end in value["ended"]:
            note(f"{end['sentence']}; `meridian down {end['name']}` forgets it")
        for supervisor in value["supervisors"]:
            for line in supervisor["sentences"]:
                note(line)
        for run in value["runs"]:
            for line in condition.told(run):
                note(line)

    show("status", value, as_json, for_people)


@click.command()
@click.argument("name", required=False)
@click.option("--interval", type=FiniteRange(0.1, 60), default=1.0, show_default=True, help="Seconds between looks.")
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


COMMANDS: list[click.Command] = [up, down, status, top, demo, strategy, session, hand_over, release, roll, spare]
