"""The rows `durability_takeover`, from the crash of an engine until the first order of its standby is at a venue, and
`durability_handover`, for how long inputs are held when an engine makes way for its standby.

Two regions as the demo runs them, each process its own, New York's engine with a standby at durability `standby`. Whoever leads
is killed, or asked to make way, again and again, while it trades; it comes back as the standby before the next time.

Invariant: a sample counts only when the standby was in step, and its first order is one that the venue took, by the venue's own
word in the journal of the engine that leads.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from meridian.bench.coordination import place, told
from meridian.bench.row import Goal, Missing, Peer, Result, Row, Run

if TYPE_CHECKING:
    from meridian.deploy.hand import Hand, Promotion
    from meridian.deploy.platform import Platform

WAIT_SECONDS_MAX = 60.0
TRADE_SECONDS = 1.0
"""Between a promotion and the next kill, at least: the new leader's first orders are under way."""


def _until(platform: Platform, done: Callable[[], bool], what: str) -> None:
    """Looks after every process until `done()` holds."""
    deadline = time.monotonic() + WAIT_SECONDS_MAX
    while not done():
        if platform.failures or time.monotonic() > deadline:
            raise Missing("; ".join(platform.failures) or f"{what} did not come within {WAIT_SECONDS_MAX:.0f} s")
        platform.pause(0.01)


def _in_step(hand: Hand) -> bool:
    from meridian.engine.pair import IN_STEP

    alone = hand.value(hand.leads, "alone")
    return alone == 0 and all(hand.value(tile, "partner") == IN_STEP for tile in hand.tiles)


def _kill(platform: Platform, hand: Hand) -> int:
    """Kills whoever leads; when that was, ns."""
    _until(platform, lambda: hand.pending is None and _in_step(hand), "a standby in step")
    before, child = len(hand.done), hand.supervisor.run.processes[hand.supervisor.topology.process_of(hand.leads)]
    at_ns = time.time_ns()
    os.kill(child["pid"], signal.SIGKILL)
    _until(platform, lambda: len(hand.done) > before, "a promotion")
    platform.pause(TRADE_SECONDS)
    return at_ns


def _make_way(platform: Platform, hand: Hand) -> int:
    """Asks whoever leads to make way; when that was, ns."""
    from meridian.deploy import handover

    _until(platform, lambda: hand.pending is None and _in_step(hand), "a standby in step")
    directory = hand.supervisor.places.data_directory.parent
    told = handover.ask(directory, by="a benchmark", reason="to see how long it takes")
    platform.pause(TRADE_SECONDS)
    return int(told["asked_ns"])


@dataclass(slots=True)
class Seen:
    """What is measured of a system that ran."""

    folder: Path
    at_ns: list[int]
    promotions: list[Promotion]

    def those(self) -> Iterator[tuple[int, Promotion]]:
        """Each time with the promotion that followed it."""
        for at_ns in self.at_ns:
            yield at_ns, next(one for one in self.promotions if one.at_ns >= at_ns)


@contextmanager
def _system(run: Run, times: int, act: Callable[[Platform, Hand], int]) -> Iterator[Seen]:
    """Two regions that trade, and are acted upon so many times; then they are stopped."""
    from meridian.deploy import platform as platforms
    from meridian.deploy.demo import cli
    from meridian.deploy.demo.documents import FAILOVER, REGIONS
    from meridian.deploy.demo.live import Live
    from meridian.deploy.demo.market import generated
    from meridian.deploy.demo.plan import Plan
    from meridian.deploy.demo.story import Story

    with place(run) as folder:
        plan = Plan(directory=folder / "d", market=generated(), scenario=FAILOVER)
        plan.directory.mkdir(mode=0o700)
        plan.make()
        platform = platforms.Platform(list(plan.regions.values()), folder / "above", directory=plan.directory)
        with platform:
            live, story = Live(plan, platform), Story(platform, plan.global_limit, 1.0)
            if not cli.wait_until_ready(plan, platform, live, story, lambda _: None):
                raise Missing("; ".join(platform.failures) or "the regions did not become ready")
            cli.command_all(platform, start=True)
            platform.pause(TRADE_SECONDS)
            hand = platform.hands[REGIONS[0]]
            seen = Seen(plan.directory, [act(platform, hand) for _ in range(times)], [])
            seen.promotions = list(hand.done)
        yield seen


def _first_order_ns(seen: Seen, promotion: Promotion) -> int:
    from meridian.analytics.platform import Platform as Reported
    from meridian.deploy.demo import failover
    from meridian.deploy.demo.documents import REGIONS

    first_ns = failover.first_order_ns(Reported.open(seen.folder), REGIONS[0], promotion)
    if first_ns is None or promotion.led_ns is None:
        raise Missing(f"no order of epoch {promotion.epoch} came to a venue")
    return first_ns


def takeover(run: Run) -> Result:
    """From SIGKILL until a venue has the first order of the new epoch."""
    kills = run.pick(16, 2)
    samples: list[float] = []
    stages: dict[str, list[float]] = {"seen": [], "told": [], "led": []}
    with _system(run, kills, _kill) as seen:
        for at_ns, one in seen.those():
            samples.append((_first_order_ns(seen, one) - at_ns) / 1e6)
            for name, stage_ns in (("seen", one.at_ns), ("told", one.told_ns), ("led", one.led_ns or 0)):
                stages[name].append((stage_ns - at_ns) / 1e6)
    for _ in range(run.blocks):
        run.done()
    return Result(
        name="durability_takeover", title="crash of an engine until its standby's first order is at a venue, durability standby",
        unit="ms", input=f"{kills} kills of whoever leads New York, one by one, while its strategies trade on generated flow in "
        "two regions on this machine; times of orders are the venues'", value=run.estimate(samples), percentiles=told(samples),
        peers=[Peer(name="none", why_missing="nobody else takes this engine's place")],
        goals=[Goal(bound=1_000, of="p50"), Goal(bound=5_000, of="p99")], blocks=run.blocks,
        details={
            "kills": kills, "promotions": len(seen.promotions),
            "after_ms": {name: told(each) for name, each in stages.items()},
        },
    )  # fmt: skip


def hand_over(run: Run) -> Result:
    """From the word to make way until the standby leads: inputs are held meanwhile, at most."""
    times = run.pick(16, 2)
    with _system(run, times, _make_way) as seen:
        asked = [(at_ns, one) for at_ns, one in seen.those() if one.request is not None]
        held = [one.held_ms for _, one in asked if one.held_ms is not None]
        first = [(_first_order_ns(seen, one) - at_ns) / 1e6 for at_ns, one in asked]
    for _ in range(run.blocks):
        run.done()
    return Result(
        name="durability_handover", title="inputs held while an engine makes way for its standby, durability standby", unit="ms",
        input=f"{times} hand-overs of New York, there and back, while its strategies trade on generated flow in two regions on "
        "this machine", value=run.estimate(held), percentiles=told(held),
        peers=[Peer(name="none", why_missing="nobody else takes this engine's place")],
        goals=[Goal(bound=100, of="p99")], blocks=run.blocks,
        details={"hand_overs": len(held), "promotions": len(seen.promotions), "first_order_after_ms": told(first)},
    )  # fmt: skip


ROWS = [
    Row(name="durability_takeover", title="crash until the standby's first order", unit="ms", measure=takeover),
    Row(name="durability_handover", title="inputs held in a planned hand-over", unit="ms", measure=hand_over),
]
