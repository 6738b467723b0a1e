"""A limits API over a store, with one client a role: what the tests of the API start from.

async def go(api: Api) -> None:
    answer = await api.as_("risk").get("/v1/limits")
run(go, tmp_path)
"""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from meridian.risk import Limits
from meridian.risk.api import Service, Settings, World, create_app, keys, tokens
from meridian.risk.api.guard import Buckets
from meridian.risk.api.store import Store
from meridian.venues.reference import ReferenceData
from tests.risk.api.double import Double
from tests.risk.support import LIMITS, REFERENCE

HOLDERS = ("chicago-1", "new-york-1")
PEOPLE: dict[str, tuple[tokens.Role, list[str]]] = {
    "viewer": ("viewer", []),
    "trader": ("trader", ["maker"]),
    "risk": ("risk", []),
    "second": ("risk", []),
}
GLOBAL_ID = 900


def made_tokens(path: Path) -> dict[str, str]:
    """A token for each of PEOPLE."""
    return {name: tokens.create(path, name, role, own) for name, (role, own) in PEOPLE.items()}


def loaded_limits(folder: Path, text: str = LIMITS) -> Limits:
    """The limits file of these tests."""
    reference = folder / "reference.toml"
    reference.write_text(REFERENCE)
    path = folder / "limits.toml"
    path.write_text(text)
    return Limits.load(path, ReferenceData.load(reference))


@dataclass
class Clock:
    """A clock that the test moves."""

    now_ns: int = 1_800_000_000 * 10**9

    def __call__(self) -> int:
        return self.now_ns


@dataclass
class Api:
    """One running API."""

    service: Service
    app: Any
    store: Any
    secrets: dict[str, str]
    clock: Clock
    numbers: itertools.count[int] = field(default_factory=itertools.count)

    def as_(self, name: str | None) -> Client:
        """A client with somebody's token; None for nobody."""
        secret = self.secrets.get(name, name) if name is not None else None
        return Client(self, secret)

    async def settle(self) -> None:
        """Until the view has seen what the store holds."""
        if isinstance(self.store, Double):
            view, revision = self.service.view, self.store.revision
            await view.reach(revision, 2)
            self.store.quiet()
            async with asyncio.timeout(2):
                while not self.store.away and view.seals.settled < revision:
                    await asyncio.sleep(0)

    async def limit(self, number: int) -> dict[str, Any]:
        """A limit as it is."""
        answer = await self.as_("viewer").get(f"/v1/limits/{number}")
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()["limit"]
        return found

    async def make_global(self, value: str = "100", parts: dict[str, str] | None = None, **more: Any) -> int:
        """A global limit, proposed by one person and confirmed by another where it must be."""
        body = {"id": GLOBAL_ID, "node": "firm", "metric": "position_long", "value": value, "enforcement": "global"}
        body |= {"selector": {"instrument": "ES"}, "reason": "over both regions", **more}
        if parts:
            body["parts"] = parts
        answer = await self.as_("risk").post("/v1/limits", json=body)
        await self.confirmed(answer)
        return int(str(body["id"]))

    async def confirmed(self, answer: httpx.Response) -> httpx.Response:
        """The answer, or that of the second person's confirmation when it waits for one."""
        assert answer.status_code in (200, 202), answer.text
        if answer.status_code == 200:
            return answer
        number = answer.json()["proposal"]["id"]
        done = await self.as_("second").post(f"/v1/proposals/{number}/confirm")
        assert done.status_code == 200, done.text
        return done

    async def acknowledge(self, number: int, holder: str, *, inside: bool = True, revision: int | None = None) -> None:
        """As the agent of the holder's region would."""
        view = self.service.view
        key = keys.part(number, holder)
        at = max(view.at(keys.limit(number)), view.at(key)) if revision is None else revision
        ack = {"v": 1, "revision": at, "generation": 1, "outcome": "in_force", "input": 7, "inside": inside, "at_ns": 1}
        region = holder.rpartition("-")[0]
        for name in {key, keys.limit(number)}:
            self.store.put_all({keys.acked(region, name): json.dumps(ack).encode()})
        await self.settle()

    def parts_in_store(self, number: int) -> dict[str, int]:
        """The parts as the store has them."""
        prefix = keys.parts(number)
        entries = {key: entry for key, entry in self.store.entries_by_key.items() if key.startswith(prefix)}
        return {keys.words(key)[2]: int(json.loads(one.value)["upper"]) for key, one in entries.items()}


class Client:
    """Requests with one token, each write with an idempotency key of its own unless told otherwise."""

    def __init__(self, api: Api, secret: str | None) -> None:
        self.api = api
        self.secret = secret

    async def get(self, path: str, **more: Any) -> httpx.Response:
        """GET."""
        return await self.request("GET", path, **more)

    async def post(self, path: str, **more: Any) -> httpx.Response:
        """POST."""
        return await self.request("POST", path, **more)

    async def put(self, path: str, **more: Any) -> httpx.Response:
        """PUT."""
        return await self.request("PUT", path, **more)

    async def delete(self, path: str, **more: Any) -> httpx.Response:
        """DELETE."""
        return await self.request("DELETE", path, **more)

    async def request(
        self, method: str, path: str, headers: dict[str, str] | None = None, **more: Any
    ) -> httpx.Response:
        """Any request."""
        given = dict(headers or {})
        if self.secret is not None:
            given.setdefault("Authorization", f"Bearer {self.secret}")
        if method != "GET":
            given.setdefault("Idempotency-Key", f"key-{next(self.api.numbers)}")
        transport = httpx.ASGITransport(app=self.api.app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://api") as client:
            return await client.request(method, path, headers=given, **more)


def settings(folder: Path, limits: Limits | None, **more: Any) -> Settings:
    """Settings as most tests want them."""
    reference = limits.reference if limits else None
    world = World(reference=reference, holders=more.pop("holders", HOLDERS))
    return Settings(
        tokens=folder / "tokens.json", world=world, limits=limits, rate_a_second=1e6, rate_burst=1e6, **more
    )


def run(
    go: Callable[[Api], Awaitable[None]],
    folder: Path,
    *,
    store: Store | None = None,
    text: str | None = LIMITS,
    **more: Any,
) -> None:
    """Runs a test against an API that has imported the limits file."""

    async def main() -> None:
        limits = loaded_limits(folder, text) if text is not None else None
        path = folder / "tokens.json"
        secrets = made_tokens(path)
        clock = Clock()
        over = store or Double()
        service = Service(settings(folder, limits, **more), over, clock)
        service.failed_rates = Buckets(1e6, 1e6)
        app = create_app(service)
        async with app.router.lifespan_context(app):
            for _ in range(400):
                if text is None or service.view.generation:
                    break
                await asyncio.sleep(0.01)
            await go(Api(service, app, over, secrets, clock))

    asyncio.run(main())
