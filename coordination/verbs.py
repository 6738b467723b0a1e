"""What the two clients share: how to reach the store, and what an answer becomes.

Invariant: all that is wrong with a configuration is told at once, with key, value and what is allowed, before anything connects.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from meridian._native import coordination as _native
from meridian._native.coordination import KeyValue
from meridian.console import BadInput
from meridian.coordination import keys
from meridian.coordination.values import (
    Event,
    EventKind,
    Hash,
    Identity,
    Lock,
    MemberStatus,
    Position,
    Range,
    Transacted,
    WatchStatus,
)

TIMEOUT_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """How to be let in. Outside a laptop: the authority, and a certificate whose common name is the user."""

    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    user: str | None = None
    password: str | None = None

    def problems(self) -> list[str]:
        """A sentence for everything that is wrong."""
        found = []
        for name in ("ca", "certificate", "key"):
            path = getattr(self, name)
            if path is not None and not Path(path).is_file():
                found.append(f"{name} is {path}, which is no file; allowed: a PEM file")
        if (self.certificate is None) != (self.key is None):
            found.append("certificate and key belong together; allowed: both or neither")
        if self.certificate is not None and self.ca is None:
            found.append("certificate is given without ca; allowed: ca with it")
        if (self.user is None) != (self.password is None):
            found.append("user and password belong together; allowed: both or neither")
        return found


class Granted:
    """What a lease of either client says without asking the store."""

    def __init__(self, native: _native.Lease, timeout_s: float) -> None:
        self.native = native
        self.timeout_s = timeout_s

    @property
    def id(self) -> int:
        """The store's name for it."""
        return self.native.id

    @property
    def ttl_s(self) -> int:
        """How long it lasts after a renewal; the store may have made it longer than asked."""
        return self.native.ttl_s

    @property
    def remaining_s(self) -> float:
        """How long it still lasts without a renewal; 0 when it is lost, and then for good."""
        return self.native.remaining_s

    def check(self) -> None:
        """Raises LeaseLost unless it surely still holds, also after this process or host was paused."""
        self.native.check()

    def stop(self) -> None:
        """Ends its renewal; it runs out by itself."""
        self.native.stop()


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address. A name other than localhost counts as reachable from outside."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def leaves_in_plain(address: str) -> bool:
    """Whether what is sent to an http address leaves this machine, where everybody between may read it."""
    parts = urlsplit(address)
    return parts.scheme == "http" and not is_loopback(parts.hostname or "")


class Connected:
    """A handle on the store, before it is known whether its calls wait or are awaited."""

    def __init__(
        self,
        endpoints: Sequence[str],
        access: Access | None = None,
        *,
        timeout_s: float = TIMEOUT_S,
        connect_s: float = 1.0,
        attempt_s: float = 1.0,
        generation_key: str = keys.GENERATION.key(),
    ) -> None:
        """Raises BadInput. Nothing is connected yet. `generation_key` holds the number that makes watches begin anew."""
        access = access or Access()
        wrong = access.problems()
        times = {"timeout_s": timeout_s, "connect_s": connect_s, "attempt_s": attempt_s}
        wrong += [
            f"{name} is {value}; allowed: more than 0, up to 86400"
            for name, value in times.items()
            if not 0 < value <= 86_400
        ]
        if isinstance(endpoints, str):
            wrong.append(f"endpoints is the text {endpoints!r}; allowed: a list of addresses")
        if wrong:
            raise BadInput(wrong)
        read = [
            None if path is None else Path(path).read_bytes() for path in (access.ca, access.certificate, access.key)
        ]
        identity = (read[1], read[2]) if read[1] is not None and read[2] is not None else None
        user = (access.user, access.password) if access.user is not None and access.password is not None else None
        self.timeout_s = timeout_s
        self.endpoints = list(endpoints)
        try:
            self.native = _native.Client(
                self.endpoints, generation_key.encode(), read[0], identity, user, connect_s, attempt_s
            )
        except ValueError as error:
            raise BadInput(str(error).splitlines()) from None

    @property
    def identity(self) -> Identity:
        """The store as last seen, by this handle and its watches."""
        return Identity(*self.native.identity())

    @property
    def serving(self) -> str:
        """The member that answers at present."""
        return self.native.serving()

    def time(self, timeout_s: float | None) -> float:
        """The time of one call."""
        return self.timeout_s if timeout_s is None else timeout_s


def revision(answer: Any) -> int:
    """The revision of a write."""
    return int(answer[1])


def one(answer: Any) -> KeyValue | None:
    """The key that was read."""
    found: KeyValue | None = answer[1]
    return found


def ranged(answer: Any) -> Range:
    """The keys that were read."""
    (cluster_id, at), found = answer
    return Range(cluster_id, at, found)


def deleted(answer: Any) -> int:
    """How many keys went."""
    return int(answer[1])


def transacted(answer: Any) -> Transacted:
    """What a transaction did."""
    (cluster_id, at), succeeded, outcomes = answer
    return Transacted(cluster_id, at, succeeded, outcomes)


def locked(answer: Any) -> Lock:
    """A lock that was taken."""
    key, fence, lease_id = answer
    return Lock(bytes(key).decode("utf-8", "surrogateescape"), fence, lease_id)


def members(answer: Any) -> list[MemberStatus]:
    """What the members say."""
    found = []
    for endpoint, error, version, (cluster_id, member_id, leader_id), sizes, is_learner, alarms in answer:
        at, raft_term, database_bytes = sizes
        found.append(
            MemberStatus(
                endpoint=endpoint,
                error=error,
                version=version,
                cluster_id=cluster_id,
                member_id=member_id,
                leader_id=leader_id,
                revision=at,
                raft_term=raft_term,
                database_bytes=database_bytes,
                is_learner=is_learner,
                alarms=alarms,
            )
        )
    return found


def hashed(answer: Any) -> Hash:
    """A member's hash."""
    return Hash(*answer)


def watch_status(native: _native.Watch) -> WatchStatus:
    """How a watch is."""
    status = native.status()
    return WatchStatus(**{**status, "position": Position(*status["position"])})


def events(delivery: Any) -> Iterator[Event]:
    """One delivery of a watch, change by change."""
    reason, place, found = delivery
    if reason:
        yield Event(EventKind.RESYNC, Position(*place), key_values=found, reason=reason)
        return
    cluster_id, generation, _ = place
    revisions = [key_value.mod_revision for _, key_value in found]
    for at, (gone, key_value) in enumerate(found):
        kind = EventKind.DELETE if gone else EventKind.PUT
        last = at + 1 == len(found) or revisions[at + 1] != revisions[at]
        yield Event(kind, Position(cluster_id, generation, revisions[at]), key_value, last_of_revision=last)
