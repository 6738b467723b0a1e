"""The ledger of known failures names tests that are there, and leaves none of the cases out."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LEDGER = (ROOT / "docs" / "ledger.md").read_text(encoding="utf-8")
FAMILIES = {"E": 8, "A": 4, "F": 9, "V": 5, "R": 9, "H": 1, "O": 6}
ROWS = [
    [cell.strip() for cell in line.strip("|").split(" | ")]
    for line in LEDGER.splitlines()
    if re.match(r"\| [A-Z]\d \|", line)
]


def test_each_case_has_one_line_and_says_how_it_stands() -> None:
    wanted = [f"{family}{number}" for family, most in FAMILIES.items() for number in range(1, most + 1)]
    assert [row[0] for row in ROWS] == wanted
    for case, _, tests, state in ROWS:
        assert re.match(r"(kept|open)\b", state), case
        assert tests != "–" or state.startswith("open"), f"{case} is kept by no test"


def test_the_tests_that_it_names_are_there() -> None:
    named = 0
    for line in LEDGER.splitlines():
        for path, names in re.findall(r"`((?:crates|tests)/[^`]+)`: ((?:`[a-z0-9_]+`(?:, )?)+)", line):
            source = (ROOT / path).read_text(encoding="utf-8")
            for name in re.findall(r"`([a-z0-9_]+)`", names):
                assert re.search(rf"(fn|def) {name}\(", source), f"{path} has no {name}"
                named += 1
        for name, path in re.findall(r"`([a-z0-9_]+)` in `((?:crates|tests)/[^`]+)`", line):
            assert re.search(rf"(fn|def) {name}\(", (ROOT / path).read_text(encoding="utf-8")), f"{path} has no {name}"
            named += 1
    assert named > 50
