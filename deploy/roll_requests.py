"""How a person asks whoever stands over an engine and its standby, or over exchanges, for a roll, follows it, and is answered.

A request is a file in the run's directory, as that for a hand-over is one beside its records. What becomes of it is one file
more, written whole at each step: who asked, the steps so far, and at last what was done or why it was not.

Invariant: a request is taken once; one that comes while another one is carried out is refused, and changes nothing of that.
"""

from __future__ import annotations

import contextlib
import json
import secrets
import shutil
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from meridian import files
from meridian.console import CheckFailed, Unreachable
from meridian.deploy import handover, runs

ASKED, TOLD, REFUSED = "roll.asked", "roll.told", "roll.refused"
ENGINE, EXCHANGE = "engine", "exchange"
UNDER_WAY, DONE, NOT_DONE = "under way", "done", "refused"
LOOK_SECONDS = 0.05
QUIET_SECONDS_MAX = 2.0
"""Without a step; then it is told that there is none."""
PATH_LETTERS_MAX = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Somebody asks."""

    request: str
    by: str
    reason: str
    to: str | None
    """The folder of an installation; None: the one before."""
    asked_ns: int
    """When, ns UTC: one that is older than an asker waits is not carried out."""
    of: str = ENGINE
    """What is rolled."""


class CannotRoll(Exception):
    """Why a roll is not done, or not to its end: a sentence each."""

    def __init__(self, *sentences: str) -> None:
        self.sentences = list(sentences)
        super().__init__("; ".join(sentences))


@dataclass(slots=True, kw_only=True)
class Told:
    """What became of a request so far."""

    request: Request
    state: str = UNDER_WAY
    steps: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)

    def write(self, directory: Path) -> None:
        """For whoever asked, and for `meridian status`."""
        known = {"state": self.state, "steps": self.steps, "refused": self.refused}
        files.write_whole(directory / TOLD, json.dumps(asdict(self.request) | known | self.facts))


def taken(directory: Path) -> Request | None:
    """The request that waits there, which is then taken; None where there is none. What is no request, or an old one, is taken
    away."""
    found = handover.found_at(directory / ASKED)
    known, to, of = handover.who_asks(found), found.get("to", ""), found.get("of", ENGINE)
    if known is None or not (to is None or (isinstance(to, str) and 0 < len(to) <= PATH_LETTERS_MAX)):
        return None
    return Request(**known, to=to, of=of) if of in (ENGINE, EXCHANGE) else None


def refuse(directory: Path, request: Request, sentences: list[str]) -> None:
    """Answers one that is not carried out, beside another one that is."""
    files.write_whole(directory / REFUSED, json.dumps({"request": request.request, "refused": sentences}))


def told(directory: Path) -> dict[str, Any] | None:
    """What is known of the last roll of a run; None where there was none."""
    return _read(directory / TOLD)


def ask(
    directory: Path, *, to: Path | None, by: str, reason: str, tell: Callable[[str], None], of: str = ENGINE
) -> dict[str, Any]:
    """Asks, tells each step, and returns what was done. Raises CheckFailed with why it was not, Unreachable."""
    there = None if to is None else str(to.absolute())
    request = Request(request=secrets.token_hex(8), by=by, reason=reason, to=there, asked_ns=time.time_ns(), of=of)
    path = directory / ASKED
    try:
        with handover.alone(directory):
            files.write_whole(path, json.dumps(asdict(request)))
            try:
                _until_taken(directory, request)
            finally:
                # One that gives up is not carried out later.
                path.unlink(missing_ok=True)
    except OSError as error:
        raise Unreachable(f"{path}: cannot be written: {error.strerror}") from None
    return _followed(directory, request, tell)


def _until_taken(directory: Path, request: Request) -> None:
    deadline = time.monotonic() + handover.TAKEN_SECONDS_MAX
    while (directory / ASKED).exists() and not _is_answered(directory, request):
        if time.monotonic() > deadline:
            raise Unreachable(
                f"{directory}: nobody took the request within {handover.TAKEN_SECONDS_MAX:.0f} s; nothing was done, "
                "it is taken back"
            )
        time.sleep(LOOK_SECONDS)


def _followed(directory: Path, request: Request, tell: Callable[[str], None]) -> dict[str, Any]:
    shown, waited = 0, time.monotonic()
    quiet = waited
    while True:
        found = _read(directory / TOLD)
        if found is not None and found.get("request") == request.request:
            for step in found["steps"][shown:]:
                tell(step)
                quiet = time.monotonic()
            shown = len(found["steps"])
            if found["state"] == NOT_DONE:
                raise CheckFailed(found["refused"])
            if found["state"] == DONE:
                return found
        elif (refused := _read(directory / REFUSED)) is not None and refused.get("request") == request.request:
            raise CheckFailed(refused["refused"])
        elif time.monotonic() - waited > handover.TAKEN_SECONDS_MAX:
            raise Unreachable(
                f"{directory}: the request was taken and is not answered; `meridian status` says which engine leads"
            )
        if not runs.alive(directory):
            raise Unreachable(f"{directory}: the run is over; whether the roll was done, its engines' journals say")
        if time.monotonic() - quiet > QUIET_SECONDS_MAX:
            quiet = time.monotonic()
            if not shutil.disk_usage(directory).free:
                raise Unreachable(
                    f"{directory}: the disk there is full, so that nobody can say how the roll goes on; make room, then "
                    "`meridian status` tells it"
                )
            tell(f"under way for {quiet - waited:,.0f} s")
        time.sleep(LOOK_SECONDS)


def _is_answered(directory: Path, request: Request) -> bool:
    found = (_read(directory / name) for name in (TOLD, REFUSED))
    return any(one is not None and one.get("request") == request.request for one in found)


def _read(path: Path) -> dict[str, Any] | None:
    with contextlib.suppress(OSError, ValueError):
        found = json.loads(path.read_text(encoding="utf-8"))
        return found if isinstance(found, dict) else None
    return None
