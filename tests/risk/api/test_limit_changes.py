"""Changes of limits: tightening at once, loosening by two, lowering pending until every holder has given back."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import json
from pathlib import Path
from typing import Any

from meridian.risk.api import keys, tokens
from meridian.risk.api.importing import strangers
from tests.risk.api.double import Double
from tests.risk.api.harness import GLOBAL_ID, Api, loaded_limits, run
from tests.risk.support import LIMITS

IN_THE_FILE = LIMITS.count("{ id = ")


def test_the_first_start_brings_the_file_into_the_store(tmp_path: Path) -> None:
    async def go(api: Api) -> None:
        answer = (await api.as_("viewer").get("/v1/limits")).json()
        assert len(answer["limits"]) == IN_THE_FILE
        collar = next(one for one in answer["limits"] if one["id"] == 3)
        assert (collar["value"], collar["unit"], collar["reference_age_ns"]) == ("5", "percent", 5 * 10**9)
        money = next(one for one in answer["limits"] if one["id"] == 8)
        assert (money["value"], money["version"]) == ("600000", 1)
        nodes = (await api.as_("viewer").get("/v1/tree")).json()["nodes"]
        assert [node["name"] for node in nodes] == ["firm", "region", "desk", "maker", "mm-1", "taker", "tk-1"]
        assert api.service.view.generation == 1

    run(go, tmp_path)


def test_tightening_is_done_at_once_by_one_person_with_its_audit_entry(tmp_path: Path) -> None:
    async def go(api: Api) -> None:
        body = {"value": "80", "reason": "before the figures"}
        answer = await api.as_("risk").put("/v1/limits/6", json=body, headers={"If-Match": '"1"'})
        assert answer.status_code == 200, answer.text
        assert answer.json()["applied"] and answer.json()["direction"] == "tightening"
        assert answer.headers["ETag"] == '"2"'
        assert json.loads(api.store.entries_by_key[keys.limit(6)].value)["value"] == "80"
        (entry,) = [one for one in (await _audit(api)) if one["action"] == "limit.set"]
        assert (entry["by"], entry["reason"]) == ("risk", "before the figures")
        assert (entry["before"]["value"], entry["after"]["value"]) == ("100", "80")
        last = api.store.transactions[-1]
        assert {write.key.split("/")[3] for write in last} == {"limits", "audit", "idempotency"}, "one transaction"

    run(go, tmp_path)


async def _audit(api: Api) -> list[dict[str, Any]]:
    answer = await api.as_("viewer").get("/v1/audit?limit=500")
    found: list[dict[str, Any]] = answer.json()["entries"]
    return found


def test_the_audit_is_a_chain_without_gaps(tmp_path: Path) -> None:
    async def go(api: Api) -> None:
        for value in ("90", "80", "70"):
            version = (await api.limit(6))["version"]
            await api.as_("risk").put("/v1/limits/6", json={"value": value}, headers={"If-Match": f'"{version}"'})
        entries = await _audit(api)
        assert [entry["sequence"] for entry in entries] == list(range(1, len(entries) + 1))

        for before, after in itertools.pairwise(entries):
            raw = api.store.entries_by_key[keys.audit(before["sequence"])].value
            assert after["previous"] == hashlib.sha256(raw).hexdigest()

    run(go, tmp_path)


def test_loosening_waits_for_a_second_person(tmp_path: Path) -> None:
    async def go(api: Api) -> None:
        risk, second = api.as_("risk"), api.as_("second")
        body = {"value": "120", "reason": "more room"}
        answer = await risk.put("/v1/limits/6", json=body, headers={"If-Match": '"1"'})
        assert answer.status_code == 202 and not answer.json()["applied"]
        number = answer.json()["proposal"]["id"]
        assert (await api.limit(6))["value"] == "100", "nothing has changed"
        own = await risk.post(f"/v1/proposals/{number}/confirm")
        assert own.status_code == 403 and own.json()["code"] == "second_person"
        assert (await api.as_("trader").post(f"/v1/proposals/{number}/confirm")).status_code == 403
        done = await second.post(f"/v1/proposals/{number}/confirm")
        assert done.status_code == 200, done.text
        limit = await api.limit(6)
        assert (limit["value"], limit["by"], limit["confirmed_by"]) == ("120", "risk", "second")
        again = await second.post(f"/v1/proposals/{number}/confirm")
        assert again.status_code == 409 and again.json()["code"] == "not_open"

    run(go, tmp_path)


def test_loosening_without_a_reason_is_refused(tmp_path: Path) -> None:
    async def go(api: Api) -> None:
        answer = await api.as_("risk").put("/v1/limits/6", json={"value": "120"}, headers={"If-Match": '"1"'})
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["key"] == "reason"

    run(go, tmp_path)


def test_a_proposal_expires_and_goes_stale(tmp_path: Path) -> None:
    async def go(api: Api) -> None:
        risk, second = api.as_("risk"), api.as_("second")
        body = {"value": "120", "reason": "more room"}
        first = (await risk.put("/v1/limits/6", json=body, headers={"If-Match": '"1"'})).json()["proposal"]["id"]
        other = (await risk.put("/v1/limits/7", json=body, headers={"If-Match": '"1"'})).json()["proposal"]["id"]
        await risk.put("/v1/limits/6", json={"value": "90"}, headers={"If-Match": '"1"'})
        stale = await second.post(f"/v1/proposals/{first}/confirm")
        assert stale.status_code == 409 and stale.json()["code"] == "stale"
        api.clock.now_ns += 901 * 10**9
        late = await second.post(f"/v1/proposals/{other}/confirm")
        assert late.status_code == 409 and "expired" in late.text
        await api.service.housekeeping.look()
        states = {one["id"]: one["state"] for one in (await risk.get("/v1/proposals")).json()["proposals"]}
        assert states == {first: "expired", other: "expired"}
        assert (await api.limit(7))["value"] == "100"

    run(go, tmp_path)


def test_a_proposal_of_a_token_that_was_taken_away_since_is_not_confirmed(tmp_path: Path) -> None:
    async def go(api: Api) -> None:
        second, path = api.as_("second"), tmp_path / "tokens.json"
        body = {"value": "120", "reason": "more room"}
        asked = await api.as_("risk").put("/v1/limits/6", json=body, headers={"If-Match": '"1"'})
        await api.as_("risk").post("/v1/kill/desk", json={"level": "K3"})
        rearm = await api.as_("risk").post("/v1/rearm/desk", json={"reason": "corrected"})
        numbers = [answer.json()["proposal"]["id"] for answer in (asked, rearm)]
        tokens.remove(path, "risk")
        for again in (False, True):
            if again:  # Another token of the same holder does not bring them back.
                api.secrets["risk"] = tokens.create(path, "risk", "risk", [])
            for number in numbers:
                answer = await second.post(f"/v1/proposals/{number}/confirm")
                assert (answer.status_code, answer.json()["code"]) == (409, "proposer_gone"), answer.text
                assert "a token of risk that is not in force any more" in answer.text
        assert (await api.limit(6))["value"] == "100"
        refused = await second.post(f"/v1/proposals/{numbers[0]}/refuse", json={"reason": "who asked is gone"})
        assert refused.status_code == 200, "it can still be closed"
        asked = await api.as_("risk").put("/v1/limits/6", json=body, headers={"If-Match": '"1"'})
        await api.confirmed(asked)
        assert (await api.limit(6))["value"] == "120"

    run(go, tmp_path)


def test_a_proposal_can_be_refused(tmp_path: Path) -> None:
    async def go(api: Api) -> None:
        answer = await api.as_("risk").delete(
            "/v1/limits/6", params={"reason": "no longer"}, headers={"If-Match": '"1"'}
        )
        number = answer.json()["proposal"]["id"]
        refused = await api.as_("second").post(f"/v1/proposals/{number}/refuse", json={"reason": "still needed"})
        assert refused.status_code == 200 and refused.json()["proposal"]["state"] == "refused"
        assert (await api.as_("second").post(f"/v1/proposals/{number}/confirm")).status_code == 409

    run(go, tmp_path)


def test_a_removed_limit_stays_as_a_tombstone(tmp_path: Path) -> None:
    async def go(api: Api) -> None:
        answer = await api.as_("risk").delete(
            "/v1/limits/33", params={"reason": "no longer"}, headers={"If-Match": '"1"'}
        )
        await api.confirmed(answer)
        stored = json.loads(api.store.entries_by_key[keys.limit(33)].value)
        assert stored["removed"] and stored["version"] == 2
        assert 33 not in [one["id"] for one in (await api.as_("viewer").get("/v1/limits")).json()["limits"]]
        taken = {"id": 33, "node": "desk", "metric": "position_long", "value": "1"}
        assert (await api.as_("risk").post("/v1/limits", json=taken)).status_code == 422

    run(go, tmp_path)


def test_a_stale_write_is_refused_with_the_version_that_is_there(tmp_path: Path) -> None:
    async def go(api: Api) -> None:
        risk = api.as_("risk")
        await risk.put("/v1/limits/6", json={"value": "90"}, headers={"If-Match": '"1"'})
        stale = await risk.put("/v1/limits/6", json={"value": "80"}, headers={"If-Match": '"1"'})
        assert stale.status_code == 412 and '"2"' in stale.json()["errors"][0]["allowed"]
        missing = await risk.put("/v1/limits/6", json={"value": "80"})
        assert missing.status_code == 428
        assert (await api.limit(6))["value"] == "90"

    run(go, tmp_path)


def test_a_repeated_request_is_done_once(tmp_path: Path) -> None:
    async def go(api: Api) -> None:
        risk = api.as_("risk")
        headers = {"If-Match": '"1"', "Idempotency-Key": "once"}
        first = await risk.put("/v1/limits/6", json={"value": "90"}, headers=headers)
        count = len(api.store.transactions)
        again = await risk.put("/v1/limits/6", json={"value": "90"}, headers=headers)
        assert again.status_code == 200 and again.headers["Idempotency-Replayed"] == "true"
        assert again.json()["revision"] == first.json()["revision"]
        assert len(api.store.transactions) == count
        other = await risk.put("/v1/limits/6", json={"value": "50"}, headers=headers)
        assert other.status_code == 409 and other.json()["code"] == "key_used"
        mine = await api.as_("second").put("/v1/limits/7", json={"value": "90"}, headers=headers)
        assert mine.status_code == 200, "a key belongs to its token"
        without = {"If-Match": '"2"', "Idempotency-Key": ""}
        assert (await risk.put("/v1/limits/6", json={"value": "50"}, headers=without)).status_code == 422

    run(go, tmp_path)


def test_an_answer_that_was_lost_is_found_by_repeating_the_request(tmp_path: Path) -> None:
    async def go(api: Api) -> None:
        risk = api.as_("risk")
        headers = {"If-Match": '"1"', "Idempotency-Key": "once"}
        api.store.forget_answers = 1
        lost = await risk.put("/v1/limits/6", json={"value": "90"}, headers=headers)
        assert lost.status_code == 503 and lost.json()["code"] == "unknown"
        await api.settle()
        again = await risk.put("/v1/limits/6", json={"value": "90"}, headers=headers)
        assert again.status_code == 200 and again.headers["Idempotency-Replayed"] == "true"
        assert (await api.limit(6))["version"] == 2

    run(go, tmp_path)


def test_another_writer_at_the_same_time_is_noticed(tmp_path: Path) -> None:
    async def go(api: Api) -> None:
        stored = json.loads(api.store.entries_by_key[keys.limit(6)].value)
        stored |= {"value": "60", "version": 2}
        # Written by another process; this one's view has not seen it when it plans.
        api.store.put_all({keys.limit(6): json.dumps(stored).encode()})
        answer = await api.as_("risk").put("/v1/limits/6", json={"value": "90"}, headers={"If-Match": '"1"'})
        assert answer.status_code == 412
        assert (await api.limit(6))["value"] == "60"

    run(go, tmp_path)


def test_all_errors_are_told_at_once_with_key_value_and_what_is_allowed(tmp_path: Path) -> None:
    async def go(api: Api) -> None:
        body = {"node": "nowhere", "metric": "price_collar", "value": "-1", "selector": {"instrument": "XX"}}
        answer = await api.as_("risk").post("/v1/limits", json=body)
        assert answer.status_code == 422
        errors = {one["key"]: one for one in answer.json()["errors"]}
        assert set(errors) == {"node", "value", "selector.instrument", "reference_age_ns"}
        assert errors["value"]["value"] == "-1" and "percentage" in errors["value"]["allowed"]
        assert "AAPL, ES" in errors["selector.instrument"]["sentence"]
        shape = await api.as_("risk").post("/v1/limits", json={"node": 5, "metric": "x", "colour": 1})
        found = {one["key"] for one in shape.json()["errors"]}
        assert {"node", "metric", "value", "colour"} <= found
        assert all(one["allowed"] for one in shape.json()["errors"])

    run(go, tmp_path)


def test_which_way_a_change_goes(tmp_path: Path) -> None:
    rows = [
        (6, {"value": "100"}, "none"),
        (6, {"value": "99"}, "tightening"),
        (6, {"value": "101"}, "loosening"),
        (7, {"soft_percent": 60}, "tightening"),
        (7, {"soft_percent": 80}, "loosening"),
        (7, {"soft_percent": 0}, "loosening"),
        (7, {"value": "90", "soft_percent": 80}, "loosening"),
        (4, {"window_ns": 2 * 10**9}, "tightening"),
        (4, {"window_ns": 10**8}, "loosening"),
        (4, {"burst": 5}, "tightening"),
        (3, {"value": "4.9999"}, "tightening"),
        (3, {"reference_age_ns": 6 * 10**9}, "loosening"),
    ]

    async def go(api: Api) -> None:
        for number, body, direction in rows:
            answer = await api.as_("trader").post(f"/v1/limits/{number}/validate", json=body)
            assert answer.status_code == 200, answer.text
            assert answer.json()["direction"] == direction, (number, body)
        new = {"node": "desk", "metric": "position_long", "value": "5"}
        answers = [new, new | {"selector": {"venue": "XBOS"}}, new | {"metric": "cancel_rate", "window_ns": 10**9}]
        found = [(await api.as_("risk").post("/v1/limits/validate", json=one)).json()["direction"] for one in answers]
        assert found == ["loosening", "tightening", "tightening"], "the first makes NO_LIMIT a limit"

    run(go, tmp_path)


def test_a_raised_bound_is_in_force_with_its_parts_at_once(tmp_path: Path) -> None:
    async def go(api: Api) -> None:
        number = await api.make_global("100", {"new-york-1": "60", "chicago-1": "40"})
        answer = await api.as_("risk").put(
            f"/v1/limits/{number}", json={"value": "200", "reason": "room"}, headers={"If-Match": '"1"'}
        )
        await api.confirmed(answer)
        assert api.parts_in_store(number) == {"new-york-1": 120, "chicago-1": 80}
        limit = await api.limit(number)
        assert (limit["value"], limit["pending"]) == ("200", None)

    run(go, tmp_path)


def test_lowering_is_pending_until_every_holder_has_given_back(tmp_path: Path) -> None:
    async def go(api: Api) -> None:
        number = await api.make_global("100", {"new-york-1": "60", "chicago-1": "40"})
        answer = await api.as_("risk").put(f"/v1/limits/{number}", json={"value": "50"}, headers={"If-Match": '"1"'})
        assert answer.status_code == 200 and answer.json()["direction"] == "tightening"
        limit = await api.limit(number)
        assert limit["value"] == "100" and limit["pending"]["value"] == "50"
        assert limit["pending"]["parts"]["new-york-1"] == {"upper": "30", "lower": "0"}
        assert api.parts_in_store(number) == {"new-york-1": 60, "chicago-1": 40}
        await api.acknowledge(number, "chicago-1", inside=False)
        await api.acknowledge(number, "new-york-1", revision=3)
        await api.service.housekeeping.look()
        assert (await api.limit(number))["value"] == "100", "one is not inside, one speaks of an older change"
        await api.acknowledge(number, "chicago-1")
        await api.service.housekeeping.look()
        assert (await api.limit(number))["value"] == "80", "the unreachable one counts in full"
        assert api.parts_in_store(number) == {"new-york-1": 60, "chicago-1": 20}
        await api.acknowledge(number, "new-york-1")
        await api.service.housekeeping.look()
        limit = await api.limit(number)
        assert (limit["value"], limit["pending"]) == ("50", None)
        assert api.parts_in_store(number) == {"new-york-1": 30, "chicago-1": 20}

    run(go, tmp_path)


def test_a_lowering_goes_on_by_itself_and_after_a_restart(tmp_path: Path) -> None:
    store: list[Double] = []

    async def begin(api: Api) -> None:
        await api.make_global("100", {"new-york-1": "60", "chicago-1": "40"})
        await api.as_("risk").put(f"/v1/limits/{GLOBAL_ID}", json={"value": "0"}, headers={"If-Match": '"1"'})
        await api.acknowledge(GLOBAL_ID, "chicago-1")
        for _ in range(100):
            if (await api.limit(GLOBAL_ID))["value"] == "60":
                break
            await asyncio.sleep(0.02)
        assert (await api.limit(GLOBAL_ID))["value"] == "60", "the background task took the step"
        store.append(api.store)

    async def go_on(api: Api) -> None:
        assert (await api.limit(GLOBAL_ID))["pending"] is not None
        await api.acknowledge(GLOBAL_ID, "new-york-1")
        for _ in range(100):
            if (await api.limit(GLOBAL_ID))["pending"] is None:
                break
            await asyncio.sleep(0.02)
        assert (await api.limit(GLOBAL_ID))["value"] == "0"

    run(begin, tmp_path)
    (tmp_path / "tokens.json").unlink()
    run(go_on, tmp_path, store=store[0])


def test_raising_what_is_being_lowered_needs_two(tmp_path: Path) -> None:
    async def go(api: Api) -> None:
        number = await api.make_global("100", {"new-york-1": "60", "chicago-1": "40"})
        risk = api.as_("risk")
        await risk.put(f"/v1/limits/{number}", json={"value": "50"}, headers={"If-Match": '"1"'})
        answer = await risk.put(
            f"/v1/limits/{number}", json={"value": "70", "reason": "less strict"}, headers={"If-Match": '"2"'}
        )
        assert answer.status_code == 202, "what is aimed at is what is in force for the firm soon"

    run(go, tmp_path)


def test_parts_that_do_not_add_up_or_name_no_holder_are_refused(tmp_path: Path) -> None:
    async def go(api: Api) -> None:
        body = {"node": "firm", "metric": "position_long", "value": "100", "enforcement": "global", "reason": "x"}
        wrong = await api.as_("risk").post("/v1/limits", json=body | {"parts": {"new-york-1": "60", "chicago-1": "41"}})
        assert wrong.status_code == 422 and "add up" in wrong.text
        named = await api.as_("risk").post("/v1/limits", json=body | {"parts": {"new york": "100"}})
        assert named.status_code == 422
        metric = await api.as_("risk").post("/v1/limits", json=body | {"metric": "order_quantity"})
        assert metric.status_code == 422 and metric.json()["errors"][0]["key"] == "enforcement"

    run(go, tmp_path)


def test_a_part_for_a_holder_that_does_not_exist_is_refused_with_those_that_do(tmp_path: Path) -> None:
    async def go(api: Api) -> None:
        number = await api.make_global("100", {"new-york-1": "60", "chicago-1": "40"})
        before = dict(api.store.entries_by_key)
        parts = {"new-york-1": "50", "chicago-1": "30", "nowhere-9": "20"}
        body = {"node": "firm", "metric": "position_long", "value": "100", "enforcement": "global", "reason": "x"}
        answers = [
            await api.as_("risk").put(f"/v1/limits/{number}", json={"parts": parts}, headers={"If-Match": '"1"'}),
            await api.as_("trader").post(f"/v1/limits/{number}/validate", json={"parts": parts}),
            await api.as_("risk").post("/v1/limits", json=body | {"parts": parts}),
        ]
        for answer in answers:
            assert answer.status_code == 422, answer.text
            assert [one["sentence"] for one in answer.json()["errors"]] == [
                "parts.nowhere-9 = 20: allowed is one of chicago-1, new-york-1."
            ]
        assert api.store.entries_by_key == before
        region = {"v": 1, "region": "london", "holder": "london-1", "engine": "up"}
        api.store.put_all({keys.region("regions", "london"): json.dumps(region).encode()})
        await api.settle()
        parts = {"new-york-1": "50", "chicago-1": "30", "london-1": "20"}
        found = await api.as_("trader").post(f"/v1/limits/{number}/validate", json={"parts": parts})
        assert found.status_code == 200, "its agent is there"

    run(go, tmp_path)


def test_what_nobody_holds_any_more_can_be_taken_back(tmp_path: Path) -> None:
    stores: list[Double] = []

    async def begin(api: Api) -> None:
        await api.make_global("100", {"new-york-1": "60", "chicago-1": "40"})
        stores.append(api.store)

    async def go_on(api: Api) -> None:
        parts = {"new-york-1": "60", "chicago-1": "0"}
        body = {"value": "60", "parts": parts}
        answer = await api.as_("risk").put(f"/v1/limits/{GLOBAL_ID}", json=body, headers={"If-Match": '"1"'})
        assert answer.status_code == 200 and answer.json()["direction"] == "tightening", answer.text

    run(begin, tmp_path)
    (tmp_path / "tokens.json").unlink()
    run(go_on, tmp_path, store=stores[0], holders=("new-york-1",))


def test_a_part_that_grows_needs_two_whatever_the_others_give_up(tmp_path: Path) -> None:
    rows: list[tuple[dict[str, Any], str, list[str]]] = [
        ({"parts": {"new-york-1": "60", "chicago-1": "40"}}, "none", []),
        (
            {"parts": {"new-york-1": "70", "chicago-1": "30"}},
            "loosening",
            ["the part of new-york-1 grows from 60 to 70"],
        ),
        (
            {"value": "90", "parts": {"new-york-1": "70", "chicago-1": "20"}},
            "loosening",
            ["the part of new-york-1 grows from 60 to 70"],
        ),
        ({"value": "90", "parts": {"new-york-1": "50", "chicago-1": "40"}}, "tightening", []),
        ({"value": "60", "parts": {"new-york-1": "60"}}, "tightening", []),
        ({"value": "90"}, "tightening", []),
    ]

    async def go(api: Api) -> None:
        number = await api.make_global("100", {"new-york-1": "60", "chicago-1": "40"})
        for body, direction, why in rows:
            answer = await api.as_("trader").post(f"/v1/limits/{number}/validate", json=body)
            found = answer.json()
            assert (found["direction"], found["why"]) == (direction, why), (body, answer.text)
        body = {"parts": {"new-york-1": "70", "chicago-1": "30"}, "reason": "more to do there"}
        asked = await api.as_("risk").put(f"/v1/limits/{number}", json=body, headers={"If-Match": '"1"'})
        assert asked.status_code == 202, asked.text
        assert api.parts_in_store(number) == {"new-york-1": 60, "chicago-1": 40}
        await api.confirmed(asked)
        limit = await api.limit(number)
        assert limit["confirmed_by"] == "second"
        assert {holder: one["upper"] for holder, one in limit["pending"]["parts"].items()} == body["parts"]

    run(go, tmp_path)


def test_absent_parts_are_equal_and_add_up(tmp_path: Path) -> None:
    async def go(api: Api) -> None:
        number = await api.make_global("101")
        assert api.parts_in_store(number) == {"chicago-1": 51, "new-york-1": 50}
        short = await api.make_global("7", id=901, metric="position_short")
        stored = json.loads(api.store.entries_by_key[keys.part(short, "chicago-1")].value)
        assert stored == {"v": 1, "upper": "0", "lower": "4"}

    run(go, tmp_path)


def test_a_later_start_says_how_file_and_store_differ_and_the_store_wins(tmp_path: Path) -> None:
    stores: list[Double] = []

    async def first(api: Api) -> None:
        await api.as_("risk").put("/v1/limits/6", json={"value": "80"}, headers={"If-Match": '"1"'})
        stores.append(api.store)

    async def later(api: Api) -> None:
        for _ in range(100):
            if api.service.differences:
                break
            await asyncio.sleep(0.01)
        health = (await api.as_("viewer").get("/v1/health")).json()
        assert health["status"] == "findings"
        assert health["findings"] == [
            "limit 6: the file says 100, the store 80, which is in force",
            "limit 7: the file says 55, the store 100, which is in force",
            "limit 34 of the store is not in the file",
        ]
        assert (await api.limit(6))["value"] == "80" and (await api.limit(7))["value"] == "100"

    run(first, tmp_path)
    (tmp_path / "tokens.json").unlink()
    text = LIMITS.replace('"position_short", lots = 100, soft', '"position_short", lots = 55, soft')
    text = text.replace('  { id = 34, node = "desk", metric = "position_short", lots = 45, venue = "XBOS" },\n', "")
    run(later, tmp_path, store=stores[0], text=text)


def test_an_import_that_was_cut_off_is_gone_on_with(tmp_path: Path) -> None:
    store = Double()

    async def cut_off(api: Api) -> None:
        # As after a crash between the batches: limits are there, the tree and the generation are not.
        kept = {
            key: one for key, one in api.store.entries_by_key.items() if "/limits/" in key and not key.endswith("4")
        }
        store.put_all({key: one.value for key, one in kept.items()})

    async def go_on(api: Api) -> None:
        assert len((await api.as_("viewer").get("/v1/limits")).json()["limits"]) == IN_THE_FILE
        assert api.service.view.generation == 1 and len(api.service.view.tree.nodes) == 7

    run(cut_off, tmp_path)
    (tmp_path / "tokens.json").unlink()
    run(go_on, tmp_path, store=store)


def test_a_global_limit_of_the_file_comes_with_its_parts(tmp_path: Path) -> None:
    given = '{ id = 6, node = "firm", metric = "position_long", lots = 100, '
    given += 'enforcement = "global", parts = [{ holder = 2, lots = 70 }, { holder = 1, lots = 30 }] }'
    text = LIMITS.replace('{ id = 6, node = "firm", metric = "position_long", lots = 100 }', given)
    text = text.replace("money = 600_000 },\n  { id = 11", 'money = 600_000.5, enforcement = "global" },\n  { id = 11')

    async def go(api: Api) -> None:
        assert api.parts_in_store(6) == {"new-york-2": 70, "chicago-1": 30}
        parts = {holder: part["upper"] for holder, part in (await api.limit(8))["parts"].items()}
        assert parts == {"chicago-1": "300000.25", "new-york-2": "300000.25"}, "equal when none are given"

    run(go, tmp_path, text=text, holders=("chicago-1", "new-york-2"))


def test_a_part_of_a_shard_that_nobody_holds_is_refused(tmp_path: Path) -> None:
    given = 'enforcement = "global", parts = [{ holder = 3, lots = 100 }] }'
    old = '{ id = 6, node = "firm", metric = "position_long", lots = 100 }'
    loaded = loaded_limits(tmp_path, LIMITS.replace(old, old.removesuffix(" }") + ", " + given))
    (wrong,) = strangers(loaded, ("chicago-1", "new-york-2"))
    assert "holder = 3" in wrong and "chicago-1, new-york-2" in wrong
