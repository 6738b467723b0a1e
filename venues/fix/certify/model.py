"""What a case is, and what came of it.

Invariant: a case has a number that does not change while it stands in its group's list; a result holds every message of its time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from meridian.venues.fix.certify.run import Run

GROUPS = {"S": "Session", "O": "Orders", "M": "Market data"}
"""Letter of a case's number → its group."""


class Verdict(StrEnum):
    """What a case came to."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_OFFERED = "not offered"
    NOT_PLAYED = "not played"
    """The run was interrupted before it came to an end."""


class Failed(Exception):
    """What was expected did not happen: a sentence."""


class NotOffered(Exception):
    """The venue, its version or the profile has no such thing: a sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One case."""

    number: str
    """`S1`, `O12`."""
    title: str
    name: str
    """A word for profiles (`orders.lacks`) and `--only`."""
    standard: str
    """Document and section that say what is expected."""
    expected: str
    play: Callable[[Run], str]
    """Plays it; what it found, in a sentence. Raises Failed or NotOffered."""

    @property
    def group(self) -> str:
        """The group's name."""
        return GROUPS[self.number[0]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A message on the wire."""

    time_ns: int
    way: str
    party: str
    raw: bytes
    """Without passwords."""
    lost: bool = False
    """It was kept from the other side on purpose."""


@dataclass(slots=True, kw_only=True)
class Result:
    """What came of a case."""

    case: Case
    verdict: Verdict
    reason: str
    started_ns: int
    ended_ns: int
    said: list[Said] = field(default_factory=list)

    def facts(self, describe: Callable[[bytes], dict[str, Any]]) -> dict[str, Any]:
        """For the JSON; `describe`: what a message says."""
        case = self.case
        return {
            "number": case.number, "group": case.group, "name": case.name, "title": case.title, "standard": case.standard,
            "expected": case.expected, "verdict": str(self.verdict), "reason": self.reason, "started_ns": self.started_ns,
            "ended_ns": self.ended_ns,
            "messages": [
                {"time_ns": one.time_ns, "way": one.way, "party": one.party, "lost": one.lost, **describe(one.raw)}
                for one in self.said
            ],
        }  # fmt: skip
