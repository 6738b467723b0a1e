"""Topology files: refused whole, every error at once, each with key, value and what is allowed."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest

from meridian.deploy.topology import Topology, TopologyError, check, load
from tests.deploy.support import changed_of

KINDS = ["engine", "feed", "gateway"]
GOOD: dict[str, Any] = {
    "name": "demo",
    "processes": {"core": {"placement": "threads", "idle": "spin"}},
    "tiles": {
        "feed": {"kind": "feed", "process": "core", "core": 1, "settings": {"group": "239.1.1.1:{port:itch_a}"}},
        "engine": {"kind": "engine", "process": "core"},
        "gateway": {"kind": "gateway", "settings": {"connect": ["127.0.0.1:{port:ouch}"]}},
    },
    "links": {
        "feed_engine": {"producer": "feed", "depth": 1024, "consumers": {"engine": "lossy"}},
        "engine_gateway": {"producer": "engine", "depth": 64, "consumers": {"gateway": "reliable"}},
        "gateway_all": {"producer": "gateway", "depth": 64, "consumers": {"engine": "reliable", "feed": "lossy"}},
    },
}


changed = partial(changed_of, GOOD)


def errors_of(document: dict[str, Any], *, aeron: bool = True) -> list[str]:
    with pytest.raises(TopologyError) as raised:
        check(document, kinds=KINDS, aeron=aeron)
    return raised.value.errors


def test_a_good_topology_says_who_runs_where() -> None:
    topology = check(GOOD, kinds=KINDS)
    assert topology.process_names() == ["core", "gateway"]
    assert topology.ports() == ["itch_a", "ouch"]


def test_auto_takes_a_ring_inside_aeron_between_and_a_file_for_lossy_consumers() -> None:
    topology = check(GOOD, kinds=KINDS)
    kinds = {name: topology.transport_of(name, aeron=True) for name in topology.links}
    assert kinds == {"feed_engine": "ring", "engine_gateway": "aeron-ipc", "gateway_all": "shm"}
    assert topology.transport_of("engine_gateway", aeron=False) == "shm"


@pytest.mark.parametrize(
    ("path", "value", "sentence"),
    [
        ("tiles/feed/knd", "feed", 'tiles.feed.knd = "feed": is not a key here; did you mean kind?'),
        ("tiles/feed/kind", "fed", 'tiles.feed.kind = "fed": is not a kind of tile; did you mean feed?'),
        ("links/feed_engine/depth", 0, "links.feed_engine.depth = 0: must be at least 1"),
        ("links/feed_engine/depth", "many", 'links.feed_engine.depth = "many": must be a whole number'),
        ("links/feed_engine/producer", "fedd", 'links.feed_engine.producer = "fedd": no such tile; did you mean feed?'),
        ("links/feed_engine/consumers", {"engine": "maybe"}, "allowed are 'reliable' or 'lossy'"),
        ("links/feed_engine/consumers", {}, "links.feed_engine.consumers = {}: needs at least 1"),
        ("links/feed_engine/consumers", {"feed": "lossy"}, "is the producer"),
        ("links/engine_gateway/transport", "ring", "a ring is within one process"),
        (
            "links/gateway_all/transport",
            "aeron-ipc",
            'links.gateway_all.consumers.feed = "lossy": aeron-ipc has reliable',
        ),
        ("links/engine_gateway/transport", "aeron-udp", "links.engine_gateway.endpoint = None: goes with"),
        ("processes/cor", {}, "processes.cor: no tile runs there; did you mean core?"),
        ("processes/core/idle", "sleep", "allowed are 'spin', 'yield', 'park' or 'back-off'"),
        ("processes/core/placement", "one-thread", "tiles.feed.core = 1: its process core is one thread"),
        ("name", "Has Space", 'name = "Has Space": a name is 1 to 32 of'),
        ("name", ..., "name: is missing"),
        ("tiles/feed/settings/group", "{prt:x}", 'tiles.feed.settings: "{prt:x}" is not known'),
        ("venues", {"a": {"id": 1, "profile": "x"}, "b": {"id": 1, "profile": "y"}}, "venue a has it"),
        ("metrics/port", 70000, "metrics.port = 70000: must be at most 65535"),
    ],
)
def test_every_error_names_key_value_and_what_is_allowed(path: str, value: Any, sentence: str) -> None:
    found = errors_of(changed(path, value))
    assert any(sentence in error for error in found), found


def test_all_errors_come_at_once() -> None:
    document = changed("links/feed_engine/depth", 0)
    document["tiles"]["engine"]["cor"] = 3
    document["links"]["engine_gateway"]["consumers"] = {}
    assert len(errors_of(document)) == 3
    document = changed("tiles/feed/kind", "fed")
    document["links"]["feed_engine"]["producer"] = "nobody"
    assert len(errors_of(document)) == 2


def test_without_aeron_a_link_that_asks_for_it_is_refused() -> None:
    (error,) = errors_of(changed("links/engine_gateway/transport", "aeron-ipc"), aeron=False)
    assert error == 'links.engine_gateway.transport = "aeron-ipc": this build has no Aeron; allowed are auto, ring, shm'


def test_a_file_that_is_absent_or_not_toml_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TopologyError, match="No such file"):
        load(tmp_path / "none.toml", kinds=KINDS)
    (tmp_path / "bad.toml").write_text("name = ", encoding="utf-8")
    with pytest.raises(TopologyError, match="is no TOML"):
        load(tmp_path / "bad.toml", kinds=KINDS)


def test_the_example_in_the_documentation_is_valid(tmp_path: Path) -> None:
    import meridian.deploy.topology as module

    assert module.__doc__ is not None
    example = "\n".join(line[4:] for line in module.__doc__.splitlines() if line.startswith("    "))
    path = tmp_path / "example.toml"
    more = "".join(f'\n[tiles.{kind}]\nkind = "{kind}"\n' for kind in ("engine", "recorder", "inbox"))
    path.write_text(example + more, encoding="utf-8")
    assert isinstance(load(path, kinds=[*KINDS, "recorder", "inbox"]), Topology)
