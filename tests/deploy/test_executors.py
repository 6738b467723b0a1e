"""A leg in another region's engine, in the real thing: two regions under one hand, each engine a process, a line between them."""

from __future__ import annotations

import bisect
import itertools
import json
import os
import shutil
import signal
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from meridian import records
from meridian._native import analytics as native
from meridian.console import BadInput
from meridian.deploy import platform as platforms
from meridian.deploy.platform import Platform
from meridian.deploy.strategies import RunningEngine, kept, new_request, settings, start_stop
from meridian.engine import journals
from meridian.strategies import channel, region_number
from tests.deploy.support import World, command
from tests.support import ROOT

NEAR, FAR = "new-york", "chicago"
PAIR, EXECUTOR, READER = "pair-es", "pair-es-far", "reader-es"
LIMITS = """
  { node = "%s", metric = "order_quantity", lots = 1000 },
  { node = "%s", metric = "order_notional", money = 20_000_000 },
  { node = "%s", metric = "price_collar", percent = 5, reference_age = "5s" },
  { node = "%s", metric = "message_rate", count = 5000, window = "1s", burst = 500 },
  { node = "%s", metric = "open_orders", orders = 200 },
  { node = "%s", metric = "position_long", lots = 50 },
  { node = "%s", metric = "position_short", lots = 50 },
  { node = "%s", metric = "gross_exposure", money = 1_000_000_000 },
"""


def made(folder: Path) -> list[str]:
    """The shipped regions with a pair in New York whose second leg Chicago's engine runs, and a reader of the prices there."""
    shutil.copytree(ROOT / "deploy" / "topologies", folder, dirs_exist_ok=True)
    limits = folder / "firm" / "limits.toml"
    text, number = limits.read_text(encoding="utf-8"), 100
    rows = []
    for node in (PAIR, EXECUTOR, READER):
        for row in (LIMITS % ((node,) * 8)).strip().splitlines():
            rows.append(row.replace("{ node", f"{{ id = {number}, node"))
            number += 1
    text = text.replace("\n]\n", "\n" + "\n".join(rows) + "\n]\n", 1)
    for at, (node, desk) in enumerate(((PAIR, "desk"), (EXECUTOR, "chicago-desk"), (READER, "desk"))):
        text += f'\n[nodes.{node}]\nid = {16 + 2 * at}\nlevel = "strategy"\nparent = "{desk}"\n'
        text += f'\n[nodes.{node}-account]\nid = {17 + 2 * at}\nlevel = "account"\nparent = "{node}"\n'
    limits.write_text(text, encoding="utf-8")
    with (folder / NEAR / "strategies.toml").open("a", encoding="utf-8") as file:
        file.write(
            f'\n[strategies.{PAIR}]\nclass = "{ROOT / "tests/deploy/pair_class.py"}:Pair"\nlistings = [\n'
            '  { instrument = "ESM4", venue = "XNAS" },\n  { instrument = "ESM4", venue = "XCME", executor = 2 },\n]\n'
            f'\n[strategies.{READER}]\nclass = "{ROOT / "tests/deploy/reader_class.py"}:Reader"\nlistings = [\n'
            '  { instrument = "ESM4", venue = "XNAS" },\n  { instrument = "ESM4", venue = "XCME", quotes = 2 },\n]\n'
        )
    with (folder / FAR / "strategies.toml").open("a", encoding="utf-8") as file:
        file.write(
            f'\n[executors.{EXECUTOR}]\norigin = 1\nserves = "{PAIR}"\n'
            'listings = [{ instrument = "ESM4", venue = "XCME" }]\n'
        )
    return [str(folder / f"{name}.toml") for name in (NEAR, FAR)]


def test_what_regions_say_of_each_others_legs_is_checked_before_anything_starts(tmp_path: Path) -> None:
    names = made(tmp_path)
    assert [one.topology.name for one in platforms.load(names)] == [NEAR, FAR]
    far, near = (tmp_path / region / "strategies.toml" for region in (FAR, NEAR))
    far.write_text(far.read_text().replace("origin = 1", "origin = 2").replace(f'serves = "{PAIR}"', 'serves = "x"'))
    near.write_text(near.read_text().replace("executor = 2", "executor = 1"))
    with pytest.raises(BadInput) as refused:
        platforms.load(names)
    said = "\n".join(refused.value.errors)
    assert f"executors.{EXECUTOR}.origin = 2: allowed is another engine's shard" in said
    assert f"executors.{EXECUTOR}.serves = 'x': allowed is the name of a node of level strategy" in said
    assert f"strategies.{PAIR}.listings[1].executor = 1: allowed is another engine's shard" in said
    names = made(tmp_path / "other")
    far = tmp_path / "other" / FAR / "strategies.toml"
    far.write_text(far.read_text().replace(f'serves = "{PAIR}"', 'serves = "taker-aapl"'))
    with pytest.raises(BadInput) as refused:
        platforms.load(names)
    assert f'{FAR} has no executor with origin = 1, serves = "{PAIR}" and this listing' in refused.value.errors[0]


def test_what_regions_say_of_each_others_best_prices_is_checked_before_anything_starts(tmp_path: Path) -> None:
    made(tmp_path)
    near = tmp_path / NEAR / "strategies.toml"
    good, row = near.read_text(), '{ instrument = "ESM4", venue = "XCME", quotes = 2 }'
    assert row in good

    def refusals(*rows: str) -> str:
        near.write_text(good.replace(row, ", ".join(rows)))
        with pytest.raises(BadInput) as refused:
            platforms.load([str(tmp_path / f"{name}.toml") for name in (NEAR, FAR)])
        return "\n".join(refused.value.errors)

    said = refusals(
        row.replace("quotes = 2", "quotes = 1"), '{ instrument = "AAPL", venue = "XBOS", quotes = 2, executor = 3 }'
    )
    key = f"strategies.{READER}.listings"
    assert f"{key}[1].quotes = 1: allowed is another engine's shard; this one's own books are seen without" in said
    assert f"{key}[2].quotes = 2: allowed is 3, as executor: a listing belongs to one engine" in said
    said = refusals(row.replace("quotes = 2", "quotes = 0, shard = 2"))
    assert f"{key}[1].quotes = 0: allowed is the shard of the engine that tells its best prices, from 1 to 255." in said
    assert f"{key}[1].shard = 2: allowed is one of the keys instrument, venue, executor, quotes." in said
    said = refusals('{ instrument = "AAPL", venue = "XBOS", quotes = 2 }')
    assert f"{NEAR}: {key.removesuffix('.listings')}.listings: AAPL at XBOS: quotes = 2: no feed of {FAR}" in said
    assert "carries it; allowed are ESM4 at XCME" in said
    rows = [f'{{ instrument = "ESM4", venue = "XCME", quotes = {shard} }}' for shard in range(3, 8)]
    assert "at most 4 venues of other engines for an instrument" in refusals(*rows)
    far = tmp_path / f"{FAR}.toml"
    far.write_text(
        far.read_text().replace("[tiles.engine.settings]", '[tiles.engine.settings]\nquotes = { region = "x" }')
    )
    near.write_text(good)
    with pytest.raises(BadInput) as refused:
        platforms.load([str(tmp_path / f"{name}.toml") for name in (NEAR, FAR)])
    sentence = f'{FAR}: tiles.engine.settings.quotes.region = "x": must be the name of this region, "{FAR}"'
    assert refused.value.errors == [sentence]


@pytest.fixture(scope="module")
def world(home: Path) -> Iterator[World]:
    """Both regions; the executor and the pair run."""
    with Platform(platforms.load(made(home / "topologies")), home / "data") as platform:
        world = World(platform)
        world.until(lambda: all(world.agent(region)["store"]["state"] == "present" for region in (NEAR, FAR)))
        for region, name in ((FAR, EXECUTOR), (NEAR, PAIR), (NEAR, READER)):
            engine, request = running(world, region), new_request()
            engine.command(start_stop(engine.slot(name), request, start=True), request)
        yield world
    assert not platform.failures
    for region in (NEAR, FAR):
        place = str(platform.places[region])
        done = command("journal", "replay", place, "--json")
        assert json.loads(done.stdout)["agree"], (region, done.stdout, done.stderr)
        done = command("reconcile", place, "--json")
        assert done.returncode == 0, (region, done.stdout, done.stderr)
        done = command("parity", place, "--json")
        assert done.returncode == 0 and json.loads(done.stdout)["unexplained"] == 0, (region, done.stdout, done.stderr)


def running(world: World, region: str) -> RunningEngine:
    return RunningEngine.of(Path(world.platform.below[region].run.data_directory).parent)


def ask(world: World, **values: int) -> None:
    """Sets live parameters of the pair."""
    engine, request = running(world, NEAR), new_request()
    slot = engine.slot(PAIR)
    engine.command(settings(slot, {name: str(value) for name, value in values.items()}, request, runs=True), request)


def said(world: World, region: str, tag: int) -> list[Any]:
    """What the outputs say of the pair of this number."""
    engine = running(world, region)
    outputs = engine.directory / engine.document["engine"]["outputs"]
    return [one for _, one in kept(outputs, "MultiLeg") if int(one["tag"]) == tag]


def ended(world: World, tag: int) -> tuple[int, dict[int, tuple[int, int]], int]:
    """State and legs (filled, unwound) of a pair that has ended, and its id."""

    def last() -> Any:
        whole = [one for one in said(world, NEAR, tag) if int(one["leg"]) == 0]
        return whole[-1] if whole and int(whole[-1]["state"]) >= records.MultiLegState.COMPLETED else None

    whole = world.until(last)
    legs = {int(one["leg"]): (int(one["filled_lots"]), int(one["unwound_lots"])) for one in said(world, NEAR, tag)}
    return int(whole["state"]), legs, int(whole["owner"]["order_id"])


def far_position(world: World) -> int:
    """Lots of the executor's account, by its engine's last word."""
    engine = running(world, FAR)
    account = next(one["account"] for one in engine.document["slots"] if one["name"] == EXECUTOR)
    outputs = engine.directory / engine.document["engine"]["outputs"]
    found = [one for _, one in kept(outputs, "Position") if int(one["account"]) == account]
    return int(found[-1]["lots"]) if found else 0


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_a_pair_completes_over_two_regions_and_each_engine_journals_its_half(world: World) -> None:
    listed = {
        row["name"]: row for row in json.loads(command("strategy", "list", "--run", FAR, "--json").stdout)["strategies"]
    }
    assert (listed[EXECUTOR]["class"], listed[EXECUTOR]["state"]) == ("executor", "running")
    ask(world, asked=1, far_offset_nanos=20_000_000_000)
    state, legs, number = ended(world, 1)
    assert state == records.MultiLegState.COMPLETED, (legs, said(world, FAR, number))
    assert legs[1][0] == legs[2][0] == 2
    assert far_position(world) == -2
    begun = {int(one["owner"]["order_id"]) for one in said(world, FAR, number)}
    assert len(begun) == 1, "the far engine says its half under the near one's number"
    (where,) = journals.find(Path(world.platform.below[FAR].run.data_directory) / "engine")
    names = [records.name_of(data) for _, _, data in journals.records(where)]
    assert names.count("ExecutorRequest") >= 3, "reserve, send, close: each is an input"


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_a_line_that_falls_silent_fails_the_pair_and_it_ends_when_the_line_is_back(world: World) -> None:
    before = far_position(world)
    # The offer over there rests far above the market, so that only what is here trades.
    ask(world, asked=2, far_offset_nanos=-100_000_000_000, within_ns=60_000_000_000)
    number = 2
    world.until(lambda: any(int(one["leg"]) == 2 and int(one["state"]) == 2 for one in said(world, NEAR, number)))
    pid = world.platform.above.run.processes["relay"]["pid"]
    os.kill(pid, signal.SIGSTOP)
    try:
        cause = int(records.MultiLegCause.PEER_SILENT)
        world.until(lambda: any(int(one["cause"]) == cause for one in said(world, NEAR, number)))
    finally:
        os.kill(pid, signal.SIGCONT)
    state, legs, _ = ended(world, number)
    assert state in (records.MultiLegState.UNWOUND, records.MultiLegState.INCOMPLETE)
    assert legs[2] == (0, 0) and far_position(world) == before, "the offer there was taken back"
    assert {world.counter(region, "engine.peer_messages_dropped") for region in (NEAR, FAR)} == {0}


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_an_executor_that_an_operator_disables_refuses_legs_until_it_is_started(world: World) -> None:
    def typed(*words: str) -> dict[str, Any]:
        done = command("strategy", *words, "--run", FAR, "--json")
        assert done.returncode == 0, (done.stdout, done.stderr)
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def listed() -> str:
        return next(str(row["state"]) for row in typed("list")["strategies"] if row["name"] == EXECUTOR)

    before = far_position(world)
    assert typed("disable", EXECUTOR)["in_force_at_input"] > 0 and listed() == "disabled"
    again = typed("disable", EXECUTOR)
    assert (again["done"], again["in_force_at_input"]) == ("already disabled", None)
    ask(world, asked=3, far_offset_nanos=20_000_000_000, within_ns=5_000_000_000)
    state, legs, _ = ended(world, 3)
    assert state == records.MultiLegState.UNWOUND and all(filled == 0 for filled, _ in legs.values()), (state, legs)
    assert int(said(world, NEAR, 3)[-1]["cause"]) == records.MultiLegCause.LEG_REFUSED and far_position(world) == before
    assert typed("start", EXECUTOR)["in_force_at_input"] > 0 and listed() == "running"
    ask(world, asked=4)
    state, legs, _ = ended(world, 4)
    assert state == records.MultiLegState.COMPLETED and far_position(world) == before - 2, legs


def read_by_strategy(world: World, name: str, count: int) -> list[float]:
    """The last numbers that the reader published under this name, when there are so many new ones."""
    number, engine = channel(name), running(world, NEAR)
    outputs = engine.directory / engine.document["engine"]["outputs"]

    def found() -> list[float]:
        rows = [one for _, one in kept(outputs, "Signal") if int(one["signal"]) == number]
        return [struct.unpack("<d", int(one["bits"]).to_bytes(8, "little"))[0] for one in rows]

    before = len(found())
    return world.until(lambda: now[before:] if len(now := found()) >= before + count else None)


def journal_of(world: World, region: str) -> Path:
    (where,) = journals.find(Path(world.platform.below[region].run.data_directory) / "engine")
    return where


def quotes_heard(world: World) -> list[Any]:
    """What New York's engine was told of best prices, in its input."""
    rows = [data for _, _, data in journals.records(journal_of(world, NEAR)) if records.name_of(data) == "RegionQuote"]
    return [records.parse(data) for data in rows]


def buy(world: World, asked: int) -> None:
    """So often the reader shall have bought."""
    engine, request = running(world, NEAR), new_request()
    engine.command(settings(engine.slot(READER), {"asked": str(asked)}, request, runs=True), request)


def bought(world: World) -> list[dict[str, int]]:
    """The reader's orders, by the journal."""
    where, document = journal_of(world, NEAR), running(world, NEAR).document
    account = next(one["account"] for one in document["slots"] if one["name"] == READER)
    columns, rows = native.fold(where, libraries=journals.libraries_of(where))["orders"]
    table = np.frombuffer(rows, dtype=np.int64).reshape(-1, len(columns)).tolist()
    return [one for one in (dict(zip(columns, row, strict=True)) for row in table) if one["account"] == account]


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_a_strategy_trades_by_the_best_price_of_another_region_and_each_one_told_was_so(world: World) -> None:
    ages = read_by_strategy(world, "far.age", 5)
    assert min(ages) >= 4_000_000 and max(ages) < 1_000_000_000, "the way takes 4 ms, a repetition comes within 200"
    bids = read_by_strategy(world, "far.bid", 5)
    buy(world, 1)
    sent = world.until(lambda: bought(world))[0]
    heard = quotes_heard(world)
    told = {int(one["bid_nanos"]) for one in heard}
    assert sent["price_nanos"] in told and set(map(int, bids)) <= told
    times = [int(one["time_ns"]) for one in heard]
    assert times == sorted(set(times)) and len(times) > 20, "one listing, each later than the one before"
    assert {int(one["region"]) for one in heard} == {region_number(FAR)}
    # What was told was so: the touch of Chicago's own journal at that time.
    columns, rows = native.fold(journal_of(world, FAR), marks_interval_ns=0)["marks"]
    touches = [row for row in np.frombuffer(rows, dtype=np.int64).reshape(-1, len(columns)).tolist() if row[1] == 3]
    at_ns = [row[0] for row in touches]
    compared = 0
    for one in (one for one in heard if int(one["state"]) == records.RegionQuoteState.PRICED):
        touch = touches[bisect.bisect_right(at_ns, int(one["time_ns"])) - 1]
        assert touch[3:] == [int(one[name]) for name in ("bid_nanos", "ask_nanos", "bid_lots", "ask_lots")], one
        compared += 1
    assert compared > 20
    assert world.counter(FAR, "engine.region_quotes_said") >= len(heard)
    assert world.counter(FAR, "engine.region_quotes_dropped") == 0


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_prices_of_a_region_that_is_not_heard_age_and_nothing_else_breaks(world: World) -> None:
    pid = world.platform.above.run.processes["relay"]["pid"]
    os.kill(pid, signal.SIGSTOP)
    try:
        world.until(lambda: read_by_strategy(world, "far.age", 1)[-1] > 2_000_000_000)
        ages = read_by_strategy(world, "far.age", 10)
        steps = [later - earlier for earlier, later in itertools.pairwise(ages)]
        assert all(step > 0 for step in steps), "each call later, each age older"
        told, orders = len(quotes_heard(world)), len(bought(world))
        buy(world, orders + 1)
        read_by_strategy(world, "far.age", 5)
        assert (len(quotes_heard(world)), len(bought(world))) == (told, orders), "a price of then is not traded by"
    finally:
        os.kill(pid, signal.SIGCONT)
    world.until(lambda: read_by_strategy(world, "far.age", 1)[-1] < 1_000_000_000)
    world.until(lambda: len(bought(world)) == orders + 1)
