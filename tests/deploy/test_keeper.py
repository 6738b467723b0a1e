"""The keeper as a service of a topology: checked before it starts, at work beside the others, told in status and metrics."""

from __future__ import annotations

import os
import signal
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from meridian._native import engine as native
from meridian._native import journal as native_journal
from meridian.deploy import condition, runs
from meridian.deploy.supervisor import Supervisor
from meridian.deploy.topology import TopologyError, check
from meridian.engine import journals
from tests.deploy.support import command, printed, until
from tests.deploy.test_region import copied, spoil
from tests.deploy.test_runs import gone, soon, unique
from tests.engine.object_storage import BUCKET, KEYS, Line, server
from tests.engine.test_compression import SEGMENT_BYTES, many


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Runs lie apart from the user's own."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    yield
    assert list(runs.runs()) == []


def document(data: Path, **settings: Any) -> dict[str, Any]:
    """A topology of a keeper alone, beside what an engine left."""
    keeper = {"kind": "journal-keeper", "restart": "always", "settings": settings}
    return {"name": unique("kept"), "data_directory": str(data), "services": {"keeper": keeper}, "metrics": {"port": 0}}


def test_everything_wrong_with_its_settings_is_told_before_anything_starts(tmp_path: Path) -> None:
    ship = {"to": "books", "run": "a run", "endpoint": "http://10.0.0.1"}
    wrong = document(tmp_path, engine="../engine", keep_days=0, keep_bytes="much", ship=ship, colour="red")
    with pytest.raises(TopologyError) as told:
        check(wrong, kinds=[], aeron=False)
    said = "\n".join(told.value.errors)
    for key in ("engine", "keep_days", "keep_bytes", "ship", "colour"):
        assert f"services.keeper.settings.{key}" in said, said


def test_it_keeps_a_journal_and_is_told_while_the_storage_is_away_and_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in KEYS:
        monkeypatch.delenv(name, raising=False)
    data, keys = tmp_path / "data", tmp_path / "keys.ini"
    (data / "engine").mkdir(parents=True)
    native.run(data / "engine", many(1_500), None, SEGMENT_BYTES)
    count = len([one for one in native_journal.segments(data / "engine") if one["closed"]])
    keys.write_text("[default]\naws_access_key_id = somebody\naws_secret_access_key = a-secret-word\n")
    keys.chmod(0o600)
    with server() as address:
        line = Line(address)
        line.always = "500"
        ship = {"to": f"s3://{BUCKET}/topology", "run": "one", "endpoint": line.address, "credentials": str(keys)}
        topology = check(document(data, look_s=0.2, keep_days=30, ship=ship), kinds=[], aeron=False)
        with Supervisor(topology) as supervisor:
            run = supervisor.run

            def told() -> dict[str, Any]:
                rows = condition.described(run)["keepers"]
                return rows[0] if rows else {}

            def metric(name: str) -> float | None:
                url = f"http://127.0.0.1:{run.metrics_port}/metrics"
                lines = urllib.request.urlopen(url, timeout=10).read().decode().splitlines()
                found = [line for line in lines if f'name="keeper.{name}"' in line]
                return float(found[0].rpartition(" ")[2]) if found else None

            soon(lambda: told().get("last_error") is not None)
            away = told()
            assert away["segments_not_shipped"] == count and away["oldest_not_shipped_s"] > 0 and away["alarm"] is None
            assert "the storage answered 500" in away["last_error"] and any("500" in one for one in away["sentences"])
            assert metric("segments_not_shipped") == count and (metric("failed_in_a_row") or 0) > 0
            lines = list(condition.told({"name": "kept", **condition.described(run)}))
            assert any(f"keeper: {count} closed segments to ship, the oldest for" in line for line in lines), lines
            pid = run.processes["keeper"]["pid"]
            os.kill(pid, signal.SIGKILL)
            line.always = None

            def shipped() -> bool:
                supervisor.look()
                return told().get("segments_not_shipped") == 0

            soon(shipped)
            assert run.processes["keeper"]["pid"] != pid and metric("segments_not_shipped") == 0
            assert told()["last_error"] is None and told()["sentences"] == []
            log = (Path(run.run_directory) / "logs" / "keeper.log").read_text()
            assert "a-secret-word" not in log and "not kept" in log
        line.shutdown()
        line.server_close()
    soon(lambda: gone(run))
    assert [one["segment"] for one in native_journal.segments(data / "engine") if one["plain_bytes"]] == [
        count - 2,
        count - 1,
    ]


SERVICE = """
[services.keeper]
kind = "journal-keeper"
restart = "always"
[services.keeper.settings]
look_s = 0.2
"""


@pytest.mark.timeout(400)
def test_beside_a_region_that_trades_it_compresses_and_takes_away_and_the_region_starts_again(tmp_path: Path) -> None:
    path = copied(tmp_path)
    spoil(path, ("port = 9464", "port = 0"), ("segment_bytes = 4_194_304", "segment_bytes = 65_536"))
    path.write_text(path.read_text(encoding="utf-8") + SERVICE, encoding="utf-8")

    def alive(what: Callable[[Path], Any]) -> Path:
        """The engine's journal after a life in which this came to be."""
        run = printed("up", str(path), "--detach")
        journal = Path(run["run_directory"]) / "data" / "engine"
        try:
            for name in ("maker-aapl-xnas", "taker-aapl"):
                command("strategy", "start", name)
            until(lambda: what(journal))
            (status,) = printed("status")["runs"]
            (kept,) = status["keepers"]
            assert kept["journal"] == str(journal) and kept["last_error"] is None
        finally:
            printed("down", run["name"])
        return journal

    def packed(journal: Path) -> list[int]:
        return [one["segment"] for one in native_journal.segments(journal) if one["packed_bytes"] is not None]

    journal = alive(lambda journal: len(native_journal.segments(journal)) > 1)
    for _ in range(2):
        # Each life begins a segment of its own.
        alive(packed)
    assert packed(journal) and printed("journal", "verify", str(journal))["whole"]
    assert printed("journal", "replay", str(journal))["agree"]
    assert printed("report", str(journal.parents[1]))["reconciliation"]["agrees"]
    made = journals.snapshot(journal)
    path.write_text(path.read_text(encoding="utf-8") + "keep_bytes = 1\n", encoding="utf-8")
    alive(lambda journal: (journal / "retained.json").exists())
    (found,) = printed("journal", "verify", str(journal))["journals"]
    assert found["damage"] is None and 1 < found["begins_at"] <= made.input
    (replayed,) = printed("journal", "replay", str(journal), "--from", str(made.input))["journals"]
    assert replayed["agrees"] and replayed["last_sequence"] > made.input
    whole = command("journal", "replay", str(journal))
    assert whole.returncode == 1 and f"it begins at record {found['begins_at']}" in whole.stderr
    alive(lambda journal: len(native_journal.segments(journal)) > 1)
    (journal / made.name).unlink()
    refused = command("up", str(path), "--detach")
    assert refused.returncode != 0 and "no snapshot beside it fits" in refused.stderr, refused.stderr
