"""Ports for processes that are told where to listen before they do.

Invariant: they lie below those that the system gives to outgoing connections, which come and go in between: who was promised a
port finds it free, unless somebody else chose it on purpose. Who starts several systems at once gives each a range of its own.
"""

from __future__ import annotations

import contextlib
import os
import random
import re
import socket
from collections.abc import Container
from pathlib import Path

from meridian.console import BadInput

LOWEST = 10_000
"""Well-known services listen below."""
HIGHEST = 65_535
OUTGOING_FIRST = 32_768
"""Where Linux begins unless told otherwise."""
TRIES_MAX = 10_000
RANGE = "MERIDIAN_PORTS"
"""In the environment: FIRST-LAST, between which all ports are chosen; both included."""


def free_ports(count: int, host: str = "0.0.0.0", *, promised: Container[int] = ()) -> list[int]:
    """Ports that are free for TCP and UDP at `host` now, each another, none of the `promised`.

    Raises OSError: there are none; BadInput: the range that is set is none.
    """
    chance = random.SystemRandom()
    first, last = _first_and_last()
    ports: list[int] = []
    for _ in range(TRIES_MAX):
        if len(ports) == count:
            return ports
        port = chance.randint(first, last)
        if port not in ports and port not in promised and is_free(port, host):
            ports.append(port)
    raise OSError(f"{count} ports from {first} to {last} are not free at {host}")


def is_free(port: int, host: str = "0.0.0.0") -> bool:
    """Whether one may listen there now, for TCP and for UDP."""
    with contextlib.ExitStack() as stack:
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
            probe = stack.enter_context(socket.socket(socket.AF_INET, kind))
            try:
                probe.bind((host, port))
            except OSError:
                return False
    return True


def can_listen(port: int, host: str) -> bool:
    """Whether one may listen there now for TCP, as those do who start again: connections that just ended are in nobody's way."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def _first_and_last() -> tuple[int, int]:
    """Between which ports are chosen: as it is set, else from the lowest to those of outgoing connections."""
    wanted = os.environ.get(RANGE)
    if wanted is None:
        return LOWEST, _outgoing_first() - 1
    words = re.fullmatch(r"(\d{1,5})-(\d{1,5})", wanted, re.ASCII)
    first, last = (int(word) for word in words.groups()) if words else (0, 0)
    if not 1024 <= first <= last <= HIGHEST:
        raise BadInput(f"{RANGE} = {wanted!r}; allowed: two ports FIRST-LAST from 1024 to {HIGHEST}, 20000-24999 say")
    return first, last


def _outgoing_first() -> int:
    """First port of outgoing connections here; all are taken for theirs when they leave no room below."""
    try:
        first = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    except (OSError, ValueError, IndexError):
        first = OUTGOING_FIRST
    return first if first - LOWEST >= TRIES_MAX else HIGHEST + 1
