"""The only place from which limits, parts and kill fields are written.

Invariant: every write is one guarded transaction that holds the change, its audit entry and, when asked with an idempotency
key, its answer; so each is there when the others are. The entry holds the digest of every value that was written. A transaction
whose guard failed is planned anew on the newer view; one whose fate is unknown is never repeated by this process.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Callable
from typing import Any

from meridian.risk.api import edits, keys
from meridian.risk.api.errors import Refused, refused, sentence
from meridian.risk.api.plans import Actor, Plan
from meridian.risk.api.store import Away, Entry, Store, Unknown
from meridian.risk.api.values import AuditEntry, Idempotency
from meridian.risk.api.view import View

ATTEMPTS_MAX = 5
CATCH_UP_SECONDS = 2.0
ANSWER_BYTES_MAX = 32_768
Planner = Callable[[], Plan]


class Again:
    """An idempotency key with what was asked under it."""

    def __init__(self, holder: str, key: str, request: bytes) -> None:
        self.name = hashlib.sha256(f"{holder}\0{key}".encode()).hexdigest()
        self.request = hashlib.sha256(request).hexdigest()


class Answered(dict[str, Any]):
    """What a write is answered with, and HTTP's status."""

    status: int = 200
    replayed: bool = False


class Writer:
    """Runs plans, one at a time."""

    def __init__(self, view: View, store: Store) -> None:
        self.view = view
        self.store = store
        self._turn = asyncio.Lock()

    async def run(self, planner: Planner, actor: Actor, again: Again | None = None) -> Answered:
        """Plans, commits, and answers with the revision of the commit. Raises Refused."""
        if not self.view.live:
            raise sentence(503, "store_away", "store", f"The store is away ({self.view.why_away}): nothing is written; "
                           "limits in force stay, and kills go to the regions' own sockets.", **{"Retry-After": "2"})  # fmt: skip
        async with self._turn:
            for _ in range(ATTEMPTS_MAX):
                if again and (before := self._answered(again)):
                    return before
                plan = planner()
                if plan.nothing:
                    return _answer(plan, self.view.revision)
                done, revision = await self._commit(plan, actor, again)
                if done:
                    return _answer(plan, revision)
                await self.view.reach(revision, CATCH_UP_SECONDS)
        raise refused(409, "busy", "store", None, "another try: it was changed by others at the same time")

    async def _commit(self, plan: Plan, actor: Actor, again: Again | None) -> tuple[bool, int]:
        self._audit(plan, actor)
        if again:
            answer = _answer(plan, 0)
            record = Idempotency(request=again.request, status=plan.status, answer=answer, at_ns=actor.now_ns)
            plan.put(self.view, keys.idempotency(again.name), record)
        guards, writes = plan.transaction()
        try:
            outcome = await self.store.transaction(guards, writes)
        except Away as error:
            raise sentence(503, "store_away", "store", f"The store does not take the change ({error}): nothing was "
                           "written.", **{"Retry-After": "2"}) from None  # fmt: skip
        except Unknown as error:
            raise sentence(503, "unknown", "store", f"The store did not answer in time ({error}): the change may be "
                           "written or not; read it again, or repeat it with the same Idempotency-Key.",
                           **{"Retry-After": "2"}) from None  # fmt: skip
        if outcome.done:
            for write in writes:
                if write.value is not None:
                    self.view.put(Entry(write.key, write.value, outcome.revision))
        return outcome.done, outcome.revision

    def _audit(self, plan: Plan, actor: Actor) -> None:
        """Adds the audit entry, guarded to be the next."""
        head, last = self.view.audit_head()
        previous = ""
        if last:
            plan.guard(self.view, last)
            previous = self.view.seals.digests[last]
        entry = AuditEntry(
            sequence=head + 1,
            previous=previous,
            at_ns=actor.now_ns,
            by=actor.name,
            role=actor.role,
            action=plan.action,
            target=plan.target,
            before=plan.before,
            after=plan.after,
            reason=plan.reason,
            confirmed_by=plan.confirmed_by,
            proposal=plan.proposal,
            written=edits.written(plan.writes),
        )
        plan.put(self.view, keys.audit(head + 1), entry)

    def _answered(self, again: Again) -> Answered | None:
        key = keys.idempotency(again.name)
        record: Idempotency | None = self.view.get(key)
        if record is None:
            return None
        if record.request != again.request:
            raise refused(409, "key_used", "Idempotency-Key", None, "a key that was not used for another request")
        answer = Answered(record.answer, revision=self.view.at(key))
        answer.status, answer.replayed = record.status, True
        return answer


def _answer(plan: Plan, revision: int) -> Answered:
    answer = Answered(plan.answer, revision=revision)
    answer.status = plan.status
    assert len(json.dumps(answer)) <= ANSWER_BYTES_MAX, "an answer fits beside its change"
    return answer


def fate_is_known(error: Refused) -> bool:
    """Whether a refused write is surely not done."""
    return error.body.code != "unknown"
