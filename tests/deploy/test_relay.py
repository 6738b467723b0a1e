"""The relay between regions: its delay, its order, its losses; what it refuses."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from threading import Event, Thread

import pytest

from meridian.deploy import relay, runs, services
from meridian.deploy.supervisor import Supervisor
from meridian.deploy.topology import TopologyError, check
from meridian.ports import free_ports
from tests.deploy.test_runs import unique

DELAY_NS = 20_000_000


@pytest.fixture
def far() -> Iterator[socket.socket]:
    """The far end."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
        end.bind(("127.0.0.1", 0))
        end.settimeout(0.2)
        yield end


def line(far: socket.socket, **changes: object) -> relay.Line:
    near = free_ports(1)[0]
    to = f"127.0.0.1:{far.getsockname()[1]}"
    about = {"listen": f"127.0.0.1:{near}", "to": to, "delay": "20ms"} | changes
    return relay.Line(relay.Route.model_validate(about))


def relayed(one: relay.Line, far: socket.socket, count: int) -> list[tuple[int, int]]:
    """Sends numbered datagrams; returns (number, ns on the way) of each that arrived."""
    stop = Event()
    workers = [Thread(target=work, args=(stop,)) for work in (one.take, one.give)]
    for worker in workers:
        worker.start()
    arrived: list[tuple[int, int]] = []
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as near:
            for number in range(count):
                text = f"{number} {time.monotonic_ns()}".encode()
                near.sendto(text, relay.address(one.route.listen))
                if number % 50 == 0:
                    time.sleep(0.002)  # The system's buffer holds a few hundred.
        while one.sent + one.lost + one.overflowed < count or len(arrived) < one.sent:
            with suppress(TimeoutError):
                which, sent_ns = map(int, far.recv(64).split())
                arrived.append((which, time.monotonic_ns() - sent_ns))
    finally:
        stop.set()
        for worker in workers:
            worker.join()
        one.close()
    return arrived


def test_every_datagram_arrives_in_order_and_not_before_its_delay(far: socket.socket) -> None:
    one = line(far)
    arrived = relayed(one, far, 200)
    assert [number for number, _ in arrived] == list(range(200))
    assert min(way for _, way in arrived) >= DELAY_NS
    assert one.counts() == {"taken": 200, "sent": 200, "lost": 0, "overflowed": 0, "refused": 0, "in_flight": 0}


def test_losses_are_the_seed_s_and_are_counted(far: socket.socket) -> None:
    first, second = (relayed(line(far, delay="1ms", loss_ppm=300_000, seed=7), far, 300) for _ in range(2))
    numbers = [number for number, _ in first]
    assert numbers == [number for number, _ in second]
    assert 150 < len(numbers) < 270


def test_a_line_that_leads_nowhere_counts_what_is_refused(far: socket.socket) -> None:
    one = line(far, delay="0ms")
    far.close()
    stop = Event()
    workers = [Thread(target=work, args=(stop,)) for work in (one.take, one.give)]
    for worker in workers:
        worker.start()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as near:
        deadline = time.monotonic() + 5
        while one.refused == 0 and time.monotonic() < deadline:
            near.sendto(b"anyone?", relay.address(one.route.listen))
            time.sleep(0.01)
    stop.set()
    for worker in workers:
        worker.join()
    one.close()
    assert one.refused > 0


def test_it_runs_as_a_service(far: socket.socket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    route = {"listen": "127.0.0.1:{port:near}", "to": f"127.0.0.1:{far.getsockname()[1]}", "delay": "2ms"}
    document = {
        "name": unique("line"),
        "services": {"line": {"kind": "relay", "settings": {"routes": [route]}}},
        "metrics": {"port": 0},
    }
    with Supervisor(check(document, kinds=[], aeron=False)) as supervisor:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as near:
            near.sendto(b"over there", ("127.0.0.1", supervisor.run.ports["near"]))
        far.settimeout(5)
        assert far.recv(64) == b"over there"
    assert list(runs.runs()) == []


def test_wrong_routes_are_refused_before_anything_starts() -> None:
    routes = [
        {"listen": "nowhere", "to": "127.0.0.1:1", "delay": "4ms"},
        {"listen": "127.0.0.1:1", "to": "127.0.0.1:2", "delay": "11s", "loss_ppm": 2_000_000},
    ]
    document = {"name": "line", "services": {"line": {"kind": "relay", "settings": {"routes": routes}}}}
    with pytest.raises(TopologyError) as raised:
        check(document, kinds=[], aeron=False)
    text = "\n".join(raised.value.errors)
    assert [word in text for word in ("routes.0.listen", "routes.1.delay", "routes.1.loss_ppm")] == [True] * 3
    assert "relay" in services.KINDS
