"""`meridian demo`: the main job, one command."""

from __future__ import annotations

import contextlib
import fcntl
import math
import os
import shutil
import signal
import sys
import time
from itertools import chain, count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from meridian.console import BadInput, CheckFailed, json_option, note, print_json

if TYPE_CHECKING:
    from meridian.deploy.demo.plan import Plan
    from meridian.deploy.supervisor import Supervisor

SCENARIOS = ("plain",)
RUNS_KEPT = 5
LOCK = "demo.lock"
SECONDS_MAX = 86_400
READY_SECONDS_MAX = 20.0
LOOK_SECONDS = 0.05
QUIET_SECONDS = 0.5
"""From the last cancel to the stop: many round trips."""


@click.command()
@click.option("--seconds", type=click.FloatRange(1, SECONDS_MAX), default=60, show_default=True, help="How long.")
@click.option("--flow", default="", help="Recorded flow, files or directories, separated by commas.")
@click.option("--scenario", type=click.Choice(SCENARIOS), default="plain", show_default=True, help="Which story.")
@click.option("--html", type=click.Path(dir_okay=False), help="Where the report page goes; default: beside the run.")
@json_option
def demo(seconds: float, flow: str, scenario: str, html: str | None, as_json: bool) -> None:
    """Trade on two stand-in venues in New York, on real or generated order flow, and report."""
    from meridian.deploy import runs

    paths = [Path(part.strip()) for part in flow.split(",") if part.strip()]
    wrong = [f"--flow = {path}: there is no such file or directory" for path in paths if not path.exists()]
    if flow and not paths:
        wrong.append(f'--flow = "{flow}": names no file or directory; without --flow the demo generates its flow')
    if math.isnan(seconds):
        wrong.append(f"--seconds = nan: must be a number from 1 to {SECONDS_MAX}")
    if html and not Path(html).absolute().parent.is_dir():
        wrong.append(f"--html = {html}: its directory does not exist")
    if wrong:
        raise BadInput(wrong)
    directory, lock = _claim(runs.own(runs.root()) / "demos")
    try:
        plan = _prepare(directory, paths, as_json)
    except BaseException:
        shutil.rmtree(directory, ignore_errors=True)  # Nothing ran.
        raise
    _trade(plan, seconds, as_json)
    _report(plan, Path(html) if html else directory / "report.html", as_json)
    os.close(lock)
    _forget_old(directory.parent)


def _claim(parent: Path) -> tuple[Path, int]:
    """A directory for this demo alone, and the lock that keeps it while the demo runs."""
    parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    stamp = time.strftime("%Y%m%d-%H%M%S")
    for name in chain([stamp], (f"{stamp}.{number}" for number in count(2))):
        with contextlib.suppress(FileExistsError):
            (parent / name).mkdir(mode=0o700)
            return parent / name, _lock(parent / name)
    raise AssertionError("names do not end")


def _lock(directory: Path) -> int:
    """The descriptor of its locked file. Raises BlockingIOError while a demo runs there."""
    descriptor = os.open(directory / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _prepare(directory: Path, paths: list[Path], as_json: bool) -> Plan:
    from meridian.deploy.demo.market import from_files, generated
    from meridian.deploy.demo.plan import Plan

    market = from_files(paths) if paths else generated()
    plan = Plan(directory=directory, market=market)
    if not as_json:
        symbols = ", ".join(
            f"{one.symbol} ({one.file.name if one.file else 'generated'})" for one in market.instruments
        )
        note(f"flow: {symbols}")
        for path, reason in market.skipped:
            note(f"skipped: {path}: {reason}")
        note("building strategies (seconds the first time) …")
    plan.make()
    return plan


def _trade(plan: Plan, seconds: float, as_json: bool) -> None:
    from meridian.analytics.live import keep
    from meridian.deploy.supervisor import CannotStart, Interrupted, Supervisor

    supervisor = Supervisor(plan.topology, plan.region)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: supervisor.ask())
    plan.started_ns = time.time_ns()
    plan.write_record()
    try:
        supervisor.start()
    except Interrupted:
        raise KeyboardInterrupt from None
    except CannotStart as error:
        raise CheckFailed(error.errors) from None
    try:
        if _ready(plan, supervisor):
            _command_all(plan, start=True)
            _watch(plan, supervisor, seconds, as_json)
            if not supervisor.failures:
                _command_all(plan, start=False)
                time.sleep(QUIET_SECONDS)
    finally:
        keep(plan.directory, supervisor.run)
        logs = [f"logs of the processes: {supervisor.run.run_directory}/logs"] if supervisor.failures else []
        supervisor.stop()
        plan.write_record(time.time_ns(), [*supervisor.failures, *logs])


def _ready(plan: Plan, supervisor: Supervisor) -> bool:
    """Waits until every order session is up and every feed is live; False when it was asked to stop before."""
    from meridian.deploy.demo.live import Live

    live, deadline = Live(plan, supervisor.run), time.monotonic() + READY_SECONDS_MAX
    while not live.ready():
        if supervisor.asked:
            return False
        if time.monotonic() > deadline:
            raise CheckFailed(
                f"the venues were not ready after {READY_SECONDS_MAX:.0f} s; see {supervisor.run.run_directory}/logs"
            )
        supervisor.look()
        if supervisor.failures:
            return False
        time.sleep(LOOK_SECONDS)
    return True


def _command_all(plan: Plan, *, start: bool) -> None:
    """Starts or stops every strategy; stopped ones take their orders back."""
    from meridian.deploy.strategies import RunningEngine, new_request, start_stop

    engine = RunningEngine.of(plan.directory)
    request = new_request()
    commands = [record for slot in engine.slots() for record in start_stop(slot, request, start=start)]
    engine.command(commands, request)


def _watch(plan: Plan, supervisor: Supervisor, seconds: float, as_json: bool) -> None:
    from meridian.analytics.live import keep
    from meridian.console import console
    from meridian.deploy.demo.live import WARM_SECONDS, Live

    live, begun, shown, warm = Live(plan, supervisor.run), time.monotonic(), 0.0, False

    def each(show: Any = None) -> None:
        nonlocal shown, warm
        now = time.monotonic()
        if not warm and now - begun >= min(WARM_SECONDS, seconds / 3):
            warm = True
            keep(plan.directory, supervisor.run, warm=True)
        if now - begun >= seconds:
            supervisor.ask()
        if show is not None and now - shown >= 1:
            shown = now
            show(live.tables(now - begun, seconds))

    if as_json or not sys.stdout.isatty():
        supervisor.watch(each)
        return
    from rich.live import Live as Display

    with Display(console=console(), refresh_per_second=4, transient=False) as display:
        supervisor.watch(lambda: each(display.update))


def _report(plan: Plan, html: Path, as_json: bool) -> None:
    from meridian.analytics import Run
    from meridian.analytics.report import print_summary, summary, write_html

    run = Run.open(plan.directory)
    found = summary(run)
    write_html(run, html)
    latest = plan.directory.parent / "latest"
    latest.unlink(missing_ok=True)
    latest.symlink_to(plan.directory.name)
    if as_json:
        print_json("demo", {"directory": str(plan.directory), "html": str(html), "report": found})
    else:
        print_summary(run)
        note(f"report: {html}")
        note(f"run: {plan.directory}")
    differences = [*found["problems"], *found["reconciliation"]["differences"]]
    if not found["run"]["replay_agrees"]:
        differences.append("replay: the journal does not give the live engine's state hash")
    if differences:
        raise CheckFailed(differences)


def _forget_old(parent: Path) -> None:
    """Keeps the last few runs, and those that still trade."""
    directories = sorted(path for path in parent.iterdir() if path.is_dir() and not path.is_symlink())
    for old in directories[:-RUNS_KEPT]:
        with contextlib.suppress(OSError):
            lock = _lock(old)
            shutil.rmtree(old, ignore_errors=True)
            os.close(lock)


COMMANDS = [demo]
