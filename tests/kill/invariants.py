"""What must hold of a system whose strategies stand still, by the exchanges' own journals and the engines'.

Invariant: everything that does not hold is a sentence; whoever gets none has a system that lost nothing.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

from meridian._native import engine as engines
from meridian._native import journal as journals
from meridian.analytics.reconciliation import reconcile
from meridian.analytics.run import Run
from meridian.console import Failure
from meridian.records import BreakKind, Metric, OrderEventKind, OrderState, Side, SlotRun
from tests.kill import files
from tests.kill.system import REGIONS, System
from tests.kill.venue import Taken, at_most

REST_SECONDS_MAX = 30.0
"""From the last cancel until nothing is open or unknown: venues that were away come back in that time, too."""
AGAIN_SECONDS = 0.5
SLACK_NS = 500_000_000
"""How far the stamps of two exchanges may be apart: one that gets no time to run stamps late."""
SHOWN_MAX = 5
COUNTED = ("orders", "replaces", "cancels", "fills", "refused")
RESTING = (
    OrderState.LIVE,
    OrderState.PENDING_NEW,
    OrderState.PENDING_REPLACE,
    OrderState.PENDING_CANCEL,
    OrderState.UNKNOWN,
)
SIDES = {Metric.POSITION_LONG: int(Side.BUY), Metric.POSITION_SHORT: int(Side.SELL)}


def at_rest(system: System, seconds: float = REST_SECONDS_MAX) -> list[str]:
    """What does not hold of a system that is up and whose strategies have stopped; what takes its time has so many seconds."""
    deadline = time.monotonic() + seconds
    while found := _differences(system, over=False):
        if time.monotonic() > deadline:
            return found
        time.sleep(AGAIN_SECONDS)
    return found


def at_end(system: System) -> list[str]:
    """What does not hold of a system that is over."""
    return _differences(system, over=True)


def counted(system: System) -> dict[str, int]:
    """Orders that were sent, fills that were booked, intents that a limit refused, in all regions."""
    found = [Run.open(system.region(name)).folded["statistics"] for name in REGIONS]
    return {key: sum(one[key] for one in found) for key in COUNTED}


def _differences(system: System, *, over: bool) -> list[str]:
    found: list[str] = []
    taken: list[Taken] = []
    runs: list[Run] = []
    for name in REGIONS:
        try:
            run = Run.open(system.region(name))
            found += [f"{name}: {sentence}" for sentence in _of_region(run, taken, over=over)]
            runs.append(run)
        except (Failure, OSError, ValueError) as error:
            sentences = error.errors if isinstance(error, Failure) else [str(error)]
            found += [f"{name}: its journals cannot be compared: {sentence}" for sentence in sentences]
    if len(runs) == len(REGIONS):
        found += _global(taken, runs[0])
    return found


def _of_region(run: Run, taken: list[Taken], *, over: bool) -> Iterator[str]:
    """Everything of one region; what its exchanges took goes to `taken`."""
    yield from _damaged(run.directory / "data")
    yield from reconcile(run).differences
    yield from _not_over(run)
    yield from _breaks(run)
    own = []
    for venue in run.venues:
        one = Taken.read(str(venue["name"]), run.directory / str(venue["exchange_journal"]), int(venue["session"]))
        yield from one.out_of_turn()
        yield from _acknowledged(run, int(venue["id"]), one)
        own.append(one)
    taken += own
    yield from _within_limits(run, own)
    yield from _replayed(run, over=over)


def _damaged(data: Path) -> Iterator[str]:
    """Journals of all tiles, exchanges' and gateways' among them, that are not whole."""
    for folder in sorted({path.parent for path in data.rglob("*.segment")}):
        if damage := journals.verify(folder)["damage"]:
            yield f"{folder.name}: {damage}"


def _not_over(run: Run) -> Iterator[str]:
    """What is open, unknown or held although nobody wants anything any more."""
    resting = run.orders[[int(state) in RESTING for state in run.orders["state"]]]
    for row in resting[:SHOWN_MAX]:
        state = OrderState(int(row["state"])).name.lower()
        yield f"order {int(row['order_id'])} at {run.names.venue(int(row['venue']))} is {state} although all was taken back"
    if len(resting) > SHOWN_MAX:
        yield f"and {len(resting) - SHOWN_MAX:,} further orders are not over"
    for limit in run.limits:
        if limit.metric == Metric.OPEN_ORDERS and limit.used:
            yield f"limit {limit.id} of {limit.node} counts {limit.used} open orders although none is"
    disabled = run.slot_states[run.slot_states["run"] == SlotRun.DISABLED]
    for row in disabled[:SHOWN_MAX]:
        yield f"the engine disabled slot {int(row['slot'])} (status {int(row['status'])})"


def _breaks(run: Run) -> Iterator[str]:
    """Differences that the engine told: no venue changed a trade and nothing of ours was taken away, so there is none."""
    for row in run.breaks[:SHOWN_MAX]:
        kind, venue = BreakKind(int(row["kind"])).name.lower(), run.names.venue(int(row["venue"]))
        yield f"a break at input {int(row['input'])}: {kind} of order {int(row['order_id'])} at {venue}"
    if len(run.breaks) > SHOWN_MAX:
        yield f"and {len(run.breaks) - SHOWN_MAX:,} further breaks"


def _acknowledged(run: Run, venue: int, taken: Taken) -> Iterator[str]:
    """Orders and replacements of whose acceptance one side knows and the other does not."""
    events = run.order_events
    kinds = [int(OrderEventKind.ACCEPTED), int(OrderEventKind.REPLACED)]
    known = {int(row["order_id"]) for row in events if int(row["venue"]) == venue and int(row["event"]) in kinds}
    theirs = set(taken.ids)
    for one in sorted(known - theirs)[:SHOWN_MAX]:
        yield f"{taken.venue}: order {one} was acknowledged and is not in the exchange's journal"
    for one in sorted(theirs - known)[:SHOWN_MAX]:
        yield f"{taken.venue}: the exchange took order {one} and the engine never heard of it"


def _within_limits(run: Run, taken: list[Taken]) -> Iterator[str]:
    """Limits that our orders went past at the venues: position with all that is open, and the size of an order."""
    owners: dict[int, set[int]] = {}
    for row in run.orders:
        owners.setdefault(int(row["strategy"]), set()).add(int(row["first_id"]))
    nodes = {name: number for number, name in run.names.nodes.items()}
    for limit in run.limits:
        mine = None if limit.node == "firm" else owners.get(nodes.get(limit.node, 0))
        if mine is None and limit.node != "firm":
            continue
        for number, instrument in run.names.instruments.items():
            if limit.instrument not in ("", instrument.name):
                continue
            if limit.metric in SIDES:
                parts = [one.worst(SIDES[limit.metric], mine, number) for one in taken]
                most = at_most([part for part in parts if len(part[0])], SLACK_NS)
            elif limit.metric == Metric.ORDER_QUANTITY and mine is not None:
                most = max((one.most_lots(mine, number) for one in taken), default=0)
            else:
                continue
            if most > limit.bound:
                yield (
                    f"{limit.node}: {limit.metric.name.lower()} of {instrument.name} reached {most:,} lots at the venues; "
                    f"limit {limit.id} is {limit.bound:,}"
                )


def _global(taken: list[Taken], run: Run) -> Iterator[str]:
    """The bound over both regions, which no engine sees whole."""
    number = next(number for number, one in run.names.instruments.items() if one.name == "ESM4")
    for metric, side in SIDES.items():
        parts = [one.worst(side, None, number) for one in taken]
        most = at_most([part for part in parts if len(part[0])], SLACK_NS)
        if most > files.GLOBAL_LOTS:
            what = f"{metric.name.lower()} of ESM4 over both regions"
            yield f"{what} reached {most:,} lots at the venues; the global limit is {files.GLOBAL_LOTS}"


def _replayed(run: Run, *, over: bool) -> Iterator[str]:
    """Whether the journal, folded again, gives the state that the engine had."""
    found = engines.replay(run.engine_journal, libraries=run.about.get("strategies"))
    if found["agrees"] is False:
        at, replayed = found["recorded_input"], found["replayed_hash"]
        yield f"a replay has the hash {replayed} at input {at}, the engine had {found['recorded_hash']}"
    if over and found["agrees"] is None:
        yield "the engine recorded no hash to compare a replay with"
    if over and found["recorded_full_hash"] not in (None, found["full_hash"]):
        yield f"a replay ends in the state {found['full_hash']}, the engine's was {found['recorded_full_hash']}"
