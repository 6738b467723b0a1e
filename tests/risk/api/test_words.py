"""What people are told: every refusal of a request's shape names key, value and what is allowed, in words of the platform."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, Field, ValidationError

from meridian.coordination.sentences import plain
from meridian.risk.api import keys, words
from meridian.risk.api.guard import REPEATED_MAX
from tests.risk.api.harness import Api, run

FOREIGN = re.compile(
    r"input should|valid (string|integer|dictionary|boolean)|string should|value should|pydantic|etcdserver|os error"
    r"|transport|pattern|Traceback|NoneType|b'|field required",
    re.I,
)
"""Words of libraries."""
SHAPES: list[tuple[str, str, bytes | None, list[str]]] = [
    ("PUT", "/v1/limits/6", b"[]", ["body = []: allowed is JSON, an object with value, parts, window_ns"]),
    ("PUT", "/v1/limits/6", b"null", ["body = null: allowed is JSON"]),
    ("PUT", "/v1/limits/6", b"", ["body is missing: allowed is JSON"]),
    ("PUT", "/v1/limits/6", b'{"value"', ["body = no JSON from character 8 on: allowed is JSON"]),
    ("PUT", "/v1/limits/6", b'{"value":{}}', ["value = {}: allowed is a decimal number in the metric's unit, as text."]),
    ("PUT", "/v1/limits/6", b'{"value":""}', ['value = "": allowed is a decimal number']),
    ("PUT", "/v1/limits/6", b'{"parts":{"new york":"5"}}', ["parts.new york = new york: allowed is an amount for each"]),
    (
        "PUT",
        "/v1/limits/6",
        b'{"soft_percent":true,"window_ns":0}',
        ["window_ns = 0: allowed is a time in ns, from 1", "soft_percent = true: allowed is a whole number from 0"],
    ),
    ("PUT", "/v1/limits/6", b'{"colour":5}', ["colour = 5: allowed is one of value, parts, window_ns"]),
    ("PUT", "/v1/limits/x", b"{}", ["number = x: allowed is a limit's id, a whole number from 1 to 4294967295."]),
    (
        "POST",
        "/v1/limits",
        b'{"metric":"x","selector":{"size":1,"trader":"x"}}',
        [
            "node is missing: allowed is the name of a node.",
            "metric = x: allowed is one of order_quantity",
            "value is missing",
            "selector.trader = x: allowed is a trader's number",
            "selector.size = 1: allowed is one of instrument, underlying, sector, venue, trader.",
        ],
    ),
    ("POST", "/v1/kill/desk", b'{"level":"K9"}', ["level = K9: allowed is K1, K2, K3 or K4."]),
    ("POST", "/v1/tree", b'{"name":"a","level":"x","parent":"firm"}', ["level = x: allowed is region, desk, strategy"]),
    ("POST", "/v1/kill/a%00b", b'{"level":"K1"}', ["node = a\N{REPLACEMENT CHARACTER}b: allowed is a node's name"]),
    ("POST", "/v1/rearm/desk", b"{}", ["reason is missing: allowed is readable words that say why"]),
    ("GET", "/v1/limits?enforcement=x&removed=maybe", None, ["enforcement = x: allowed is one of engine, global.",
                                                         "removed = maybe: allowed is true or false."]),
    ("GET", "/v1/audit?limit=0", None, ["limit = 0: allowed is a whole number from 1 to 500."]),
    ("GET", "/v1/proposals/x", None, ["proposal = x: allowed is a proposal's number"]),
    ("GET", "/v1/stream?kinds=x", None, ["kinds = x: allowed is some of acks"]),
]  # fmt: skip


def test_every_refusal_of_a_shape_is_in_our_words(tmp_path: Path) -> None:
    async def go(api: Api) -> None:
        headers = {"If-Match": '"1"', "Content-Type": "application/json"}
        for method, path, body, wanted in SHAPES:
            more: dict[str, Any] = {} if body is None else {"content": body}
            answer = await api.as_("risk").request(method, path, headers=headers, **more)
            assert answer.status_code == 422, (path, body, answer.text)
            said = [one["sentence"] for one in answer.json()["errors"]]
            assert len(said) == len(wanted), (path, body, said)
            for sentence, begin in zip(said, wanted, strict=True):
                assert sentence.startswith(begin), (path, body, said)
            assert not FOREIGN.search(answer.text), answer.text
        answer = await api.as_("risk").put(
            "/v1/limits/6", content=b"{}", headers=headers | {"Content-Type": "text/plain"}
        )
        assert answer.json()["errors"][0]["sentence"] == "Content-Type = text/plain: allowed is application/json."

    run(go, tmp_path)


def test_a_key_that_stands_twice_is_refused_wherever_it_stands(tmp_path: Path) -> None:
    rows = [
        ("PUT", "/v1/limits/6", b'{"value": "5", "value": "6"}', ["value"]),
        ("POST", "/v1/kill/desk", b'{"level": "K1", "selector": {"venue": "XNAS", "venue": "XBOS"}}', ["venue"]),
        ("PUT", "/v1/limits/6", b'{"value": "5", "reason": "a", "value": "5", "reason": "b"}', ["value", "reason"]),
    ]

    async def go(api: Api) -> None:
        before = dict(api.store.entries_by_key)
        for method, path, body, named in rows:
            answer = await api.as_("risk").request(method, path, content=body, headers={"If-Match": '"1"'})
            assert answer.status_code == 422, answer.text
            assert [one["key"] for one in answer.json()["errors"]] == named
            assert all("stands more than once" in one["sentence"] for one in answer.json()["errors"])
        many = b"{" + b",".join(b'"k%d":1,"k%d":2' % (at, at) for at in range(500)) + b"}"
        answer = await api.as_("risk").post("/v1/kill/desk", content=many)
        assert len(answer.json()["errors"]) == REPEATED_MAX
        assert api.store.entries_by_key == before

    run(go, tmp_path)


@pytest.mark.parametrize("reason", [" ", "\t\n", "\u200b", " \u200b\u2060\ufeff ", "\u3164", "\u2800\u2800", "\u0301"])
def test_a_reason_that_nobody_can_read_is_none(tmp_path: Path, reason: str) -> None:
    async def go(api: Api) -> None:
        risk, version = api.as_("risk"), {"If-Match": '"1"'}
        await risk.post("/v1/kill/desk", json={"level": "K1"})
        before = dict(api.store.entries_by_key)
        answers = [
            await risk.put("/v1/limits/6", json={"value": "120", "reason": reason}, headers=version),
            await risk.post("/v1/rearm/desk", json={"reason": reason}),
            await risk.delete("/v1/limits/6", params={"reason": reason}, headers=version),
            await risk.put("/v1/restricted/ES", json={"new_orders": "none", "reason": reason}),
            await risk.post("/v1/sessions/new-york/XNAS/reset", json={"reason": reason}),
        ]
        for answer in answers:
            assert answer.status_code == 422, answer.text
            (one,) = answer.json()["errors"]
            assert one["key"] == "reason" and "readable words" in one["allowed"]
        assert api.store.entries_by_key == before

    run(go, tmp_path)


@pytest.mark.parametrize("reason", ["x", "理由", "!", " a "])
def test_a_reason_that_can_be_read_is_one(tmp_path: Path, reason: str) -> None:
    async def go(api: Api) -> None:
        body = {"value": "120", "reason": reason}
        answer = await api.as_("risk").put("/v1/limits/6", json=body, headers={"If-Match": '"1"'})
        assert answer.status_code == 202, answer.text

    run(go, tmp_path)


def test_findings_name_what_does_not_fit_in_our_words(tmp_path: Path) -> None:
    rows = {
        keys.limit(6): (b"{ not ours", "it is no JSON"),
        keys.limit(7): (b'{"v": 1}', "id is missing"),
        keys.limit(8): (b'{"v": 2}', "v must be one of 1"),
        keys.limit(33): (b"[]", "the value must be an object"),
    }

    async def go(api: Api) -> None:
        api.store.put_all({key: value for key, (value, _) in rows.items()})
        await api.settle()
        findings = (await api.as_("viewer").get("/v1/health")).json()["findings"]
        for key, (_, words_of_it) in rows.items():
            (one,) = [found for found in findings if found.startswith(f"{key}:")]
            assert one.endswith(words_of_it) and not FOREIGN.search(one), one

    run(go, tmp_path)


def test_every_kind_of_error_has_words() -> None:
    class Model(BaseModel):
        number: int = Field(ge=1, lt=5)
        text: str = Field(min_length=2, max_length=3, pattern="^a")
        flag: bool

    for body in (
        {"number": 0, "text": "a", "flag": 7},
        {"number": 9, "text": "abcd", "flag": "x"},
        {"number": "x", "text": 5},
    ):
        with pytest.raises(ValidationError) as raised:
            Model.model_validate(body)
        for error in raised.value.errors():
            said = words.allowed_of(error)
            assert not FOREIGN.search(said) and said != "another value", error


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("http://127.0.0.1:1: nothing was heard, not even when asked", None),
        (
            "http://127.0.0.1:1: transport error: tcp connect error: Connection refused (os error 111)",
            "http://127.0.0.1:1: nothing listens there",
        ),
        (
            "nobody answered: http://a:1: transport error: Connection refused (os error 111); http://b:2: no answer in time",
            "nobody answered: http://a:1: nothing listens there; http://b:2: no answer in time",
        ),
        ("this user may not do this (etcdserver: permission denied)", "this user may not do this"),
        ("the store came to no agreement in time: etcdserver: request timed out", "no answer in time"),
        ("http://a:1: a member broke off: h2 protocol error: broken pipe", "http://a:1: the connection broke off"),
        ("docs/coordination.md (see there)", None),
        ("the store refused this: (", None),
    ],
)
def test_the_stores_words_are_ours(said: str, told: str | None) -> None:
    assert plain(said) == (told or said)


def test_with_the_store_away_people_read_why_in_our_words(tmp_path: Path) -> None:
    async def go(api: Api) -> None:
        api.store.send_away()
        await asyncio.sleep(0.05)
        answer = await api.as_("risk").put("/v1/limits/6", json={"value": "1"}, headers={"If-Match": '"1"'})
        assert answer.status_code == 503 and not FOREIGN.search(answer.text)
        assert json.loads(answer.text)["errors"][0]["key"] == "store"

    run(go, tmp_path)
