"""The report's page and commands: self-contained, well formed, escaped, with the exit codes of the house."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from meridian import drawing
from meridian._native import links
from meridian.analytics import Run, facts, live, plots, text
from meridian.analytics.report import print_summary, summary, write_html
from tests.analytics.support import make_run

VOID = {"meta", "br", "hr", "img", "link", "input"}


class Page(HTMLParser):
    """Checks that what opens is closed, and keeps tags, attributes and text."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


@pytest.fixture(scope="module")
def page(run: Run, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Page]:
    """The page of the story, and what a parser sees."""
    path = tmp_path_factory.mktemp("page") / "report.html"
    write_html(run, path)
    text, parsed = path.read_text(encoding="utf-8"), Page()
    parsed.feed(text)
    parsed.close()
    return text, parsed


def test_the_page_is_well_formed(page: tuple[str, Page]) -> None:
    """Everything that opens is closed, and there are plots."""
    _, parsed = page
    assert parsed.open == []
    assert parsed.tags.count("svg") == 6
    assert parsed.tags.count("h1") == 1


def test_the_page_needs_nothing_from_outside(page: tuple[str, Page]) -> None:
    """No address, script, image, frame, font or import; references stay within the page."""
    text, parsed = page
    assert "http:" not in text and "https:" not in text and "//" not in text.replace("<!--", "")
    assert not {"script", "img", "link", "iframe", "object", "embed", "base"} & set(parsed.tags)
    assert "@import" not in text and "@font-face" not in text
    references = [value or "" for name, value in parsed.attributes if name in ("href", "src", "xlink:href")]
    assert references and all(value.startswith("#") for value in references)
    targets = {value for name, value in parsed.attributes if name == "id"}
    assert {value.removeprefix("#") for value in references} <= targets


def test_the_page_takes_both_themes(page: tuple[str, Page]) -> None:
    """No stand-in colour is left over: every plot's colour is the page's."""
    text, _ = page
    assert "prefers-color-scheme: dark" in text
    assert not [colour for colour in drawing.STAND_INS if colour in text]
    assert "var(--ink)" in text and "var(--buy)" in text


def test_the_page_says_the_numbers(page: tuple[str, Page]) -> None:
    """PnL, check, refusal and flow stand there; text from files is escaped."""
    text, parsed = page
    seen = " ".join(parsed.text)
    assert "+103.79" in seen
    assert "5 fills at 2 venues and all positions equal the exchanges' own journals" in seen
    assert "MAX_ORDER_QTY" in seen and "5,000" in seen
    assert "hidden <trade>" in seen and "hidden <trade>" not in text
    assert "no flow & no book" in seen


def test_a_run_that_did_nothing_has_a_report(tmp_path: Path, story: Path) -> None:
    """No fill, no position, no venue: tables say none."""
    from meridian._native import analytics as native

    entries = [(time_ns, record) for time_ns, record, *_ in _journal(story)][:3]
    native.write_journal(tmp_path / "engine", entries, engine_sizes={})
    about = {"schema": "meridian.run/1", "name": "<nothing>", "engine": {"journal": "engine"}, "venues": []}
    (tmp_path / "record.json").write_text(json.dumps(about))
    run = Run.open(tmp_path)
    assert summary(run)["fills"]["count"] == 0
    write_html(run, tmp_path / "report.html")
    text = (tmp_path / "report.html").read_text()
    assert "&lt;nothing&gt;" in text and "<nothing>" not in text
    assert "ended without its supervisor" in text


def _journal(story: Path) -> list[Any]:
    from meridian._native import journal

    return [(time_ns, record) for _, time_ns, record in journal.Reader(story / "data" / "engine")]


def test_the_summary_is_json(run: Run) -> None:
    """Plain values only."""
    assert json.loads(json.dumps(summary(run), allow_nan=False)) == json.loads(json.dumps(summary(run)))


def test_the_terminal_has_every_section(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    """In the order in which a person asks."""
    print_summary(run)
    out = capsys.readouterr().out
    titles = [
        "Positions and PnL",
        "Orders",
        "Fills by venue",
        "Refused by risk",
        "Breaks: 1",
        "Limit use",
        "Latency, µs",
    ]
    places = [out.index(title) for title in titles]
    assert places == sorted(places)
    assert "✓ reconciliation" in out


def test_commands_and_exit_codes(meridian: Any, story: Path, tmp_path: Path) -> None:
    """0 when all agrees, 1 on a difference, 2 for what is no run."""
    done = meridian("report", str(story), "--json", "--html", str(tmp_path / "page.html"))
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["schema"], found["reconciliation"]["agrees"]) == ("meridian.report/1", True)
    assert (tmp_path / "page.html").stat().st_size > 20_000
    assert meridian("reconcile", str(story)).returncode == 0
    differing = meridian("reconcile", str(make_run(tmp_path / "other", further_fill=True)), "--json")
    assert differing.returncode == 1
    told = json.loads(differing.stdout)
    assert "fill 5" in told["differences"][0] and (told["errors"], told["exit_code"]) == (told["differences"], 1)
    nothing = meridian("report", str(tmp_path / "nothing"))
    assert nothing.returncode == 2 and "holds no record.json" in nothing.stderr
    refused = meridian("report", str(story), "--html", str(tmp_path / "absent" / "page.html"))
    assert refused.returncode == 2 and "its directory does not exist" in refused.stderr


def test_histograms_become_plots_and_percentiles(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each hop that has a histogram is a row and a panel, in the order of an order's way."""

    told = _Evenly()
    readings = {"engine": {"engine.receive_to_sent_ns": told, "engine.receive_to_book_ns": told, "engine.inputs": 7}}
    monkeypatch.setattr(live, "readings", lambda _: readings)
    monkeypatch.setattr(links, "Histogram", _Evenly)
    rows = facts.latencies(run)
    assert [row["hop"] for row in rows[:2]] == ["packet → booked", "packet → command sent"]
    assert (rows[0]["p50_ns"], rows[0]["p99.9_ns"], rows[0]["max_ns"]) == (500_000, 999_000, 1_000_000)
    (plot,) = plots.latency(rows)
    assert plot.svg.count("packet → ") == 2


class _Evenly:
    """Stands in for a histogram in shared memory: a thousand passes, evenly from 1 to 1000 µs."""

    count, max_ns, sum_ns = 1000, 1_000_000, 500_500_000

    def percentile_ns(self, share: float) -> int:
        """By rank."""
        return max(round(share * 1000), 1) * 1000

    def count_up_to_ns(self, value_ns: int) -> int:
        """Those not above."""
        return min(max(value_ns // 1000, 0), 1000)


def test_orders_and_commands_that_were_not_sent_are_counts_of_two_names(run: Run) -> None:
    everything = summary(run)
    orders, columns = text.order_rows(everything)[1], text.feed_rows(everything)[1]
    assert "not sent" in orders and "commands not sent" in columns
    assert not set(orders) & set(columns)


def test_a_slot_that_no_line_of_its_code_ended_has_no_line() -> None:
    assert text.failure({"failure": "REJECT_STORM", "line": None}) == "REJECT_STORM"
    assert text.failure({"failure": "RAISED", "line": 7}) == "RAISED, line 7"
