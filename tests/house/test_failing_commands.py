"""What programs get of commands that fail: one JSON document that bears the errors, and exit code 1, 2 or 3.

Invariant under test: whatever keeps a command from its work is a sentence, never a traceback or a number of the system's; and
where a part of what was asked for is gone, the rest is told with exit code 1.
"""

from __future__ import annotations

import json
import re
import socket
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from meridian.cli import main
from meridian.console import EXIT_BAD_INPUT, EXIT_CHECK_FAILED, EXIT_UNREACHABLE
from meridian.deploy import runs
from meridian.risk.api.client import Client
from tests.analytics.support import make_run
from tests.house.test_command_line import every_command
from tests.support import ROOT

NOBODY = ["--api", "http://127.0.0.1:1"]
NOBODYS_PROFILE = """[session]
addresses = ["127.0.0.1:1"]
begin_string = "FIX.4.4"
sender_comp_id = "A"
target_comp_id = "B"
"""
UNREADABLE = "tests/strategies/classes/refused.py:Kinds"
NUMBERS = re.compile(r"\[Errno|os error")
STREAMS = {"journal cat"}
"""Print a document a line; the last one says what failed."""


@dataclass(frozen=True, slots=True)
class Ended:
    """A command that has ended."""

    code: int
    out: str
    err: str

    def document(self, name: str = "") -> dict[str, Any]:
        """The one document that it printed; of a stream the last."""
        lines = self.out.splitlines()
        assert len(lines) == 1 or name in STREAMS, self.out
        found: dict[str, Any] = json.loads(lines[-1])
        return found


Typed = Callable[..., Ended]


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], short_folder: Path) -> Typed:
    """Types `meridian WORDS`, where nothing is up."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(short_folder))
    monkeypatch.setenv("MERIDIAN_TOKEN", "nobody's")

    def run(*words: str) -> Ended:
        monkeypatch.setattr(sys, "argv", ["meridian", *words])
        with pytest.raises(SystemExit) as ending:
            main()
        said = capfd.readouterr()
        assert isinstance(ending.value.code, int)
        return Ended(ending.value.code, said.out, said.err)

    return run


@pytest.fixture
def short_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """For runs and sockets."""
    return tmp_path_factory.mktemp("r")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`differs`: a run whose exchange has a fill more. `platform`: two regions, of which one's directory is gone. `damaged`: a
    journal with a flipped bit. And files that are not what their names say."""
    folder = tmp_path_factory.mktemp("files")
    make_run(folder / "differs", further_fill=True)
    platform(folder / "platform")
    (segment,) = (make_run(folder / "damaged") / "data" / "engine").glob("journal-*.segment")
    data = bytearray(segment.read_bytes())
    data[2000] ^= 16
    segment.write_bytes(data)
    (folder / "nobody.toml").write_text(NOBODYS_PROFILE)
    for name in ("text.pcap", "text.csv", "text.json", "text.toml"):
        (folder / name).write_text("this is none, whatever its name says\n")
    return folder


def platform(folder: Path) -> Path:
    """The directory of a platform of two regions; that of one is gone."""
    make_run(folder / "new-york")
    regions = {"new-york": "new-york", "chicago": "chicago"}
    about = {"schema": "meridian.platform/1", "name": "demo", "started_ns": 1, "ended_ns": 2, "regions": regions}
    (folder / "platform.json").write_text(json.dumps(about))
    return folder


FAILING: list[tuple[str, list[str], int]] = [
    ("backtest", ["inventory-maker", "--data", "{files}/text.csv"], EXIT_BAD_INPUT),
    ("bench", ["no-such-row"], EXIT_BAD_INPUT),
    ("book", ["{files}/text.csv"], EXIT_BAD_INPUT),
    ("breaks adopt", ["1", "--run", "{files}/differs", "--by", "ann", "--reason", "x"], EXIT_BAD_INPUT),
    ("breaks close", ["1", "--run", "{files}/platform"], EXIT_BAD_INPUT),
    ("breaks dispute", ["1", "--run", "{files}/absent"], EXIT_BAD_INPUT),
    ("breaks explain", ["1", "--run", "{files}/damaged", "--by", "ann", "--reason", "x"], EXIT_BAD_INPUT),
    ("breaks list", ["--run", "{files}/differs", "--check"], EXIT_CHECK_FAILED),
    ("breaks list", ["--run", "{files}/platform"], EXIT_CHECK_FAILED),
    ("demo", ["--flow", "{files}/text.csv", "--seconds", "1"], EXIT_BAD_INPUT),
    ("demo", ["--seconds", "1", "--html", "/proc/absent/page.html"], EXIT_BAD_INPUT),
    ("down", ["nobody"], EXIT_UNREACHABLE),
    ("end-of-day check", ["{files}/differs", "--venue-file", "XNAS={files}/text.csv"], EXIT_BAD_INPUT),
    ("end-of-day check", ["{files}/differs", "--since", "soon", "--venue-file", "XNAS"], EXIT_BAD_INPUT),
    ("end-of-day file", ["{files}/differs", "--venue", "XLON", "--out", "{files}/trades.csv"], EXIT_BAD_INPUT),
    ("end-of-day file", ["{files}/differs", "--venue", "XNAS", "--out", "/proc/trades.csv"], EXIT_UNREACHABLE),
    ("explain", ["5", "--run", "{files}/absent"], EXIT_BAD_INPUT),
    ("explain", ["99999", "--run", "{files}/differs"], EXIT_BAD_INPUT),
    ("fills", ["{files}/platform"], EXIT_CHECK_FAILED),
    ("hand-over", ["--reason", "x"], EXIT_UNREACHABLE),
    ("hand-over", ["--reason", " "], EXIT_BAD_INPUT),
    ("hand-over", ["--reason", "a\nb"], EXIT_BAD_INPUT),
    ("journal cat", ["{files}/platform", "--limit", "3"], EXIT_CHECK_FAILED),
    ("journal cat", ["{files}/damaged"], EXIT_CHECK_FAILED),
    ("journal export", ["{files}/damaged", "--out", "{files}/tables"], EXIT_CHECK_FAILED),
    ("journal export", ["{files}/platform", "--out", "{files}/platform-tables"], EXIT_CHECK_FAILED),
    ("journal fetch", ["s3://books/a", "{files}/fetched", "--endpoint", "http://10.0.0.1"], EXIT_BAD_INPUT),
    ("journal keep", ["{files}/platform", "--run", "one"], EXIT_BAD_INPUT),
    ("journal keep", ["{files}/platform", "--ship-to", "books", "--run", "a b"], EXIT_BAD_INPUT),
    ("journal keep", ["{files}/platform"], EXIT_CHECK_FAILED),
    ("journal replay", ["{files}/damaged"], EXIT_CHECK_FAILED),
    ("journal replay", ["{files}/platform"], EXIT_CHECK_FAILED),
    ("journal snapshot", ["{files}/damaged"], EXIT_CHECK_FAILED),
    ("journal snapshot", ["{files}/platform"], EXIT_CHECK_FAILED),
    ("journal verify", ["{files}/damaged"], EXIT_CHECK_FAILED),
    ("journal verify", ["{files}/platform"], EXIT_CHECK_FAILED),
    ("kill", ["firm", "--local", "--socket", "absent"], EXIT_CHECK_FAILED),
    ("kill", ["firm", "--local"], EXIT_UNREACHABLE),
    ("kill", ["firm", *NOBODY], EXIT_UNREACHABLE),
    ("limits confirm", ["1", *NOBODY], EXIT_UNREACHABLE),
    ("limits epochs", NOBODY, EXIT_UNREACHABLE),
    ("limits health", NOBODY, EXIT_UNREACHABLE),
    ("limits list", [*NOBODY, "--ca", "/proc/absent/ca.pem"], EXIT_BAD_INPUT),
    ("limits permissions", ["firm", "--state", "deny", *NOBODY], EXIT_UNREACHABLE),
    ("limits propagation", ["1", *NOBODY], EXIT_UNREACHABLE),
    ("limits restricted", NOBODY, EXIT_UNREACHABLE),
    ("limits serve", ["{files}/text.toml"], EXIT_BAD_INPUT),
    ("limits set", ["1", "5", *NOBODY], EXIT_UNREACHABLE),
    ("limits show", ["1", *NOBODY], EXIT_UNREACHABLE),
    ("limits token create", ["jo", "--role", "risk", "--tokens", "/proc/absent/tokens.json"], EXIT_UNREACHABLE),
    ("limits token list", ["--tokens", "{files}/text.json"], EXIT_BAD_INPUT),
    ("limits token remove", ["jo", "--tokens", "/proc/absent/tokens.json"], EXIT_BAD_INPUT),
    ("limits usage", NOBODY, EXIT_UNREACHABLE),
    ("orders", ["{files}/platform"], EXIT_CHECK_FAILED),
    ("orders", ["{files}/damaged"], EXIT_CHECK_FAILED),
    ("parity", ["{files}/damaged"], EXIT_BAD_INPUT),
    ("parity", ["{files}/differs", "--latency", "soon", "--set", "x"], EXIT_BAD_INPUT),
    ("positions", ["{files}/platform"], EXIT_CHECK_FAILED),
    ("positions", ["--all-regions", *NOBODY], EXIT_UNREACHABLE),
    ("rearm", ["firm", "--reason", "x", *NOBODY], EXIT_UNREACHABLE),
    ("reconcile", ["{files}/differs"], EXIT_CHECK_FAILED),
    ("reconcile", ["{files}/platform"], EXIT_CHECK_FAILED),
    ("release", ["{files}/platform"], EXIT_BAD_INPUT),
    ("report", ["{files}/platform"], EXIT_CHECK_FAILED),
    ("report", ["{files}/damaged"], EXIT_BAD_INPUT),
    ("report", ["{files}/differs", "--html", "/dev/full"], EXIT_UNREACHABLE),
    ("roll", ["--to", "{files}/platform", "--reason", "x"], EXIT_BAD_INPUT),
    ("roll", ["--back", "--reason", "x"], EXIT_UNREACHABLE),
    ("roll", ["--of", "exchange", "--back", "--reason", "x"], EXIT_UNREACHABLE),
    ("roll", ["--back", "--to", ".", "--reason", " ", "--by", "a\nb"], EXIT_BAD_INPUT),
    ("session list", [], EXIT_UNREACHABLE),
    ("session list", ["--all-regions", *NOBODY], EXIT_UNREACHABLE),
    ("session reset", ["XNAS", "--reason", "x"], EXIT_UNREACHABLE),
    ("spare keep", ["{files}/spare", "--listen", "nobody", "--certificates", "absent"], EXIT_BAD_INPUT),
    ("status", ["nobody"], EXIT_UNREACHABLE),
    ("strategy available", ["all"], EXIT_BAD_INPUT),
    ("strategy check", [str(ROOT / UNREADABLE)], EXIT_CHECK_FAILED),
    ("strategy disable", ["maker"], EXIT_UNREACHABLE),
    ("strategy list", [], EXIT_UNREACHABLE),
    ("strategy new", ["9 bad"], EXIT_BAD_INPUT),
    ("strategy set", ["maker", "size_lots=1"], EXIT_UNREACHABLE),
    ("strategy signal", ["lean", "{files}/text.json"], EXIT_BAD_INPUT),
    ("strategy start", ["maker"], EXIT_UNREACHABLE),
    ("strategy stop", ["maker"], EXIT_UNREACHABLE),
    ("sweep", ["inventory-maker", "--data", "{files}/text.csv", "--set", "size_lots=1:3"], EXIT_BAD_INPUT),
    ("top", [], EXIT_UNREACHABLE),
    ("up", ["--regions", "chicago", "--data", "/proc/absent"], EXIT_CHECK_FAILED),
    ("up", ["--regions", "chicago", "--data", "/proc/absent", "--detach"], EXIT_CHECK_FAILED),
    ("wire decode", ["{files}/text.pcap"], EXIT_BAD_INPUT),
    ("exchange bust", ["17", "--data", "{files}/absent"], EXIT_UNREACHABLE),
    ("exchange correct", ["17", "--data", "{files}/absent"], EXIT_BAD_INPUT),
    ("exchange phase", ["lunch", "--data", "{files}/absent"], EXIT_BAD_INPUT),
    ("exchange phase", ["trading", "--data", "{files}/absent"], EXIT_UNREACHABLE),
    ("exchange correct", ["17", "--data", "{files}/absent", "--lots", "3"], EXIT_UNREACHABLE),
    ("exchange run", ["--listing", "AAPL", "--ouch-port", "1"], EXIT_BAD_INPUT),
    ("exchange run", ["--listing", "AAPL=1e-999999999"], EXIT_BAD_INPUT),
    ("exchange run", ["--phase", "lunch=12:00", "--phase", "closed=24:00"], EXIT_BAD_INPUT),
    ("fix acceptor", ["--port", "1", "--dictionaries", "{files}"], EXIT_BAD_INPUT),
    ("fix certify", ["{files}/text.toml", "--only", "S1"], EXIT_BAD_INPUT),
    ("fix certify", ["{nobody}"], EXIT_UNREACHABLE),
    ("fix certify", ["{nobody}", "--only", ""], EXIT_BAD_INPUT),
    ("fix connect", ["{files}/text.toml"], EXIT_BAD_INPUT),
    ("fix connect", ["{nobody}"], EXIT_UNREACHABLE),
    ("fix lint", ["{files}/text.pcap"], EXIT_CHECK_FAILED),
    ("fix log", ["{files}/absent"], EXIT_BAD_INPUT),
]
"""Command → words with which it fails, and how it ends."""


def test_every_command_fails_in_a_row_of_the_table() -> None:
    leaves = {name for name, command in every_command() if not hasattr(command, "commands")}
    assert leaves == {name for name, _, _ in FAILING}


@pytest.mark.parametrize(("name", "words", "code"), FAILING)
def test_a_command_that_fails_prints_one_document_with_its_errors(
    typed: Typed, files: Path, name: str, words: list[str], code: int
) -> None:
    here = {"{files}": str(files), "{nobody}": str(files / "nobody.toml")}
    for mark, path in here.items():
        words = [word.replace(mark, path) for word in words]
    ended = typed(*name.split(), *words, "--json")
    assert ended.code == code, ended
    told = ended.document(name)
    assert told["schema"].startswith("meridian.") and told["exit_code"] == code
    assert told["errors"] and all(error.strip() and error in ended.err for error in told["errors"]), ended
    assert "Traceback" not in ended.err and not NUMBERS.search(ended.out + ended.err), ended


GONE = [
    "fills",
    "journal cat",
    "journal keep",
    "journal replay",
    "journal snapshot",
    "journal verify",
    "orders",
    "positions",
    "reconcile",
    "report",
]


@pytest.mark.parametrize("name", GONE)
def test_what_is_left_of_a_platform_is_told_and_what_is_gone_is_named(typed: Typed, files: Path, name: str) -> None:
    ended = typed(*name.split(), str(files / "platform"))
    assert ended.code == EXIT_CHECK_FAILED
    assert len(ended.out.splitlines()) > 1, "the other region"
    said = [line for line in ended.err.splitlines() if line.startswith("error: chicago: ")]
    assert len(said) == 1 and str(files / "platform" / "chicago") in said[0], ended.err


def test_a_platform_of_which_a_region_is_gone_is_not_said_to_be_accounted_for(typed: Typed, files: Path) -> None:
    told = typed("report", str(files / "platform"), "--json").document()
    assert list(told["regions"]) == ["new-york"]
    assert told["reconciliation"]["agrees"] is None and "chicago" in told["reconciliation"]["sentence"]


def test_a_region_whose_journal_alone_is_gone_is_named_too(typed: Typed, tmp_path: Path) -> None:
    top = platform(tmp_path)
    make_run(top / "chicago")
    for journal in (top / "chicago").rglob("journal-*.segment"):
        journal.unlink()
    for name in GONE:
        ended = typed(*name.split(), str(top))
        assert ended.code == EXIT_CHECK_FAILED and "error: chicago: " in ended.err, (name, ended.err)


WRITTEN = {"applied": True, "revision": 5, "why": [], "handed_over": {}, "proposal": None}
WAITING = {"in_force": False, "regions": [{"region": "chicago", "state": "pending", "input": None}]}


@pytest.mark.parametrize(
    "words",
    [
        ["kill", "firm"],
        ["limits", "set", "1", "5", "--version", "3"],
        ["limits", "permissions", "firm", "--state", "deny"],
        ["limits", "restricted", "AAPL", "--new-orders", "none"],
    ],
)
def test_a_change_that_is_not_in_force_in_time_is_one_document(
    typed: Typed, monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    def propagation(*_: Any) -> Iterator[dict[str, Any]]:
        yield WAITING

    monkeypatch.setattr(Client, "write", lambda *_, **__: WRITTEN)
    monkeypatch.setattr(Client, "propagation", propagation)
    ended = typed(*words, *NOBODY, "--json")
    told = ended.document()
    assert (ended.code, told["exit_code"], told["written"]) == (EXIT_CHECK_FAILED, EXIT_CHECK_FAILED, WRITTEN)
    assert "not in force in every region" in told["errors"][0] and "chicago pending" in told["errors"][0]


def test_a_kill_that_a_region_has_not_taken_names_it(typed: Typed, monkeypatch: pytest.MonkeyPatch) -> None:
    said = {"chicago": "in force at input 7", "new-york": "unknown: no answer within 2 s"}
    written = WRITTEN | {"applied": False, "handed_over": said, "why": ["the store is away"]}
    monkeypatch.setattr(Client, "write", lambda *_, **__: written)
    ended = typed("kill", "firm", *NOBODY, "--json")
    told = ended.document()
    assert ended.code == EXIT_CHECK_FAILED
    assert told["errors"] == ["not every region has taken it.", f"new-york: {said['new-york']}"]


def test_a_directory_of_runs_that_is_no_directory_is_a_sentence(
    typed: Typed, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "file"))
    for words in (["up", str(ROOT / "deploy/topologies/chicago.toml")], ["demo", "--seconds", "1"]):
        ended = typed(*words, "--json")
        assert ended.code in (EXIT_CHECK_FAILED, EXIT_UNREACHABLE)
        assert not NUMBERS.search(ended.err) and str(tmp_path / "file") in ended.document()["errors"][0], ended.err


def test_an_agents_socket_that_nobody_answers_at_is_told_without_a_number(typed: Typed, short_folder: Path) -> None:
    path = short_folder / "left.socket"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as one:
        one.bind(str(path))
    ended = typed("kill", "firm", "--local", "--socket", str(path), "--json")
    assert ended.code == EXIT_CHECK_FAILED and list(runs.runs()) == []
    assert "not reached: connection refused" in ended.document()["errors"][1], ended.out
