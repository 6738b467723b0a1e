"""The local socket of a region's agent: a kill that needs neither API nor store, and what the agent knows.

One JSON object a line each way. Whoever may open the socket may kill: it is its owner's alone, and it never re-arms.

    ask(path, {"command": "status"})
    ask(path, {"command": "kill", "node": "firm", "new_orders": "none", "resting": "cancel", "by": "me", "reason": "why"})
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import struct
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

LINE_BYTES_MAX = 65_536
PATIENCE_S = 2.0
PATH_BYTES_MAX = 107
LEFT = "kills"
"""The folder of an agent's in which kills are left that went past it."""


def ask(path: str | Path, command: dict[str, Any], *, timeout_s: float = PATIENCE_S) -> dict[str, Any]:
    """The agent's answer. Raises OSError when nobody answers, ValueError for an answer that is none."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as one:
        one.settimeout(timeout_s)
        one.connect(str(path))
        one.sendall(json.dumps(command).encode() + b"\n")
        answer = json.loads(_line(one, 64 * LINE_BYTES_MAX))
    if not isinstance(answer, dict):
        raise ValueError("the agent's answer is no object")
    return answer


def listen(path: Path) -> socket.socket:
    """A listening socket that its owner alone may open. Raises OSError."""
    if len(os.fsencode(path)) > PATH_BYTES_MAX:
        raise OSError(f"{path}: has more than {PATH_BYTES_MAX} bytes; take a shorter run directory (XDG_RUNTIME_DIR)")
    path.unlink(missing_ok=True)
    one = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    try:
        one.bind(str(path))
    finally:
        os.umask(before)
    one.listen(8)
    one.settimeout(0.2)
    return one


def serve(listener: socket.socket, answer: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """Answers one caller, if one comes in time. A caller that says nothing or nonsense is told, and nothing is done."""
    try:
        caller, _ = listener.accept()
    except TimeoutError:
        return
    with caller, contextlib.suppress(OSError):
        caller.settimeout(PATIENCE_S)
        _, uid, _ = struct.unpack("3i", caller.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
        if uid not in (0, os.getuid()):
            return
        try:
            command = json.loads(_line(caller, LINE_BYTES_MAX))
            if not isinstance(command, dict):
                raise ValueError("a command is an object")
            said = {"ok": True} | answer(command)
        except (ValueError, RecursionError) as error:
            said = {"ok": False, "error": str(error)}
        caller.sendall(json.dumps(said).encode() + b"\n")


def leave_kill(directory: Path, command: dict[str, Any]) -> Path:
    """Leaves a kill that went past the agent in its folder, for when it runs again. Raises OSError."""
    folder = directory / LEFT
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    name = f"{time.time_ns():020d}-{os.getpid()}"
    making = folder / f".{name}"
    descriptor = os.open(making, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump({key: value for key, value in command.items() if key != "command"}, file)
    return making.rename(folder / f"{name}.json")


def left_kills(directory: Path) -> Iterator[tuple[Path, str]]:
    """The kills that were left, oldest first. One that cannot be read is empty."""
    for path in sorted((directory / LEFT).glob("*.json")):
        try:
            yield path, path.read_text(encoding="utf-8")
        except (OSError, ValueError):
            yield path, ""


def _line(one: socket.socket, bytes_max: int) -> bytes:
    data = bytearray()
    while not data.endswith(b"\n"):
        part = one.recv(65_536)
        if not part:
            break
        data += part
        if len(data) > bytes_max:
            raise ValueError(f"a line has at most {bytes_max} bytes")
    return bytes(data)
