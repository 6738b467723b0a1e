"""Parts add up to the bound, and no holder may use more than the bound in force allows, over random histories.

The machine raises, lowers, confirms, acknowledges, cuts off and restarts in any order; what it compares with is a reckoning of
its own: what engines were told, not what the API believes.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from meridian.risk.api import keys
from meridian.risk.api.parts import advance, givers, lowered, share
from tests.risk.api.double import Double
from tests.risk.api.harness import GLOBAL_ID, Api, run
from tests.risk.support import LIMITS

HOLDERS = ["chicago-1", "new-york-1", "new-york-2"]
PARTS = st.dictionaries(st.sampled_from(HOLDERS), st.integers(0, 50), min_size=1)


@given(value=st.integers(0, 10**12), shares=st.dictionaries(st.text(max_size=4), st.integers(0, 10**6), min_size=1))
def test_shares_add_up_and_are_within_one_of_their_proportion(value: int, shares: dict[str, int]) -> None:
    total = sum(shares.values())
    if not total:
        return
    parts = share(value, shares)
    assert sum(parts.values()) == value
    assert all(abs(parts[holder] * total - value * portion) < total for holder, portion in shares.items())


@given(now=PARTS, down=st.integers(0, 150))
@example(now={"chicago-1": 2, "new-york-1": 6, "new-york-2": 6}, down=1)
def test_a_lowered_bound_raises_nobodys_part(now: dict[str, int], down: int) -> None:
    total = sum(now.values())
    if not total:
        return
    parts = lowered(total - min(down, total), now)
    assert sum(parts.values()) == total - min(down, total)
    assert all(0 <= parts[holder] <= part for holder, part in now.items())


@given(now=PARTS, target=PARTS, back=st.sets(st.sampled_from(HOLDERS)))
def test_a_step_shrinks_nobody_who_has_not_given_back_and_keeps_the_bound(
    now: dict[str, int], target: dict[str, int], back: set[str]
) -> None:
    stepped = advance(now, target, back)
    before, after, aim = sum(now.values()), sum(stepped.values()), sum(target.values())
    assert min(before, aim) <= after <= max(before, aim)
    for holder in set(now) - back:
        assert stepped[holder] >= now[holder], "nobody is taken from before it said so"
    for holder, part in stepped.items():
        low, high = sorted((now.get(holder, 0), target.get(holder, 0)))
        assert low <= part <= high
    everybody = advance(stepped, target, set(HOLDERS))
    assert {holder: part for holder, part in everybody.items() if part} == {
        holder: part for holder, part in target.items() if part
    }
    assert givers(everybody, target) == []


STEP = st.one_of(
    st.tuples(st.just("set"), st.integers(0, 60)),
    st.tuples(st.just("parts"), st.tuples(st.integers(0, 40), st.integers(0, 40))),
    st.tuples(st.just("confirm"), st.just(0)),
    st.tuples(st.just("engine"), st.sampled_from(["chicago-1", "new-york-1"])),
    st.tuples(st.just("old_ack"), st.sampled_from(["chicago-1", "new-york-1"])),
    st.tuples(st.just("lost_answer"), st.just(0)),
    st.tuples(st.just("look"), st.just(0)),
    st.tuples(st.just("crash"), st.just(0)),
)


class Engines:
    """What two engines were told and hold: each uses up whatever it may, at once, and gives back only when asked."""

    def __init__(self) -> None:
        self.used = {"chicago-1": 0, "new-york-1": 0}

    def deliver(self, api: Api, holder: str) -> int:
        """The engine takes what is in the store; it trades down to it when it must. Returns the revision it is of."""
        limit = json.loads(api.store.entries_by_key[keys.limit(GLOBAL_ID)].value)
        key = keys.part(GLOBAL_ID, holder)
        part = int(json.loads(api.store.entries_by_key[key].value)["upper"])
        if limit["pending"]:
            part = min(part, int(limit["pending"]["parts"][holder]["upper"]))
        self.used[holder] = part
        return int(
            max(api.store.entries_by_key[keys.limit(GLOBAL_ID)].revision, api.store.entries_by_key[key].revision)
        )

    def check(self, store: Double) -> None:
        """The promise, from the store alone."""
        limit = json.loads(store.entries_by_key[keys.limit(GLOBAL_ID)].value)
        prefix = keys.parts(GLOBAL_ID)
        parts = [json.loads(one.value) for key, one in store.entries_by_key.items() if key.startswith(prefix)]
        assert sum(int(part["upper"]) for part in parts) == int(limit["value"]), "parts add up"
        assert sum(self.used.values()) <= int(limit["value"]), "the worst case is within the bound in force"


async def play(api: Api, steps: list[tuple[str, object]], engines: Engines) -> None:
    """One stretch between two crashes."""
    risk, second, store = api.as_("risk"), api.as_("second"), api.store
    for kind, value in steps:
        await api.settle()
        if kind in ("set", "parts"):
            version = (await api.limit(GLOBAL_ID))["version"]
            body: dict[str, object] = {"value": str(value), "reason": "r"}
            if isinstance(value, tuple):
                parts = {"chicago-1": str(value[0]), "new-york-1": str(value[1])}
                body = {"value": str(sum(value)), "parts": parts, "reason": "r"}
            answer = await risk.put(f"/v1/limits/{GLOBAL_ID}", json=body, headers={"If-Match": f'"{version}"'})
            # 412: a lowering's next step, which goes on by itself, came between reading and writing.
            assert answer.status_code in (200, 202, 412, 503), answer.text
        elif kind == "confirm":
            waiting = (await second.get("/v1/proposals", params={"state": "open"})).json()["proposals"]
            for one in waiting:
                answer = await second.post(f"/v1/proposals/{one['id']}/confirm")
                assert answer.status_code in (200, 409, 503), answer.text
        elif kind == "engine":
            revision = engines.deliver(api, str(value))
            await api.acknowledge(GLOBAL_ID, str(value), revision=revision)
        elif kind == "old_ack":
            await api.acknowledge(GLOBAL_ID, str(value), revision=1)
        elif kind == "lost_answer":
            store.forget_answers = 1
        elif kind == "look":
            await api.service.housekeeping.look()
        engines.check(store)


# Forty APIs and more are made: minutes on a machine that others use.
@pytest.mark.timeout(480)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps=st.lists(STEP, max_size=25))
def test_parts_add_up_over_any_history_of_changes_acknowledgements_and_crashes(steps: list[tuple[str, object]]) -> None:
    store, engines = Double(), Engines()
    stretches: list[list[tuple[str, object]]] = [[]]
    for step in steps:
        stretches.append([]) if step[0] == "crash" else stretches[-1].append(step)

    async def begin(api: Api) -> None:
        await api.make_global("50", {"chicago-1": "20", "new-york-1": "30"})

    with tempfile.TemporaryDirectory() as folder:
        run(begin, Path(folder), store=store, text=LIMITS)
        for stretch in stretches:
            Path(folder, "tokens.json").unlink()

            async def go(api: Api, stretch: list[tuple[str, object]] = stretch) -> None:
                await play(api, stretch, engines)

            run(go, Path(folder), store=store)
        # Healing: everybody is there again and gives back; every change then comes to its end.
        Path(folder, "tokens.json").unlink()

        async def heal(api: Api) -> None:
            store.forget_answers = 0
            for _ in range(3):
                await play(api, [("engine", "chicago-1"), ("engine", "new-york-1"), ("look", 0)], engines)
            assert (await api.limit(GLOBAL_ID))["pending"] is None

        run(heal, Path(folder), store=store)
