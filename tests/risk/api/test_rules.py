"""Permissions and the restricted list: forbidding at once, allowing by two, brought in from the file."""

from __future__ import annotations

import json
from pathlib import Path

from meridian.risk.api import keys
from meridian.risk.api.values import Selector
from tests.risk.api.harness import Api, run
from tests.risk.support import LIMITS

RULES = """
permissions = [
  { node = "firm", allow = false },
  { node = "maker", allow = true, instrument = "ES" },
]
restricted = [{ instrument = "AAPL", new_orders = "reduce_only" }]
"""


def with_rules(text: str = RULES) -> str:
    """A limits file with rules."""
    return LIMITS.replace("version = 1", "version = 1" + text, 1)


def test_the_files_rules_come_into_the_store(tmp_path: Path) -> None:
    async def go(api: Api) -> None:
        answer = (await api.as_("viewer").get("/v1/permissions")).json()
        assert [(one["node"], one["state"], one["version"]) for one in answer["permissions"]] == [
            ("firm", "deny", 1),
            ("maker", "allow", 1),
        ]
        (listed,) = (await api.as_("viewer").get("/v1/restricted")).json()["restricted"]
        assert (listed["instrument"], listed["new_orders"]) == ("AAPL", "reduce_only")
        assert not api.service.differences

    run(go, tmp_path, text=with_rules())


def test_forbidding_is_done_at_once_and_allowing_waits_for_a_second_person(tmp_path: Path) -> None:
    async def go(api: Api) -> None:
        risk, second = api.as_("risk"), api.as_("second")
        body = {"state": "deny", "selector": {"instrument": "ES"}, "reason": "not trained"}
        denied = await risk.put("/v1/permissions/maker", json=body)
        assert denied.status_code == 200 and denied.json()["direction"] == "tightening", denied.text
        assert denied.json()["rule"]["allow"] is False
        again = await risk.put("/v1/permissions/maker", json=body)
        assert again.json()["direction"] == "none"
        for state in ("allow", "removed"):
            asked = await risk.put("/v1/permissions/maker", json=body | {"state": state})
            assert asked.status_code == 202 and not asked.json()["applied"], asked.text
        number = asked.json()["proposal"]["id"]
        assert (await risk.post(f"/v1/proposals/{number}/confirm")).status_code == 403, "the same person"
        assert (await second.post(f"/v1/proposals/{number}/confirm")).status_code == 200
        key = keys.permission("maker", Selector(instrument="ES"))
        stored = json.loads(api.store.entries_by_key[key].value)
        assert (stored["removed"], stored["version"], stored["by"], stored["confirmed_by"]) == (
            True,
            2,
            "risk",
            "second",
        )
        stale = await second.post("/v1/proposals/1/confirm")
        assert stale.status_code in (404, 409)

    run(go, tmp_path)


def test_the_list_tightens_at_once_and_loosens_by_two_with_audit(tmp_path: Path) -> None:
    async def go(api: Api) -> None:
        risk = api.as_("risk")
        for new_orders in ("reduce_only", "none"):
            body = {"new_orders": new_orders, "reason": "we advise them"}
            assert (await risk.put("/v1/restricted/ES", json=body)).json()["direction"] == "tightening"
        asked = await risk.put("/v1/restricted/ES", json={"new_orders": "allow", "reason": "over"})
        assert asked.status_code == 202
        assert (await api.confirmed(asked)).json()["rule"]["new_orders"] == "allow"
        entries = (await api.as_("viewer").get("/v1/audit?limit=500")).json()["entries"]
        made = [one for one in entries if one["action"] == "restricted.set"]
        assert [one["after"]["new_orders"] for one in made] == ["reduce_only", "none", "allow"]
        assert made[-1]["confirmed_by"] == "second"

    run(go, tmp_path)


def test_what_names_nothing_is_refused_with_every_reason(tmp_path: Path) -> None:
    async def go(api: Api) -> None:
        risk = api.as_("risk")
        body = {"state": "deny", "selector": {"instrument": "GOLD", "venue": "XLON"}, "reason": "x"}
        answer = await risk.put("/v1/permissions/nobody", json=body)
        assert answer.status_code == 422
        assert {one["key"] for one in answer.json()["errors"]} == {"node", "selector.instrument", "selector.venue"}
        answer = await risk.put("/v1/restricted/GOLD", json={"new_orders": "none"})
        assert answer.status_code == 422 and "GOLD" in answer.text
        answer = await risk.put("/v1/restricted/ES", json={"new_orders": "maybe"})
        assert answer.status_code == 422
        assert (await risk.get("/v1/propagation/restricted/ES")).status_code == 404
        for who in ("viewer", "trader"):
            assert (await api.as_(who).put("/v1/restricted/ES", json={"new_orders": "none"})).status_code == 403

    run(go, tmp_path)


def test_epochs_are_told_for_every_holder(tmp_path: Path) -> None:
    async def go(api: Api) -> None:
        region = {
            "v": 1,
            "region": "new-york",
            "holder": "new-york-1",
            "engine": "up",
            "epoch": 3,
            "standing": ["fenced"],
        }
        values = {"epochs/new-york-1": {"v": 1, "epoch": 4}, "regions/new-york": region}
        api.store.put_all({keys.ROOT + key: json.dumps(value).encode() for key, value in values.items()})
        await api.settle()
        rows = (await api.as_("viewer").get("/v1/epochs")).json()["rows"]
        assert [(row["holder"], row["epoch"], row["engine_epoch"]) for row in rows] == [
            ("chicago-1", None, None),
            ("new-york-1", 4, 3),
        ]
        assert rows[1]["standing"] == ["fenced"]

    run(go, tmp_path)
