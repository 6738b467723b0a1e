"""A house exchange gives its place to another process while a member trades: the connection is the same, and the one that gave
it writes nothing any more, also when it is stopped right behind its last word and woken later.

Invariant: one of both has the place, whatever stands still.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from meridian._native import links
from meridian.child import environment, module
from meridian.deploy.condition import state_of
from meridian.deploy.successors import Stage
from tests.exchange.test_fix_ports import House, log_on, order, reports, wait
from tests.support import ROOT

HELD_NS_MAX = 1_000_000_000


class Place:
    """The place of an exchange, and the processes that have it or come for it."""

    def __init__(self, folder: Path, house: House) -> None:
        self.folder, self.specification = folder, json.loads(house.specification.read_text())
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str, *, takes_over: bool) -> None:
        """A process of this name."""
        place = {"at": str(self.folder / "place"), "takes_over": takes_over}
        more = {"counters_path": str(self.folder / "counters" / name), "succession": place}
        path = self.folder / f"{name}.json"
        path.write_text(json.dumps(self.specification | more))
        command = [*module("meridian.deploy.process"), str(path)]
        self.processes[name] = subprocess.Popen(command, cwd=ROOT, env=environment())

    def count(self, name: str, counter: str) -> int:
        """A counter of the tile; -1: there is none yet."""
        try:
            found: dict[str, Any] = dict(links.Counters(self.folder / "counters" / name).read())
        except OSError:
            return -1
        return int(found.get(f"exchange1.{counter}", -1))

    def stop(self, name: str) -> None:
        """It stands still from here on."""
        pid = self.processes[name].pid
        os.kill(pid, signal.SIGSTOP)
        wait(f"{name} stands still", lambda: state_of(pid) == "paused")

    def go_on(self, name: str) -> None:
        """It does not any more."""
        os.kill(self.processes[name].pid, signal.SIGCONT)

    def files(self) -> dict[str, bytes]:
        """All that was ever written."""
        return {path.name: path.read_bytes() for path in (self.folder / "data" / "exchange1").iterdir()}


@contextmanager
def place_of(folder: Path, house: House) -> Iterator[Place]:
    place = Place(folder, house)
    try:
        yield place
    finally:
        for process in place.processes.values():
            process.kill()
            process.wait(30)


def test_one_that_is_stopped_behind_its_last_word_writes_nothing_when_it_is_woken(tmp_path: Path) -> None:
    house = House(tmp_path, {11: "FIX.4.4"}, segment_bytes=1 << 20)
    with place_of(tmp_path, house) as place:
        place.start("first", takes_over=False)
        client = log_on(house.client(11))
        client.send("D", order("A1", 1, 100, "9.5"))
        wait("the first order", lambda: len(reports(client)) == 1, client)
        place.start("second", takes_over=True)
        wait("the place is given", lambda: place.count("first", "handover.stage") == Stage.GAVE, client)
        place.stop("first")
        client.send("D", order("A2", 1, 100, "9.5"))
        wait("the second order", lambda: len(reports(client)) == 2, client)
        assert client.is_up and place.count("second", "fix11.logons") == 0, "it is the same connection"
        assert place.count("second", "handover.stage") == Stage.TOOK
        assert 0 < place.count("second", "handover.held_ns") < HELD_NS_MAX
        place.stop("second")
        before, cycles = place.files(), place.count("first", "cycles")
        client.send("D", order("A3", 1, 100, "9.5"))
        place.go_on("first")
        wait("it has had its turns", lambda: place.count("first", "cycles") > cycles + 100)
        assert place.files() == before and len(reports(client)) == 2
        place.go_on("second")
        wait("the third order", lambda: len(reports(client)) == 3, client)
        assert [report.get(11) for report in reports(client)] == ["A1", "A2", "A3"] and client.is_up
        # Back, the same way: and the first one is nobody's any more.
        place.start("third", takes_over=True)
        wait("the place is taken", lambda: place.count("third", "handover.held_ns") > 0, client)
        client.send("D", order("A4", 1, 100, "9.5"))
        wait("the fourth order", lambda: len(reports(client)) == 4, client)
        held_ms = [place.count(name, "handover.held_ns") / 1e6 for name in ("second", "third")]
        print(f"nothing was taken for {held_ms[0]:.1f} ms and {held_ms[1]:.1f} ms")
