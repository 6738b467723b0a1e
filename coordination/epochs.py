"""Epochs of engines: one number a holder in the store, which every life of an engine raises before it trades.

Invariant: a number is given to one life only: it is raised by a transaction that fails when somebody raised it in between, and
never falls. No lease and no clock has a part in it. Which of an engine and its standby leads changes with the number alone, in
the same transaction.

    epoch = epochs.advance(etcd, "new-york-1")
    epochs.confirm(etcd, "new-york-1", epoch)    # True as long as nobody raised it further
    epochs.advance(etcd, "new-york-1", leads="engine-standby")    # the standby takes the engine's place
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

from meridian.coordination import keys
from meridian.coordination.client import Etcd
from meridian.coordination.values import Put, unchanged

EPOCH_MAX = 65_535
"""What records hold."""
TRIES = 100


class BadEpoch(ValueError):
    """What stands under the key is no epoch, or there is none left."""


@dataclass(frozen=True, slots=True)
class Office:
    """Who is in office."""

    epoch: int = 0
    leads: str | None = None
    """The tile that leads, of an engine that has a standby."""


def _read(holder: str, value: bytes | None) -> Office:
    if value is None:
        return Office()
    try:
        document = json.loads(value)
        epoch, leads = document["epoch"], document.get("leads")
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        epoch = leads = None
    if type(epoch) is not int or not 0 <= epoch <= EPOCH_MAX:
        text = value[:80].decode("utf-8", "replace")
        raise BadEpoch(f"{keys.EPOCHS.key(holder)} holds {text}; allowed: an epoch from 0 to {EPOCH_MAX}")
    return Office(epoch, leads if isinstance(leads, str) else None)


def office(etcd: Etcd, holder: str) -> Office:
    """The holder's epoch and who leads with it. Raises BadEpoch, EtcdError."""
    found = etcd.get(keys.EPOCHS.key(holder))
    return _read(holder, bytes(found.value) if found else None)


def current(etcd: Etcd, holder: str) -> int:
    """The holder's epoch; 0 where there is none. Raises BadEpoch, EtcdError."""
    return office(etcd, holder).epoch


def advance(etcd: Etcd, holder: str, *, after: int = 0, leads: str | None = None) -> int:
    """A new epoch for a life of the holder's engine, above the store's and above `after`; of a pair, the one that `leads` with
    it. Raises BadEpoch, EtcdError."""
    return _raise(etcd, holder, lambda old: max(old, after) + 1, leads)


def confirm(etcd: Etcd, holder: str, epoch: int, leads: str | None = None) -> bool:
    """Makes a store that is behind a life know its epoch; False when a newer one is there. Raises BadEpoch, EtcdError."""
    return _raise(etcd, holder, lambda old: max(old, epoch), leads) == epoch


def _raise(etcd: Etcd, holder: str, wanted: Callable[[int], int], leads: str | None) -> int:
    key = keys.EPOCHS.key(holder)
    for _ in range(TRIES):
        found = etcd.get(key)
        old = _read(holder, bytes(found.value) if found else None).epoch
        epoch = wanted(old)
        if epoch == old:
            return old
        if epoch > EPOCH_MAX:
            raise BadEpoch(f"{key} is {old}: no epoch is left above it")
        value = json.dumps({"v": 1, "epoch": epoch} | ({"leads": leads} if leads else {}))
        if etcd.transact([unchanged(key, found.mod_revision if found else 0)], [Put(key, value)]).succeeded:
            return epoch
    raise BadEpoch(f"{key} is changed by others again and again")
