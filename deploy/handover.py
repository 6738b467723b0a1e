"""A planned hand-over: how a person asks whoever stands over an engine and its standby for it, and is answered.

A request is a file in the run's directory, as a command to an engine is one in its inbox: whoever may write there may ask. The
answer is a file beside it that names the request.

Invariant: a request is taken once; one that nobody took in time is taken back, so that it is not carried out later.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import secrets
import stat
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from meridian import files
from meridian.console import CheckFailed, Unreachable

ASKED, ANSWERED, ASKING = "hand-over.asked", "hand-over.answered", "hand-over.lock"
BYTES_MAX = 4096
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
    asked_ns: int
    """When, ns UTC: one that is older than an asker waits is not carried out."""


def is_text(word: str) -> bool:
    """Whether a name or a reason is one that is kept: printable, and not too long."""
    return 0 < len(word.strip()) <= len(word) <= TEXT_MAX and word.isprintable()


def taken(directory: Path) -> Request | None:
    """The request that waits there, which is then taken; None where there is none. What is no request, or an old one, is taken
    away."""
    known = who_asks(found_at(directory / ASKED))
    return None if known is None else Request(**known)


def who_asks(found: Mapping[str, Any]) -> dict[str, Any] | None:
    """What every request says of itself, who asks, why and when; None where it is none, or an old one."""
    words, asked_ns = {name: found.get(name) for name in ("request", "by", "reason")}, found.get("asked_ns")
    if type(asked_ns) is not int or abs(time.time_ns() - asked_ns) >= TAKEN_SECONDS_MAX * 1e9:
        return None
    good = all(isinstance(word, str) and is_text(word) for word in words.values())
    return words | {"asked_ns": asked_ns} if good else None


def found_at(path: Path) -> dict[str, Any]:
    """What a request's file says, which is then taken away; nothing where there is none or it is no object."""
    try:
        # Not to wait for a pipe that nobody writes.
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
            raw = file.read(BYTES_MAX) if stat.S_ISREG(os.fstat(file.fileno()).st_mode) else b""
    except FileNotFoundError:
        return {}
    except OSError:
        raw = b""
    with contextlib.suppress(OSError):
        path.unlink()
    with contextlib.suppress(ValueError, RecursionError):
        found = json.loads(raw)
        return found if isinstance(found, dict) else {}
    return {}


def answer(directory: Path, request: Request, told: Mapping[str, Any]) -> None:
    """Answers it: with what was done, or with `refused`, sentences."""
    files.write_whole(directory / ANSWERED, json.dumps(asdict(request) | dict(told)))


def ask(directory: Path, *, by: str, reason: str) -> dict[str, Any]:
    """Asks and waits. Returns what was done. Raises CheckFailed with what keeps it from being done, Unreachable."""
    request = Request(request=secrets.token_hex(8), by=by[:TEXT_MAX], reason=reason, asked_ns=time.time_ns())
    path = directory / ASKED
    try:
        with alone(directory):
            files.write_whole(path, json.dumps(asdict(request)))
            try:
                return _answered(directory, request)
            finally:
                # One that gives up is not carried out later.
                path.unlink(missing_ok=True)
    except OSError as error:
        raise Unreachable(f"{path}: cannot be written: {error.strerror}") from None


@contextlib.contextmanager
def alone(directory: Path) -> Iterator[None]:
    """One asks at a time: another's request is not written over."""
    with (directory / ASKING).open("a", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CheckFailed(
                f"{directory}: somebody else asks just now; nothing was done, try again in a moment"
            ) from None
        yield


def _answered(directory: Path, request: Request) -> dict[str, Any]:
    started = time.monotonic()
    while (waited := time.monotonic() - started) < ANSWER_SECONDS_MAX:
        with contextlib.suppress(FileNotFoundError, ValueError):
            found = json.loads((directory / ANSWERED).read_text(encoding="utf-8"))
            if isinstance(found, dict) and found.get("request") == request.request:
                if refused := found.get("refused"):
                    raise CheckFailed(refused)
                return found
        if waited > TAKEN_SECONDS_MAX and (directory / ASKED).exists():
            raise Unreachable(
                f"{directory}: nobody took the request within {TAKEN_SECONDS_MAX:.0f} s; nothing was done, it is taken back"
            )
        time.sleep(LOOK_SECONDS)
    raise CheckFailed(
        f"{directory}: no answer within {ANSWER_SECONDS_MAX:.0f} s; `meridian status` says which engine leads"
    )
