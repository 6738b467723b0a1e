"""Connections to the API: places, and who may keep one.

Invariant: whoever has not sent a whole request yet never keeps others out: it has a bounded time for the head (the body's is in
`guard`), and gives its place up, the longest waiting first, as soon as places are needed. Only requests that are being worked on
(whose time is bounded too) and streams of token holders hold theirs; when those are all, newcomers are told to come again.
What is said below HTTP's own level has the schema of every other error.
"""

from __future__ import annotations

import asyncio
from typing import Any, cast

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from meridian.risk.api.errors import Errors, problem

CONNECTIONS_MAX = 256
HEAD_SECONDS_MAX = 10.0
HEAD_BYTES_MAX = 16_384
KEEP_ALIVE_SECONDS = 30
STOP_SECONDS = 2
BACKLOG = 128


class Connection(H11Protocol):
    """One connection."""

    waits_since: float = 0.0
    head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A newcomer: it gets a place, somebody else's if need be."""
        super().connection_made(cast(asyncio.Transport, transport))
        self.waits_since = self.loop.time()
        self._watch_head()
        here = [one for one in self.connections if isinstance(one, Connection) and not one.transport.is_closing()]
        if len(here) > CONNECTIONS_MAX:
            self._make_room([one for one in here if one is not self and one.waits])

    def _make_room(self, idle: list[Connection]) -> None:
        if idle:
            min(idle, key=lambda one: one.waits_since).transport.abort()
        else:
            self._say(503, "busy", "connections", CONNECTIONS_MAX, "another try in a second", (b"retry-after", b"1"))

    @property
    def waits(self) -> bool:
        """Whether no whole request of it is being worked on."""
        return self.cycle is None or self.cycle.response_complete or self.cycle.more_body

    @property
    def _between(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _watch_head(self) -> None:
        """The time for a head runs while one is awaited."""
        if not self._between:
            self._stop_timer()
        elif self.head_timer is None and not self.transport.is_closing():
            self.head_timer = self.loop.call_later(HEAD_SECONDS_MAX, self._too_slow)

    def _stop_timer(self) -> None:
        if self.head_timer is not None:
            self.head_timer.cancel()
            self.head_timer = None

    def _too_slow(self) -> None:
        self.head_timer = None
        if self._between:
            self._say(408, "too_slow", "request", None, f"a head within {HEAD_SECONDS_MAX:g} s")

    def data_received(self, data: bytes) -> None:
        """More of a request."""
        super().data_received(data)
        self._watch_head()

    def on_response_complete(self) -> None:
        """The next head has the time of a connection that is kept alive."""
        self.waits_since = self.loop.time()
        super().on_response_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """It is over."""
        self._stop_timer()
        self._unset_keepalive_if_required()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        """What is no request, or has a head that is too long."""
        self._say(400, "bad_input", "request", None, f"HTTP/1.1 with a head of up to {HEAD_BYTES_MAX} bytes")

    def _say(
        self, status: int, code: str, key: str, value: object, allowed: str, *headers: tuple[bytes, bytes]
    ) -> None:
        """Answers what no application has seen, and ends the connection."""
        self._stop_timer()
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE) and not self.transport.is_closing():
            body = Errors(code=code, errors=[problem(key, value, allowed)]).model_dump_json().encode()
            about = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
            reply = h11.Response(status_code=status, headers=[*about, (b"connection", b"close"), *headers])
            for event in (reply, h11.Data(data=body), h11.EndOfMessage()):
                self.transport.write(self.conn.send(event) or b"")
        self.transport.close()


def config(app: Any, **more: Any) -> uvicorn.Config:
    """How the API is served."""
    return uvicorn.Config(
        app,
        http=Connection,
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=STOP_SECONDS,
        h11_max_incomplete_event_size=HEAD_BYTES_MAX,
        **more,
    )
