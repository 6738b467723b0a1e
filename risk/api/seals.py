"""Whether what stands in the store is what the API wrote last: every value's digest beside that of its last audit entry.

Invariant: a value is judged once the whole of its transaction is here, never on half of it. Of what is older than the digests
in audit entries only that is said which a value shows by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from pydantic import ValidationError

from meridian.risk.api import edits, keys
from meridian.risk.api.store import Entry
from meridian.risk.api.values import AuditEntry, Kill, Value


class Seals:
    """Digests of sealed keys as they are, and as the audit has them."""

    def __init__(self) -> None:
        self.digests: dict[str, str] = {}
        """Sealed key, or an audit entry's → SHA-256 of its value as it is in etcd."""
        self.settled = 0
        """Up to this revision all that was written is here."""
        self._audited: dict[str, AuditEntry] = {}
        """Sealed key → the last audit entry that tells of it."""
        self._told_from_the_start = False
        """Whether every value ever written has an audit entry with its digest."""
        self._signs: dict[str, list[str]] = {}
        """Key → what its value shows by itself of having been edited."""
        self._kept: set[str] = set()
        """Kills that are shown as they were, not as they were edited."""
        self._unjudged: set[str] = set()

    def take(self, entry: Entry, value: Value, before: Value | None) -> Value:
        """Takes in a value that is to have an audit entry, or such an entry; gives what is to be shown of it."""
        self.digests[entry.key] = edits.digest(entry.value)
        if isinstance(value, AuditEntry):
            told = [keys.ROOT + subject for subject in value.written or {}]
            self._audited |= dict.fromkeys(told, value)
            self._unjudged.update(told)
            if value.sequence == 1:
                self._told_from_the_start = value.written is not None
            return value
        self._unjudged.add(entry.key)
        before = before or self._last_audited(entry.key, value)
        self._signs[entry.key] = edits.signs(before, value)
        self._kept.discard(entry.key)
        if isinstance(value, Kill) and isinstance(before, Kill) and edits.loosens_alone(before, value):
            if entry.key in self._audited and self.is_ours(entry.key):
                return value  # Those between were missed: it is tighter than what a second person had confirmed.
            self._kept.add(entry.key)
            return before
        return value

    def forget(self, key: str) -> None:
        """What stands there now is no value, or nothing."""
        self.digests.pop(key, None)
        self._signs.pop(key, None)
        self._kept.discard(key)

    def is_ours(self, key: str) -> bool:
        """Whether a key holds what the API wrote; of what is older than its digests nothing can be said against it."""
        entry = self._audited.get(key)
        if entry is None:
            return not self._told_from_the_start
        return (entry.written or {}).get(key.removeprefix(keys.ROOT)) == self.digests.get(key)

    def judged(self, at: Callable[[str], int]) -> Iterator[tuple[str, str | None]]:
        """Keys whose transactions are whole, each with what is wrong with it. `at` gives the revision that wrote a key."""
        for key in [key for key in self._unjudged if at(key) <= self.settled]:
            self._unjudged.discard(key)
            if key in self.digests:
                yield key, self._wrong(key)

    def _wrong(self, key: str) -> str | None:
        entry, why = self._audited.get(key), list(self._signs.get(key, []))
        if entry is not None:
            told = f"audit entry {entry.sequence} is the last that tells of it, and wrote another value"
            why = [] if self.is_ours(key) else [told, *why]
        elif self._told_from_the_start:
            why = ["no audit entry tells of it", *why]
        if not why:
            return None
        meaning = edits.NOT_USED if key in self._kept else edits.IN_FORCE
        if keys.words(key)[0] == "approvals":
            meaning = edits.NO_PROPOSAL
        return f"it was written past the limits API ({'; '.join(why)}): {meaning}"

    def _last_audited(self, key: str, like: Value) -> Value | None:
        """What the API wrote last under a key, as its audit entry has it."""
        entry = self._audited.get(key)
        if entry is None or entry.after is None or entry.target != key.removeprefix(keys.ROOT):
            return None
        try:
            return type(like).model_validate(entry.after)
        except ValidationError:
            return None
