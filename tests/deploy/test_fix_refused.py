"""What status says of a FIX session of ours that its venue does not let in: how often, why, in whose words, and what to do.

Invariant under test: what a venue says is shown on one line, bounded, and obeyed by no terminal.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

from meridian.child import environment, module
from meridian.deploy import condition
from meridian.deploy.runs import Run
from meridian.venues import fix_endings
from meridian.venues.fix import build
from meridian.venues.fix.ends import HINTS
from tests.support import ROOT
from tests.venues.fix_support import wait

TILE = "drop_copy"
LETTERS_KEPT = 112


@contextlib.contextmanager
def refusing(text: str) -> Iterator[int]:
    """The port of a venue that answers each logon with a logout in these words."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def venue() -> None:
            while True:
                try:
                    stream, _ = server.accept()
                except OSError:
                    return
                stream.recv(4096)
                stream.sendall(build("5", {58: text}, sender="HOUSE", target="COPY", sequence=1).raw)
                stream.close()

        threading.Thread(target=venue, daemon=True).start()
        yield server.getsockname()[1]


@contextlib.contextmanager
def reader(folder: Path, port: int, **more: object) -> Iterator[Run]:
    """A drop-copy reader that logs on there, as a run has it; `more`: keys of its profile."""
    (folder / "counters").mkdir()
    profile: dict[str, object] = {
        "begin_string": "FIX.4.4",
        "sender_comp_id": "COPY",
        "target_comp_id": "HOUSE",
        "initiator": True,
    }
    profile |= more
    settings = {
        "venue": 2, "source": 2, "address": f"127.0.0.1:{port}", "profile": profile, "reconnect_ns": 5_000_000,
        "listings": [{"symbol": "AAPL", "instrument": 1}], "journal_segment_bytes": 65_536,
    }  # fmt: skip
    tile = {"name": TILE, "kind": "fix_drop_copy", "settings": settings}
    specification = {
        "version": 1, "topology": "ny", "process": TILE, "counters_path": str(folder / "counters" / TILE),
        "data_directory": str(folder), "links": [], "threads": [{"name": TILE, "idle": "back-off", "tiles": [tile]}],
    }  # fmt: skip
    file = folder / "spec.json"
    file.write_text(json.dumps(specification))
    process = subprocess.Popen([*module("meridian.deploy.process"), str(file)], cwd=ROOT, env=environment())
    place = str(folder)
    try:
        yield Run(
            name="ny", topology="ny", state="running", supervisor_pid=os.getpid(), run_directory=place, shared_directory=place,
            data_directory=place, metrics_port=None, ports={}, processes={TILE: {"pid": process.pid, "restarts": 0}},
        )  # fmt: skip
    finally:
        process.kill()
        process.wait(30)


def test_the_words_of_a_refusing_logout_stand_beside_the_reason(tmp_path: Path) -> None:
    words = "Closed for the day\x1b[2J" + "!" * 1_000
    with refusing(words) as port, reader(tmp_path, port) as run:
        wait("status tells of it", lambda: any(condition.refused(run)))
        (sentence,) = condition.refused(run)
    assert sentence.startswith(f"{TILE}: its venue has not let its FIX session in, ")
    said = words[:LETTERS_KEPT].replace("\x1b", "\\x1b")
    assert f'times not authorized); they said "{said}"; {HINTS["not_authorized"]}; docs/fix.md' in sentence
    assert fix_endings.last(tmp_path / TILE) == ("not_authorized", said), "it outlives the process"
    file = tmp_path / TILE / fix_endings.NAME
    raw = bytearray(file.read_bytes())
    raw[20] ^= 1
    file.write_bytes(raw)
    assert fix_endings.last(tmp_path / TILE) == (None, ""), "a damaged one says nothing"
    assert fix_endings.last(tmp_path) == (None, "")


def test_a_refusal_without_words_has_its_reason_and_hint(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def venue() -> None:
            with contextlib.suppress(OSError):
                while True:
                    server.accept()[0].close()

        threading.Thread(target=venue, daemon=True).start()
        with reader(tmp_path, server.getsockname()[1]) as run:
            wait("status tells of it", lambda: any(condition.refused(run)))
            (sentence,) = condition.refused(run)
    assert "times disconnected)" in sentence and "they said" not in sentence and HINTS["disconnected"] in sentence


def test_a_session_that_is_let_in_and_ends_the_same_way_again_and_again_has_its_hint(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def venue() -> None:
            with contextlib.suppress(OSError):
                while True:
                    stream, _ = server.accept()
                    asked = stream.recv(4096)
                    logon: dict[int, str] = {98: "0", 108: "30"}
                    logon |= {141: "Y"} if b"\x01141=Y" in asked else {}
                    stream.sendall(build("A", logon, sender="HOUSE", target="COPY", sequence=1).raw)
                    stream.sendall(build("0", {}, sender="HOUSE", target="COPY", sequence=1).raw)
                    stream.recv(4096)
                    stream.close()

        threading.Thread(target=venue, daemon=True).start()
        with reader(tmp_path, server.getsockname()[1], reset_on_logon=True) as run:
            wait("status tells of it", lambda: any(condition.refused(run)))
            (sentence,) = condition.refused(run)
    assert sentence.startswith(f"{TILE}: its FIX session ends again and again (") and "times too low)" in sentence
    assert HINTS["too_low"] in sentence
