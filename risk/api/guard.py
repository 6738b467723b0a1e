"""What stands before every request: bounded bodies, bounded time, a rate for every token.

Invariant: nothing is read without a bound: a body that is too long or too slow is answered before anything else looks at it.
A kill has a rate of its own, so that no other traffic of a token delays it.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import structlog

from meridian.risk.api.errors import Errors, Problem, problem, shown
from meridian.risk.api.words import repeated

BODY_BYTES_MAX = 65_536
BODY_SECONDS_MAX = 10.0
QUERY_BYTES_MAX = 4_096
HANDLER_SECONDS_MAX = 15.0
BUCKETS_MAX = 10_000
REPEATED_MAX = 20
"""Repeated keys that are named."""
STREAM = "/v1/stream"

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
log = structlog.get_logger("limits-api")


class Buckets:
    """A token bucket a name."""

    def __init__(self, a_second: float, burst: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.a_second = a_second
        self.burst = burst
        self.clock = clock
        self._levels: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, name: str) -> bool:
        """Whether one more is within the rate."""
        now = self.clock()
        level, at = self._levels.pop(name, (self.burst, now))
        level = min(self.burst, level + (now - at) * self.a_second)
        allowed = level >= 1.0
        self._levels[name] = (level - 1.0 if allowed else level, now)
        if len(self._levels) > BUCKETS_MAX:
            self._levels.popitem(last=False)
        return allowed


class Guarded:
    """The application behind the bounds."""

    def __init__(self, app: App) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        if len(scope["query_string"]) > QUERY_BYTES_MAX:
            allowed = f"up to {QUERY_BYTES_MAX} bytes"
            await _refuse(send, 414, "too_long", "query", len(scope["query_string"]), allowed)
            return
        try:
            async with asyncio.timeout(BODY_SECONDS_MAX):
                body = await _body(receive)
        except TimeoutError:
            await _refuse(send, 408, "too_slow", "body", None, f"a body within {BODY_SECONDS_MAX:.0f} s")
            return
        except ConnectionError:
            return
        if body is None:
            await _refuse(send, 413, "too_long", "body", None, f"up to {BODY_BYTES_MAX} bytes")
            return
        if names := [str(shown(name)) for name in repeated(body)]:
            # Which of them counts is nobody's to guess.
            problems = [
                Problem(
                    key=name,
                    allowed="each key once",
                    sentence=f"{name} stands more than once: allowed is each key once.",
                )
                for name in names[:REPEATED_MAX]
            ]
            await _refuse_all(send, 422, "bad_input", problems)
            return
        await self._bounded(scope, _replay(body, receive), send)

    async def _bounded(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == STREAM:
            await self.app(scope, receive, send)
            return
        started = False

        async def watched(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            async with asyncio.timeout(HANDLER_SECONDS_MAX):
                await self.app(scope, receive, watched)
        except TimeoutError:
            log.error("a request took too long", path=scope["path"], method=scope["method"])
            if not started:
                await _refuse(send, 503, "too_slow", "request", None, "another try: this one took too long")


async def _body(receive: Receive) -> bytes | None:
    """The whole body; None when it is longer than allowed. Raises ConnectionError when its sender is gone: what was not heard
    to the end is not done."""
    parts, length = [], 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ConnectionError
        part: bytes = message.get("body", b"")
        length += len(part)
        if length > BODY_BYTES_MAX:
            return None
        parts.append(part)
        if not message.get("more_body", False):
            return b"".join(parts)


def _replay(body: bytes, receive: Receive) -> Receive:
    told = False

    async def again() -> Message:
        nonlocal told
        if told:
            return await receive()
        told = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again


async def _refuse(send: Send, status: int, code: str, key: str, value: object, allowed: str) -> None:
    await _refuse_all(send, status, code, [problem(key, value, allowed)])


async def _refuse_all(send: Send, status: int, code: str, problems: list[Problem]) -> None:
    body = Errors(code=code, errors=problems).model_dump_json().encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
