"""`meridian strategy new NAME`: a plugin with a test, as files that pass as they stand.

`--from EXAMPLE` starts from one of the examples that come with the platform instead, under the new name.

Invariant: nothing is written unless all of it can be: no file that is there is touched.
"""

import keyword
import re
import sys
from dataclasses import dataclass
from pathlib import Path

from meridian.console import BadInput
from meridian.strategies.discover import OWN

__all__ = ["EXAMPLES", "Made", "make"]

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


EXAMPLES = {
    "inventory-maker": "generated:seed=4,seconds=40",
    "cross-taker": "generated:seed=4,seconds=40,venues=2",
    "pairs": "generated:seed=4,seconds=60,symbols=2",
    "order-flow": "generated:seed=4,seconds=40",
    "futures-basis": "generated:seed=4,seconds=40,futures=1",
    "opening-auction": "generated:seed=4,seconds=40,calls=1",
}
"""Example → generated flow that shows its idea; of an auction there is none yet."""

EXAMPLE_TEST = '''"""What {cls} must do: run with `python -m pytest {test}`."""

from {module} import {cls}

from meridian.strategies import backtest


def test_it_runs_to_the_end_of_generated_flow() -> None:
    result = backtest.run({cls}, ["{flow}"])
    assert result.errors == [] and result.summary["refused"] == {{}}
    print(len(result.orders), "orders,", len(result.fills), "fills, after fees", result.summary["net"])
'''


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """What was written."""

    name: str
    cls: str
    plugin: Path
    test: Path


def make(name: str, directory: Path, example: str = "") -> Made:
    """Writes a plugin and its test, of an example where one is named. Raises BadInput with everything that is wrong, before
    anything is written."""
    errors = []
    if example and example not in EXAMPLES:
        errors.append(f"--from = {example}: {', '.join(EXAMPLES)} are allowed.")
    errors += name_errors(name)
    module = name.replace("-", "_")
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
    if example:
        texts = _source(example, cls), EXAMPLE_TEST.format(**words, flow=EXAMPLES[example])
    else:
        texts = PLUGIN.format(**words), TEST.format(**words)
    made: list[Path] = []
    try:
        for path, text in zip((plugin, test), texts, strict=True):
            with path.open("x", encoding="utf-8") as file:
                made.append(path)
                file.write(text)
    except OSError as error:
        for path in made:
            path.unlink(missing_ok=True)
        raise BadInput(f"{error.filename or directory}: {error.strerror or error}; nothing was written.") from None
    return Made(name=name, cls=cls, plugin=plugin, test=test)


def name_errors(name: str) -> list[str]:
    """A sentence where a plugin cannot have this name."""
    module = name.replace("-", "_")
    taken = keyword.iskeyword(module) or module in sys.stdlib_module_names or module in ("meridian", "test", "conftest")
    if len(name) <= NAME_MAX and _NAME.fullmatch(name) and not taken:
        return []
    allowed = f"1 to {NAME_MAX} small letters, digits and single dashes between them, a letter first"
    return [f"NAME = {name}: {allowed} and no name that Python has itself, are allowed."]


def _source(example: str, cls: str) -> str:
    """The file of an example, its class under another name."""
    module, _, old = OWN[example].partition(":")
    file = Path(__file__).parent / "plugins" / f"{module.rpartition('.')[2]}.py"
    return re.sub(rf"\b{old}\b", cls, file.read_text(encoding="utf-8"))
