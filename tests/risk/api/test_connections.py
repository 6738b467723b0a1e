"""Connections that want nothing keep nobody out: idle ones, heads and bodies that trickle, heads without end, all places busy;
in each case others are served, at once or by themselves in a moment, and what is told has the schema of every error."""

from __future__ import annotations

import contextlib
import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from meridian.risk.api import connections, guard
from meridian.risk.api.errors import Errors
from tests.risk.api.target import Target

KILL = b"POST /v1/kill/maker HTTP/1.1\r\nHost: a\r\n"


@pytest.fixture
def target(tmp_path: Path) -> Iterator[Target]:
    """An API of its own."""
    with Target(tmp_path) as running:
        yield running


def connect(target: Target) -> socket.socket:
    return socket.create_connection(("127.0.0.1", int(target.address.rpartition(":")[2])), timeout=20)


def served(target: Target) -> httpx.Response:
    headers = {"Authorization": f"Bearer {target.secrets['viewer']}"}
    return httpx.get(f"{target.address}/v1/limits", headers=headers, timeout=10)


def answer(one: socket.socket) -> tuple[int, Errors]:
    """The status and the errors of all that is said until the connection ends."""
    said = b""
    while part := one.recv(65_536):
        said += part
    head, _, body = said.partition(b"\r\n\r\n")
    assert b"application/json" in head
    return int(head.split()[1]), Errors.model_validate(json.loads(body))


def test_three_hundred_idle_connections_shut_nobody_out(target: Target) -> None:
    with contextlib.ExitStack() as stack:
        for number in range(300):
            one = stack.enter_context(connect(target))
            # Some say nothing, some begin a head, some a body.
            one.sendall((b"", KILL[:20], KILL + b"Content-Length: 9\r\n\r\n{")[number % 3])
        started = time.monotonic()
        assert all(served(target).status_code == 200 for _ in range(20))
        assert time.monotonic() - started < 8
        assert len(target.server.server_state.connections) <= connections.CONNECTIONS_MAX


def test_a_head_that_trickles_ends_in_time(target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "HEAD_SECONDS_MAX", 0.5)
    with connect(target) as slow, connect(target) as silent:
        for letter in KILL[:3]:
            slow.sendall(bytes([letter]))
            time.sleep(0.05)
        status, errors = answer(slow)
        assert (status, errors.code) == (408, "too_slow")
        assert answer(silent)[0] == 408
    # A connection that is kept between requests has more time, and its next head again as much.
    with httpx.Client(headers={"Authorization": f"Bearer {target.secrets['viewer']}"}) as client:
        assert client.get(f"{target.address}/v1/limits").status_code == 200
        time.sleep(1)
        assert client.get(f"{target.address}/v1/limits").status_code == 200
        assert len(target.server.server_state.connections) == 1


@pytest.mark.parametrize("head", [b"X-Long: " + b"a" * 40_000 + b"\r\n", b"X: 1\r\n" * 8_000], ids=["one", "many"])
def test_a_head_without_end_is_refused(target: Target, head: bytes) -> None:
    with connect(target) as one:
        with contextlib.suppress(ConnectionError):
            one.sendall(KILL + head)
        try:
            status, errors = answer(one)
        except ConnectionError:
            pass  # It went on writing after it was told.
        else:
            assert (status, errors.code) == (400, "bad_input")
    assert served(target).status_code == 200


def test_what_was_not_heard_to_the_end_is_not_done(target: Target) -> None:
    before = target.changes()
    token = target.secrets["risk"].encode()
    with connect(target) as one:
        one.sendall(KILL + b"Authorization: Bearer " + token + b"\r\nContent-Length: 40\r\n\r\n" + b'{"level": "K3"}')
    assert served(target).status_code == 200
    assert target.changes() == before


def test_with_all_places_at_work_newcomers_are_told_and_served_soon(
    target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "CONNECTIONS_MAX", 4)
    headers = b"Host: a\r\nAuthorization: Bearer " + target.secrets["viewer"].encode() + b"\r\n\r\n"
    with contextlib.ExitStack() as stack:
        for _ in range(4):
            stream = stack.enter_context(connect(target))
            stream.sendall(b"GET /v1/stream HTTP/1.1\r\n" + headers)
            assert b" 200 " in stream.recv(65_536)
        with connect(target) as one:
            status, errors = answer(one)
        assert (status, errors.code) == (503, "busy")
    deadline = time.monotonic() + 20
    while True:
        with contextlib.suppress(httpx.TransportError):
            found = served(target)
            if found.status_code == 200:
                break
            assert (found.status_code, found.json()["code"]) == (503, "busy")
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_body_that_trickles_gives_its_place_up(target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "CONNECTIONS_MAX", 4)
    monkeypatch.setattr(guard, "BODY_SECONDS_MAX", 60.0)
    with contextlib.ExitStack() as stack:
        for _ in range(6):
            one = stack.enter_context(connect(target))
            one.sendall(KILL + b"Content-Length: 9\r\n\r\n{")
        assert served(target).status_code == 200
