"""What two risk officers do while a demo trades: a global limit is lowered, a kill is tripped, and re-armed by both of them.

It runs in a thread of its own beside the supervising one and speaks to the limits API alone, as any officer's program would.

Invariant: every step becomes an event: who did what, and for each region what the API said of it (pending, in force at an
engine input) or why it did not come to be. A step that fails is said, and the next one is taken.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from threading import Event, Thread
from typing import Any

from meridian.console import CheckFailed, Failure, Unreachable
from meridian.deploy.platform import TOKEN_HOLDERS, Platform
from meridian.risk.api.client import Client, Stale, read_token
from meridian.risk.limits import Limit

STEP_SECONDS_MAX = 20.0
"""For one step to be in force everywhere; a store that is away comes back in less."""
AGAIN_SECONDS = 0.2
LOOK_SECONDS = 0.01
LIMIT_AT, KILL_AT = 0.2, 0.5
"""Shares of the demo's time."""
KILLED_SHARE, KILLED_SECONDS_MIN, KILLED_SECONDS_MAX = 0.1, 1.5, 5.0
LEFT_SHARE = 0.6
"""Of the global limit, once it is lowered."""
KILL_NODE, KILL_LEVEL = "firm", "K3"


class Story(Thread):
    """The steps, one after the other."""

    def __init__(self, platform: Platform, limit: Limit, seconds: float, crash: str | None = None) -> None:
        """`crash`: the region whose engine is killed, in the place of the kill switch."""
        super().__init__(name="story", daemon=True)
        self.crash = crash
        self.platform = platform
        self.limit = limit
        self.seconds = seconds
        self.events = platform.events
        self.asked = Event()
        self.begun = 0.0
        first, second = TOKEN_HOLDERS
        self.first, self.second = (
            Client(platform.api, self._token(holder), ca=platform.ca) for holder in (first, second)
        )

    def _token(self, holder: str) -> str:
        return read_token(self.platform.token_file(holder))

    def end(self) -> None:
        """Asks it to end and waits for the request that is under way."""
        self.asked.set()
        if self.ident is not None:
            self.join(STEP_SECONDS_MAX)

    @property
    def troubles(self) -> list[str]:
        """What did not come to be, a sentence each."""
        return [f"{one['what']}: {one['trouble']}" for one in self.events if one.get("trouble")]

    def ready(self) -> bool:
        """Whether the store is filled and each region has its part of the global limits: before, it may not trade."""
        try:
            found = self.first.get("/v1/limits", enforcement="global")
            return bool(found["limits"]) and all(
                self.first.get(f"/v1/propagation/limits/{one['id']}")["in_force"] for one in found["limits"]
            )
        except Failure:
            return False

    def run(self) -> None:
        """Takes the steps at their times, until asked to end."""
        self.begun = time.monotonic()
        killed_seconds = min(max(KILLED_SHARE * self.seconds, KILLED_SECONDS_MIN), KILLED_SECONDS_MAX)
        steps: list[tuple[float, Callable[[], None]]] = [
            (LIMIT_AT * self.seconds, self._lower),
            (KILL_AT * self.seconds, self._kill),
            (KILL_AT * self.seconds + killed_seconds, self._rearm),
        ]
        if self.crash is not None:
            steps[1:] = [(KILL_AT * self.seconds, self._crash)]
        late = 0.0
        for at, step in steps:
            # What took longer moves what follows: a kill lasts as long as it is to last.
            if self.asked.wait(max(at + late - self._now(), 0.0)):
                return
            late = max(self._now() - at, 0.0)
            step()

    def _now(self) -> float:
        return time.monotonic() - self.begun

    def _event(self, kind: str, what: str, **more: Any) -> dict[str, Any]:
        regions = {name: {"state": "pending", "input": None, "why": None} for name in self.platform.places}
        event = {"kind": kind, "what": what, "by": TOKEN_HOLDERS[0], "seconds": round(self._now(), 3)}
        event |= {"at_ns": time.time_ns(), "in_force": False, "regions": regions, "trouble": None} | more
        self.events.append(event)
        return event

    def _step(self, event: dict[str, Any], write: Callable[[], dict[str, Any]], path: str) -> None:
        """Writes, then follows it into each region. A store that is away for a moment is waited for."""
        deadline = time.monotonic() + STEP_SECONDS_MAX
        regions = event["regions"]
        try:
            event["revision"] = self._persist(write, deadline)["revision"]
            while True:
                found = self._persist(lambda: self.first.get(path), deadline)
                event["in_force"] = found["in_force"]
                for one in found["regions"]:
                    state = "pending" if one["state"] == "waiting" else one["state"]
                    known = {"state": state, "input": one["input"] if state == "in_force" else None, "why": one["why"]}
                    regions.setdefault(one["region"], {}).update(known)
                for name, known in regions.items():
                    if not known["input"] and name not in self.platform.below:
                        known |= {"state": "stopped", "why": "it has failed and was stopped"}
                # Such a region is not waited for; that it is missing is said below.
                stopped = [name for name, known in regions.items() if known["state"] == "stopped"]
                rest = all(known["input"] for name, known in regions.items() if name not in stopped)
                there = found["in_force"] or (bool(stopped) and rest)
                if there or time.monotonic() >= deadline or self.asked.is_set():
                    break
                time.sleep(LOOK_SECONDS)
        except Failure as error:
            event["trouble"] = " ".join(error.errors)
            return
        missing = [f"{name} ({one['why'] or one['state']})" for name, one in regions.items() if not one["input"]]
        if missing and not self.asked.is_set():
            event["trouble"] = f"not in force in {', '.join(missing)}"

    def _persist(self, ask: Callable[[], dict[str, Any]], deadline: float) -> dict[str, Any]:
        while True:
            try:
                return ask()
            except (Unreachable, Stale):
                if time.monotonic() >= deadline or self.asked.wait(AGAIN_SECONDS):
                    raise

    def _lower(self) -> None:
        number = self.limit.id
        to = int(self.limit.hard * LEFT_SHARE)
        what = f"{self.limit.node} {self.limit.metric} {self.limit.instrument} {self.limit.hard:,} → {to:,} lots"
        event = self._event("limit", what, limit=number, before=str(self.limit.hard), after=str(to))

        def write() -> dict[str, Any]:
            version = self.first.get(f"/v1/limits/{number}")["limit"]["version"]
            body = {"value": str(to), "reason": "less before the figures"}
            event["at_ns"] = time.time_ns()
            return self.first.write("PUT", f"/v1/limits/{number}", body, version=version)

        self._step(event, write, f"/v1/propagation/limits/{number}")

    def _kill(self) -> None:
        what = f"{KILL_NODE} killed, {KILL_LEVEL}: no new orders, resting ones cancelled"
        event = self._event("kill", what, node=KILL_NODE, level=KILL_LEVEL)
        body = {"level": KILL_LEVEL, "reason": "a drill"}

        def write() -> dict[str, Any]:
            return self.first.write("POST", f"/v1/kill/{KILL_NODE}", body)

        self._step(event, write, f"/v1/propagation/kill/{KILL_NODE}")

    def _rearm(self) -> None:
        first, second = TOKEN_HOLDERS
        what = f"{KILL_NODE} re-armed: proposed by {first}, confirmed by {second}"
        event = self._event("rearm", what, node=KILL_NODE, confirmed_by=second, own_confirmation_refused=False)

        def write() -> dict[str, Any]:
            asked = self.first.write("POST", f"/v1/rearm/{KILL_NODE}", {"reason": "the drill is over"})
            confirm = f"/v1/proposals/{asked['proposal']['id']}/confirm"
            try:
                self.first.write("POST", confirm)
            except CheckFailed:
                event["own_confirmation_refused"] = True
            event["at_ns"] = time.time_ns()
            return self.second.write("POST", confirm)

        self._step(event, write, f"/v1/propagation/kill/{KILL_NODE}")

    def _crash(self) -> None:
        """Ends the process of the engine that leads, without a word to anybody."""
        assert self.crash is not None, "a step of that scenario alone"
        hand = self.platform.hands[self.crash]
        process = hand.supervisor.topology.process_of(hand.leads)
        region = {self.crash: {"state": "done", "input": None, "why": None}}
        event = self._event("crash", f"process {process} of {self.crash}, whose engine leads, is ended by SIGKILL",
                            by="the demo", in_force=True, regions=region)  # fmt: skip
        event["at_ns"] = time.time_ns()
        os.kill(int(hand.supervisor.run.processes[process]["pid"]), signal.SIGKILL)

    def tell_positions(self, agree: Callable[[list[dict[str, Any]]], bool], seconds: float) -> None:
        """What the API says of positions over all regions, as soon as it is what the engines say, or once time is over."""
        deadline = time.monotonic() + seconds
        event: dict[str, Any] = {"kind": "positions", "what": "positions over all regions", "at_ns": time.time_ns()}
        try:
            while True:
                found = self._persist(lambda: self.first.get("/v1/positions"), deadline)
                if agree(found["rows"]) or time.monotonic() >= deadline:
                    break
                time.sleep(AGAIN_SECONDS)
            event |= {"regions": found["regions"], "rows": found["rows"], "trouble": None}
        except Failure as error:
            event |= {"regions": [], "rows": [], "trouble": " ".join(error.errors)}
        self.events.append(event)
