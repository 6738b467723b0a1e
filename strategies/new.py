"""`meridian strategy new NAME`: a plugin with a test, as files that pass as they stand.

Invariant: nothing is written unless all of it can be: no file that is there is touched.
"""

import keyword
import re
import sys
from dataclasses import dataclass
from pathlib import Path

from meridian.console import BadInput

__all__ = ["Made", "make"]

NAME_MAX = 31
_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")

PLUGIN = '''"""{title}: joins the touch with one order a side, while its book is two-sided and fresh.

Check it with `meridian strategy check {file}`.
"""

from meridian.strategies import Book, Fill, Orders, Side, Strategy, param, state


class {cls}(Strategy):
    """Quotes both sides at the touch, leaning against its position."""

    api = 1

    size_lots: int = param(10, ge=1, le=1_000, live=True, help="Lots of each quote.")
    skew_nanos_per_lot: int = param(100_000, ge=0, live=True, help="How far one lot of position moves both quotes.")

    fills: int = state(0, keep=True)

    def on_book(self, book: Book, orders: Orders) -> None:
        """Quotes anew; leaves when the book is no longer to be trusted."""
        if not book.two_sided or not book.tradable or book.stale:
            orders.cancel_all()
            return
        skew_nanos = self.skew_nanos_per_lot * orders.position_lots
        bid_nanos = orders.to_price(book.bid_nanos - max(skew_nanos, 0), Side.BUY)
        ask_nanos = orders.to_price(book.ask_nanos - min(skew_nanos, 0), Side.SELL)
        orders.quote(bid_nanos, ask_nanos, self.size_lots)

    def on_fill(self, fill: Fill, orders: Orders) -> None:
        """Counts what traded."""
        self.fills += 1
'''

TEST = '''"""What {cls} must do: run with `python -m pytest {test}`."""

from {module} import {cls}

from meridian.strategies.try_out import TryOut


def test_it_quotes_both_sides_of_a_good_book() -> None:
    asked = TryOut({cls}, size_lots=5).book(bid=100.00, ask=100.02)
    assert [(each.side, each.price, each.lots) for each in asked] == [("buy", 100.00, 5), ("sell", 100.02, 5)]


def test_it_asks_for_nothing_in_a_stale_book() -> None:
    assert TryOut({cls}).book(bid=100.00, ask=100.02, stale=True) == []


def test_a_position_moves_the_side_that_adds_to_it_away() -> None:
    asked = TryOut({cls}, skew_nanos_per_lot=1_000_000).book(bid=100.00, ask=100.02, position_lots=20)
    assert [each.price for each in asked] == [99.98, 100.02]
'''


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """What was written."""

    name: str
    cls: str
    plugin: Path
    test: Path


def make(name: str, directory: Path) -> Made:
    """Writes a plugin and its test. Raises BadInput with everything that is wrong, before anything is written."""
    errors = []
    module = name.replace("-", "_")
    taken = keyword.iskeyword(module) or module in sys.stdlib_module_names or module in ("meridian", "test", "conftest")
    if len(name) > NAME_MAX or not _NAME.fullmatch(name) or taken:
        errors.append(
            f"NAME = {name}: 1 to {NAME_MAX} small letters, digits and single dashes between them, a letter first and no "
            "name that Python has itself, are allowed."
        )
    cls = "".join(part.capitalize() for part in name.split("-"))
    plugin, test = directory / f"{module}.py", directory / f"test_{module}.py"
    if not directory.is_dir():
        errors.append(f"--directory = {directory}: there is no such directory.")
    elif not errors:
        errors += [f"{path}: is there already; nothing was written." for path in (plugin, test) if path.exists()]
    if errors:
        raise BadInput(errors)
    title = name.replace("-", " ").capitalize()
    words = {"title": title, "cls": cls, "module": module, "file": plugin.name, "test": test.name}
    made: list[Path] = []
    try:
        for path, text in ((plugin, PLUGIN), (test, TEST)):
            with path.open("x", encoding="utf-8") as file:
                made.append(path)
                file.write(text.format(**words))
    except OSError as error:
        for path in made:
            path.unlink(missing_ok=True)
        raise BadInput(f"{error.filename or directory}: {error.strerror or error}; nothing was written.") from None
    return Made(name=name, cls=cls, plugin=plugin, test=test)
