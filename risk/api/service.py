"""One limits API: its view, its writer, its tokens and what a request needs of them.

Invariant: every route asks for its action by `allow`; a route without is open to nobody (a test goes through all of them).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import structlog
from fastapi import Depends, Header, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

import meridian
from meridian.coordination.clock import Clock
from meridian.risk.api import amounts, keys
from meridian.risk.api.breaks import Breaks
from meridian.risk.api.changes import World
from meridian.risk.api.errors import refused
from meridian.risk.api.guard import Buckets
from meridian.risk.api.housekeeping import Housekeeping, pending
from meridian.risk.api.importing import bring_in, differences, is_due
from meridian.risk.api.models import HealthAnswer, LimitView, Seen
from meridian.risk.api.parts import region_of
from meridian.risk.api.plans import Actor
from meridian.risk.api.store import Store
from meridian.risk.api.tokens import Action, Token, Tokens
from meridian.risk.api.values import Limit
from meridian.risk.api.view import Change, View
from meridian.risk.api.writer import Again, Writer
from meridian.risk.limits import Limits

log = structlog.get_logger("limits-api")
FIRST_VIEW_SECONDS = 5.0
RATE_A_SECOND, RATE_BURST = 50.0, 200.0
KEY_CHARACTERS_MAX = 128
BEARER = HTTPBearer(auto_error=False, description="a token of `meridian limits token create`")


@dataclass(slots=True, kw_only=True)
class Settings:
    """What a limits API is started with."""

    tokens: Path
    world: World = field(default_factory=World)
    limits: Limits | None = None
    kill_sockets: dict[str, Path] = field(default_factory=dict)
    """Region → the local socket of its agent."""
    runs: Path | None = None
    """The directory of the run or the platform whose breaks are served."""
    proposal_seconds: int = 900
    rate_a_second: float = RATE_A_SECOND
    rate_burst: float = RATE_BURST


class Service:
    """Everything that routes share."""

    def __init__(self, settings: Settings, store: Store, clock_ns: Callable[[], int] | None = None) -> None:
        self.settings = settings
        self.store = store
        self.clock = Clock()
        self.clock_ns = clock_ns = clock_ns or self.clock.now_ns
        self.view = View()
        self.writer = Writer(self.view, store)
        self.housekeeping = Housekeeping(self.view, self.writer, store, clock_ns)
        self.tokens = Tokens(settings.tokens)
        self.rates = Buckets(settings.rate_a_second, settings.rate_burst)
        self.kill_rates = Buckets(settings.rate_a_second, settings.rate_burst)
        self.failed_rates = Buckets(10.0, 50.0)
        self.differences: list[str] = []
        self.streams: dict[str, int] = {}
        self.breaks = Breaks(settings.runs, self._tell_breaks)
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Follows etcd; the import is made when it is reached."""
        self._tasks = [asyncio.create_task(self._follow()), asyncio.create_task(self._import_then_keep_house())]
        self._tasks.append(asyncio.create_task(self.breaks.follow()))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FIRST_VIEW_SECONDS):
                await self.view.ready.wait()

    async def stop(self) -> None:
        """Ends what runs in the background."""
        for task in self._tasks:
            task.cancel()
        self.breaks.close()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.store.close()

    async def _follow(self) -> None:
        await self.view.follow(self.store.watch(keys.ROOT))

    async def _import_then_keep_house(self) -> None:
        await self.view.ready.wait()
        if self.settings.limits is None:
            await self.housekeeping.run()
            return
        await self._import(self.settings.limits)
        await asyncio.gather(self.housekeeping.run(), self._import_again(self.settings.limits))

    async def _import_again(self, loaded: Limits) -> None:
        """The file is what there is, too, when a store that was emptied is to count."""
        with self.view.listen() as listener:
            while True:
                change = await listener.queue.get()
                listener.overrun = False
                if change.kind == "reset" and self.view.live and is_due(self.view):
                    await self._import(loaded)

    async def _import(self, loaded: Limits) -> None:
        while is_due(self.view):
            try:
                wrote = await bring_in(self.view, self.writer, loaded, self.housekeeping.actor(), self.settings.world)
                log.info("imported", limits=wrote, file=loaded.hash)
                return
            except Exception as error:
                # Not reached, or another process imports at the same time: it is looked at again.
                log.warning("the import waits", why=str(error))
                await asyncio.sleep(0.5)
        self.differences = differences(self.view, loaded)
        for sentence in self.differences:
            log.warning("file and store differ; the store is in force", what=sentence)

    def _tell_breaks(self, regions: set[str]) -> None:
        for name in sorted(regions):
            self.view.tell(Change("breaks", name, self.view.revision, {"region": name}))

    # What routes use.

    def actor(self, token: Token) -> Actor:
        """A token's holder, now."""
        return Actor(name=token.name, role=token.role, now_ns=self.clock_ns(), token=token)

    def seen(self) -> Seen:
        """How young the view is."""
        view = self.view
        why = None if view.live else view.why_away
        return Seen(revision=view.revision, age_ms=view.age_ms(), live=view.live, why=why)

    def health(self) -> HealthAnswer:
        """Whether writes are possible, and what somebody should look at."""
        view = self.view
        findings = [*view.findings.values(), *self.differences]
        findings += [found for found in (self.tokens.trouble, self.clock.sentence()) if found]
        status: Literal["ok", "store_away", "findings"] = "findings" if findings else "ok"
        return HealthAnswer(
            view=self.seen(),
            status=status if view.live else "store_away",
            findings=findings,
            pending=[limit.id for limit in pending(view)],
            unwritten_kills=len(self.housekeeping.unwritten),
            version=meridian.__version__,
        )

    def limit_view(self, limit: Limit) -> LimitView:
        """A limit with its parts."""
        key = keys.limit(limit.id)
        parts = {
            holder: {"upper": part.upper, "lower": part.lower} for holder, part in self.view.parts(limit.id).items()
        }
        fields = limit.model_dump()
        return LimitView(**fields, unit=amounts.unit_of(limit.metric), parts=parts, revision=self.view.at(key))

    def regions(self) -> list[str]:
        """Regions that are there, are configured, or hold parts."""
        there = {words[1] for words, _ in self.view.of("regions")}
        holders = {*self.settings.world.holders, *(words[2] for words, _ in self.view.of("parts"))}
        return sorted(there | set(self.settings.kill_sockets) | {region_of(holder) for holder in holders})


async def service_of(request: Request) -> Service:
    """The service of this application."""
    found: Service = request.app.state.service
    return found


Served = Annotated[Service, Depends(service_of)]


def allow(action: Action) -> Any:
    """A dependency that gives the token's holder, when its role may do this."""

    async def check(
        service: Served, given: Annotated[HTTPAuthorizationCredentials | None, Depends(BEARER)] = None
    ) -> Token:
        token = service.tokens.holder(given.credentials) if given else None
        if token is None:
            if not service.failed_rates.take("all"):
                raise refused(429, "too_many", "Authorization", None, "fewer requests", **{"Retry-After": "1"})
            headers = {"WWW-Authenticate": "Bearer"}
            raise refused(401, "no_token", "Authorization", None, "Bearer and a token that is in force", **headers)
        rates = service.kill_rates if action == "kill_own" else service.rates
        if not rates.take(token.name):
            raise refused(429, "too_many", "token", token.name, "fewer requests a second", **{"Retry-After": "1"})
        if not token.may(action):
            raise refused(403, "role", "role", token.role, f"a role that may {action.replace('_', ' ')}")
        return token

    return Depends(check)


Reader = Annotated[Token, allow("read")]


async def again(
    request: Request,
    idempotency_key: Annotated[
        str,
        Header(
            min_length=1,
            max_length=KEY_CHARACTERS_MAX,
            pattern=r"^[\x21-\x7e]+$",
            description="1 to 128 printable characters, new for every change",
            examples=["8c1f0e52"],
        ),
    ],
) -> Again:
    """What makes the same request twice one request."""
    return await _again(request, idempotency_key)


async def _again(request: Request, key: str) -> Again:
    asked = "\0".join((request.method, request.url.path, request.headers.get("if-match", ""))).encode()
    # The key belongs to the token that uses it, named by its public part.
    handle = "".join(request.headers.get("authorization", "").split("_")[1:2])
    return Again(handle, key, asked + b"\0" + await request.body())


async def again_if_asked(
    request: Request,
    idempotency_key: Annotated[
        str | None,
        Header(
            min_length=1,
            max_length=KEY_CHARACTERS_MAX,
            pattern=r"^[\x21-\x7e]+$",
            description="1 to 128 printable characters, new for every change",
        ),
    ] = None,
) -> Again | None:
    """As `again`, for what needs no key."""
    return await _again(request, idempotency_key) if idempotency_key is not None else None


async def version_asked(
    if_match: Annotated[
        str | None,
        Header(
            description="the version that was read, in quotes, as in ETag",
            examples=['"1"'],
        ),
    ] = None,
) -> int:
    """The version that a write was made for. Raises Refused."""
    if if_match is None:
        raise refused(428, "no_version", "If-Match", None, 'the version that was read, in quotes, such as "3"')
    text = if_match.strip().removeprefix("W/").strip('"')
    if not (text.isascii() and text.isdigit() and len(text) <= 19):
        raise refused(422, "bad_input", "If-Match", if_match, 'the version that was read, in quotes, such as "3"')
    return int(text)


Version = Annotated[int, Depends(version_asked)]
Repeatable = Annotated[Again, Depends(again)]
MaybeRepeatable = Annotated[Again | None, Depends(again_if_asked)]
