"""Ten thousand FIX sessions in one acceptor process: what they take, and that one of them is answered at once.

Invariant: a session takes less than a mebibyte besides its store, and idle ones do not slow down the others.
"""

from __future__ import annotations

import datetime
import json
import resource
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from meridian.ports import free_ports
from meridian.venues import fix_acceptor
from tests.support import ROOT, skip_unchecked

SESSIONS = 10_000
FILES_NEEDED = SESSIONS + 200
BATCH = 100
SESSION_BYTES_MAX = 1 << 20
ANSWER_S_MAX = 1.0


@contextmanager
def open_files(count: int) -> Iterator[None]:
    """Raises the limit of open files for a while; a child inherits it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < count:
        skip_unchecked("ten thousand FIX sessions", f"{count} open files are needed: ulimit -Hn says {hard}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, count), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def message(kind: str, sequence: int, name: str, body: str) -> bytes:
    """A message of FIX 4.4."""
    now = datetime.datetime.now(datetime.UTC).strftime("%Y%m%d-%H:%M:%S")
    fields = f"35={kind}|34={sequence}|49={name}|52={now}|56=ISLD|{body}".replace("|", "\x01")
    text = f"8=FIX.4.4\x019={len(fields)}\x01{fields}"
    return f"{text}10={sum(text.encode()) % 256:03}\x01".encode()


def resident_bytes(pid: int) -> int:
    """Memory that a process has now."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS"))


@pytest.mark.slow
def test_ten_thousand_idle_sessions_are_small_and_hold_up_nobody(tmp_path: Path) -> None:
    port = free_ports(1)[0]
    names = [f"C{at:05}" for at in range(SESSIONS)]
    sessions = [fix_acceptor.AcceptedSession(begin_string="FIX.4.4", target_comp_id=name) for name in names]
    where = ROOT / "venues" / "fix" / "dictionaries"
    document = fix_acceptor.acceptance(port=port, dictionaries=where, directory=tmp_path, sessions=sessions)
    (tmp_path / "spec.json").write_text(json.dumps(document))
    command = [sys.executable, "-P", "-m", "meridian.deploy.process", str(tmp_path / "spec.json")]
    with ExitStack() as stack:
        stack.enter_context(open_files(FILES_NEEDED))
        process = stack.enter_context(subprocess.Popen(command, cwd=ROOT))
        stack.callback(process.kill)
        until = time.monotonic() + 60
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 5).close()
                break
            except OSError:
                assert process.poll() is None and time.monotonic() < until, "the acceptor does not listen"
                time.sleep(0.05)
        streams: list[socket.socket] = []
        for first in range(0, SESSIONS, BATCH):
            batch = []
            for name in names[first : first + BATCH]:
                # Each says who it is at once: the door does not wait for long, however busy the machine is.
                batch.append(stack.enter_context(socket.create_connection(("127.0.0.1", port), 20)))
                batch[-1].sendall(message("A", 1, name, "98=0|108=3600|"))
            for stream in batch:
                assert b"\x0135=A\x01" in stream.recv(4096)
            streams += batch
        assert resident_bytes(process.pid) < SESSIONS * SESSION_BYTES_MAX
        slowest = 0.0
        for sequence, at in enumerate(range(0, SESSIONS, SESSIONS // 50), 2):
            started = time.monotonic()
            streams[at].sendall(message("1", 2, names[at], f"112=T{sequence}|"))
            assert f"112=T{sequence}".encode() in streams[at].recv(4096)
            slowest = max(slowest, time.monotonic() - started)
        assert slowest < ANSWER_S_MAX
