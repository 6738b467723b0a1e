"""How one order came to be and what became of it: packet, book, decision, checks, bytes, answers, and the time between.

Everything is out of the run's own records: the engine's journal replayed, the gateway's journal or message store.

Invariant: nothing is guessed; what a record does not hold is absent.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from meridian import records
from meridian._native import engine as native
from meridian._native import wire
from meridian.analytics.platform import Platform, opened
from meridian.analytics.run import Run
from meridian.codes import Callback, IntentKind, Kind, OrderEventKind, Reason, RejectCode, Side
from meridian.console import BadInput
from meridian.venues.fix.orders import base36

__all__ = ["Found", "explain", "find", "in_order"]

CLIENT_ID_LETTERS = 13
NUMBER_MASK = 2**32 - 1
NEAREST = 3
COMMANDS = ("NewOrder", "ReplaceOrder", "CancelOrder")
FIX_BYTES_MAX, FIX_FRAMES_MAX = 1 << 20, 1 << 16


@dataclass(frozen=True, slots=True)
class Found:
    """An order of a run: its id, and those of its chain of replacements, the first first."""

    run: Run
    order_id: int
    chain: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Id:
    run: Run
    order_id: int
    original_id: int
    venue: int
    venue_ref: int


def client_id(order_id: int) -> str:
    """Our id as venues are told it: thirteen digits of base 36."""
    return base36(order_id).rjust(CLIENT_ID_LETTERS, "0")


def find(order: str, path: str | None) -> Found:
    """The order that a person means: by our id, as the venue was told it, by the venue's reference or by its number.

    Raises BadInput when no order, or more than one, is meant.
    """
    where = opened(path)
    runs = list(where.regions.values()) if isinstance(where, Platform) else [where]
    ids = [one for run in runs for one in _ids(run)]
    number = int(order) if order.isascii() and order.isdigit() else None
    for meant in (
        [one for one in ids if one.order_id == number or client_id(one.order_id) == order.upper()],
        [one for one in ids if number is not None and one.venue_ref == number],
        [one for one in ids if number is not None and one.order_id & NUMBER_MASK == number],
    ):
        if len(meant) == 1:
            return Found(meant[0].run, meant[0].order_id, _chain(meant[0], ids))
        if meant:
            several = ", ".join(f"{one.order_id} ({one.run.name}, {one.run.names.venue(one.venue)})" for one in meant)
            raise BadInput(f"ORDER = {order}: {several} are meant by it; name one by its own id")
    raise BadInput(f"ORDER = {order}: no order has this id, number or venue's reference; {_nearest(number, ids)}")


def _nearest(number: int | None, ids: list[_Id]) -> str:
    if not ids:
        return "this run has sent none"
    wanted = number or 0
    distance = {
        one.order_id: min(abs(one.order_id - wanted), abs((one.order_id & NUMBER_MASK) - wanted)) for one in ids
    }
    return f"the nearest are {', '.join(str(one) for one in sorted(distance, key=lambda one: distance[one])[:NEAREST])}"


def _ids(run: Run) -> list[_Id]:
    return [_Id(run, order, original, venue, ref) for order, original, venue, ref, _ in _paths(run, [])["ids"]]


def _chain(meant: _Id, ids: list[_Id]) -> tuple[int, ...]:
    """The order with those before and after it in its chain."""
    before = {one.order_id: one.original_id for one in ids if one.run is meant.run}
    after = {original: order for order, original in before.items() if original}
    first = meant.order_id
    while before.get(first):
        first = before[first]
    chain = [first]
    while chain[-1] in after:
        chain.append(after[chain[-1]])
    return tuple(chain)


def _paths(run: Run, wanted: list[int]) -> dict[str, Any]:
    try:
        return native.paths(run.engine_journal, run.about.get("strategies"), wanted)
    except (FileNotFoundError, ValueError) as error:
        raise BadInput(f"{run.engine_journal}: {error}") from None


def explain(found: Found) -> dict[str, Any]:
    """The order's steps by time, each with what it was made of and the ns since the one before."""
    paths = _paths(found.run, list(found.chain))
    steps = [step for one in paths["commands"] for step in _command(found.run, one)]
    steps += [_report(*one) for one in paths["reports"]]
    sent = [one for one in paths["commands"] if records.name_of(one["record"]) in COMMANDS]
    steps += _wire(found, sent)
    return {
        "run": found.run.name,
        "order_id": found.order_id,
        "client_id": client_id(found.order_id),
        "chain": list(found.chain),
        "replay_agrees": paths["agrees"],
        "steps": in_order(steps),
    }


def in_order(steps: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The steps as each followed from those before, with the ns since the one before.

    An engine reads its clock before it looks at its links: what a feed received in between is stamped earlier than it came. It
    stands before what it caused all the same, and the ns until then are less than none.
    """
    steps = sorted(steps, key=lambda step: (step.get("stamped_ns", step["time_ns"]), step["place"]))
    before = None
    for step in steps:
        step["after_ns"] = 0 if before is None else step["time_ns"] - before
        before = step["time_ns"]
        del step["place"]
        step.pop("stamped_ns", None)
    return steps


def _step(place: int, time_ns: int, what: str, **details: Any) -> dict[str, Any]:
    return {"place": place, "time_ns": int(time_ns), "step": what} | details


def _command(run: Run, one: dict[str, Any]) -> Iterator[dict[str, Any]]:
    cause, record = records.parse(one["cause"]), records.parse(one["record"])
    header, name = cause["header"], records.name_of(one["cause"])
    received_ns = int(header["receive_time_ns"]) or one["time_ns"]
    yield _step(
        0, received_ns, "input", stamped_ns=min(received_ns, one["time_ns"]), kind=name,
        venue=run.names.venue(header["venue"]), channel=int(header["source"]),
        sequence=int(header["sequence"]), venue_time_ns=int(header["venue_time_ns"]), input=one["input"],
        bytes=one["cause"].hex(),
    )  # fmt: skip
    if one["book"]:
        book = records.array(one["book"], "BookView")[0]
        yield _step(
            1, one["time_ns"], "book", instrument=run.names.instrument(book["instrument"]),
            venue=run.names.venue(book["venue"]), bids=_levels(book["bids"]), asks=_levels(book["asks"]),
        )  # fmt: skip
    slot = int(record["slot"]) if "slot" in (record.dtype.names or ()) else 0
    for number, callback, intents in one["calls"]:
        if number == slot:
            yield _step(
                2, one["time_ns"], "decision", slot=run.names.slots.get(slot, str(slot)),
                callback=f"on_{Callback(callback).name.lower()}", intents=[_intent(intent) for intent in intents],
            )  # fmt: skip
    checks = [
        {"check": RejectCode(code).name.lower(), "limit": limit, "node": run.names.node(node), "bound": bound,
         "observed": observed}
        for code, limit, node, bound, observed in one["checks"]
    ]  # fmt: skip
    if records.name_of(one["record"]) != "CancelOrder":
        yield _step(3, one["time_ns"], "checks", checks=checks)
    order_id = int(record["owner"]["order_id"])
    details = {
        key: int(record[key]) for key in ("price_nanos", "lots", "original_id") if key in (record.dtype.names or ())
    }
    yield _step(4, one["time_ns"], "command", kind=records.name_of(one["record"]), order_id=order_id,
                side=_side(record), **details)  # fmt: skip


def _side(record: Any) -> str:
    side = int(record["side"]) if "side" in (record.dtype.names or ()) else 0
    return Side(side).name.lower() if side in list(Side) else ""


def _levels(levels: Any) -> list[list[int]]:
    return [[int(one["price_nanos"]), int(one["lots"])] for one in levels if one["lots"]]


def _intent(data: bytes) -> dict[str, Any]:
    one = records.array(data, "OrderIntent")[0]
    return {
        "intent": IntentKind(int(one["intent"]) & 0xFF).name.lower(), "side": _side(one), "price_nanos": int(one["price_nanos"]),
        "lots": int(one["lots"]), "order_id": int(one["order_id"]),
    }  # fmt: skip


def _report(number: int, time_ns: int, data: bytes) -> dict[str, Any]:
    one = records.parse(data)
    reason = int(one["reason"])
    return _step(
        6, time_ns, "report", event=OrderEventKind(int(one["event"])).name.lower(),
        order_id=int(one["owner"]["order_id"]), venue_order_ref=int(one["venue_order_ref"]),
        execution_id=int(one["execution_id"]), price_nanos=int(one["price_nanos"]), lots=int(one["lots"]),
        leaves_lots=int(one["leaves_lots"]), reason=Reason(reason).name.lower() if reason in list(Reason) else "",
        venue_time_ns=int(one["header"]["venue_time_ns"]), receive_time_ns=int(one["header"]["receive_time_ns"]),
        input=number,
    )  # fmt: skip


def _wire(found: Found, commands: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The bytes of each command, as the gateway of its venue sent them."""
    about = {int(one["id"]): one for one in found.run.venues}
    steps: list[dict[str, Any]] = []
    for venue in sorted({int(records.parse(one["record"])["header"]["venue"]) for one in commands}):
        tile = about.get(venue, {}).get("gateway_tile")
        folder = found.run.engine_journal.parent / str(tile)
        if tile is None or not folder.is_dir():
            continue
        over = str(about[venue].get("orders_by", ""))
        if over.startswith("FIX"):
            steps += _fix(folder, found.chain, commands)
        else:
            steps += _ouch(found, folder, venue, commands)
    return steps


def _fix(folder: Path, chain: tuple[int, ...], commands: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Out of the session's message store."""
    wanted = {client_id(order): order for order in chain}
    times = _times(commands)
    for path in sorted(folder.glob("fix.*.*")):
        held = path.read_bytes()
        frames, _, _ = wire.fix_frames(held, FIX_BYTES_MAX, FIX_FRAMES_MAX)
        for start, length in frames:
            raw = held[start : start + length]
            fields = [one.partition(b"=") for one in raw.split(b"\x01")]
            for kind, name in _asks([(tag, value) for tag, _, value in fields]):
                if name not in wanted or (wanted[name], kind) not in times:
                    continue
                yield _step(5, times[wanted[name], kind], "wire", kind=kind, order_id=wanted[name], bytes=raw.hex(),
                            text=raw.replace(b"\x01", b"|").decode("ascii", "replace"))  # fmt: skip


def _asks(fields: list[tuple[bytes, bytes]]) -> Iterator[tuple[str, str]]:
    """What a message asks for, as the kind of the command, and of which order; a MassQuote asks for each of its entries."""
    first = dict(reversed(fields))
    if first.get(b"35") == b"i":
        entry = b""
        for tag, value in fields:
            if tag == b"299":
                entry = value
            elif tag in (b"134", b"135"):
                yield "CancelOrder" if value == b"0" else "NewOrder", entry.decode("ascii", "replace")
        return
    kind = {b"D": "NewOrder", b"G": "ReplaceOrder", b"F": "CancelOrder"}.get(first.get(b"35", b""), "")
    if kind:
        yield kind, first.get(b"41" if kind == "CancelOrder" else b"11", b"").decode("ascii", "replace")


def _ouch(found: Found, folder: Path, venue: int, commands: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Made again by the gateway's own code from its own journal."""
    symbols, midnight_ns = [], 0
    for name, record in records.split(found.run.folded["controls"]):
        if name == "Listing" and record["header"]["venue"] == venue:
            symbols.append((int(record["header"]["instrument"]), records.text(record["symbol"]).strip()))
        elif name == "EngineStart":
            midnight_ns = int(record["day_start_ns"])
    times = _times(commands)
    try:
        sent = native.ouch_bytes(folder, symbols, midnight_ns)
    except (FileNotFoundError, ValueError) as error:
        raise BadInput(f"{folder}: {error}") from None
    for time_ns, code, order, number, data in sent:
        kind = "".join(word.capitalize() for word in Kind(code).name.split("_"))
        if (order, kind) in times:
            yield _step(
                5, time_ns or times[order, kind], "wire", kind=kind, order_id=order, user_ref=number, bytes=data.hex()
            )


def _times(commands: list[dict[str, Any]]) -> dict[tuple[int, str], int]:
    """When each command was sent, by order and kind."""
    return {
        (int(records.parse(one["record"])["owner"]["order_id"]), records.name_of(one["record"])): int(one["time_ns"])
        for one in commands
    }
