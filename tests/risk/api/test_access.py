"""Who may do what: every route by every role, traders and their own strategies, tokens and their file."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import pytest
from fastapi.routing import APIRoute

from meridian.console import BadInput
from meridian.risk.api import create_app, tokens
from meridian.risk.api.guard import Buckets
from meridian.risk.api.service import Service
from meridian.web import pages
from tests.risk.api.double import Double
from tests.risk.api.harness import Api, run, settings

BODY = {"value": "90", "reason": "less"}
NEW = {"node": "desk", "metric": "position_long", "value": "5", "reason": "x"}
ROUTES: list[tuple[str, str, Any, set[str]]] = [
    ("GET", "/v1/limits", None, {"viewer", "trader", "risk"}),
    ("GET", "/v1/limits/6", None, {"viewer", "trader", "risk"}),
    ("POST", "/v1/limits/validate", NEW, {"trader", "risk"}),
    ("POST", "/v1/limits/6/validate", BODY, {"trader", "risk"}),
    ("POST", "/v1/limits", NEW, {"risk"}),
    ("PUT", "/v1/limits/6", BODY, {"risk"}),
    ("DELETE", "/v1/limits/6?reason=x", None, {"risk"}),
    ("GET", "/v1/proposals", None, {"viewer", "trader", "risk"}),
    ("GET", "/v1/proposals/1", None, {"viewer", "trader", "risk"}),
    ("POST", "/v1/proposals/1/confirm", None, {"risk"}),
    ("POST", "/v1/proposals/1/refuse", {}, {"risk"}),
    ("GET", "/v1/kill", None, {"viewer", "trader", "risk"}),
    ("POST", "/v1/kill/maker", {"level": "K1"}, {"trader", "risk"}),
    ("POST", "/v1/kill/taker", {"level": "K1"}, {"risk"}),
    ("POST", "/v1/rearm/maker", {"reason": "x"}, {"risk"}),
    ("GET", "/v1/tree", None, {"viewer", "trader", "risk"}),
    ("POST", "/v1/tree", {"name": "mm-9", "level": "account", "parent": "maker"}, {"risk"}),
    ("GET", "/v1/propagation/limits/6", None, {"viewer", "trader", "risk"}),
    ("GET", "/v1/propagation/kill/maker", None, {"viewer", "trader", "risk"}),
    ("GET", "/v1/permissions", None, {"viewer", "trader", "risk"}),
    ("PUT", "/v1/permissions/maker", {"state": "deny", "reason": "x"}, {"risk"}),
    ("GET", "/v1/restricted", None, {"viewer", "trader", "risk"}),
    ("PUT", "/v1/restricted/ES", {"new_orders": "none", "reason": "x"}, {"risk"}),
    ("GET", "/v1/propagation/permissions/maker", None, {"viewer", "trader", "risk"}),
    ("GET", "/v1/propagation/restricted/ES", None, {"viewer", "trader", "risk"}),
    ("GET", "/v1/epochs", None, {"viewer", "trader", "risk"}),
    ("GET", "/v1/regions", None, {"viewer", "trader", "risk"}),
    ("GET", "/v1/strategies", None, {"viewer", "trader", "risk"}),
    ("GET", "/v1/sessions", None, {"viewer", "trader", "risk"}),
    ("POST", "/v1/sessions/new-york/XNAS/reset", {"reason": "x"}, {"trader", "risk"}),
    ("GET", "/v1/positions", None, {"viewer", "trader", "risk"}),
    ("GET", "/v1/utilisation", None, {"viewer", "trader", "risk"}),
    ("GET", "/v1/breaks", None, {"viewer", "trader", "risk"}),
    ("GET", "/v1/breaks/ny/1-2-x", None, {"viewer", "trader", "risk"}),
    ("POST", "/v1/breaks/ny/1-2-x/explain", {"reason": "x"}, {"risk"}),
    ("GET", "/v1/end-of-day", None, {"viewer", "trader", "risk"}),
    ("GET", "/v1/end-of-day/ny/7", None, {"viewer", "trader", "risk"}),
    ("GET", "/v1/audit", None, {"viewer", "trader", "risk"}),
    ("GET", "/v1/health", None, {"viewer", "trader", "risk"}),
    ("GET", "/v1/openapi.json", None, {"viewer", "trader", "risk"}),
    ("GET", "/v1/stream?kinds=nothing", None, {"viewer", "trader", "risk"}),
]
"""Method, path, body, and the roles that may: what the routes say themselves is not asked here."""
FORBIDDEN = {401, 403}


def template(path: str) -> str:
    """A path of the table as the application writes it."""
    path = path.partition("?")[0]
    parts = path.split("/")
    if parts[2:3] == ["limits"] and len(parts) > 3 and parts[3] != "validate":
        parts[3] = "{number}"
    elif parts[2:3] == ["proposals"] and len(parts) > 3:
        parts[3] = "{proposal}"
    elif parts[2] == "restricted" and len(parts) > 3:
        parts[3] = "{instrument}"
    elif parts[2] in ("kill", "rearm", "permissions") and len(parts) > 3:
        parts[3] = "{node}"
    elif parts[2] == "sessions" and len(parts) > 3:
        parts[3:5] = ["{region}", "{venue}"]
    elif parts[2] in ("breaks", "end-of-day") and len(parts) > 3:
        parts[3:] = [
            "{region}",
            *(["{report}"] if parts[2] == "end-of-day" else ["{number}", "{verb}"][: len(parts) - 4]),
        ]
    elif parts[2] == "propagation":
        parts[4] = {"limits": "{number}", "restricted": "{instrument}"}.get(parts[3], "{node}")
    return "/".join(parts)


def test_every_role_may_do_what_the_table_says_and_nothing_else(tmp_path: Path) -> None:
    async def go(api: Api) -> None:
        for method, path, body, roles in ROUTES:
            for who in ("viewer", "trader", "risk", None, "meridian_000000000000_wrong"):
                before = dict(api.store.entries_by_key)
                more = {"json": body} if body is not None else {}
                answer = await api.as_(who).request(method, path, headers={"If-Match": '"1"'}, **more)
                what = (method, path, who, answer.text)
                assert answer.status_code < 500, what
                if who in roles:
                    assert answer.status_code not in FORBIDDEN, what
                else:
                    assert answer.status_code in FORBIDDEN, what
                    assert api.store.entries_by_key == before, f"nothing changes without the right: {what}"

    run(go, tmp_path)


def test_the_table_has_every_route(tmp_path: Path) -> None:
    app = create_app(Service(settings(tmp_path, None), Double()))
    served = {(method, path) for path, method in _served(app)}
    assert served == {(method, template(path)) for method, path, _, _ in ROUTES}


def _served(app: Any) -> list[tuple[str, str]]:
    paths = app.openapi()["paths"]
    found = [(path, method.upper()) for path, methods in paths.items() for method in methods]
    # What is not described would not be in the table either: nothing but routes under /v1 and files of pages is served.
    whole = [one for route in app.routes for one in (route, *getattr(route, "original_router", app.router).routes)]
    routes = [route.path_format for route in whole if isinstance(route, APIRoute)]
    assert len(routes) > len(paths) > 20 and {path for path in routes if path not in paths} == set(pages.PLACES)
    return found


def test_a_trader_stops_what_is_below_its_own_and_nothing_beside(tmp_path: Path) -> None:
    async def go(api: Api) -> None:
        trader = api.as_("trader")
        for node, status in [("maker", 200), ("mm-1", 200), ("taker", 403), ("desk", 403), ("firm", 403), ("no", 403)]:
            answer = await trader.post(f"/v1/kill/{node}", json={"level": "K3"})
            assert answer.status_code == status, (node, answer.text)

    run(go, tmp_path)


def test_a_token_is_shown_once_and_kept_as_a_hash_in_a_file_of_its_owner(tmp_path: Path) -> None:
    path = tmp_path / "tokens.json"
    token = tokens.create(path, "alex", "risk", [])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    secret = token.split("_", 2)[2]
    assert secret not in path.read_text() and len(secret) >= 43, "256 bits"
    held = tokens.Tokens(path)
    found = held.holder(token)
    assert found is not None and (found.name, found.role) == ("alex", "risk")
    for wrong in ("", "meridian", token[:-1], token + "x", token.replace("meridian", "other"), "x" * 10_000, "é_é_é"):
        assert held.holder(wrong) is None
    tokens.remove(path, "alex")
    assert held.holder(token) is None, "at once"


def test_a_file_that_others_may_read_opens_nothing(tmp_path: Path) -> None:
    path = tmp_path / "tokens.json"
    token = tokens.create(path, "alex", "risk", [])
    path.chmod(0o640)
    with pytest.raises(BadInput, match="mode 640"):
        tokens.load(path)
    held = tokens.Tokens(path)
    assert held.holder(token) is None and held.trouble is not None
    path.chmod(0o600)
    assert held.holder(token) is not None
    path.write_text("{")
    assert held.holder(token) is None


def test_all_that_is_wrong_with_a_new_token_is_told_at_once(tmp_path: Path) -> None:
    path = tmp_path / "tokens.json"
    tokens.create(path, "alex", "risk", [])
    with pytest.raises(BadInput) as told:
        tokens.create(path, "alex", "trader", [])
    assert len(told.value.errors) == 2
    with pytest.raises(BadInput, match="letters"):
        tokens.create(path, "a b", "viewer", [])
    with pytest.raises(BadInput):
        tokens.remove(path, "nobody")


def test_each_token_has_a_rate(tmp_path: Path) -> None:
    async def go(api: Api) -> None:
        api.service.rates = Buckets(1.0, 3.0)
        answers = [(await api.as_("viewer").get("/v1/tree")).status_code for _ in range(5)]
        assert answers == [200, 200, 200, 429, 429]
        assert (await api.as_("trader").get("/v1/tree")).status_code == 200, "each its own"
        api.service.failed_rates = Buckets(1.0, 1.0)
        assert [(await api.as_(None).get("/v1/tree")).status_code for _ in range(3)] == [401, 429, 429]
        api.service.rates = Buckets(1.0, 0.0)
        killed = await api.as_("trader").post("/v1/kill/maker", json={"level": "K1"})
        assert killed.status_code == 200, "a kill has a rate of its own"

    run(go, tmp_path)


def test_no_answer_repeats_a_token_or_a_key(tmp_path: Path) -> None:
    async def go(api: Api) -> None:
        secret = api.secrets["viewer"]
        for path in ("/v1/limits/x", "/v1/nowhere", "/v1/limits/999"):
            answer = await api.as_("viewer").get(path, headers={"Idempotency-Key": "my key"})
            assert secret not in answer.text and "my key" not in answer.text
        answer = await api.as_("risk").put(
            "/v1/limits/6", json=BODY, headers={"If-Match": "1", "Idempotency-Key": "my key"}
        )
        assert answer.status_code == 422 and "my key" not in answer.text

    run(go, tmp_path)
