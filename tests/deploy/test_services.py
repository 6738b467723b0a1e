"""Services: Python processes beside tiles are checked, started, watched and restarted, and hold ends of rings."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from meridian._native import links
from meridian.deploy import runs, services, view
from meridian.deploy.supervisor import Supervisor
from meridian.deploy.topology import Topology, TopologyError, check
from tests.deploy.test_runs import counter, gone, soon, unique

KINDS = ["probe-sink", "probe-source"]


@pytest.fixture(autouse=True)
def echo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Runs lie apart from the user's own, and know one kind of service more."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setitem(services.KINDS, "echo", "tests.deploy.echo_service")
    yield
    assert list(runs.runs()) == []


def document(name: str) -> dict[str, Any]:
    link = {"depth": 64, "record_bytes_max": 64}
    return {
        "name": name,
        "tiles": {
            "source": {"kind": "probe-source", "settings": {"link": "source_echo", "rate_per_second": 500}},
            "sink": {"kind": "probe-sink", "settings": {"link": "echo_sink"}},
        },
        "services": {
            "echo": {
                "kind": "echo",
                "restart": "always",
                "settings": {"publish": "echo_sink", "read": "source_echo", "port": "{port:echo}"},
            }
        },
        "links": {
            "source_echo": link | {"producer": "source", "consumers": {"echo": "lossy"}},
            "echo_sink": link | {"producer": "echo", "consumers": {"sink": "reliable"}},
        },
        "metrics": {"port": 0},
    }


def topology(name: str, **changes: Any) -> Topology:
    return check(document(name) | changes, kinds=KINDS, aeron=links.AERON)


def errors_of(changed: dict[str, Any]) -> list[str]:
    with pytest.raises(TopologyError) as raised:
        check(changed, kinds=KINDS, aeron=True)
    return raised.value.errors


def test_a_service_carries_records_both_ways_and_is_restarted() -> None:
    with Supervisor(topology(unique("svc"))) as supervisor:
        run = supervisor.run
        counts = Path(run.data_directory) / "echo" / "counts"

        def read() -> list[int]:
            return [int(word) for word in counts.read_text(encoding="ascii").split()]

        soon(lambda: counts.exists() and read()[1] > 50 and counter(supervisor, "sink", "sink.received") > 50)
        assert read()[2] == run.ports["echo"]
        (row,) = [row for row in view.processes(run) if row["name"] == "echo"]
        assert (row["alive"], row["ready"], row["restarts"]) == (True, True, 0)
        os.kill(row["pid"], signal.SIGKILL)
        received = counter(supervisor, "sink", "sink.received")

        def back() -> bool:
            supervisor.look()
            return (
                run.processes["echo"]["restarts"] == 1 and counter(supervisor, "sink", "sink.received") > received + 50
            )

        soon(back)
        assert not supervisor.failures
    assert gone(run)


def test_links_of_services_are_rings_in_files() -> None:
    about = topology("t")
    assert {about.transport_of(link, aeron=True) for link in about.links} == {"shm"}
    assert about.ports() == ["echo"]


@pytest.mark.parametrize(
    ("path", "value", "sentence"),
    [
        ("services/echo/kind", "ecko", 'services.echo.kind = "ecko": is not a kind of service; did you mean echo?'),
        ("services/echo/settings/port", 70_000, "services.echo.settings.port = 70000: must be at most 65535"),
        ("services/echo/settings/prt", 1, "services.echo.settings.prt = 1: is not a key here"),
        ("services/echo/settings/read", "{prt:x}", 'services.echo.settings: "{prt:x}" is not known'),
        ("services/echo/restrt", "none", "did you mean restart?"),
        ("services/sink", {"kind": "echo"}, "services.sink: a tile or its process has this name"),
        ("links/source_echo/consumers", {"echo": "reliable"}, "a service that stops must not hold up a tile"),
        ("links/source_echo/transport", "aeron-ipc", "echo is a service; allowed are auto and shm"),
        ("links/source_echo/consumers", {"ecko": "lossy"}, "no such tile or service; did you mean echo?"),
    ],
)
def test_services_are_checked_with_the_topology(path: str, value: Any, sentence: str) -> None:
    changed: Any = document("t")
    *parents, last = path.split("/")
    place = changed
    for part in parents:
        place = place[part]
    place[last] = value
    found = errors_of(changed)
    assert any(sentence in error for error in found), found


def test_ends_of_a_ring_say_what_became_of_a_record(tmp_path: Path) -> None:
    path = tmp_path / "ring"
    links.create_ring(path, 4, 64, [True, False])
    out = links.Publisher(path)
    assert out.offer(b"x" * 8) == "not connected"
    reliable, lossy = links.Subscriber(path, 0), links.Subscriber(path, 1)
    with pytest.raises(ValueError, match="takes 64"):
        out.offer(bytes(65))
    records = [number.to_bytes(8, "little") * 8 for number in range(200)]
    sent = 0
    while out.offer(records[sent]) == "sent":
        sent += 1
    assert out.offer(records[sent]) == "full"
    assert reliable.poll() == records[:sent]
    assert reliable.poll(timeout=0.01) == []
    for record in records[sent:]:
        assert out.offer(record) == "sent"
        reliable.poll()
    assert lossy.poll() + lossy.poll() != []
    assert lossy.lost > 0
    with pytest.raises(OSError, match="consumer = 2"):
        links.Subscriber(path, 2)
    with pytest.raises(OSError):
        links.Publisher(tmp_path / "none")
