"""The page of breaks in a real browser, over a real server: without a mouse, live, and only what the person may do."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from meridian.analytics import Run, break_book, breaks, end_of_day_reports
from meridian.analytics.break_desk import Desk
from meridian.web import pages
from tests.analytics.breaks_support import ITEM, NOW_NS, many, signed
from tests.analytics.test_break_desk import Engine, platform
from tests.analytics.test_report import Page
from tests.risk.api.target import Target
from tests.web.browser import Browser

EVIL = "<b>Bold</b><script>document.title = 'evil'</script>"
ROWS = "[...document.querySelectorAll('#list tbody tr')]"
LIVE = "document.querySelector('#live').textContent.startsWith('Live')"


class World:
    """A served API over two regions, and the browser."""

    def __init__(self, folder: Path, target: Target, browser: Browser) -> None:
        self.folder, self.target, self.browser = folder, target, browser

    def sign_in(self, who: str) -> None:
        """Opens the page anew and signs in, by keys alone."""
        self.browser.value("document.querySelector('#out').click()")
        self.browser.open(f"{self.target.address}/breaks?{who}{self.browser._number}")
        self.browser.until("document.activeElement.id === 'token'")
        self.browser.write(self.target.secrets[who])
        self.browser.press("Enter")
        self.browser.until(f"!document.querySelector('#desk').hidden && {LIVE}")

    def state(self, number: str) -> str:
        """A break's state in the book of New York."""
        path = self.folder / "ny" / break_book.NAME
        return breaks.merged([ITEM], break_book.read(path), path)[number].state


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One server and one browser for all tests."""
    folder = tmp_path_factory.mktemp("page")
    place = platform(folder / "runs", "ny", "chicago")
    engine = Engine()
    engine.items = [ITEM]
    with Browser(folder / "profile", "the page of breaks in a browser", dark=True) as browser:
        target = Target(folder, runs=place)
        target.service.breaks._desk = Desk(place, read=engine)
        with target:
            browser.open(f"{target.address}/breaks")
            yield World(place, target, browser)


def test_the_files_hold_nothing_of_the_platform_and_take_nothing_from_outside() -> None:
    parsed = Page()
    parsed.feed(pages.content("breaks.html"))
    assert parsed.open == [] and parsed.tags.count("h1") == 1
    for name in ("breaks.html", "breaks.css", "breaks.js"):
        text = pages.content(name)
        assert not re.search(r"https?:|@import|@font-face|url\(|innerHTML|outerHTML|insertAdjacentHTML|eval\(", text), (
            name
        )
    places = {value for name, value in parsed.attributes if name in ("href", "src") and value != "data:,"}
    assert places <= set(pages.PLACES)
    labelled = {value for name, value in parsed.attributes if name == "for"}
    assert {"token", "reason"} <= labelled


def test_files_are_served_to_anybody_and_bound_to_their_own_place(world: World) -> None:
    for path in pages.PLACES:
        answer = httpx.get(world.target.address + path)
        assert answer.status_code == 200 and "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert answer.headers["X-Content-Type-Options"] == "nosniff" and "frame-ancestors 'none'" in str(answer.headers)
    for path in ("/pages/../pages.py", "/pages/breaks.html", "/", "/docs"):
        assert httpx.get(world.target.address + path).status_code == 404
    assert httpx.get(f"{world.target.address}/v1/breaks").status_code == 401


def test_two_people_end_a_break_by_keys_alone(world: World) -> None:
    browser, number = world.browser, many(1)[0].id
    browser.until("document.activeElement.id === 'token'")
    browser.write("meridian_wrong_token")
    browser.press("Enter")
    assert "not in force" in browser.until("document.querySelector('#door-wrong').textContent")
    world.sign_in("risk")
    assert (
        browser.until(f"{ROWS}.length") == 4
        and browser.value("document.querySelector('#who span').textContent") == "risk, role risk"
    )
    shown: list[str] = browser.value(f"[...{ROWS}[0].cells].map(one => one.textContent)")
    assert shown[0] == number and shown[2:] == ["ny", "XNAS", str(2**63 + 1), "FILL_ONLY_IN_EXCHANGE",
                                                "venue 5, ours 0 lots; 495.5 USD", "found", "somebody explains it"]  # fmt: skip
    # The arrow keys lead from row to row, Enter opens one.
    browser.tab_to("at.closest('#list tbody')")
    browser.press("ArrowDown", 2)
    browser.press("Home")
    browser.press("Enter")
    browser.until("document.activeElement.id === 'one-title'")
    buttons = "[...document.querySelectorAll('#buttons button:enabled')].map(one => one.textContent)"
    assert browser.value(buttons) == ["Explain"]
    browser.tab_to("at.dataset.verb === 'explain'")
    browser.press("Enter")
    assert "reason is missing: allowed is" in browser.until("document.querySelector('#wrong').textContent")
    browser.until("document.activeElement.id === 'reason'")
    browser.write(EVIL)
    browser.tab_to("at.dataset.verb === 'explain'")
    browser.press("Enter")
    browser.until("document.querySelector('#one-title').textContent.endsWith(': explained')")
    assert world.state(number) == "explained" and browser.value(buttons) == ["Dispute"]
    assert "Adopt: risk did the step before (explained); allowed is somebody else" in browser.value(
        "document.querySelector('#why-not').textContent"
    )
    browser.press("Escape")
    browser.until(f"document.activeElement.textContent === {number!r}")
    world.sign_in("second")
    browser.tab_to(f"at.textContent === {number!r}")
    browser.press("Enter")
    browser.until(f"document.activeElement.id === 'one-title' && {buttons}.length === 2")
    assert browser.value(buttons) == ["Adopt (second person)", "Dispute"]
    assert EVIL in browser.value("document.querySelector('#history').textContent"), "a text is a text"
    for verb, state in (("adopt", "adopted"), ("close", "closed")):
        browser.tab_to("at.id === 'reason'")
        browser.write("as the venue says")
        browser.tab_to(f"at.dataset.verb === {verb!r}")
        browser.press("Enter")
        browser.until(f"document.querySelector('#one-title').textContent.endsWith(': {state}')")
    browser.until(f"{ROWS}.length === 3")
    assert world.state(number) == "closed" and browser.value("document.title") == "Breaks · Meridian"


def test_changes_of_others_show_as_they_are_made_and_a_stale_step_is_refused_with_what_is(world: World) -> None:
    browser, number = world.browser, many(1)[0].id
    book = world.folder / "chicago" / break_book.NAME
    world.sign_in("risk")
    browser.value("document.querySelector('tr[data-key*=chicago] a').focus()")
    focused = browser.value("document.activeElement.textContent")
    assert focused == number
    breaks.take(book, [], signed(number, "explain", "ann"), NOW_NS)
    browser.until(
        f"{ROWS}.some(row => row.cells[2].textContent === 'chicago' && row.cells[7].textContent === 'explained')"
    )
    assert browser.value("document.activeElement.textContent") == focused, "the focus stays where it was"
    browser.press("Enter")
    browser.until("document.activeElement.id === 'one-title'")
    browser.tab_to("at.id === 'reason'")
    browser.write("we ask them")
    # Between what the page read and what the person does, somebody was quicker.
    browser.value(
        "window.held = window.fetch; window.go = new Promise(done => window.let = done);"
        "window.fetch = async (...all) => { await window.go; return window.held(...all); }; 0"
    )
    browser.tab_to("at.dataset.verb === 'dispute'")
    browser.press("Enter")
    breaks.take(book, [], signed(number, "dispute", "kim"), NOW_NS)
    browser.value("window.let(); 0")
    said = browser.until("document.querySelector('#wrong').textContent")
    assert "it is disputed, by kim, in version 3; allowed is that version" in said
    browser.until("document.querySelector('#one-title').textContent.endsWith(': disputed')")
    assert browser.value("document.querySelector('#reason').value") == "we ask them", "what was typed stays"


def test_a_viewer_sees_everything_and_may_do_nothing(world: World) -> None:
    browser = world.browser
    end_of_day_reports.keep(
        Run.open(world.folder / "ny"),
        {"agrees": False, "sentence": "1 differs", "records": {}, "differences": [{"sentence": EVIL}], "files": ["x.csv"]},
        NOW_NS,
    )  # fmt: skip
    world.sign_in("viewer")
    browser.tab_to("at.closest('#list tbody')")
    browser.press("Enter")
    browser.until("document.activeElement.id === 'one-title'")
    assert browser.value("document.querySelectorAll('#buttons button').length") == 0
    assert "role risk" in browser.value("document.querySelector('#why-not').textContent")
    browser.tab_to("at.closest('#days tbody')", 60)
    browser.press("Enter")
    browser.until(f"document.querySelector('#day').textContent.includes({EVIL!r})")
    browser.tab_to("at.id === 'out'", 80)
    browser.press("Enter")
    browser.until("document.querySelector('#desk').hidden && document.activeElement.id === 'token'")
    left: Any = browser.value("[document.querySelector('#list tbody').textContent, sessionStorage.length]")
    assert left == ["", 0]
    assert browser.value("getComputedStyle(document.body).color") == "rgb(232, 235, 240)", "dark, as the other pages"
    assert browser.problems == []
