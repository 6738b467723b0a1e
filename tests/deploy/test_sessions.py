"""Sessions from the command line: what is sent to the engine, and what its answers become."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from meridian import records
from meridian.console import BadInput, CheckFailed
from meridian.deploy import session_cli, sessions
from meridian.deploy.strategies import RunningEngine
from meridian.risk.api.client import Client

DOCUMENT = {
    "engine": {"inbox": "inbox", "outputs": "outputs"},
    "slots": [],
    "venues": [{"name": "XNAS", "id": 1}, {"name": "XBOS", "id": 2}],
}


class Engine(RunningEngine):
    """An engine that takes everything down and answers as it is told to."""

    told: list[Any]
    outcome: int

    def recorded(self) -> int:
        """As the real one."""
        return 0

    def tell(self, commands: list[bytes], request: int) -> None:
        """Keeps what would be sent."""
        self.told.extend(records.parse(one) for one in commands)

    def answers(self, is_mine: Callable[[Any], bool], count: int, after: int) -> list[Any]:
        """One answer to the last command."""
        last = self.told[-1]
        answer = records.new("Applied", request=last["request"], outcome=self.outcome, input=4_711)
        assert is_mine(answer) and (count, after) == (1, 0)
        return [answer]


def engine(folder: Path, outcome: int = 1) -> Engine:
    """An engine that answers so."""
    made = object.__new__(Engine)
    for name, value in {"directory": folder, "document": DOCUMENT, "told": [], "outcome": outcome}.items():
        object.__setattr__(made, name, value)
    return made


def test_a_reset_says_who_asked_and_why_and_returns_the_input(tmp_path: Path) -> None:
    double = engine(tmp_path)
    assert sessions.reset(double, "XBOS", reason="it answers again: " + "ü" * 60, by="ann") == 4_711
    (sent,) = double.told
    assert (int(sent["header"]["kind"]), int(sent["header"]["venue"])) == (records.Kind.SESSION_RESET, 2)
    by, reason = (bytes(sent[word]).rstrip(b"\0").decode() for word in ("by", "reason"))
    assert (by, reason) == ("ann", "it answers again: " + "ü" * 31), "cut at a letter's end"


@pytest.mark.parametrize(("outcome", "word"), [(2, "is not open"), (3, "is down, or has no breaker")])
def test_what_the_engine_does_not_do_is_a_failed_check(tmp_path: Path, outcome: int, word: str) -> None:
    with pytest.raises(CheckFailed, match=word):
        sessions.reset(engine(tmp_path, outcome), "XNAS", reason="x", by="ann")


def test_everything_wrong_is_told_at_once_and_nothing_is_sent(tmp_path: Path) -> None:
    double = engine(tmp_path)
    with pytest.raises(BadInput) as caught:
        sessions.reset(double, "XBAD", reason=" ", by="ann")
    assert caught.value.errors == [
        "VENUE = XBAD: no orders go there; allowed are XNAS, XBOS",
        "--reason = : must say why",
    ]
    assert double.told == []


def test_a_row_has_the_words_that_regions_publish() -> None:
    health = records.new(
        "SessionHealth",
        state=3,
        cause=4,
        session=1,
        probes_left=2,
        rejects=5,
        answers=9,
        time_ns=7,
        throttle_messages=60,
    )
    row = sessions.row(health)
    assert [row[word] for word in ("state", "breaker", "cause", "at_ns")] == ["up", "half_open", "session", 7]
    told = session_cli._told({"region": "ny", "venue": "XNAS", **row})
    assert told[3:7] == ["half open, 2 probes left", "session", "0 of 60, 0 for cancels", "0 now, 5 of 9"]


@pytest.mark.parametrize(
    ("answer", "code", "word"),
    [
        ({"outcome": "in_force", "input": 12, "why": None}, 0, "in force at input 12"),
        ({"outcome": "refused", "input": None, "why": "its session is down"}, 1, "its session is down"),
        ({"outcome": "waiting", "input": None, "why": None}, 1, "has not answered yet"),
    ],
)
def test_a_reset_through_the_api(monkeypatch: pytest.MonkeyPatch, answer: dict[str, Any], code: int, word: str) -> None:
    asked: list[Any] = []

    def write(_: Client, *arguments: Any) -> dict[str, Any]:
        asked.append(arguments)
        return answer

    monkeypatch.setattr(Client, "write", write)
    arguments = ["reset", "XNAS", "--reason", "it answers", "--region", "new/york", "--api", "http://127.0.0.1:1"]
    done = CliRunner().invoke(session_cli.session, arguments, env={"MERIDIAN_TOKEN": "t"})
    said = done.output + "".join(getattr(done.exception, "errors", []))
    assert asked == [("POST", "/v1/sessions/new%2Fyork/XNAS/reset", {"reason": "it answers"})]
    assert word in said and (done.exit_code != 0) == (code != 0), said


def test_lists_of_all_regions_are_what_the_api_says(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [{"region": "chicago", "venue": "XCME", "state": "up", "breaker": "closed", "age_ms": 3}]
    monkeypatch.setattr(Client, "get", lambda _, path: {"rows": rows} if path == "/v1/sessions" else {})
    arguments = ["list", "--all-regions", "--api", "http://127.0.0.1:1", "--json"]
    done = CliRunner().invoke(session_cli.session, arguments, env={"MERIDIAN_TOKEN": "t"})
    assert done.exit_code == 0 and json.loads(done.output)["sessions"] == rows
