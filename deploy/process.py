"""The entry of one process of a topology: `python -m meridian.deploy.process SPEC.json`.

Imports nothing but the extension: a tile process carries no other library. It says which release it is before it does anything,
and its tiles begin once every process of the run has; those of one in reserve (`reserves`) once its supervisor gives it the turn,
by a line on standard input. SIGINT and SIGTERM ask it to stop; SIGINT of a terminal's whole group is left to the supervisor,
which stops its processes in order.

Invariant: exit code 0 after an asked stop, 1 when a tile died or could not start (the reason on standard error), 2 for a
specification that this build does not understand.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from meridian import release
from meridian._native import links, tiles

PR_SET_PDEATHSIG = 1


def die_with(parent: int) -> None:
    """Asks the system to stop this process when its supervisor is gone, however that one ended."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        sys.exit(0)


def exit_code(work: Callable[[], None]) -> int:
    """Does a process's work: 0 when it ended as asked; else the reason on standard error, 2 for bad input, 1 for all else."""
    try:
        work()
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    except OSError as error:
        from meridian.console import in_words

        print(in_words(error), file=sys.stderr)
        return 1
    except RuntimeError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def specification(path: str) -> tuple[str, dict[str, Any]]:
    """The file as it stands: its text, and what that says. Raises OSError, ValueError."""
    text = Path(path).read_text(encoding="utf-8")
    return text, json.loads(text)


def main(arguments: list[str]) -> int:
    """Runs what the file says until asked to stop."""
    if len(arguments) != 1:
        print("usage: python -m meridian.deploy.process SPEC.json", file=sys.stderr)
        return 2
    stop = tiles.Stop()
    signal.signal(signal.SIGTERM, lambda *_: stop.ask())
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if parent := os.environ.get("MERIDIAN_SUPERVISOR"):
        die_with(int(parent))
    says, in_reserve = os.environ.get(release.ATTEST), os.environ.pop(release.IN_RESERVE, None)

    def begins() -> bool:
        if in_reserve:
            return bool(sys.stdin.buffer.readline())
        return says is None or release.armed(Path(says).with_name(release.ARMED), stop.asked)

    def work() -> None:
        release.attest()
        if "media_driver" in (document := specification(arguments[0])[1]):
            about = document["media_driver"]
            links.run_media_driver(about["directory"], about["logs_bytes"], about["spin"], stop)
        elif begins():
            tiles.run(specification(arguments[0])[0], stop)

    return exit_code(work)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
