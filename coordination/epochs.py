"""Epochs of engines: one number a holder in the store, which every life of an engine raises before it trades.

Invariant: a number is given to one life only: it is raised by a transaction that fails when somebody raised it in between, and
never falls. No lease and no clock has a part in it. Which of an engine and its standby leads, and from which site, changes with
the number alone, in the same transaction; a site that another one has taken the engine from gets no number any more.

    epoch = epochs.advance(etcd, "new-york-1")
    epochs.confirm(etcd, "new-york-1", epoch)    # True as long as nobody raised it further
    epochs.advance(etcd, "new-york-1", leads="engine-standby")    # the standby takes the engine's place
    epochs.claim(etcd, "new-york-1", Place("secaucus", "5f0c…"))    # another site takes it, because a person said so
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from meridian.coordination import keys
from meridian.coordination.client import Etcd
from meridian.coordination.values import Put, unchanged

EPOCH_MAX = 65_535
"""What records hold."""
TRIES = 100


class BadEpoch(ValueError):
    """What stands under the key is no epoch, or there is none left."""


@dataclass(frozen=True, slots=True)
class Place:
    """A site with its data: two sites that were given one name by mistake are two."""

    site: str
    data: str
    """Made once with the data that the site's engine journals into."""


@dataclass(frozen=True, slots=True)
class Claim:
    """From where an engine is led."""

    place: Place
    epoch: int
    """With which it was taken there: of two claims the later one has the greater number."""
    since_ns: int

    @property
    def words(self) -> str:
        """Which site, since when."""
        at = datetime.fromtimestamp(self.since_ns / 1e9, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        return f"site {self.place.site} since {at}, epoch {self.epoch}"


class OtherSite(BadEpoch):
    """The engine is led from another site, so there is no epoch for it here."""

    def __init__(self, holder: str, claim: Claim) -> None:
        self.claim = claim
        super().__init__(f"{holder} is led from {claim.words}")


@dataclass(frozen=True, slots=True)
class Office:
    """Who is in office."""

    epoch: int = 0
    leads: str | None = None
    """The tile that leads, of an engine that has a standby."""
    claim: Claim | None = None
    """Of an engine that one of several sites leads."""

    def is_elsewhere(self, own: Place | None) -> bool:
        """Whether another site than this one has it; `own` is None for a platform that is of no site."""
        return self.claim is not None and self.claim.place != own


def _read(holder: str, value: bytes | None) -> Office:
    if value is None:
        return Office()
    try:
        document = json.loads(value)
        epoch, leads = document["epoch"], document.get("leads")
        claim = _claim_of(document.get("site"))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        epoch = leads = claim = None
    if type(epoch) is not int or not 0 <= epoch <= EPOCH_MAX:
        text = value[:80].decode("utf-8", "replace")
        raise BadEpoch(f"{keys.EPOCHS.key(holder)} holds {text}; allowed: an epoch from 0 to {EPOCH_MAX}")
    return Office(epoch, leads if isinstance(leads, str) else None, claim)


def _claim_of(about: object) -> Claim | None:
    """Raises ValueError, KeyError for what is no claim: then nobody is given an epoch before a person has looked."""
    if about is None:
        return None
    if not isinstance(about, dict):
        raise ValueError("a site is an object")
    place = Place(str(about["name"]), str(about["data"]))
    epoch, since_ns = about["epoch"], about["since_ns"]
    if type(epoch) is not int or type(since_ns) is not int or not 0 <= since_ns < 1 << 63:
        raise ValueError("a site has numbers")
    return Claim(place, epoch, since_ns)


def office(etcd: Etcd, holder: str) -> Office:
    """The holder's epoch, who leads with it and from which site. Raises BadEpoch, EtcdError."""
    found = etcd.get(keys.EPOCHS.key(holder))
    return _read(holder, bytes(found.value) if found else None)


def current(etcd: Etcd, holder: str) -> int:
    """The holder's epoch; 0 where there is none. Raises BadEpoch, EtcdError."""
    return office(etcd, holder).epoch


def advance(etcd: Etcd, holder: str, *, after: int = 0, leads: str | None = None, own: Place | None = None) -> int:
    """A new epoch for a life of the holder's engine, above the store's and above `after`; of a pair, the one that `leads` with
    it. `own`: the site that it lives at. Raises OtherSite, BadEpoch, EtcdError."""
    return _raise(etcd, holder, lambda old: max(old, after) + 1, leads, own)


def confirm(etcd: Etcd, holder: str, epoch: int, leads: str | None = None, own: Place | None = None) -> bool:
    """Makes a store that is behind a life know its epoch; False when a newer one is there. Raises as `advance`."""
    return _raise(etcd, holder, lambda old: max(old, epoch), leads, own) == epoch


def claim(etcd: Etcd, holder: str, own: Place, *, after: int = 0) -> int:
    """Takes the engine to this site, whoever has it, with an epoch above every older life. Raises BadEpoch, EtcdError."""
    return _raise(etcd, holder, lambda old: max(old, after) + 1, None, own, take=True)


def _raise(
    etcd: Etcd, holder: str, wanted: Callable[[int], int], leads: str | None, own: Place | None, *, take: bool = False
) -> int:
    key = keys.EPOCHS.key(holder)
    for _ in range(TRIES):
        found = etcd.get(key)
        old = _read(holder, bytes(found.value) if found else None)
        if old.claim is not None and old.is_elsewhere(own) and not take:
            raise OtherSite(holder, old.claim)
        epoch = wanted(old.epoch)
        if epoch == old.epoch:
            return epoch
        if epoch > EPOCH_MAX:
            raise BadEpoch(f"{key} is {old.epoch}: no epoch is left above it")
        held = old.claim
        if own is not None and (held is None or held.place != own):
            held = Claim(own, epoch, time.time_ns())
        # Another site takes both of a pair: which of them led is known by its copy of their journals.
        who = leads or (old.leads if take else None)
        value = json.dumps({"v": 1, "epoch": epoch} | ({"leads": who} if who else {}) | _described(held))
        if etcd.transact([unchanged(key, found.mod_revision if found else 0)], [Put(key, value)]).succeeded:
            return epoch
    raise BadEpoch(f"{key} is changed by others again and again")


def _described(claim: Claim | None) -> dict[str, object]:
    if claim is None:
        return {}
    place = {"name": claim.place.site, "data": claim.place.data}
    return {"site": place | {"epoch": claim.epoch, "since_ns": claim.since_ns}}
