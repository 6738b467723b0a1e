"""Breaks: found once, ended by people alone, and kept whatever kills who writes them down."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from meridian import records
from meridian._native import analytics as native
from meridian._native import journal as journals
from meridian.analytics import Run, break_book, breaks, reconcile
from meridian.analytics.breaks import Known
from meridian.analytics.breaks_cli import age
from meridian.analytics.report import summary
from meridian.cli import main
from meridian.console import BadInput, CheckFailed, Failure
from meridian.records import OrderEventKind, Side
from tests.analytics.support import AAPL, OURS, START_NS, XNAS, exchange, make_run, nanos
from tests.support import ROOT

NOW_NS = START_NS + 3_600 * 10**9
Entries = list[tuple[int, bytes]]


@pytest.fixture
def told(story: Path, tmp_path: Path) -> Path:
    """A copy of the story, in which the engine told of one bust."""
    return Path(shutil.copytree(story, tmp_path / "told"))


def compare(directory: Path, now_ns: int = NOW_NS) -> dict[str, Known]:
    """Reconciles a run and keeps what differs; every break by its id."""
    run = Run.open(directory)
    found = breaks.of_reconciliation(run, reconcile(run), now_ns)
    return breaks.record(run, found, [breaks.RECONCILE], now_ns)


def do(directory: Path, number: str, verb: str, by: str, now_ns: int = NOW_NS) -> Known:
    """One step."""
    return breaks.step(Run.open(directory), number, verb, by=by, reason="as the venue says", now_ns=now_ns)


def states(directory: Path) -> dict[str, str]:
    """Kind → state of every break."""
    return {one.item.kind: one.state for one in breaks.known(Run.open(directory)).values()}


def retold(story: Path, folder: Path, change: Callable[[Entries], None]) -> Path:
    """The story with another journal of the engine; the exchanges' are the same."""
    entries = [(time_ns, bytes(data)) for _, time_ns, data in journals.Reader(story / "data" / "engine")]
    change(entries)
    folder.mkdir(parents=True, exist_ok=True)
    native.write_journal(folder / "engine", entries, engine_sizes={})
    about = json.loads((story / "run.json").read_text())
    about["engine"]["journal"] = "engine"
    for venue in about["venues"]:
        venue["exchange_journal"] = str(story / venue["exchange_journal"])
    (folder / "run.json").write_text(json.dumps(about))
    return folder


def events(entries: Entries, kind: OrderEventKind) -> list[tuple[int, Any]]:
    """Places and records of what venues said of orders."""
    return [
        (at, record)
        for at, (_, data) in enumerate(entries)
        if records.name_of(data) == "OrderEvent" and int((record := records.parse(data).copy())["event"]) == kind
    ]


# The life of a break.


def test_a_bust_is_found_explained_adopted_by_somebody_else_and_closed(told: Path) -> None:
    (one,) = breaks.known(Run.open(told)).values()
    item = one.item
    assert (item.kind, item.venue, item.instrument, item.shard) == ("BUST", "XBOS", "AAPL", 1)
    assert (item.venue_lots, item.our_lots, item.price_nanos) == (0, 3, nanos(100.50))
    assert (item.amount_nanos, item.currency) == (nanos(-301.50), "USD")
    assert item.input > 0 and item.order_id > 0 and one.age_ns(item.found_ns + 5) == 5
    assert do(told, item.id, "explain", "ann").allowed == ["adopt", "dispute"]
    with pytest.raises(
        CheckFailed, match=f"adopt {item.id}: ann did the step before .explained.; allowed is somebody else"
    ):
        do(told, item.id, "adopt", " Ann ")
    assert do(told, item.id, "adopt", "bob").state == "adopted"
    closed = do(told, item.id, "close", "bob", NOW_NS + 60)
    assert not closed.is_open and closed.allowed == [] and closed.age_ns(NOW_NS + 10**15) == NOW_NS + 60 - item.found_ns
    steps = [(entry["step"], entry["by"]) for entry in closed.history]
    assert steps == [("found", ""), ("explained", "ann"), ("adopted", "bob"), ("closed", "bob")]
    assert all(entry["reason"] and entry["user"] for entry in closed.history[1:])
    assert breaks.known(Run.open(told))[item.id] == closed


@pytest.mark.parametrize(
    ("before", "verb", "allowed"),
    [
        ([], "adopt", "it is found; allowed is explain"),
        ([], "dispute", "it is found; allowed is explain"),
        ([], "close", "it is found; allowed is explain"),
        (["explain"], "explain", "it is explained; allowed is adopt or dispute"),
        (["explain"], "close", "it is explained; allowed is adopt or dispute"),
        (["explain", "adopt"], "dispute", "it is adopted; allowed is close"),
        (["explain", "dispute"], "explain", "it is disputed; allowed is adopt or close"),
        (["explain", "adopt", "close"], "explain", "it is closed; allowed is nothing: it stays closed"),
    ],
)
def test_a_step_that_is_not_allowed_now_is_refused_and_leaves_the_book_as_it_is(
    told: Path, before: list[str], verb: str, allowed: str
) -> None:
    (number,) = breaks.known(Run.open(told))
    for at, step in enumerate(before):
        do(told, number, step, f"person {at}")
    book = told / break_book.NAME
    kept = book.read_bytes() if before else b""
    with pytest.raises(CheckFailed) as refused:
        do(told, number, verb, "another")
    assert refused.value.errors == [f"{verb} {number}: {allowed}"]
    assert (book.read_bytes() if book.exists() else b"") == kept


def test_all_that_is_wrong_with_the_words_is_said_at_once(told: Path) -> None:
    with pytest.raises(BadInput) as refused:
        breaks.step(Run.open(told), "1", "explain", by=" ", reason="x" * 501)
    assert [error.partition(" ")[0] for error in refused.value.errors] == ["--by", "--reason"]
    with pytest.raises(BadInput, match="ID = 1: allowed is one of 1-"):
        do(told, "1", "explain", "ann")


def test_ids_follow_from_what_differs_and_are_equal_in_every_fold(story: Path, tmp_path: Path) -> None:
    again = make_run(tmp_path / "again")
    assert list(breaks.known(Run.open(again))) == list(breaks.known(Run.open(story)))
    first, second = make_run(tmp_path / "first", further_fill=True), tmp_path / "second"
    shutil.copytree(first, second)
    assert list(compare(first)) == list(compare(second, NOW_NS + 1)), "when it was found is no part of it"


# What comparisons find.


def test_what_reconciliation_finds_is_a_break_by_its_cause_with_lots_and_money(tmp_path: Path) -> None:
    found = compare(make_run(tmp_path, further_fill=True))
    assert [one.item.kind for one in found.values()] == ["BUST", "FILL_ONLY_IN_EXCHANGE"]
    item = list(found.values())[1].item
    assert item.what == "XNAS: fill 5 (buy 5 at 99) is not in the engine"
    assert (item.venue_lots, item.our_lots, item.price_nanos, item.amount_nanos) == (5, 0, nanos(99), nanos(495))
    assert (item.venue, item.instrument, item.execution_id, item.found_ns) == ("XNAS", "AAPL", 5, NOW_NS)


def test_sums_that_no_execution_explains_are_breaks_of_their_own(story: Path, tmp_path: Path) -> None:
    """The engine books a fill twice under one number that its own check did not see: another side's."""

    def change(entries: Entries) -> None:
        (at, record), *_ = events(entries, OrderEventKind.FILLED)
        record["execution_id"], record["lots"], record["owner"]["order_id"] = 9, 1, 0
        entries.insert(at + 1, (entries[at][0], record.tobytes()))

    found = compare(retold(story, tmp_path / "odd", change))
    kinds = sorted(one.item.kind for one in found.values())
    assert kinds == ["BUST", "FILL_NOT_IN_EXCHANGE", "UNKNOWN_ORDER"], [one.item.what for one in found.values()]


def test_a_difference_that_is_gone_may_be_closed_and_one_that_returns_is_open_again(tmp_path: Path) -> None:
    whole, short = make_run(tmp_path / "whole"), make_run(tmp_path / "short", further_fill=True)
    number = list(compare(short))[1]
    ahead, level = (one / "data" / "exchange_xnas" for one in (short, whole))
    kept = tmp_path / "kept"
    shutil.copytree(ahead, kept)
    shutil.rmtree(ahead)
    shutil.copytree(level, ahead)
    one = compare(short, NOW_NS + 1)[number]
    assert one.gone and one.is_open and one.state == "found" and one.allowed == ["explain", "close"]
    assert not do(short, number, "close", "ann").is_open
    size = (short / break_book.NAME).stat().st_size
    compare(short, NOW_NS + 2)
    assert (short / break_book.NAME).stat().st_size == size, "nothing new is nothing to write"
    shutil.rmtree(ahead)
    shutil.copytree(kept, ahead)
    back = compare(short, NOW_NS + 3)[number]
    assert back.is_open and not back.gone and back.state == "found"


def test_a_run_without_breaks_gets_no_book(tmp_path: Path, story: Path) -> None:
    def change(entries: Entries) -> None:
        for at, _ in reversed(events(entries, OrderEventKind.BROKEN)):
            del entries[at]

    directory = retold(story, tmp_path / "quiet", change)
    about = json.loads((directory / "run.json").read_text())
    native.write_journal(directory / "unbroken", exchange(2).entries[:-1])
    about["venues"][1]["exchange_journal"] = "unbroken"
    (directory / "run.json").write_text(json.dumps(about))
    assert compare(directory) == {} and not (directory / break_book.NAME).exists()


# Failures that others had.


def test_r1_fills_told_again_after_a_restart_are_booked_once_and_a_true_one_among_them_is_booked(
    story: Path, tmp_path: Path
) -> None:
    """Every fill comes again marked as a possible repetition; one of them never came before."""
    lost = nanos(99)

    def again(entries: Entries, true: bool) -> None:
        fills = events(entries, OrderEventKind.FILLED)
        last = max(at for at, _ in events(entries, OrderEventKind.BROKEN))
        repeated = [record for _, record in fills]
        if true:
            (_, accepted) = events(entries, OrderEventKind.ACCEPTED)[-1]
            fresh = repeated[0].copy()
            fresh["owner"]["order_id"] = accepted["owner"]["order_id"]
            fresh["execution_id"], fresh["lots"], fresh["leaves_lots"], fresh["price_nanos"] = 5, 5, 0, lost
            fresh["fee_nanos"] = 0
            repeated.insert(2, fresh)
        for record in reversed(repeated):
            record["possible_duplicate"] = 1
            entries.insert(last + 1, (entries[last][0], record.tobytes()))

    same = Run.open(retold(story, tmp_path / "same", lambda entries: again(entries, False)))
    assert reconcile(same).agrees and len(same.fills) == len(Run.open(story).fills)
    ahead = make_run(tmp_path / "ahead", further_fill=True)
    caught_up = Run.open(retold(ahead, tmp_path / "caught-up", lambda entries: again(entries, True)))
    assert reconcile(caught_up).agrees, reconcile(caught_up).differences
    assert len(caught_up.fills) == len(same.fills) + 1


def test_r2_reconciliation_ends_where_the_venue_says_flat(story: Path, tmp_path: Path) -> None:
    """However often it is done, the same breaks, nothing booked and no line more; two people end it, and it stays ended."""
    about = json.loads((story / "run.json").read_text())
    about["engine"]["journal"] = str(story / "data" / "engine")
    about["venues"][1]["exchange_journal"] = str(story / "data" / "exchange_xbos")
    setup = [entry for entry in exchange(XNAS).entries if records.name_of(entry[1]) != "ExchangeEnter"]
    native.write_journal(tmp_path / "flat", setup)
    about["venues"][0]["exchange_journal"] = "flat"
    (tmp_path / "run.json").write_text(json.dumps(about))
    closing = Run.open(tmp_path).closing
    first = compare(tmp_path)
    kinds = [one.item.kind for one in first.values()]
    assert kinds.count("FILL_NOT_IN_EXCHANGE") == 3 and "POSITION" not in kinds and "SUM" not in kinds
    book = (tmp_path / break_book.NAME).read_bytes()
    for round_ in range(1, 6):
        assert compare(tmp_path, NOW_NS + round_) == first
    assert (tmp_path / break_book.NAME).read_bytes() == book
    for number in first:
        for verb, by in (("explain", "ann"), ("adopt", "bob"), ("close", "ann")):
            do(tmp_path, number, verb, by)
    book = (tmp_path / break_book.NAME).read_bytes()
    assert breaks.counted(compare(tmp_path, NOW_NS + 9).values())["open"] == 0
    assert (tmp_path / break_book.NAME).read_bytes() == book
    assert Run.open(tmp_path).closing == closing, "no fill was made up to be flat"


@pytest.mark.parametrize("kind", [OrderEventKind.CANCELED, OrderEventKind.NOT_FOUND, OrderEventKind.EXPIRED])
def test_r3_the_end_of_an_order_is_no_fill_whatever_it_says_of_lots(
    story: Path, tmp_path: Path, kind: OrderEventKind
) -> None:
    """Ends that count more lots as traded than were reported, and less, change no position and open no opposite one."""
    before = {cell["instrument"]: cell["lots"] for cell in Run.open(story).closing}
    for traded in (0, 2, 5, 500):

        def change(entries: Entries, traded: int = traded) -> None:
            (_, accepted) = events(entries, OrderEventKind.ACCEPTED)[-1]
            end = records.new("OrderEvent", venue=XNAS, instrument=AAPL, source=OURS, event=kind, side=Side.BUY)
            end["owner"]["order_id"] = accepted["owner"]["order_id"]
            end["cumulative_lots"], end["leaves_lots"], end["price_nanos"] = traded, 0, nanos(99)
            entries.append((entries[-1][0], end.tobytes()))

        run = Run.open(retold(story, tmp_path / f"{kind.name}-{traded}", change))
        assert {cell["instrument"]: cell["lots"] for cell in run.closing} == before
        assert len(run.fills) == len(Run.open(story).fills)


def test_r9_a_mismatch_stays_open_until_two_people_have_ended_it(tmp_path: Path) -> None:
    """It is in every listing, and no way leads from found to closed past an explanation and a second person."""
    directory = make_run(tmp_path, further_fill=True)
    number = list(compare(directory))[1]
    for verb in ("adopt", "dispute", "close"):
        with pytest.raises(CheckFailed):
            do(directory, number, verb, "ann")
    do(directory, number, "explain", "ann")
    do(directory, number, "dispute", "ann")
    with pytest.raises(CheckFailed, match="it is disputed and the records still differ; allowed is adopt"):
        do(directory, number, "close", "bob")
    compare(directory, NOW_NS + 1)
    assert states(directory)["FILL_ONLY_IN_EXCHANGE"] == "disputed"
    with pytest.raises(CheckFailed, match="allowed is somebody else"):
        do(directory, number, "adopt", "ann")
    do(directory, number, "adopt", "bob")
    assert breaks.counted(breaks.known(Run.open(directory)).values())["open"] == 2
    do(directory, number, "close", "bob")
    assert states(directory) == {"BUST": "found", "FILL_ONLY_IN_EXCHANGE": "closed"}
    assert summary(Run.open(directory))["break_counts"]["open"] == 1


# The book.


def test_a_book_that_is_torn_at_any_byte_keeps_its_whole_lines_and_goes_on(told: Path) -> None:
    (number,) = breaks.known(Run.open(told))
    path = told / break_book.NAME
    for verb, by in (("explain", "ann"), ("adopt", "bob")):
        do(told, number, verb, by)
    whole = path.read_bytes()
    ends = [at + 1 for at, byte in enumerate(whole) if byte == ord("\n")]
    assert len(ends) == 3
    for size in range(len(whole)):
        book = break_book.parsed(path, whole[:size])
        assert len(book.entries) == sum(end <= size for end in ends)
        assert book.torn_bytes == size - book.whole_bytes
    path.write_bytes(whole[:-7])
    head = path.with_name(path.name + break_book.HEAD)
    head.write_text(
        f"2 {break_book.parsed(path, whole[:-7]).head}\n"
    )  # Of a writer that was killed before it came to that.
    assert breaks.known(Run.open(told))[number].state == "explained"
    assert do(told, number, "dispute", "cy").state == "disputed"
    assert break_book.read(path).torn_bytes == 0


def test_a_book_that_was_edited_is_refused_with_the_line(told: Path) -> None:
    (number,) = breaks.known(Run.open(told))
    path = told / break_book.NAME
    for verb, by in (("explain", "ann"), ("adopt", "bob"), ("close", "bob")):
        do(told, number, verb, by)
    lines = path.read_bytes().splitlines(keepends=True)
    edited = [lines[0], lines[1].replace(b"ann", b"eve"), *lines[2:]]
    for wrong, line in ((edited, 3), ([*lines[:1], *lines[2:]], 2), ([lines[1], lines[0]], 1), ([b"{}\n"], 1),
                        ([*lines, b"[" * 200_000 + b"\n"], len(lines) + 1)):  # fmt: skip
        path.write_bytes(b"".join(wrong))
        with pytest.raises(
            CheckFailed, match=rf"line {line} (does not follow|is no entry).*{line - 1} lines before it are whole"
        ):
            breaks.known(Run.open(told))
        with pytest.raises(Failure):
            do(told, number, "close", "cy")
        assert path.read_bytes() == b"".join(wrong)
    facts = summary(Run.open(told))
    assert facts["break_counts"]["open"] is None and "not known" in facts["break_counts"]["sentence"]


WRITER = """
import sys
from pathlib import Path
from meridian.analytics import break_book
path = Path(sys.argv[1])
for number in range(1, 100_000):
    entry = {"id": "1", "step": "found", "by": "", "reason": "x" * 5_000, "at_ns": number}
    break_book.append(path, lambda book: [entry, entry])
    print(number, flush=True)
"""


def test_a_writer_that_is_killed_loses_no_step_that_it_said_was_done(tmp_path: Path) -> None:
    path = tmp_path / break_book.NAME
    written = 0
    for kill in range(8):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        assert writer.stdout is not None
        said = [int(writer.stdout.readline()) for _ in range(3 + 2 * kill)]
        writer.send_signal(signal.SIGKILL)
        said += [int(line) for line in writer.stdout.read().splitlines()]
        writer.wait()
        writer.stdout.close()
        found = len(break_book.read(path).entries)
        assert found >= written + 2 * said[-1]
        written = found


def test_of_two_who_do_the_same_step_at_once_one_is_refused(told: Path) -> None:
    (number,) = breaks.known(Run.open(told))

    def explain(by: str) -> str:
        try:
            return do(told, number, "explain", by).state
        except CheckFailed as refused:
            return refused.errors[0]

    with ThreadPoolExecutor(8) as people:
        said = list(people.map(explain, [f"person {at}" for at in range(8)]))
    assert said.count("explained") == 1
    assert said.count(f"explain {number}: it is explained; allowed is adopt or dispute") == 7


# The command.


def typed(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *words: str) -> tuple[int, str, str]:
    """Types `meridian WORDS`."""
    monkeypatch.setattr(sys, "argv", ["meridian", *words])
    with pytest.raises(SystemExit) as ending:
        main()
    said = capsys.readouterr()
    return int(str(ending.value.code)), said.out, said.err


def test_the_command_lists_steps_and_checks(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    here = ["--run", str(make_run(tmp_path / "run", further_fill=True))]
    code, out, _ = typed(capsys, monkeypatch, "reconcile", here[1])
    assert code == 1 and "2 breaks are open (2 found): see `meridian breaks`" in out
    code, out, _ = typed(capsys, monkeypatch, "breaks", *here)
    assert code == 0 and "FILL_ONLY_IN_EXCHANGE" in out and "495.00 USD" in out and "2 breaks are open" in out
    code, out, err = typed(capsys, monkeypatch, "breaks", "--check", "--json", *here)
    document = json.loads(out)
    assert code == 1 and document["exit_code"] == 1 and "2 breaks are open" in err
    for one in document["breaks"]:
        assert (one["state"], one["allowed"], one["region"]) == ("found", ["explain"], None)
        for verb, by in (("explain", "ann"), ("adopt", "bob"), ("close", "bob")):
            words = ["breaks", verb, one["id"], *here, "--by", by, "--reason", "the venue's word", "--json"]
            code, out, err = typed(capsys, monkeypatch, *words)
            assert code == 0, err
    assert json.loads(out)["counts"]["open"] == 0
    code, out, _ = typed(capsys, monkeypatch, "breaks", "list", "--check", *here)
    assert code == 0 and "Breaks: none" in out and "no break is open (2 closed)" in out
    code, out, _ = typed(capsys, monkeypatch, "breaks", "list", "--all", *here)
    assert code == 0 and out.count("closed") == 3
    code, _, err = typed(capsys, monkeypatch, "breaks", "explain", "none", *here)
    assert code == 2 and all(f"error: {word} = " in err for word in ("ID", "--by", "--reason"))
    code, _, err = typed(capsys, monkeypatch, "breaks", "list", "--state", "lost", *here)
    assert code == 2 and "--state = lost: allowed are found, explained" in err


def test_a_difference_that_cannot_be_kept_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = make_run(tmp_path, further_fill=True)
    (directory / break_book.NAME).mkdir()
    code, _, err = typed(capsys, monkeypatch, "reconcile", str(directory))
    assert code == 1 and "error: what differs is not kept as breaks: " in err and break_book.NAME in err


def test_the_breaks_of_all_regions_are_one_list(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("new-york", "chicago"):
        make_run(tmp_path / name)
    about = {"schema": "meridian.platform/1", "name": "two", "started_ns": 1, "ended_ns": 2}
    regions = {"new-york": "new-york", "chicago": "chicago"}
    (tmp_path / "platform.json").write_text(json.dumps(about | {"regions": regions}))
    code, out, _ = typed(capsys, monkeypatch, "breaks", "--run", str(tmp_path), "--json")
    document = json.loads(out)
    assert code == 0 and document["counts"]["open"] == 2
    assert [one["region"] for one in document["breaks"]] == ["new-york", "chicago"]
    (number,) = {one["id"] for one in document["breaks"]}
    words = ["breaks", "explain", number, "--run", str(tmp_path), "--by", "ann", "--reason", "why"]
    code, _, err = typed(capsys, monkeypatch, *words)
    assert code == 2 and f"ID = {number}: is in new-york and chicago; allowed is one region, by its --run" in err
    code, out, _ = typed(capsys, monkeypatch, "report", str(tmp_path))
    assert code == 0 and out.count("1 break is open (1 found): see `meridian breaks`") == 2


@pytest.mark.parametrize(
    ("ns", "words"),
    [(0, "0 s"), (59 * 10**9, "59 s"), (3_600 * 10**9, "1 h"), (90_061 * 10**9, "1 d 1 h"), (61 * 10**9, "1 min 1 s")],
)
def test_an_age_is_told_in_its_two_largest_units(ns: int, words: str) -> None:
    assert age(ns) == words
