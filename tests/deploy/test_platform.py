"""Regions under one hand: a limit and a kill in force in every engine by its input, a store that dies, nothing left."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from meridian import records
from meridian.analytics import Run, break_desk
from meridian.console import BadInput
from meridian.coordination import EtcdServer, epochs, local
from meridian.coordination.server import Member
from meridian.deploy import platform as platforms
from meridian.deploy import runs
from meridian.deploy.platform import Platform
from meridian.deploy.supervisor import CannotStart
from meridian.risk.api import keys
from meridian.risk.api.client import read_token
from tests.deploy.support import REGIONS, World, command

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]
SHARDS = {"new-york": 1, "chicago": 2}
LONG, SHORT = 49, 50
"""The global limits of the firm's file: both sides of ES."""


@pytest.fixture(scope="module")
def world(home: Path) -> Iterator[World]:
    """New York and Chicago; their makers trade."""
    with Platform(platforms.load(["ny", "chicago"]), home / "data") as platform:
        world = World(platform)
        world.until(lambda: len(world.first.get("/v1/limits")["limits"]) >= SHORT)
        world.until(lambda: all(world.agent(region)["store"]["state"] == "present" for region in REGIONS))
        world.in_force(f"/v1/propagation/limits/{LONG}")
        world.in_force(f"/v1/propagation/limits/{SHORT}")
        world.trade()
        yield world
    assert not platform.failures


def test_killing_etcd_stops_no_trading_and_no_kill_and_its_return_is_caught_up_without_a_restart(world: World) -> None:
    platform = world.platform
    platform.store.members[0].kill()
    for region in REGIONS:
        world.until_store(region, "away")
        assert world.quotes(region)
    socket = platform.below["chicago"].places.socket("agent")
    kill = {"command": "kill", "node": "chicago", "new_orders": "none", "resting": "cancel", "by": "test"}
    at = local.ask(socket, kill | {"reason": "a test"})["input"]
    assert int(world.journaled("chicago", at)["new_orders"]) == records.KillNew.NONE
    assert world.quotes("new-york")
    pids = {name: about["pid"] for one in platform.below.values() for name, about in one.run.processes.items()}
    tries: list[str] = []

    def refused(server: EtcdServer, member: Member) -> None:
        tries.append(member.name)
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(member.log))

    def tried_twice() -> bool:
        platform.look()
        return len(tries) == 2

    # The disk of the store takes nothing for a while: everything goes on, and it is started once it does.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(EtcdServer, "start_member", refused)
        world.until(tried_twice)
    assert world.quotes("new-york") and not platform.failures

    def back() -> bool:
        platform.look()
        return all(world.agent(region)["store"]["state"] == "present" for region in REGIONS)

    world.until(back)
    assert pids == {name: about["pid"] for one in platform.below.values() for name, about in one.run.processes.items()}
    world.until(lambda: world.first.get("/v1/limits")["view"]["live"])
    version = world.first.get(f"/v1/limits/{LONG}")["limit"]["version"]
    world.first.write("PUT", f"/v1/limits/{LONG}", {"value": "110", "reason": "less again"}, version=version)
    assert set(world.in_force(f"/v1/propagation/limits/{LONG}")) == set(REGIONS)
    world.until(lambda: world.etcd.range(f"{keys.ROOT}local/chicago/").key_values)
    assert world.rearm("chicago")["chicago"] > at


def test_an_engine_starts_with_an_epoch_of_the_store_and_everybody_sees_it(world: World) -> None:
    rows = {row["holder"]: row for row in world.first.get("/v1/epochs")["rows"]}
    for region, shard in SHARDS.items():
        epoch = epochs.current(world.etcd, f"{region}-{shard}")
        engine = world.agent(region)["engine"]
        assert epoch > 0 and (engine["epoch"], engine["store_epoch"]) == (epoch, epoch)
        row = rows[f"{region}-{shard}"]
        assert (row["epoch"], row["engine_epoch"], row["standing"]) == (epoch, epoch, [])
        assert int(world.journaled(region, 1)["epoch"]) == epoch, "its first record"


def test_positions_of_each_region_are_seen_in_the_other(world: World) -> None:
    for region, other in (("new-york", "chicago"), ("chicago", "new-york")):
        peer = world.first_peer(region)
        assert peer["region"] == other and peer["watermark"] > 0, peer


def test_the_breaks_of_both_regions_are_served_while_they_trade(world: World) -> None:
    def told() -> dict[str, Any]:
        answer: dict[str, Any] = world.first.get("/v1/breaks")
        return answer

    world.until(lambda: all(one["age_ms"] is not None for one in told()["regions"]))
    found = told()
    assert [(one["region"], one["over"]) for one in found["regions"]] == [(region, False) for region in REGIONS]
    assert found["problems"] == [] and found["you"]["may_step"]
    for region in REGIONS:
        _, told_so_far = break_desk.engine_mark(Run.open(world.platform.places[region]))
        assert isinstance(told_so_far, int), "of an engine that runs its own count is asked, not its files"


def test_a_region_that_fails_is_stopped_alone(world: World) -> None:
    platform = world.platform
    os.kill(platform.below["chicago"].run.processes["engine"]["pid"], signal.SIGKILL)

    def stopped() -> bool:
        platform.look()
        return "chicago" not in platform.below

    world.until(stopped)
    assert any(one.startswith("chicago: process engine was ended") for one in platform.failures), platform.failures
    platform.failures.clear()
    assert [run.name for run in runs.runs()] == ["new-york", "platform"]
    assert world.quotes("new-york")
    # What is written now is in force where somebody trades; the region that is gone is named.
    version = world.first.get(f"/v1/limits/{LONG}")["limit"]["version"]
    world.first.write("PUT", f"/v1/limits/{LONG}", {"value": "100", "reason": "less"}, version=version)

    def states() -> dict[str, str]:
        found = world.first.get(f"/v1/propagation/limits/{LONG}")
        return {one["region"]: one["state"] for one in found["regions"]}

    world.until(lambda: states() == {"new-york": "in_force", "chicago": "unreachable"})


def test_a_kill_and_status_name_the_region_that_failed(world: World) -> None:
    done = command("kill", "firm", "--local", "--reason", "all of it", "--json")
    told = json.loads(done.stdout)
    assert done.returncode == 1 and told["regions"]["new-york"]["taken"] and not told["regions"]["chicago"]["taken"]
    (sentence,) = (error for error in told["errors"] if error.startswith("chicago: "))
    assert "it has failed and is stopped (process engine was ended by SIGKILL; its log: " in sentence
    assert "left for its agent" in sentence
    status = command("status")
    assert "platform: region chicago: it has failed and is stopped (process engine was ended" in status.stderr
    record = json.loads((world.platform.data / "platform.json").read_text())
    assert list(record["regions"]) == list(REGIONS)


def in_force(agent: dict[str, Any]) -> list[str]:
    """Where an agent's engine has said that it is killed."""
    return [kill["place"] for kill in agent["kills"] if kill["input"] and kill["new_orders"] != "allow"]


def etcd_of(status: str) -> list[int]:
    """The store's process, of what `meridian status --json` printed."""
    rows = (row for run in json.loads(status)["runs"] for row in run["processes"])
    return [row["pid"] for row in rows if row["name"] == "etcd" and row["pid"]]


def test_one_command_starts_a_region_and_one_leaves_nothing(world: World, home: Path) -> None:
    world.platform.stop()
    started = command("up", "--regions", "chicago", "--data", str(home / "data"), "--detach", "--json")
    assert started.returncode == 0, started.stderr
    facts = json.loads(started.stdout)
    assert {run["name"] for run in facts["runs"]} == {"platform", "chicago"}
    shown = json.loads(command("status", "--json").stdout)["runs"]
    pids = [row["pid"] for run in shown for row in run["processes"]]
    # A second platform of the same data would fence the first one's engines.
    second = command("up", "--regions", "chicago", "--data", str(home / "data"), "--detach", "--json")
    assert second.returncode != 0 and "a platform that is up has this data" in second.stderr, second.stderr
    # Whoever started it is gone: what it has to say goes to a file, and a warning ends nothing.
    (etcd,) = [row["pid"] for run in shown for row in run["processes"] if row["name"] == "etcd"]
    os.kill(etcd, signal.SIGKILL)
    logs = home / "meridian"

    def told() -> bool:
        return any("store" in path.read_text() for path in logs.glob("up-*.log"))

    world.until(told)
    world.until(lambda: etcd not in (again := etcd_of(command("status", "--json").stdout)) and len(again) == 1)
    pids += etcd_of(command("status", "--json").stdout)
    assert "etcd" in [row["name"] for run in shown for row in run["processes"]]
    assert all(row["ready"] for run in shown for row in run["processes"])
    limit = command("limits", "show", str(LONG), "--json", "--token-file", facts["token_files"][0])
    assert json.loads(limit.stdout)["limit"]["value"] == "100", "the store of the run before is there again"
    # The kill that was left for a region that had failed is in force now that it is back.
    (agent,) = (agent for run in json.loads(command("status", "--json").stdout)["runs"] for agent in run["agents"])
    assert in_force(agent["status"]) == ["firm/all"]
    # A supervisor that somebody has paused is said to be, and ends all the same.
    supervisor = facts["runs"][0]["supervisor_pid"]
    os.kill(supervisor, signal.SIGSTOP)
    assert f"supervisor (process {supervisor}) of chicago, platform: is paused" in command("status").stderr
    began = time.monotonic()
    down = command("down", "--json")
    assert sorted(json.loads(down.stdout)["runs"]) == ["chicago", "platform"], down.stderr
    assert "is paused: it goes on, to stop" in down.stderr and time.monotonic() - began < 20
    assert [pid for pid in pids if Path(f"/proc/{pid}").exists()] == []
    where = facts["data"]
    report = json.loads(command("report", where, "--json").stdout)
    assert report["schema"] == "meridian.platform_report/1" and list(report["regions"]) == ["chicago"]
    assert json.loads(command("reconcile", where, "--json").stdout)["agrees"]
    sent = report["reconciliation"]["sent"]
    assert 0 < sent <= len(json.loads(command("orders", where, "--json").stdout)["orders"])
    token = read_token(Path(facts["token_files"][0]))
    files = [path for path in (home / "meridian").rglob("*") if path.is_file() and path.suffix in (".log", ".json")]
    assert files and not [path for path in files if token in path.read_text(errors="replace")]


def test_what_must_outlive_a_reboot_lies_below_the_data_and_nothing_of_other_data_counts(home: Path) -> None:
    """The runs' directories are emptied, as those in memory are when a host starts again."""
    held = {"memory.json", "start", "platform.json", "record.json"}
    lost = [path for path in (home / "meridian").rglob("*") if path.name in held or path.suffix == ".segment"]
    assert lost == []
    hashes = json.loads(command("journal", "replay", str(home / "data"), "--json").stdout)
    assert hashes["agree"] and len(hashes["journals"]) == 1
    shutil.rmtree(home / "meridian")
    with Platform(platforms.load(["chicago"]), home / "data") as platform:
        world = World(platform)
        world.until_store("chicago", "present")
        world.until(lambda: in_force(world.agent("chicago")) == ["firm/all"])
        assert world.agent("chicago")["engine"]["watermark"] > hashes["journals"][0]["records"]
        assert command("report", str(home / "data"), "--json").returncode == 0
    # What one store's agents remember is nothing to those of another.
    with Platform(platforms.load(["chicago"]), home / "new") as platform:
        world = World(platform)
        world.until_store("chicago", "present")
        assert world.agent("chicago")["kills"] == []
    assert [path.name for path in (home / "new").rglob("platform.json")] == ["platform.json"]


def test_a_region_that_cannot_start_is_named_and_nothing_is_left(home: Path, tmp_path: Path) -> None:
    for name in ("firm", "chicago"):
        shutil.copytree(platforms.TOPOLOGIES / name, tmp_path / name)
    text = (platforms.TOPOLOGIES / "chicago.toml").read_text()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        (tmp_path / "chicago.toml").write_text(text.replace("{port:ouch_xcme}", str(port)))
        platform = Platform(platforms.load(["ny", str(tmp_path / "chicago.toml")]), home / "other")
        with pytest.raises(CannotStart) as refused:
            platform.start()
    assert refused.value.errors[0].startswith("chicago: process exchange_xcme ended with exit code 1; its log: ")
    assert any(str(port) in error for error in refused.value.errors), refused.value.errors
    assert not platform.store.members[0].running
    assert list(runs.runs()) == [] and runs.leftovers() == []


def test_regions_that_do_not_go_together_are_refused_all_at_once(tmp_path: Path) -> None:
    for name in ("firm", "chicago"):
        shutil.copytree(platforms.TOPOLOGIES / name, tmp_path / name)
    text = (platforms.TOPOLOGIES / "chicago.toml").read_text()
    (tmp_path / "other.toml").write_text(text.replace("shard = 2", "shard = 1").replace('"chicago"', '"chicargo"', 1))
    with (tmp_path / "other.toml").open("a") as file:
        file.write("\n[coordination]\ntls = true\n")
    limits = tmp_path / "firm" / "limits.toml"
    limits.write_text(limits.read_text().replace("lots = 1000", "lots = 999", 1))
    with pytest.raises(BadInput) as refused:
        platforms.load(["ny", "bosten", str(tmp_path / "other.toml")])
    expected = [
        '--regions = "bosten": no such topology; allowed are chicago, new-york',
        "chicargo: region.shard = 1: new-york has it",
        "chicargo: coordination.tls = true: differs from that of new-york",
        "chicargo: region.limits: differs from that of new-york",
        'chicargo: name = "chicargo": the limits have no such region; did you mean chicago?',
    ]
    errors = refused.value.errors
    assert len(errors) == len(expected), errors
    for sentence in expected:
        assert any(sentence in error for error in errors), (sentence, errors)
