"""`GET /v1/stream`: changes as Server-Sent Events, as they are seen.

Invariant: a client that is too slow is told to read again (`reset`), never kept in a queue without end.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse

from meridian.risk.api.errors import refused
from meridian.risk.api.service import Reader, Served, Service
from meridian.risk.api.view import Change, Listener

router = APIRouter(prefix="/v1")
KINDS = {
    "limits", "parts", "kill", "local", "acks", "positions", "usage", "regions", "slots", "sessions", "approvals",
    "audit", "tree", "generation", "view", "finding", "reset", "breaks",
}  # fmt: skip
ALWAYS = {"view", "reset"}
END = "end"
"""Told to listeners alone: this process ends, and so do its streams."""
SECONDS_BETWEEN_SIGNS = 10.0
STREAMS_A_TOKEN_MAX = 8


def event(change: Change) -> str:
    """One event as text."""
    data = json.dumps({"key": change.key, "revision": change.revision, "value": change.value})
    return f"id: {change.revision}\nevent: {change.kind}\ndata: {data}\n\n"


async def _next(listener: Listener) -> Change | None:
    try:
        async with asyncio.timeout(SECONDS_BETWEEN_SIGNS):
            return await listener.queue.get()
    except TimeoutError:
        return None


async def events(service: Service, holder: str, kinds: set[str]) -> AsyncGenerator[str, None]:
    """What one client gets: first `reset` with the revision from which on it sees everything."""
    service.streams[holder] = service.streams.get(holder, 0) + 1
    try:
        wanted = service.breaks.listening() if "breaks" in kinds else contextlib.nullcontext()
        with service.view.listen() as listener, wanted:
            yield event(Change("reset", "", service.view.revision, {}))
            while True:
                change = await _next(listener)
                # A token that was taken away ends its streams too.
                if service.tokens.named(holder) is None or (change is not None and change.kind == END):
                    return
                if listener.overrun:
                    while not listener.queue.empty():
                        listener.queue.get_nowait()
                    listener.overrun = False
                    yield event(Change("reset", "", service.view.revision, {}))
                elif change is None:
                    yield ": still here\n\n"
                elif change.kind in kinds:
                    yield event(change)
    finally:
        service.streams[holder] -= 1


@router.get(
    "/stream",
    tags=["stream"],
    summary="Changes as Server-Sent Events",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/event-stream": {}}, "description": "events without end"}},
)
async def stream(
    service: Served,
    token: Reader,
    kinds: Annotated[str, Query(max_length=200, description="comma-separated kinds; absent: all")] = "",
) -> StreamingResponse:
    """`event` is the kind of key that changed, `id` the store's revision, `data` key, revision and value. After `reset`
    everything is to be read again. Of `breaks` the key is the region whose breaks are others; they are read at `/v1/breaks`."""
    asked = {word for word in kinds.split(",") if word}
    if asked - KINDS:
        raise refused(422, "bad_input", "kinds", ",".join(sorted(asked - KINDS)), "some of " + ", ".join(sorted(KINDS)))
    if service.streams.get(token.name, 0) >= STREAMS_A_TOKEN_MAX:
        raise refused(429, "too_many", "stream", token.name, f"up to {STREAMS_A_TOKEN_MAX} streams of a token")
    chosen = (asked or KINDS) | ALWAYS
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(events(service, token.name, chosen), media_type="text/event-stream", headers=headers)
