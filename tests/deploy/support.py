"""What tests of platforms share: a place of their own for their runs, a person's commands, and a platform seen by two risk
officers.

Invariant: runs of tests lie apart from the user's own, and what one leaves behind fails its test.
"""

from __future__ import annotations

import copy
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from meridian import records
from meridian.console import CheckFailed
from meridian.coordination import local
from meridian.deploy import platform as platforms
from meridian.deploy import runs
from meridian.deploy.metrics import read
from meridian.deploy.platform import Platform
from meridian.deploy.strategies import RunningEngine, new_request, start_stop
from meridian.engine import journals
from meridian.risk.api import keys
from meridian.risk.api.client import Client, read_token
from tests.support import ROOT

REGIONS = {"new-york": "maker-esm4-xnas", "chicago": "maker-esm4-xcme"}
"""Region → its futures' maker."""
SECONDS_MAX = 30.0


def changed_of(good: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """A good topology with one key set, or taken away by `...`."""
    document = copy.deepcopy(good)
    *parents, last = path.split("/")
    place = document
    for part in parents:
        place = place.setdefault(part, {})
    if value is ...:
        del place[last]
    else:
        place[last] = value
    return document


@contextmanager
def own_runtime() -> Iterator[Path]:
    """A runtime directory with a short path, for sockets, in which nothing is left running; and no token or API of the user's."""
    folder = Path(tempfile.mkdtemp(prefix="mrdn-"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", str(folder))
        patch.delenv("MERIDIAN_TOKEN", raising=False)
        patch.delenv("MERIDIAN_API", raising=False)
        yield folder
        assert list(runs.runs()) == [] and runs.leftovers() == []
    shutil.rmtree(folder)


def command(*words: str) -> subprocess.CompletedProcess[str]:
    """A command of a person on this host."""
    line = [sys.executable, "-m", "meridian", *words]
    return subprocess.run(line, cwd=ROOT, capture_output=True, text=True, timeout=100, check=False)


def until(what: Callable[[], Any]) -> Any:
    """What is said as soon as something is said."""
    deadline = time.monotonic() + SECONDS_MAX
    while not (value := what()):
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.02)
    return value


def printed(*words: str) -> dict[str, Any]:
    """What a command prints for programs."""
    done = command(*words, "--json")
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


class World:
    """A platform that runs, seen by two risk officers."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        self.etcd = platform.store.client(timeout_s=2)
        self.first, self.second = (
            Client(platform.api, read_token(platform.token_file(holder)), ca=platform.ca)
            for holder in platforms.TOKEN_HOLDERS
        )

    def until(self, what: Callable[[], Any]) -> Any:
        """What is said as soon as something is said."""
        return until(what)

    def until_store(self, region: str, state: str) -> None:
        """Waits until a region's agent says so of the store."""
        self.until(lambda: self.agent(region)["store"]["state"] == state)

    def first_peer(self, region: str) -> dict[str, Any]:
        """What a region's agent says of another region, as soon as it does."""
        peer: dict[str, Any] = self.until(lambda: self.agent(region)["peers"])[0]
        return peer

    def in_force(self, path: str) -> dict[str, int]:
        """Region → the engine input at which it is in force, as soon as it is everywhere."""
        *_, found = self.first.propagation(path, SECONDS_MAX)
        assert found["in_force"], found
        return {one["region"]: one["input"] for one in found["regions"]}

    def ack(self, region: str, key: str) -> dict[str, Any]:
        """What a region's agent has said of a key."""
        found = self.etcd.get(keys.acked(region, key))
        assert found is not None, (region, key)
        value: dict[str, Any] = json.loads(bytes(found.value))
        return value

    def journaled(self, region: str, sequence: int) -> np.void:
        """The record at a place of a region's engine's input."""
        (where,) = journals.find(Path(self.platform.below[region].run.data_directory) / "engine")
        found = next(data for at, _, data in journals.records(where) if at == sequence)
        return records.parse(found)

    def counter(self, region: str, name: str) -> int:
        """A counter of a region's engine."""
        value = dict(read(self.platform.below[region].run.counters("engine")))[name]
        assert isinstance(value, int)
        return value

    def trade(self) -> None:
        """Starts the futures' maker of each region, which quotes from then on."""
        for region, strategy in REGIONS.items():
            engine = RunningEngine.of(Path(self.platform.below[region].run.data_directory).parent)
            request = new_request()
            engine.command(start_stop(engine.slot(strategy), request, start=True), request)

    def quotes(self, region: str) -> bool:
        """Whether a region's engine sends more to its venues than it has."""
        before = self.counter(region, "engine.commands_sent")
        self.until(lambda: self.counter(region, "engine.commands_sent") > before)
        return True

    def agent(self, region: str) -> dict[str, Any]:
        """What a region's agent knows."""
        where = self.platform.below[region].places.socket("agent")
        status: dict[str, Any] = local.ask(where, {"command": "status"})["status"]
        return status

    def rearm(self, node: str) -> dict[str, int]:
        """Two officers let go on; the inputs at which the engines do."""
        asked = self.first.write("POST", f"/v1/rearm/{node}", {"reason": "it was a test"})
        confirm = f"/v1/proposals/{asked['proposal']['id']}/confirm"
        with pytest.raises(CheckFailed):
            self.first.write("POST", confirm)
        assert self.second.write("POST", confirm)["applied"]
        return self.in_force(f"/v1/propagation/kill/{node}")
