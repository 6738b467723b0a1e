"""Ports that are promised to processes which listen later."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from meridian import ports
from meridian.console import BadInput


def test_promised_ports_are_not_among_those_of_outgoing_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(ports.RANGE, raising=False)
    first = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    found = ports.free_ports(50)
    assert len(set(found)) == 50
    assert all(ports.LOWEST <= port < max(first, ports.LOWEST + ports.TRIES_MAX) for port in found)


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM])
def test_a_port_that_somebody_has_is_not_free(kind: int) -> None:
    port = ports.free_ports(1, "127.0.0.1")[0]
    with socket.socket(socket.AF_INET, kind) as holder:
        holder.bind(("127.0.0.1", port))
        assert not ports.is_free(port, "127.0.0.1")
    assert ports.is_free(port, "127.0.0.1")


def test_ports_lie_in_the_range_that_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ports.RANGE, "21000-21009")
    assert set(ports.free_ports(5)) <= set(range(21_000, 21_010))
    with pytest.raises(OSError, match="11 ports from 21000 to 21009"):
        ports.free_ports(11)


@pytest.mark.parametrize("wanted", ["", "21000", "21009-21000", "80-90", "60000-65536", "a-b", "-5-10", "2000-٣٠٠٠"])
def test_a_range_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch, wanted: str) -> None:
    monkeypatch.setenv(ports.RANGE, wanted)
    with pytest.raises(BadInput, match=r"MERIDIAN_PORTS = .*; allowed: two ports FIRST-LAST from 1024 to 65535"):
        ports.free_ports(1)


def test_what_cannot_be_had_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(ports.RANGE, raising=False)
    with pytest.raises(OSError, match=r"1 ports from 10000 to \d+ are not free at 192\.0\.2\.1"):
        ports.free_ports(1, "192.0.2.1")


def test_a_port_that_somebody_listens_at_cannot_be_listened_at() -> None:
    port = ports.free_ports(1, "127.0.0.1")[0]
    with socket.create_server(("127.0.0.1", port)):
        assert not ports.can_listen(port, "127.0.0.1")
    assert ports.can_listen(port, "127.0.0.1")
