"""What cannot run without Python, or would differ between the modes, is refused at load with the quant's own line."""

import inspect
import re
from pathlib import Path

import pytest

from meridian.strategies import Book, Orders, Strategy, StrategyRefused, build
from tests.strategies.classes import refused

CLASSES = [
    cls for cls in vars(refused).values() if inspect.isclass(cls) and issubclass(cls, Strategy) and cls is not Strategy
]


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_every_line_that_cannot_run_is_named(cls: type[Strategy], code_directory: Path) -> None:
    lines, first = inspect.getsourcelines(cls)
    expected = {
        number: found.group(1)
        for number, line in enumerate(lines, first)
        if (found := re.search(r"# expect: (.*)", line))
    }
    with pytest.raises(StrategyRefused) as raised:
        build(cls, directory=code_directory)
    for number, words in expected.items():
        assert any(f"refused.py:{number}: " in error and words in error for error in raised.value.errors), (
            number, words, raised.value.errors,
        )  # fmt: skip
    named = {int(found) for error in raised.value.errors for found in re.findall(r"refused\.py:(\d+):", error)}
    assert named <= set(expected) | {number + 1 for number in expected}


def test_a_wrong_signature_is_refused() -> None:
    class Wrong(Strategy):
        def on_book(self, book: Book) -> None:  # type: ignore[override]  # the mistake that is refused
            pass

        def on_tick(self, book: Book, orders: Orders) -> None:
            pass

    with pytest.raises(StrategyRefused) as raised:
        build(Wrong)
    assert "on_book takes (self, book, orders)" in str(raised.value)
    assert "on_tick is no callback; these are known: on_start, on_book" in str(raised.value)


def test_a_class_without_callbacks_is_refused() -> None:
    class Empty(Strategy):
        pass

    with pytest.raises(StrategyRefused, match="Empty has no callback"):
        build(Empty)
