"""The long line: a relay of datagrams that gives a link between regions its real delay, and its losses if wanted.

On one machine the regions are neighbours; their datagrams take the time that the distance takes. It is a kind of service:

    [services.line]
    kind = "relay"
    settings = { routes = [ { listen = "127.0.0.1:{port:to_chicago}", to = "127.0.0.1:{port:chicago}", delay = "4ms" } ] }

Invariant: a datagram leaves a route whole, once, in order, no sooner than its delay after it came; one that is lost or finds
a full line is counted. Nothing is sent anywhere but to the addresses of the settings.
"""

from __future__ import annotations

import random
import socket
import sys
import time
from collections import deque
from dataclasses import dataclass, field
from threading import Event, Thread

from pydantic import BaseModel, ConfigDict, Field

from meridian.deploy.services import Service, run
from meridian.venues.checking import Duration

DATAGRAM_BYTES_MAX = 65_507
IN_FLIGHT_MAX = 65_536
"""Datagrams that a route carries at once; a real line has no more room either."""
LOOK_SECONDS = 0.1
ADDRESS = r"^[^:\s]+:\d{1,5}$"


class Route(BaseModel):
    """One direction of a line."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    listen: str = Field(pattern=ADDRESS, description="host:port")
    to: str = Field(pattern=ADDRESS, description="host:port")
    delay: Duration = Field(ge=0, le=10_000_000_000, description="a time such as 4ms, at most 10s")
    loss_ppm: int = Field(default=0, ge=0, le=1_000_000, description="a whole number from 0 to 1000000")
    seed: int = Field(default=1, ge=0, description="a whole number, not below zero")


class Settings(BaseModel):
    """What the topology may say."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    routes: list[Route] = Field(min_length=1, max_length=64)


@dataclass(slots=True)
class Line:
    """One route at work: two threads, one that takes, one that waits and sends."""

    route: Route
    near: socket.socket = field(init=False)
    far: socket.socket = field(init=False)
    flying: deque[tuple[int, bytes]] = field(default_factory=deque)
    wake: Event = field(default_factory=Event)
    taken: int = 0
    sent: int = 0
    lost: int = 0
    overflowed: int = 0
    refused: int = 0

    def __post_init__(self) -> None:
        self.near = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.near.bind(address(self.route.listen))
        self.near.settimeout(LOOK_SECONDS)
        self.near.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        # Connected, so that the system tells when nobody listens there.
        self.far = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.far.connect(address(self.route.to))

    def take(self, stop: Event) -> None:
        """Takes what comes until asked to stop."""
        chance = random.Random(self.route.seed)
        while not stop.is_set():
            try:
                data = self.near.recv(DATAGRAM_BYTES_MAX)
            except TimeoutError:
                continue
            self.taken += 1
            if self.route.loss_ppm and chance.randrange(1_000_000) < self.route.loss_ppm:
                self.lost += 1
            elif len(self.flying) >= IN_FLIGHT_MAX:
                self.overflowed += 1
            else:
                self.flying.append((time.monotonic_ns() + self.route.delay, data))
                self.wake.set()
        self.wake.set()

    def give(self, stop: Event) -> None:
        """Sends each datagram when its time has come."""
        while not stop.is_set():
            if not self.flying:
                self.wake.wait(LOOK_SECONDS)
                self.wake.clear()
                continue
            due_ns, data = self.flying.popleft()
            if (wait_ns := due_ns - time.monotonic_ns()) > 0:
                time.sleep(wait_ns / 1e9)
            try:
                self.far.send(data)
                self.sent += 1
            except OSError:
                self.refused += 1

    def close(self) -> None:
        """Gives its ports back."""
        self.near.close()
        self.far.close()

    def counts(self) -> dict[str, int]:
        """What became of the datagrams so far."""
        names = ("taken", "sent", "lost", "overflowed", "refused")
        return {name: getattr(self, name) for name in names} | {"in_flight": len(self.flying)}


def address(text: str) -> tuple[str, int]:
    """host:port as sockets take it."""
    host, port = text.rsplit(":", 1)
    return host, int(port)


def main(service: Service, stop: Event) -> None:
    """Relays until asked to stop."""
    lines = [Line(route) for route in Settings.model_validate(service.settings).routes]
    workers = [Thread(target=work, args=(stop,), daemon=True) for line in lines for work in (line.take, line.give)]
    for worker in workers:
        worker.start()
    service.ready()
    stop.wait()
    for worker in workers:
        worker.join()
    for line in lines:
        line.close()


if __name__ == "__main__":
    sys.exit(run(main))
