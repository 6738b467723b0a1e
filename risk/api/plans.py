"""A planned write: its guards, what it writes, and what its audit entry says.

Invariant: a plan is made from the view alone, without I/O; whatever it read is guarded, so that it is done on the state it was
planned on or not at all.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from meridian.risk.api.store import Guard, Write
from meridian.risk.api.tokens import Token
from meridian.risk.api.values import Value
from meridian.risk.api.view import View


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who asks, and when."""

    name: str
    role: str
    now_ns: int
    token: Token | None = None
    """None for the process itself."""


@dataclass(slots=True, kw_only=True)
class Plan:
    """One guarded transaction with its audit entry."""

    action: str
    target: str
    status: int = 200
    answer: dict[str, Any] = field(default_factory=dict)
    before: dict[str, Any] | None = None
    after: dict[str, Any] | None = None
    reason: str = ""
    confirmed_by: str | None = None
    proposal: str | None = None
    guards: dict[str, int] = field(default_factory=dict)
    writes: dict[str, bytes | None] = field(default_factory=dict)

    @property
    def nothing(self) -> bool:
        """Whether there is nothing to write."""
        return not self.writes

    def guard(self, view: View, *keys: str) -> None:
        """The keys must still be as the view has them."""
        for key in keys:
            self.guards[key] = view.at(key)

    def put(self, view: View, key: str, value: Value) -> None:
        """Writes a key, guarded."""
        self.guard(view, key)
        self.writes[key] = value.data()

    def transaction(self) -> tuple[list[Guard], list[Write]]:
        """The guards and the writes."""
        guards = [Guard(key, revision) for key, revision in self.guards.items()]
        return guards, [Write(key, value) for key, value in self.writes.items()]
