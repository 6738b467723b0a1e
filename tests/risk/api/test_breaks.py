"""Breaks over the API: who sees what and may do what, each step once and on what was read, every refusal with what is allowed."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from meridian.analytics import Run, break_book, end_of_day_reports
from meridian.analytics.break_desk import Desk
from meridian.risk.api import breaks, stream
from tests.analytics.breaks_support import ITEM, NOW_NS, many
from tests.analytics.test_break_desk import Engine, platform
from tests.risk.api.harness import Api, run

BROKEN = many(1)[0].id
HERE = f"/v1/breaks/ny/{quote(BROKEN, safe='')}"
SECOND_NS = 10**9


def serve(go: Callable[[Api], Awaitable[None]], folder: Path) -> None:
    """An API over two regions: in both the same difference was found by a comparison, and both engines told of one break."""
    place = platform(folder / "runs", "ny", "chicago")

    async def with_engines(api: Api) -> None:
        engine = Engine()
        engine.items = [ITEM]
        api.service.breaks._desk = Desk(place, read=engine)
        api.clock.now_ns = NOW_NS + 3_600 * SECOND_NS
        await go(api)

    run(with_engines, folder, text=None, runs=place)


async def do(api: Api, who: str, verb: str, version: int, *, reason: str = "why", **headers: str) -> httpx.Response:
    """One step."""
    given = {"If-Match": f'"{version}"', **{name.replace("_", "-"): value for name, value in headers.items()}}
    return await api.as_(who).post(f"{HERE}/{verb}", json={"reason": reason}, headers=given)


def sentences(answer: httpx.Response) -> list[str]:
    """What a refusal says."""
    return [one["sentence"] for one in answer.json()["errors"]]


def test_breaks_of_all_regions_are_listed_with_what_is_to_be_done_and_filtered(tmp_path: Path) -> None:
    async def go(api: Api) -> None:
        told = (await api.as_("viewer").get("/v1/breaks")).json()
        assert [(one["region"], one["id"]) for one in told["breaks"]] == [
            ("ny", BROKEN), ("ny", ITEM.id), ("chicago", BROKEN), ("chicago", ITEM.id)]  # fmt: skip
        first = told["breaks"][0]
        assert (first["order"], first["price"], first["amount"]) == (str(2**63 + 1), "99", "495.5"), (
            "nothing is rounded"
        )
        assert (first["state"], first["version"], first["next_step"]) == ("found", 1, "somebody explains it")
        assert first["age_ns"] == 3_600 * SECOND_NS and first["may"] == [] and first["may_not"] == {}
        assert (
            told["counts"]["open"] == 4 and told["sentence"] == "4 breaks are open (4 found)" and told["problems"] == []
        )
        assert told["you"] == {"name": "viewer", "role": "viewer", "may_step": False}
        assert [(one["region"], one["open"], one["over"]) for one in told["regions"]] == [
            ("ny", 2, True),
            ("chicago", 2, True),
        ]
        risk = api.as_("risk")
        assert (await risk.get("/v1/breaks")).json()["breaks"][0]["may"] == ["explain"]
        assert (await do(api, "risk", "explain", 1)).status_code == 200
        for query, count in (
            ("?region=ny", 2), ("?venue=XNAS", 4), ("?state=explained", 1), ("?state=explained&state=found", 4),
            ("?state=closed", 0), ("?age_s=3600", 4), ("?age_s=3601", 0), ("?limit=3", 3),
            ("?limit=3&after=3", 1), ("?closed=true", 4),
        ):  # fmt: skip
            answer = await risk.get(f"/v1/breaks{query}")
            assert answer.status_code == 200 and len(answer.json()["breaks"]) == count, query
        assert (await risk.get("/v1/breaks?limit=3")).json()["next"] == 3
        answer = await risk.get("/v1/breaks?region=x&venue=y")
        assert answer.status_code == 422 and sentences(answer) == [
            "region = x: allowed is one of ny, chicago.", "venue = y: allowed is one of XNAS."]  # fmt: skip
        answer = await risk.get("/v1/breaks?state=lost&age_s=-1")
        assert answer.status_code == 422 and sentences(answer) == [
            "state = lost: allowed is one of found, explained, adopted, disputed, closed.",
            "age_s = -1: allowed is a whole number from 0 to 1000000000."]  # fmt: skip

    serve(go, tmp_path)


def test_a_break_is_ended_by_two_people_who_are_signed_in_and_its_history_says_so(tmp_path: Path) -> None:
    async def go(api: Api) -> None:
        answer = await do(api, "risk", "explain", 1, reason="  a fill that came late ")
        assert answer.status_code == 200 and answer.headers["ETag"] == '"2"', answer.text
        told = answer.json()["break"]
        assert (told["state"], told["may"]) == ("explained", ["dispute"]) and told["last"]["by"] == "risk"
        assert told["may_not"]["adopt"].endswith(
            "risk did the step before (explained); allowed is somebody else than that"
        )
        own = await do(api, "risk", "adopt", 2)
        assert own.status_code == 403 and own.json()["code"] == "second_person" and own.headers["ETag"] == '"2"'
        assert (await do(api, "viewer", "adopt", 2)).status_code == 403 and (
            await do(api, "trader", "adopt", 2)
        ).status_code == 403
        api.store.send_away()
        assert (await do(api, "second", "adopt", 2)).json()["break"]["state"] == "adopted", "no store is needed"
        closed = await do(api, "second", "close", 3)
        assert closed.json()["break"]["open"] is False and closed.json()["break"]["next_step"] == ""
        shown = (await api.as_("viewer").get(HERE)).json()
        assert [(one["step"], one["by"], one["signed_in"]) for one in shown["history"]] == [
            ("found", "", False), ("explained", "risk", True), ("adopted", "second", True),
            ("closed", "second", True)]  # fmt: skip
        assert shown["history"][1]["reason"] == "a fill that came late"
        left = await do(api, "risk", "explain", 4)
        assert left.status_code == 409 and sentences(left) == [
            f"explain {BROKEN}: it is closed; allowed is nothing: it stays closed."]  # fmt: skip
        other = (await api.as_("viewer").get(HERE.replace("/ny/", "/chicago/"))).json()
        assert other["break"]["state"] == "found", "each region has its own book"

    serve(go, tmp_path)


def test_a_step_is_for_what_was_read_and_is_done_once_under_its_key(tmp_path: Path) -> None:
    async def go(api: Api) -> None:
        book = tmp_path / "runs" / "ny" / break_book.NAME
        answers = await asyncio.gather(*(do(api, who, "explain", 1) for who in ("risk", "second") * 3))
        assert sorted(one.status_code for one in answers) == [200] + [412] * 5
        winner = next(one for one in answers if one.status_code == 200).json()["break"]["last"]["by"]
        stale = next(one for one in answers if one.status_code == 412)
        assert stale.headers["ETag"] == '"2"' and sentences(stale) == [
            f"explain {BROKEN}: it is explained, by {winner}, in version 2; allowed is that version."]  # fmt: skip
        first = await do(api, "risk", "dispute", 2, Idempotency_Key="k")
        kept = book.read_bytes()
        again = await do(api, "risk", "dispute", 2, Idempotency_Key="k")
        assert again.headers["Idempotency-Replayed"] == "true" and book.read_bytes() == kept
        assert again.json()["break"] == first.json()["break"] and "Idempotency-Replayed" not in first.headers
        used = await do(api, "risk", "dispute", 2, reason="another", Idempotency_Key="k")
        assert used.status_code == 409 and used.json()["code"] == "key_used"
        theirs = await do(api, "second", "adopt", 3, Idempotency_Key="k")
        assert theirs.status_code in (200, 403), "a key is its token's own"
        missing = await api.as_("risk").post(f"{HERE}/close", json={"reason": "why"})
        assert missing.status_code == 428 and "If-Match is missing" in missing.text

    serve(go, tmp_path)


def test_what_cannot_be_used_is_refused_at_once_and_leaves_the_book_as_it_is(tmp_path: Path) -> None:
    async def go(api: Api) -> None:
        book = tmp_path / "runs" / "ny" / break_book.NAME
        kept, risk = book.read_bytes(), api.as_("risk")
        one_line = "readable words that say why, on one line, 1 to 500 characters."
        for body, said in (
            ({}, [f"reason is missing: allowed is {one_line}"]),
            ({"reason": ""}, [f'reason = "": allowed is {one_line}']),
            ({"reason": "\u3164 "}, [f"reason = \u3164 : allowed is {one_line}"]),
            ({"reason": "a\nb"}, [f"reason = a\N{REPLACEMENT CHARACTER}b: allowed is {one_line}"]),
            ({"reason": "x" * 501, "by": "eve"},
             [f"reason = {'x' * 79}…: allowed is {one_line}", "by = eve: allowed is one of reason."]),
        ):  # fmt: skip
            answer = await risk.post(f"{HERE}/explain", json=body, headers={"If-Match": '"1"'})
            assert (answer.status_code, sentences(answer)) == (422, said)
        answer = await risk.post(f"{HERE}/lose", json={"reason": "why"}, headers={"If-Match": '"1"'})
        assert answer.status_code == 422 and "allowed is explain, adopt, dispute or close" in sentences(answer)[0]
        for place, why in (
            (HERE.replace("/ny/", "/x/"), "region = x: allowed is one of ny, chicago."),
            ("/v1/breaks/ny/1", f"ID = 1: allowed is one of {BROKEN}, {ITEM.id}."),
        ):
            write = {"json": {"reason": "w"}, "headers": {"If-Match": '"1"'}}
            for answer in (await risk.get(place), await risk.post(f"{place}/explain", **write)):
                assert (answer.status_code, sentences(answer)) == (404, [why])
        assert book.read_bytes() == kept

    serve(go, tmp_path)


def test_an_api_without_runs_has_no_breaks_and_says_so(tmp_path: Path) -> None:
    async def go(api: Api) -> None:
        for path in ("/v1/breaks", HERE, "/v1/end-of-day", "/v1/end-of-day/ny/1"):
            answer = await api.as_("viewer").get(path)
            assert answer.status_code == 409 and answer.json()["code"] == "no_runs", path
            assert "runs is missing: allowed is the directory of a run or a platform" in answer.text

    run(go, tmp_path, text=None)


def test_a_book_that_is_taken_full_or_damaged_is_said_and_nothing_else_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(breaks, "TAKEN_SECONDS", 0.05)

    async def go(api: Api) -> None:
        book = tmp_path / "runs" / "ny" / break_book.NAME
        with book.open("rb") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            taken = await do(api, "risk", "explain", 1, Idempotency_Key="k")
            assert taken.status_code == 503 and taken.json()["code"] == "busy" and taken.headers["Retry-After"] == "2"
        kept = book.read_bytes()
        with monkeypatch.context() as patch:
            patch.setattr(os, "write", no_room)
            full = await do(api, "risk", "explain", 1, Idempotency_Key="k")
        assert full.status_code == 503 and full.json()["code"] == "book_away" and "no space left on device" in full.text
        assert book.read_bytes() == kept
        done = await do(api, "risk", "explain", 1, Idempotency_Key="k")
        assert done.status_code == 200 and "Idempotency-Replayed" not in done.headers
        book.write_bytes(book.read_bytes().replace(b'"reason": "why"', b'"reason": "not"').replace(b"BTC", b"BTG"))
        damaged = await do(api, "risk", "dispute", 2)
        assert (
            damaged.status_code == 409
            and damaged.json()["code"] == "book_damaged"
            and "line 2 does not follow" in damaged.text
        )
        told = (await api.as_("viewer").get("/v1/breaks")).json()
        assert [one["region"] for one in told["breaks"]] == ["chicago", "chicago"]
        assert (
            len(told["problems"]) == 1
            and "ny: " in told["problems"][0]
            and "line 2 does not follow" in told["problems"][0]
        )
        gone = await api.as_("viewer").get(HERE)
        assert gone.status_code == 404 and len(sentences(gone)) == 2, "what cannot be read may be there"

    serve(go, tmp_path)


def no_room(*_: object) -> int:
    """As a full disk."""
    raise OSError(28, "No space left on device")


def test_a_step_that_begins_too_late_is_not_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from meridian.risk.api import break_routes

    monkeypatch.setattr(break_routes, "STEP_SECONDS", 0.0)

    async def go(api: Api) -> None:
        answer = await do(api, "risk", "explain", 1)
        assert answer.status_code == 503 and "it did not begin in time; nothing was written" in answer.text
        assert (await api.as_("viewer").get(HERE)).json()["break"]["version"] == 1

    serve(go, tmp_path)


def test_who_listens_hears_of_steps_whoever_wrote_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(breaks, "LOOK_SECONDS", 0.02)

    async def go(api: Api) -> None:
        heard = stream.events(api.service, "viewer", {"breaks"} | stream.ALWAYS)
        assert "event: reset" in await anext(heard)
        await api.as_("viewer").get("/v1/breaks")

        async def regions(count: int) -> list[str]:
            found: list[str] = []
            async with asyncio.timeout(20):
                while len(found) < count:
                    event = await anext(heard)
                    if "event: breaks" in event:
                        found.append(json.loads(event.partition("data: ")[2])["key"])
            return found

        assert await regions(2) == ["chicago", "ny"], "what the engines told"
        from tests.analytics.breaks_support import signed

        await asyncio.to_thread(
            Desk(tmp_path / "runs", read=Engine()).step, "chicago", signed(BROKEN, "explain", "ann"), NOW_NS, 5.0
        )
        assert await regions(1) == ["chicago"], "as the command writes it"
        await do(api, "risk", "explain", 1)
        assert await regions(1) == ["ny"]
        await heard.aclose()
        assert api.service.breaks._listeners == 0

    serve(go, tmp_path)


def test_reports_of_ends_of_days_are_listed_and_shown(tmp_path: Path) -> None:
    async def go(api: Api) -> None:
        told: dict[str, Any] = {
            "agrees": False,
            "sentence": "1 differs",
            "records": {},
            "files": ["x.csv"],
            "since_ns": 1,
            "until_ns": 2,
        }
        told["differences"] = [{"sentence": "XNAS: fill 5 differs"}]
        for at, name in ((7, "ny"), (9, "chicago"), (8, "ny")):
            end_of_day_reports.keep(Run.open(tmp_path / "runs" / name), told, at)
        (tmp_path / "runs" / "ny" / end_of_day_reports.FOLDER / "5.json").write_text("x")
        viewer = api.as_("viewer")
        answer = (await viewer.get("/v1/end-of-day")).json()
        assert [(one["region"], one["report"], one["differences"]) for one in answer["reports"]] == [
            ("chicago", "9", 1), ("ny", "8", 1), ("ny", "7", 1)]  # fmt: skip
        assert len(answer["problems"]) == 1 and "5.json: is no report" in answer["problems"][0]
        assert len((await viewer.get("/v1/end-of-day?region=ny&limit=1")).json()["reports"]) == 1
        answer = await viewer.get("/v1/end-of-day?region=x")
        assert answer.status_code == 422 and "region = x: allowed is one of ny, chicago." in answer.text
        whole = (await viewer.get("/v1/end-of-day/ny/8")).json()["report"]
        assert whole["differences"] == told["differences"] and whole["run"] == "ny"
        for path in ("/v1/end-of-day/ny/6", "/v1/end-of-day/x/8", "/v1/end-of-day/ny/5"):
            assert (await viewer.get(path)).status_code == 404, path

    serve(go, tmp_path)
