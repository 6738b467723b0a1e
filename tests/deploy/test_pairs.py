"""An engine's standby in a topology: what it becomes, what is refused, and a service that hears both engines as one."""

from __future__ import annotations

import copy
import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from meridian._native import links
from meridian.deploy import pairs, specs
from meridian.deploy.services import Service
from meridian.deploy.specs import Places
from meridian.deploy.topology import Topology, TopologyError, check
from tests.deploy.support import changed_of

KINDS = ["engine", "feed", "gateway", "recorder", "inbox"]
LINK = {"depth": 64, "record_bytes_max": 192}
GOOD: dict[str, Any] = {
    "name": "pair",
    "region": {"reference": "r.toml", "limits": "l.toml", "strategies": "s.toml"},
    "tiles": {
        "engine": {
            "kind": "engine",
            "standby": {"process": "second", "core": 3, "silence_ns": 400_000_000},
            "settings": {"bootstrap": "{bootstrap}", "durability": "standby"},
        },
        "recorder": {"kind": "recorder", "process": "room"},
        "inbox": {"kind": "inbox", "process": "room"},
        "feed": {"kind": "feed"},
        "gateway": {"kind": "gateway"},
    },
    "services": {"agent": {"kind": "relay"}},
    "links": {
        "feed_engine": LINK | {"producer": "feed", "consumers": {"engine": "reliable"}},
        "agent_engine": LINK | {"producer": "agent", "consumers": {"engine": "reliable"}},
        "inbox_engine": LINK | {"producer": "inbox", "consumers": {"engine": "reliable"}},
        "engine_gateway": LINK | {"producer": "engine", "consumers": {"gateway": "reliable"}},
        "engine_out": LINK | {"producer": "engine", "consumers": {"recorder": "reliable", "agent": "lossy"}},
        "gateway_recorder": LINK | {"producer": "gateway", "consumers": {"recorder": "reliable"}},
    },
}


@pytest.fixture(autouse=True)
def any_service(monkeypatch: pytest.MonkeyPatch) -> None:
    """The settings of services are not what is tested here."""
    monkeypatch.setattr("meridian.deploy.services.problems", lambda *_: [])


changed = partial(changed_of, GOOD)


def errors_of(document: dict[str, Any]) -> list[str]:
    with pytest.raises(TopologyError) as raised:
        check(document, kinds=KINDS, aeron=True)
    return raised.value.errors


def whole() -> Topology:
    return pairs.expanded(check(GOOD, kinds=KINDS, aeron=True))


def places(folder: Path) -> Places:
    return Places(run_directory=folder, shared_directory=folder, data_directory=folder / "data", aeron_directory=folder,
                  ports={}, words={"bootstrap": "/b"})  # fmt: skip


def test_a_standby_is_a_second_engine_with_a_link_for_each_of_the_engines() -> None:
    topology = whole()
    assert topology.process_names() == ["engine", "second", "room", "feed", "gateway"]
    standby = topology.tiles["engine-standby"]
    assert (standby.kind, standby.process, standby.core) == ("engine", "second", 3)
    assert standby.settings["durability"] == "standby"
    assert topology.ends_of("engine-standby")[0] == [
        "engine_gateway-standby",
        "engine_out-standby",
        "engine-standby_engine",
    ]
    for name in ("engine_gateway", "engine_out"):
        own, twin = topology.links[name], topology.links[f"{name}-standby"]
        assert twin == own.model_copy(update={"producer": "engine-standby"})
        assert pairs.known_as(topology, f"{name}-standby") == name
    for name in ("feed_engine", "agent_engine", "inbox_engine"):
        assert topology.links[name].consumers == {"engine": "reliable", "engine-standby": "lossy"}
    assert pairs.inputs(topology, "engine") == dict.fromkeys(("feed_engine", "agent_engine", "inbox_engine"), (0, 1))
    over = {name: topology.transport_of(name, aeron=True) for name in topology.links}
    assert over.pop("gateway_recorder") == "aeron-ipc"
    assert set(over.values()) == {"shm"}
    assert {topology.restart_of(process) for process in ("engine", "second")} == {"always"}
    assert topology.restart_of("gateway") == "none"


def test_each_of_a_pair_knows_the_other_and_its_own_first_inputs(tmp_path: Path) -> None:
    topology = whole()
    settings = {
        name: specs.tile_spec(topology, name, places(tmp_path))["settings"] for name in ("engine", "engine-standby")
    }
    data = tmp_path / "data"
    assert settings["engine"]["partner"] == {
        "to": "engine_engine-standby", "from": "engine-standby_engine", "lead": "engine_lead",
        "history": f"{data}/engine-standby", "silence_ns": 400_000_000,
    }  # fmt: skip
    assert settings["engine-standby"]["partner"] == {
        "to": "engine-standby_engine", "from": "engine_engine-standby", "lead": "engine-standby_lead",
        "history": f"{data}/engine", "silence_ns": 400_000_000,
    }  # fmt: skip
    assert [one["bootstrap"] for one in settings.values()] == ["/b", "/b-standby"]
    # Made once, however often it is asked for.
    assert pairs.expanded(topology) == topology


def test_consumers_of_both_engines_are_told_that_the_links_are_one(tmp_path: Path) -> None:
    found = {one["name"]: one for one in specs.process_spec(whole(), "room", places(tmp_path))["links"]}
    assert found["engine_out-standby"]["known_as"] == "engine_out"
    assert "known_as" not in found["engine_out"]
    assert found["engine_out-standby"]["path"] != found["engine_out"]["path"]


def test_a_service_hears_both_engines_over_one_subscriber(tmp_path: Path) -> None:
    topology, where = whole(), places(tmp_path)
    (tmp_path / "links").mkdir()
    for name in ("engine_out", "engine_out-standby"):
        links.create_ring(where.ring(name), 64, 192, [True, False])
    path = tmp_path / "agent.json"
    path.write_text(json.dumps(specs.service_spec(topology, "agent", where)), encoding="utf-8")
    subscriber = Service.read(path).subscriber("engine_out")
    assert not subscriber.connected
    engine, standby = (links.Publisher(where.ring(name)) for name in ("engine_out", "engine_out-standby"))
    for word in (b"one", b"two"):
        assert engine.offer(word) == "sent"
    assert subscriber.poll(1) == [b"one"]
    assert standby.offer(b"three") == "sent"
    assert subscriber.poll(8) == [b"two", b"three"]
    assert (subscriber.lost, subscriber.connected) == (0, True)


@pytest.mark.parametrize(
    ("path", "value", "sentence"),
    [
        ("tiles/feed/standby", {"process": "other"}, 'tiles.feed.kind is "feed"; allowed for a tile of kind engine'),
        ("region", ..., "tiles.engine.standby: allowed for the engine of a region (region.engine)"),
        ("tiles/engine/settings/durability", "none", 'durability = "none": a standby follows the journal'),
        ("tiles/engine/settings/partner", {}, "tiles.engine.settings.partner: is made from tiles.engine.standby"),
        ("tiles/recorder/process", "engine", "recorder run in the engine's process engine and would end with it"),
        ("tiles/engine/standby/process", "feed", 'tiles.engine.standby.process = "feed": a process, tile or service has'),
        ("tiles/engine/standby/process", "agent", "the standby needs its own"),
        ("tiles/engine/standby/process", "Second", 'tiles.engine.standby.process = "Second": a name is 1 to 32'),
        ("tiles/engine/standby", {}, "tiles.engine.standby.process: is missing"),
        (
            "tiles/gateway/settings/engine_silence_ns_max", 400_000_000,
            "must be above tiles.engine.standby.silence_ns = 400000000",
        ),
        (
            "tiles/engine/standby/silence_ns", 600_000_000,
            "tiles.gateway.settings.engine_silence_ns_max = 500000000: pulls the engine's orders before its standby takes",
        ),
        ("links/feed_engine/transport", "aeron-ipc", 'links.feed_engine.transport = "aeron-ipc": its end engine has a'),
        ("links/engine_gateway/transport", "aeron-ipc", "allowed are auto and shm"),
        ("links/feed_engine/consumers", {"engine": "lossy"}, "which loses what it loses; allowed is reliable"),
        ("tiles/engine-standby", {"kind": "feed"}, "needs the name engine-standby"),
        ("tiles/hand", {"kind": "feed"}, "needs the name hand; a tile or service has it"),
        (
            "links/engine_lead", LINK | {"producer": "feed", "consumers": {"gateway": "reliable"}},
            "needs a link engine_lead; there is one",
        ),
    ],
)  # fmt: skip
def test_what_keeps_an_engine_from_having_a_standby_is_told(path: str, value: Any, sentence: str) -> None:
    errors = errors_of(changed(path, value))
    assert any(sentence in error for error in errors), errors


def test_a_keeper_and_an_alpha_tile_stand_beside_an_engine_with_a_standby() -> None:
    services = GOOD["services"] | {
        "keeper": {"kind": "journal-keeper"},
        "alpha": {"kind": "alpha", "settings": {"engine": "engine"}},
    }
    links = GOOD["links"] | {"alpha_engine": LINK | {"producer": "alpha", "consumers": {"engine": "reliable"}}}
    document = GOOD | {"services": services, "links": links}
    topology = pairs.expanded(check(document, kinds=KINDS, aeron=True))
    assert topology.links["alpha_engine"].consumers == {"engine": "reliable", "engine-standby": "lossy"}
    assert pairs.inputs(topology, "engine")["alpha_engine"] == (0, 1)


def test_all_that_is_wrong_is_told_at_once() -> None:
    document = changed("tiles/recorder/process", "engine")
    document["links"]["feed_engine"]["transport"] = "aeron-ipc"
    document["tiles"]["engine"]["standby"]["process"] = "feed"
    document["links"]["engine_out"]["consumers"]["no"] = "lossy"
    errors = errors_of(document)
    for part in ("would end with it", 'transport = "aeron-ipc"', 'process = "feed"', 'consumers = "no"'):
        assert any(part in error for error in errors), (part, errors)


def test_the_process_of_a_standby_may_be_described() -> None:
    topology = check(changed("processes/second", {"idle": "spin", "restart": "none"}), kinds=KINDS, aeron=True)
    about = pairs.expanded(topology).processes["second"]
    assert (about.idle, about.restart) == ("spin", "none")


def test_a_link_that_is_full_of_consumers_takes_no_standby() -> None:
    document = copy.deepcopy(GOOD)
    document["tiles"] |= {f"reader{at}": {"kind": "feed"} for at in range(15)}
    document["links"]["feed_engine"]["consumers"] |= {f"reader{at}": "lossy" for at in range(15)}
    assert any("links.feed_engine.consumers: has 16" in error for error in errors_of(document))
