"""A region from its files: New York comes up from its shipped files, is the demo's, and is refused whole when spoilt."""

from __future__ import annotations

import json
import shutil
import tomllib
from decimal import Decimal
from pathlib import Path

import pytest

from meridian.console import BadInput
from meridian.deploy import runs
from meridian.deploy.demo.documents import documents, shipped
from meridian.deploy.demo.market import FUTURE, SHARE, Instrument, Market, generated, with_chicago
from meridian.deploy.demo.toml_text import dumps
from meridian.deploy.region import load
from tests.deploy.support import command, printed
from tests.support import ROOT

NEW_YORK = ROOT / "deploy" / "topologies" / "new-york.toml"

pytestmark = pytest.mark.usefixtures("runs_apart")


def copied(folder: Path) -> Path:
    """New York's files, to be spoilt."""
    for name in ("firm", "new-york"):
        shutil.copytree(NEW_YORK.parent / name, folder / name)
    return Path(shutil.copy(NEW_YORK, folder))


def spoil(path: Path, *changes: tuple[str, str]) -> None:
    text = path.read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new, 1)
    path.write_text(text, encoding="utf-8")


def test_new_york_comes_up_trades_is_seen_and_goes_down(tmp_path: Path) -> None:
    path = copied(tmp_path)
    spoil(path, ("port = 9464", "port = 0"))
    checked = printed("up", str(path), "--check")
    assert len(checked["tiles"]) == 10 and "taker-aapl" in checked["strategies"]
    run = printed("up", str(path), "--detach")
    try:
        (status,) = printed("status")["runs"]
        assert {row["name"] for row in status["processes"]} >= {"engine", "exchange_xnas", "gateway_xbos"}
        assert all(row["ready"] for row in status["processes"])
        listed = printed("strategy", "list")["strategies"]
        assert [row["state"] for row in listed] == ["stopped"] * 4
        for name in ("maker-aapl-xnas", "taker-aapl"):
            printed("strategy", "start", name)
        was = {row["name"]: row["parameters"] for row in listed}
        printed("strategy", "set", "taker-aapl", "edge_nanos=12000000")
        now = {row["name"]: row["parameters"] for row in printed("strategy", "list")["strategies"]}
        assert now == was | {"taker-aapl": was["taker-aapl"] | {"edge_nanos": 12_000_000}} != was
        top = printed("top", "--interval", "3")
        assert next(row for row in top["counters"] if row["name"] == "engine.inputs")["per_second"] > 10
        sessions = {row["venue"]: row for row in printed("session", "list")["sessions"]}
        assert {"XNAS", "XBOS"} <= set(sessions)
        assert [sessions["XNAS"][word] for word in ("state", "breaker", "cause")] == ["up", "closed", None]
        assert sessions["XNAS"]["answers"] > 0 and sessions["XNAS"]["throttle_messages"] == 0
        unknown = command("session", "reset", "XBAD", "--reason", "")
        assert unknown.returncode == 2 and "VENUE = XBAD" in unknown.stderr and "--reason" in unknown.stderr
        printed("strategy", "stop", "maker-aapl-xnas")
        orders = printed("orders", run["run_directory"])["orders"]
        assert orders and {row["venue"] for row in orders} <= {1, 2}
        report = printed("report", run["run_directory"])
        assert report["reconciliation"]["agrees"], report["reconciliation"]
    finally:
        printed("down", run["name"])
    assert printed("journal", "verify", run["run_directory"])["whole"]
    assert printed("journal", "replay", run["run_directory"])["agree"]


def test_a_second_start_goes_on_from_the_first_ones_journals(tmp_path: Path) -> None:
    path = copied(tmp_path)
    spoil(path, ("port = 9464", "port = 0"))
    for _ in range(2):
        run = printed("up", str(path), "--detach")
        printed("strategy", "list")
        printed("down", run["name"])
    assert printed("journal", "replay", run["run_directory"])["agree"]


def test_the_demo_and_the_regions_are_one() -> None:
    files, made = shipped(), documents(generated(), Path("/somewhere"))
    assert made.keys() == files.keys()
    for name, document in made.items():
        if name.endswith("/topology"):
            document = {key: value for key, value in document.items() if key not in ("data_directory", "region")}
            files[name].pop("region")
        assert document == files[name], name


def test_a_folder_of_data_that_is_not_named_so_is_refused(tmp_path: Path) -> None:
    folder = shutil.copytree(ROOT / "deploy/topologies", tmp_path / "topologies")
    path = folder / "new-york.toml"
    path.write_text(f'data_directory = "{tmp_path}/journals"\n{path.read_text()}')
    done = command("up", str(path), "--check")
    assert done.returncode == 2 and "its last part must be data" in done.stderr, done.stderr


def test_other_instruments_are_traded_as_those_that_they_are_like() -> None:
    share = Instrument(id=1, symbol="GOOGL", like=SHARE, file=Path("/flow/googl.csv"), venues=("XNAS", "XBOS"))
    future = Instrument(id=2, symbol="ESH5", like=FUTURE, file=Path("/flow/es.dbn"), venues=("XNAS", "XBOS", "XCME"))
    made = documents(Market([share, future]), Path("/somewhere"))
    strategies = made["new-york/strategies"]["strategies"]
    assert list(strategies) == [
        "maker-googl-xnas", "maker-googl-xbos", "maker-esh5-xnas", "maker-esh5-xbos", "taker-googl", "taker-esh5",
    ]  # fmt: skip
    assert list(made["chicago/strategies"]["strategies"]) == ["maker-esh5-xcme"]
    assert strategies["taker-esh5"]["parameters"]["edge_nanos"] == 250_000_000
    limits = made["limits"]
    assert len(limits["limits"]) == 8 * (1 + 7) + 2 and len(limits["nodes"]) == 5 + 2 * 7
    assert [row["instrument"] for row in limits["limits"] if row.get("enforcement") == "global"] == ["ESH5"] * 2
    flow = made["new-york/topology"]["tiles"]["exchange_xbos"]["settings"]["flow"]
    assert [(one["symbol"], one["fit"], one["lag_ns"]) for one in flow] == [
        ("GOOGL", "aapl", 4 * 10**7),
        ("ESH5", "es", 4 * 10**7),
    ]
    assert flow[0]["file"] == "/flow/googl.csv" and flow[1]["file"] == "/flow/es.dbn"
    (chicago,) = made["chicago/topology"]["tiles"]["exchange_xcme"]["settings"]["flow"]
    assert chicago["symbol"] == "ESH5" and "file" not in chicago, "recorded flow drives New York alone"
    for document in made.values():
        assert tomllib.loads(dumps(document), parse_float=Decimal) == document


def test_chicago_lists_a_future_also_where_the_flow_has_none() -> None:
    (share, future) = with_chicago([Instrument(id=1, symbol="GOOGL", file=Path("/flow/googl.csv"))])
    assert share.venues == ("XNAS",)
    assert (future.id, future.symbol, future.file, future.venues) == (2, FUTURE, None, ("XCME",))


def test_errors_of_all_four_files_come_at_once(tmp_path: Path) -> None:
    path = copied(tmp_path)
    spoil(
        path,
        ("depth = 64", "depth = 0"),
        ("venue = 1\nsource = 1", "venue = 70000\nsource = 0"),
        ('fit = "es"', 'fit = "nq"'),
        ('kind = "recorder"', 'kind = "recorder"\nsettings = { keep = 5 }'),
        ('"gateway_xnas_engine", "feed_xnas_engine"', '"feed_xnas_engine"'),
        ('outputs = "engine_recorder"', 'outputs = "engine_recoder"'),
    )
    spoil(tmp_path / "firm" / "reference.toml", ("units_per_lot = 50", "units_per_lot = 0"))
    spoil(tmp_path / "firm" / "limits.toml", ("percent = 5,", "percent = 500,"))
    spoil(
        tmp_path / "new-york" / "strategies.toml",
        ('class = "cross-taker"', 'class = "cross-tanker"'),
        ("size_lots = 50", "size_lots = 0"),
        ('instrument = "ESM4", venue = "XNAS"', 'instrument = "ESM4", venue = "XBOS"'),
    )
    with pytest.raises(BadInput) as refused:
        load(path)
    errors = refused.value.errors
    expected = [
        "links.inbox_engine.depth = 0: must be at least 1",
        "tiles.gateway_xnas.settings.venue = 70000: must be a whole number from 1 to 65535",
        "tiles.gateway_xnas.settings.source = 0: must be a whole number above 0",
        'tiles.exchange_xnas.settings.flow[1].fit = "nq": must be aapl or es',
        "tiles.recorder.settings.keep = 5: is not a key here; a recorder has no settings",
        'tiles.engine.settings.outputs = "engine_recoder": must be a link that this tile produces',
        "instruments.ESM4.units_per_lot = 0: allowed is a decimal number above zero",
        "limits[2].percent = 500: allowed is a percentage from 0 (forbids) to 100",
        "strategies.taker-aapl.class = 'cross-tanker': cross-tanker: no such plugin",
        "strategies.maker-aapl-xnas.parameters.size_lots = 0: a whole number",
        "strategies.maker-esm4-xnas.listings[0] = 'ESM4 at XBOS': allowed is a listing",
    ]
    for sentence in expected:
        assert any(sentence in error for error in errors), (sentence, errors)
    assert len(errors) == len(expected), errors
    done = command("up", str(path), "--json")
    assert done.returncode == 2 and json.loads(done.stdout)["errors"] == errors
    assert not any(runs.root().glob("*/run.json"))


def test_errors_of_fix_tiles_come_at_once(tmp_path: Path) -> None:
    path = copied(tmp_path)
    spoil(
        path,
        ('commands = "engine_gateway_xbos"', 'commands = "engine_gateway"'),
        ('dialect = { execution_id = "digits" }', 'dialect = { execution_id = "letters", replace_quantity = "rest" }'),
        ('dialect = { execution_id = "digits" }', "dialect = { mass_cancel = true }"),
        ('"MRDN-COPY", target_comp_id = "XBOS", initiator = true', '"MRDN-COPY", target_comp_id = "XBOS"'),
        ('"FIX.4.4", sender_comp_id = "MRDN-COPY"', '"FIX.4.2", sender_comp_id = "MRDN-COPY"'),
        ("store = { messages_max = 65_536, segment_bytes = 1_048_576 }", "store = { messages_max = 5 }"),
    )
    with pytest.raises(BadInput) as refused:
        load(path)
    gateway, copy = "tiles.gateway_xbos.settings", "tiles.drop_copy_xbos.settings"
    assert sorted(refused.value.errors) == [
        f"{copy}.store.messages_max = 5: must be a whole number from 1024 to 16777216",
        f'{gateway}.dialect.execution_id = "letters": must be exec_id, digits or match',
        f'{gateway}.dialect.replace_quantity = "rest": must be total or remaining',
    ]
    spoil(
        path,
        ('execution_id = "letters", replace_quantity = "rest"', 'replace_quantity = "remaining"'),
        ("store = { messages_max = 5 }", ""),
    )
    with pytest.raises(BadInput) as refused:
        load(path)
    consumes = "must be a link that this tile consumes; in the topology it consumes engine_gateway_xbos"
    assert sorted(refused.value.errors) == [
        f"{copy}.dialect.mass_cancel = true: the session's version has no such message; allowed from FIX.4.3 on",
        f"{copy}.profile.initiator = false: this tile logs on; must be true",
        f"{copy}.profile.next_expected = true: FIX.4.2 has no tag 789; allowed from FIX.4.4 on",
        f'{gateway}.commands = "engine_gateway": {consumes}',
    ]


TAKEN = '[{ instrument = "AAPL", venue = "XNAS" }, { instrument = "AAPL", venue = "XBOS" }]'
STRATEGY_CHANGES = [
    ("version = 1", "version = 2", "version = 2: allowed is 1"),
    ('class = "cross-taker"', "class = 5", "strategies.taker-aapl.class = 5: allowed is a plugin's name"),
    ('class = "cross-taker"', 'class = "no.such.module:Class"', "there is no module"),
    ('class = "cross-taker"', 'class = "absent.py"', "absent.py: there is no such file"),
    ('class = "cross-taker"', 'clas = "cross-taker"', "strategies.taker-aapl.clas = 'cross-taker': allowed is one of the keys"),
    ('class = "cross-taker"', 'class = "cross-taker"\ntimer = "1ns"', "timer = '1ns': allowed is a time from 1ms"),
    ('class = "cross-taker"', 'class = "cross-taker"\nfuel = 0', "fuel = 0: allowed is a whole number above zero"),
    ('class = "cross-taker"', 'class = "cross-taker"\naccount = "firm"', "account = 'firm': allowed is the name of a node"),
    ("[strategies.taker-aapl]", "[strategies.taker-appl]", "strategies.taker-appl"),
    ("position_lots_max = 500", "position_lots_max = nan", "position_lots_max"),
    ("position_lots_max = 500", f"position_lots_max = {10**30}", "position_lots_max"),
    ("position_lots_max = 500", "position_lots = 500", "CrossTaker has no such parameter"),
    (TAKEN, "[]", "listings = []: allowed is 1 to"),
    (TAKEN, TAKEN.replace("XBOS", "XNAS"), "each listing once"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "sentence"), STRATEGY_CHANGES, ids=[one[2][:40] for one in STRATEGY_CHANGES])
def test_an_error_of_the_strategies_file_is_a_sentence(tmp_path: Path, old: str, new: str, sentence: str) -> None:
    path = copied(tmp_path)
    spoil(tmp_path / "new-york" / "strategies.toml", (old, new))
    with pytest.raises(BadInput) as refused:
        load(path)
    assert any(sentence in error for error in refused.value.errors), refused.value.errors


def test_what_tiles_say_of_instruments_must_be_the_reference_datas(tmp_path: Path) -> None:
    path = copied(tmp_path)
    spoil(
        path,
        ('symbol = "AAPL", instrument = 1 }, { symbol', 'symbol = "APPL", instrument = 1 }, { symbol'),
        ("XBOS = { id = 2", "XBOX = { id = 2"),
    )
    with pytest.raises(BadInput) as refused:
        load(path)
    assert any(
        'symbol = "APPL": the reference data says "AAPL" for instrument 1' in error for error in refused.value.errors
    )
    assert any(
        "venues.XBOX: the reference data has no such venue; did you mean XBOS?" in error
        for error in refused.value.errors
    )
