"""What the API does by itself: pending changes go on when holders have given back, proposals expire, old answers are taken
away, kills that only the regions took are written once the store is back.

Invariant: it keeps no state of its own: everything it goes by is in etcd, so a restart loses nothing and two processes at
once do no harm.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import structlog

from meridian.risk.api import approvals, changes, keys
from meridian.risk.api.errors import Refused
from meridian.risk.api.plans import Actor, Plan
from meridian.risk.api.store import Away, Guard, Store, Unknown, Write
from meridian.risk.api.values import Approval, Idempotency, Kill, Limit
from meridian.risk.api.view import View
from meridian.risk.api.writer import Writer

log = structlog.get_logger("limits-api")
SECONDS_BETWEEN_LOOKS = 0.5
ANSWERS_KEPT_NS = 24 * 3_600 * 10**9
ANSWERS_A_TIME = 50
UNWRITTEN_MAX = 1_000
SWEEP_NS = 60 * 10**9
NAME = "limits-api"


def pending(view: View) -> list[Limit]:
    """Limits whose change waits for holders."""
    return [limit for limit in view.limits().values() if limit.pending is not None and not limit.removed]


@dataclass(frozen=True, slots=True)
class Handed:
    """A kill that regions took at their sockets while the store was away."""

    kill: Kill
    regions: tuple[str, ...]
    """Those that took it."""
    plan: Callable[[Actor], Plan]
    """Writes it."""


class Housekeeping:
    """The background task."""

    def __init__(self, view: View, writer: Writer, store: Store, clock_ns: Callable[[], int]) -> None:
        self.view = view
        self.writer = writer
        self.store = store
        self.clock_ns = clock_ns
        self.unwritten: list[Handed] = []
        """Kills that regions took at their sockets, to be written."""
        self._swept_ns = 0

    def actor(self) -> Actor:
        """The process itself."""
        return Actor(name=NAME, role="service", now_ns=self.clock_ns())

    def remember(self, handed: Handed) -> None:
        """A kill to be written once the store is back."""
        if len(self.unwritten) < UNWRITTEN_MAX:
            self.unwritten.append(handed)

    async def run(self) -> None:
        """Looks at every change of acknowledgements, and now and then."""
        with self.view.listen() as listener:
            looked = 0.0
            while True:
                left = looked + SECONDS_BETWEEN_LOOKS - time.monotonic()
                try:
                    async with asyncio.timeout(max(0.0, left)):
                        while (await listener.queue.get()).kind != "acks":
                            pass
                except TimeoutError:
                    listener.overrun = False
                looked = time.monotonic()
                if self.view.live:
                    await self.look()

    async def look(self) -> None:
        """Does everything that can be done now; what fails is tried at the next look."""
        actor = self.actor()
        while self.unwritten and self.view.live:
            if not await self._try(partial(self.unwritten[0].plan, actor), actor):
                break
            self.unwritten.pop(0)
        for limit in pending(self.view):
            await self._try(partial(self._step, limit.id, actor), actor)
        for approval in self._overdue(actor.now_ns):
            await self._try(partial(self._expire, approval.id, actor), actor)
        if actor.now_ns - self._swept_ns >= SWEEP_NS:
            self._swept_ns = actor.now_ns
            await self._take_away_old(actor.now_ns)

    async def _try(self, planner: Callable[[], Plan], actor: Actor) -> bool:
        try:
            await self.writer.run(planner, actor)
        except Refused as error:
            log.info("left for the next look", why=str(error))
            return False
        return True

    def _step(self, number: int, actor: Actor) -> Plan:
        limit = self.view.limit(number)
        plan = changes.step(self.view, limit, actor) if limit and limit.pending else None
        return plan or Plan(action="limit.step", target=f"limits/{number}")

    def _overdue(self, now_ns: int) -> list[Approval]:
        return [one for _, one in self.view.of("approvals") if one.state == "open" and one.expires_ns <= now_ns]

    def _expire(self, number: str, actor: Actor) -> Plan:
        approval = approvals.found(self.view, number)
        if approval.state != "open":
            return Plan(action="proposal.expired", target=f"approvals/{number}")
        return approvals.plan_expiry(self.view, approval, actor)

    async def _take_away_old(self, now_ns: int) -> None:
        records: list[tuple[list[str], Idempotency]] = list(self.view.of("idempotency"))
        old = [keys.idempotency(words[1]) for words, record in records if record.at_ns + ANSWERS_KEPT_NS <= now_ns]
        if not old:
            return
        old = old[:ANSWERS_A_TIME]
        try:
            await self.store.transaction(
                [Guard(key, self.view.at(key)) for key in old], [Write(key, None) for key in old]
            )
        except (Away, Unknown) as error:
            log.info("the store is away", why=str(error))
