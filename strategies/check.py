"""Checking a class as an engine would take it: built, called in both modes on the same views, measured.

Invariant: what is reported was run: a callback's fuel, time and intents come from calls of the object code.
"""

import random
from dataclasses import dataclass
from typing import Any

from meridian._native import strategies as native
from meridian.codes import Callback, CallStatus
from meridian.strategies import probe
from meridian.strategies.artifact import Artifact, build
from meridian.strategies.layouts import structure
from meridian.strategies.plain import Plain
from meridian.strategies.strategy import Strategy

__all__ = ["CallbackReport", "Report", "check"]

CALLS = 200
TIMED_CALLS = 2_000
FUEL = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbackReport:
    """One callback on the views of the check."""

    callback: str
    calls: int
    call_ns: float  # Median over batches of calls.
    fuel_max: int  # Loop turns of the longest call.
    intents_max: int
    failed: int  # Calls that failed.
    failures: tuple[str, ...]  # Status and line of calls that failed, each once.


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A class that can be loaded."""

    name: str
    artifact: Artifact
    callbacks: tuple[CallbackReport, ...]
    differences: int  # Calls in which the modes differ: a fault of the platform.


def check(cls: type[Strategy], *, seed: int = 1) -> Report:
    """Builds and tries a class. Raises StrategyRefused with every error, by file and line."""
    artifact = build(cls)
    compiled = native.SlotRunner.compiled(artifact.path)
    plain = native.SlotRunner.plain(Plain(cls))
    rng = random.Random(seed)
    reports, differences = [], 0
    for name in artifact.callbacks:
        callback = Callback[name.removeprefix("on_").upper()]
        failures: dict[str, None] = {}
        fuel_max = intents_max = failed = 0
        times = []
        for turn in range(CALLS):
            orders = probe.orders_view(rng, fuel=FUEL)
            event = probe.event(rng, callback, orders)
            content = int(callback), bytes(event), bytes(orders)
            answer, other = compiled.call(*content), plain.call(*content)
            differences += answer != other or compiled.record() != plain.record()
            after: Any = structure("OrdersView").from_buffer_copy(answer[1])
            fuel_max = max(fuel_max, FUEL - after.fuel)
            intents_max = max(intents_max, after.intents_count)
            if answer[0]:
                failed += 1
                status = CallStatus(answer[0] & 0xFF).name.lower().replace("_", " ")
                failures[f"{status} at line {answer[0] >> 8}"] = None
            elif turn % 20 == 0:
                times.append(timed(artifact, *content))
        times.sort()
        reports.append(
            CallbackReport(
                callback=name, calls=CALLS, call_ns=times[len(times) // 2] if times else 0.0, fuel_max=fuel_max,
                intents_max=intents_max, failed=failed, failures=tuple(failures),
            )
        )  # fmt: skip
    return Report(name=cls.__name__, artifact=artifact, callbacks=tuple(reports), differences=differences)


def timed(artifact: Artifact, callback: int, event: bytes, orders: bytes) -> float:
    """Time of one call in ns on fixed views, in a slot of its own."""
    return native.SlotRunner.compiled(artifact.path).time(callback, event, orders, TIMED_CALLS)
