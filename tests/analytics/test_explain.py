"""An order's steps stand as each followed from those before, whatever the clocks of those who stamped them say."""

from __future__ import annotations

from typing import Any

from meridian.analytics.explain import in_order


def step(place: int, time_ns: int, what: str, **more: Any) -> dict[str, Any]:
    return {"place": place, "time_ns": time_ns, "step": what} | more


def test_a_packet_that_came_while_the_engine_went_round_stands_before_what_it_caused() -> None:
    """The engine read its clock, 500 ns later the feed took the packet, and the engine found it in the same round."""
    steps = [
        step(6, 9_000, "report"),
        step(4, 1_000, "command"),
        step(1, 1_000, "book"),
        step(5, 2_000, "wire"),
        step(0, 1_500, "input", stamped_ns=1_000),
    ]
    told = in_order(steps)
    assert [(one["step"], one["after_ns"]) for one in told] == [
        ("input", 0), ("book", -500), ("command", 0), ("wire", 1_000), ("report", 7_000)
    ]  # fmt: skip
    assert all(set(one) == {"time_ns", "step", "after_ns"} for one in told)


def test_a_packet_that_waited_is_shown_with_the_time_that_it_did() -> None:
    told = in_order([step(4, 5_000, "command"), step(0, 1_000, "input", stamped_ns=1_000), step(1, 5_000, "book")])
    assert [(one["step"], one["after_ns"]) for one in told] == [("input", 0), ("book", 4_000), ("command", 0)]
