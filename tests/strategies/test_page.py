"""The report page of a backtest: self-contained, bounded, escaped; it draws, zooms and searches in a real browser."""

from __future__ import annotations

import json
import re
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from meridian.strategies import backtest
from meridian.strategies.backtest import Result, measures, page, pictures
from tests.analytics.test_report import Page
from tests.strategies.classes.backtested import Quoter
from tests.support import need_program

SECONDS_NS = 10**9
ASK = """<script>
const place = document.querySelector(".chart"), told = { before: Number(place.dataset.span) };
const box = place.getBoundingClientRect();
told.marks = place.querySelectorAll("path.buy, path.sell").length;
place.dispatchEvent(new WheelEvent("wheel", { deltaY: -1, clientX: box.left + box.width / 2, cancelable: true }));
told.after = Number(place.dataset.span);
const find = document.querySelector(".find"), rows = () => [...document.querySelectorAll(".search tr")]
  .filter(row => row.querySelector("td") && !row.hidden).length;
told.rows = rows();
find.value = "nothing of the kind"; find.dispatchEvent(new Event("input"));
told.none = rows();
find.value = "maker GENA"; find.dispatchEvent(new Event("input"));
told.some = rows();
told.ink = getComputedStyle(document.body).color;
document.body.textContent = JSON.stringify(told);
</script>"""


@pytest.fixture(scope="module")
def result(code_directory: Path) -> Result:
    """Twenty seconds of a market maker in two symbols."""
    made = backtest.run(
        Quoter, ["generated:seconds=20,symbols=2"], fees=["maker=-0.002"], timer="5ms", directory=code_directory
    )
    assert len(made.fills) > 20 and not made.errors
    return made


@pytest.fixture(scope="module")
def text(result: Result, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Its page."""
    return page.write(result, tmp_path_factory.mktemp("page") / "report.html").read_text()


def test_the_page_is_whole_and_needs_nothing_from_outside(result: Result, text: str) -> None:
    parsed = Page()
    parsed.feed(text)
    assert parsed.open == [] and parsed.tags.count("svg") >= 8 and parsed.tags.count("h1") == 1
    assert not re.search(r"https?:|@import|@font-face|url\((?!#)", text)
    assert not {"img", "link", "iframe", "object", "embed", "base"} & set(parsed.tags)
    assert all((value or "").startswith("#") for name, value in parsed.attributes if name in ("href", "src"))
    seen = " ".join(parsed.text)
    for words in (
        "Sharpe ratio",
        "Sortino ratio",
        "Markouts",
        "Time in the queue",
        "limit_lots",
        "displaced lots",
    ):
        assert words in seen, words
    assert f"{result.summary['net']:+,.2f}" in seen


def test_texts_of_a_run_are_escaped_and_a_run_without_fills_has_a_page(
    result: Result, monkeypatch: pytest.MonkeyPatch
) -> None:
    sections: dict[str, list[Any]] = {name: [] for name in ("profit", "exposure", "markouts", "times")}
    monkeypatch.setattr(pictures, "plots", lambda _: sections)
    none: dict[str, Any] = {name: backtest.Table(name, {key: column[:0] for key, column in getattr(result, name).columns.items()})
            for name in ("orders", "fills", "positions")}  # fmt: skip
    summary = result.summary | {
        "strategy": "<b>Bold</b>",
        "symbols": ["</script>", "B"],
        "markouts": [],
        "rest_ns": None,
        "execution": [],
    }
    made = page.page(replace(result, summary=summary, errors=["it <failed>"], **none))
    assert "<b>Bold" not in made and "&lt;b&gt;Bold" in made and "it &lt;failed&gt;" in made
    assert "There was no fill." in made
    full = page.page(replace(result, summary=summary))
    assert full.count("</script>") == 2, "those of the data and of the program"


def test_a_curve_keeps_its_peaks_in_a_bounded_number_of_points(result: Result) -> None:
    values = np.zeros(1_000_000)
    values[777_777], values[123_456] = 5.0, -3.0
    kept = pictures.envelope(len(values), values)
    assert len(kept) <= 4 * pictures.PIXELS and {123_456, 777_777, 0, 999_999} <= set(kept.tolist())
    times = result.summary["first_ns"] + np.arange(300_000) * 10**7
    equity = {name: np.resize(column, 300_000) for name, column in result.equity.columns.items()} | {"time_ns": times}
    fills = {name: np.resize(column, 20_000) for name, column in result.fills.columns.items()}
    large = replace(result, equity=backtest.Table("equity", equity), fills=backtest.Table("fills", fills))
    assert len(page.page(large)) < 3_000_000


def test_daily_ratios_and_times_follow_their_definitions() -> None:
    day = 86_400 * SECONDS_NS
    times = np.array([0, 1, day, day + 1, 2 * day], dtype=np.uint64)
    equity = np.array([0.0, 2.0, 1.0, 6.0, 4.0])
    assert measures.daily_changes(times, equity).tolist() == [2.0, 4.0, -2.0]
    assert measures.drawdown_ns(times[:4], equity[:4]) == day
    columns = {"order_id": [7, 9], "original_id": [0, 7], "sent_ns": [0, 50], "answered_ns": [10, 70], "last_ns": [10, 90],
               "filled_lots": [0, 5]}  # fmt: skip
    orders = backtest.Table("orders", {name: np.array(values, dtype=np.uint64) for name, values in columns.items()})
    made = {"order_id": [9, 9], "time_ns": [80, 90], "liquidity": [1, 1]}
    fills = backtest.Table("fills", {name: np.array(values, dtype=np.uint64) for name, values in made.items()})
    assert measures.rests_ns(orders, fills).tolist() == [10]
    assert measures.untraded_ns(orders).tolist() == [60], "until the order that replaced it was acknowledged"
    assert measures.answers_ns(orders).tolist() == [10, 20]


def test_realised_spread_is_effective_spread_and_impact() -> None:
    columns = {"venue": [1, 1], "side": [1, 2], "liquidity": [1, 1], "lots": [1, 3], "middle_nanos": [100, 100],
               "price_nanos": [98, 101], f"later_{SECONDS_NS}": [101, 102]}  # fmt: skip
    fills = backtest.Table("fills", {name: np.array(values) * (10**9 if max(values) > 90 else 1)
                                     for name, values in columns.items()})  # fmt: skip
    (row,) = measures.execution(fills)
    assert (row["effective"], row["impact"]) == ((4 + 3 * 2) / 4, (2 + 3 * -4) / 4)
    assert row["realised"] == row["effective"] + row["impact"]


def test_a_dark_browser_draws_zooms_and_searches(text: str, tmp_path: Path) -> None:
    browser = need_program("chromium", "the page of a backtest in a browser")
    path = tmp_path / "report.html"
    path.write_text(text.replace("</body>", f"{ASK}</body>"))
    words = [str(browser), "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}/profile",
             "--blink-settings=preferredColorScheme=0", "--dump-dom", path.as_uri()]  # fmt: skip
    done = subprocess.run(words, capture_output=True, text=True, timeout=90, check=False)
    told: Any = json.loads(re.findall(r"\{[^{}]*\}", done.stdout)[-1])
    assert told["after"] < told["before"] and told["marks"] > 5
    assert told["rows"] > 100 and told["none"] == 0 and 0 < told["some"] < told["rows"]
    assert told["ink"] == "rgb(232, 235, 240)"
