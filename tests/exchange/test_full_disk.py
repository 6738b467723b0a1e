"""A disk without room under the house exchange, in a platform's process and alone: a bound on the size of new files
(RLIMIT_FSIZE) is set on the running process and taken away again.

Invariant under test: what is not kept is not acknowledged, somebody is told why, and with room the same process goes on.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

from meridian.deploy import condition
from meridian.deploy.runs import Run
from meridian.venues import fix_profile
from meridian.venues.fix_session import Initiator
from tests.exchange.test_fix_ports import House, log_on, order, running, wait
from tests.support import ROOT
from tests.venues.fix_support import LINE, free_port

ORDERS_MAX = 60_000
BATCH = 200
WITHOUT = (0, resource.RLIM_INFINITY)
UNBOUND = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)


def order_until_refused(client: Initiator) -> tuple[int, set[str], set[str]]:
    """How many orders were sent, the names of those acknowledged, and what the others were told."""
    sent = 0
    while sent < ORDERS_MAX and client.is_up and not any(message.kind == "j" for message in client.messages):
        for number in range(sent, sent + BATCH):
            client.send("D", order(f"A{number}", 1, 100, "9.5"))
            client.step(0)
            sent += 1
            if client.session.state == "down":
                break
        until = time.monotonic() + 20
        while client.is_up and len(client.messages) < sent and time.monotonic() < until:
            client.step(0.005)
    named = {str(message.get(11)) for message in client.messages if message.get(150) == "0"}
    return sent, named, {str(message.get(58)) for message in client.messages if message.kind == "j"}


def test_without_room_a_platforms_exchange_refuses_orders_says_so_and_goes_on(tmp_path: Path) -> None:
    with running(House(tmp_path, {11: "FIX.4.4"}, segment_bytes=65_536)) as house:
        assert house.process is not None
        about = {"pid": house.process.pid, "restarts": 0}
        place = str(tmp_path)
        run = Run(
            name="ny", topology="ny", state="running", supervisor_pid=os.getpid(), run_directory=place, shared_directory=place,
            data_directory=place, metrics_port=None, ports={}, processes={"house": about},
        )  # fmt: skip
        client = log_on(house.client(11))
        assert list(condition.without_room(run)) == []
        resource.prlimit(house.process.pid, resource.RLIMIT_FSIZE, WITHOUT)
        sent, kept, refusals = order_until_refused(client)
        assert client.is_up and refusals == {"The exchange has no room to keep requests"}
        assert 0 < len(kept) < sent and len(client.messages) == sent, "each is answered once"
        wait("status says it", lambda: any(condition.without_room(run)), client)
        (sentence,) = condition.without_room(run)
        assert sentence.startswith("exchange1: takes no orders: its journal has no room (")
        assert f"; make room in {place}, it goes on by itself" in sentence
        assert f"ny: {sentence}" in list(condition.told({"name": "ny"} | condition.described(run)))
        resource.prlimit(house.process.pid, resource.RLIMIT_FSIZE, UNBOUND)
        wait("there is room", lambda: not any(condition.without_room(run)), client)
        client.send("D", order("B1", 1, 100, "9.5"))
        wait("an order is taken", lambda: client.messages[-1].get(11) == "B1", client)
        house.kill()
        house.start()
        log_on(client)
        client.send("AF", [(584, "S1"), (585, "7")])
        wait("the statuses", lambda: client.messages[-1].get(912) == "Y", client)
        standing = {str(message.get(11)) for message in client.messages if message.get(584) == "S1"}
        assert standing == kept | {"B1"}, "what was acknowledged stands, and nothing else"


def test_without_room_the_exchange_alone_tells_and_lets_sessions_in_again_when_there_is(tmp_path: Path) -> None:
    port = free_port(3)
    words = [*LINE, "exchange", "run", "--fix-port", str(port), "--data", str(tmp_path), "--json"]
    with subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True) as alone:
        try:
            assert alone.stdout is not None
            heard: dict[str, Any] = json.loads(alone.stdout.readline())
            profile = fix_profile.load(heard["fix"][0]["profile"])
            client = log_on(Initiator.of(profile, replay_order_age_ns_max=2**62))
            resource.prlimit(alone.pid, resource.RLIMIT_FSIZE, WITHOUT)
            sent, kept, _ = order_until_refused(client)
            assert not client.is_up and len(kept) <= sent, "its store has no room for a report"
            heard = json.loads(alone.stdout.readline())
            assert heard["event"] == "no_room"
            assert heard["sentences"][0].startswith(
                "exchange: FIX session 11 is not let in: its message store has no room"
            )
            resource.prlimit(alone.pid, resource.RLIMIT_FSIZE, UNBOUND)
            assert json.loads(alone.stdout.readline())["event"] == "room"
            log_on(client)

            def told() -> bool:
                return sum(message.get(150) == "0" for message in client.messages) == sent

            wait("what could not be said is said", told, client)
            alone.send_signal(signal.SIGINT)
            assert alone.wait(30) == 0
        finally:
            alone.kill()
