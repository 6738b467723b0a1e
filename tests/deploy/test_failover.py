"""The demo whose New York engine is killed: its standby leads, every order is accounted for, and the engine follows again.

Invariant: these runs lie apart from the user's own, and what one leaves behind fails it.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from meridian import records
from meridian.engine import journals
from tests.deploy.support import command, own_runtime
from tests.support import ROOT

SECONDS = 16
REGION = "new-york"
END_SECONDS_MAX = 400.0
HELD_MS_MAX = 5_000.0
"""No measurement: a host may be busy, and a longer time is another way, that after a crash."""


@pytest.fixture(autouse=True)
def own_place() -> Iterator[None]:
    """Runs of these tests lie apart from the user's own, and none is left."""
    with own_runtime():
        yield


def starts(journal: Path) -> list[tuple[int, int]]:
    """Input and epoch of each life in an engine's journal."""
    found = [
        (at, records.parse(data)) for at, _, data in journals.records(journal) if records.name_of(data) == "EngineStart"
    ]
    return [(at, int(one["epoch"])) for at, one in found]


def journals_end(journal: Path) -> int:
    """The last input of a journal."""
    return max(at for at, _, _ in journals.records(journal))


@pytest.mark.timeout(600)
def test_a_killed_engine_is_replaced_by_its_standby_follows_it_and_is_given_its_place_back() -> None:
    words = ["demo", "--scenario", "failover", "--seconds", str(SECONDS), "--json"]
    done = subprocess.run([sys.executable, "-m", "meridian", *words], cwd=ROOT, capture_output=True, text=True,
                          timeout=END_SECONDS_MAX, check=False)  # fmt: skip
    assert done.returncode == 0, done.stderr
    printed: dict[str, Any] = json.loads(done.stdout)
    report, told = printed["report"], printed["failover"]
    assert report["reconciliation"]["agrees"] and report["problems"] == [] == told["problems"]
    pair = {"engine", "engine-standby"}
    assert {told["was"], told["leads"]} == {told["leads_at_end"], told["follows_at_end"]} == pair and told["back"]
    assert (
        told["killed_ns"] < told["seen_ns"] <= told["told_ns"] < told["led_ns"]
        and told["killed_ns"] < told["first_order_ns"]
    )

    asked = told["hand_over"]
    assert (
        {asked["was"], asked["leads"]} == pair and asked["epoch"] > told["epoch"] and 0 < asked["held_ms"] < HELD_MS_MAX
    )

    data = Path(printed["directory"]) / REGION / "data"
    about = json.loads((data.parent / "record.json").read_text(encoding="utf-8"))["engine"]
    assert about["journal"] == f"data/{told['leads_at_end']}" and set(about["pair"]) == pair
    # On a busy host one may be replaced because it stood still: then there are more lives than two.
    lives = starts(data / told["leads_at_end"])
    assert [epoch for _, epoch in lives] == list(range(1, told["promotions"] + 2))
    assert starts(data / told["follows_at_end"]) == lives, "who follows has the same inputs, from the first on"
    kept = data / f"{told['was']}.epoch-{told['epoch'] - 1}"
    assert starts(kept) == lives[: told["epoch"] - 1] and told["inputs_equal"] > lives[-1][0]

    ceded = data / f"{asked['was']}.epoch-{asked['epoch'] - 1}"
    at = next(at for at, epoch in lives if epoch == asked["epoch"])
    assert journals_end(ceded) == at - 1, "nothing that the one took that made way is missing, and nothing is too much"

    promotions = [one for one in report["events"] if one["kind"] == "promotion"]
    assert [one["regions"][REGION]["input"] for one in promotions] == [at for at, _ in lives[1:]]
    assert {one["regions"][REGION]["record"] for one in promotions} == {"EngineStart"}
    replayed = json.loads(command("journal", "replay", printed["directory"], "--json").stdout)
    assert replayed["agree"] and len(replayed["journals"]) == 2, "one of each region: of who leads"
    orders = [row for row in report["orders"] if row["region"] == REGION]
    assert sum(row["sent"] for row in orders) > 0
