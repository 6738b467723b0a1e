"""Rows of the FIX codec: an order of 185 bytes and a report of 263, read, checked by the dictionary, and built.

Ours frames a message, verifies length and checksum, finds every field and converts every integer, decimal, time and flag into a
hash that is printed; building writes number, sending time, length and checksum anew each round.

Invariant: peers do the same work on the same bytes in the same run; one that cannot be run says why.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from meridian.bench.method import Block, alternate, ratios
from meridian.bench.row import Goal, Peer, Result, Row, Run

ROUNDS = 4_000
ROUNDS_PYTHON = 40
SAMPLES = {"order": ("NewOrderSingle 185 B", "nos.fix"), "report": ("ExecutionReport 263 B", "er.fix")}
HERE = Path(__file__).resolve().parent
DICTIONARY = HERE.parent / "venues" / "fix" / "dictionaries" / "FIX44.xml"
SAMPLE_FOLDER = HERE.parent.parent / "shared" / "data" / "fix"
TABLE = {
    ("parse", "order"): {"QuickFIX C++": 1_459, "hffix": 188, "rustyfix": 1_594, "simplefix": 88_000},
    ("parse", "report"): {"hffix": 281},
    ("validate", "order"): {"QuickFIX C++": 4_772},
    ("build", "order"): {"QuickFIX C++": 3_831, "hffix": 114},
    ("build", "report"): {"QuickFIX C++": 6_437, "hffix": 138},
}
"""What the goals' table says of peers, in ns."""


def sample(kind: str) -> bytes:
    """Our own message of this kind."""
    from meridian._native import wire

    return wire.bench_fix_sample(kind)


class QuickFix:
    """QuickFIX C++ in processes of its own, their programs built here against Debian's headers; `missing` says why not."""

    def __init__(self) -> None:
        self.missing: str | None = None
        self._program: Path | None = None
        self._folder = tempfile.TemporaryDirectory()
        self._prefix = os.environ.get("MERIDIAN_QUICKFIX", "/usr")
        self._compiler = shutil.which("c++") or shutil.which("g++")
        if self._compiler is None:
            self.missing = "there is no C++ compiler"
        elif not (Path(self._prefix) / "include" / "quickfix" / "Message.h").exists():
            self.missing = "libquickfix-dev is not installed"
        else:
            self._program, self.missing = self.program("quickfix_speed.cpp")

    def program(self, source: str) -> tuple[Path | None, str | None]:
        """A program of `peers/`, built, or why there is none."""
        if self.missing is not None:
            return None, self.missing
        program = Path(self._folder.name) / Path(source).stem
        prefix = self._prefix
        # Its headers are of a time before C++17.
        command = [
            str(self._compiler),
            "-std=c++14",
            "-O3",
            "-w",
            f"-I{prefix}/include",
            f"-I{prefix}/include/quickfix",
        ]
        command += [str(HERE / "peers" / source), "-o", str(program)]
        libraries = [path for path in (Path(prefix) / "lib").rglob("libquickfix.so*") if path.exists()]
        command += [str(libraries[0]), f"-Wl,-rpath,{libraries[0].parent}"] if libraries else ["-lquickfix"]
        built = subprocess.run([*command, "-pthread"], capture_output=True, text=True, check=False)
        if built.returncode != 0:
            return None, "it does not build: " + built.stderr.strip().splitlines()[0][:200]
        return program, None

    def block(self, work: str, kind: str, rounds: int) -> Block | None:
        """A block in ns a round; None where it cannot be run."""
        if self.missing is not None or self._program is None:
            return None
        message = Path(self._folder.name) / f"{kind}.fix"
        message.write_bytes(sample(kind))
        child = subprocess.Popen(
            [self._program, work, kind, DICTIONARY, message], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert child.stdin is not None and child.stdout is not None
        asked, told = child.stdin, child.stdout

        def run() -> float:
            asked.write(f"{rounds}\n")
            asked.flush()
            line = told.readline()
            if not line:
                raise AssertionError(f"QuickFIX ended at {work} {kind}")
            return int(line.split()[0]) / rounds

        return run


def in_python(work: str, kind: str, rounds: int) -> dict[str, tuple[Block | None, str | None]]:
    """Blocks of the peers from PyPI: name → block, or why there is none."""
    found: dict[str, tuple[Block | None, str | None]] = {}
    for name, make in (("quickfix wheel", _quickfix_wheel), ("simplefix", _simplefix)):
        try:
            work_once = make(work, sample(kind))
        except ImportError:
            found[name] = (None, "it is not installed")
            continue
        found[name] = (None, "it has no such work") if work_once is None else (_timed(work_once, rounds), None)
    return found


def _timed(work_once: Callable[[], object], rounds: int) -> Block:
    def block() -> float:
        begun = time.perf_counter_ns()
        for _ in range(rounds):
            work_once()
        return (time.perf_counter_ns() - begun) / rounds

    return block


def _quickfix_wheel(work: str, message: bytes) -> Callable[[], object] | None:
    import quickfix

    text = message.decode("latin-1")
    if work == "build":
        made = quickfix.Message(text, False)
        return lambda: quickfix.Message(made).toString()
    dictionary = quickfix.DataDictionary(str(DICTIONARY)) if work == "validate" else None

    def read() -> object:
        if dictionary is None:
            return quickfix.Message(text, True)
        found = quickfix.Message(text, dictionary, True)
        dictionary.validate(found)
        return found

    return read


def _simplefix(work: str, message: bytes) -> Callable[[], object] | None:
    import simplefix

    if work == "validate":
        return None
    pairs = [part.split(b"=", 1) for part in message.split(b"\x01") if part]

    def read() -> object:
        parser = simplefix.FixParser()
        parser.append_buffer(message)
        return parser.get_message()

    def build() -> object:
        made = simplefix.FixMessage()
        for tag, value in pairs:
            if tag not in (b"9", b"10"):
                made.append_pair(tag, value)
        return made.encode()

    return build if work == "build" else read


def ours(work: str, kind: str, rounds: int, message: bytes, hashes: set[int]) -> Block:
    """A block of ours in ns a round."""
    from meridian._native import wire

    if work == "build":

        def build() -> float:
            elapsed_ns, written = wire.bench_fix_build(kind, rounds)
            hashes.add(written)
            return elapsed_ns / rounds

        return build
    parser = wire.FixParser("FIX.4.4", work == "validate")

    def parse() -> float:
        elapsed_ns, value = parser.run(message, rounds)
        hashes.add(value)
        return elapsed_ns / rounds

    return parse


def measure(run: Run, work: str, kind: str, title: str, goal: float) -> Result:
    """One row with all its peers."""
    rounds = run.pick(ROUNDS, 200)
    hashes: set[int] = set()
    block = ours(work, kind, rounds, sample(kind), hashes)
    quickfix: QuickFix = run.once("quickfix c++", QuickFix)
    table = TABLE.get((work, kind), {})
    theirs = quickfix.block(work, kind, run.pick(400, 20))
    value, peer_value, ratio = run.compare(block, theirs)
    peers = [
        Peer(
            name="QuickFIX C++", value=peer_value, ratio=ratio, table_value=table.get("QuickFIX C++"),
            why_missing=quickfix.missing,
        )
    ]  # fmt: skip
    for name, (other, why) in in_python(work, kind, run.pick(ROUNDS_PYTHON, 5)).items():
        if other is None:
            peers.append(Peer(name=name, table_value=table.get(name), why_missing=why))
            continue
        mine, figures = alternate(block, other, blocks=run.blocks, done=lambda: None)
        peers.append(
            Peer(
                name=name, value=run.estimate(figures), ratio=run.estimate(ratios(mine, figures)), table_value=table.get(name)
            )
        )  # fmt: skip
    peers += [
        Peer(name=name, table_value=table[name], why_missing="in no package registry")
        for name in table
        if name == "hffix"
    ]
    if len(hashes) != 1:
        raise AssertionError(f"equal messages gave different results: {sorted(hashes)}")
    details: dict[str, Any] = {"hash": f"{next(iter(hashes)):016x}", "rounds": rounds}
    other_sample = SAMPLE_FOLDER / SAMPLES[kind][1]
    if work != "build" and other_sample.exists():
        extra = ours(work, kind, rounds, other_sample.read_bytes(), set())
        details[f"{other_sample.name}_ns"] = run.estimate([extra() for _ in range(run.blocks)]).median
    return Result(
        name=f"fix_{work}_{kind}", title=title, unit="ns/message", value=value, peers=peers, goals=[Goal(bound=goal)],
        input=f"our own {SAMPLES[kind][0]}, {len(sample(kind))} bytes, FIX 4.4", blocks=run.blocks, details=details,
    )  # fmt: skip


def _row(work: str, kind: str, words: str, goal: float) -> Row:
    title = f"FIX {words}, {SAMPLES[kind][0]}"
    return Row(
        name=f"fix_{work}_{kind}", title=title, unit="ns/message",
        measure=lambda run: measure(run, work, kind, title, goal),
    )  # fmt: skip


ROWS = [
    _row("parse", "order", "parse with typed values", 95),
    _row("parse", "report", "parse with typed values", 140),
    _row("validate", "order", "parse with full dictionary validation", 200),
    _row("build", "order", "build", 60),
    _row("build", "report", "build", 80),
]
