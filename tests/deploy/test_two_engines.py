"""Two engines of one host, each a process, with a link each way between them in place of a line, for a leg and best prices."""

from __future__ import annotations

import json
import struct
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from meridian import records
from meridian.deploy.demo.toml_text import dumps
from meridian.deploy.region import load
from meridian.deploy.strategies import RunningEngine, kept, new_request, settings, start_stop
from meridian.engine import journals
from meridian.strategies import channel
from tests.deploy.support import command, own_runtime, until
from tests.deploy.test_executors import EXECUTOR, FAR, NEAR, PAIR, READER, made

OWN = {"engine", "recorder", "inbox", "inbox_engine", "engine_recorder"}
"""Names that both regions' topologies have."""
THERE, BACK = "engine_engine_far", "engine_far_engine"


def renamed(value: Any) -> Any:
    """The far engine's part, where it names what both have; names of settings stay."""
    if isinstance(value, dict):
        return {key: each if key == "kind" else renamed(each) for key, each in value.items()}
    if isinstance(value, list):
        return [renamed(each) for each in value]
    return f"{value}_far" if isinstance(value, str) and value in OWN else value


def link(producer: str, consumer: str) -> dict[str, Any]:
    return {"producer": producer, "consumers": {consumer: "reliable"}, "depth": 1024, "record_bytes_max": 192}


def together(folder: Path) -> tuple[Path, dict[str, Any]]:
    """New York's topology with Chicago's engine and venue in it; and the record of the far engine."""
    near, far = (tomllib.loads(Path(name).read_text(encoding="utf-8")) for name in made(folder))
    region = load(folder / f"{FAR}.toml").region
    assert region is not None
    words = region.prepare(folder / "far")
    region.write_record(folder / "far", started_ns=time.time_ns())
    document = json.loads((folder / "far" / "record.json").read_text(encoding="utf-8"))
    document["engine"] = {"tile": "engine_far", "journal": "data/engine_far", "outputs": "data/recorder_far"}
    document["engine"]["inbox"] = "data/inbox_far"
    tiles = {f"{name}_far" if name in OWN else name: renamed(tile) for name, tile in far["tiles"].items()}
    links = {f"{name}_far" if name in OWN else name: renamed(one) for name, one in far["links"].items()}
    for one in links.values():
        one["consumers"] = {f"{name}_far" if name in OWN else name: how for name, how in one["consumers"].items()}
    its = tiles["engine_far"]["settings"]
    its |= {"bootstrap": words["bootstrap"], "libraries": words["libraries"]}
    its |= {"inputs": [*its["inputs"], THERE], "peers": {"1": {"link": BACK}}}
    its["quotes"] = {"region": FAR, "to": {"1": [{"venue": 3, "instrument": 2}]}}
    own = near["tiles"]["engine"]["settings"]
    own |= {"inputs": [*own["inputs"], BACK], "peers": {"2": {"link": THERE}}}
    links |= {THERE: link("engine", "engine_far"), BACK: link("engine_far", "engine")}
    near |= {"tiles": near["tiles"] | tiles, "links": near["links"] | links, "venues": near["venues"] | far["venues"]}
    near["metrics"]["port"] = 0
    path = folder / "together.toml"
    path.write_text(dumps(near), encoding="utf-8")
    return path, document


@pytest.fixture
def home() -> Iterator[Path]:
    """Where all of it lies."""
    with own_runtime() as folder:
        yield folder


def printed(*words: str) -> dict[str, Any]:
    done = command(*words, "--json")
    assert done.returncode == 0, (done.stdout, done.stderr)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def outputs(engine: RunningEngine, name: str) -> list[Any]:
    """What an engine said so far, of one kind."""
    return [one for _, one in kept(engine.directory / engine.document["engine"]["outputs"], name)]


def start(engine: RunningEngine, name: str) -> None:
    request = new_request()
    engine.command(start_stop(engine.slot(name), request, start=True), request)


def ages(engine: RunningEngine) -> list[float]:
    """How old the reader says that the far venue's prices are."""
    found = [one for one in outputs(engine, "Signal") if int(one["signal"]) == channel("far.age")]
    return [struct.unpack("<d", int(one["bits"]).to_bytes(8, "little"))[0] for one in found]


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_a_pair_completes_over_two_engines_of_one_host_and_one_reads_the_others_prices(home: Path) -> None:
    path, document = together(home / "topologies")
    run = printed("up", str(path), "--detach")
    directory = Path(run["run_directory"])
    try:
        processes = {row["name"] for row in printed("status")["runs"][0]["processes"]}
        assert {"engine", "engine_far"} <= processes, "each is a process of its own"
        near, far = RunningEngine.of(directory), RunningEngine(directory, document)
        start(far, EXECUTOR)
        start(near, PAIR)
        start(near, READER)
        until(lambda: len(ages(near)) > 10)
        request = new_request()
        slot, asked = near.slot(PAIR), {"asked": "1", "far_offset_nanos": "20000000000"}
        near.command(settings(slot, asked, request, runs=True), request)

        def ended() -> Any:
            whole = [one for one in outputs(near, "MultiLeg") if int(one["leg"]) == 0]
            return whole[-1] if whole and int(whole[-1]["state"]) >= records.MultiLegState.COMPLETED else None

        whole = until(ended)
        assert int(whole["state"]) == records.MultiLegState.COMPLETED, outputs(far, "MultiLeg")
        account = next(one["account"] for one in document["slots"] if one["name"] == EXECUTOR)
        held = [int(one["lots"]) for one in outputs(far, "Position") if int(one["account"]) == account]
        assert held[-1] == -2
        # A repetition after 200 ms, at the latest; a loaded machine may add to it.
        assert 0 <= min(ages(near)) < 250_000_000
    finally:
        printed("down")
    for engine, kinds in (("engine", {"ExecutorAnswer", "RegionQuote"}), ("engine_far", {"ExecutorRequest"})):
        where = directory / "data" / engine
        found = {records.name_of(data) for _, _, data in journals.records(where)}
        assert kinds <= found, (engine, found)
        libraries = str(document["strategies"])
        assert printed("journal", "replay", str(where), "--libraries", libraries)["agree"], engine
    assert printed("parity", str(directory))["unexplained"] == 0, NEAR
