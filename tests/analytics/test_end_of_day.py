"""The end of the day three ways: who agrees, who stands alone with what, positions from before, files that cannot be used."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow
import pytest
from pyarrow import parquet

from meridian import records
from meridian._native import analytics as native
from meridian.analytics import Run, breaks, end_of_day, end_of_day_reports, venue_file
from meridian.analytics.end_of_day import ALWAYS, COPY, FILE, OURS, Checked
from meridian.cli import main
from meridian.console import BadInput, Unreachable
from meridian.records import OrderEventKind
from meridian.risk.api.client import Client
from tests.analytics.support import START_NS, XNAS, make_run, nanos

DAY_NS = 86_400 * 10**9
Row = dict[str, str]
Edit = Callable[[list[Row]], None]
Typed = Callable[..., tuple[int, str, str]]


@pytest.fixture
def typed(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Typed:
    """Types `meridian WORDS`: exit code, standard output, standard error."""
    monkeypatch.setenv("MERIDIAN_TOKEN", "nobody's")

    def run(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["meridian", *words])
        with pytest.raises(SystemExit) as ending:
            main()
        said = capsys.readouterr()
        return int(str(ending.value.code)), said.out, said.err

    return run


def day(folder: Path, *, copy: Edit | None = None, **edits: Edit) -> tuple[Path, dict[str, Path]]:
    """The story with a file for each venue and a drop copy of XNAS, each changed by its edit (`XNAS`, `XBOS`, `copy`)."""
    directory = make_run(folder / "run")
    run = Run.open(directory)
    files = {}
    for venue in run.venues:
        name = str(venue["name"])
        files[name] = folder / f"{name}.csv"
        venue_file.write(files[name], venue_file.of_exchange(run, venue))
        if name in edits:
            edit(files[name], edits[name])
    with files["XNAS"].open() as file:
        told = list(csv.DictReader(file))
    if "XNAS" in edits:
        told = [{key: str(value) for key, value in row.items()} for row in original(run)]
    if copy:
        copy(told)
    kinds = {"fill": OrderEventKind.FILLED, "bust": OrderEventKind.BROKEN}
    ids = {one.name: number for number, one in run.names.instruments.items()}
    entries = []
    for row in sorted(told, key=lambda row: int(row["time_ns"])):
        record = records.new("OrderEvent", venue=XNAS, event=kinds[row["kind"]], venue_time_ns=int(row["time_ns"]))
        record["header"]["instrument"] = ids[row["instrument"]]
        record["execution_id"], record["lots"] = int(row["execution_id"]), int(row["lots"])
        record["side"], record["price_nanos"] = venue_file.SIDES[row["side"]], nanos(float(row["price"]))
        entries.append((int(row["time_ns"]), record.tobytes()))
    native.write_journal(directory / "copy", entries)
    about = json.loads((directory / "run.json").read_text())
    about["venues"][0]["drop_copy_journal"] = "copy"
    (directory / "run.json").write_text(json.dumps(about))
    return directory, files


def original(run: Run) -> Iterator[dict[str, Any]]:
    """The rows of XNAS as its journal has them."""
    for one in venue_file.of_exchange(run, run.venues[0]):
        yield dict(zip(venue_file.COLUMNS, venue_file.cells(one), strict=True))


def edit(path: Path, change: Edit) -> None:
    """Writes a file again, changed."""
    with path.open() as file:
        rows = list(csv.DictReader(file))
    change(rows)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, venue_file.COLUMNS)
        writer.writeheader()
        writer.writerows(rows)


def check(directory: Path, files: dict[str, Path], window: tuple[int, int] = ALWAYS) -> Checked:
    """The end of the day."""
    return end_of_day.check(Run.open(directory), end_of_day.read_files(files), window)


def words(directory: Path, files: dict[str, Path]) -> list[str]:
    """The arguments of `meridian end-of-day check`."""
    return ["end-of-day", "check", str(directory), *(f"--venue-file={name}={path}" for name, path in files.items())]


def without(number: str) -> Edit:
    """Takes an execution out."""

    def change(rows: list[Row]) -> None:
        rows[:] = [row for row in rows if row["execution_id"] != number]

    return change


# What agrees and what does not.


def test_three_records_that_tell_the_same_agree_and_two_are_said_to_be_two(tmp_path: Path) -> None:
    found = check(*day(tmp_path))
    assert found.sentences == [] and found.lots_apart == {}
    assert found.records == {"XNAS": [OURS, COPY, FILE], "XBOS": [OURS, FILE]}
    assert found.counts == {"XNAS": {OURS: 3, COPY: 3, FILE: 3}, "XBOS": {OURS: 3, FILE: 3}}
    told = "6 executions at 2 venues are the same in every record (XBOS has no drop copy: two records of it)"
    assert found.sentence == told
    assert found.positions == [
        {"instrument": "AAPL", "opening_lots": 0, "file_lots": 6, "closing_lots": 6},
        {"instrument": "ES", "opening_lots": 0, "file_lots": 2, "closing_lots": 2},
    ]


def dearer(rows: list[Row]) -> None:
    """The first fill at another price."""
    rows[0]["price"] = "100.01"


def fewer(rows: list[Row]) -> None:
    """The first fill with fewer lots."""
    rows[0]["lots"] = "5"


def further(rows: list[Row]) -> None:
    """A fill that nobody else has."""
    rows.append(rows[0] | {"execution_id": "77", "lots": "9", "side": "sell", "price": "7"})


def unbroken(rows: list[Row]) -> None:
    """The bust is not there."""
    rows[:] = [row for row in rows if row["kind"] != "bust"]


@pytest.mark.parametrize(
    ("where", "change", "what", "told", "kind", "lots"),
    [
        ("XNAS", without("2"), "fill 2 (buy AAPL)", f"{OURS} and {COPY} have 4 at 100.00, {FILE} has it not",
         "FILL_NOT_IN_FILE", {("XNAS", "AAPL"): 4}),
        ("copy", without("2"), "fill 2 (buy AAPL)", f"{OURS} and {FILE} have 4 at 100.00, {COPY} has it not",
         "FILL_NOT_IN_DROP_COPY", {("XNAS", "AAPL"): 4}),
        ("XNAS", further, "fill 77 (sell AAPL)", f"{FILE} has 9 at 7.00, {OURS} and {COPY} have it not",
         "FILL_NOT_IN_JOURNAL_AND_DROP_COPY", {("XNAS", "AAPL"): 9}),
        ("copy", fewer, "fill 1 (buy AAPL)", f"{OURS} and {FILE} have 6 at 100.00, {COPY} has 5 at 100.00",
         "FILL_DIFFERS", {("XNAS", "AAPL"): 1}),
        ("XNAS", dearer, "fill 1 (buy AAPL)", f"{OURS} and {COPY} have 6 at 100.00, {FILE} has 6 at 100.01",
         "FILL_DIFFERS", {}),
        ("XBOS", unbroken, "bust 2 (sell AAPL)", f"{OURS} has 3 at 100.50, {FILE} has it not",
         "BUST_NOT_IN_FILE", {("XBOS", "AAPL"): 3}),
    ],
)  # fmt: skip
def test_each_difference_says_who_has_what_and_who_has_it_not(
    tmp_path: Path, where: str, change: Edit, what: str, told: str, kind: str, lots: dict[tuple[str, str], int]
) -> None:
    found = check(*day(tmp_path, **{where: change}))
    venue = "XBOS" if where == "XBOS" else "XNAS"
    assert found.sentences == [f"{venue}: {what}: {told}"]
    assert [one.kind for one in found.differences] == [kind]
    assert found.lots_apart == lots


def test_what_the_engine_alone_lacks_is_a_break_with_lots_and_money(tmp_path: Path) -> None:
    """The exchange trades once more; its file and its drop copy say so."""
    directory, files = day(tmp_path)
    ahead = Run.open(make_run(tmp_path / "ahead", further_fill=True))
    files["XNAS"].unlink()
    venue_file.write(files["XNAS"], venue_file.of_exchange(ahead, ahead.venues[0]))
    found = check(directory, files)
    assert found.sentences == [
        "XNAS: fill 5 (buy AAPL): the venue file has 5 at 99.00, our journal and the drop copy have it not"
    ]
    run = Run.open(directory)
    there = breaks.record(run, end_of_day.items(run, found, START_NS), end_of_day.scopes(found), START_NS)
    (item,) = [one.item for one in there.values() if one.item.scope == "end-of-day XNAS"]
    assert (item.venue_lots, item.our_lots, item.amount_nanos) == (5, 0, nanos(495))
    assert (item.kind, item.execution_id, item.instrument) == ("FILL_NOT_IN_JOURNAL_AND_DROP_COPY", 5, "AAPL")
    # A venue that corrects its file makes the difference go.
    venue_file.write(files["XNAS"], venue_file.of_exchange(run, run.venues[0]))
    again = check(directory, files)
    there = breaks.record(run, end_of_day.items(run, again, START_NS + 1), end_of_day.scopes(again), START_NS + 1)
    assert there[item.id].gone and there[item.id].is_open


def test_r5_a_position_older_than_the_day_is_carried_and_not_inferred(tmp_path: Path) -> None:
    """Days that begin amid the story: no file has what was traded before, and its trades alone would have the wrong sign."""
    ours = Run.open(make_run(tmp_path / "times"))
    at = {(int(one["venue"]), int(one["kind"]), int(one["execution_id"])): int(one["venue_time_ns"] or one["time_ns"])
          for one in ours.fills}  # fmt: skip
    kinds = {"fill": int(OrderEventKind.FILLED), "bust": int(OrderEventKind.BROKEN)}

    def aligned(venue: int, since_ns: int) -> Edit:
        def change(rows: list[Row]) -> None:
            for row in rows:
                row["time_ns"] = str(at[venue, kinds[row["kind"]], int(row["execution_id"])])
            rows[:] = [row for row in rows if int(row["time_ns"]) >= since_ns]

        return change

    sold, bust = at[2, kinds["fill"], 1], at[2, kinds["bust"], 2]
    for since_ns, opening, traded in ((0, 0, 6), (sold, 10, -4), (bust, 3, 3), (bust + 1, 6, 0)):
        edits = {"XNAS": aligned(1, since_ns), "XBOS": aligned(2, since_ns), "copy": aligned(1, since_ns)}
        directory, files = day(tmp_path / str(since_ns), **edits)
        found = check(directory, files, (since_ns, ALWAYS[1]))
        assert found.sentences == []
        aapl = {"instrument": "AAPL", "opening_lots": opening, "file_lots": traded, "closing_lots": 6}
        assert found.positions[0] == aapl
        assert Run.open(directory).closing == ours.closing, "nothing was booked to make it so"
        if since_ns == bust:
            # A file that calls the older trade another size does not follow.
            edit(files["XBOS"], lambda rows: rows[0].update({"lots": "3", "kind": "correction", "price": "1"}))
            assert any("correction 2" in one for one in check(directory, files, (since_ns, ALWAYS[1])).sentences)


def test_a_trade_at_the_edge_of_the_day_is_no_difference_however_times_are_rounded(tmp_path: Path) -> None:
    """The venue's file has whole nanoseconds, its messages fewer digits: by them the trade was before the day, or after it."""
    directory, files = day(tmp_path)
    ours = {int(one["execution_id"]): int(one["venue_time_ns"] or one["time_ns"]) for one in Run.open(directory).fills
            if one["venue"] == XNAS}  # fmt: skip

    def later(rows: list[Row]) -> None:
        for row in rows:
            row["time_ns"] = str(ours[int(row["execution_id"])] + 999)

    edit(files["XNAS"], later)
    edges = [(ours[number] + shift, ALWAYS[1]) for number in ours for shift in (0, 1, 999, 1000)]
    edges += [(0, end_ns) for end_ns, _ in edges]
    for window in edges:
        found = check(directory, files, window)
        assert [one.sentence for one in found.differences if one.venue == "XNAS"] == [], window
        es = next((row for row in found.positions if row["instrument"] == "ES"), None)
        assert es is None or es["opening_lots"] + es["file_lots"] == es["closing_lots"]


def shifted(by_ns: int, lots: str) -> Edit:
    """Every row at another time, of other lots."""

    def change(rows: list[Row]) -> None:
        for row in rows:
            row.update(time_ns=str(int(row["time_ns"]) + by_ns), lots=lots)

    return change


@pytest.mark.parametrize("by_ns", [-DAY_NS, DAY_NS, 180 * 10**9])
def test_a_file_of_another_time_stands_for_no_execution_of_the_day_whatever_its_numbers_are(
    tmp_path: Path, by_ns: int
) -> None:
    """A venue counts its executions anew every day: yesterday's file, or one of another zone, has today's numbers."""
    directory, files = day(tmp_path, XNAS=shifted(by_ns, "66"))
    run = Run.open(directory)
    times = [one.time_ns for one in venue_file.of_exchange(run, run.venues[0])]
    found = check(directory, files, (min(times), max(times) + 60 * 10**9))
    assert [one.kind for one in found.differences if one.venue == "XNAS"] == ["FILL_NOT_IN_FILE"] * 3
    assert found.lots_apart == {("XNAS", "AAPL"): 10, ("XNAS", "ES"): 2} and found.outside["XNAS"] == 3


def elsewhere(rows: list[Row]) -> None:
    """The first fill in another instrument."""
    rows[0]["instrument"] = "ES"


def test_an_execution_in_another_instrument_is_a_difference_of_all_its_lots_in_both(tmp_path: Path) -> None:
    directory, files = day(tmp_path, XNAS=elsewhere)
    found = check(directory, files)
    assert found.sentences == [
        f"XNAS: fill 1 (buy AAPL): {OURS} and {COPY} have 6 AAPL at 100.00, {FILE} has 6 ES at 100.00"
    ]
    assert [one.kind for one in found.differences] == ["FILL_DIFFERS"]
    assert found.lots_apart == {("XNAS", "AAPL"): 6, ("XNAS", "ES"): 6}, "so that a kill is tripped by it"


# Files.


def test_a_file_is_the_same_as_csv_and_as_parquet(tmp_path: Path) -> None:
    run = Run.open(make_run(tmp_path / "run"))
    trades = venue_file.of_exchange(run, run.venues[1])
    assert [(one.kind, one.number, one.lots, one.price_nanos) for one in trades] == [
        ("fill", 1, 4, nanos(100.5)),
        ("fill", 2, 3, nanos(100.5)),
        ("bust", 2, 3, nanos(100.5)),
    ]
    for name in ("trades.csv", "trades.parquet"):
        venue_file.write(tmp_path / name, trades)
        found = venue_file.read(tmp_path / name, "XBOS")
        told = [
            (one.time_ns, one.kind, one.number, one.instrument, one.side, one.lots, one.price_nanos) for one in found
        ]
        assert told == [
            (one.time_ns, one.kind, one.number, one.instrument, one.side, one.lots, one.price_nanos) for one in trades
        ]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run", "trades.csv", "trades.parquet"]


GOOD = "time_ns,kind,execution_id,instrument,side,lots,price\n"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", ["has no column time_ns, kind, execution_id, instrument, side, lots, price"]),
        ("time_ns,kind\n", ["has no column execution_id, instrument, side, lots, price"]),
        (GOOD + "1,fill,1,AAPL,buy,1,1\n2,trade,-1,,left,0,1e-10\n",
         ["line 3: kind = trade: ", "line 3: side = left: ", "line 3: instrument = : ", "line 3: execution_id = -1: ",
          "line 3: lots = 0: allowed is a whole number from 1", "line 3: price = 1e-10: "]),
        (GOOD + "1,fill,1,AAPL,buy,1\n", ["line 2: price = : "]),
        (GOOD + "0,fill,1,AAPL,buy,9999999999999999999,nan\n",
         ["line 2: time_ns = 0: ", "line 2: lots = 9999999999999999999: ", "line 2: price = nan: "]),
        (GOOD + "1,fill,1,AAPL,buy,1,1\n1,fill,1,AAPL,buy,2,1\n", ["line 3: fill 1 is in line 2 already"]),
        (GOOD + "1,fill,1,AAPL,buy,1,1.0000000000000000000000000000001\n", ["line 2: price = 1.00000"]),
        (GOOD + "1,bust,1,AAPL,buy,0,\n1,bust,1,AAPL,sell,0,\n2,correction,1,AAPL,buy,1,1\n2,correction,1,AAPL,buy,2,1\n", []),
        (GOOD + "1,fill,1,AAPL,buy,١,1\n", ["line 2: lots = ١: "]),
        (GOOD + "1,fill,1,AAPL,buy,1,١\n1,fill,2,AAPL,buy,1,1_0\n", ["line 2: price = ١: ", "line 3: price = 1_0: "]),
        (GOOD + "1,fill,1,\x1b[31mAAPL,buy,1,1\n", ["line 2: instrument = \\x1b[31mAAPL: "]),
        (GOOD + "1,fill,1,AAPL,buy,1,1,000\n", ["line 2: has 8 cells: allowed are 7"]),
        (GOOD[:-1] + ",lots\n1,fill,1,AAPL,buy,1,1,9\n", ["has column lots more than once; allowed is each once"]),
    ],
)  # fmt: skip
def test_all_that_is_wrong_with_a_file_is_said_by_line(tmp_path: Path, text: str, told: list[str]) -> None:
    path = tmp_path / "trades.csv"
    path.write_text(text)
    if not told:
        assert len(venue_file.read(path, "XNAS")) == 4
        return
    with pytest.raises(BadInput) as refused:
        venue_file.read(path, "XNAS")
    assert len(refused.value.errors) == len(told), refused.value.errors
    for sentence, part in zip(refused.value.errors, told, strict=True):
        assert sentence.startswith(f"--venue-file = XNAS={path}: {part}") and "allowed" in sentence


def test_what_is_no_file_of_trades_is_refused(tmp_path: Path) -> None:
    for name, content in (("a.csv", b"\xff\xfe\0"), ("a.parquet", b"PAR1 not at all"), ("b.csv", None), ("c.txt", b"")):
        if content is not None:
            (tmp_path / name).write_bytes(content)
        with pytest.raises(BadInput, match=name):
            venue_file.read(tmp_path / name, "XNAS")
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(BadInput, match="is no regular file"):
        venue_file.read(tmp_path / "folder.csv", "XNAS")
    parquet.write_table(pyarrow.table({"time_ns": [1]}), tmp_path / "narrow.parquet")
    with pytest.raises(BadInput, match="has no column kind"):
        venue_file.read(tmp_path / "narrow.parquet", "XNAS")
    many = tmp_path / "many.csv"
    many.write_text(GOOD + "x,fill,1,AAPL,buy,1,1\n" * 50)
    with pytest.raises(BadInput) as refused:
        venue_file.read(many, "XNAS")
    assert len(refused.value.errors) == 21 and refused.value.errors[-1].endswith("and 30 further rows")


# The commands.


def test_the_command_compares_keeps_breaks_and_trips_the_kill_beyond_the_tolerance(
    tmp_path: Path, typed: Typed, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory, files = day(tmp_path, XNAS=without("2"))
    line = words(directory, files)
    sent: list[tuple[Any, ...]] = []
    written = {"applied": True, "revision": 5, "why": [], "handed_over": {}, "proposal": None}

    def write(_: Client, *asked: Any, **__: Any) -> dict[str, Any]:
        sent.append(asked)
        return written

    monkeypatch.setattr(Client, "write", write)
    monkeypatch.setattr(Client, "propagation", lambda *_: iter([{"in_force": True, "regions": []}]))
    code, out, err = typed(*line)
    assert code == 1 and "4 at 100.00" in out and "not there" in out and "no record" not in out
    assert "2 breaks are open (2 found)" in out and not sent
    assert "error: XNAS: fill 2 (buy AAPL): our journal and the drop copy have 4 at 100.00" in err
    code, _, _ = typed(*line, "--trip-kill", "firm", "--tolerance-lots", "4")
    assert code == 1 and not sent, "four lots are tolerated"
    code, out, err = typed(*line, "--trip-kill", "firm", "--tolerance-lots", "3", "--json")
    document = json.loads(out)
    assert code == 1 and document["exit_code"] == 1 and len(document["errors"]) == 1
    ((method, path, body),) = sent
    assert (method, path, body["level"]) == ("POST", "/v1/kill/firm", "K3")
    assert body["reason"].endswith("AAPL at XNAS: the records differ by 4 lots; tolerated are 3")
    assert document["kill"]["propagation"]["in_force"] and "firm: is to be stopped" in err
    assert document["regions"]["story"]["breaks"]["open"] == 2
    code, out, _ = typed("breaks", "--run", str(directory))
    assert code == 0 and "FILL_NOT_IN_FILE" in out


def test_a_kill_of_a_node_that_is_not_there_is_refused_before_anything_is_compared(
    tmp_path: Path, typed: Typed, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory, files = day(tmp_path, XNAS=without("2"))
    monkeypatch.setattr(Client, "get", lambda *_: {"nodes": [{"name": "firm"}, {"name": "desk"}]})
    code, out, err = typed(*words(directory, files), "--trip-kill", "frim")
    assert (code, out) == (2, "") and err.strip() == "error: --trip-kill = frim: allowed is one of firm, desk"
    assert end_of_day_reports.listed(Run.open(directory)) == ([], []) and not (directory / "breaks.jsonl").exists()


def test_a_kill_that_cannot_be_sent_is_said_with_what_stops_the_node(tmp_path: Path, typed: Typed) -> None:
    directory, files = day(tmp_path, XNAS=without("2"))
    code, out, err = typed(*words(directory, files), "--trip-kill", "firm", "--api", "http://127.0.0.1:1", "--json")
    assert code == 1 and json.loads(out)["kill"] is None
    assert "error: --trip-kill = firm: not sent: " in err and "`meridian kill firm --local`" in err


def test_a_day_that_agrees_trips_nothing_and_ends_with_zero(tmp_path: Path, typed: Typed) -> None:
    directory, files = day(tmp_path)
    code, out, err = typed(*words(directory, files), "--trip-kill", "firm", "--api", "http://127.0.0.1:1", "--json")
    document = json.loads(out)
    assert code == 0 and err == "" and document["agrees"] and document["kill"] is None
    assert document["regions"]["story"]["breaks"]["open"] == 1, "the bust that the engine told"
    (report,), wrong = end_of_day_reports.listed(Run.open(directory))
    told = {key: value for key, value in report.items() if key not in ("schema", "run", "checked_ns", "files")}
    assert wrong == [] and told == document["regions"]["story"] and len(report["files"]) == 2
    (directory / end_of_day_reports.FOLDER).rename(tmp_path / "elsewhere")
    (directory / end_of_day_reports.FOLDER).touch()
    code, out, err = typed(*words(directory, files))
    assert code == 1 and "error: the report is not kept: " in err and "the same in every record" in out


def test_of_a_run_that_goes_on_only_a_window_that_is_over_makes_breaks(tmp_path: Path, typed: Typed) -> None:
    directory, files = day(tmp_path, XNAS=without("2"))
    about = json.loads((directory / "run.json").read_text())
    about["ended_ns"] = 0
    (directory / "run.json").write_text(json.dumps(about))
    code, _, _ = typed(*words(directory, files))
    assert code == 1 and not (directory / "breaks.jsonl").exists()
    code, _, _ = typed(*words(directory, files), "--until", "2024-01-01")
    assert code == 1 and (directory / "breaks.jsonl").exists()


def test_all_bad_input_is_said_before_anything_is_compared(tmp_path: Path, typed: Typed) -> None:
    directory, files = day(tmp_path)
    line = ["end-of-day", "check", str(directory), "--venue-file", "XNAS", "--since", "soon", "--trip-kill", " "]
    code, _, err = typed(*line)
    assert (
        code == 2
        and [part in err for part in ("--venue-file = XNAS: ", "--since soon: ", "--trip-kill is empty")] == [True] * 3
    )
    code, _, err = typed(*line[:3], f"--venue-file=XLON={files['XNAS']}", f"--venue-file=XNAS={files['XNAS']}")
    assert (
        code == 2 and "--venue-file = XLON=…: is no venue of this run" in err and "--venue-file: XBOS has none" in err
    )
    for path in files.values():
        path.write_text(GOOD + "x,fill,1,AAPL,buy,1,1\n")
    code, _, err = typed(*words(directory, files))
    assert code == 2 and err.count(": line 2: time_ns = x: ") == 2
    code, _, err = typed(*line[:3], "--since", "5", "--until", "5")
    assert code == 2 and "--since 5: must be before --until 5" in err


def test_a_drop_copy_that_is_gone_is_unreachable_and_no_agreement(tmp_path: Path) -> None:
    directory, files = day(tmp_path)
    for segment in (directory / "copy").iterdir():
        segment.unlink()
    with pytest.raises(Unreachable, match="copy"):
        check(directory, files)


def test_the_file_of_a_house_exchange_is_written_once_and_whole(tmp_path: Path, typed: Typed) -> None:
    directory = make_run(tmp_path / "run")
    line = ["end-of-day", "file", str(directory), "--venue", "XNAS", "--out"]
    code, out, _ = typed(*line, str(tmp_path / "trades.csv"))
    assert code == 0 and "3 rows of XNAS" in out
    assert [row["execution_id"] for row in rows_of(tmp_path / "trades.csv")] == ["1", "2", "4"]
    for out_path, told in (
        ("trades.csv", "not there yet"),
        ("trades.txt", "ends in .csv or .parquet"),
        ("no/a.csv", "folder"),
    ):
        code, _, err = typed(*line, str(tmp_path / out_path))
        assert code == 2 and told in err
    code, _, err = typed(*line[:3], "--venue", "XLON", "--out", str(tmp_path / "more.csv"))
    assert code == 2 and "--venue = XLON: allowed are XNAS, XBOS" in err
    code, _, err = typed(*line, "/proc/trades.csv")
    assert code == 3 and "--out = /proc/trades.csv: " in err


def rows_of(path: Path) -> list[Row]:
    """The rows of a CSV file."""
    with path.open() as file:
        return list(csv.DictReader(file))
