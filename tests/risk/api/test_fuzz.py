"""Whatever a request holds: no status of ours is 500 or above, an error is of the one schema, and without the right nothing
changes. Schemathesis makes the requests from the API's own description; further ones are malformed by hand.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from meridian.analytics.break_desk import Desk
from meridian.risk.api import Service, create_app, guard
from meridian.risk.api.errors import Errors
from tests.analytics.breaks_support import ITEM
from tests.analytics.test_break_desk import Engine, platform
from tests.risk.api.double import Double
from tests.risk.api.harness import settings as api_settings
from tests.risk.api.target import Target

EXAMPLES = 12
"""For every operation and every holder of a token."""


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """One API for all requests of this file: what one leaves behind is the next one's start."""
    folder = tmp_path_factory.mktemp("fuzz")
    place, engine = platform(folder / "runs", "ny"), Engine()
    engine.items = [ITEM]
    running = Target(folder, runs=place)
    running.service.breaks._desk = Desk(place, read=engine)
    with running:
        yield running


def check(answer: Any) -> None:
    """What holds of every answer."""
    assert answer.status_code < 500, (answer.status_code, answer.text)
    kind = answer.headers.get("content-type", "")
    kind = kind[0] if isinstance(kind, list) else kind
    if answer.status_code >= 400 and kind.startswith("application/json"):
        body = Errors.model_validate_json(answer.content)
        assert body.errors and all(one.sentence and one.allowed for one in body.errors)


def operations() -> list[Any]:
    """Every operation of the description."""
    app = create_app(Service(api_settings(Path(), None), Double()))
    schema = schemathesis.openapi.from_dict(app.openapi())
    found: list[Any] = list(schema.get_all_operations())
    return [one.ok() for one in found if one.ok().path != "/v1/stream"]


OPERATIONS = operations()
NAMES = [f"{one.method.upper()} {one.path}" for one in OPERATIONS]


@pytest.mark.slow
@pytest.mark.parametrize("operation", OPERATIONS, ids=NAMES)
def test_no_request_of_the_description_is_answered_5xx_or_done_without_the_right(
    target: Target, operation: Any
) -> None:
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(), who=st.sampled_from(["risk", "second", "viewer", "trader", None, "nonsense"]))
    def ask(case: Any, who: str | None) -> None:
        headers = {} if who is None else {"Authorization": f"Bearer {target.secrets.get(who, who)}"}
        before = target.changes()
        try:
            answer = case.call(base_url=target.address, headers=headers, timeout=20)
        except (UnicodeError, ValueError):
            return  # No client can send it.
        check(answer)
        if who in ("viewer", None, "nonsense"):
            assert target.changes() == before, (who, case)
            if who != "viewer":
                assert answer.status_code in (400, 401, 404, 405, 413, 414, 422)
        if who == "trader":
            changed = {key for key in target.changes() if target.changes()[key] is not before.get(key)}
            assert all(key.startswith(("/meridian/v1/kill/maker", "/meridian/v1/kill/mm-1")) for key in changed)

    ask()


RAW = [
    b"GARBAGE\r\n\r\n",
    b"GET /v1/limits HTTP/9.9\r\n\r\n",
    b"GET /v1/limits HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer \xff\xfe\r\n\r\n",
    b"GET /v1/limits/%00%ff HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET /v1/limits?" + b"a" * 6_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
    b"POST /v1/kill/maker HTTP/1.1\r\nHost: a\r\nContent-Length: -5\r\n\r\n{}",
    b"POST /v1/kill/maker HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n{}\r\n",
    b"POST /v1/kill/maker HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
]


@pytest.mark.parametrize("number", range(len(RAW)))
def test_bytes_that_are_no_request_are_refused(target: Target, number: int) -> None:
    with socket.create_connection(("127.0.0.1", int(target.address.rpartition(":")[2])), timeout=5) as one:
        one.sendall(RAW[number])
        said = one.recv(65_536)
    assert said == b"" or 400 <= int(said.split()[1]) < 500, said


BODIES = [
    b"{",
    b"[]",
    b"null",
    b'"\\ud800"',
    b"\xff\xfe",
    b'{"value": NaN, "reason": Infinity}',
    b'{"value": ' + b"1" * 6_000 + b"}",
    b'{"value": 1e999}',
    b'{"value": "1e5"}',
    b'{"value": "\\u0000"}',
    '{"value": "\N{ARABIC-INDIC DIGIT FIVE}"}'.encode(),
    b'{"value": "\\ud800"}',
    b'{"parts": {"\\ud800-1": "5"}}',
    b'{"value": "5", "value": "6", "__proto__": {}}',
    b"[" * 30_000,
    b'{"a":' * 10_000,
]


@pytest.mark.parametrize("number", range(len(BODIES)))
def test_bodies_that_are_none_are_refused_and_change_nothing(target: Target, number: int) -> None:
    headers = {"If-Match": '"1"', "Content-Type": "application/json"}
    headers |= {"Authorization": f"Bearer {target.secrets['risk']}", "Idempotency-Key": f"body-{number}"}
    before = target.changes()
    for method, path in [("PUT", "/v1/limits/6"), ("POST", "/v1/limits"), ("POST", "/v1/kill/maker")]:
        answer = httpx.request(method, target.address + path, content=BODIES[number], headers=headers)
        check(answer)
        assert answer.status_code in (400, 422), (path, answer.text)
    assert target.changes() == before


def test_a_body_that_is_too_long_or_too_slow_is_refused(target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    headers = {"Authorization": f"Bearer {target.secrets['risk']}"}
    answer = httpx.post(f"{target.address}/v1/kill/maker", content=b" " * 70_000, headers=headers)
    assert answer.status_code == 413
    check(answer)
    monkeypatch.setattr(guard, "BODY_SECONDS_MAX", 0.2)
    with socket.create_connection(("127.0.0.1", int(target.address.rpartition(":")[2])), timeout=5) as one:
        one.sendall(b"POST /v1/kill/maker HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n{")
        assert b" 408 " in one.recv(65_536)


def test_the_description_is_complete(target: Target) -> None:
    headers = {"Authorization": f"Bearer {target.secrets['viewer']}"}
    document = httpx.get(f"{target.address}/v1/openapi.json", headers=headers).json()
    for path, methods in document["paths"].items():
        for method, about in methods.items():
            where = f"{method} {path}"
            assert about.get("summary") and about.get("tags"), where
            assert about["responses"]["422"]["content"]["application/json"]["schema"]["$ref"].endswith("/Errors"), where
            assert about["security"] == [{"HTTPBearer": []}], where
            assert all(one.get("description") for one in about.get("parameters", []) if one["in"] == "query"), where
            if "requestBody" in about:
                name = about["requestBody"]["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
                assert document["components"]["schemas"][name].get("examples"), where
