"""A kill straight to a region: its agent's local socket, which needs neither etcd nor the API.

Invariant: what a region answered is told as it was said; no answer in time is told as unknown, never as done. Taken is a kill
that an engine has confirmed: what an agent has sent and no engine has answered is not.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from meridian.console import in_words
from meridian.risk.api.values import Kill

SECONDS_MAX = 2.0
LINE_BYTES_MAX = 65_536
UNCONFIRMED = "sent to the engine, which has not said so yet"


def request_line(kill: Kill) -> bytes:
    """The one line that is sent."""
    fields = kill.model_dump(
        mode="json", include={"node", "selector", "new_orders", "resting", "flatten", "reason", "by"}
    )
    # The same kill may reach an agent on two ways: by who asked and when it is known again.
    return json.dumps({"command": "kill", **fields, "asked_ns": kill.at_ns}).encode() + b"\n"


async def send(path: Path, kill: Kill) -> tuple[bool, str]:
    """Whether a region's engine took the kill, and what was said, as a sentence."""
    try:
        async with asyncio.timeout(SECONDS_MAX):
            reader, writer = await asyncio.open_unix_connection(str(path), limit=LINE_BYTES_MAX)
            try:
                writer.write(request_line(kill))
                await writer.drain()
                line = await reader.readline()
            finally:
                writer.close()
    except TimeoutError:
        return False, f"unknown: no answer within {SECONDS_MAX:.0f} s"
    except OSError as error:
        return False, f"not reached: {in_words(error)}"
    except ValueError as error:
        return False, f"not reached: {error}"
    return _told(line)


def _told(line: bytes) -> tuple[bool, str]:
    try:
        answer: dict[str, Any] = json.loads(line)
        sent = answer["ok"] is True
    except (ValueError, KeyError, TypeError):
        return False, "unknown: the answer is none that is understood"
    if sent:
        at = answer.get("input")
        return (True, f"in force at input {at}") if isinstance(at, int) else (False, UNCONFIRMED)
    return False, f"refused: {answer.get('error') or 'no reason given'}"


async def send_all(sockets: Mapping[str, Path], kill: Kill) -> dict[str, tuple[bool, str]]:
    """Every region at once."""
    answers = await asyncio.gather(*(send(path, kill) for path in sockets.values()))
    return dict(zip(sockets, answers, strict=True))
