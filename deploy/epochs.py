"""The epoch of each life of a region's engine: from the store, or where that is away the last one, which is then not confirmed.

Invariant: an engine is told its epoch before it starts; one that no store gave only reduces positions until the store has it.
The last epoch of each holder is kept in a file beside the store's, so that a life without the store never goes back.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from meridian import files, records
from meridian.coordination import Etcd, EtcdError, epochs

FILE = "epochs.json"
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

    def _kept(self) -> dict[str, int]:
        with contextlib.suppress(OSError, ValueError):
            found = json.loads(self.path.read_text(encoding="utf-8"))
            if isinstance(found, dict):
                return {name: epoch for name, epoch in found.items() if type(epoch) is int and epoch > 0}
        return {}

    def _keep(self, holder: str, epoch: int) -> None:
        files.write_whole(self.path, json.dumps(self._kept() | {holder: epoch}))

    def take(self, holder: str) -> tuple[int, bool]:
        """The epoch of a life that begins, and whether the store gave it."""
        last = self._kept().get(holder, 0)
        try:
            epoch, confirmed = epochs.advance(self.client(), holder, after=last), True
        except (EtcdError, epochs.BadEpoch) as error:
            epoch, confirmed = max(last, 1), False
            log.warning("an engine starts without an epoch of the store: it only reduces positions", holder=holder,
                        epoch=epoch, why=str(error))  # fmt: skip
        self._keep(holder, epoch)
        self.unconfirmed.pop(holder, None)
        if not confirmed:
            self.unconfirmed[holder] = epoch
            self.marked.add(holder)
        return epoch, confirmed

    def confirm(self) -> None:
        """Tells the store the epochs that it did not give; agents tell the engines what it has."""
        for holder, epoch in list(self.unconfirmed.items()):
            try:
                if not epochs.confirm(self.client(), holder, epoch):
                    log.error(
                        "a newer epoch is in the store: another engine has taken over", holder=holder, epoch=epoch
                    )
            except (EtcdError, epochs.BadEpoch):
                return
            del self.unconfirmed[holder]


def write(bootstrap: Path, epoch: int, *, unconfirmed: bool | None) -> None:
    """Puts an epoch into an engine's first records, and whether no store gave it; None: as it stands there."""
    data = bytearray(bootstrap.read_bytes())
    start = records.parse(bytes(data)).copy()
    assert start.dtype == records.new("EngineStart").dtype, "an engine's first record"
    start["epoch"] = epoch
    if unconfirmed is not None:
        start["unconfirmed"] = unconfirmed
    text = start.tobytes()
    data[: len(text)] = text
    making = bootstrap.with_suffix(".making")
    making.write_bytes(bytes(data))
    making.replace(bootstrap)
