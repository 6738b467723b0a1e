"""The epoch of each life of a region's engine: from the store, or where that is away the last one, which is then not confirmed.

Invariant: an engine is told its epoch before it starts; one that no store gave only reduces positions until the store has it.
The last epoch of each holder is kept in a file beside the store's, so that a life without the store never goes back; and of a
pair, which of the two led last, and with which epochs. A standby is promoted by an epoch of the store alone. What another site
leads begins no life here, not even one that only reduces positions.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import structlog

from meridian import files, records
from meridian.coordination import Etcd, EtcdError, epochs

FILE = "epochs.json"
LEADERS = "leaders.json"
"""Beside that file: of each holder that has a standby, which of the two leads, and the last epoch of each that led."""
TIMEOUT_S = 2.0

log = structlog.get_logger("platform")


@dataclass(slots=True)
class Epochs:
    """Gives epochs to the engines of a platform."""

    client: Callable[[], Etcd]
    path: Path
    unconfirmed: dict[str, int] = field(default_factory=dict)
    """Holder → the epoch of its life that no store has confirmed."""
    marked: set[str] = field(default_factory=set)
    """Holders of whose lives one was not confirmed, so that their first records may still say so."""
    own: epochs.Place | None = None
    """The site that the engines live at, of a platform that has one."""

    def _kept(self) -> dict[str, int]:
        with contextlib.suppress(OSError, ValueError):
            found = json.loads(self.path.read_text(encoding="utf-8"))
            if isinstance(found, dict):
                return {name: epoch for name, epoch in found.items() if type(epoch) is int and epoch > 0}
        return {}

    def _keep(self, holder: str, epoch: int) -> None:
        files.write_whole(self.path, json.dumps(self._kept() | {holder: epoch}))

    def take(self, holder: str, leads: str | None = None) -> tuple[int, bool]:
        """The epoch of a life that begins, and whether the store gave it. Of a pair: of tile `leads`. Raises OtherSite."""
        last = self._kept().get(holder, 0)
        try:
            epoch, confirmed = epochs.advance(self.client(), holder, after=last, leads=leads, own=self.own), True
        except epochs.OtherSite:
            raise
        except (EtcdError, epochs.BadEpoch) as error:
            epoch, confirmed = max(last, 1), False
            log.warning("an engine starts without an epoch of the store: it only reduces positions", holder=holder,
                        epoch=epoch, why=str(error))  # fmt: skip
        self._keep(holder, epoch)
        if leads is not None:
            self._keep_leader(holder, leads, epoch)
        self.unconfirmed.pop(holder, None)
        if not confirmed:
            self.unconfirmed[holder] = epoch
            self.marked.add(holder)
        return epoch, confirmed

    def promote(self, holder: str, leads: str) -> int:
        """The epoch with which a standby is to lead: given by the store, or nobody is promoted. Raises EtcdError, BadEpoch."""
        epoch = epochs.advance(self.client(), holder, after=self._kept().get(holder, 0), leads=leads, own=self.own)
        self._keep(holder, epoch)
        self._keep_leader(holder, leads, epoch)
        self.unconfirmed.pop(holder, None)
        return epoch

    def leader(self, holder: str) -> str | None:
        """Which of a pair led last, by the store or, where that is away or behind, by the file; None where no pair ever did."""
        kept = self._leaders().get(holder, {}).get("leads")
        try:
            office = epochs.office(self.client(), holder)
        except (EtcdError, epochs.BadEpoch):
            return kept
        return office.leads if office.epoch > self._kept().get(holder, 0) else kept or office.leads

    def claim(self, holder: str) -> int:
        """Takes the engine to this site. Raises EtcdError, BadEpoch."""
        assert self.own is not None, "only a site takes an engine from another"
        epoch = epochs.claim(self.client(), holder, self.own, after=self._kept().get(holder, 0))
        self._keep(holder, epoch)
        return epoch

    def elsewhere(self, holder: str) -> epochs.Claim | None:
        """The claim of another site to the engine; None where there is none. Raises EtcdError, BadEpoch."""
        office = epochs.office(self.client(), holder)
        return office.claim if office.is_elsewhere(self.own) else None

    def unreachable(self, holder: str) -> str | None:
        """Why the store would give no epoch now; None where it answers."""
        try:
            epochs.office(self.client(), holder)
        except (EtcdError, epochs.BadEpoch) as error:
            return f"the store does not answer, and nobody is promoted without it: {error}"
        return None

    def led(self, holder: str, tile: str) -> int | None:
        """The last epoch with which one of a pair led, since its journal was set aside; None where it has not."""
        epoch = self._leaders().get(holder, {}).get("led", {}).get(tile)
        return epoch if type(epoch) is int else None

    def forget_led(self, holder: str, tile: str) -> None:
        """Its journal is set aside: what it writes from now on is a follower's."""
        kept = self._leaders()
        kept.get(holder, {}).get("led", {}).pop(tile, None)
        files.write_whole(self.path.with_name(LEADERS), json.dumps(kept))

    def fall_back(self, holder: str, leads: str) -> None:
        """A standby that was promoted could not lead: the one that led before does, with its next epoch."""
        kept = self._leaders()
        files.write_whole(
            self.path.with_name(LEADERS), json.dumps(kept | {holder: kept.get(holder, {}) | {"leads": leads}})
        )

    def alone(self, holder: str) -> bool:
        """Whether the one that leads was let off its standby, which then may lack what was sent, and is not promoted."""
        return self._leaders().get(holder, {}).get("alone") is True

    def set_alone(self, holder: str, *, alone: bool) -> None:
        """Writes down that the one that leads is let off its standby, or waits for it again."""
        kept = self._leaders()
        files.write_whole(
            self.path.with_name(LEADERS), json.dumps(kept | {holder: kept.get(holder, {}) | {"alone": alone}})
        )

    def _leaders(self) -> dict[str, dict[str, Any]]:
        with contextlib.suppress(OSError, ValueError):
            found = json.loads(self.path.with_name(LEADERS).read_text(encoding="utf-8"))
            if isinstance(found, dict):
                return {name: about for name, about in found.items() if isinstance(about, dict)}
        return {}

    def _keep_leader(self, holder: str, leads: str, epoch: int) -> None:
        kept = self._leaders()
        own = kept.get(holder, {})
        # One that takes the other's place is waited for by nobody, until the other one follows it.
        alone = own.get("alone") is True or own.get("leads") not in (None, leads)
        own |= {"leads": leads, "led": own.get("led", {}) | {leads: epoch}, "alone": alone}
        files.write_whole(self.path.with_name(LEADERS), json.dumps(kept | {holder: own}))

    def confirm(self) -> None:
        """Tells the store the epochs that it did not give; agents tell the engines what it has."""
        for holder, epoch in list(self.unconfirmed.items()):
            try:
                leads = self._leaders().get(holder, {}).get("leads")
                if not epochs.confirm(self.client(), holder, epoch, leads, self.own):
                    log.error(
                        "a newer epoch is in the store: another engine has taken over", holder=holder, epoch=epoch
                    )
            except (EtcdError, epochs.BadEpoch):
                return
            del self.unconfirmed[holder]


def write(bootstrap: Path, epoch: int, *, unconfirmed: bool | None, to: Path | None = None) -> None:
    """Puts an epoch into an engine's first records, and whether no store gave it; None: as it stands there. The result goes `to`
    another file where one is named."""
    data = bytearray(bootstrap.read_bytes())
    start = records.parse(bytes(data)).copy()
    assert start.dtype == records.new("EngineStart").dtype, "an engine's first record"
    start["epoch"] = epoch
    if unconfirmed is not None:
        start["unconfirmed"] = unconfirmed
    text = start.tobytes()
    data[: len(text)] = text
    made = to or bootstrap
    making = made.with_name(f"{made.name}.making")
    making.write_bytes(bytes(data))
    making.replace(made)
