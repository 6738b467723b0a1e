"""`meridian demo`: the main job, one command."""

from __future__ import annotations

import contextlib
import math
import os
import shutil
import signal
import sys
import time
from itertools import chain, count
from pathlib import Path
from typing import TYPE_CHECKING

import click

from meridian import files
from meridian.console import BadInput, CheckFailed, Failure, json_option, note, show

if TYPE_CHECKING:
    from collections.abc import Callable

    from meridian.deploy.demo.failover import Promoted
    from meridian.deploy.demo.live import Live
    from meridian.deploy.demo.plan import Plan
    from meridian.deploy.demo.story import Story
    from meridian.deploy.platform import Platform

SCENARIOS = ("plain", "failover")
RUNS_KEPT = 5
LOCK = "demo.lock"
SECONDS_MAX = 86_400
READY_SECONDS_MAX = 40.0
LOOK_SECONDS = 0.05
TRADE_SECONDS = 1.5
"""Of an engine that was handed over to, before trading ends."""
QUIET_SECONDS = 0.5
"""From the last cancel to the stop: many round trips."""
AGREE_SECONDS_MAX = 10.0
"""Until what the regions publish is what their engines say, at rest."""
LINE_SECONDS = 5.0
ABOVE = "platform"
"""The store and the tokens, in the demo's directory."""


@click.command()
@click.option("--seconds", type=click.FloatRange(1, SECONDS_MAX), default=60, show_default=True, help="How long.")
@click.option("--flow", default="", help="Recorded flow, files or directories, separated by commas.")
@click.option("--scenario", type=click.Choice(SCENARIOS), default="plain", show_default=True, help="Which story.")
@click.option("--html", type=click.Path(dir_okay=False), help="Where the report page goes; default: beside the run.")
@json_option
def demo(seconds: float, flow: str, scenario: str, html: str | None, as_json: bool) -> None:
    """Trade in New York and Chicago under one hand, on real or generated order flow: on the way a global limit is lowered and
    a kill switch tripped and re-armed; then report on both regions. In the scenario failover New York's engine is killed
    instead, and its standby takes its place."""
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
        plan = _prepare(directory, paths, scenario, as_json)
    except BaseException:
        shutil.rmtree(directory, ignore_errors=True)  # Nothing ran.
        raise
    try:
        failures, promoted = _trade(plan, seconds, as_json)
    except NotStarted as error:
        shutil.rmtree(directory, ignore_errors=True)
        raise error.why from None
    _report(plan, Path(html) if html else directory / "report.html", failures, promoted, as_json)
    os.close(lock)
    _forget_old(directory.parent)


class NotStarted(Exception):
    """Nothing ran, and why."""

    def __init__(self, why: BaseException) -> None:
        self.why = why
        super().__init__(str(why))


def _claim(parent: Path) -> tuple[Path, int]:
    """A directory for this demo alone, and the lock that keeps it while the demo runs."""
    parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    stamp = time.strftime("%Y%m%d-%H%M%S")
    for name in chain([stamp], (f"{stamp}.{number}" for number in count(2))):
        with contextlib.suppress(FileExistsError):
            (parent / name).mkdir(mode=0o700)
            lock = files.lock(parent / name, LOCK)
            assert lock is not None, "a folder that this demo made is nobody else's"
            return parent / name, lock
    raise AssertionError("names do not end")


def _prepare(directory: Path, paths: list[Path], scenario: str, as_json: bool) -> Plan:
    from meridian.deploy.demo.market import from_files, generated
    from meridian.deploy.demo.plan import Plan

    market = from_files(paths) if paths else generated()
    plan = Plan(directory=directory, market=market, scenario=scenario)
    if not as_json:
        symbols = ", ".join(
            f"{one.symbol} at {', '.join(one.venues)} ({one.file.name if one.file else 'generated'})"
            for one in market.instruments
        )
        note(f"flow: {symbols}")
        for path, reason in market.skipped:
            note(f"skipped: {path}: {reason}")
        note("building strategies (seconds the first time) …")
    plan.make()
    return plan


def _trade(plan: Plan, seconds: float, as_json: bool) -> tuple[list[str], Promoted | None]:
    """Brings the platform up, trades, stops it. What failed on the way, a sentence each; and what was seen of a promotion, in
    the scenario that has one."""
    from meridian.deploy.demo import failover
    from meridian.deploy.demo.documents import FAILOVER, REGIONS
    from meridian.deploy.demo.live import Live
    from meridian.deploy.demo.story import Story
    from meridian.deploy.platform import Platform
    from meridian.deploy.supervisor import CannotStart, Interrupted

    tell: Callable[[str], None] = (lambda _: None) if as_json else note
    platform = Platform(
        list(plan.regions.values()), plan.directory / ABOVE, directory=plan.directory, prefix="demo-",
        skipped=plan.market.skipped, tell=tell,
    )  # fmt: skip
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: platform.ask())
    promoted: Promoted | None = None
    try:
        platform.start()
    except Interrupted:
        raise NotStarted(KeyboardInterrupt()) from None
    except CannotStart as error:
        raise NotStarted(CheckFailed(error.errors)) from None
    try:
        crash = REGIONS[0] if plan.scenario == FAILOVER else None
        live, story = Live(plan, platform), Story(platform, plan.global_limit, seconds, crash)
        if wait_until_ready(plan, platform, live, story, tell):
            command_all(platform, start=True)
            tell("trading …")
            _watch(platform, live, story, seconds, as_json)
            if crash is not None:
                promoted = failover.back(platform, crash)
                failover.give_back(platform, promoted)
                platform.pause(TRADE_SECONDS)
            command_all(platform, start=False)
            platform.pause(QUIET_SECONDS)
            story.tell_positions(live.published, AGREE_SECONDS_MAX)
            if promoted is not None:
                failover.wait(platform, promoted)
            tell("stopping …")
    finally:
        platform.stop()
    return platform.failures, promoted


def wait_until_ready(plan: Plan, platform: Platform, live: Live, story: Story, tell: Callable[[str], None]) -> bool:
    """Waits until every order session is up, every feed is live, and every region has its part of the global limits; False
    when it was asked to stop before, or a region failed."""
    deadline = time.monotonic() + READY_SECONDS_MAX
    wanted, known = set(plan.venues), set[str]()
    while True:
        found = set(live.ready())
        if found - known:
            tell(f"ready: {', '.join(venue for venue in plan.venues if venue in found)}")
            known |= found
        if found == wanted and story.ready():
            tell("ready: the global limits' parts, in both regions")
            return True
        if time.monotonic() > deadline:
            missing = ", ".join(sorted(wanted - found)) or "the global limits"
            raise CheckFailed(
                f"not ready after {READY_SECONDS_MAX:.0f} s: {missing}; see {platform.above.run.run_directory}/logs "
                "and those of the regions beside it"
            )
        platform.look()
        if platform.asked or platform.failures:
            return False
        time.sleep(LOOK_SECONDS)


def command_all(platform: Platform, *, start: bool) -> None:
    """Starts or stops every strategy of every region that runs; stopped ones take their orders back."""
    from meridian.deploy.strategies import RunningEngine, new_request, start_stop

    for region in list(platform.below):
        engine = RunningEngine.of(platform.places[region])
        request = new_request()
        commands = [record for slot in engine.slots() for record in start_stop(slot, request, start=start)]
        try:
            engine.command(commands, request)
        except Failure as error:
            platform.failures += [f"{region}: {sentence}" for sentence in error.errors]


def _watch(platform: Platform, live: Live, story: Story, seconds: float, as_json: bool) -> None:
    """Shows what happens until time is over and the story is told, or until somebody asks to stop."""
    from meridian.console import console
    from meridian.deploy.demo.live import WARM_SECONDS

    begun, shown, warm = time.monotonic(), 0.0, False
    story.start()

    def each(show: Callable[[float], None], every: float) -> None:
        nonlocal shown, warm
        now = time.monotonic()
        if not warm and now - begun >= min(WARM_SECONDS, seconds / 3):
            warm = True
            platform.keep_warm()
        if now - begun >= seconds and not story.is_alive():
            platform.ask()
        if now - shown >= every:
            shown = now
            show(now - begun)

    try:
        if as_json:
            platform.watch(lambda: each(lambda _: None, 1))
        elif sys.stdout.isatty():
            from rich.live import Live as Display

            with Display(console=console(), refresh_per_second=4, transient=False) as display:
                platform.watch(lambda: each(lambda at: display.update(live.tables(at, seconds)), 1))
        else:
            lines = Lines(live)
            platform.watch(lambda: each(lines.show, 0.2))
            lines.show(time.monotonic() - begun)
    finally:
        story.end()


class Lines:
    """What is told where there is no terminal: each step as it happens, and every few seconds how things stand."""

    def __init__(self, live: Live) -> None:
        self.live = live
        self.told: set[str] = set()
        self.stood = 0.0

    def show(self, seconds: float) -> None:
        """Prints what is new."""
        for line in self.live.lines():
            if line not in self.told:
                self.told.add(line)
                note(line)
        if seconds - self.stood >= LINE_SECONDS:
            self.stood = seconds
            note(self.live.sentence(seconds))


def _report(plan: Plan, html: Path, failures: list[str], promoted: Promoted | None, as_json: bool) -> None:
    from meridian.analytics.platform import Platform
    from meridian.analytics.report import print_summary, summary, write_html
    from meridian.deploy.demo import failover

    if not as_json:
        note("reading the journals of both regions …")
    run = Platform.open(plan.directory)
    found = summary(run)
    if not as_json:
        note("drawing the page …")
    write_html(run, html)
    latest = plan.directory.parent / "latest"
    latest.unlink(missing_ok=True)
    latest.symlink_to(plan.directory.name)

    told = failover.facts(plan.directory, promoted, run) if promoted is not None else None

    def for_people() -> None:
        print_summary(run)
        if told is not None:
            note(failover.sentence(told))
        note(f"report: {html}")
        note(f"run: {plan.directory}")

    differences = [*found["problems"], *found["reconciliation"]["differences"]]
    differences += [one for one in failures if one not in differences]
    differences += told["problems"] if told is not None else []
    document = {"directory": str(plan.directory), "html": str(html), "report": found}
    if told is not None:
        document["failover"] = told
    show("demo", document, as_json, for_people, version=2, errors=differences)
    # What the store held is told; nobody needs a demo's tokens again.
    shutil.rmtree(plan.directory / ABOVE, ignore_errors=True)


def _forget_old(parent: Path) -> None:
    """Keeps the last few runs, and those that still trade."""
    directories = sorted(path for path in parent.iterdir() if path.is_dir() and not path.is_symlink())
    for old in directories[:-RUNS_KEPT]:
        with contextlib.suppress(OSError):
            if (lock := files.lock(old, LOCK)) is not None:
                shutil.rmtree(old, ignore_errors=True)
                os.close(lock)


COMMANDS = [demo]
