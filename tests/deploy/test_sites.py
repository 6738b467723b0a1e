"""A region that two sites could lead, over one store: one does, the other is refused, and one that is replaced ends."""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from meridian import child
from meridian.coordination import EtcdServer, epochs
from meridian.deploy import condition, runs
from tests.deploy.support import command, until
from tests.support import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]
UP_SECONDS_MAX = 90.0


@pytest.fixture
def store(home: Path, tmp_path: Path) -> Iterator[EtcdServer]:
    """What both sites ask, and what neither is lost with."""
    with EtcdServer(tmp_path / "etcd") as server:
        yield server


def up(store: EtcdServer, data: Path, site: str, *more: str) -> list[str]:
    """What a person types at a site."""
    return ["up", "--regions", "new-york", "--data", str(data), "--site", site, "--store", store.endpoints[0], *more]


@contextmanager
def started(words: list[str], log: Path, name: str) -> Iterator[subprocess.Popen[bytes]]:
    """A site that leads its region in a run of this name."""
    with log.open("wb") as output:
        popen = subprocess.Popen([*child.module("meridian"), *words], stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                                 env=child.environment(), cwd=ROOT)  # fmt: skip
    try:
        deadline = time.monotonic() + UP_SECONDS_MAX
        while not any(run.name == name and run.state == "running" for run in runs.runs()):
            assert popen.poll() is None and time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)
        yield popen
    finally:
        popen.terminate()
        popen.wait(60)


def test_a_site_that_another_one_took_the_region_from_ends_it_and_does_not_come_back(
    store: EtcdServer, tmp_path: Path
) -> None:
    with started(up(store, tmp_path / "a", "a"), tmp_path / "a.log", "new-york") as first:
        (run,) = (one for one in runs.runs() if one.name == "new-york")
        pids = [int(about["pid"]) for about in run.processes.values()]
        refused = command(*up(store, tmp_path / "b", "b"))
        assert refused.returncode == 1, refused.stderr
        sentence = r"new-york: is led from site a since .* UTC, epoch 1; this is site b; add --take-over"
        assert re.search(sentence, refused.stderr)
        alike = command(*up(store, tmp_path / "b", "a"))
        assert alike.returncode == 1 and "this is site a, with other data; add --take-over" in alike.stderr
        none = command("up", "--regions", "new-york", "--data", str(tmp_path / "c"), "--store", store.endpoints[0])
        assert none.returncode == 1 and "name this site with --site, and add --take-over" in none.stderr
        assert [one.name for one in runs.runs()] == ["new-york", "platform"], "nothing of them was started"

        with started(up(store, tmp_path / "b", "b", "--take-over"), tmp_path / "b.log", "new-york-2"):
            assert first.wait(30) == 1
            assert "new-york: it is led from site b since" in (tmp_path / "a.log").read_text()
            until(lambda: all(condition.state_of(pid) == "gone" for pid in pids))
            office = epochs.office(store.client(), "new-york-1")
            assert (
                office.claim is not None and office.claim.place.site == "b" and office.epoch == office.claim.epoch + 1
            )
    again = command(*up(store, tmp_path / "a", "a", "--detach"))
    assert again.returncode == 1 and "is led from site b since" in again.stderr, (
        "one that is down has not given it away"
    )


def test_a_store_that_does_not_answer_starts_no_site(home: Path, tmp_path: Path) -> None:
    words = [
        "up",
        "--regions",
        "new-york",
        "--data",
        str(tmp_path / "a"),
        "--site",
        "a",
        "--store",
        "http://127.0.0.1:1",
    ]
    done = command(*words)
    assert done.returncode == 1 and "--store http://127.0.0.1:1: " in done.stderr
    assert "nothing is started without it" in done.stderr and not list(runs.runs())


def test_what_is_wrong_with_a_site_is_told_at_once(home: Path, tmp_path: Path) -> None:
    words = ["--site", "A", "--store", "https://10.0.0.1:2379,http://10.0.0.2:2379,nobody", "--json"]
    done = command("up", "--regions", "new-york", *words)
    assert done.returncode == 2
    assert [sentence.partition(": ")[0] for sentence in json.loads(done.stdout)["errors"]] == ["--site = A"] + 3 * [
        "--store"
    ]
    folder = tmp_path / "certificates"
    done = command(
        "up",
        "--regions",
        "new-york",
        "--store",
        "https://10.0.0.1:2379",
        "--store-certificates",
        str(folder),
        "--take-over",
    )
    assert done.returncode == 2 and "--take-over: goes with --site" in done.stderr
    assert (
        "lacks ca.pem, operator.pem, operator-key.pem, limits-api.pem" in done.stderr
        and "agent-new-york.pem" in done.stderr
    )
    assert "new-york: coordination.tls = false: --store is named with --store-certificates" in done.stderr
    alone = command("up", "deploy/topologies/probes.toml", "--site", "a")
    assert alone.returncode == 2 and "go with --regions" in alone.stderr
