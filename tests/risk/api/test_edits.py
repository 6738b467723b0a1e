"""Values that were written past the API: each is found, by key, and a kill that was loosened so is not believed."""

from __future__ import annotations

import asyncio
import json
import os
import time
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
from click.testing import CliRunner

from meridian.coordination import local
from meridian.deploy import condition
from meridian.deploy.runs import Run
from meridian.risk.api import edits, keys, server
from meridian.risk.api.values import Kill, Limit, Selector
from meridian.risk.cli import limits
from tests.risk.api.double import Double
from tests.risk.api.harness import GLOBAL_ID, Api, run
from tests.risk.api.target import Target

DESK = keys.kill("desk", Selector())
PAST = "it was written past the limits API"


def stored(api: Api, key: str) -> dict[str, Any]:
    """A value as the store has it."""
    found: dict[str, Any] = json.loads(api.store.entries_by_key[key].value)
    return found


async def edit(api: Api, key: str, **fields: Any) -> None:
    """Somebody writes other fields into a value, by hand."""
    api.store.put_all({key: json.dumps(stored(api, key) | fields).encode()})
    await api.settle()


async def findings(api: Api) -> dict[str, str]:
    """Key → what is found about it; how the limits file differs is no matter here."""
    await api.settle()
    answer = (await api.as_("viewer").get("/v1/health")).json()
    assert answer["status"] == ("findings" if answer["findings"] else "ok")
    return dict(one.split(": ", 1) for one in answer["findings"] if one.startswith(keys.ROOT))


async def make_all(api: Api) -> None:
    """Something of every kind that the API writes."""
    risk = api.as_("risk")
    await api.make_global("100", {"new-york-1": "60", "chicago-1": "40"})
    await risk.put("/v1/limits/6", json={"value": "90"}, headers={"If-Match": '"1"'})
    await risk.post("/v1/kill/desk", json={"level": "K3", "reason": "wrong prices"})
    await risk.put("/v1/permissions/maker", json={"state": "deny", "reason": "not trained"})
    await risk.put("/v1/restricted/ES", json={"new_orders": "none", "reason": "we advise them"})
    await risk.post("/v1/tree", json={"name": "mm-2", "level": "account", "parent": "maker", "reason": "a second"})


def test_what_the_api_writes_is_no_finding_now_and_after_a_restart(tmp_path: Path) -> None:
    stores: list[Double] = []

    async def go(api: Api) -> None:
        await make_all(api)
        answer = await api.as_("risk").put(f"/v1/limits/{GLOBAL_ID}", json={"value": "50"}, headers={"If-Match": '"1"'})
        assert answer.status_code == 200
        for holder in ("chicago-1", "new-york-1"):
            await api.acknowledge(GLOBAL_ID, holder)
            await api.service.housekeeping.look()
            assert await findings(api) == {}
        await api.confirmed(await api.as_("risk").post("/v1/rearm/desk", json={"reason": "corrected"}))
        assert await findings(api) == {}
        stores.append(api.store)

    async def later(api: Api) -> None:
        assert await findings(api) == {}

    run(go, tmp_path)
    (tmp_path / "tokens.json").unlink()
    run(later, tmp_path, store=stores[0])


EDITS: list[tuple[str, dict[str, Any], list[str]]] = [
    (keys.limit(6), {"value": "95"}, ["the version it had, 2", "no second person confirmed it", "audit entry"]),
    (keys.limit(6), {"value": "95", "version": 3}, ["no second person confirmed it", "audit entry"]),
    (keys.limit(6), {"value": "95", "version": 3, "confirmed_by": "second"}, ["audit entry"]),
    (keys.limit(6), {"value": "95", "version": 3, "by": "risk", "confirmed_by": "risk"}, ["no second person"]),
    (keys.limit(6), {"value": "10", "version": 1}, ["its version went back from 2 to 1", "audit entry"]),
    (keys.limit(7), {"soft_percent": 0}, ["the version it had, 1", "no second person"]),
    (keys.limit(7), {"removed": True, "version": 2}, ["no second person"]),
    (keys.restricted("ES"), {"new_orders": "allow", "version": 2}, ["no second person"]),
    (keys.permission("maker", Selector()), {"removed": True, "version": 2}, ["no second person"]),
    (keys.TREE, {"nodes": [{"id": 1, "name": "firm", "level": "firm"}]}, ["audit entry"]),
    (DESK, {"reason": "nothing"}, ["the version it had, 1", edits.IN_FORCE]),
    (DESK, {"resting": "keep"}, ["the version it had, 1", "no second person", edits.NOT_USED]),
    (DESK, {"new_orders": "allow", "version": 2}, ["no second person", edits.NOT_USED]),
]


def test_a_value_that_was_edited_is_found_by_its_key_until_it_is_put_back(tmp_path: Path) -> None:
    async def go(api: Api) -> None:
        await make_all(api)
        for key, fields, wanted in EDITS:
            before = api.store.entries_by_key[key].value
            await edit(api, key, **fields)
            found = await findings(api)
            assert list(found) == [key] and PAST in found[key], (key, fields, found)
            assert all(part in found[key] for part in wanted), (key, fields, found)
            api.store.put_all({key: before})
            assert await findings(api) == {}, (key, fields)

    run(go, tmp_path)


def test_what_was_edited_while_nobody_looked_is_found_too(tmp_path: Path) -> None:
    stores: list[Double] = []
    chosen = {key: (fields, wanted) for key, fields, wanted in EDITS}

    async def begin(api: Api) -> None:
        await make_all(api)
        stores.append(api.store)

    async def later(api: Api) -> None:
        found = await findings(api)
        assert set(found) == set(chosen)
        for key, (_, wanted) in chosen.items():
            # What an import wrote is in its audit entry by digest alone: there is nothing to compare with.
            known = [] if key == keys.limit(7) else wanted
            assert PAST in found[key] and all(part in found[key] for part in known), found[key]

    run(begin, tmp_path)
    store = stores[0]
    for key, (fields, _) in chosen.items():
        store.put_all({key: json.dumps(json.loads(store.entries_by_key[key].value) | fields).encode()})
    (tmp_path / "tokens.json").unlink()
    run(later, tmp_path, store=store)


def test_a_key_that_nobody_wrote_through_the_api_is_found(tmp_path: Path) -> None:
    async def go(api: Api) -> None:
        value = stored(api, keys.limit(6)) | {"id": 777}
        api.store.put_all({keys.limit(777): json.dumps(value).encode()})
        found = await findings(api)
        assert "no audit entry tells of it" in found[keys.limit(777)]

    run(go, tmp_path)


def test_a_kill_that_was_edited_to_allow_stops_here_until_it_is_rearmed_by_two(tmp_path: Path) -> None:
    async def go(api: Api) -> None:
        await api.as_("risk").post("/v1/kill/desk", json={"level": "K3"})
        await edit(api, DESK, new_orders="allow", resting="keep", version=2)
        (shown,) = (await api.as_("viewer").get("/v1/kill")).json()["kills"]
        assert (shown["new_orders"], shown["resting"], shown["stopped"]) == ("none", "cancel", True)
        assert shown["revision"] == api.store.entries_by_key[DESK].revision, "what is guarded is what is there"
        # A weaker kill over it does not loosen either.
        answer = await api.as_("risk").post("/v1/kill/desk", json={"level": "K1"})
        assert answer.json()["kill"]["new_orders"] == "none"
        assert await findings(api) == {}, "the API has written it again"
        await edit(api, DESK, new_orders="reduce_only", version=9)
        assert edits.NOT_USED in (await findings(api))[DESK]
        await api.confirmed(await api.as_("risk").post("/v1/rearm/desk", json={"reason": "corrected"}))
        assert await findings(api) == {}
        (shown,) = (await api.as_("viewer").get("/v1/kill")).json()["kills"]
        assert not shown["stopped"]

    run(go, tmp_path)


def test_an_edited_proposal_is_not_confirmed(tmp_path: Path) -> None:
    async def go(api: Api) -> None:
        body = {"value": "120", "reason": "more room"}
        asked = await api.as_("risk").put("/v1/limits/6", json=body, headers={"If-Match": '"1"'})
        number = asked.json()["proposal"]["id"]
        key = keys.approval(number)
        await edit(api, key, by="second")
        answer = await api.as_("risk").post(f"/v1/proposals/{number}/confirm")
        assert (answer.status_code, answer.json()["code"]) == (409, "edited"), answer.text
        assert edits.NO_PROPOSAL in (await findings(api))[key]
        assert (await api.limit(6))["value"] == "100"

    run(go, tmp_path)


PARTS: list[tuple[dict[str, str], str | None]] = [
    ({"chicago-1": "40", "new-york-1": "60"}, None),
    ({"chicago-1": "41", "new-york-1": "60"}, "but to 101 (chicago-1 41, new-york-1 60): regions may use more"),
    ({"chicago-1": "140", "new-york-1": "60"}, "but to 200, and that of chicago-1 alone is more than it"),
    (
        {"chicago-1": "40", "new-york-1": "50"},
        "but to 90 (chicago-1 40, new-york-1 50): nobody may use what is missing",
    ),
    ({"chicago-1": "many", "new-york-1": "60"}, "one of them is no amount"),
]


@pytest.mark.parametrize(("parts", "wanted"), PARTS)
def test_parts_are_added_up_against_the_bound(tmp_path: Path, parts: dict[str, str], wanted: str | None) -> None:
    place = keys.parts(GLOBAL_ID).removesuffix("/")

    async def go(api: Api) -> None:
        await make_all(api)
        values = {holder: json.dumps({"v": 1, "upper": part, "lower": "0"}).encode() for holder, part in parts.items()}
        api.store.put_all({keys.part(GLOBAL_ID, holder): value for holder, value in values.items()})
        found = await findings(api)
        if wanted is None:
            assert place not in found
            return
        assert "do not add up to the bound of limit 900, 100" in found[place] and wanted in found[place]
        if "no amount" in wanted:
            return
        answer = await api.as_("risk").put(f"/v1/limits/{GLOBAL_ID}", json={"value": "10"}, headers={"If-Match": '"1"'})
        assert answer.status_code == 200, answer.text
        assert await findings(api) == {}, "a write through the API makes them add up"

    run(go, tmp_path)


def test_a_transaction_is_not_judged_while_half_of_it_is_here(tmp_path: Path) -> None:
    async def go(api: Api) -> None:
        await make_all(api)
        view = api.service.view
        with view.listen() as listener:
            risk = api.as_("risk")
            await risk.put(f"/v1/limits/{GLOBAL_ID}", json={"value": "50"}, headers={"If-Match": '"1"'})
            await api.settle()
            kinds = [listener.queue.get_nowait().kind for _ in range(listener.queue.qsize())]
        assert "limits" in kinds and "finding" not in kinds

    run(go, tmp_path)


def test_a_store_from_before_the_digests_is_believed_but_for_what_shows_by_itself(tmp_path: Path) -> None:
    stores: list[Double] = []

    async def begin(api: Api) -> None:
        await make_all(api)
        prefix = keys.ROOT + "audit/"
        for key in [key for key in api.store.entries_by_key if key.startswith(prefix)]:
            older = stored(api, key)
            del older["written"]
            api.store.put_all({key: json.dumps(older).encode()})
        stores.append(api.store)

    async def go(api: Api) -> None:
        assert await findings(api) == {}
        await edit(api, keys.limit(6), value="95")
        assert "the version it had" in (await findings(api))[keys.limit(6)]
        answer = await api.as_("risk").put("/v1/limits/7", json={"value": "9"}, headers={"If-Match": '"1"'})
        assert answer.status_code == 200, "the chain goes on over entries of both kinds"

    run(begin, tmp_path)
    (tmp_path / "tokens.json").unlink()
    run(go, tmp_path, store=stores[0])


def test_what_lets_more_through_is_told_from_what_does_not() -> None:
    known = {"v": 1, "id": 6, "version": 1, "node": "firm", "metric": "position_long", "value": "100", "reason": "",
             "by": "risk", "at_ns": 1}  # fmt: skip
    rows: list[tuple[dict[str, Any], bool]] = [
        ({"value": "101"}, True),
        ({"value": "100"}, False),
        ({"value": "99"}, False),
        ({"value": "x"}, False),
        ({"burst": 5}, True),
        ({"soft_percent": 70}, False),
        ({"window_ns": 10}, False),
        ({"removed": True}, True),
        ({"value": "101", "confirmed_by": "second"}, False),
        ({"value": "101", "confirmed_by": ""}, True),
        ({"value": "101", "confirmed_by": "risk"}, True),
    ]
    before = Limit.model_validate(known)
    for fields, looser in rows:
        assert edits.loosens_alone(before, Limit.model_validate(known | fields)) is looser, fields
    armed = {"v": 1, "node": "desk", "new_orders": "allow", "resting": "keep", "flatten": False, "version": 1}
    first = Kill.model_validate(armed | {"reason": "", "by": "risk", "at_ns": 1})
    assert edits.loosens_alone(None, first), "the API never writes one that stops nothing and that nobody confirmed"


def a_run(folder: Path) -> Run:
    """A run whose limits API is this process."""
    return Run(
        name="platform", topology="platform", state="running", supervisor_pid=os.getpid(), run_directory=str(folder),
        shared_directory=str(folder), data_directory=str(folder), metrics_port=None, ports={},
        processes={"limits-api": {"pid": os.getpid(), "restarts": 0, "service": "limits-api"}},
    )  # fmt: skip


def told(found: Run) -> tuple[dict[str, Any], list[str]]:
    """What `meridian status` has of the limits API, and its lines."""
    about = condition.described(found)
    row = about["api"]
    assert row is not None
    return row, list(condition.told({"name": found.name} | about))


def test_status_tells_what_the_api_finds_without_a_token(tmp_path: Path) -> None:
    async def go(api: Api) -> None:
        stop, found = Event(), a_run(tmp_path)
        path = tmp_path / "limits-api.socket"
        row, lines = await asyncio.to_thread(told, found)
        assert row["state"] == "not known" and "it does not answer" in lines[1] and "--local` works" in lines[1]
        loop = asyncio.get_running_loop()
        thread = Thread(target=server.tell, args=(path, api.service, loop, stop))
        thread.start()
        try:
            while not path.exists():
                await asyncio.sleep(0.01)
            assert path.stat().st_mode & 0o077 == 0
            await make_all(api)
            await api.settle()
            row, lines = await asyncio.to_thread(told, found)
            assert (row["state"], row["sentences"]) == ("ok", [])
            assert lines == [f"platform: limits API: ok, revision {api.service.view.revision}"]
            await edit(api, keys.limit(6), value="95")
            await api.as_("risk").put(f"/v1/limits/{GLOBAL_ID}", json={"value": "50"}, headers={"If-Match": '"1"'})
            row, lines = await asyncio.to_thread(told, found)
            assert row["state"] == "findings"
            assert row["sentences"][0].startswith(f"{keys.limit(6)}: {PAST}")
            assert "limit 900: its lowering waits" in row["sentences"][1]
            api.store.send_away()
            await asyncio.sleep(0.05)
            row, lines = await asyncio.to_thread(told, found)
            assert row["state"] == "store_away" and "the store is away (it was sent away; what it shows is" in lines[1]
            refused = await asyncio.to_thread(local.ask, path, {"command": "kill", "node": "firm"})
            assert refused["ok"] is False, "nothing is changed there"
        finally:
            stop.set()
            started = time.monotonic()
            await asyncio.to_thread(thread.join, 5)
            assert time.monotonic() - started < 5

    run(go, tmp_path)


def test_the_command_tells_what_was_found_and_ends_with_1(tmp_path: Path) -> None:
    with Target(tmp_path) as target:
        arguments = ["health", "--api", target.address]

        def said(*more: str) -> tuple[int, str]:
            done = CliRunner().invoke(limits, [*arguments, *more], env={"MERIDIAN_TOKEN": target.secrets["viewer"]})
            return getattr(done.exception, "exit_code", done.exit_code), done.stdout + str(done.exception or "")

        code, words = said()
        assert (code, "ok" in words) == (0, True), words
        value = json.loads(target.store.entries_by_key[keys.limit(6)].value) | {"value": "95"}
        loop, edited = target.loop(), dict[str, bytes | None]({keys.limit(6): json.dumps(value).encode()})
        loop.call_soon_threadsafe(target.store.put_all, edited)
        loop.call_soon_threadsafe(target.store.quiet)
        while not target.service.view.findings:
            time.sleep(0.01)
        code, words = said()
        assert code == 1 and f"{keys.limit(6)}: {PAST}" in words, words
        code, words = said("--json")
        assert code == 1 and json.loads(words.splitlines()[0])["findings"][0].startswith(keys.limit(6)), words
