"""What an operator asks of a running house exchange: that a trade is broken or gets other terms, that a phase begins.

    from meridian.exchange.operator import Operator

    with Operator(Path("run/house")) as operator:
        event = operator.ask(correction(17, price_nanos=187_310_000_000))    # an ExchangeEvent

Invariant: one operator asks at a time, and an answer is the exchange's own: it stands in the sequence when it is heard. A request
that no answer came to may still be done; whoever asks again is told so by the refusal.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from meridian import files, records
from meridian._native import links
from meridian.console import Unreachable, in_words
from meridian.exchange import commands
from meridian.records import AuctionAction, AuctionKind, ExchangeEventKind, TradingState

TO, FROM = "operator_exchange", "exchange_operator"
"""Links to the exchange and back, below a run's folder `links`."""
DEPTH = 64
WAIT_S = 5.0


def link_path(directory: Path, link: str) -> Path:
    """The ring of a link of a run."""
    return directory / "links" / link


def make_links(directory: Path) -> None:
    """Makes both rings anew. Raises OSError where they cannot be written."""
    (directory / "links").mkdir(exist_ok=True, mode=0o700)
    for link, reliable in ((TO, True), (FROM, False)):
        links.create_ring(link_path(directory, link), DEPTH, records.CONSTANTS["RECORD_BYTES_MAX"], [reliable])


def link_specs(directory: Path, tile: str) -> list[dict[str, Any]]:
    """Both links, as a process's specification has them."""
    ends = {TO: ("operator", tile, True), FROM: (tile, "operator", False)}
    return [
        {
            "name": link, "kind": "shm", "depth_records": DEPTH, "path": str(link_path(directory, link)), "producer": producer,
            "record_bytes_max": records.CONSTANTS["RECORD_BYTES_MAX"],
            "consumers": [{"tile": consumer, "reliable": reliable}],
        }
        for link, (producer, consumer, reliable) in ends.items()
    ]  # fmt: skip


def bust(match_id: int) -> bytes:
    """The command that breaks a trade."""
    return records.new("ExchangeControl", action=int(records.ExchangeAction.BUST), value=match_id).tobytes()


def correction(match_id: int, *, price_nanos: int | None = None, lots: int = 0) -> bytes:
    """The command that gives a trade a price, and lots, from now on; what is left out stays."""
    price = records.UNDEF_PRICE if price_nanos is None else price_nanos
    return records.new("ExchangeCorrection", match_id=match_id, price_nanos=price, lots=lots).tobytes()


PHASES: dict[str, Callable[[int], bytes]] = {
    "pre_open": partial(commands.state, trading=TradingState.PRE_OPEN),
    "opening_call": partial(commands.auction, action=AuctionAction.CALL, kind=int(AuctionKind.OPENING)),
    "closing_call": partial(commands.auction, action=AuctionAction.CALL, kind=int(AuctionKind.CLOSING)),
    "intraday_call": partial(commands.auction, action=AuctionAction.CALL, kind=int(AuctionKind.INTRADAY)),
    "halt": partial(commands.state, trading=TradingState.HALTED),
    "halt_call": partial(commands.auction, action=AuctionAction.CALL, kind=int(AuctionKind.HALT)),
    "trading": partial(commands.state, trading=TradingState.TRADING),
    "closed": partial(commands.state, trading=TradingState.CLOSED),
}
"""What a phase's name asks for, of an instrument (0: of all). `trading` and `closed` end a call by its auction."""


class Operator:
    """The operator's end of the links of `meridian exchange run --data DIRECTORY`."""

    def __init__(self, directory: Path) -> None:
        """Raises Unreachable where no exchange runs, or somebody else operates it."""
        self.directory = directory
        self._stack = ExitStack()
        try:
            self._attach()
        except OSError as error:
            self._stack.close()
            raise Unreachable(f"--data {directory}: {in_words(error)}; no exchange runs there") from error
        except BaseException:
            self._stack.close()
            raise

    def _attach(self) -> None:
        folder = self.directory / "links"
        if not folder.is_dir():
            raise Unreachable(
                f"--data {self.directory}: no exchange runs there; name the --data of `meridian exchange run`"
            )
        held = files.lock(folder)
        if held is None:
            raise Unreachable(f"--data {self.directory}: somebody else operates this exchange; try again")
        self._stack.callback(os.close, held)
        for link in (TO, FROM):
            links.detach_dead(link_path(self.directory, link))
        self.answers = links.Subscriber(link_path(self.directory, FROM), 0)
        self.publisher = links.Publisher(link_path(self.directory, TO))

    def __enter__(self) -> Operator:
        """Itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Another operator may come."""
        self._stack.close()

    def phase(self, command: bytes) -> np.void:
        """The first state that an instrument has by a command of `PHASES`. Raises Unreachable."""
        instrument = int(records.parse(command)["header"]["instrument"])

        def answers(event: np.void) -> bool:
            named = instrument in (0, int(event["header"]["instrument"]))
            return named and int(event["event"]) == ExchangeEventKind.STATE

        return self._ask(command, answers)

    def ask(self, command: bytes) -> np.void:
        """The exchange's event that answers a bust or a correction. Raises Unreachable."""
        asked = records.parse(command)
        wanted = int(asked["value"] if "value" in (asked.dtype.names or ()) else asked["match_id"])
        return self._ask(command, lambda event: int(event["match_id"]) == wanted)

    def _ask(self, command: bytes, answers: Callable[[np.void], bool]) -> np.void:
        if self.publisher.offer(command) != "sent":
            raise Unreachable(f"--data {self.directory}: no exchange runs there")
        until = time.monotonic() + WAIT_S
        while time.monotonic() < until:
            for answer in self.answers.poll(timeout=0.1):
                event = records.parse(answer)
                if answers(event):
                    return event
        raise Unreachable(f"--data {self.directory}: the exchange did not answer within {WAIT_S:g} s")
