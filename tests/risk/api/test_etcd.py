"""The API over a real etcd: what the double cannot show: a store that is killed, paused, emptied and edited, processes that end.

A thread plays the regions' agents: it acknowledges what it sees, as they would.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import hashlib
import json
import os
import socketserver
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from meridian.analytics import break_book
from meridian.coordination import Etcd, EtcdServer
from meridian.ports import free_ports
from meridian.risk.api import keys, server
from meridian.risk.api.client import Client
from meridian.risk.api.parts import region_of
from tests.analytics.breaks_support import many, write_found
from tests.analytics.support import make_run
from tests.risk.api.harness import HOLDERS, loaded_limits, made_tokens
from tests.support import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
SECONDS_MAX = 40.0


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EtcdServer]:
    """One member, for all tests of this file."""
    with EtcdServer(tmp_path_factory.mktemp("etcd")) as running:
        yield running


class World:
    """A folder with an API's files, over a store that holds nothing of an earlier test."""

    def __init__(self, store: EtcdServer, folder: Path) -> None:
        self.store, self.folder = store, folder
        self.etcd: Etcd = store.client()
        self.etcd.delete(keys.ROOT, prefix=True)
        loaded_limits(folder)
        self.secrets = made_tokens(folder / "tokens.json")
        self.kill_socket = folder / "chicago.socket"
        self.settings: dict[str, Any] = {
            "listen": f"127.0.0.1:{free_ports(1)[0]}",
            "tokens": str(folder / "tokens.json"),
            "etcd": store.endpoints,
            "reference": str(folder / "reference.toml"),
            "limits": str(folder / "limits.toml"),
            "holders": list(HOLDERS),
            "kill_sockets": {"chicago": str(self.kill_socket)},
        }

    @property
    def address(self) -> str:
        """Where the API listens."""
        return f"http://{self.settings['listen']}"

    @contextlib.contextmanager
    def served(self, **more: Any) -> Iterator[str]:
        """The API in a thread of this process, ready with its limits. Yields its address."""
        with server.running(server.Settings.model_validate(self.settings | more)) as address:
            yield address

    def client(self, who: str, address: str | None = None) -> Client:
        """A client with somebody's token."""
        return Client(address or self.address, self.secrets[who])

    def value(self, key: str) -> dict[str, Any]:
        """A value as etcd has it."""
        found = self.etcd.get(key)
        assert found is not None, key
        document: dict[str, Any] = json.loads(bytes(found.value))
        return document

    def acknowledge(self, number: int, *, inside: bool = True) -> None:
        """As both regions' agents would, of everything about a limit as it is now."""
        revisions = {entry.key: entry for entry in self.etcd.range(keys.parts(number)).key_values}
        limit = self.etcd.get(keys.limit(number))
        assert limit is not None
        for holder in HOLDERS:
            part = keys.part(number, holder)
            for key in (keys.limit(number), part):
                at = max([limit.mod_revision, *(one.mod_revision for name, one in revisions.items() if name == part)])
                self.acknowledge_key(region_of(holder), key, at, inside=inside)

    def acknowledge_key(self, region: str, key: str, revision: int, *, inside: bool = True) -> None:
        """One acknowledgement."""
        ack = {"v": 1, "revision": revision, "generation": 1, "outcome": "in_force", "input": revision * 10}
        ack |= {"inside": inside, "at_ns": time.time_ns(), "why": None}
        self.etcd.put(keys.acked(region, key), json.dumps(ack))

    @contextlib.contextmanager
    def agents(self) -> Iterator[None]:
        """Both regions alive, acknowledging limits and kills as they come."""
        stop = threading.Event()

        def work() -> None:
            etcd = Etcd(self.store.endpoints, generation_key=server.NO_GENERATION)
            for holder in HOLDERS:
                alive = {"v": 1, "region": region_of(holder), "holder": holder, "engine": "up", "status": []}
                etcd.put(keys.region("regions", region_of(holder)), json.dumps(alive))
            with etcd.watch(keys.ROOT, prefix=True) as watch:
                while not stop.is_set():
                    event = watch.next(0.05)
                    if event is None or event.key_value is None:
                        continue
                    key = event.key_value.key
                    word = keys.words(key)[0]
                    if word == "limits":
                        self.acknowledge(int(keys.words(key)[1]))
                    elif word == "kill":
                        for holder in HOLDERS:
                            self.acknowledge_key(region_of(holder), key, event.key_value.mod_revision)

        thread = threading.Thread(target=work)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join(SECONDS_MAX)


@pytest.fixture
def world(store: EtcdServer, tmp_path: Path) -> World:
    """An API's world."""
    return World(store, tmp_path)


def until(what: Callable[[], bool]) -> None:
    """Waits for something, and fails when it does not come."""
    deadline = time.monotonic() + SECONDS_MAX
    while not what():
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.02)


def imported(api: Client) -> None:
    """Waits for the import's end."""
    until(lambda: len(api.get("/v1/tree")["nodes"]) == 7)


def cli(world: World, who: str, *words: str) -> subprocess.CompletedProcess[str]:
    """A command with somebody's token."""
    environment = os.environ | {"MERIDIAN_API": world.address, "MERIDIAN_TOKEN": world.secrets[who]}
    command = [sys.executable, "-m", "meridian", *words]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False)


GLOBAL = {
    "id": 900,
    "node": "firm",
    "metric": "position_long",
    "value": "100",
    "selector": {"instrument": "ES"},
    "enforcement": "global",
    "parts": {"new-york-1": "60", "chicago-1": "40"},
    "reason": "over both regions",
}


def make_global(world: World) -> None:
    """A global limit over two regions."""
    with world.client("risk") as risk, world.client("second") as second:
        written = risk.write("POST", "/v1/limits", GLOBAL)
        if not written["applied"]:
            second.write("POST", f"/v1/proposals/{written['proposal']['id']}/confirm")


def test_the_commands_lower_a_global_limit_and_show_it_in_force_by_input_in_both_regions(world: World) -> None:
    with world.served(), world.agents():
        with world.client("risk") as api:
            imported(api)
        make_global(world)
        done = cli(world, "risk", "limits", "set", "900", "50", "--reason", "less", "--wait", "30")
        assert done.returncode == 0, done.stderr
        assert "chicago in force at input" in done.stderr and "new-york in force at input" in done.stderr
        parts = {holder: world.value(keys.part(900, holder))["upper"] for holder in HOLDERS}
        assert parts == {"new-york-1": "30", "chicago-1": "20"}
        listed = json.loads(cli(world, "viewer", "limits", "list", "--json").stdout)
        assert {one["id"]: one["value"] for one in listed["limits"]}[900] == "50"
        shown = cli(world, "viewer", "limits", "show", "900")
        assert "in_force" in shown.stdout and shown.returncode == 0
        looser = cli(world, "risk", "limits", "set", "900", "70", "--reason", "more")
        assert looser.returncode == 0 and "waits for a second person" in looser.stderr
        number = looser.stderr.split("limits confirm ")[1].strip()
        assert cli(world, "risk", "limits", "confirm", number).returncode == 1, "not by the same person"
        confirmed = cli(world, "second", "limits", "confirm", number, "--wait", "30")
        assert confirmed.returncode == 0, confirmed.stderr
        assert world.value(keys.limit(900))["value"] == "70"


def test_the_commands_kill_and_rearm(world: World) -> None:
    with world.served(), world.agents():
        with world.client("risk") as api:
            imported(api)
        assert cli(world, "trader", "kill", "taker").returncode == 1, "not its own"
        done = cli(world, "trader", "kill", "maker", "--level", "K3", "--reason", "wrong prices", "--wait", "30")
        assert done.returncode == 0 and "in force at input" in done.stderr, done.stderr
        assert world.value("/meridian/v1/kill/maker/all")["new_orders"] == "none"
        proposed = cli(world, "risk", "rearm", "maker", "--reason", "corrected")
        number = proposed.stderr.split("limits confirm ")[1].strip()
        waiting = json.loads(cli(world, "second", "limits", "confirm", "--json").stdout)
        assert [one["id"] for one in waiting["proposals"]] == [number]
        done = cli(world, "second", "limits", "confirm", number, "--wait", "30")
        assert done.returncode == 0, done.stderr
        assert world.value("/meridian/v1/kill/maker/all")["new_orders"] == "allow"


def test_the_commands_end_with_the_code_of_what_is_wrong(world: World) -> None:
    assert cli(world, "risk", "limits", "list").returncode == 3, "nothing listens"
    with world.served():
        with world.client("risk") as api:
            imported(api)
        assert cli(world, "risk", "limits", "set", "6", "-5").returncode == 2
        assert cli(world, "risk", "limits", "show", "4711").returncode == 2
        bad = cli(world, "risk", "limits", "set", "3", "5.00001", "--soft-percent", "20")
        assert bad.returncode == 2 and "percentage" in bad.stderr
        assert cli(world, "viewer", "limits", "set", "6", "5").returncode == 1
        assert cli(world, "risk", "limits", "set", "6", "5", "--wait", "0.3").returncode == 1, "no region says so"
        there = cli(world, "viewer", "positions", "--all-regions", "--json")
        assert there.returncode == 0 and json.loads(there.stdout)["rows"] == []


def test_with_etcd_paused_reads_go_on_writes_are_refused_and_a_kill_reaches_the_region(world: World) -> None:
    said: list[dict[str, Any]] = []

    class Region(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            said.append(json.loads(self.rfile.readline()))
            self.wfile.write(b'{"ok":true,"sent":true,"input":7}\n')

    member = world.store.members[0]
    with world.served(), world.client("risk") as api:
        imported(api)
        region = socketserver.ThreadingUnixStreamServer(str(world.kill_socket), Region)
        threading.Thread(target=region.serve_forever, daemon=True).start()
        member.pause()
        try:
            until(lambda: not api.get("/v1/limits")["view"]["live"])
            seen = api.get("/v1/limits/6")
            assert seen["limit"]["value"] == "100" and seen["view"]["age_ms"] > 0 and seen["view"]["why"]
            headers = {"Authorization": f"Bearer {world.secrets['risk']}", "If-Match": '"1"', "Idempotency-Key": "a"}
            refused = httpx.put(f"{world.address}/v1/limits/6", json={"value": "5"}, headers=headers)
            assert refused.status_code == 503 and "nothing is written" in refused.text
            killed = api.write("POST", "/v1/kill/desk", {"level": "K3", "reason": "now"})
            assert killed["handed_over"] == {"chicago": "in force at input 7"} and said[0]["node"] == "desk"
        finally:
            member.resume()
            region.shutdown()
            region.server_close()
        until(lambda: bool(api.get("/v1/limits")["view"]["live"]))
        until(lambda: world.etcd.get("/meridian/v1/kill/desk/all") is not None)
        assert api.write("PUT", "/v1/limits/6", {"value": "5"}, version=1)["applied"]


def test_with_etcd_killed_and_back_the_api_goes_on_without_a_restart(world: World) -> None:
    member = world.store.members[0]
    with world.served(), world.client("risk") as api:
        imported(api)
        member.kill()
        try:
            until(lambda: not api.get("/v1/health")["view"]["live"])
            assert api.get("/v1/health")["status"] == "store_away"
        finally:
            world.store.start_member(member)
            world.store.wait_healthy()
        until(lambda: bool(api.get("/v1/health")["view"]["live"]))
        assert api.write("PUT", "/v1/limits/6", {"value": "5"}, version=1)["applied"]


def test_an_api_that_ends_in_the_middle_of_a_lowering_goes_on_with_it(world: World) -> None:
    with world.served(), world.client("risk") as api:
        imported(api)
        make_global(world)
        api.write("PUT", "/v1/limits/900", {"value": "0"}, version=1)
        assert world.value(keys.limit(900))["value"] == "100"
    world.acknowledge(900)
    with world.served(), world.client("risk") as api:
        until(lambda: world.value(keys.limit(900))["value"] == "0")
        assert api.get("/v1/limits/900")["limit"]["pending"] is None
    assert {world.value(keys.part(900, holder))["upper"] for holder in HOLDERS} == {"0"}


def test_hand_edited_and_deleted_keys_are_explained_and_change_nothing_here(world: World) -> None:
    with world.served(), world.client("risk") as api:
        imported(api)
        make_global(world)
        world.etcd.put(keys.limit(6), b"{ not ours")
        world.etcd.put(keys.limit(8), json.dumps(world.value(keys.limit(7))))
        world.etcd.delete(keys.limit(7))
        world.etcd.put(keys.part(900, "chicago-1"), b'{"v":1,"upper":"41","lower":"0"}')
        until(lambda: len(api.get("/v1/health")["findings"]) >= 4)
        findings = "\n".join(api.get("/v1/health")["findings"])
        for key in (keys.limit(6), keys.limit(7), keys.limit(8)):
            assert key in findings
        assert "do not add up" in findings
        assert [api.get(f"/v1/limits/{number}")["limit"]["value"] for number in (6, 7, 8)] == ["100", "100", "600000"]
        # A tightening write over the damage heals it: guarded by what is really there, with parts that add up.
        for number in (6, 7):
            assert api.write("PUT", f"/v1/limits/{number}", {"value": "9"}, version=1)["applied"]
            assert world.value(keys.limit(number))["value"] == "9"
        api.write("PUT", "/v1/limits/900", {"value": "90"}, version=1)
        limit = world.value(keys.limit(900))
        parts = [int(world.value(keys.part(900, holder))["upper"]) for holder in HOLDERS]
        assert sum(parts) == int(limit["value"]) == 101, "what was handed out counts until it is given back"
        assert limit["pending"]["value"] == "90"


def test_an_emptied_store_is_not_taken_for_the_one_known(world: World, tmp_path: Path) -> None:
    with EtcdServer(tmp_path / "own") as own:
        other = World.__new__(World)
        other.__dict__ |= world.__dict__ | {"store": own, "etcd": own.client()}
        other.settings = world.settings | {"etcd": own.endpoints}
        with other.served(), other.client("risk") as api:
            imported(api)
            member = own.members[0]
            member.kill()
            member.empty()
            own.start_member(member)
            own.wait_healthy()
            until(lambda: "emptied or restored" in (api.get("/v1/health")["view"]["why"] or ""))
            assert api.get("/v1/limits/6")["limit"]["value"] == "100", "what was known is shown"
            with pytest.raises(Exception, match="store is away"):
                api.write("PUT", "/v1/limits/6", {"value": "5"}, version=1)
            assert other.etcd.range(keys.ROOT).key_values == [], "nothing was written into it"
            # An operator says that it counts as it is: then the limits file is what there is, as at the first start.
            other.etcd.put(keys.GENERATION, json.dumps({"v": 1, "generation": 2}))
            until(lambda: api.get("/v1/health")["view"]["live"] and api.get("/v1/tree")["nodes"])
            imported(api)
            assert other.value(keys.GENERATION)["generation"] == 2
            assert api.write("PUT", "/v1/limits/6", {"value": "5"}, version=1)["applied"]


def test_two_processes_at_once_lose_no_change_and_keep_one_audit_chain(world: World) -> None:
    port = free_ports(1)[0]
    with world.served(), world.served(listen=f"127.0.0.1:{port}") as second_address:
        with world.client("risk") as api:
            imported(api)

        def lower(at: int) -> bool:
            address = world.address if at % 2 else second_address
            who = "risk" if at % 2 else "second"
            with world.client(who, address) as api:
                return bool(api.write("POST", "/v1/kill/desk", {"level": "K1", "reason": str(at)})["applied"])

        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            assert all(pool.map(lower, range(12)))
    assert world.value("/meridian/v1/kill/desk/all")["version"] == 12
    entries = world.etcd.range(keys.ROOT + "audit/").key_values
    before = b""
    for at, entry in enumerate(entries, 1):
        assert entry.key == keys.audit(at)
        assert json.loads(bytes(entry.value))["previous"] == (hashlib.sha256(before).hexdigest() if before else "")
        before = bytes(entry.value)


def test_the_stream_tells_a_change(world: World) -> None:
    with world.served(), world.client("risk") as api:
        imported(api)
        headers = {"Authorization": f"Bearer {world.secrets['viewer']}"}
        with httpx.stream("GET", f"{world.address}/v1/stream?kinds=limits", headers=headers, timeout=10) as stream:
            lines = stream.iter_lines()
            assert next(line for line in lines if line.startswith("event:")) == "event: reset"
            api.write("PUT", "/v1/limits/6", {"value": "5"}, version=1)
            assert next(line for line in lines if line.startswith("event:")) == "event: limits"
            data = json.loads(next(line for line in lines if line.startswith("data:"))[5:])
            assert data["key"] == keys.limit(6) and data["value"]["value"] == "5"


def test_a_change_is_in_the_store_within_milliseconds(world: World) -> None:
    with world.served(), world.client("risk") as api:
        imported(api)
        took = []
        for version, value in enumerate(range(99, 49, -1), 1):
            started = time.perf_counter()
            api.write("PUT", "/v1/limits/6", {"value": str(value)}, version=version)
            took.append((time.perf_counter() - started) * 1_000)
    median = statistics.median(took)
    print(f"limit change, request to commit and answer: p50 {median:.2f} ms, p90 {sorted(took)[44]:.2f} ms")
    assert median < 250, "an order of magnitude, on a machine that others use"


def test_an_api_that_is_asked_to_end_ends_its_streams_whole(world: World) -> None:
    def listen(began: threading.Event) -> list[str]:
        headers = {"Authorization": f"Bearer {world.secrets['viewer']}"}
        with httpx.stream("GET", f"{world.address}/v1/stream", headers=headers, timeout=30) as answer:
            lines = []
            for line in answer.iter_lines():
                lines.append(line)
                began.set()
            return lines

    began = threading.Event()
    with concurrent.futures.ThreadPoolExecutor(1) as people:
        with world.served():
            heard = people.submit(listen, began)
            assert began.wait(SECONDS_MAX)
        # A stream that was cut off would raise here.
        assert heard.result(SECONDS_MAX)[1] == "event: reset"


# Breaks: a book, an API, a command, and a kill.


@contextlib.contextmanager
def a_process(world: World) -> Iterator[subprocess.Popen[str]]:
    """The API as a process of its own, once it answers."""
    file = world.folder / "api.toml"
    file.write_text(
        "".join(f"{key} = {json.dumps(value)}\n" for key, value in world.settings.items() if key != "kill_sockets")
    )
    words = [sys.executable, "-m", "meridian", "limits", "serve", str(file)]
    with subprocess.Popen(words, cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:
        # What it brought into the store on its way it may say before.
        assert process.stderr is not None and any("listens on" in line for line in process.stderr)
        try:
            yield process
        finally:
            process.kill()


def explain(world: World, number: str, key: str) -> int:
    """HTTP's status of one step; 0 where nobody answered."""
    headers = {"Authorization": f"Bearer {world.secrets['risk']}", "If-Match": '"1"', "Idempotency-Key": key}
    try:
        path = f"{world.address}/v1/breaks/story/{quote(number, safe='')}/explain"
        return httpx.post(path, json={"reason": "late"}, headers=headers, timeout=30).status_code
    except httpx.HTTPError:
        return 0


def test_an_api_and_a_command_keep_one_book_of_breaks_and_a_killed_api_loses_no_step(world: World) -> None:
    place = make_run(world.folder / "runs")
    book = place / break_book.NAME
    numbers = [item.id for item in many(26)]
    write_found(book, many(26))
    world.settings["runs"] = str(place)
    answers: dict[str, int] = {}

    def by_api(mine: list[str]) -> None:
        for number in mine:
            answers[number] = explain(world, number, f"key-{number}")

    def by_command(number: str) -> int:
        words = ["breaks", "explain", number, "--run", str(place), "--by", "ann", "--reason", "late"]
        return cli(world, "viewer", *words).returncode

    with a_process(world) as process, concurrent.futures.ThreadPoolExecutor(5) as people:
        commands = [people.submit(by_command, number) for number in numbers[24:]]
        steps = [people.submit(by_api, numbers[at:24:3]) for at in range(3)]
        until(lambda: sum(status == 200 for status in answers.values()) >= 8)
        process.kill()
        concurrent.futures.wait(steps)
        assert [one.result() for one in commands] == [0, 0]
    done = {number for number, status in answers.items() if status == 200}
    explained = [entry["id"] for entry in break_book.read(book).entries if entry["step"] == "explained"]
    assert done <= set(explained) and set(numbers[24:]) <= set(explained) and len(explained) < 26
    with a_process(world):
        again = {number: explain(world, number, f"key-{number}") for number in numbers[:24]}
        assert set(again.values()) == {200}, "what was done is answered again, what was not is done"
        assert explain(world, numbers[25], "another") == 412, "the command was quicker"
    whole = break_book.read(book)
    assert sorted(entry["id"] for entry in whole.entries if entry["step"] == "explained") == sorted(numbers)
    assert whole.torn_bytes == 0
