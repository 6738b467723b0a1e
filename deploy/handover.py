"""A planned hand-over: how a person asks whoever stands over an engine and its standby for it, and is answered.

A request is a file in the run's directory, as a command to an engine is one in its inbox: whoever may write there may ask. The
answer is a file beside it that names the request.

Invariant: a request is taken once; one that nobody took in time is taken back, so that it is not carried out later.
"""

from __future__ import annotations

import contextlib
import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from meridian import files
from meridian.console import CheckFailed, Unreachable

ASKED, ANSWERED = "hand-over.asked", "hand-over.answered"
TAKEN_SECONDS_MAX = 10.0
"""A request is looked for every few milliseconds; a promotion that is under way comes first."""
ANSWER_SECONDS_MAX = 20.0
LOOK_SECONDS = 0.01
TEXT_MAX = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Somebody asks."""

    request: str
    by: str
    reason: str


def taken(directory: Path) -> Request | None:
    """The request that waits there, which is then taken; None where there is none. One that is no request is taken away."""
    path = directory / ASKED
    try:
        text = path.read_text(encoding="utf-8")
        path.unlink()
    except OSError:
        return None
    with contextlib.suppress(ValueError, KeyError, TypeError):
        found = json.loads(text)
        words = {name: found[name] for name in ("request", "by", "reason")}
        if all(isinstance(word, str) and 0 < len(word) <= TEXT_MAX for word in words.values()):
            return Request(**words)
    return None


def answer(directory: Path, request: Request, told: Mapping[str, Any]) -> None:
    """Answers it: with what was done, or with `refused`, sentences."""
    files.write_whole(directory / ANSWERED, json.dumps(asdict(request) | dict(told)))


def ask(directory: Path, *, by: str, reason: str) -> dict[str, Any]:
    """Asks and waits. Returns what was done. Raises CheckFailed with what keeps it from being done, Unreachable."""
    request = Request(request=secrets.token_hex(8), by=by[:TEXT_MAX], reason=reason)
    path, answered = directory / ASKED, directory / ANSWERED
    try:
        files.write_whole(path, json.dumps(asdict(request)))
    except OSError as error:
        raise Unreachable(f"{path}: cannot be written: {error.strerror}") from None
    started = time.monotonic()
    while (waited := time.monotonic() - started) < ANSWER_SECONDS_MAX:
        with contextlib.suppress(OSError, ValueError):
            found = json.loads(answered.read_text(encoding="utf-8"))
            if isinstance(found, dict) and found.get("request") == request.request:
                if refused := found.get("refused"):
                    raise CheckFailed(refused)
                return found
        if waited > TAKEN_SECONDS_MAX and path.exists():
            with contextlib.suppress(FileNotFoundError):
                path.unlink()
                raise Unreachable(
                    f"{directory}: nobody took the request within {TAKEN_SECONDS_MAX:.0f} s; nothing was done, it is taken back"
                )
        time.sleep(LOOK_SECONDS)
    raise CheckFailed(
        f"{directory}: no answer within {ANSWER_SECONDS_MAX:.0f} s; `meridian status` says which engine leads"
    )
