"""Notebooks: the examples run cell by cell, what they show is bounded HTML, tables are Arrow streams, imports are quick.

The cells run in one namespace of this process, as a kernel would run them, the last expression of each shown; a kernel and its
client would be thirty more packages to lock for the same check.
"""

from __future__ import annotations

import ast
import json
import linecache
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pyarrow
import pytest

from meridian import markup, records
from meridian.book import Book
from meridian.risk import Limits
from meridian.rows import Rows
from meridian.strategies.backtest import Table
from meridian.venues.reference import ReferenceData
from tests.support import ROOT

NOTEBOOKS = sorted(ROOT.glob("docs/notebooks/*.ipynb"))
PUBLIC = "meridian, meridian.strategies, meridian.strategies.backtest, meridian.analytics, meridian.risk"


def run_cells(path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What each cell's last expression gave."""
    module = ModuleType(f"notebook_{path.stem}")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    shown = []
    for number, cell in enumerate(json.loads(path.read_text())["cells"]):
        if cell["cell_type"] != "code":
            continue
        source = "".join(cell["source"])
        name = f"<{path.stem}-{number}>"
        # As a kernel does it, so that a class of a cell can be read.
        linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
        tree = ast.parse(source)
        last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
        exec(compile(tree, name, "exec"), module.__dict__)
        if isinstance(last, ast.Expr):
            shown.append(eval(compile(ast.Expression(last.value), name, "eval"), module.__dict__))
    return shown


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_and_its_tables_show_themselves(
    path: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MERIDIAN_STRATEGIES_CACHE", str(tmp_path))
    shown = run_cells(path, monkeypatch)
    pages = [each._repr_html_() for each in shown if hasattr(each, "_repr_html_")]
    assert len(shown) >= 5 and len(pages) >= 2
    assert all("<table>" in each and len(each) < 60_000 for each in pages)


def test_both_notebooks_are_there() -> None:
    assert [path.stem for path in NOTEBOOKS] == ["backtest", "books"]


def test_rows_are_shown_bounded_and_handed_over_whole() -> None:
    orders = records.empty("MarketOrder", 100_000).view(Rows)
    orders["price_nanos"], orders["order_ref"] = 101_250_000_000, np.arange(100_000)
    page = orders._repr_html_()
    assert page.count("<tr>") == 22 and len(page) < 20_000 and "101.25" in page and "100,000 rows" in page
    taken = pyarrow.table(orders)
    assert taken.num_rows == 100_000 and taken["order_ref"].to_pylist()[-1] == 99_999
    assert {"venue_time_ns", "price_nanos", "side"} <= set(taken.schema.names)
    assert (
        isinstance(orders[orders["order_ref"] < 5], Rows) and "<pre>" in orders["price_nanos"].view(Rows)._repr_html_()
    )
    with pytest.raises(TypeError, match="no table"):
        pyarrow.table(orders["price_nanos"])


def test_texts_are_escaped() -> None:
    named = np.array([("<b>",)], dtype=[("state", "U8")]).view(Rows)
    for page in (named._repr_html_(), Table("<b>", {"<b>": np.arange(3)})._repr_html_(), markup.preformatted("<b>")):
        assert "<b>&lt;b&gt;" in page or "<b>" not in page
        assert "&lt;b&gt;" in page


def test_a_book_shows_both_sides_and_hands_its_levels_over() -> None:
    book = Book()
    made = [
        records.new("MarketOrder", action=1, side=side, order_ref=number, lots=100 * number, price_nanos=price,
                    flags=records.FLAG_LAST).tobytes()
        for number, (side, price) in enumerate([(1, 99_980_000_000), (1, 99_990_000_000), (2, 100_010_000_000)], 1)
    ]  # fmt: skip
    book.apply(b"".join(made))
    page = book._repr_html_()
    assert page.index("99.99") < page.index("100.01") < page.index("99.98")
    taken = pyarrow.table(book).to_pylist()
    assert [row["side"] for row in taken] == ["buy", "buy", "sell"] and taken[0]["price_nanos"] == 99_990_000_000


def test_limits_show_themselves() -> None:
    limits = Limits.load(
        ROOT / "deploy/topologies/firm/limits.toml", ReferenceData.load(ROOT / "venues/reference/house.toml")
    )
    page = limits._repr_html_()
    assert "position_long" in page and page.count("<tr>") == 1 + min(len(limits.limits), 50)


def test_imports_are_quick_and_load_nothing_heavy() -> None:
    code = f"import time, sys; t = time.process_time(); import {PUBLIC}; print(time.process_time() - t, *sys.modules)"
    spent = []
    for _ in range(4):
        done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
        seconds, *loaded = done.stdout.split()
        spent.append(float(seconds))
    assert not {"numpy", "numba", "pyarrow", "matplotlib", "pydantic"} & set(loaded)
    # 150 ms on a quiet machine; processor time, with room for what other programs do to caches.
    assert min(spent) < 0.3, spent


def test_the_package_is_typed() -> None:
    assert (ROOT / "meridian" / "py.typed").is_file()
    from meridian import _native

    named = {name for name in dir(_native) if isinstance(getattr(_native, name), ModuleType)}
    assert len(named) >= 12
    for name in named:
        stub = ast.parse((ROOT / "meridian" / "_native" / f"{name}.pyi").read_text())
        told = {part.name for part in stub.body if isinstance(part, ast.ClassDef | ast.FunctionDef)}
        told |= {
            part.target.id
            for part in stub.body
            if isinstance(part, ast.AnnAssign) and isinstance(part.target, ast.Name)
        }
        offered = {each for each in dir(getattr(_native, name)) if not each.startswith("_")}
        assert offered <= told, f"{name}: without a stub: {offered - told}"
