"""Kills and re-arms: at once by one, back by two, and past a store that is away."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

from meridian.risk.api import keys, sockets
from meridian.risk.api.values import Selector
from tests.risk.api.harness import Api, run


async def stored(api: Api, node: str, **selector: Any) -> dict[str, Any]:
    """The kill fields as the store has them."""
    found: dict[str, Any] = json.loads(api.store.entries_by_key[keys.kill(node, Selector(**selector))].value)
    return found


def test_a_kill_only_ever_tightens_and_can_be_repeated(tmp_path: Path) -> None:
    async def go(api: Api) -> None:
        risk = api.as_("risk")
        answer = await risk.post("/v1/kill/desk", json={"level": "K3", "reason": "wrong prices"})
        assert answer.status_code == 200 and answer.json()["kill"]["new_orders"] == "none"
        weaker = await risk.post("/v1/kill/desk", json={"new_orders": "reduce_only", "flatten": True})
        assert weaker.status_code == 200
        kill = await stored(api, "desk")
        assert (kill["new_orders"], kill["resting"], kill["flatten"]) == ("none", "cancel", True)
        nothing = await risk.post("/v1/kill/desk", json={})
        assert nothing.status_code == 422
        both = await risk.post("/v1/kill/desk", json={"level": "K1", "flatten": True})
        assert both.status_code == 422
        unknown = await risk.post("/v1/kill/nowhere", json={"level": "K1"})
        assert unknown.status_code == 404 and "desk" in unknown.text

    run(go, tmp_path)


def test_a_kill_has_a_selector_and_a_place_of_its_own(tmp_path: Path) -> None:
    async def go(api: Api) -> None:
        body = {"level": "K2", "selector": {"instrument": "ES", "venue": "XNAS", "trader": 7}}
        answer = await api.as_("risk").post("/v1/kill/desk", json=body)
        assert answer.status_code == 200, answer.text
        assert "/meridian/v1/kill/desk/instrument=ES,venue=XNAS,trader=7" in api.store.entries_by_key
        wrong = await api.as_("risk").post("/v1/kill/desk", json={"level": "K2", "selector": {"venue": "XLON"}})
        assert wrong.status_code == 422

    run(go, tmp_path)


def test_a_rearm_needs_a_reason_and_a_second_person(tmp_path: Path) -> None:
    async def go(api: Api) -> None:
        risk = api.as_("risk")
        assert (await risk.post("/v1/rearm/desk", json={"reason": "x"})).status_code == 409, "it is not stopped"
        await risk.post("/v1/kill/desk", json={"level": "K3"})
        assert (await risk.post("/v1/rearm/desk", json={})).status_code == 422
        proposed = await risk.post("/v1/rearm/desk", json={"reason": "corrected"})
        assert proposed.status_code == 202
        assert (await stored(api, "desk"))["new_orders"] == "none"
        number = proposed.json()["proposal"]["id"]
        assert (await risk.post(f"/v1/proposals/{number}/confirm")).status_code == 403
        assert (await api.as_("second").post(f"/v1/proposals/{number}/confirm")).status_code == 200
        kill = await stored(api, "desk")
        assert (kill["new_orders"], kill["resting"], kill["by"], kill["confirmed_by"]) == (
            "allow",
            "keep",
            "risk",
            "second",
        )

    run(go, tmp_path)


def test_a_kill_after_the_proposal_makes_the_rearm_stale(tmp_path: Path) -> None:
    async def go(api: Api) -> None:
        risk = api.as_("risk")
        await risk.post("/v1/kill/desk", json={"level": "K1"})
        proposed = await risk.post("/v1/rearm/desk", json={"reason": "corrected"})
        await api.as_("second").post("/v1/kill/desk", json={"level": "K3"})
        number = proposed.json()["proposal"]["id"]
        answer = await api.as_("second").post(f"/v1/proposals/{number}/confirm")
        assert answer.status_code == 409 and answer.json()["code"] == "stale"
        assert (await stored(api, "desk"))["new_orders"] == "none"

    run(go, tmp_path)


def test_what_a_region_stopped_by_itself_is_seen_and_rearmed(tmp_path: Path) -> None:
    async def go(api: Api) -> None:
        local = {"v": 1, "node": "desk", "selector": {}, "new_orders": "none", "resting": "cancel", "flatten": False}
        key = "/meridian/v1/local/chicago/kill/desk/all"
        api.store.put_all({key: json.dumps(local | {"by": "local", "at_ns": 1}).encode()})
        await api.settle()
        proposed = await api.as_("risk").post("/v1/rearm/desk", json={"reason": "checked"})
        await api.confirmed(proposed)
        assert (await stored(api, "desk"))["new_orders"] == "allow", "written after the local one"

    run(go, tmp_path)


def local_kill(region: str, **fields: Any) -> dict[str, bytes]:
    """The key and value that an agent publishes of a local kill of the desk."""
    value = {"v": 1, "node": "desk", "selector": {}, "flatten": False, "by": "local", "at_ns": 1, **fields}
    return {f"/meridian/v1/local/{region}/kill/desk/all": json.dumps(value).encode()}


def test_a_kill_stops_as_much_as_a_local_one_whose_place_it_takes(tmp_path: Path) -> None:
    async def go(api: Api) -> None:
        api.store.put_all(local_kill("chicago", new_orders="none", resting="cancel_increasing"))
        await api.settle()
        answer = await api.as_("risk").post("/v1/kill/desk", json={"level": "K1"})
        assert answer.status_code == 200
        now = await stored(api, "desk")
        assert (now["new_orders"], now["resting"]) == ("none", "cancel_increasing")
        answer = await api.as_("risk").post("/v1/kill/desk", json={"resting": "cancel"})
        now = await stored(api, "desk")
        assert (now["new_orders"], now["resting"]) == ("none", "cancel")

    run(go, tmp_path)


def test_a_rearm_proposed_before_a_local_kill_is_stale(tmp_path: Path) -> None:
    async def go(api: Api) -> None:
        await api.as_("risk").post("/v1/kill/desk", json={"level": "K1"})
        proposed = await api.as_("risk").post("/v1/rearm/desk", json={"reason": "checked"})
        api.store.put_all(local_kill("chicago", new_orders="none", resting="cancel"))
        await api.settle()
        number = proposed.json()["proposal"]["id"]
        answer = await api.as_("second").post(f"/v1/proposals/{number}/confirm")
        assert answer.status_code == 409 and answer.json()["code"] == "stale"
        assert "killed locally since: chicago" in answer.text
        assert (await stored(api, "desk"))["new_orders"] == "reduce_only"

    run(go, tmp_path)


async def region(path: Path, said: list[dict[str, Any]], answer: bytes) -> asyncio.Server:
    """A region's agent as far as its local socket goes."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        said.append(json.loads(await reader.readline()))
        writer.write(answer)
        await writer.drain()
        writer.close()

    return await asyncio.start_unix_server(serve, str(path))


def test_with_the_store_away_a_kill_goes_to_the_regions_and_to_the_store_later(tmp_path: Path) -> None:
    places = {"chicago": tmp_path / "c.sock", "new-york": tmp_path / "n.sock"}

    async def go(api: Api) -> None:
        said: list[dict[str, Any]] = []
        server = await region(places["chicago"], said, b'{"ok":true,"sent":true,"input":77}\n')
        api.store.send_away()
        await asyncio.sleep(0.05)
        answer = await api.as_("risk").post("/v1/kill/desk", json={"level": "K3", "reason": "wrong prices"})
        assert answer.status_code == 202, answer.text
        told = answer.json()
        assert told["handed_over"]["chicago"] == "in force at input 77"
        assert told["handed_over"]["new-york"].startswith("not reached")
        assert told["applied"] is False, "not in every region"
        assert said[0] | {"reason": ""} == {
            "command": "kill",
            "node": "desk",
            "selector": {"instrument": None, "underlying": None, "sector": None, "venue": None, "trader": None},
            "new_orders": "none",
            "resting": "cancel",
            "flatten": False,
            "reason": "",
            "by": "risk",
            "asked_ns": 1_800_000_000_000_000_000,
        }
        health = (await api.as_("viewer").get("/v1/health")).json()
        assert (health["status"], health["unwritten_kills"]) == ("store_away", 1)
        # Who asks what is stopped is told what regions took, though the store has it not; the strictest of several.
        assert (await api.as_("risk").post("/v1/kill/desk", json={"level": "K1", "reason": "again"})).status_code == 202
        rows = (await api.as_("viewer").get("/v1/kill")).json()["kills"]
        (row,) = [row for row in rows if row["node"] == "desk"]
        assert (row["stopped"], row["new_orders"], row["resting"]) == (True, "none", "cancel")
        assert row["local_in"] == ["chicago"]
        limits = await api.as_("viewer").get("/v1/limits")
        assert limits.status_code == 200 and not limits.json()["view"]["live"]
        refused = await api.as_("risk").put("/v1/limits/6", json={"value": "1"}, headers={"If-Match": '"1"'})
        assert refused.status_code == 503 and "nothing is written" in refused.text
        api.store.bring_back()
        for _ in range(200):
            if "/meridian/v1/kill/desk/all" in api.store.entries_by_key:
                break
            await asyncio.sleep(0.02)
        assert (await stored(api, "desk"))["new_orders"] == "none"
        server.close()

    run(go, tmp_path, kill_sockets=places)


def test_what_no_engine_has_confirmed_is_handed_over_and_not_applied(tmp_path: Path) -> None:
    socket = tmp_path / "c.sock"

    async def go(api: Api) -> None:
        server = await region(socket, [], b'{"ok":true,"sent":true,"input":null}\n')
        api.store.send_away()
        await asyncio.sleep(0.05)
        answer = await api.as_("risk").post("/v1/kill/desk", json={"level": "K3"})
        assert answer.status_code == 202, answer.text
        told = answer.json()
        assert (told["applied"], told["handed_over"]) == (False, {"chicago": sockets.UNCONFIRMED})
        server.close()

    run(go, tmp_path, kill_sockets={"chicago": socket})


def test_a_kill_that_reaches_nobody_says_so(tmp_path: Path) -> None:
    places = {"chicago": tmp_path / "c.sock", "new-york": tmp_path / "n.sock"}

    async def go(api: Api) -> None:
        said: list[dict[str, Any]] = []
        server = await region(places["chicago"], said, b"{}\n")
        api.store.send_away()
        await asyncio.sleep(0.05)
        answer = await api.as_("risk").post("/v1/kill/desk", json={"level": "K3"})
        assert answer.status_code == 503 and answer.json()["code"] == "kill_not_delivered"
        keys_told = [one["key"] for one in answer.json()["errors"]]
        assert keys_told == ["store", "regions.chicago", "regions.new-york"]
        server.close()

    run(go, tmp_path, kill_sockets=places)
