"""Resets of breakers through the API: written with their audit entry, answered by the region's input, or not at all."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx

from meridian.coordination import keys as layout
from meridian.risk.api import keys, session_routes
from tests.risk.api.harness import Api, run

ROW = {"venue": "XNAS", "source": 0, "state": "up", "breaker": "open", "cause": "rejects", "rejects": 40, "answers": 64}
PATH = "/v1/sessions/new-york/XNAS/reset"


async def published(api: Api) -> None:
    """What New York's agent says of its sessions."""
    value = {"v": 1, "at_ns": api.clock.now_ns, "rows": [ROW]}
    api.store.put_all({layout.SESSIONS.key("new-york"): json.dumps(value).encode()})
    await api.settle()


def requests(api: Api) -> dict[str, dict[str, Any]]:
    """Every request in the store."""
    prefix = keys.ROOT + "requests/"
    return {key: json.loads(one.value) for key, one in api.store.entries_by_key.items() if key.startswith(prefix)}


async def answered(api: Api, outcome: str, why: str | None = None, who: str = "trader", **more: Any) -> httpx.Response:
    """A reset that the region's agent answers so."""
    before = set(requests(api))
    asked = asyncio.create_task(api.as_(who).post(PATH, json={"reason": "it answers again"}, **more))
    while not (new := set(requests(api)) - before):
        await asyncio.sleep(0)
    ack = {"v": 1, "revision": api.store.revision, "outcome": outcome, "input": 77, "why": why}
    api.store.put_all({keys.acked("new-york", key): json.dumps(ack).encode() for key in new})
    return await asked


def test_a_reset_is_audited_and_answered_with_the_input_at_which_it_is_in_force(tmp_path: Path) -> None:
    async def go(api: Api) -> None:
        await published(api)
        rows = (await api.as_("viewer").get("/v1/sessions")).json()["rows"]
        assert [(row["region"], row["breaker"], row["cause"], row["state"]) for row in rows] == [
            ("new-york", "open", "rejects", "up")
        ]
        answer = await answered(api, "in_force")
        assert answer.status_code == 200, answer.text
        said = answer.json()
        assert (said["outcome"], said["input"], said["why"]) == ("in_force", 77, None)
        (written,) = requests(api).values()
        assert (written["venue"], written["reason"], written["by"]) == ("XNAS", "it answers again", "trader")
        assert written["expires_ns"] - written["at_ns"] == session_routes.YOUNG_SECONDS * 10**9
        entry = (await api.as_("viewer").get("/v1/audit", params={"limit": 500})).json()["entries"][-1]
        assert (entry["action"], entry["by"], entry["reason"]) == ("session.reset", "trader", "it answers again")
        assert entry["target"] == f"requests/new-york/{said['request']}"
        refused = await answered(api, "refused", "its session is down, or has no breaker", "risk")
        assert (refused.json()["outcome"], refused.json()["why"]) == (
            "refused",
            "its session is down, or has no breaker",
        )

    run(go, tmp_path)


def test_what_names_nothing_or_gives_no_reason_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    async def go(api: Api) -> None:
        await published(api)
        trader = api.as_("trader")
        for path, body, status, word in [
            ("/v1/sessions/nowhere/XNAS/reset", {"reason": "x"}, 404, "new-york"),
            ("/v1/sessions/new-york/XBAD/reset", {"reason": "x"}, 404, "one of XNAS"),
            (PATH, {}, 422, "reason is missing"),
            (PATH, {"reason": ""}, 422, "reason"),
            (PATH, {"reason": "x", "force": True}, 422, "force"),
        ]:
            answer = await trader.post(path, json=body)
            assert (answer.status_code, word in answer.text) == (status, True), (path, answer.text)
        assert requests(api) == {}

    run(go, tmp_path)


def test_the_same_key_is_the_same_reset(tmp_path: Path) -> None:
    async def go(api: Api) -> None:
        await published(api)
        key = {"Idempotency-Key": "once"}
        first = await answered(api, "in_force", headers=key)
        again = await api.as_("trader").post(PATH, json={"reason": "it answers again"}, headers=key)
        assert first.json()["request"] == again.json()["request"] and len(requests(api)) == 1

    run(go, tmp_path)


def test_a_region_that_does_not_answer_is_said_to_be_waited_for(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(session_routes, "ANSWER_SECONDS", 0.1)

    async def go(api: Api) -> None:
        await published(api)
        answer = await api.as_("risk").post(PATH, json={"reason": "x"})
        assert answer.status_code == 200 and answer.json()["outcome"] == "waiting"

    run(go, tmp_path)


def test_of_a_region_that_has_not_spoken_yet_nothing_is_promised(tmp_path: Path) -> None:
    async def go(api: Api) -> None:
        answer = await api.as_("risk").post(PATH, json={"reason": "x"})
        assert (answer.status_code, answer.json()["code"]) == (409, "not_ready"), "configured, and without a word yet"
        assert answer.headers["Retry-After"] == "1" and "new-york" in answer.text
        unknown = await api.as_("risk").post("/v1/sessions/nowhere/XNAS/reset", json={"reason": "x"})
        assert unknown.status_code == 404
        assert requests(api) == {}

    async def just_started(api: Api) -> None:
        for path in (PATH, "/v1/sessions/nowhere/XNAS/reset"):
            answer = await api.as_("risk").post(path, json={"reason": "x"})
            assert (answer.status_code, answer.json()["code"]) == (503, "not_ready"), "the store was not read yet"
        assert requests(api) == {}

    run(go, tmp_path)
    (tmp_path / "tokens.json").unlink()
    run(just_started, tmp_path, text=None)
