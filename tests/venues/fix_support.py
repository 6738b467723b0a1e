"""What tests of FIX commands share: ports, processes, typed commands."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from meridian.ports import free_ports, is_free
from tests.support import ROOT

try:
    import quickfix
except ImportError:
    quickfix = None

HOST = "127.0.0.1"
WAIT_S_MAX = 60.0
LINE = [sys.executable, "-P", "-m", "meridian"]


class QuickFixApplication(getattr(quickfix, "Application", object)):  # type: ignore[misc]  # QuickFIX has no types
    """What QuickFIX calls; a plain object where it is not installed."""


def free_port(beyond: int = 0) -> int:
    """A port that nobody listens at, and the next `beyond` neither."""
    while True:
        (port,) = free_ports(1, HOST)
        if all(is_free(port + more, HOST) for more in range(1, beyond + 1)):
            return port


def listens(port: int) -> bool:
    """Whether somebody does."""
    try:
        socket.create_connection((HOST, port), 1).close()
    except OSError:
        return False
    return True


def wait(what: str, holds: Callable[[], bool]) -> None:
    """Until it holds."""
    until = time.monotonic() + WAIT_S_MAX
    while not holds():
        assert time.monotonic() < until, f"not within {WAIT_S_MAX:.0f} s: {what}"
        time.sleep(0.02)


@contextmanager
def running(*words: str, port: int) -> Iterator[subprocess.Popen[str]]:
    """A command that listens at a port until it is interrupted, and then ends well."""
    process = subprocess.Popen([*LINE, *words], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)

    def ready() -> bool:
        assert process.poll() is None, process.communicate()[1]
        return listens(port)

    try:
        wait(f"{' '.join(words)} listens", ready)
        yield process
    finally:
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 0, said


def typed(*words: str, lines: str | None = None, cwd: Path = ROOT) -> tuple[int, list[dict[str, Any]], str]:
    """Exit code, JSON documents and what a person reads of `meridian WORDS --json`, fed with lines."""
    done = subprocess.run(
        [*LINE, *words, "--json"], cwd=cwd, input=lines, capture_output=True, text=True, timeout=110, check=False
    )
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()], done.stderr


def profile(
    folder: Path, port: int, *, name: str = "profile", begin: str = "FIX.4.4", us: str = "TW44", more: str = ""
) -> Path:
    """A profile for an acceptance run."""
    path = folder / f"{name}.toml"
    head = f'[session]\naddresses = ["{HOST}:{port}"]\nbegin_string = "{begin}"\nsender_comp_id = "{us}"\n'
    path.write_text(f'{head}target_comp_id = "ISLD"\n{more}')
    return path
